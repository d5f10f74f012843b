"""States that only their graph explains: read by it where it is at hand, unknown where it is not, never wrong."""

import json
import re
import shlex
import sqlite3
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, TypedDict

import ormsgpack
import pytest
from click.testing import CliRunner
from commands import run_threads
from graphs import (
    chat_graph,
    compiled,
    config,
    keep_last_three,
    plain_graph,
    said,
    stock_saver,
    trimming_graph,
)
from langchain_core.messages import AIMessage, convert_to_messages
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.serde.jsonplus import EXT_CONSTRUCTOR_KW_ARGS
from langgraph.func import entrypoint
from langgraph.graph import START, StateGraph
from server_helpers import PREFIX, client
from typed_agents import BUILDERS, Weather, deep, structured

import threads
from threads.api import create_app
from threads.cli.group import threads as group

SUPPORT = str(Path(__file__).parents[1] / "support")
QUESTIONS = ("what is the weather", "and tomorrow")
COUNTS = {
    "structured": 2, "deep": 4, "deep_structured": 2, "supervisor": 8, "swarm": 4, "functional": 4,
}  # fmt: skip
"""Messages with text after both questions; a structured answer is a tool call."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "threads.db"


def converse(path: Path, name: str) -> None:
    """Ask both questions, each in a registry and a Runner of its own."""
    for question in QUESTIONS:
        with threads.open(path) as registry, threads.Runner(registry, {name: BUILDERS[name]()}) as runner:
            run = runner.start("a", question, if_not_exists="create", agent_id=name)
            run.result(30)
            assert run.messages()[0].text == question


def command(path: Path, *words: str) -> str:
    done = run_threads("--db", path, *words, PYTHONPATH=SUPPORT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", BUILDERS)
def test_runs_are_read_without_the_graph(path, name):
    converse(path, name)
    (listed,) = json.loads(command(path, "ls", "--json"))["threads"]
    assert (listed["title"], listed["message_count"], listed["agent_id"]) == (
        QUESTIONS[0],
        COUNTS[name],
        name,
    )
    shown = json.loads(command(path, "show", "a", "--json"))["messages"]
    assert [each["text"] for each in shown if each["role"] == "user"] == list(QUESTIONS)
    assert len(json.loads(command(path, "search", "tomorrow", "--json"))["hits"]) == 1
    with threads.open(path) as registry:
        registry._context.store.write(forget_projections)
        thread = registry.get("a")
        assert (thread.title, thread.message_count) == (QUESTIONS[0], COUNTS[name])
        assert registry.verify() == []


def forget_projections(tx) -> None:
    tx.connection.execute(
        "UPDATE threads_thread SET projected_id = NULL, message_count = 0, auto_title = 'New conversation'"
    )


@pytest.mark.parametrize("name", BUILDERS)
def test_replies_by_http_are_known(path, name):
    with threads.open(path) as registry, client(registry, {name: BUILDERS[name]()}) as http:
        registry.create(id="a", agent_id=name)
        for question in QUESTIONS:
            body = http.post(f"{PREFIX}/threads/a/messages", json={"message": question}).json()
            assert body["messages"][0]["text"] == question, body
            answers = [each["text"] for each in body["messages"] if each["role"] == "assistant"]
            assert body["reply"] == next((text for text in reversed(answers) if text), None)


# types


def two_turns_without_a_runner(path: Path) -> None:
    with threads.open(path, types=[Weather]) as registry:
        structured(registry.checkpointer).invoke(said("one"), config("a"))


def test_type_of_a_graph_that_was_never_handed_over_is_named(path):
    two_turns_without_a_runner(path)
    with threads.open(path) as registry:
        graph = structured(registry.checkpointer)
        with pytest.raises(threads.TypeNotAllowed, match=r"types=\[Weather\].*Runner") as refused:
            graph.invoke(said("two"), config("a"))
        assert refused.value.blocked == ("typed_agents.Weather",)
        with threads.Runner(registry, {"agent": structured()}) as runner:
            assert runner.start("a", "two").result(30)["structured_response"].city.name == "Ulm"
            graph.invoke(said("three"), config("a"))


def test_types_are_named_on_the_command_line(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    two_turns_without_a_runner(path)
    pruned = ["--db", str(path), "prune", "a"]
    refused = CliRunner().invoke(group, pruned)
    for words in (["--types", "typed_agents:Weather", "--types", "typed_agents:City"], []):
        done = CliRunner().invoke(group, [*pruned, *words])
        if words:
            assert done.exit_code == 0, done.stderr
    assert "typed_agents" in refused.stderr or refused.exit_code == 0


def test_checkpoints_are_rewound_to_without_the_types_of_their_state(path):
    with threads.open(path, types=[Weather]) as registry:
        graph = structured(registry.checkpointer)
        for text in QUESTIONS:
            graph.invoke(said(text), config("a"))
        state, then = graph.get_state(config("a")).values, registry.history("a")[0].id
        graph.invoke(said("more"), config("a"))
    with threads.open(path) as registry:
        registry.rewind("a", to=then)
        assert [each.text for each in registry.messages("a") if each.role == "user"] == list(QUESTIONS)
        assert registry.verify() == []
    with threads.open(path, types=[Weather]) as registry:
        assert structured(registry.checkpointer).get_state(config("a")).values == state


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--types", "typed_agents"], "--types: 'typed_agents' is not of the form MODULE:NAME"),
        (["--types", "nowhere_at_all:X"], "--types: there is no module 'nowhere_at_all' here"),
        (["--types", "typed_agents:BUILDERS"], "--types: typed_agents:BUILDERS is not a class"),
        (["--reducer", "typed_agents:nothing"], "--reducer: module 'typed_agents' has no 'nothing'"),
        (["--reducer", "typed_agents:BUILDERS"], "--reducer: typed_agents:BUILDERS is not a function"),
    ],
)
def test_what_types_and_reducer_cannot_name_is_a_usage_error(path, words, wanted):
    threads.open(path).close()
    done = CliRunner().invoke(group, ["--db", str(path), "ls", *words])
    assert done.exit_code == 2 and wanted in done.stderr


# reducers


def test_reducer_of_a_run_is_named_and_survives_copies(path, tmp_path):
    with threads.open(path) as registry, threads.Runner(registry, {"own": trimming_graph(None)}) as runner:
        for text in QUESTIONS:
            runner.start("a", text, if_not_exists="create").result(30)
        assert registry.get("a").message_count == 3
        registry.fork("a", new_id="forked")
        registry.checkpointer.copy_thread("a", "copied")
    threads.detach(path)
    with threads.open(path) as registry:
        for id in ("a", "forked", "copied"):
            assert registry.get(id).message_count is None
            with pytest.raises(threads.MessagesUnknown, match="graphs:keep_last_three") as unknown:
                registry.messages(id)
            assert unknown.value.reducer == "graphs:keep_last_three"
    refused = run_threads("--db", path, "show", "a", PYTHONPATH=SUPPORT)
    assert refused.returncode == 1 and "--reducer graphs:keep_last_three" in refused.stderr
    for words in (["--reducer", "graphs:keep_last_three"], ["--agents", "typed_agents:catalog"]):
        shown = json.loads(command(path, *words, "show", "a", "--json"))["messages"]
        assert [each["text"] for each in shown] == ["ok", QUESTIONS[1], "ok"]


def test_plain_invoke_is_unknown_until_its_graph_is_handed_over(path):
    with threads.open(path) as registry:
        trimming_graph(registry.checkpointer).invoke(said("hello"), config("a"))
        with pytest.raises(threads.MessagesUnknown, match=r"reducer=\.\.\.\), or the graph to a Runner"):
            registry.messages("a")
        assert registry.get("a").message_count is None
        with threads.Runner(registry, trimming_graph(None)):
            assert [each.text for each in registry.messages("a")] == ["hello", "ok"]
            assert registry.get("a").message_count == 2
            assert len(registry.search("hello")) == 1


def test_reducer_of_a_graph_without_the_nodes_that_ran_is_not_used(path):
    def keep_all(state: list, writes: list) -> list:
        return [*state, *(each for write in writes for each in write)]

    State = TypedDict("State", {"messages": Annotated[list, DeltaChannel(keep_all)]})  # noqa: UP013  a local reducer
    builder = StateGraph(State).add_node("another", lambda _: {"messages": [AIMessage("ok")]})
    other = builder.add_edge(START, "another")
    with threads.open(path) as registry:
        other.compile(checkpointer=registry.checkpointer).invoke(said("hello"), config("a"))
        with threads.Runner(registry, trimming_graph(None)):
            assert registry.get("a").message_count is None
        with threads.Runner(registry, other.compile()):
            assert registry.get("a").message_count == 2


def test_application_reads_by_the_graphs_of_its_runner(path):
    with threads.open(path) as registry, threads.open(path) as beside:
        trimming_graph(registry.checkpointer).invoke(said("hello"), config("a"))
        assert beside.get("a").message_count is None
        with threads.Runner(registry, trimming_graph(None)) as runner:
            create_app(beside, runner)
            assert beside.get("a").message_count == 2


def test_readers_with_and_without_the_graph_agree_on_one_file(path):
    """What is stored as unknown is tried again with the graph, and what is known is not stored as unknown."""
    with (
        threads.open(path) as knowing,
        threads.open(path) as other,
        threads.Runner(knowing, trimming_graph(None)),
    ):
        trimming_graph(other.checkpointer).invoke(said("hello"), config("a"))
        assert other.get("a").message_count is None
        other._database.wait_for_writes()
        assert knowing.get("a").message_count == 2
        knowing._database.wait_for_writes()
        assert other.get("a").message_count == 2
        with other._context.store.read() as tx:
            record = tx.threads.get("a")
        other._context.store.refresh_projections([record], other._context.decoder)
        other._database.wait_for_writes()
        assert (other.get("a").message_count, other.get("a").title) == (2, "hello")


def test_graph_that_names_its_reducer_does_not_explain_other_threads(path):
    with threads.open(path) as registry, threads.Runner(registry, {"deep": deep()}):
        trimming_graph(registry.checkpointer).invoke(said("hello"), config("a"))
        deep(registry.checkpointer).invoke(said("hello"), config("deep"))
        assert registry.get("a").message_count is None
        assert registry.get("deep").message_count == 2


def test_run_that_follows_plain_invokes_is_read_whole(path):
    with threads.open(path) as registry:
        deep(registry.checkpointer).invoke(said("one"), config("a"))
        with threads.Runner(registry, {"deep": deep()}) as runner:
            runner.start("a", "two", agent_id="deep").result(30)
        deep(registry.checkpointer).invoke(said("three"), config("a"))
        texts = [each.text for each in registry.messages("a") if each.role == "user"]
        assert texts == ["one", "two", "three"]


def test_two_reducers_at_hand_explain_only_what_names_one(path):
    def keep_all(state: list, writes: list) -> list:
        return [*state, *(each for write in writes for each in write)]

    class State(TypedDict):
        messages: Annotated[list, DeltaChannel(keep_all)]

    other = compiled(State, lambda _: {"messages": [AIMessage("ok")]}, None)
    with threads.open(path) as registry:
        trimming_graph(registry.checkpointer).invoke(said("plain"), config("plain"))
        with threads.Runner(registry, {"own": trimming_graph(None), "other": other}) as runner:
            for id in ("own", "other"):
                for text in QUESTIONS:
                    runner.start(id, text, agent_id=id, if_not_exists="create").result(30)
            counts = [registry.get(id).message_count for id in ("own", "other", "plain")]
        assert counts == [3, 4, None]


# channels


def test_channel_of_another_name_is_read_without_the_graph(path):
    graph = chat_graph(None)
    with threads.open(path) as registry, threads.Runner(registry, {"chat": graph}) as runner:
        for text in QUESTIONS:
            run = runner.start("a", input={"chat": [("user", text)]}, if_not_exists="create")
            run.result(30)
            assert [each.text for each in run.messages()] == [text, "from elsewhere"]
    with threads.open(path) as registry:
        times = [each.created_at for each in registry.messages("a")]
        assert len(times) == 4 and None not in times and times == sorted(times)


@pytest.mark.parametrize("returned", ["a text", {"answer": "none"}, {"messages": "no list"}, 7])
def test_functional_agent_that_returns_no_messages_is_unknown(path, returned):
    with threads.open(path) as registry:

        @entrypoint(checkpointer=registry.checkpointer)
        def agent(inputs):
            return returned

        agent.invoke("hello", config("a"))
        assert registry.get("a").message_count is None
        with pytest.raises(threads.MessagesUnknown, match="functional agent returned holds no `messages`"):
            registry.messages("a")


def test_functional_agent_is_read_by_what_it_saves(path):
    with threads.open(path) as registry:

        @entrypoint(checkpointer=registry.checkpointer)
        def agent(inputs, *, previous=None):
            known = [*(previous or []), ("user", inputs), AIMessage("ok")]
            return entrypoint.final(value="ok", save=convert_to_messages(known))

        for text in QUESTIONS:
            agent.invoke(text, config("a"))
        assert [each.text for each in registry.messages("a")] == [QUESTIONS[0], "ok", QUESTIONS[1], "ok"]


@pytest.mark.parametrize("value", ["a text", {"one": 1}])
def test_messages_that_are_no_list_are_not_blamed_on_a_reducer(path, value):
    class State(TypedDict):
        messages: Any

    with threads.open(path) as registry:
        compiled(State, lambda _: {"messages": value}, registry.checkpointer).invoke(
            {"messages": value}, config("a")
        )
        with pytest.raises(threads.MessagesUnknown, match="messages is not a list") as unknown:
            registry.messages("a")
    assert "reducer" not in str(unknown.value)


# unknown is None


@pytest.fixture
def unknown(path):
    """A file with a run whose messages are unknown, and a plain thread; the run's id."""
    with threads.open(path) as registry, threads.Runner(registry, {"own": trimming_graph(None)}) as runner:
        run_id = runner.start("a", "hello", if_not_exists="create", agent_id="own", key="k").id
        runner.run(run_id).result(30)
        plain_graph(registry.checkpointer).invoke(said("hi"), config("plain"))
    with threads.open(path) as registry:
        registry._context.store.write(forget_projections)
    return run_id


