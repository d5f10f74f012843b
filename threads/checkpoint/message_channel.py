"""The channel that holds a conversation: which one it is, and its value where it is not stored whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage

from threads import langgraph_internals
from threads.checkpoint.delta_history import ancestors
from threads.checkpoint.serde import Undecodable, parse_metadata
from threads.langgraph_internals import DeltaSnapshot
from threads.message_reducer import merge_messages

CHANNEL = "messages"
"""The channel that holds the conversation, unless the metadata name another."""
FUNCTIONAL_CHANNELS = ("__previous__", "__end__")
"""What LangGraph's functional API stores: the value for the next call, and the value that was returned."""

CHANNEL_METADATA = "messages_channel"
"""Key in a checkpoint's metadata: the channel that holds the conversation, where it is not `messages`."""
REDUCER_METADATA = "messages_reducer"
"""Key in a checkpoint's metadata: how a delta channel's messages merge, a key of `KNOWN_REDUCERS` or the
`module:name` of an application's reducer. `guard_messages` and the Runner set it."""

Reducer = Callable[[list[Any], list[Any]], list[Any]]
"""A `DeltaChannel`'s reducer: the value so far and the writes, oldest first."""

MERGED_AS: Mapping[tuple[str, str], str] = {
    ("threads.message_reducer", "merge_messages"): "add_messages",
    ("langgraph.pregel._messages", "_messages_delta_reducer"): "_messages_delta_reducer",
    ("langgraph.graph.message", "_messages_delta_reducer"): "_messages_delta_reducer",
    ("deepagents._messages_reducer", "_messages_delta_reducer"): "_messages_delta_reducer",
}
"""The names in metadata of reducers that are known without their graphs, by module and name."""
KNOWN_REDUCERS: Mapping[str, Callable[[], Reducer]] = {
    "add_messages": lambda: merge_messages,
    "_messages_delta_reducer": lambda: langgraph_internals.messages_delta_reducer,  # a second to import
}
"""Reducers by their names in metadata. deepagents has the same as LangGraph, but for chunks, which it never
writes. A test compares the three."""
DEEPAGENTS = ("deepagents", "deepagents-code")
"""What deepagents and its command line call themselves in `ls_integration` of checkpoint metadata. Their
reducer is always `_messages_delta_reducer`."""


@dataclass(frozen=True, slots=True)
class GraphSchema:
    """What a graph says about its state."""

    types: frozenset[tuple[str, ...]]
    """Module and name of the types in its state, its context and its subgraphs' states."""
    channel: str | None
    """The channel that holds the conversation; None if it has none, or several that may."""
    reducer: Reducer | None
    """The reducer of that channel if it is a `DeltaChannel`: checkpoints alone do not tell its value."""
    is_named: bool
    """Whether checkpoints of the graph name that reducer without the Runner's help."""
    nodes: frozenset[str]

    @property
    def metadata(self) -> dict[str, str]:
        """What the graph's checkpoints say in their metadata, for readers without the graph."""
        found = {}
        if self.channel not in (None, CHANNEL):
            found[CHANNEL_METADATA] = str(self.channel)
        if self.reducer is not None:
            found[REDUCER_METADATA] = reducer_name(self.reducer)
        return found


class UnknownReducer(Undecodable):
    """A delta channel whose reducer is not at hand; `name` is what its checkpoints call it, if anything."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        super().__init__("a delta channel with a reducer of its own")


class KnownGraphs:
    """Message channels and reducers of the graphs that are at hand, and the reducer passed to `open`."""

    def __init__(self, reducer: Reducer | None) -> None:
        self._given = reducer
        self._channels = frozenset((CHANNEL,))
        self._reducers: dict[str, Reducer] = {}
        self._unnamed: tuple[GraphSchema, ...] = ()

    def add(self, schema: GraphSchema) -> bool:
        """Add a graph's message channel and reducer; return whether one of them was not known."""
        before = (self._channels, self._reducers)
        if schema.channel is not None:
            self._channels = self._channels | {schema.channel}
        if schema.reducer is not None:
            self._reducers = {**self._reducers, reducer_name(schema.reducer): schema.reducer}
            if not schema.is_named and schema not in self._unnamed:
                self._unnamed = (*self._unnamed, schema)
        return before != (self._channels, self._reducers)

    def find_channel(self, values: Mapping[str, Any], metadata: Mapping[str, Any]) -> str | None:
        """Return the channel of a checkpoint that holds the conversation; None if it has no messages.

        Raises `Undecodable` if that does not show.
        """
        deltas = metadata.get("counters_since_delta_snapshot") or {}
        return find_channel(values, deltas, metadata.get(CHANNEL_METADATA), self._channels)

    def find_named_channel(self, values: Mapping[str, Any], metadata: Mapping[str, Any]) -> str | None:
        """Return the channel that holds the conversation, as far as it shows without looking at values."""
        deltas = metadata.get("counters_since_delta_snapshot") or {}
        named = metadata.get(CHANNEL_METADATA)
        if CHANNEL in values or CHANNEL in deltas:
            return CHANNEL
        return named if isinstance(named, str) and (named in values or named in deltas) else None

    def find_reducer(
        self,
        connection: sqlite3.Connection,
        at: Mapping[str, Any],
        metadata: Mapping[str, Any],
        checkpoint: Mapping[str, Any],
    ) -> Reducer:
        """Return the reducer of a delta channel at a checkpoint with these metadata.

        It is the one that they name; else the one passed to `open`; else the only one of the graphs at hand
        that have the nodes which ran; else the one that an earlier checkpoint names. Raises `UnknownReducer`.
        """
        name = stored_reducer_name(metadata)
        if found := self._by_name(name) or self._given:
            return found
        if name is None:
            seen = map(str, checkpoint.get("versions_seen") or ())
            ran = {node for node in seen if not node.startswith("__")}
            able = {schema.reducer for schema in self._unnamed if ran <= schema.nodes}
            if len(able) == 1 and (only := able.pop()) is not None:
                return only
            for _, _, earlier in ancestors(
                connection, (at["thread_id"], "", at["checkpoint_id"]), with_metadata=True
            ):
                if (name := stored_reducer_name(parse_metadata(earlier))) is not None:
                    break
            if found := self._by_name(name):
                return found
        raise UnknownReducer(name)

    def _by_name(self, name: str | None) -> Reducer | None:
        if name is None:
            return None
        if name in self._reducers:
            return self._reducers[name]
        return KNOWN_REDUCERS[name]() if name in KNOWN_REDUCERS else None


