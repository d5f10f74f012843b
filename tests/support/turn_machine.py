"""A hypothesis machine: turns and branch operations on random graphs, compared with a plain list of turns."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping
from typing import Any

from conversation_shapes import KEPT, SHAPES, Entry, Script, Shape, View
from graphs import config
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from langchain_core.messages import HumanMessage
from langgraph.types import Command

import threads

WHICH = st.integers(0, 7)
"""A message, counted from the conversation's end."""
TEXTS = st.sampled_from(("one", "two", "one", "two", "ask", "fail"))


class Operations:
    """What the machine does to threads; a test plants its faults here."""

    def __init__(self, registry: threads.Registry, runner: threads.Runner) -> None:
        self.registry, self.runner = registry, runner

    def neighbour(self, id: str, message_id: str | None, role: str | None, step: int) -> str | None:
        """The id of the message of this role before or after this one, or the last one; None if it has none."""
        ids = [each.id for each in self.registry.messages(id) if role in (None, each.role)]
        place = (ids.index(message_id) if message_id in ids else len(ids) - 1) + step
        return ids[place] if 0 <= place < len(ids) else None

    def undo(self, id: str) -> threads.Message:
        return self.registry.undo(id)

    def regenerate(self, id: str, message_id: str | None) -> Any:
        return self.runner.regenerate(id, message_id)

    def edit(self, id: str, message_id: str, text: str) -> Any:
        return self.runner.edit(id, message_id, text)

    def fork(self, id: str, at: str | None, new_id: str) -> threads.Thread:
        return self.registry.fork(id, at=at, new_id=new_id)

    def rewind(self, id: str, to: str) -> threads.Thread:
        return self.registry.rewind(id, to=to)

    def retry(self, id: str) -> Any:
        return self.runner.retry(id)

    def resume(self, id: str, value: str) -> Any:
        return self.runner.resume(id, value)


class World:
    """One registry, in which each history has threads of its own; its graphs have these shapes."""

    def __init__(
        self,
        registry: threads.Registry,
        operations: type[Operations] = Operations,
        shapes: Mapping[str, Shape] = SHAPES,
    ) -> None:
        self.registry, self.script = registry, Script()
        self.graphs = {name: shape.build(self.script) for name, shape in shapes.items()}
        self.plain = {
            name: graph.copy(update={"checkpointer": registry.checkpointer})
            for name, graph in self.graphs.items()
        }
        self.runner = threads.Runner(registry, self.graphs, recover=False)
        self.operations = operations(registry, self.runner)
        self.ids = (f"thread {number}" for number in itertools.count())

    def close(self) -> None:
        self.runner.close()


