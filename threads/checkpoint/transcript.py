"""A thread's messages and interrupts, read from its checkpoints without the graph, as `threads.models`.

What stands in the checkpoint's `messages` is taken as it is. A `DeltaChannel` stores only what each step
added; its writes are merged as the checkpoint's metadata say (`messages_reducer`), or by the reducer passed
to `threads.open`. Any other delta is unknown: None, never a wrong number. A graph that has its messages in
a channel of another name is recognised where exactly one channel holds a list of messages.
"""

from __future__ import annotations

import copy
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, RemoveMessage
from langgraph.checkpoint.base import writes_sort_key
from langgraph.checkpoint.serde.types import INTERRUPT

from threads.checkpoint.branches import Branch, list_tips
from threads.checkpoint.delta_history import ancestors
from threads.checkpoint.head_reader import (
    Base,
    HeadStep,
    digests_of,
    find_base,
    is_restart,
    origin_of,
    raw_value,
    snapshot_ids,
)
from threads.checkpoint.message_channel import (
    CHANNEL,
    KNOWN_REDUCERS,
    GraphSchema,
    KnownGraphs,
    Reducer,
    UnknownReducer,
    messages_in,
    reducer_name,
    replay,
    snapshot_value,
)
from threads.checkpoint.message_conversion import (
    StoredWith,
    coerce_channel,
    coerce_messages,
    content_key,
    to_message,
)
from threads.checkpoint.message_steps import (
    are_only_appended,
    assign_steps,
    find_times,
    is_concatenation,
    stored_with_step,
    to_stored,
)
from threads.checkpoint.removals import BranchReader, Conversation, MessageKey, find_conversation
from threads.checkpoint.serde import (
    LenientSerializer,
    Undecodable,
    Unreadable,
    checked_metadata,
    find_damage,
    must_propagate,
    parse_metadata,
    raise_unreadable,
)
from threads.db.queries import statements
from threads.errors import MessagesUnknown, StateDamaged
from threads.ids import uuid_milliseconds
from threads.langgraph_internals import NODE_DUE_PREFIXES, TASKS_CHANNEL
from threads.models import Interrupt, Message
from threads.search.index import IndexedMessage
from threads.store.decoder import AppendedMessages, HeadMessages, KnownRows
from threads.store.message_rows import StoredMessage, id_hash

PLACEHOLDER = HumanMessage("", id="threads:placeholder")
"""Stands for each message before those that a step added to a delta channel."""


