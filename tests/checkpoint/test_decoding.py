"""Stored values: an interrupt while one is decoded is raised, and never taken for damage."""

import re
import signal
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import ormsgpack
import pytest
from fused_message import Fuse, Fused
from graphs import Plain, compiled, config, said
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from langgraph.types import Command, Interrupt, Overwrite, Send
from locations import SUPPORT
from pydantic import BaseModel
from run_helpers import until

import threads
from threads.checkpoint.serde import LenientSerializer, StrictSerializer


class Deep(Plain):
    """Plain messages, and others some levels below the value that is stored."""

    beside: Any


class Panic(BaseException):
    """As `pyo3_runtime.PanicException`."""


@pytest.fixture
def fuse():
    yield Fuse
    Fuse.raises = None


def talking(saver):
    return compiled(Deep, lambda state: {"messages": [AIMessage("you said something")]}, saver)


PLACES = {
    "message": {"messages": [Fused("hello")]},
    "below": {"messages": [HumanMessage("hello")], "beside": deque([{"in": deque([Fused("deep")])}])},
}
"""Inputs with such a message: as one of the conversation, and inside of other values."""


def fused_file(path, place):
    """A healthy thread, and one with such a message."""
    with threads.open(path, types=[Fused]) as registry:
        graph = talking(registry.checkpointer)
        graph.invoke(PLACES[place], config("a"))
        graph.invoke(said("healthy"), config("b"))
    return path


def stored_title(path):
    with threads.open(path, read_only=True) as registry, registry._database.read() as connection:
        return connection.execute(
            "SELECT projected_id IS NOT NULL, auto_title FROM threads_thread WHERE thread_id = 'a'"
        ).fetchone()[:]