class TurnMachine(RuleBasedStateMachine):
    """One history: a thread, and the model of it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.registry, self.do = world, world.registry, world.operations
        self.view: View = ()
        self.is_settled = False
        """Whether the thread was compared with the model after the last operation."""
        self.waiting: tuple[str, int, bool] | None = None
        """Of an unfinished turn: whether it `failed` or `asked`, at which node, and whether it is a run."""

    @initialize(name=st.runner().flatmap(lambda machine: st.sampled_from(sorted(machine.world.graphs))))
    def begin(self, name: str) -> None:
        self.shape: Shape = SHAPES[name]
        self.id = next(self.world.ids)
        self.registry.create(id=self.id, agent_id=name)
        self.world.script.numbers, self.numbers = itertools.count(), itertools.count()
        self.world.script.fails = False

    @rule(
        text=TEXTS, by_run=st.booleans(), form=st.sampled_from(("dict", "message", "id")), goes_on=st.booleans()
    )  # fmt: skip
    def say(self, text: str, by_run: bool, form: str, goes_on: bool) -> None:
        message: Any = {"role": "user", "content": text}
        if form != "dict":
            message = HumanMessage(text, id=next(self.world.ids) if form == "id" else None)
        given = {"messages": [message]}
        self.world.script.fails = True
        if by_run:
            self.end(self.world.runner.start(self.id, input=given))
        else:
            self.plainly(given)
        self.take(text, self.view, by_run)
        if goes_on and self.waiting:
            self.go_on()

    @rule(texts=st.lists(TEXTS, min_size=2, max_size=3))
    def talk(self, texts: list[str]) -> None:
        for text in texts:
            self.say(text, by_run=False, form="dict", goes_on=False)

    @precondition(lambda self: self.waiting is not None)
    @rule()
    def go_on(self) -> None:
        kind, node, by_run = self.waiting
        if kind == "asked":
            self.end(self.do.resume(self.id, "yes")) if by_run else self.plainly(Command(resume="yes"))
        else:
            self.end(self.do.retry(self.id)) if by_run else self.plainly(None)
        self.waiting = None
        self.answer(self.view, node, by_run, word="yes" if kind == "asked" else "done")

    @precondition(lambda self: self.question() is not None)
    @rule()
    def undo(self) -> None:
        question = self.question()
        assert self.do.undo(self.id).text == question.text
        self.show(question.before)

    @precondition(lambda self: self.question() is not None)
    @rule()
    def regenerate(self) -> None:
        question = self.question()
        self.end(self.do.regenerate(self.id, None))
        self.answer(question.stood, 0, by_run=True)

    @rule(which=WHICH)
    def regenerate_earlier(self, which: int) -> None:
        entry = self.entry(which, "assistant")
        question = entry and self.question(self.view[: self.view.index(entry)])
        if question:
            self.end(self.do.regenerate(self.id, entry.id))
            self.answer(question.stood, 0, by_run=True)

    @rule(which=WHICH, text=TEXTS)
    def edit(self, which: int, text: str) -> None:
        if (entry := self.entry(which, "user")) and entry.before is not None:
            self.world.script.fails = True
            self.end(self.do.edit(self.id, entry.id, text))
            self.take(text, entry.before, by_run=True)

    @rule(which=WHICH, stay=st.booleans())
    def fork(self, which: int, stay: bool) -> None:
        if entry := self.entry(which):
            source, view, waiting = self.id, self.view, self.waiting
            self.id = self.do.fork(self.id, entry.id, next(self.world.ids)).id
            self.show(entry.stood)
            if stay:
                self.id, self.waiting = source, waiting
                self.show(view, waiting)

    @rule()
    def fork_whole(self) -> None:
        if self.view:
            self.id = self.do.fork(self.id, None, next(self.world.ids)).id
            self.show(
                self.view,
                self.waiting and (*self.waiting[:2], self.waiting[0] == "asked" and self.waiting[2]),
            )

    @rule(which=WHICH)
    def rewind(self, which: int) -> None:
        entry = self.entry(which)
        is_head = self.waiting and entry and entry.stood == self.view  # perhaps, or a copy that waits no more
        if entry and not is_head:
            self.do.rewind(self.id, entry.id)
            self.show(entry.stood)

    def teardown(self) -> None:
        if self.is_settled:
            state = self.world.plain[self.shape.name].get_state(config(self.id))
            texts = [
                each["content"] if isinstance(each, dict) else each.text
                for each in state.values.get("messages", ())
            ]
            assert texts == [entry.text for entry in self.view]

    def question(self, view: View | None = None) -> Entry | None:
        """The last question of a conversation, by default of the one in view."""
        view = self.view if view is None else view
        return next((entry for entry in reversed(view) if entry.before is not None), None)

    def entry(self, which: int, role: str | None = None) -> Entry | None:
        """A message in view that has an id, of any role or of this one."""
        found = [entry for entry in reversed(self.view) if entry.id and role in (None, entry.role)]
        return found[which % len(found)] if found else None

    def plainly(self, given: Any) -> None:
        with contextlib.suppress(ConnectionError):
            self.world.plain[self.shape.name].invoke(given, config(self.id), durability="sync")

    def end(self, run: Any) -> None:
        try:
            run.result(20)
        except threads.RunFailed as error:
            assert "the model is down" in str(error), error

    def take(self, text: str, before: View, by_run: bool) -> None:
        """The model of a turn."""
        self.world.script.fails = False
        question = Entry("user", text, before)
        question.stood = self.shape.merged(before, (question,))
        self.answer(question.stood, 0, by_run, fails=True)

    def answer(self, view: View, node: int, by_run: bool, *, fails: bool = False, word: str = "") -> None:
        """The model of the nodes from `node` on."""
        self.waiting = None
        for at, kind in enumerate(self.shape.nodes[node:], node):
            if kind == "trim":
                view = view[-KEPT:]
            elif kind == "summarise":
                if len(view) > KEPT + 1:
                    view = ((summary := Entry("summary", "summary")), *view[-KEPT:])
                    summary.stood = view
            elif kind == "note":
                view = self.shape.merged(view, (note := Entry("user", "note"),))
                note.stood = view
            else:
                trigger = None if word else {"ask": "asked", "fail": fails and "failed"}.get(view[-1].text)
                if trigger:
                    self.waiting = trigger, at, by_run
                    break
                said = [word or "done", "done"] if kind == "subgraph" else [word or "done"]
                word = "done"
                entries = tuple(Entry("assistant", f"{each} {next(self.numbers)}") for each in said)
                view = self.shape.merged(view, entries)
                for entry in entries:
                    entry.stood = view
        self.show(view, self.waiting)

    def show(self, view: View, waiting: tuple[str, int, bool] | None = None) -> None:
        """Compare the thread with what is expected, and note the ids of the messages."""
        self.view, self.waiting, self.is_settled = view, waiting, False
        messages = self.registry.messages(self.id).items
        assert [each.text for each in messages] == [entry.text for entry in view]
        for entry, message in zip(view, messages, strict=True):
            assert entry.role in ("summary", message.role)
            assert entry.id in (None, message.id) or not self.shape.gives_ids
            entry.id = message.id
        self.is_settled = True
