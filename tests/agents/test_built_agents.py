"""Agents of LangChain, deepagents, supervisor, swarm and LangGraph's own tutorials, in every interface."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agent_dialogues import DIALOGUES, Line, Turn, count, preview
from agent_interfaces import INTERFACES, InvokeInterface, open_for_writing, open_interface
from agent_table import UNAVAILABLE
from built_agents import BUILDERS
from graphs import config
from langgraph.checkpoint.memory import InMemorySaver
from scripted_model import outage

import threads
from threads.serialization import to_jsonable


def speak(interface: InvokeInterface, *turns: Turn) -> None:
    """Send the messages of these turns, and answer what the agent asks."""
    for turn in turns:
        interface.send(turn.user)
        if turn.question:
            interface.answer(turn.answer)


def lines(messages: list[Any]) -> list[Line]:
    return [(message["role"], message["text"]) for message in messages]


def id_of(interface: InvokeInterface, turn: Turn) -> str:
    """The id of a turn's user message."""
    [found] = [each["id"] for each in interface.messages() if each["text"] == turn.user]
    return str(found)


def checkpoint_of(interface: InvokeInterface, expected: list[Line]) -> str:
    """The first checkpoint that holds these lines and no others."""
    found = [
        checkpoint.id
        for checkpoint in interface.registry.history("a")
        if lines(list(map(to_jsonable, interface.registry.messages("a", at=checkpoint.id)))) == expected
    ]
    return str(found[-1])


class Cell:
    """One agent in one interface: a file with the first three turns of its dialogue."""

    def __init__(self, name: str, kind: str, path: Path) -> None:
        self.dialogue, self._open = DIALOGUES[name], (kind, name, path)

    @property
    def target(self) -> Turn:
        return self.dialogue.turns[self.dialogue.target]

    @property
    def before_target(self) -> tuple[Turn, ...]:
        return self.dialogue.turns[: self.dialogue.target]

    def lines_to_target(self) -> list[Line]:
        """The lines when the target's user message first stood in the thread."""
        if self.dialogue.is_stored_at_end:
            return self.dialogue.lines((*self.before_target, self.target))
        return [*self.dialogue.lines(self.before_target), ("user", self.target.user)]

    def find_target(self, interface: InvokeInterface) -> tuple[str, str]:
        """Where the target's user message stands, and what is before it: messages, or else checkpoints."""
        messages = interface.messages()
        [number] = [n for n, each in enumerate(messages) if each["text"] == self.target.user]
        if messages[number]["id"] is not None:
            return messages[number]["id"], messages[number - 1]["id"]
        before = self.dialogue.lines(self.before_target)
        return checkpoint_of(interface, self.lines_to_target()), checkpoint_of(interface, before)

    def open(self) -> Any:
        return open_interface(*self._open)

    def open_for_writing(self) -> Any:
        return open_for_writing(*self._open)

    def check(self, interface: InvokeInterface, turns: tuple[Turn, ...]) -> None:
        """Check that the thread holds these turns, and that the agent goes on from them."""
        assert lines(interface.messages()) == self.dialogue.lines(turns)
        self.check_listed(interface, self.dialogue.lines(turns))
        speak(interface, self.dialogue.next)
        assert lines(interface.messages()) == self.dialogue.lines((*turns, self.dialogue.next))
        assert interface.problems() == []

    def check_listed(self, interface: InvokeInterface, expected: list[Line]) -> None:
        thread = interface.thread()
        assert thread["title"] == self.dialogue.turns[0].user
        assert (thread["message_count"], thread["last_message"]) == (count(expected), preview(expected))


def check_title(cell: Cell) -> None:
    with cell.open() as interface:
        assert interface.thread()["title"] == cell.dialogue.turns[0].user


def check_count(cell: Cell) -> None:
    with cell.open() as interface:
        assert interface.thread()["message_count"] == count(cell.dialogue.lines(cell.dialogue.turns))


def check_preview(cell: Cell) -> None:
    with cell.open() as interface:
        assert interface.thread()["last_message"] == preview(cell.dialogue.lines(cell.dialogue.turns))


def check_messages(cell: Cell) -> None:
    with cell.open() as interface:
        assert lines(interface.messages()) == cell.dialogue.lines(cell.dialogue.turns)


def check_search(cell: Cell) -> None:
    with cell.open() as interface:
        for turn, word in zip(cell.dialogue.turns, cell.dialogue.words, strict=True):
            assert ("user", turn.user) in interface.search(word)


def check_verify(cell: Cell) -> None:
    with cell.open() as interface:
        assert interface.problems() == []
        cell.check(interface, cell.dialogue.turns)


def check_undo(cell: Cell) -> None:
    first, second, _ = cell.dialogue.turns
    with cell.open() as interface:
        interface.undo()
        assert lines(interface.messages()) == cell.dialogue.lines((first, second))
        interface.undo()
        cell.check(interface, (first,))


