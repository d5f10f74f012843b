"""A hypothesis machine: whatever is done to a thread, its rows are what a plain decoding of its head gives."""

from __future__ import annotations

import contextlib
import itertools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypedDict

from conversation_shapes import PIPELINES, keep_last, longer, summarise, trim
from graphs import config, stock_saver
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base.id import uuid6
from langgraph.errors import EmptyInputError, InvalidUpdateError
from langgraph.func import entrypoint
from langgraph.graph import START, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES, _messages_delta_reducer, add_messages
from langgraph.types import Command, interrupt
from versions import with_versions

import threads
from agent import build_agent
from threads.graphs import guard_messages, merge_messages

WHICH = st.integers(0, 7)
"""A message or a checkpoint, counted from the end."""
PLAIN_TEXTS = ("one", "two", "ask", "fail", "tools", "odd", "none", "nothing", "date")
ID_TEXTS = ("change", "remove", "clear", "again", "prepend", "same")
"""What nodes answer with changes of the conversation, where its messages have ids."""
TEXTS = st.sampled_from((*PLAIN_TEXTS, *ID_TEXTS, "one", "one"))
CHANGES = st.sampled_from(("add", "change", "remove", "clear", "again", "human", "nothing"))
MADE = st.sampled_from(
    ("shorter", "longer", "turned", "twice", "changed", "empty", "same", "first", "no ids")
)


