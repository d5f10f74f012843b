"""A run's events on their way to the log, and what the checkpointer knows of the running attempt.

The messages that a step wrote become events in the very transaction of the checkpoint that holds them, so the
event log and the thread never disagree. All other events are batched for a moment and stored for all runs in
one transaction; what waits so when a checkpoint or the end of a run is stored goes along with that (`take`).
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from langchain_core.messages import BaseMessage, RemoveMessage

from threads.background import log_failure
from threads.checkpoint.message_channel import CHANNEL
from threads.checkpoint.message_conversion import StoredWith, coerce_messages, content_key, to_message
from threads.checkpoint.serde import Undecodable
from threads.db.queries import moment
from threads.delays import EVENT_BATCHING
from threads.errors import LeaseLost, ThreadsError
from threads.ids import uuid_milliseconds
from threads.registry.event_poller import EventPoller
from threads.runs.streams import RunStreams, Strays, StreamedMessage, joined, origin
from threads.serialization import to_jsonable
from threads.store.event_log import NewEvent
from threads.store.transaction import Store, Transaction


class EventWriter:
    """Stores the events of one runner, from any thread."""

    def __init__(self, store: Store, poller: EventPoller, loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        self._poller = poller
        self._loop = loop
        self._lock = threading.Lock()
        self._waiting: list[NewEvent] = []
        self._is_scheduled = False

    def add(self, event: NewEvent) -> None:
        """Store an event soon. A token is appended to the one before it of the same message."""
        with self._lock:
            last = self._waiting[-1] if self._waiting else None
            if last is not None and _continues(last, event):
                self._waiting[-1] = last._replace(data=joined(last.data, event.data))
            else:
                self._waiting.append(event)
            if self._is_scheduled:
                return
            self._is_scheduled = True
        self._loop.call_soon_threadsafe(self._loop.call_later, EVENT_BATCHING, self._flush)

    def take(self, run_id: str, attempt: int) -> list[NewEvent]:
        """Remove and return the waiting events of an attempt; the caller stores them."""
        with self._lock:
            taken = [each for each in self._waiting if (each.run_id, each.attempt) == (run_id, attempt)]
            if taken:
                self._waiting = [
                    each for each in self._waiting if (each.run_id, each.attempt) != (run_id, attempt)
                ]
        return taken

    async def write_event(self, event: NewEvent) -> None:
        """Commit an event, and before it those of its attempt that wait; `LeaseLost`."""
        run_id, attempt = str(event.run_id), event.attempt
        events = [*self.take(run_id, attempt), event]

        def insert_if_leased(tx: Transaction) -> None:
            if not tx.leases.has_lease(run_id, attempt):
                raise LeaseLost(event.thread_id)
            insert_events(tx, events)

        await self.write(insert_if_leased)

    async def write(self, change: Callable[[Transaction], Any]) -> Any:
        """Return the result of `change`, done in one transaction, and wake the subscribers."""
        return await asyncio.shield(asyncio.wrap_future(self._submit(change)))

    def _submit(self, change: Callable[[Transaction], Any]) -> Future[Any]:
        future = self._store.submit(change)
        future.add_done_callback(lambda _: self._poller.wake())
        return future

    def _flush(self) -> None:
        with self._lock:
            self._is_scheduled = False
            waiting, self._waiting = self._waiting, []
        if waiting:
            self._submit(partial(_insert_leased, waiting)).add_done_callback(_log_failure)


class RunLeaseContext:
    """The `threads.checkpoint.conflicts.LeaseContext` of an attempt that has a lease."""

    def __init__(
        self,
        run_id: str,
        thread_id: str,
        fence: tuple[int, int],
        writer: EventWriter,
        *,
        known_messages: Callable[[], set[str | None]],
        streams: RunStreams,
        now: Callable[[], int],
    ) -> None:
        self.run_id = self.origin_id = run_id
        """`origin_id` is the run that began what this one continues, after an interrupt."""
        self.thread_id = thread_id
        self.fence = fence
        """The fencing token: position and attempt of the run."""
        self.stored_messages: set[str | None] = set()
        """Ids of the messages that this run has stored."""
        self.rejection: BaseException | None = None
        """Why a checkpoint could not be stored: then nothing that followed it was."""
        self.rejection_callback: Callable[[], object] = lambda: None
        """Called then, in any thread."""
        self.streams = streams
        self.tokens = (0, 0)
        """Input and output tokens that the run's messages report."""
        self._library_errors: list[BaseException] = []
        self._writer = writer
        self._known_messages = known_messages
        self._messages_before: set[str | None] | None = None
        self._now = now
        self._without_id: Counter[tuple[str, str]] = Counter()
        """Messages that had no id when they were recorded."""
        self._written: defaultdict[str | None, list[NewEvent]] = defaultdict(list)
        """Events of what tasks wrote, by the checkpoint they ran at: steps may be ahead of the storing."""
        self._calls: dict[str, tuple[str | None, Future[None]]] = {}
        """The tool calls that are written: at which checkpoint, and a future of their storing."""

    def new_event(self, type: Any, data: dict[str, Any], message_id: str | None = None) -> NewEvent:
        """Return an event of this run that happens now."""
        return NewEvent(
            type, self.thread_id, self.run_id, data, self._now(), message_id, attempt=self.fence[1]
        )

    def record_writes(
        self, at: str | None, writes: Sequence[tuple[str, Any]], task_id: str | None = None
    ) -> None:
        values: dict[str, Any] = {}
        self.streams.on_task_written(at, task_id, ())
        for channel, value in writes:
            if channel == CHANNEL:
                self._record_messages(at, value, task_id)
            elif not channel.startswith(("__", "branch:")):
                values[channel] = to_jsonable(value)
        if values:
            self._written[at].append(self.new_event("state", {"values": values}))

    def transaction_hook(self, at: str | None, stored_as: str) -> Callable[[Transaction], None]:
        written = [self._completed(each, at, stored_as) for each in self._written.pop(at, [])]
        for call in [call for call, (where, _) in self._calls.items() if where == at]:
            _resolve_soon(self._calls.pop(call)[1])
        self.stored_messages.update(each.message_id for each in written if each.type == "message")
        strays = self.streams.settle(at, self.stored_messages)
        inner = [self.inner_message_event(each) for each in strays.unreported]
        events = [*self._writer.take(self.run_id, self.fence[1]), *inner, *written]
        return partial(insert_events, events=events, strays=strays)

    def inner_message_event(self, message: StreamedMessage) -> NewEvent:
        """Return the event of a complete message that does not belong to the conversation."""
        message.is_reported = True
        read = to_message(cast("BaseMessage", message.complete), StoredWith(None, self.run_id))
        where = origin(message.node, message.namespace, in_conversation=False)
        return self.new_event("message", {"message": to_jsonable(read), **where}, message.id)

    def on_rejected(self, error: BaseException) -> None:
        if self.rejection is None:
            self.rejection = error
            self.rejection_callback()

    def on_library_error(self, error: ThreadsError) -> None:
        self._library_errors.append(error)

    def is_library_error(self, error: BaseException) -> bool:
        """Return whether the library raised this; an agent may raise errors of the same classes."""
        return error is self.rejection or any(error is each for each in self._library_errors)

    @contextmanager
    def library_errors(self) -> Iterator[None]:
        """Count errors that are raised in the block as the library's."""
        try:
            yield
        except ThreadsError as error:
            self.on_library_error(error)
            raise

    def with_new_lease(self, attempt: int) -> RunLeaseContext:
        """Return the same run, with what it has stored and written, under the lease of this attempt."""
        lease = RunLeaseContext(
            self.run_id, self.thread_id, (self.fence[0], attempt), self._writer,
            known_messages=self._known_messages, streams=self.streams, now=self._now,
        )  # fmt: skip
        lease.origin_id, lease.tokens = self.origin_id, self.tokens
        lease.stored_messages = set(self.stored_messages)
        lease._library_errors, lease._without_id = self._library_errors, self._without_id
        lease._written.update({at: list(written) for at, written in self._written.items()})
        return lease

    async def wait_for_call(self, tool_call_id: str) -> None:
        """Return when whatever is stored next is stored after the message that makes this tool call."""
        if found := self._calls.get(tool_call_id):
            await asyncio.wrap_future(found[1])

    def _record_messages(self, at: str | None, value: Any, task_id: str | None) -> None:
        try:
            messages = coerce_messages(value)
        except Undecodable:
            self.streams.on_task_written(at, task_id, None)
            return  # an `Overwrite`, or something that only the graph's own reducer knows
        new = [message for message in messages if not isinstance(message, RemoveMessage)]
        self.streams.on_task_written(at, task_id, (message.id for message in new))
        if len(new) > 1:  # a node may return the whole conversation
            if self._messages_before is None:
                self._messages_before = self._known_messages()
            new = [
                message for message in new if message.id is None or message.id not in self._messages_before
            ]
        pending = {each.message_id for written in self._written.values() for each in written}
        for message in new:
            if len(new) > 1 and self._has_got_its_id(message):
                continue
            if message.id is None or message.id not in self.stored_messages | pending:
                self._record_message(at, message)

    def _has_got_its_id(self, message: BaseMessage) -> bool:
        """Return whether this message of a whole conversation was recorded before the graph gave it an id."""
        key = content_key(message)
        if message.id is None or message.id in self.stored_messages or not self._without_id[key]:
            return False
        self._without_id[key] -= 1
        self.stored_messages.add(message.id)
        return True

    def _record_message(self, at: str | None, message: BaseMessage) -> None:
        read = to_message(message, StoredWith(None, self.run_id))
        if read.usage is not None:
            self.tokens = (
                self.tokens[0] + read.usage.input_tokens,
                self.tokens[1] + read.usage.output_tokens,
            )
        if message.id is None:
            self._without_id[content_key(message)] += 1
        self._calls.update((call.id, (at, Future())) for call in read.tool_calls if call.id)
        self._written[at].append(self.new_event("message", {"message": to_jsonable(read)}, message.id))

    def _completed(self, event: NewEvent, at: str | None, stored_as: str) -> NewEvent:
        """Return a message's event with its origin and the time of its checkpoint; any other as it is."""
        if event.type != "message":
            return event
        created_at = to_jsonable(moment(uuid_milliseconds(stored_as)))
        message = {**event.data["message"], "created_at": created_at}
        where = self.streams.origin_of_written(at, event.message_id)
        return event._replace(data={"message": message, **where})