def test_unknown_messages_are_none_in_python(path, unknown):
    with threads.open(path) as registry, threads.Runner(registry, {"plain": plain_graph(None)}) as runner:
        run = runner.run(unknown)
        assert run.messages() is None
        assert run.mark_read("bob") is None
        assert registry.mark_read("a", "bob") is None
        assert registry.unread(["a", "plain"], "bob") == {"a": None, "plain": 2}
        by_agent = {each.key: each for each in registry.stats(by="agent")}
        assert (by_agent["own"].messages, by_agent["own"].input_tokens) == (None, None)
        assert (by_agent["own"].threads, by_agent["own"].runs) == (1, 1)
        assert by_agent[None].messages == 2
        (total,) = registry.stats()
        assert (total.messages, total.threads) == (None, 2)
        (today,) = registry.stats(by="day")
        assert (today.key, today.messages) == (datetime.now(UTC).date().isoformat(), None)
        assert registry.stats(until=date(2020, 1, 1)).items == ()


def test_unknown_messages_are_null_by_http(path, unknown):
    with threads.open(path) as registry, client(registry, {"own": plain_graph(None)}) as http:
        body = http.post(
            f"{PREFIX}/threads/a/messages", json={"message": "hello"}, headers={"Idempotency-Key": "k"}
        ).json()
        assert (body["run"]["id"], body["reply"], body["messages"]) == (unknown, None, None)
        assert http.get(f"{PREFIX}/unread", params={"id": "a"}).json() == {"a": None}
        assert http.put(f"{PREFIX}/threads/a/read").json() == {"unread": None}
        assert http.get(f"{PREFIX}/analytics", params={"by": "all"}).json()[0]["messages"] is None
        refused = http.get(f"{PREFIX}/threads/a/messages")
        assert refused.status_code == 409 and "graphs:keep_last_three" in refused.json()["error"]