LOOKS = {
    "list": lambda registry: registry.list(),
    "get": lambda registry: registry.get("a"),
    "search": lambda registry: registry.search("hello"),
    "messages": lambda registry: registry.messages("a"),
    "verify": lambda registry: registry.verify(),
    "repair": lambda registry: registry.repair(),
    "get_state": lambda registry: talking(registry.checkpointer).get_state(config("a")),
    "invoke": lambda registry: talking(registry.checkpointer).invoke(said("more"), config("a")),
    "prune": lambda registry: registry.prune(["a"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("raises", [KeyboardInterrupt, MemoryError, SystemExit, Panic])
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("place", PLACES)
def test_an_interrupt_while_a_message_is_decoded_is_raised_and_nothing_is_stored_of_it(
    tmp_path, fuse, raises, look, place
):
    path = fused_file(tmp_path / "t.db", place)
    with threads.open(path, types=[Fused]) as registry:
        registry.update("a", metadata={"touched": 1})
        with registry._database._writer._lock:  # stale again, as after another process's turn
            registry._database._writer._connection.execute("UPDATE threads_thread SET projected_id = NULL")
        fuse.raises = raises
        with pytest.raises(raises):
            LOOKS[look](registry)
        fuse.raises = None
        assert registry.get("a").title == "hello"
        assert registry.get("a").message_count == 2
        assert registry.create(id="c").id == "c"
        assert [hit.thread.id for hit in registry.search("hello")][:1] == ["a"]
        assert registry.verify() == []
    assert stored_title(path) == (1, "hello")


SCRIPT = """
import os, signal, sys, threads
sys.path.insert(0, {tests!r})
import fused_message
signal.signal(signal.SIGINT, signal.default_int_handler)
fused_message.Fuse.press = lambda: os.kill(os.getpid(), signal.SIGINT)
with threads.open({path!r}, types=[fused_message.Fused]) as registry:
    print(registry.list())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill with SIGINT ends the process there")
@pytest.mark.parametrize("place", PLACES)
def test_ctrl_c_while_a_message_is_decoded_ends_the_program_and_stores_nothing(tmp_path, place):
    path = fused_file(tmp_path / "t.db", place)
    with threads.open(path) as registry, registry._database._writer._lock:
        registry._database._writer._connection.execute("UPDATE threads_thread SET projected_id = NULL")
        registry._context.idle._closed.set()
    code = SCRIPT.format(tests=str(SUPPORT), path=str(path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "KeyboardInterrupt" in done.stderr
    assert done.stdout == ""
    with threads.open(path, types=[Fused]) as registry:
        assert registry.get("a").title == "hello"
        assert registry.verify() == []


def seconds(work):
    began = monotonic()
    work()
    return monotonic() - began


def interrupted(work, right):
    """How often `work` was interrupted by a signal, each time a bit later; else it is right each time."""
    assert work() == right
    step, times = (
        min(seconds(work) for _ in range(5)) / 200,
        0,
    )  # one that waited for the processor says nothing
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for number in range(1, 200):
            found = None
            try:
                signal.setitimer(signal.ITIMER_REAL, number * step)
                found = work()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                times += found is None
            assert found is None or found == right
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return times


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers that send signals")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it may hit a finaliser
@pytest.mark.parametrize("kind", [StrictSerializer, LenientSerializer])
def test_a_signal_at_any_moment_of_decoding_and_encoding_is_raised_or_changes_nothing(kind):
    serde = kind()
    inner = deque([HumanMessage(f"{number} " + "x" * 30_000, id=str(number)) for number in range(40)])
    value = {"messages": list(inner), "below": deque([{"in": inner}])}
    stored = serde.dumps_typed(value)
    assert interrupted(lambda: serde.loads_typed(stored), value) > 5
    assert interrupted(lambda: serde.dumps_typed(value), stored) > 5


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Pair:
    left: Any
    right: Any


class Model(BaseModel):
    number: int


VALUES = [
    None, b"bytes", bytearray(b"array"), "text", 1.5, {"a": [1, {2: 3}]}, {1, 2}, frozenset("ab"),
    deque([1, deque([2])]), datetime(2026, 1, 2, 3, 4, tzinfo=UTC), date(2026, 1, 2),
    timedelta(3), UUID(int=7), Decimal("1.5"), IPv4Address("10.0.0.1"), Path("a/b"), re.compile("a+", re.I),
    ZoneInfo("Europe/Berlin"), Send("node", {"x": [HumanMessage("x")]}), Command(update={"a": 1}, goto="x"),
    Interrupt(value={"q": [AIMessage("x")]}, id="i"), Overwrite([1]), Point(1, 2), Pair(1, [Pair(2, 3)]), Model(number=3),
    [HumanMessage("hi", id="1"), AIMessage("", tool_calls=[{"name": "t", "args": {"a": 1}, "id": "c"}])],
    _DeltaSnapshot([HumanMessage("seed", id="2")]), Document(page_content="d"), {"e": ValueError("x")},
]  # fmt: skip
TYPES = [Point, Pair, Model]


@pytest.mark.parametrize("types", [[], TYPES])
@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_read_as_the_stock_serialiser_reads_them(value, types):
    stock = JsonPlusSerializer(allowed_msgpack_modules=types)
    stored = stock.dumps_typed(value)
    found, expected = LenientSerializer(types).loads_typed(stored), stock.loads_typed(stored)
    assert type(found) is type(expected)
    assert repr(found) == repr(expected)
    if types:
        assert repr(StrictSerializer(types).loads_typed(stored)) == repr(expected)


def test_an_allow_list_that_langgraph_adds_counts():
    stored = JsonPlusSerializer().dumps_typed(Point(1, 2))
    with pytest.raises(threads.TypeNotAllowed, match="Point"):
        StrictSerializer().loads_typed(stored)
    assert StrictSerializer().with_msgpack_allowlist([Point]).loads_typed(stored) == Point(1, 2)


def test_what_is_nested_without_end_is_damaged_and_stops_nothing():
    data = ormsgpack.packb([1])
    for _ in range(3000):
        data = ormsgpack.packb(ormsgpack.Ext(7, data))
    with pytest.raises(threads.StateDamaged):
        StrictSerializer().loads_typed(("msgpack", data))
    with pytest.raises(threads.StateDamaged):
        StrictSerializer().loads_typed(("json", b"[" * 100_000))


@pytest.mark.slow
@pytest.mark.parametrize("raises", [KeyboardInterrupt, MemoryError, Panic])
def test_an_interrupt_while_threads_are_refreshed_at_rest_stores_nothing_and_ends_nothing(
    tmp_path, fuse, raises, caplog
):
    path = fused_file(tmp_path / "t.db", "message")
    with threads.open(path, types=[Fused]) as registry:
        graph = talking(registry.checkpointer)
        with registry._database._writer._lock:
            registry._database._writer._connection.execute("UPDATE threads_thread SET projected_id = NULL")
        fuse.raises = raises
        graph.invoke(said("more"), config("b"))
        until(lambda: any(record.levelname == "ERROR" for record in caplog.records))
        fuse.raises = None
        graph.invoke(said("and more"), config("b"))
        until(lambda: stored_title(path) == (1, "hello"))
        assert registry.verify() == []


def test_a_lack_of_stack_is_raised_and_taken_for_no_damage(tmp_path):
    path = fused_file(tmp_path / "t.db", "below")

    def at_depth(frames, look):
        return at_depth(frames - 1, look) if frames else look()

    raised = 0
    with threads.open(path, types=[Fused]) as registry:
        graph = talking(registry.checkpointer)
        limit = sys.getrecursionlimit()
        for frames in range(limit // 2, limit, 7):
            with registry._database._writer._lock:
                registry._database._writer._connection.execute(
                    "UPDATE threads_thread SET projected_id = NULL"
                )
            for look in (lambda: registry.get("a").title, lambda: registry.messages("a")[0].text,
                         lambda: graph.get_state(config("a")).values["messages"][0].text):  # fmt: skip
                try:
                    assert at_depth(frames, look) == "hello"
                except RecursionError:
                    raised += 1
        assert registry.get("a").title == "hello"
        assert registry.verify() == []
    assert raised > 10
