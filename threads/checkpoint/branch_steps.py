"""The checkpoints of a branch with the conversation in each, read in one pass from the newest back.

What the checkpoints have in common is decoded once. A delta channel is merged step by step from its last
snapshot on, as the graph did it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage

from threads.checkpoint.delta_history import read_ancestors
from threads.checkpoint.message_channel import CHANNEL, Reducer, messages_in, snapshot_value
from threads.checkpoint.message_conversion import coerce_channel, coerce_messages
from threads.checkpoint.origins import BranchStep, BranchTrace
from threads.checkpoint.serde import Undecodable
from threads.checkpoint.transcript import Transcripts
from threads.langgraph_internals import NULL_TASK_ID

READ_AT_ONCE = 20
"""Checkpoints of a branch that one query reads."""
INPUT_CHANNEL = "__start__"
"""The channel that holds an input until the graph takes it."""


def trace_branch(
    transcripts: Transcripts, connection: sqlite3.Connection, thread_id: str, tip: str | None
) -> BranchTrace:
    """Return the origins of the messages of the branch that ends at checkpoint `tip`."""
    return BranchTrace(thread_id, StepReader(transcripts, connection, thread_id).steps(tip or ""))


class StoredStep(NamedTuple):
    """A checkpoint as it is stored."""

    id: str
    parent_id: str | None
    metadata: dict[str, Any]
    values: dict[str, Any] | None
    """Its channels; None if they cannot be read, or do not show which one holds the conversation."""
    channel: str | None
    """The channel that holds the conversation."""

    @property
    def is_delta(self) -> bool:
        """Whether its conversation is not stored whole, but as what was written since the last snapshot."""
        return self.values is not None and self.channel is not None and self.channel not in self.values


class StepReader:
    """Reads the branches of one thread."""

    def __init__(self, transcripts: Transcripts, connection: sqlite3.Connection, thread_id: str) -> None:
        self._transcripts = transcripts.sharing()
        self._connection = connection
        self._thread_id = thread_id

    def steps(self, tip: str) -> Iterator[BranchStep]:
        """Yield the checkpoints of a branch, the newest first."""
        unmerged: list[StoredStep] = []
        for step in self._stored_steps(tip):
            if unmerged or step.is_delta:
                unmerged.append(step)
                if step.values is None or unmerged[0].channel in step.values:
                    yield from self._merged(unmerged)
                    unmerged = []
            else:
                yield self._step(step, self._messages(step))
        if unmerged:
            yield from self._merged(unmerged)

    def _stored_steps(self, tip: str) -> Iterator[StoredStep]:
        key = (self._thread_id, "", tip)
        for id, parent_id in read_ancestors(self._connection, key, READ_AT_ONCE):
            metadata = self._transcripts.metadata_of(self._connection, self._thread_id, id)
            values, channel = None, None
            with suppress(Undecodable):
                found = self._transcripts.channel_values(self._connection, self._thread_id, id)
                channel, values = self._transcripts.channel(found, metadata), found
            yield StoredStep(id, parent_id, metadata, values, channel)

    def _merged(self, steps: list[StoredStep]) -> Iterator[BranchStep]:
        """Steps of a delta channel, newest first: the last one has a snapshot, or nothing is before it."""
        newest, oldest = steps[0], steps[-1].values
        channel = str(newest.channel)
        at = {"thread_id": self._thread_id, "checkpoint_id": newest.id}
        states: list[Any] = [None if oldest is None else snapshot_value(oldest.get(channel, []))]
        try:
            reducer = self._transcripts.reducer(self._connection, at, newest.metadata)
        except Undecodable:
            states = [None] * len(steps)
        else:
            for step in reversed(steps[1:]):
                states.append(self._next_state(reducer, states[-1], step.id, channel))
        for step, state in zip(steps, reversed(states), strict=True):
            yield self._step(step, None if state is None else _coerced(channel, state))

    def _next_state(self, reducer: Reducer, state: Any, checkpoint_id: str, channel: str) -> Any:
        if state is None:
            return None
        try:
            writes = [value for _, value in self._writes(checkpoint_id, channel)]
            return self._transcripts.merge(reducer, state, writes)
        except Undecodable:
            return None

    def _writes(self, checkpoint_id: str, channel: str) -> list[tuple[str, Any]]:
        """What the tasks at a checkpoint wrote to the conversation: their ids and the values."""
        return self._transcripts.writes(self._connection, self._thread_id, checkpoint_id, channel)

    def _by_tasks(self, checkpoint_id: str, channel: str) -> list[BaseMessage]:
        found: list[BaseMessage] = []
        with suppress(Undecodable):
            for task_id, value in self._writes(checkpoint_id, channel):
                if task_id != NULL_TASK_ID:
                    found += _coerced(channel, value, coerce_messages) or ()
        return found

    def _messages(self, step: StoredStep) -> list[BaseMessage] | None:
        if step.values is None or step.channel is None:
            return None if step.values is None else []
        return _coerced(step.channel, step.values[step.channel])

    def _step(self, step: StoredStep, messages: list[BaseMessage] | None) -> BranchStep:
        source, values = step.metadata.get("source"), step.values or {}
        is_input = source == "input" or INPUT_CHANNEL in values
        written = partial(self._by_tasks, step.id, step.channel or CHANNEL)
        return BranchStep(step.id, step.parent_id, source, is_input, messages, written)


def _coerced(
    channel: str, value: Any, coerce: Callable[[Any], list[BaseMessage]] = coerce_channel
) -> list[BaseMessage] | None:
    try:
        return coerce(messages_in(channel, value))
    except Undecodable:
        return None