def test_unknown_messages_are_a_question_mark_on_the_command_line(path, unknown):
    assert command(path, "unread", "--user", "bob").splitlines() == [
        "plain\t2\thi", "a\t?\tUntitled conversation",
    ]  # fmt: skip
    assert json.loads(command(path, "unread", "--user", "bob", "--json"))["unread"] == {"plain": 2, "a": None}
    assert command(path, "stats", "--by", "all").split("\t")[:4] == ["", "2", "?", "?"]
    assert command(path, "mark-read", "a", "--user", "bob") == "?\n"


@pytest.mark.parametrize("words", [["show", "a"], ["diff", "a", "plain"]])
def test_remedies_for_unknown_messages_work_as_they_are_written(path, unknown, words):
    refused = run_threads("--db", path, *words, PYTHONPATH=SUPPORT).stderr
    written = re.search(r"`threads (--agents MODULE:NAME .+?)`.* with (--reducer \S+)", refused, re.DOTALL)
    by_graph = shlex.split(written[1].replace("MODULE:NAME", "typed_agents:catalog"))
    for remedy in (by_graph, [*words, *shlex.split(written[2])]):
        assert "hello" in command(path, *remedy)


@pytest.mark.parametrize(
    "name",
    ["ls", "show", "history", "search", "diff", "verify", "repair", "fork", "rewind", "unread", "mark-read"],
)
def test_helps_of_what_reads_messages_list_the_options_that_decode_them(name):
    options = group.get_command(None, name).params
    assert {each.name for each in options if not getattr(each, "hidden", False)} >= {"types", "reducer"}