def _resolve_soon(future: Future[None]) -> None:
    """Resolve it once the caller, which is about to submit its write, has done so."""
    try:
        asyncio.get_running_loop().call_soon(future.set_result, None)
    except RuntimeError:  # no loop here
        future.set_result(None)


def insert_events(tx: Transaction, events: Sequence[NewEvent], strays: Strays | None = None) -> None:
    """Store events; a message replaces its tokens, and the first token of a run is dated.

    `strays`: what does not belong to the conversation, though its events say so.
    """
    first_tokens = {each.run_id: each.at for each in reversed(events) if _is_answer(each)}
    whole = {each.message_id for each in events if each.type == "message"}
    tx.events.append([each for each in events if each.type != "token" or each.message_id not in whole])
    for run_id, at in first_tokens.items():
        tx.runs.record_first_token(str(run_id), at)
    if strays is not None and (strays.message_ids or strays.tool_call_ids):
        tx.events.exclude(strays.run_id, strays.message_ids, strays.tool_call_ids)


def _insert_leased(waiting: list[NewEvent], tx: Transaction) -> None:
    """Store the events of the attempts that still have their lease."""
    attempts = {(str(each.run_id), each.attempt) for each in waiting}
    leased = {attempt for attempt in attempts if tx.leases.has_lease(*attempt)}
    insert_events(tx, [each for each in waiting if (str(each.run_id), each.attempt) in leased])


def _is_answer(event: NewEvent) -> bool:
    return event.type == "token" and bool(event.data["text"]) and event.data["in_conversation"]


def _continues(last: NewEvent, event: NewEvent) -> bool:
    return (
        last.type == event.type == "token"
        and last.message_id == event.message_id
        and (last.run_id, last.attempt) == (event.run_id, event.attempt)
    )


def _log_failure(future: Future[Any]) -> None:
    if error := future.exception():
        log_failure("events of runs could not be stored", error)
