"""One attempt of a run, as the checkpointer knows it: its lease, and what it stores along.

The messages that a step wrote become events in the very transaction of the checkpoint that holds
them: whoever reads the log finds them in the thread, and the other way round.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from langchain_core.messages import BaseMessage, RemoveMessage

from threads.checkpoint.message_mapping import CHANNEL, StoredWith, coerce_messages, to_message
from threads.checkpoint.stored_values import Undecodable
from threads.db.migrations import uuid_milliseconds
from threads.errors import ThreadsError
from threads.models import moment
from threads.runs.event_payloads import plain
from threads.runs.event_writer import Recorder, storing
from threads.serialization import json_form
from threads.store.event_log import Happened

Known = Callable[[], set[str | None]]


class ActiveTurn:
    """The `threads.checkpoint.run_config.LeaseContext` of a run that is under way."""

    def __init__(
        self,
        run_id: str,
        thread_id: str,
        fence: tuple[int, int],
        recorder: Recorder,
        *,
        known: Known,
        now: Any,
    ) -> None:
        self.run_id = self.origin_id = run_id
        self.thread_id = thread_id
        """`origin_id` is the run that began what this one goes on with, after a question."""
        self.fence = fence
        self.stored: set[str | None] = set()
        """Ids of the messages that this run has stored."""
        self.refusal: BaseException | None = None
        """Why a checkpoint could not be stored: then nothing that followed it was."""
        self.on_refusal: Callable[[], object] = lambda: None
        """Called then, in any thread."""
        self.tokens = (0, 0)
        self._raised: list[BaseException] = []
        self._recorder = recorder
        self._known = known
        self._before: set[str | None] | None = None
        self._now = now
        self._written: defaultdict[str | None, list[Happened]] = defaultdict(list)
        """What tasks wrote, by the checkpoint they ran at: a later step may be ahead of the storing."""
        self._called: dict[str, tuple[str | None, Future[None]]] = {}
        """The calls of tools that are written, where, and the promise that they are being stored."""

    def event(self, type: Any, data: dict[str, Any], message_id: str | None = None) -> Happened:
        """Something that happened in this run, now."""
        return Happened(
            type, self.thread_id, self.run_id, data, self._now(), message_id, attempt=self.fence[1]
        )

    def wrote(self, at: str | None, writes: Sequence[tuple[str, Any]]) -> None:
        values: dict[str, Any] = {}
        for channel, value in writes:
            if channel == CHANNEL:
                self._wrote_messages(at, value)
            elif not channel.startswith(("__", "branch:")):
                values[channel] = plain(value)
        if values:
            self._written[at].append(self.event("state", {"values": values}))

    def along(self, at: str | None, stored_as: str) -> Callable[[sqlite3.Connection], None]:
        written = [_dated(each, stored_as) for each in self._written.pop(at, [])]
        for call in [call for call, (where, _) in self._called.items() if where == at]:
            _soon(self._called.pop(call)[1])
        self.stored.update(each.message_id for each in written if each.type == "message")
        return storing([*self._recorder.take(self.run_id, self.fence[1]), *written])

    def refused(self, error: BaseException) -> None:
        if self.refusal is None:
            self.refusal = error
            self.on_refusal()

    def raised(self, error: ThreadsError) -> None:
        self._raised.append(error)

    def is_ours(self, error: BaseException) -> bool:
        """Whether the library raised this to this run; an agent may raise errors of the same classes."""
        return error is self.refusal or any(error is each for each in self._raised)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Errors that are raised in here are the library's."""
        try:
            yield
        except ThreadsError as error:
            self.raised(error)
            raise

    def under_fence(self, attempt: int) -> ActiveTurn:
        """The same run, with what it has said, under the lease of this attempt."""
        turn = ActiveTurn(
            self.run_id, self.thread_id, (self.fence[0], attempt), self._recorder,
            known=self._known, now=self._now,
        )  # fmt: skip
        turn.origin_id, turn.tokens, turn.stored = self.origin_id, self.tokens, set(self.stored)
        turn._raised = self._raised
        turn._written.update({at: list(written) for at, written in self._written.items()})
        return turn

    async def called(self, tool_call_id: str) -> None:
        """Returns when what is stored next is stored after the message that calls this tool."""
        if found := self._called.get(tool_call_id):
            await asyncio.wrap_future(found[1])

    def _wrote_messages(self, at: str | None, value: Any) -> None:
        try:
            messages = coerce_messages(value)
        except Undecodable:
            return  # an `Overwrite`, or something that only the graph's own reducer knows
        said = [message for message in messages if not isinstance(message, RemoveMessage)]
        if len(said) > 1:  # a node may return the whole conversation
            if self._before is None:
                self._before = self._known()
            said = [message for message in said if message.id is None or message.id not in self._before]
        pending = {each.message_id for written in self._written.values() for each in written}
        for message in said:
            if message.id is None or message.id not in self.stored | pending:
                self._say(at, message)

    def _say(self, at: str | None, message: BaseMessage) -> None:
        read = to_message(message, StoredWith(None, self.run_id))
        if read.usage is not None:
            self.tokens = (
                self.tokens[0] + read.usage.input_tokens,
                self.tokens[1] + read.usage.output_tokens,
            )
        self._called.update((call.id, (at, Future())) for call in read.tool_calls if call.id)
        self._written[at].append(self.event("message", {"message": json_form(read)}, message.id))


def _dated(happened: Happened, checkpoint_id: str) -> Happened:
    """A message's event with the time of the checkpoint that stores the message; any other as it is."""
    if happened.type != "message":
        return happened
    created_at = json_form(moment(uuid_milliseconds(checkpoint_id)))
    return happened._replace(data={"message": {**happened.data["message"], "created_at": created_at}})


def _soon(promise: Future[None]) -> None:
    """Keep it once the caller, which is about to submit its work, has done so."""
    try:
        asyncio.get_running_loop().call_soon(promise.set_result, None)
    except RuntimeError:  # no loop here
        promise.set_result(None)