# what a file names


@pytest.fixture
def canary(tmp_path, monkeypatch) -> str:
    """A module that leaves a mark when it is imported."""
    (tmp_path / "canary_of_a_file.py").write_text("def merge(state, writes): return []\nclass Bird: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "canary_of_a_file"
    assert "canary_of_a_file" not in sys.modules


def test_names_that_a_file_plants_import_and_allow_nothing(path, canary):
    saver = stock_saver(path)
    graph = trimming_graph(saver)
    planted = {
        "messages_reducer": f"{canary}:merge",
        "messages_channel": f"{canary}:merge",
        "types": [f"{canary}:Bird"],
    }
    graph.invoke(said("hello"), {**config("a"), "metadata": planted})
    plain_graph(saver).invoke(said("hello"), {**config("b"), "metadata": planted})
    saver.conn.close()
    bird = ormsgpack.Ext(EXT_CONSTRUCTOR_KW_ARGS, ormsgpack.packb([canary, "Bird", {}]))
    with sqlite3.connect(path) as connection:
        head = connection.execute(
            "SELECT checkpoint_id, checkpoint FROM checkpoints WHERE thread_id = 'b' ORDER BY checkpoint_id DESC"
        ).fetchone()
        state = ormsgpack.unpackb(head[1], ext_hook=ormsgpack.Ext)
        state["channel_values"]["bird"] = bird
        connection.execute(
            "UPDATE checkpoints SET checkpoint = ? WHERE checkpoint_id = ?", (ormsgpack.packb(state), head[0])
        )
    connection.close()
    with threads.open(path) as registry, threads.Runner(registry, {"deep": deep(), "agent": structured()}):
        assert registry.get("a").message_count is None
        assert registry.get("b").message_count == 2  # what is blocked stays raw data
        with pytest.raises(threads.TypeNotAllowed, match=f"{canary}.Bird"):
            plain_graph(registry.checkpointer).invoke(said("more"), config("b"))


def test_listing_in_a_process_without_the_graph_imports_nothing_of_it(path):
    converse(path, "structured")
    with threads.open(path) as registry:
        registry._context.store.write(forget_projections)
    program = (
        "import sys, threads\n"
        f"with threads.open({str(path)!r}) as registry:\n"
        "    assert registry.list()[0].message_count == 2, registry.list()\n"
        "    assert registry.messages('a') and registry.search('tomorrow') and not registry.verify()\n"
        "assert not {'typed_agents', 'graphs', 'langchain.agents'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_reducer_passed_to_open_still_counts(path):
    with threads.open(path, reducer=keep_last_three) as registry:
        trimming_graph(registry.checkpointer).invoke(said("hello"), config("a"))
        assert registry.get("a").message_count == 2


def test_title_stays_where_the_messages_become_unknown(path):
    graph = trimming_graph(None)
    with threads.open(path) as registry, threads.Runner(registry, {"own": graph}) as runner:
        for text in QUESTIONS:
            runner.start("a", text, if_not_exists="create").result(30)
        assert registry.get("a").title == QUESTIONS[0]
    with threads.open(path) as registry:
        early = registry.history("a")[2].id
        registry.fork("a", new_id="forked")
        registry.fork("a", new_id="forked early", at=early)
        registry.fork("forked", new_id="forked again")
        registry.checkpointer.copy_thread("a", "copied")
        trimming_graph(registry.checkpointer).invoke(said("and then"), config("a"))
        trimming_graph(registry.checkpointer).invoke(said("never known"), config("b"))
        found = {each.id: (each.title, each.message_count) for each in registry.list()}
        assert found.pop("b") == ("Untitled conversation", None)
        assert set(found.values()) == {(QUESTIONS[0], None)} and len(found) == 5
        registry.rewind("a", to=early)
        assert (registry.get("a").title, registry.get("a").message_count) == (QUESTIONS[0], None)
        assert registry.verify() == []


# verify and repair


def verified(path: Path, *words: str) -> dict[str, Any]:
    done = run_threads("--db", path, *words, "--json", PYTHONPATH=SUPPORT)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize(
    "words", [[], ["--reducer", "graphs:keep_last_three"], ["--agents", "typed_agents:catalog"]]
)
def test_state_that_only_its_graph_explains_is_no_inconsistency(path, is_known, words):
    """Neither where a reader without the graph stored the projection, nor where one verifies it."""
    with threads.open(path) as registry:
        trimming_graph(registry.checkpointer).invoke(said("hello"), config("a"))
    with threads.open(path, reducer=keep_last_three if is_known else None) as registry:
        assert registry.get("a").message_count == (2 if is_known else None)
    for command in ("verify", "repair"):
        assert verified(path, *words, command) == {"problems": [], "mended": [], "threads": 1}
    with threads.open(path) as registry:
        assert registry.get("a").message_count == (2 if is_known or words else None)


def test_repair_does_not_report_as_mended_what_it_cannot_mend(path):
    with threads.open(path) as registry:
        plain_graph(registry.checkpointer).invoke(said("hello"), config("a"))
        registry.list()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE checkpoints SET checkpoint = substr(checkpoint, 1, 9)")
    connection.close()
    done = CliRunner().invoke(group, ["--db", str(path), "repair", "--json"])
    found = json.loads(done.stdout)
    assert (done.exit_code, found["mended"]) == (1, [])
    assert [each["kind"] for each in found["problems"]] == ["unreadable"]
