"""Threads that requests create: with an id of the server's, from an idempotency key, or from a given id.

Ids that users give are never taken as they are: whether one was free would show which ids others have.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID

from threads import AgentNotFound, Thread, ThreadNotFound, ThreadTrashed
from threads.api.authentication import Caller
from threads.api.dependencies import check_admin_field
from threads.api.schemas.requests import CreateThreadRequest, SendMessageRequest
from threads.api.state import AppState
from threads.ids import check_new


def create_thread(state: AppState, caller: Caller, body: CreateThreadRequest, key: str | None) -> Thread:
    """Create the thread of a request, or return the one that was created with its idempotency key.

    Raises `ApiError` (403), `AgentNotFound`, `InvalidValue`, `KeyReused`, `ThreadNotFound`, `ThreadTrashed`.
    """
    check_admin_field(caller, body.model_fields_set, "owner")
    agent_id = body.agent_id if body.agent_id is not None else state.default_agent
    check_agent(state, agent_id, takes_messages=body.initial_message is not None)
    arguments: dict[str, Any] = {
        "title": body.title,
        "agent_id": agent_id,
        "owner": body.owner if caller.actor.is_admin else caller.actor.name,
        "metadata": body.metadata,
        "tags": body.tags,
    }
    if key is None:
        return state.registry.create(**arguments)
    request = json.dumps(body.model_dump(mode="json"), sort_keys=True)
    thread = state.registry.begin_once(_derived_id(caller, key), key=key, request=request, **arguments)
    state.registry.admit(caller.actor, thread.id, "write")  # its owner may have changed since
    if thread.trashed_at is not None:
        raise ThreadTrashed(thread.id)
    return thread


def ensure_thread(state: AppState, caller: Caller, thread_id: str, body: SendMessageRequest) -> str:
    """Return the id of the thread that a message is for, which is created if it says so.

    The id of a user's new thread is derived from the one given; that of an admin's or the local user's is
    the one given. Raises `ThreadNotFound`, `ThreadDeleted`, `AgentNotFound`, `InvalidValue`.
    """
    try:
        return state.registry.admit(caller.actor, thread_id, "write")
    except ThreadNotFound:
        if body.if_not_exists == "reject":
            raise
    agent_id = body.agent_id if body.agent_id is not None else state.default_agent
    check_agent(state, agent_id, takes_messages=True)
    new_id = check_new(thread_id)
    if not caller.actor.is_admin:
        new_id = _derived_id(caller, "thread", thread_id)
    owner = None if caller.actor.is_admin else caller.actor.name
    state.registry.create(id=new_id, agent_id=agent_id, owner=owner, if_exists="do_nothing")
    return state.registry.admit(caller.actor, new_id, "write")


def check_agent(state: AppState, agent_id: str, *, takes_messages: bool = False) -> None:
    """Raise `AgentNotFound` if there is no such agent, and `InvalidValue` if it should take messages."""
    if agent_id not in state.runner.agent_ids:
        raise AgentNotFound(agent_id, state.runner.agent_ids)
    if takes_messages:
        state.runner._check_takes_messages(agent_id)


def _derived_id(caller: Caller, *parts: str) -> str:
    """Return the id that these texts of this caller stand for; no other caller gets it."""
    name = "" if caller.actor.name is None else f"user {caller.actor.name}"
    digest = hashlib.sha256("\0".join((name, *parts)).encode(errors="surrogatepass")).digest()
    return str(UUID(bytes=digest[:16], version=5))
