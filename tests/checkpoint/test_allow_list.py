"""Type names in a file widen no allow-list: nothing that a blob or metadata name is imported or called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import ormsgpack
import pytest
from click.testing import CliRunner
from graphs import Plain, compiled, config, plain_graph, trimming_graph
from langchain_core.messages import AIMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph.message import add_messages
from planted_types import ABSENT, CALLED, CANARIES, PRESENT, planted_modules, write_planted_file
from server_helpers import PREFIX, client

import threads
from threads.cli.group import threads as command_group


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[Path]:
    with planted_modules(tmp_path):
        write_planted_file(tmp_path / "threads.db")
        yield tmp_path / "threads.db"


def attempt(*actions: Callable[[], Any]) -> int:
    """Do all of this; errors of ours are an answer. How many were."""
    failed = 0
    for action in actions:
        try:
            action()
        except threads.ThreadsError:
            failed += 1
    return failed


def read_registry(registry: threads.Registry) -> int:
    """Do all that reads, in each thread."""
    failed = attempt(
        lambda: list(registry.search("hello")),
        lambda: registry.stats(),
        lambda: registry.tags(),
        lambda: registry.verify(),
        lambda: registry.prune(dry_run=True),
        lambda: list(registry.events(follow=False)),
    )
    for id in [thread.id for thread in registry.list(limit=100)]:
        failed += attempt(
            lambda id=id: registry.get(id),
            lambda id=id: registry.messages(id),
            lambda id=id: registry.interrupts(id),
            lambda id=id: registry.unread([id], "ann"),
            lambda id=id: [registry.messages(id, at=each.id) for each in registry.history(id)],
            lambda id=id: registry.diff(id, "delta"),
            lambda id=id: registry.runs(id),
        )
    return failed


def write_registry(registry: threads.Registry) -> int:
    """Do all that changes something, in each thread."""
    failed = 0
    for id in [thread.id for thread in registry.list(limit=100)]:
        failed += attempt(
            lambda id=id: registry.fork(id),
            lambda id=id: registry.mark_read(id, "ann"),
            lambda id=id: registry.undo(id),
            lambda id=id: registry.rewind(id, to=registry.history(id)[-1].id),
            lambda id=id: registry.prune([id]),
            lambda id=id: registry.update(id, title="t"),
        )
    return failed + attempt(registry.repair, registry.compact)


def nothing_was_called() -> bool:
    return CALLED == [] and ABSENT not in sys.modules


def test_the_canaries_sing_where_types_are_allowed(planted):
    """The trap works: who allows the types imports and calls them."""
    named = JsonPlusSerializer(allowed_msgpack_modules=[(ABSENT, "Canary"), (PRESENT, "Canary")])
    named.loads_typed(("msgpack", ormsgpack.packb(CANARIES)))
    assert f"{ABSENT} is imported" in CALLED
    assert "Canary" in CALLED


@pytest.mark.parametrize("read_only", [False, True], ids=["adopted", "read only"])
def test_reading_a_file_neither_imports_nor_calls_what_it_names(planted, read_only):
    with threads.open(planted, read_only=read_only) as registry:
        assert registry.list().total == 24
        assert read_registry(registry) > 0
        for id in [thread.id for thread in registry.list(limit=100)]:
            attempt(
                lambda id=id: registry.checkpointer.get_tuple(config(id)),
                lambda id=id: list(registry.checkpointer.list(config(id))),
                lambda id=id: registry.checkpointer.get_delta_channel_history(
                    config=config(id), channels=["messages"]
                ),
            )
    assert nothing_was_called()


def test_changing_threads_neither_imports_nor_calls_what_they_name(planted):
    with threads.open(planted) as registry:
        assert write_registry(registry) > 0
        assert read_registry(registry) > 0
    assert nothing_was_called()


@pytest.mark.parametrize("build", [plain_graph, trimming_graph], ids=lambda build: build.__name__)
def test_a_runner_neither_imports_nor_calls_what_a_file_names(planted, build):
    with threads.open(planted) as registry, threads.Runner(registry, {"agent": build(None)}) as runner:
        assert read_registry(registry) > 0
        for id in [thread.id for thread in registry.list(limit=100)]:
            attempt(
                lambda id=id: runner.resume(id, "yes").result(),
                lambda id=id: runner.start(id, "more", agent_id="agent").result(),
                lambda id=id: runner.retry(id).result(),
                lambda id=id: runner.regenerate(id).result(),
            )
        write_registry(registry)
    assert nothing_was_called()


def test_the_command_line_and_http_neither_import_nor_call_what_a_file_names(planted):
    for words in (("ls", "--json"), ("search", "hello"), ("show", "messages"), ("show", "question"), ("verify",),
                  ("send", "messages", "hello"), ("history", "beside"), ("stats",), ("agents",)):  # fmt: skip
        CliRunner().invoke(command_group, [*words, "--db", str(planted)])
    with threads.open(planted) as registry, client(registry, {"agent": plain_graph(None)}) as http:
        for thread in http.get(f"{PREFIX}/threads?limit=100").json():
            for path in ("", "/messages", "/checkpoints", "/interrupts", "/runs"):
                assert http.get(f"{PREFIX}/threads/{thread['id']}{path}").status_code in (200, 409)
    assert nothing_was_called()


def test_a_type_is_allowed_by_who_opens_the_file_and_no_other_with_it(planted):
    with threads.open(planted, types=[(PRESENT, "Canary")]) as registry:
        read_registry(registry)
    assert "Canary" in CALLED
    assert ABSENT not in sys.modules


def test_a_graph_that_is_handed_over_allows_its_own_types_alone(planted):
    canary = sys.modules[PRESENT].Canary

    state: Any = TypedDict("State", {"messages": Annotated[list, add_messages], "beside": canary})
    graph = compiled(state, lambda state: {"messages": [AIMessage("yes")]}, None)
    with threads.open(planted) as registry, threads.Runner(registry, {"agent": graph}):
        read_registry(registry)
    assert "Canary" in CALLED
    assert ABSENT not in sys.modules
    CALLED.clear()
    plain = compiled(Plain, lambda state: {"messages": [AIMessage("yes")]}, None)
    with threads.open(planted) as registry, threads.Runner(registry, {"agent": plain}):
        read_registry(registry)
    assert nothing_was_called()


def test_a_run_whose_stored_input_names_a_type_is_not_begun(tmp_path):
    with planted_modules(tmp_path):
        path = tmp_path / "threads.db"
        with threads.open(path) as registry, threads.Runner(registry, {"agent": plain_graph(None)}) as runner:
            runner.start("a", "hello", if_not_exists="create").result()
            run = runner.start("a", "more")
            run.result()
        with threads.open(path) as registry:
            registry._database._writer._connection.execute(
                "UPDATE threads_run SET status = 'error', request_type = 'msgpack', request = ? WHERE run_id = ?",
                (ormsgpack.packb([CANARIES, CANARIES]), run.id),
            )
            with threads.Runner(registry, {"agent": plain_graph(None)}) as runner:
                attempt(
                    lambda: runner.retry("a").result(),
                    lambda: runner.regenerate("a").result(),
                    lambda: runner.edit("a", registry.messages("a")[2].id, "else").result(),
                )
                read_registry(registry)
        assert nothing_was_called()
