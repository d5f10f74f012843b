"""Edits and regenerations: the message that is replaced, and the checkpoint the thread branches from."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import NamedTuple

from threads.checkpoint.stored_origins import MessageOrigins
from threads.errors import MessageNotFound
from threads.models import Message
from threads.registry import Registry
from threads.registry.head_view import HeadView
from threads.runs.history import RunHistory
from threads.runs.queue import Submission
from threads.runs.request import Content, Request
from threads.store.transaction import Transaction

BaseFinder = Callable[[Transaction, MessageOrigins, int], str]
"""Returns the checkpoint that a branch begins from, for a user message of a branch; `MessageNotFound`."""


class EditTarget(NamedTuple):
    """A message of the branch in view that is to be edited or regenerated."""

    message: Message
    user_message: Message
    """The user message that it answers; of a user message, that itself."""
    base: str
    """The checkpoint that the new branch begins from."""


class EditResolver:
    """Resolves the edits and regenerations of one runner to what is submitted."""

    def __init__(self, registry: Registry, history: RunHistory, agent_ids: Collection[str]) -> None:
        self._registry = registry
        self._context = registry._context
        self._history = history
        self._agent_ids = agent_ids

    def resolve_edit(
        self, thread_id: str, request: Request, key: str | None, message_id: str, content: Content
    ) -> Submission:
        """Return the submission of a user message's edit; `MessageNotFound`."""
        target = self._find_target(thread_id, message_id, ("user",), self._edit_base)
        if target.message is not target.user_message:
            raise MessageNotFound(thread_id, message_id, "the agent wrote it in the user's name")
        input = self._history.edited_input(target.user_message.run_id, message_id, content)
        return self._submission(replace(request, input=input, base=target.base), thread_id, target, key)

    def resolve_regeneration(
        self, thread_id: str, request: Request, key: str | None, message_id: str | None
    ) -> Submission:
        """Return the submission that replaces an assistant message, by default the last."""
        roles = ("assistant", "user") if message_id is None else ("assistant",)
        target = self._find_target(thread_id, message_id, roles, self._regeneration_base)
        return self._submission(replace(request, base=target.base), thread_id, target, key)

    def _submission(
        self, request: Request, thread_id: str, target: EditTarget, key: str | None
    ) -> Submission:
        """Return a submission to the agent of the run that answered then, with its context."""
        run = self._history.run_of(thread_id, target.message.run_id)
        if request.context is None:
            request = replace(request, context=self._history.context(thread_id, run))
        agent_id = None if run is None or run.agent_id not in self._agent_ids else run.agent_id
        return Submission(request, agent_id, key)

    def _find_target(
        self, thread_id: str, message_id: str | None, roles: Collection[str], find_base: BaseFinder
    ) -> EditTarget:
        """Return this message, or without an id the last one of these roles; `MessageNotFound`."""
        self._context.flush(thread_id)
        with self._context.store.read() as tx:
            thread = tx.threads.get_visible(thread_id)
            head = HeadView(self._context, tx, thread)
            position = _find_message(head, message_id, roles)
            if position is None:
                why = f"none of role {' or '.join(roles)} in the branch in view"
                raise MessageNotFound(thread_id, message_id or "", why)
            origins = MessageOrigins(self._context.decoder, tx.connection, thread_id, thread.head_id, head)
            user = origins.find_question(position + 1)
            if user is None:
                raise origins.not_found(position, "no user message is before it")
            [message], [user_message] = head.read(position, position + 1), head.read(user, user + 1)
            is_same = user == position
            return EditTarget(message, message if is_same else user_message, find_base(tx, origins, user))

    def _edit_base(self, _tx: Transaction, origins: MessageOrigins, position: int) -> str:
        base = origins.input_checkpoint(position)
        if base is None:
            raise origins.not_found(position, "it is in the thread's first checkpoint")
        return base

    def _regeneration_base(self, tx: Transaction, origins: MessageOrigins, position: int) -> str:
        base = origins.first_checkpoint(position)
        if self._context.decoder.is_finished(tx.connection, origins.thread_id, base):
            raise origins.not_found(
                position,
                "the graph had already finished at the checkpoint that added it, so it cannot run again from "
                "there",
            )
        return base


def _find_message(head: HeadView, message_id: str | None, roles: Collection[str]) -> int | None:
    """Return the position of the message with this id, or without an id of the last one of these roles."""
    if message_id is None:
        return head.find_last(roles)
    position = head.find(message_id)
    if position is None or head.read(position, position + 1)[0].role not in roles:
        return None
    return position
