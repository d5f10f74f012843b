"""The runs that a thread had, and their requests: looked up for answers, edits and regenerations.

A request that refers to an earlier one goes to the same agent with the same context, unless the caller says
otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from threads.registry.context import RegistryContext
from threads.runs.request import Content, Request, named_interrupts
from threads.store.runs import RunRecord

MAX_LOOKBACK = 50
"""How many runs back something is searched for."""


class RunHistory:
    """Looks up the runs that a thread had, and their requests."""

    def __init__(self, context: RegistryContext) -> None:
        self._store = context.store
        self._serde = context.checkpointer.serde

    def find_by_key(self, thread_id: str, key: str | None) -> RunRecord | None:
        """Return the run that this key has, or None."""
        if key is None:
            return None
        with self._store.read() as tx:
            return tx.runs.find_by_key(thread_id, key)

    def last(self, thread_id: str) -> RunRecord | None:
        """Return the thread's last run, or None."""
        with self._store.read() as tx:
            return tx.runs.find_last(thread_id)

    def head_id(self, thread_id: str) -> str | None:
        """Return the newest checkpoint of a thread, or None."""
        with self._store.read() as tx:
            return tx.threads.get(thread_id).head_id

    def run_of(self, thread_id: str, run_id: str | None) -> RunRecord | None:
        """Return the run with this id, if it was one of this thread and not of one it was forked from."""
        run = self._find(run_id)
        return run if run is not None and run.thread_id == thread_id else None

    def request(self, run: RunRecord) -> Request | None:
        """Return a run's request; None if it was not stored. `TypeNotAllowed`."""
        with self._store.read() as tx:
            stored = tx.runs.find_request(run.run_id)
        return None if stored is None else Request.loaded(run.kind, stored, self._serde)

    def context(self, thread_id: str, run: RunRecord | None) -> Any:
        """Return the context of this run; without one, the last that a run of the thread had."""
        for each in [run] if run is not None else self._list(thread_id):
            request = self.request(each)
            if request is not None and request.context is not None:
                return request.context
        return None

    def find_answer(self, thread_id: str, interrupt_ids: Collection[str]) -> RunRecord | None:
        """Return the last run that answered one of these interrupts."""
        for run in self._list(thread_id):
            request = self.request(run) if run.kind == "resume" else None
            taken = None if request is None else request.input
            if isinstance(taken, Mapping) and not taken.keys().isdisjoint(interrupt_ids):
                return run
        return None

    def took(self, run: RunRecord, answer: Request) -> bool:
        """Return whether this run took this very answer."""
        known, request = self.find_by_key(run.thread_id, run.key), self.request(run)
        if known is None or request is None:
            return False
        named = named_interrupts(answer.input)
        if named and isinstance(request.input, Mapping) and named != request.input.keys():
            return False
        return known.request_digest == answer.digest(self._serde, run.agent_id)

    def edited_input(self, run_id: str | None, message_id: str, content: Content) -> Any:
        """Return the input for an edited message: with it all else that the run's input had."""
        run = self._find(run_id)
        request = None if run is None else self.request(run)
        if run is None or request is None or request.kind not in ("input", "edit"):
            return content
        given = request.graph_input(run.thread_id, run.run_id, run.key)
        messages = given.get(request.channel) if isinstance(given, Mapping) else None
        if not isinstance(messages, list):
            return content
        edited = [_edited(each, message_id, content) for each in messages]
        return {**given, request.channel: edited} if edited != messages else content

    def _find(self, run_id: str | None) -> RunRecord | None:
        if run_id is None:
            return None
        with self._store.read() as tx:
            return tx.runs.find(run_id)

    def _list(self, thread_id: str) -> Sequence[RunRecord]:
        with self._store.read() as tx:
            return tx.runs.list_for_thread(thread_id, MAX_LOOKBACK)


def _edited(message: Any, message_id: str, content: Content) -> Any:
    if not isinstance(message, BaseMessage) or message.id != message_id:
        return message
    return message.model_copy(update={"content": content, "id": None})