def stored_reducer_name(metadata: Mapping[str, Any]) -> str | None:
    """Return the name of the reducer of the graph that wrote a checkpoint; None if its metadata lack it."""
    name = metadata.get(REDUCER_METADATA)
    if isinstance(name, str):
        return name
    return "_messages_delta_reducer" if metadata.get("ls_integration") in DEEPAGENTS else None


def reducer_name(reducer: Reducer) -> str:
    """Return the name of a reducer in checkpoint metadata: that of a known one, else `module:name`."""
    path = (getattr(reducer, "__module__", ""), getattr(reducer, "__qualname__", type(reducer).__name__))
    return MERGED_AS.get(path, ":".join(path))


def snapshot_value(stored: Any) -> Any:
    """Return the value in a delta channel's snapshot; any other value as it is."""
    return stored.value if isinstance(stored, DeltaSnapshot) else stored


def find_channel(
    values: Mapping[str, Any], deltas: Mapping[str, Any], named: object, known: Collection[str]
) -> str | None:
    """Return the channel of a checkpoint that holds the conversation; None if it has no messages.

    `values`: the checkpoint's channels; `deltas`: its delta channels, of which some have no value there;
    `named`: the channel that its metadata name; `known`: the message channels of graphs that are at hand.
    Raises `Undecodable` if that does not show.
    """
    if CHANNEL in values or CHANNEL in deltas:
        return CHANNEL
    if isinstance(named, str):
        return named if named in values or named in deltas else None
    if not values.keys().isdisjoint(FUNCTIONAL_CHANNELS):
        found = [name for name in FUNCTIONAL_CHANNELS if _holds_messages(messages_in(name, values.get(name)))]
        if not found:
            raise Undecodable("what its functional agent returned holds no `messages`")
        return found[0]
    found = [name for name in known if name in values or name in deltas]
    if len(found) != 1:
        found = [name for name, value in values.items() if name != "__start__" and _holds_messages(value)]
    if len(found) > 1 or (not found and any(name not in values for name in deltas)):
        raise Undecodable("it does not show which channel holds the conversation")
    return found[0] if found else None


def messages_in(channel: str, value: Any) -> Any:
    """Return the messages in a channel's value.

    What a functional agent returned may be a mapping with `messages`, or these alone.
    """
    is_mapping = channel in FUNCTIONAL_CHANNELS and isinstance(value, dict)
    return value.get(CHANNEL) if is_mapping else value


def _holds_messages(stored: Any) -> bool:
    value = snapshot_value(stored)
    return isinstance(value, list) and bool(value) and all(map(_is_message, value))


def _is_message(item: Any) -> bool:
    return isinstance(item, BaseMessage) or (isinstance(item, dict) and {"role", "content"} <= item.keys())


def replay(reducer: Reducer, seed: Any, writes: Sequence[Any]) -> Any:
    """Return a delta channel's value: `seed` and then `writes`, oldest first; an `Overwrite` replaces all
    before.

    As LangGraph's `DeltaChannel.replay_writes`.
    """
    at = next((at for at in reversed(range(len(writes))) if _overwrite(writes[at])[0]), None)
    if at is not None:
        seed, writes = _overwrite(writes[at])[1], writes[at + 1 :]
    return reducer(list(seed), list(writes)) if writes else seed


def _overwrite(value: Any) -> tuple[bool, Any]:
    """Whether a write is LangGraph's `Overwrite`, in one of its three forms, and its value."""
    kind = type(value)
    if kind.__name__ == "Overwrite" and kind.__module__ == "langgraph.types":  # a second to import
        return True, value.value or []
    if isinstance(value, dict):
        if list(value) == ["__overwrite__"]:
            return True, value["__overwrite__"] or []
        if value.get("type") == "__overwrite__" and "value" in value:
            return True, value["value"] or []
    return False, value
