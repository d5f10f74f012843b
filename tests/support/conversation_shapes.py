"""Graphs that keep their conversation in many ways, each with a plain model of what it does to a list of texts."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import START, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES, _messages_delta_reducer, add_messages
from langgraph.types import interrupt

from threads.graphs import guard_messages, merge_messages

KEPT = 3
"""How many messages the trimming nodes and reducers leave."""


@dataclass(eq=False)
class Entry:
    """A message in the model."""

    role: str
    text: str
    before: View | None = None
    """Of a question: the conversation before its turn."""
    stood: View = ()
    """The conversation in which it first stood."""
    id: str | None = None


View = tuple[Entry, ...]


@dataclass
class Script:
    """What the nodes do: they number their answers, interrupt at `ask`, and fail at the first try of `fail`."""

    numbers: Iterator[int] = field(default_factory=itertools.count)
    fails: bool = False

    def answer(self, messages: Sequence[Any]) -> str:
        text = _text(messages[-1])
        if self.fails and text == "fail":
            self.fails = False
            raise ConnectionError("the model is down")
        said = interrupt("sure?") if text == "ask" else "done"
        return f"{said} {next(self.numbers)}"


def _text(message: Any) -> str:
    return str(message["content"] if isinstance(message, dict) else message.text)


def longer(old: list, new: list) -> list:
    """A reducer of an agent's own: a whole list replaces the old one, a shorter one is added."""
    return new if len(new) > len(old) else old + new


def keep_last(old: list, new: list) -> list:
    return (old + new)[-KEPT:]


REDUCERS: dict[str, Any] = {
    "add_messages": add_messages,
    "operator.add": operator.add,
    "merge_messages": DeltaChannel(merge_messages, snapshot_frequency=3),
    "delta": DeltaChannel(_messages_delta_reducer, snapshot_frequency=4),
    "longer": longer,
    "keep_last": keep_last,
}
WITH_IDS = ("add_messages", "merge_messages", "delta")
PIPELINES: dict[str, tuple[str, ...]] = {
    "append": ("append",),
    "whole list": ("whole list",),
    "two nodes": ("append", "append"),
    "trim": ("trim", "append"),
    "summarise": ("summarise", "append"),
    "subgraph": ("subgraph",),
    "note": ("append", "note"),
}


@dataclass(frozen=True)
class Shape:
    """A reducer and the nodes of a graph."""

    reducer: str
    nodes: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.reducer}, {' and '.join(self.nodes)}"

    def build(self, script: Script) -> Any:
        channel = REDUCERS[self.reducer]
        state: Any = TypedDict("State", {"messages": Annotated[list, channel]})  # type: ignore[operator]
        builder: Any = StateGraph(state)
        names = [f"{number} {kind}" for number, kind in enumerate(self.nodes)]
        for name, kind in zip(names, self.nodes, strict=True):
            builder.add_node(name, subgraph(state, script) if kind == "subgraph" else NODES[kind](script))
        builder.add_edge(START, names[0])
        for pair in itertools.pairwise(names):
            builder.add_edge(*pair)
        graph = builder.compile()
        return guard_messages(graph) if self.reducer == "merge_messages" else graph

    @property
    def gives_ids(self) -> bool:
        """Whether its reducer gives ids; else a message may get one on each branch where a node returns it."""
        return self.reducer in WITH_IDS

    def merged(self, view: View, added: View) -> View:
        return (view + added)[-KEPT:] if self.reducer == "keep_last" else view + added


SHAPES = {
    shape.name: shape
    for shape in [
        *(Shape(reducer, nodes) for reducer in WITH_IDS for nodes in PIPELINES.values()),
        *(Shape("operator.add", PIPELINES[name]) for name in ("append", "two nodes", "note")),
        *(Shape("longer", PIPELINES[name]) for name in ("append", "whole list")),
        Shape("keep_last", PIPELINES["append"]),
    ]
}


def append(script: Script) -> Callable[[Any], Any]:
    return lambda state: {"messages": [AIMessage(script.answer(state["messages"]))]}


def whole_list(script: Script) -> Callable[[Any], Any]:
    return lambda state: {"messages": [*state["messages"], AIMessage(script.answer(state["messages"]))]}


def trim(script: Script) -> Callable[[Any], Any]:
    return lambda state: {"messages": [RemoveMessage(each.id) for each in state["messages"][:-KEPT]]}


def summarise(script: Script) -> Callable[[Any], Any]:
    def node(state: Any) -> Any:
        messages = state["messages"]
        if len(messages) <= KEPT + 1:
            return {}
        summary = HumanMessage("summary", additional_kwargs={"lc_source": "summarization"})
        return {"messages": [RemoveMessage(REMOVE_ALL_MESSAGES), summary, *messages[-KEPT:]]}

    return node


def note(script: Script) -> Callable[[Any], Any]:
    """Writes in the user's name, as agents do that hand over to themselves."""
    return lambda state: {"messages": [HumanMessage("note")]}


def subgraph(state: Any, script: Script) -> Any:
    builder: Any = StateGraph(state)
    for name in ("inner", "last"):
        builder.add_node(name, append(script))
    builder.add_edge(START, "inner")
    builder.add_edge("inner", "last")
    return builder.compile()


NODES: dict[str, Callable[[Script], Callable[[Any], Any]]] = {
    "append": append, "whole list": whole_list, "trim": trim, "summarise": summarise, "note": note,
}  # fmt: skip