class Transcripts:
    """Reads transcripts with `serde`; `reducer` merges the delta channels whose checkpoints name none."""

    def __init__(self, serde: LenientSerializer, reducer: Reducer | None = None) -> None:
        self._serde = serde
        self._graphs = KnownGraphs(reducer)
        self._sql = statements("checkpoints")

    def learn(self, schema: GraphSchema) -> bool:
        """Read states by what a graph says about them; return whether more of them may be known now."""
        self._serde.allow(schema.types)
        return self._graphs.add(schema)

    def messages(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str, *, dated: bool = False
    ) -> list[Message] | None:
        """Return the messages that `get_state().values` holds at a checkpoint; None if they are unknown.

        `dated`: with times and run ids, as far as the stored history has them.
        """
        try:
            return self._messages(connection, _key(thread_id, checkpoint_id), dated=dated)
        except Undecodable:
            return None

    def read_head(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> HeadMessages | None:
        """Return the messages at a checkpoint as they are stored as rows; None if they are unknown."""
        at = _key(thread_id, checkpoint_id)
        try:
            with raise_unreadable():
                channel, state = self._state(connection, at)
                at = {**at, "channel": channel}
                updates = list(self._updates(connection, at)) if state else []
                steps = assign_steps(state, self._saved_origins(connection, thread_id), updates)
                messages = to_stored(state, steps, self._digests(connection, at, channel, len(state)))
                return HeadMessages(messages, is_concatenation(state, updates))
        except Undecodable:
            return None

    def read_change(
        self, connection: sqlite3.Connection, thread_id: str, head_id: str, rows: KnownRows
    ) -> AppendedMessages | None:
        """Return how the conversation at a head differs from the rows; None where all must be decoded."""
        read = partial(self.metadata_of, connection, thread_id)
        walk = ancestors(connection, (thread_id, "", head_id))
        base = find_base((HeadStep(id, parent, read) for id, parent, _ in walk), rows)
        if base is None:
            return None
        try:
            with raise_unreadable():
                added = self._added(connection, _key(thread_id, head_id), rows, base)
        except Undecodable:
            return None
        return None if added is None else AppendedMessages(base.row_count, added)

    def why_unknown(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> MessagesUnknown | StateDamaged:
        """Return the error that says why `messages` at a checkpoint are None."""
        why, reducer = "", None
        try:
            self._messages(connection, _key(thread_id, checkpoint_id))
        except Unreadable as error:
            return StateDamaged(str(error)).with_thread(thread_id)
        except UnknownReducer as error:
            reducer = error.name
        except Undecodable as error:
            why = str(error)
        return MessagesUnknown(thread_id, why, reducer=reducer)

    def said_at(
        self,
        connection: sqlite3.Connection,
        thread_id: str,
        checkpoint_id: str,
        wanted: Sequence[IndexedMessage],
    ) -> dict[str, int]:
        """Return when these messages were stored, in milliseconds since 1970, by id, as far as known.

        Walks back from the checkpoint no further than needed.
        """
        rows = connection.execute(self._sql["origins"], {"thread_id": thread_id})
        saved = {row[0]: row[1] for row in rows if row[1] is not None}
        steps = pairwise(self._chain(connection, thread_id, checkpoint_id))
        written = (
            (uuid_milliseconds(child), self._written(connection, thread_id, parent))
            for child, parent in steps
        )
        return find_times(wanted, saved, written)

    def conversation(
        self,
        connection: sqlite3.Connection,
        thread_id: str,
        checkpoint_id: str,
        state: Sequence[Message],
        since: str | None,
        known: Sequence[MessageKey] = (),
    ) -> Conversation:
        """Return the messages `state` of a checkpoint, and those that were removed from it before.

        `since`: an earlier checkpoint, to read back to, and what is `known` of that part; None: all.
        """
        branch = BranchReader(
            self._chain(connection, thread_id, checkpoint_id),
            lambda at: self._written(connection, thread_id, at),
            lambda at: self.messages(connection, thread_id, at),
            lambda: self._updates_since(connection, thread_id, checkpoint_id, since),
        )
        return find_conversation(state, branch, since, known)

    def _updates_since(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str, since: str | None
    ) -> Iterator[tuple[str, str]]:
        """The steps of a branch, back to `since`, in which an application may have deleted messages.

        Each as its checkpoint and the one before: an `update_state`, and an input that removes a message.
        """
        child = None
        for id, parent, stored in ancestors(connection, (thread_id, "", checkpoint_id), with_metadata=True):
            source = parse_metadata(stored).get("source")
            if child is not None and source == "input" and self._removes(connection, thread_id, id):
                yield child, id
            if id == since:
                return
            if parent is not None and source == "update":
                yield id, parent
            child = id

    def _removes(self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str) -> bool:
        """Whether a task at a checkpoint removed messages by their ids."""
        query = {**_key(thread_id, checkpoint_id), "channel": CHANNEL}
        for value in self._decodable(connection.execute(self._sql["writes_at"], query)):
            with suppress(Undecodable):
                if any(isinstance(each, RemoveMessage) for each in coerce_messages(value)):
                    return True
        return False

    def last_with(
        self, connection: sqlite3.Connection, thread_id: str, tip: str | None, message_id: str
    ) -> str | None:
        """Return the last checkpoint with a message on the branch that ends at `tip`; None if none has it."""
        chain = self._chain(connection, thread_id, tip) if tip else ()
        return next((at for at in chain if self._holds(connection, thread_id, at, message_id)), None)

    def _holds(self, connection: sqlite3.Connection, thread_id: str, at: str, message_id: str) -> bool:
        return any(message.id == message_id for message in self.messages(connection, thread_id, at) or ())

    def sharing(self) -> Transcripts:
        """Return a reader that decodes what several values have in common once, as one object."""
        sharing = copy.copy(self)
        sharing._serde = self._serde.sharing()
        return sharing

    def channel_values(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> dict[str, Any]:
        """Return the channels that are stored whole in a checkpoint. Raises `Undecodable`."""
        checkpoint, _ = self._checkpoint(connection, _key(thread_id, checkpoint_id))
        return checkpoint.get("channel_values") or {}

    def raw_values(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> dict[str, Any]:
        """Return the same with values of types of their own as `RawExtension`s. Raises `Undecodable`."""
        with raise_unreadable():
            checkpoint, _ = self._raw_checkpoint(connection, _key(thread_id, checkpoint_id))
        return checkpoint.get("channel_values") or {}

    def channel(self, values: Mapping[str, Any], metadata: Mapping[str, Any]) -> str | None:
        """Return the channel of a checkpoint that holds the conversation; None if it has no messages.

        Raises `Undecodable` if that does not show.
        """
        return self._graphs.find_channel(values, metadata)

    def reducer(
        self, connection: sqlite3.Connection, at: Mapping[str, Any], metadata: Mapping[str, Any]
    ) -> Reducer:
        """Return the reducer of the delta channel of a checkpoint with these metadata.

        Raises `UnknownReducer`.
        """
        checkpoint, _ = self._checkpoint(connection, at)
        return self._graphs.find_reducer(connection, at, metadata, checkpoint)

    def writes(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str, channel: str
    ) -> list[tuple[str, Any]]:
        """Return the task ids and values of the writes to a channel at a checkpoint, in LangGraph's order.

        Raises `Undecodable`.
        """
        query = {**_key(thread_id, checkpoint_id), "channel": channel}
        rows = connection.execute(self._sql["writes_at"], query)
        return [(row["task_id"], value) for row, value in self._decoded(rows)]

    @staticmethod
    def merge(reducer: Reducer, state: Any, writes: Sequence[Any]) -> Any:
        """Return a delta channel's value after `writes`. Raises `Undecodable`."""
        try:
            return replay(reducer, state, writes)
        except Undecodable:
            raise
        except Exception as error:  # an application's reducer may raise anything
            if must_propagate(error):
                raise
            raise Undecodable(f"the reducer {reducer_name(reducer)} failed: {error}") from error

    def branches(self, connection: sqlite3.Connection, thread_id: str) -> list[Branch]:
        """Return all branches of a thread, in the order in which they were written last."""
        tips = list_tips(connection, thread_id)
        found = ((tip, self.messages(connection, thread_id, tip)) for tip in tips)
        return [Branch(tip, tuple(messages or ())) for tip, messages in found]

    def interrupts(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> tuple[Interrupt, ...]:
        """Return the pending interrupts at a checkpoint, each once.

        A task that passes on the interrupt of another one (of a subgraph, of a functional `@task`) keeps it
        after that one has finished, so an interrupt is pending only where all tasks that name it wait.
        """
        query = {**_key(thread_id, checkpoint_id), "channel": INTERRUPT}
        rows = connection.execute(self._sql["interrupts_at"], query).fetchall()
        try:
            with raise_unreadable():
                found = [(row["waits"], each) for row, value in self._decoded(rows) for each in value]
        except Undecodable:
            return ()
        resumed = {each.id for waits, each in found if not waits and hasattr(each, "value")}
        pending = {
            each.id: Interrupt.from_langgraph(each)
            for _, each in found
            if hasattr(each, "value") and each.id not in resumed
        }
        return tuple(pending.values())

    def written_at(self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str) -> int | None:
        """Return when a checkpoint was made, in milliseconds since 1970, by its own `ts`."""
        try:
            with raise_unreadable():
                made = self._checkpoint(connection, _key(thread_id, checkpoint_id))[0]["ts"]
                return round(datetime.fromisoformat(made).timestamp() * 1000)
        except Undecodable:
            return None

    def damage(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str, count: int | None
    ) -> str | None:
        """Return why a run could not start from a checkpoint; None if it can.

        `count`: the number of its messages, if known.
        """
        at = _key(thread_id, checkpoint_id)
        try:
            for row in connection.execute(self._sql["checkpoint_metadata"], at):
                _metadata(row["metadata"])
            for _ in self._decoded(connection.execute(self._sql["all_writes_at"], at)):
                pass
            if count is None:
                self._messages(connection, at)
        except Unreadable as error:
            return str(error)
        except Undecodable:  # the messages are unknown here; its graph can read them
            pass
        return None

    def due_nodes(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> list[str] | None:
        """Return the nodes of a `StateGraph` that are due at a checkpoint; None where that is unknown."""
        try:
            with raise_unreadable():
                checkpoint, _ = self._checkpoint(connection, _key(thread_id, checkpoint_id))
        except Undecodable:
            return None
        values = checkpoint.get("channel_values") or {}
        prefix, start = NODE_DUE_PREFIXES
        names = [str(name).removeprefix(prefix) for name in values if str(name).startswith(prefix)]
        is_partly_known = values.get(TASKS_CHANNEL) or any(
            str(name).startswith(("join:", start)) for name in values
        )
        return None if is_partly_known or not names else names

    def is_finished(self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str) -> bool:
        """Whether no node of a `StateGraph` is due at a checkpoint; False where that is unknown."""
        try:
            checkpoint, _ = self._checkpoint(connection, _key(thread_id, checkpoint_id))
        except Undecodable:
            return False
        values = checkpoint.get("channel_values") or {}
        return not values.get(TASKS_CHANNEL) and not any(
            str(name).startswith(NODE_DUE_PREFIXES) or _is_full_join(str(name), value)
            for name, value in values.items()
        )

    def _messages(
        self, connection: sqlite3.Connection, at: dict[str, Any], *, dated: bool = False
    ) -> list[Message]:
        with raise_unreadable():
            channel, state = self._state(connection, at)
            steps = (
                self._stored_with(connection, {**at, "channel": channel}, state)
                if dated and state
                else [StoredWith()] * len(state)
            )
            return [to_message(message, step) for message, step in zip(state, steps, strict=True)]

    def _state(
        self, connection: sqlite3.Connection, at: dict[str, Any]
    ) -> tuple[str | None, list[BaseMessage]]:
        """The channel that holds the conversation at a checkpoint, if any, and its messages."""
        checkpoint, stored_metadata = self._checkpoint(connection, at)
        values = checkpoint.get("channel_values") or {}
        if CHANNEL in values:
            return CHANNEL, coerce_channel(values[CHANNEL])
        metadata = _metadata(stored_metadata)  # without them a delta channel would look like none
        channel = self._graphs.find_channel(values, metadata)
        if channel is None:
            return None, []
        if channel not in values:
            reducer = self._graphs.find_reducer(connection, at, metadata, checkpoint)
            return channel, self._merged_deltas(connection, {**at, "channel": channel}, reducer)
        return channel, coerce_channel(messages_in(channel, values[channel]))

    def _added(
        self, connection: sqlite3.Connection, at: dict[str, Any], rows: KnownRows, base: Base
    ) -> list[StoredMessage] | None:
        """The messages that the steps after a checkpoint added; None if that is not all that they did."""
        kept, steps, is_certain = base
        checkpoint, metadata = self._raw_checkpoint(connection, at)
        values = checkpoint.get("channel_values") or {}
        channel = self._graphs.find_named_channel(values, metadata)
        if channel is None:
            return None
        at = {**at, "channel": channel}
        value, digests = values.get(channel), None
        if isinstance(value, list):
            before, digests = digests_of(value, kept)
            if len(value) < kept or before is None or (kept and rows.digest(kept) != before):
                return None
            added = coerce_messages([self._serde.loads_raw(item) for item in value[kept:]])
            taken = [step for step in steps if not self._is_left_out(connection, at, step, added)]
            updates = self._updates_of_all(connection, at, taken)
        else:
            reducer = self._graphs.find_reducer(connection, at, metadata, checkpoint)
            if reducer_name(reducer) not in KNOWN_REDUCERS or not is_certain:
                return None
            restart = next((n for n, step in enumerate(steps) if is_restart(step, channel)), len(steps))
            if not self._is_restart_of(connection, at, rows, kept, steps[restart:]):
                return None
            updates = self._updates_of_all(connection, at, steps[:restart])
            merged = self.merge(reducer, [PLACEHOLDER] * kept, [value for _, value in updates])
            if merged[:kept] != [PLACEHOLDER] * kept:
                return None
            added = coerce_messages(merged[kept:])
        if not are_only_appended(added, updates, rows, kept, is_whole=digests is not None):
            return None
        saved = self._saved_origins(connection, at["thread_id"])
        return to_stored(added, assign_steps(added, saved, updates), digests)

    def _is_left_out(
        self, connection: sqlite3.Connection, at: dict[str, Any], step: HeadStep, added: Sequence[BaseMessage]
    ) -> bool:
        """Whether a step began from an old checkpoint, and nothing that was written there is in `added`."""
        if step.metadata.get("source") not in ("input", "fork") or step.origin != step.id:
            return False
        written = [
            each for _, value in self._updates_of(connection, at, step) for each in coerce_messages(value)
        ]
        ids, contents = {each.id for each in added}, {content_key(each) for each in added}
        return not any(each.id in ids if each.id else content_key(each) in contents for each in written)

    def _is_restart_of(
        self,
        connection: sqlite3.Connection,
        at: dict[str, Any],
        rows: KnownRows,
        kept: int,
        steps: list[HeadStep],
    ) -> bool:
        """Whether the first of these steps begins with the rows again, and those before it wrote no messages.

        An input at an old checkpoint, and a run from there, leave out what the tasks there wrote. They begin
        with a snapshot. True if there are no steps.
        """
        if not steps:
            return True
        restart, *earlier = steps
        if self._updates_of_all(connection, at, earlier):
            return False
        left_out = self._updates_of_all(connection, at, [restart])
        if left_out and restart.origin != restart.id:  # copied with what they wrote
            return False
        ids = [message.id for _, value in left_out for message in coerce_messages(value)]
        if any(id is None or rows.holds(id, kept) for id in ids):
            return False
        checkpoint, _ = self._raw_checkpoint(connection, {**at, "checkpoint_id": restart.id})
        stored = snapshot_ids((checkpoint.get("channel_values") or {}).get(at["channel"]))
        return stored is not None and list(map(id_hash, stored)) == rows.id_hashes(kept)

    def _updates_of_all(
        self, connection: sqlite3.Connection, at: dict[str, Any], steps: Sequence[HeadStep]
    ) -> list[tuple[StoredWith, Any]]:
        """What these steps, the newest first, wrote to the messages, oldest first."""
        return [each for step in reversed(steps) for each in self._updates_of(connection, at, step)]

    def _raw_checkpoint(
        self, connection: sqlite3.Connection, at: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """A checkpoint, in which values of types of their own are not decoded, and its metadata."""
        row = connection.execute(self._sql["checkpoint"], at).fetchone()
        checkpoint = None if row is None else raw_value(row["type"], row["checkpoint"])
        if row is None or not isinstance(checkpoint, dict) or find_damage(checkpoint):
            raise Undecodable("it is stored in another form")
        return checkpoint, _metadata(row["metadata"])

    def _digests(
        self, connection: sqlite3.Connection, at: dict[str, Any], channel: str | None, count: int
    ) -> list[int | None] | None:
        """The digests of the messages at a checkpoint; None if they are not stored there as a list."""
        with suppress(Undecodable):
            checkpoint, _ = self._raw_checkpoint(connection, at)
            value = (checkpoint.get("channel_values") or {}).get(channel)
            if isinstance(value, list) and len(value) == count:
                return digests_of(value, 0)[1]
        return None

    def _updates_of(
        self, connection: sqlite3.Connection, at: dict[str, Any], step: HeadStep
    ) -> Iterator[tuple[StoredWith, Any]]:
        """What the step that ended with this checkpoint wrote to the messages."""
        if step.parent_id is None:
            return
        metadata: Mapping[str, Any] = step.metadata
        if step.origin != step.id:
            metadata = self.metadata_of(connection, at["thread_id"], step.origin)
        stored_with = stored_with_step(step.origin, metadata)
        query = {**at, "checkpoint_id": step.parent_id}
        for _, value in self._decoded(connection.execute(self._sql["writes_at"], query)):
            yield stored_with, value if at["channel"] == CHANNEL else messages_in(at["channel"], value)

    def metadata_of(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> dict[str, Any]:
        """The metadata of a checkpoint; an empty dict where they are not stored or not readable."""
        at = _key(thread_id, checkpoint_id)
        row = connection.execute(self._sql["checkpoint_metadata"], at).fetchone()
        return parse_metadata(row["metadata"]) if row else {}

    def _saved_origins(self, connection: sqlite3.Connection, thread_id: str) -> dict[str, StoredWith]:
        """Steps of messages that a pruning saved."""
        saved = connection.execute(self._sql["origins"], {"thread_id": thread_id})
        return {id: StoredWith(milliseconds, run_id) for id, milliseconds, run_id in saved}

    def _merged_deltas(
        self, connection: sqlite3.Connection, at: dict[str, Any], reducer: Reducer
    ) -> list[BaseMessage]:
        thread_id, channel = at["thread_id"], at["channel"]
        snapshot: Any = []
        steps: list[list[Any]] = []
        chain = self._chain(connection, thread_id, at["checkpoint_id"])
        next(chain, None)
        for ancestor in chain:
            steps.append([value for _, value in self.writes(connection, thread_id, ancestor, channel)])
            stored = self.channel_values(connection, thread_id, ancestor).get(channel)
            if stored is not None:
                snapshot = snapshot_value(stored)
                break
        writes = [write for step in reversed(steps) for write in step]
        return coerce_channel(self.merge(reducer, snapshot, writes))

    def _stored_with(
        self, connection: sqlite3.Connection, at: dict[str, Any], state: list[BaseMessage]
    ) -> Iterator[StoredWith]:
        """The step of each message."""
        saved = self._saved_origins(connection, at["thread_id"])
        return assign_steps(state, saved, self._updates(connection, at))

    def _updates(
        self, connection: sqlite3.Connection, at: dict[str, Any]
    ) -> Iterator[tuple[StoredWith, Any]]:
        """All that was written to the messages up to a checkpoint, oldest first."""
        steps = list(ancestors(connection, (at["thread_id"], "", at["checkpoint_id"])))
        chain = [id for id, *_ in steps]
        metadata = {row[0]: parse_metadata(row[1]) for row in connection.execute(self._sql["metadata"], at)}
        rows: defaultdict[str, list[sqlite3.Row]] = defaultdict(list)
        for row in connection.execute(self._sql["channel_writes"], at):
            rows[row["checkpoint_id"]].append(row)
        if steps[-1][1] is None:  # no step before the first checkpoint wrote what it holds
            with suppress(Undecodable):
                values = self.channel_values(connection, at["thread_id"], chain[-1])
                if (value := snapshot_value(values.get(at["channel"]))) is not None:
                    origin = origin_of(chain[-1], metadata.get(chain[-1], {}))
                    step = stored_with_step(origin, metadata.get(origin, {}))
                    yield step, messages_in(at["channel"], value)
        for parent, child in zip(reversed(chain[1:]), reversed(chain[:-1]), strict=True):
            origin = origin_of(child, metadata.get(child, {}))
            step = stored_with_step(origin, metadata.get(origin, {}))
            for value in self._decodable(rows[parent]):
                yield step, value if at["channel"] == CHANNEL else messages_in(at["channel"], value)

    def _written(self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str) -> list[Message]:
        """The messages that the tasks at a checkpoint wrote, the last one first."""
        query = {**_key(thread_id, checkpoint_id), "channel": CHANNEL}
        written: list[Message] = []
        for value in self._decodable(connection.execute(self._sql["writes_at"], query)):
            with suppress(Undecodable), raise_unreadable():
                added = [each for each in coerce_messages(value) if not isinstance(each, RemoveMessage)]
                written += [to_message(message, StoredWith()) for message in added]
        return written[::-1]

    def _chain(self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str) -> Iterator[str]:
        """A checkpoint and its ancestors, newest first."""
        return (id for id, *_ in ancestors(connection, (thread_id, "", checkpoint_id)))

    def _checkpoint(
        self, connection: sqlite3.Connection, at: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Any]:
        """A checkpoint and its metadata as they are stored, which may be anything."""
        row = connection.execute(self._sql["checkpoint"], at).fetchone()
        if row is None:
            raise Undecodable("there is no such checkpoint")
        checkpoint = self._load(row["type"], row["checkpoint"])
        if why := find_damage(checkpoint):
            raise Unreadable(why)
        return checkpoint, row["metadata"]

    def _decoded(self, rows: Iterable[Any]) -> Iterator[tuple[sqlite3.Row, Any]]:
        """Rows of `writes` with their values, in LangGraph's order."""
        return ((row, self._load(row["type"], row["value"])) for row in _in_order(rows))

    def _decodable(self, rows: Iterable[Any]) -> Iterator[Any]:
        """The values of those rows of `writes` that can be decoded, in LangGraph's order."""
        for row in _in_order(rows):
            with suppress(Undecodable):
                yield self._load(row["type"], row["value"])

    def _load(self, kind: Any, data: Any) -> Any:
        with raise_unreadable():
            return self._serde.loads_typed((kind, data))


def _key(thread_id: str, checkpoint_id: str) -> dict[str, Any]:
    return {"thread_id": thread_id, "checkpoint_id": checkpoint_id}


def _in_order(rows: Iterable[Any]) -> list[Any]:
    with raise_unreadable():
        return sorted(rows, key=lambda row: writes_sort_key(row["task_path"], row["task_id"], row["idx"]))


def _metadata(stored: Any) -> dict[str, Any]:
    try:
        return checked_metadata(stored)
    except StateDamaged as error:
        raise Unreadable(error.why) from error


def _is_full_join(name: str, value: Any) -> bool:
    """Return whether a channel is the join of a `StateGraph`, and all nodes that it waits for have ended.

    The node behind it is due. A deferred join holds a pair, whose first part is the set of these nodes.
    """
    if not name.startswith("join:"):
        return False
    ended = value[0] if isinstance(value, list | tuple) and value else value
    nodes, _, _ = name.removeprefix("join:").rpartition(":")
    return isinstance(ended, set) and len("+".join(map(str, ended))) == len(nodes)