def check_regenerate(cell: Cell) -> None:
    with cell.open() as interface:
        interface.regenerate()
        # where the branches part: at the answer, or at the first message that answers
        found = [
            (each["version"], len(each["versions"])) for each in interface.messages() if each["versions"]
        ]
        assert found == [(2, 2)]
        cell.check(interface, cell.dialogue.turns)


def check_edit(cell: Cell) -> None:
    with cell.open() as interface:
        interface.edit(id_of(interface, cell.target), cell.dialogue.edited.user)
        cell.check(interface, (*cell.before_target, cell.dialogue.edited))


def check_fork(cell: Cell) -> None:
    turns, next = cell.dialogue.turns, cell.dialogue.next
    with cell.open() as interface:
        whole, at_target = interface.fork(), interface.fork(cell.find_target(interface)[0])
        assert lines(interface.messages(at_target)) == cell.lines_to_target()
        assert lines(interface.messages(whole)) == cell.dialogue.lines(turns)
        interface.send(next.user, whole)
        assert lines(interface.messages(whole)) == cell.dialogue.lines((*turns, next))
        assert lines(interface.messages()) == cell.dialogue.lines(turns)
        assert interface.problems() == []


def check_rewind(cell: Cell) -> None:
    with cell.open() as interface:
        target, before = cell.find_target(interface)
        interface.rewind(target)
        assert lines(interface.messages()) == cell.lines_to_target()
        interface.rewind(before)
        cell.check(interface, cell.before_target)


def check_retry(cell: Cell) -> None:
    turns, next = cell.dialogue.turns, cell.dialogue.next
    with cell.open_for_writing() as interface, outage(), pytest.raises(Exception, match=r"\w"):
        interface.send(next.user)
    with cell.open() as interface:
        interface.retry()
        assert lines(interface.messages()) == cell.dialogue.lines((*turns, next))
        cell.check_listed(interface, cell.dialogue.lines((*turns, next)))
        assert interface.problems() == []


def check_interrupt(cell: Cell) -> None:
    turns, asking = cell.dialogue.turns, cell.dialogue.asking
    assert asking is not None
    with cell.open_for_writing() as interface:
        interface.send(asking.user)
    with cell.open() as interface:
        assert interface.thread()["status"] == "interrupted"
        [question] = interface.questions()
        assert asking.question in str(question)
        interface.answer(asking.answer)
        assert interface.questions() == []
        cell.check(interface, (*turns, asking))


OPERATIONS: dict[str, Callable[[Cell], None]] = {
    "title": check_title,
    "count": check_count,
    "preview": check_preview,
    "messages": check_messages,
    "search": check_search,
    "undo": check_undo,
    "regenerate": check_regenerate,
    "edit": check_edit,
    "fork": check_fork,
    "rewind": check_rewind,
    "retry": check_retry,
    "interrupt": check_interrupt,
    "verify": check_verify,
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """The file with the three turns of an agent, made once for each interface."""
    folder = tmp_path_factory.mktemp("agents")
    made: dict[tuple[str, str], Path] = {}

    def find(name: str, kind: str) -> Path:
        if (name, kind) not in made:
            path = folder / f"{name} {kind} {len(made)}.db"
            with open_for_writing(kind, name, path) as interface:
                speak(interface, *DIALOGUES[name].turns)
            made[name, kind] = path
        return made[name, kind]

    return find


def cells() -> list[Any]:
    return [
        pytest.param(
            name,
            kind,
            operation,
            id=f"{name}-{kind}-{operation}",
            marks=() if kind == "Runner" else pytest.mark.slow,  # the matrix takes a minute
        )
        for name in BUILDERS
        for kind in INTERFACES
        for operation in OPERATIONS
        if operation != "interrupt" or DIALOGUES[name].asking
    ]


@pytest.mark.parametrize(("name", "kind", "operation"), cells())
def test_agent_has_its_dialogue(name, kind, operation, stored, tmp_path):
    shutil.copy(stored(name, kind), tmp_path / "threads.db")
    cell = Cell(name, kind, tmp_path / "threads.db")
    if (name, kind, operation) not in UNAVAILABLE:
        OPERATIONS[operation](cell)
        return
    with pytest.raises((threads.MessageNotFound, AssertionError), match="has no message"):
        OPERATIONS[operation](cell)
    check_verify(cell)


@pytest.mark.parametrize("name", BUILDERS)
def test_expected_lines_are_what_langgraph_holds(name):
    """The expected values of the matrix, compared with LangGraph alone."""
    interface = InvokeInterface(BUILDERS[name]().copy(update={"checkpointer": InMemorySaver()}))
    dialogue = DIALOGUES[name]
    turns = (*dialogue.turns, dialogue.next, *filter(None, [dialogue.asking]))
    speak(interface, *turns)
    roles = {"human": "user", "ai": "assistant", "tool": "tool"}
    held = [
        ("system" if "lc_source" in each.additional_kwargs else roles[each.type], each.text)
        for each in interface.graph.get_state(config("a")).values["messages"]
    ]
    assert held == dialogue.lines(turns)
