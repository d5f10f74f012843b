"""Edits and regenerations: the message that is replaced, and the checkpoint the thread branches from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

from threads.checkpoint.branches import MessageOrigin
from threads.errors import MessageNotFound
from threads.models import Message
from threads.registry import Registry
from threads.runs.history import RunHistory
from threads.runs.queue import Submission
from threads.runs.request import Content, Request


class EditTarget(NamedTuple):
    """A message of the branch in view that is to be edited or regenerated."""

    message: Message
    user_message: Message
    """The user message that it answers; of a user message, that itself."""
    origin: MessageOrigin
    """Where `user_message` came into the thread."""


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
        target = self._find_target(thread_id, message_id, ("user",))
        input = self._history.edited_input(target.user_message.run_id, message_id, content)
        edited = replace(request, input=input, base=target.origin.before)
        return self._submission(edited, thread_id, target, key)

    def resolve_regeneration(
        self, thread_id: str, request: Request, key: str | None, message_id: str | None
    ) -> Submission:
        """Return the submission that replaces an assistant message, by default the last."""
        roles = ("assistant", "user") if message_id is None else ("assistant",)
        target = self._find_target(thread_id, message_id, roles)
        return self._submission(replace(request, base=target.origin.after), thread_id, target, key)

    def _submission(
        self, request: Request, thread_id: str, target: EditTarget, key: str | None
    ) -> Submission:
        """Return a submission to the agent of the run that answered then, with its context."""
        run = self._history.run_of(thread_id, target.message.run_id)
        if request.context is None:
            request = replace(request, context=self._history.context(thread_id, run))
        agent_id = None if run is None or run.agent_id not in self._agent_ids else run.agent_id
        return Submission(request, agent_id, key)

    def _find_target(self, thread_id: str, message_id: str | None, roles: Collection[str]) -> EditTarget:
        """Return this message, or without an id the last one of these roles; `MessageNotFound`."""
        messages = self._registry.messages(thread_id).items
        found = [n for n, each in enumerate(messages) if each.role in roles and message_id in (None, each.id)]
        if not found:
            raise MessageNotFound(
                thread_id, message_id or "", f"none of role {' or '.join(roles)} in the branch in view"
            )
        message = messages[found[-1]]
        before = reversed(messages[: found[-1] + 1])
        user_message = next((each for each in before if each.role == "user"), None)
        with self._context.store.read() as tx:
            head_id = tx.threads.get(thread_id).head_id
            decoder, id = self._context.decoder, user_message and user_message.id
            origin = None if id is None else decoder.place(tx.connection, thread_id, head_id, id)
        if user_message is None or origin is None:
            raise MessageNotFound(thread_id, message.id or "", "the checkpoint before it was pruned")
        return EditTarget(message, user_message, origin)