@dataclass
class Script:
    """What the nodes of a history have done."""

    fails: bool = False
    removed: list[BaseMessage] = field(default_factory=list)
    numbers: Any = field(default_factory=itertools.count)

    def text(self, word: str = "done") -> str:
        return f"{word} {next(self.numbers)}"

    def id(self) -> str:
        """An id that is no UUID."""
        return f"id-{next(self.numbers)}"

    def change(self, kind: str, messages: Sequence[Any]) -> list[Any]:
        """An update of a conversation whose messages have ids."""
        which = messages[len(messages) // 2]
        if kind == "change":
            return [which.model_copy(update={"content": self.text("changed")})]
        if kind == "remove":
            self.removed.append(which)
            return [RemoveMessage(which.id)]
        if kind == "clear":
            self.removed += messages
            return [RemoveMessage(REMOVE_ALL_MESSAGES)]
        if kind == "again":
            return [*self.removed[-2:]]
        if kind == "prepend":
            return [RemoveMessage(REMOVE_ALL_MESSAGES), HumanMessage(self.text("first")), *messages]
        return [*messages]  # same

    def answer(self, messages: Sequence[Any], *, has_ids: bool) -> list[Any]:
        """What a node adds to a conversation, by the text of its last message."""
        text = messages[-1].text.split()[0] if messages and isinstance(messages[-1], BaseMessage) else "one"
        if has_ids and text in ID_TEXTS:
            return [*self.change(text, messages), AIMessage(self.text())]
        if text == "fail" and self.fails:
            self.fails = False
            raise ConnectionError("the model is down")
        if text == "ask":
            return [AIMessage(f"{interrupt('sure?')} {next(self.numbers)}")]
        if text in ("tools", "date"):
            return self._tools(date(2026, 1, 2) if text == "date" else {"b": 1.0, "a": [True, None]})
        if text == "odd":
            content: list[Any] = [
                self.text("a\ud800b"),
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ]
            return [AIMessage(content, id=f"\udfff {next(self.numbers)}"), SystemMessage(self.text("note"))]
        if text == "none":
            return [AIMessage(self.text(), name="bot", response_metadata={"stopped": True})]
        return [] if text == "nothing" else [AIMessage(self.text())]

    def _tools(self, argument: Any) -> list[Any]:
        id = self.id()
        call = {"name": "look", "args": {"x": argument}, "id": id}
        usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
        return [
            AIMessage(
                [{"type": "reasoning", "reasoning": "hm"}, self.text("so")],
                tool_calls=[call],
                usage_metadata=usage,
            ),
            ToolMessage(self.text("found"), tool_call_id=id, name="look"),
            AIMessage(self.text()),
        ]


@dataclass(frozen=True)
class Kind:
    """A graph that has a conversation."""

    build: Callable[[Script], Any]
    has_ids: bool = False
    channel: str | None = "messages"
    """None: a functional agent, whose state cannot be updated."""
    last_node: str | None = None


def chat(channel: Any, nodes: Sequence[str], *, has_ids: bool, name: str = "messages") -> Kind:
    """A graph of nodes in a row."""

    def build(script: Script) -> Any:
        state: Any = TypedDict("State", {name: Annotated[list, channel]})  # type: ignore[operator]
        builder: Any = StateGraph(state)
        nodes_of = {
            "trim": lambda: trim(script),  # type: ignore[arg-type]
            "summarise": lambda: summarise(script),  # type: ignore[arg-type]
            "append": lambda: lambda state: {name: script.answer(state[name], has_ids=has_ids)},
            "whole list": lambda: (
                lambda state: {name: [*state[name], *script.answer(state[name], has_ids=False)]}
            ),
            "note": lambda: lambda state: {name: [HumanMessage(script.text("note"))]},
        }
        names = [f"{number} {kind}" for number, kind in enumerate(nodes)]
        for node, kind in zip(names, nodes, strict=True):
            builder.add_node(node, nodes_of[kind]())
        builder.add_edge(START, names[0])
        for pair in itertools.pairwise(names):
            builder.add_edge(*pair)
        graph = builder.compile()
        is_ours = isinstance(channel, DeltaChannel) and channel.reducer is merge_messages
        return guard_messages(graph) if is_ours else graph

    return Kind(build, has_ids, name, f"{len(nodes) - 1} {nodes[-1]}")


def functional(script: Script) -> Any:
    """An agent of LangGraph's functional API."""

    @entrypoint()
    def agent(given: Any, *, previous: Any = None) -> Any:
        messages = [*(previous or {}).get("messages", ()), *given["messages"]]
        return {"messages": [*messages, *script.answer(messages, has_ids=False)][-5:]}

    return agent


REDUCERS: dict[str, tuple[Any, bool]] = {
    "add_messages": (add_messages, True),
    "merge_messages": (DeltaChannel(merge_messages, snapshot_frequency=5), True),
    "delta": (DeltaChannel(_messages_delta_reducer, snapshot_frequency=4), True),
    "rare snapshots": (DeltaChannel(_messages_delta_reducer), True),
    "operator.add": (operator.add, False),
    "longer": (longer, False),
    "keep_last": (keep_last, False),
}
KINDS = {
    f"{reducer}, {nodes}": chat(channel, PIPELINES[nodes], has_ids=has_ids)
    for reducer, (channel, has_ids) in REDUCERS.items()
    for nodes in (("append", "two nodes", "trim", "summarise", "note") if has_ids else ("append", "note"))
}
KINDS |= {
    "whole list": chat(add_messages, ("append", "whole list"), has_ids=True),
    "chat": chat(add_messages, ("append",), has_ids=True, name="chat"),
    "functional": Kind(functional, channel=None),
    "build_agent": Kind(lambda script: build_agent(), has_ids=True, last_node="model"),
}


class World:
    """One file, opened by two registries and by a stock saver; each history has threads of its own."""

    def __init__(self, path: Path) -> None:
        self.path, self.script = path, Script()
        self.registry, self.second = self.open(), self.open()
        self.stock = stock_saver(path)
        self.graphs = {name: kind.build(self.script) for name, kind in KINDS.items()}
        self.ours = self.with_saver(self.registry.checkpointer)
        self.theirs = self.with_saver(self.stock)
        self.runner = threads.Runner(self.registry, self.graphs, recover=False)
        self.ids = (f"thread {number}" for number in itertools.count())

    def open(self) -> threads.Registry:
        return threads.open(self.path, reducer=_messages_delta_reducer)

    def with_saver(self, saver: Any) -> dict[str, Any]:
        return {name: graph.copy(update={"checkpointer": saver}) for name, graph in self.graphs.items()}

    def reopen_second(self) -> None:
        self.second.close()
        self.second = self.open()

    def close(self) -> None:
        self.runner.close()
        self.stock.conn.close()
        self.second.close()
        self.registry.close()


def decoded(registry: threads.Registry, id: str) -> list[threads.Message]:
    """The messages at the head of a thread, with their versions, decoded from the checkpoints alone."""
    registry._context.flush(id)
    decoder = registry._context.decoder
    with registry._context.store.read() as tx:
        head_id = tx.threads.get_visible(id).head_id
        if head_id is None:
            return []
        found = decoder.messages(tx.connection, id, head_id, dated=True)
        if found is None:
            raise decoder.why_unknown(tx.connection, id, head_id)
        return with_versions(found, decoder.branches(tx.connection, id))


def compare(registry: threads.Registry, id: str, *, has_steps: bool = True) -> list[threads.Message]:
    """Compare the rows of a thread with a decoding; return its messages.

    `has_steps`: the history has all steps, by which a decoding knows times and runs. Else the rows know more.
    """
    expected, found = decoded(registry, id), list(registry.messages(id))
    if not has_steps:
        expected, found = (
            [replace(each, created_at=None, run_id=None) for each in side] for side in (expected, found)
        )
    assert found == expected, "\n".join(differences(found, expected))
    return found


def differences(found: Sequence[threads.Message], expected: Sequence[threads.Message]) -> list[str]:
    """The rows beside the decoding, where they differ."""
    lines = [f"{len(found)} rows, {len(expected)} messages"]
    for place, (row, message) in enumerate(itertools.zip_longest(found, expected)):
        if row is None or message is None:
            lines.append(f"{place}: {row} | {message}")
        elif row != message:
            fields = [name for name in message.__slots__ if getattr(row, name) != getattr(message, name)]
            lines += [f"{place} {name}: {getattr(row, name)} | {getattr(message, name)}" for name in fields]
    return lines


class RowMachine(RuleBasedStateMachine):
    """One history."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.registry = world, world.registry
        self.has_steps = True

    @initialize(name=st.sampled_from(sorted(KINDS)))
    def begin(self, name: str) -> None:
        self.name, self.kind = name, KINDS[name]
        self.id = next(self.world.ids)
        self.registry.create(id=self.id, agent_id=name)
        vars(self.world.script).update(vars(Script()))

    # turns

    @rule(texts=st.lists(TEXTS, min_size=1, max_size=3), by=st.sampled_from(("ours", "theirs", "run")))
    def say(self, texts: list[str], by: str) -> None:
        for text in texts:
            message = HumanMessage(
                self.world.script.text(text), id=self.world.script.id() if text == "two" else None
            )
            self.world.script.fails = True
            if by == "run":
                self.end(
                    lambda message=message: self.world.runner.start(self.id, input={self.channel: [message]})
                )
            else:
                self.invoke(by, {self.channel: [message]})

    @rule(by=st.sampled_from(("ours", "theirs", "run")), answer=st.booleans())
    def go_on(self, by: str, answer: bool) -> None:
        if by == "run":
            self.end(
                lambda: (
                    self.world.runner.resume(self.id, "yes") if answer else self.world.runner.retry(self.id)
                )
            )
        else:
            self.invoke(by, Command(resume="yes") if answer else None)

    # writes without a turn

    @rule(kind=CHANGES, by=st.sampled_from(("ours", "theirs")), which=WHICH, as_input=st.booleans())
    def update(self, kind: str, by: str, which: int, as_input: bool) -> None:
        """An update of the state at the head, or at an earlier checkpoint."""
        if self.kind.channel is None:
            return
        checkpoints = self.registry.history(self.id).items
        at = config(self.id)
        if which % 4 == 0 and len(checkpoints) > which > 0:
            at["configurable"]["checkpoint_id"] = checkpoints[which].id
        graph = getattr(self.world, by)[self.name]
        with contextlib.suppress(*REFUSED):
            messages = [
                each
                for each in graph.get_state(at).values.get(self.channel, ())
                if isinstance(each, BaseMessage)
            ]
            values: list[Any] = [
                (HumanMessage if kind == "human" else AIMessage)(self.world.script.text("added"))
            ]
            if kind == "nothing":
                values = []
            elif kind not in ("add", "human") and self.kind.has_ids and messages:
                values = self.world.script.change(kind, messages)
            graph.update_state(
                at, {self.channel: values}, as_node="__start__" if as_input else self.kind.last_node
            )

    @rule(made=MADE, which=WHICH, by=st.sampled_from(("ours", "theirs")))
    def put(self, made: str, which: int, by: str) -> None:
        """A state that another program made, stored without writes."""
        self.registry._context.flush()
        saver = self.registry.checkpointer if by == "ours" else self.world.stock
        head = saver.get_tuple(config(self.id))
        if head is None or self.kind.channel is None:
            return
        with contextlib.suppress(*REFUSED):
            messages = list(
                getattr(self.world, by)[self.name].get_state(config(self.id)).values[self.channel]
            )
            values = {**head.checkpoint["channel_values"], self.channel: self.make(made, which, messages)}
            checkpoint = {**head.checkpoint, "id": str(uuid6()), "channel_values": values}
            saver.put(head.config, checkpoint, {"source": "update", "step": 0}, {})
            self.has_steps = False

    def make(self, made: str, which: int, messages: list[Any]) -> list[Any]:
        at = which % (len(messages) or 1)
        if made == "shorter":
            return messages[:at] + messages[at + 1 :]
        if made == "longer":
            return [*messages[:at], AIMessage("between", id=self.world.script.id()), *messages[at:]]
        if made == "changed":
            return [*messages[:at], *(each.model_copy(update={"content": "else"}) for each in messages[at:])]
        if made == "no ids":
            return [*messages[:at], *(each.model_copy(update={"id": None}) for each in messages[at:])]
        return {
            "turned": messages[::-1], "twice": [*messages, *messages[:1]], "empty": [], "same": messages,
            "first": messages[:1],
        }[made]  # fmt: skip

    # branches

    @rule()
    def undo(self) -> None:
        with contextlib.suppress(*REFUSED):
            self.registry.undo(self.id)

    @rule(which=WHICH)
    def rewind(self, which: int) -> None:
        with contextlib.suppress(*REFUSED):
            if ids := [each.id for each in self.registry.messages(self.id) if each.id]:
                self.registry.rewind(self.id, to=ids[-1 - which % len(ids)])

    @rule(which=WHICH)
    def rewind_to_checkpoint(self, which: int) -> None:
        with contextlib.suppress(*REFUSED):
            if ids := [each.id for each in self.registry.history(self.id)]:
                self.registry.rewind(self.id, to=ids[which % len(ids)])

    @rule(which=WHICH)
    def rewind_to_version(self, which: int) -> None:
        with contextlib.suppress(*REFUSED):
            tips = [tip for each in self.registry.messages(self.id) for tip in each.versions]
            if tips:
                self.registry.rewind(self.id, to=tips[which % len(tips)])

    @rule()
    def regenerate(self) -> None:
        self.end(lambda: self.world.runner.regenerate(self.id))

    @rule(which=WHICH, text=TEXTS)
    def edit(self, which: int, text: str) -> None:
        with contextlib.suppress(*REFUSED):
            ids = [each.id for each in self.registry.messages(self.id) if each.id and each.role == "user"]
            if ids:
                self.end(
                    lambda: self.world.runner.edit(
                        self.id, ids[-1 - which % len(ids)], self.world.script.text(text)
                    )
                )

    @rule(which=WHICH, stay=st.booleans())
    def fork(self, which: int, stay: bool) -> None:
        with contextlib.suppress(*REFUSED):
            ids = [each.id for each in self.registry.history(self.id)]
            new = self.registry.fork(
                self.id, at=ids[which % len(ids)] if ids else None, new_id=next(self.world.ids)
            ).id
            self.compare_at(self.registry, new)
            self.id = self.id if stay else new

    # reads and maintenance

    @rule(where=st.sampled_from(("registry", "second", "reopened", "list")))
    def read(self, where: str) -> None:
        if where == "reopened":
            self.world.reopen_second()
        if where == "list":
            list(self.world.second.list(limit=3))
        else:
            self.compare_at(self.registry if where == "registry" else self.world.second, self.id)

    @rule(limit=st.integers(1, 4), second=st.booleans())
    def read_pages(self, limit: int, second: bool) -> None:
        registry = self.world.second if second else self.registry
        with contextlib.suppress(*UNKNOWN):
            expected = decoded(registry, self.id)
            page = registry.messages(self.id, limit=limit)
            assert page.total == len(expected)
            found, ids = list(page), [each.id for each in expected]
            while page.next_cursor and ids.index(page.next_cursor) == len(expected) - len(found):
                page = registry.messages(self.id, limit=limit, before=page.next_cursor)
                found = [*page, *found]
            rest = expected[len(expected) - len(found) :]
            assert [(each.id, each.text, each.versions) for each in found] == [
                (None if each.id is None else each.id, each.text, each.versions) for each in rest
            ]

    @rule(keep=st.integers(1, 3))
    def prune(self, keep: int) -> None:
        with contextlib.suppress(*REFUSED):
            self.registry.prune([self.id], keep=keep)
            self.has_steps = False

    def teardown(self) -> None:
        self.compare_at(self.world.second, self.id)
        self.compare_at(self.registry, self.id)

    # helpers

    @property
    def channel(self) -> str:
        return self.kind.channel or "messages"

    def compare_at(self, registry: threads.Registry, id: str) -> None:
        compare(registry, id, has_steps=self.has_steps)

    def invoke(self, by: str, given: Any) -> None:
        self.registry._context.flush()
        with contextlib.suppress(*REFUSED):
            getattr(self.world, by)[self.name].invoke(given, config(self.id), durability="sync")

    def end(self, start: Callable[[], Any]) -> None:
        with contextlib.suppress(*REFUSED):
            start().result(20)


UNKNOWN = (threads.MessagesUnknown, threads.StateDamaged)
REFUSED = (
    *UNKNOWN, threads.ThreadsError, EmptyInputError, InvalidUpdateError, ConnectionError, ValueError, KeyError, TypeError,
    AttributeError, IndexError,
)  # fmt: skip
"""What an operation may raise that is not possible at its place: others are compared by other tests."""
