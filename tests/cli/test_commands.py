"""The commands: what they do, what they print for programs, and how they end."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing

import click
import pytest
from click.testing import CliRunner
from locations import ROOT, SUPPORT, TESTS

import threads
from agent import load_model
from threads.cli.group import COMMANDS
from threads.cli.group import threads as group

CATALOG = ("--agents", "agent.catalog:build_all")
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Commands run in a folder of their own, with the model that needs no key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THREADS_MODEL", "offline")
    monkeypatch.delenv("THREADS_DB", raising=False)
    return tmp_path


def call(*words, input=None, code=0):
    """The result of a command that ends with `code`."""
    result = CliRunner().invoke(group, list(words), input=input)
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    return result


def out(*words, **rest):
    return call(*words, **rest).stdout


def told(*words, **rest):
    return json.loads(out(*words, "--json", **rest))


def process(*words, input="", **environment):
    """A command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "threads", *words],
        input=input,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def new(*words):
    return out("new", *words).strip()


def rows(*words):
    return [line.split("\t") for line in out("ls", *words).splitlines()]


def titles(*words):
    return [row[1] for row in rows(*words)]


# the live table of commands


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_an_example(name):
    text = out(name, "--help")
    command = group.get_command(click.Context(group), name)
    assert command is not None and command.name == name and command.help
    assert f"threads {name} " in text.split("Example:")[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_every_command_has_help(name):
    command = group.get_command(click.Context(group), name)
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help and each.name != "sort_by"] == []


def test_every_command_has_the_options_traceback_and_db():
    for name in COMMANDS:
        taken = {
            option for each in group.get_command(click.Context(group), name).params for option in each.opts
        }
        assert "--traceback" in taken
        assert "--db" in taken or name in ("detach", "audit"), name  # which name or make their own


# threads alone


def test_threads_without_command_or_database_shows_the_help():
    assert "Commands:" in out()


def test_threads_without_command_lists_threads_and_how_to_continue():
    thread_id = new("--title", "One")
    result = call()
    assert result.stdout.startswith(f"{thread_id}\tOne\t0\t")
    assert "threads chat -" in result.stderr


def test_threads_without_command_prints_json():
    call("--json", code=1)
    new("--title", "One")
    assert told() == told("ls") and call("--json").stderr == ""
    assert "threads ls --json" in call("--json", "ls", code=2).stderr


def test_the_version_is_that_of_the_package():
    assert re.search(r"\d+\.\d+\.\d+", out("--version"))


# new and ls


def test_new_prints_the_id_and_ls_shows_the_thread_with_tabs():
    thread_id = new("--title", "Refund", "--agent", "support")
    assert ID.fullmatch(thread_id)
    row = rows()[0]
    assert row[:3] == [thread_id, "Refund", "0"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row[3])
    assert row[4:] == ["support", ""]


def test_new_takes_title_agent_owner_tags_and_metadata():
    words = ["--id", "mine", "--title", "T", "--agent", "a", "--owner", "o", "--tag", "x", "--tag", "y"]
    made = told("new", *words, "--metadata", "order=1001", "--metadata", "note=a=b")
    assert (made["id"], made["title"], made["agent_id"], made["owner"]) == ("mine", "T", "a", "o")
    assert made["tags"] == ["x", "y"] and made["metadata"] == {"order": "1001", "note": "a=b"}


def test_metadata_without_key_and_value_is_a_usage_error():
    assert "key=value" in call("new", "--metadata", "order", code=2).stderr


def test_existing_id_is_refused():
    new("--id", "mine")
    assert "exists already" in call("new", "--id", "mine", code=1).stderr


def test_ls_as_json_has_the_fields_of_a_thread():
    new("--title", "One")
    found = told("ls")
    assert found["next_cursor"] is None
    assert set(found["threads"][0]) == set(threads.Thread.__dataclass_fields__)
    assert found["threads"][0]["created_at"].endswith("Z")


def test_ls_filters_and_sorts():
    new("--title", "Bread", "--agent", "cook", "--tag", "a", "--tag", "b", "--owner", "ann")
    new("--title", "Apples", "--agent", "shop", "--tag", "a")
    assert titles() == ["Apples", "Bread"]
    assert titles("--asc") == ["Bread", "Apples"]
    assert titles("--sort", "title") == ["Apples", "Bread"]
    assert titles("--sort", "title", "--desc") == ["Bread", "Apples"]
    assert (
        titles("--agent", "cook")
        == titles("--owner", "ann")
        == titles("--tag", "a", "--tag", "b")
        == ["Bread"]
    )
    assert titles("--since", "1h") == ["Apples", "Bread"]
    assert titles("--until", "1h") == titles("--since", "2999-01-01") == titles("--pinned") == []
    assert titles("--no-pinned", "--status", "idle") == ["Apples", "Bread"]


@pytest.mark.parametrize("when", ["yesterday", "7x", "999999w", "2026-13-01"])
def test_invalid_time_is_a_usage_error_with_examples(when):
    new()
    assert "2026-01-31" in call("ls", "--since", when, code=2).stderr


def test_archived_and_trashed_threads_are_listed_by_option(here):
    kept, archived, trashed = (new("--title", title) for title in ("kept", "archived", "trashed"))
    with threads.open(here / "threads.db") as registry:
        registry.update(archived, archived=True)
    out("trash", trashed)
    assert (titles(), titles("--archived"), titles("--trashed")) == (["kept"], ["archived"], ["trashed"])
    assert kept in out("ls")


def test_list_with_a_next_page_prints_its_cursor_on_stderr():
    for title in "abc":
        new("--title", title)
    first = call("ls", "-n", "2")
    cursor = re.search(r"--cursor (\S+)", first.stderr)[1]
    assert cursor not in first.stdout
    assert titles("-n", "2", "--cursor", cursor) == ["a"]
    assert told("ls", "-n", "2")["next_cursor"] == cursor


def test_a_damaged_cursor_is_a_usage_error():
    new()
    assert "start again" in call("ls", "--cursor", "nonsense", code=2).stderr


def test_unknown_message_count_is_a_question_mark(here):
    from graphs import config, said, trimming_graph

    with threads.open(here / "threads.db") as registry:
        trimming_graph(registry.checkpointer).invoke(said("hi"), config("foreign"))
    assert rows()[0][:3] == ["foreign", "Untitled conversation", "?"]
    assert "reducer" in call("show", "foreign", code=1).stderr


# which database


def test_the_database_can_be_named_before_and_after_the_command_and_in_the_environment(monkeypatch):
    new("--title", "here")
    out("new", "--db", "other.db", "--title", "there")
    assert out("--db", "other.db", "ls") == out("ls", "--db", "other.db")
    assert titles("--db", "other.db") == ["there"]
    monkeypatch.setenv("THREADS_DB", "other.db")
    assert titles() == ["there"]
    assert titles("--db", "threads.db") == ["here"]
    assert [line.split("\t")[1] for line in out("--db", "threads.db", "ls").splitlines()] == ["here"]


@pytest.mark.parametrize(
    "words", [["ls"], ["show", "-"], ["verify"], ["send", "-", "hi"], ["rm", "x", "--yes"], ["chat", "-"]]
)
def test_reading_commands_do_not_create_a_database(here, words):
    assert "there is no file threads.db" in call(*words, code=1).stderr
    assert list(here.iterdir()) == []


def test_file_that_is_not_a_database_is_reported_in_one_sentence(here):
    (here / "threads.db").write_text(
        "this is a letter, not a database, and long enough to be seen as one " * 20
    )
    result = call("ls", code=1)
    assert result.stderr == "Error: threads.db is not an SQLite database\n"


def test_a_database_of_an_unknown_kind_is_a_usage_error():
    assert "mysql" in call("ls", "--db", "mysql://x", code=2).stderr


# a file of another program


@pytest.fixture
def foreign(here):
    """A file with tables that no saver and no registry made."""
    path = here / "foreign.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bookmark (id INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT)")
        connection.execute("INSERT INTO bookmark (url) VALUES ('https://example.org')")
    return path


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["ls"],
        ["show", "-"],
        ["history", "x"],
        ["verify"],
        ["verify", "--repair"],
        ["send", "-", "hi"],
        ["rm", "x", "--yes"],
        ["prune"],
        ["compact"],
        ["backup", "copy.db"],
    ],
)
def test_database_of_another_program_is_not_changed(here, foreign, words):
    before = foreign.read_bytes()
    result = call("--db", "foreign.db", *words, code=1)
    assert result.stdout == ""
    assert "foreign.db is the database of another program" in result.stderr
    assert foreign.read_bytes() == before and list(here.iterdir()) == [foreign]


def test_database_that_another_program_writes_is_not_changed(foreign):
    with closing(sqlite3.connect(foreign)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("INSERT INTO bookmark (url) VALUES ('https://example.com')")
        connection.commit()
        assert "another program" in call("ls", "--db", "foreign.db", code=1).stderr
        assert {row[0] for row in connection.execute("SELECT name FROM sqlite_master")} == {
            "bookmark",
            "sqlite_sequence",
        }


def test_empty_file_is_not_the_database_of_another_program(here):
    (here / "threads.db").touch()
    assert rows() == []
    with closing(sqlite3.connect(here / "late.db")) as connection, connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        connection.execute("DROP TABLE t")  # SQLite keeps a table of its own
    assert rows("--db", "late.db") == []


def test_reading_adopts_a_stock_savers_file(here):
    from graphs import plain_graph, stock_saver, three_turns

    with closing(stock_saver(here / "stock.db").conn) as connection:
        three_turns(plain_graph(stock_saver(here / "stock.db")), "plain")
        assert [row[:3] for row in rows("--db", "stock.db")] == [["plain", "message 0 of plain", "6"]]
        assert connection.execute("SELECT thread_id FROM threads_thread").fetchall() == [("plain",)]


DYING = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = DELETE")
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
connection.execute("UPDATE checkpoints SET metadata = zeroblob(5000)")
os._exit(0)
"""


@pytest.mark.parametrize("words", [["ls"], ["verify"], ["backup", "copy.db"]])
def test_file_of_a_crashed_writer_is_rolled_back_and_read(here, words):
    out("send", "--new", "hello")
    subprocess.run([sys.executable, "-c", DYING, here / "threads.db"], check=True)
    assert (here / "threads.db-journal").stat().st_size > 0
    out(*words)
    assert titles() == ["hello"] and "agree" in out("verify")


# which thread


def test_unique_prefix_of_an_id_works_and_an_exact_id_wins():
    for thread_id in ("car", "cargo", "bus"):
        new("--id", thread_id)
    assert told("show", "b")["thread"]["id"] == "bus"
    assert told("show", "car")["thread"]["id"] == "car"
    assert told("show", "carg")["thread"]["id"] == "cargo"


def test_ambiguous_prefix_names_the_candidates_and_changes_nothing():
    for number in range(6):
        new("--id", f"thread-{number}")
    result = call("trash", "thread-", code=2)
    assert "'thread-0', 'thread-1', 'thread-2', 'thread-3', ..." in result.stderr
    assert titles("--trashed") == []


def test_dash_is_the_latest_thread():
    new("--id", "old")
    new("--id", "newest")
    assert told("show", "-")["thread"]["id"] == "newest"
    out("trash", "-")
    assert told("show", "-")["thread"]["id"] == "old"
    assert out("restore", "-") == "newest\n"


def test_unknown_thread_exits_3_and_names_suggestions():
    new("--id", "alice")
    assert "did you mean 'alice'" in call("show", "alise", code=3).stderr
    assert call("rename", "nobody", "x", code=3).stdout == ""
    assert call("show", "", code=3).stdout == ""


def test_the_latest_of_no_threads_is_not_found():
    new("--id", "only")
    out("trash", "only")
    assert "threads chat" in call("show", "-", code=3).stderr


def test_one_wrong_id_among_several_changes_nothing():
    new("--id", "right")
    call("trash", "right", "wrong", code=3)
    assert titles("--trashed") == []


def test_undecodable_bytes_are_a_usage_error():
    new()
    assert "surrogate" in call("show", "\udcff", code=2).stderr


# changing


def test_manual_title_stays_until_rename_auto():
    out("send", "--new", "Hello there")
    out("rename", "-", "My", "title")
    out("send", "-", "And more")
    assert titles() == ["My title"]
    out("rename", "-", "--auto")
    assert titles() == ["Hello there"]


def test_rename_requires_either_a_title_or_auto():
    new("--id", "a")
    call("rename", "a", code=2)
    call("rename", "a", "T", "--auto", code=2)
    assert titles() == ["New conversation"]


def test_trash_and_restore_take_several_and_print_their_ids():
    for thread_id in "abc":
        new("--id", thread_id)
    assert out("trash", "a", "b", "a") == "a\nb\n"
    assert [row[0] for row in rows()] == ["c"]
    assert [each["id"] for each in told("restore", "a", "b")["threads"]] == ["a", "b"]


def test_trashed_thread_is_neither_shown_nor_sent_messages():
    new("--id", "a")
    out("trash", "a")
    for words in (["show", "a"], ["send", "a", "hi"], ["chat", "a"]):
        assert "`threads restore` brings it back" in call(*words, code=1).stderr


def test_rm_refuses_without_a_terminal_or_yes():
    new("--id", "a")
    result = call("rm", "a", input="y\n", code=2)
    assert "--yes" in result.stderr and [row[0] for row in rows()] == ["a"]
    assert told("rm", "a", "--yes") == {"deleted": ["a"], "missing": [], "busy": []}
    assert rows() == []


def test_fork_makes_a_second_thread_from_a_checkpoint_that_history_names():
    out("send", "--new", "first", "--agent", "assistant")
    original = rows()[0][0]
    end = told("history", original)["checkpoints"][0]["id"]
    out("send", original, "second")
    copy = out("fork", original, "--at", end).strip()
    assert copy != original
    assert [m["text"] for m in told("show", copy)["messages"] if m["role"] == "user"] == ["first"]
    assert "threads history" in call("fork", original, "--at", "nowhere", code=3).stderr


# speaking


def test_send_answers_in_the_thread_and_remembers():
    answer = call("send", "--new", "Hi, I'm", "Alice")
    thread_id = ID.search(answer.stderr)[0]
    assert answer.stdout.strip() and thread_id == rows()[0][0]
    assert "Alice" in out("send", thread_id[:-3], "What is my name?")
    assert rows()[0][1:3] == ["Hi, I'm Alice", "4"]


def test_send_as_json_prints_thread_reply_and_message():
    said = told("send", "--new", "Where is order 1001?", *CATALOG, "--agent", "support")
    assert set(said) == {"thread_id", "reply", "message", "interrupts"}
    assert "ParcelFox" in said["reply"] and said["message"]["role"] == "assistant"
    assert said["thread_id"] == rows()[0][0]


@pytest.mark.parametrize("words", [[], ["-"]])
def test_send_reads_the_message_from_standard_input(words):
    out("send", "--new", *words, input="Hi, I'm Zoë\n")
    assert titles() == ["Hi, I'm Zoë"]


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_empty_message_is_a_usage_error_and_creates_no_file(here, text):
    call("send", "--new", input=text, code=2)
    call("send", code=2)
    assert list(here.iterdir()) == []


def test_the_threads_own_agent_answers_unless_another_is_named():
    thread_id = new("--agent", "tutor")
    assert "snapshot" in out("send", thread_id, "What is a checkpoint?", *CATALOG)
    assert told("show", thread_id)["thread"]["agent_id"] == "tutor"
    assert "ParcelFox" in out("send", thread_id, "Where is order 1001?", *CATALOG, "--agent", "support")


def test_an_unknown_agent_is_a_usage_error_that_names_the_known_ones(here):
    result = call("send", "--new", "hi", "--agent", "nobody", code=2)
    assert "assistant, my-agent" in result.stderr
    assert rows() == []


def test_thread_of_an_agent_that_is_not_loaded_is_not_answered_by_another():
    new("--id", "a", "--agent", "billing")
    told_what_to_do = call("send", "a", "hi", code=1).stderr
    assert "'billing'" in told_what_to_do and "--agents MODULE:NAME" in told_what_to_do
    assert told("show", "a")["messages"] == []


@pytest.mark.slow
@pytest.mark.parametrize("words", [["send", "a", "hi"], ["send", "a", "hi", "--agents", "mine:many"]])
def test_a_thread_of_an_agent_of_the_repository_names_the_option_that_loads_it(mine, words):
    new("--id", "a", "--agent", "support")
    refused = process(*words)
    assert refused.returncode == 1
    assert "load 'support' with --agents agent.catalog:build_all" in refused.stderr
    assert told("show", "a")["messages"] == []


def test_built_in_assistant_answers_under_both_ids_without_agents():
    assert [row.split("\t") for row in out("agents").splitlines()] == [
        ["assistant", "0", "default"],
        ["my-agent", "0"],
    ]
    for agent_id in ("assistant", "my-agent"):
        said = told("send", "--new", "Hi, I'm Alice", "--agent", agent_id)
        assert said["reply"].startswith("Hello Alice!")
        assert told("show", said["thread_id"])["thread"]["agent_id"] == agent_id


def test_a_conversation_of_an_unknown_graph_is_not_continued_by_guess(here):
    from graphs import config, plain_graph, said

    with threads.open(here / "threads.db") as registry:
        plain_graph(registry.checkpointer).invoke(said("hi"), config("foreign"))
    assert "which agent answers" in call("send", "foreign", "hi", code=2).stderr
    out("send", "foreign", "hi", "--agent", "assistant")
    assert rows()[0][4] == "assistant"


def test_unavailable_model_is_reported_in_one_sentence_and_leaves_no_thread(monkeypatch):
    monkeypatch.setenv("THREADS_MODEL", "nonsense")
    result = call("send", "--new", "hi", code=1)
    assert result.stderr.splitlines()[-1].startswith(
        "Error: agent 'assistant' cannot be built: ModelUnavailable: "
    )
    assert "Traceback" not in result.stderr
    assert rows() == []


# agents of one's own

PACE = """
from langchain_core.language_models import FakeListChatModel
from agent import build_agent
from threads.chat_models import load_model
delay = load_model("offline").delay
def build():
    return build_agent(FakeListChatModel(responses=[f"{delay} {load_model('offline').delay}"]), name="pace")
agents = {"pace": build}
"""
AGENTS = """
import sys
sys.path.insert(0, {tests!r})
from graphs import asking_graph, failing_graph, plain_graph
one = plain_graph(None)
many = {{"plain": one, "failing": lambda: failing_graph(None), "asking": asking_graph(None), "wrong": 3}}
def make():
    return one
nothing = {{}}
"""


@pytest.fixture
def mine(here):
    (here / "mine.py").write_text(AGENTS.format(tests=str(SUPPORT)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["one", "make"])
def test_a_graph_or_a_function_that_makes_one_is_an_agent(mine, name):
    done = process("send", "--new", "hello", "--agents", f"mine:{name}")
    assert (done.returncode, done.stdout) == (0, "re: hello\n"), done.stderr
    assert rows()[0][4] == name
    assert process("--agents", f"mine:{name}", "send", "-", "again").stdout == "re: again\n"


@pytest.mark.slow
def test_of_several_agents_one_has_to_be_named(mine):
    done = process("send", "--new", "hello", "--agents", "mine:many")
    assert done.returncode == 2 and "plain, failing, asking" in done.stderr
    assert (
        process("send", "--new", "hello", "--agents", "mine:many", "--agent", "plain").stdout == "re: hello\n"
    )


@pytest.mark.slow
def test_agent_error_is_one_sentence_and_a_traceback_by_option(mine):
    words = ["send", "--new", "hello", "--agents", "mine:many", "--agent", "failing"]
    done = process(*words)
    assert done.returncode == 1
    assert done.stderr.endswith("Error: the agent failed: RuntimeError: the model is on fire\n")
    assert "Traceback" not in done.stderr
    for asked in (process(*words, "--traceback"), process(*words, THREADS_DEBUG="1")):
        assert asked.returncode == 1 and "Traceback" in asked.stderr and "graphs.py" in asked.stderr


@pytest.mark.slow
def test_interrupt_of_an_agent_is_printed(mine):
    done = process("send", "--new", "hello", "--agents", "mine:many", "--agent", "asking")
    assert done.returncode == 0 and "the agent waits for an answer to: sure?" in done.stderr


@pytest.mark.slow
def test_answer_is_sent_to_an_interrupted_agent(mine):
    process("send", "--new", "hello", "--agents", "mine:many", "--agent", "asking")
    answered = process("send", "-", "very", "--answer", "--agents", "mine:many")
    assert answered.stdout == "you said very\n"
    assert [message["text"] for message in told("show", "-")["messages"]] == ["hello", "you said very"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "code", "words"),
    [
        ("mine", 2, "MODULE:NAME"),
        ("missing:one", 2, "no module 'missing'"),
        ("mine:missing", 2, "has no 'missing'"),
        ("mine:nothing", 2, "neither a compiled graph nor a mapping"),
        ("broken:one", 1, "broken cannot be imported: ZeroDivisionError"),
    ],
)
def test_reasons_for_which_agents_cannot_be_loaded_are_distinguished(mine, here, spec, code, words):
    (here / "broken.py").write_text("1 / 0\n")
    done = process("send", "--new", "hello", "--agents", spec)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert words in done.stderr and "Traceback" not in done.stderr


# chat


def test_lines_from_a_pipe_are_messages_and_slashes_are_commands():
    new("--id", "other", "--title", "The other")
    lines = [
        "Hi, I'm Eve",
        "",
        "/title Eve's thread",
        "What is my name?",
        "/list",
        "/help",
        "/switch other",
        "hello",
    ]
    result = call("chat", input="\n".join([*lines, "/quit", "never heard"]))
    assert "Eve" in result.stdout.splitlines()[1]
    assert "/switch" in result.stderr and "threads chat other" in result.stderr
    assert {row[1]: row[2] for row in rows()} == {"The other": "2", "Eve's thread": "4"}


def test_chat_continues_a_thread_and_new_starts_another():
    out("send", "--new", "Hi, I'm Ann")
    result = call("chat", "-", input="What is my name?\n/new Second\n//slash\n")
    assert "Ann" in result.stdout
    assert titles() == ["Second", "Hi, I'm Ann"]
    assert told("show", "-")["messages"][0]["text"] == "/slash"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "variable", "is_slow"),
    [("chat", "", True), ("chat", "0", False), ("send --new hello", "", False)],
)
def test_chat_streams_the_offline_model_at_reading_pace(here, command, variable, is_slow):
    (here / "pace.py").write_text(PACE)
    done = process(
        *command.split(), "--agents", "pace:agents", input="Hi, I'm Alice.\n", THREADS_OFFLINE_DELAY=variable
    )
    assert done.returncode == 0, done.stderr
    at_import, at_call = map(float, done.stdout.split())
    assert (at_import > 0, at_call > 0) == (is_slow, is_slow)


def test_chat_leaves_the_environment_as_it_is(monkeypatch):
    monkeypatch.setenv("THREADS_OFFLINE_DELAY", "")
    assert "Hello Alice!" in out("chat", input="Hi, I'm Alice.\n")
    assert (os.environ["THREADS_OFFLINE_DELAY"], load_model("offline").delay) == ("", 0)


def test_chat_without_a_message_creates_no_thread():
    call("chat", input="")
    assert rows() == []


def test_chat_from_a_pipe_ends_at_the_first_error():
    assert "/help" in call("chat", input="/nonsense\nhello\n", code=2).stderr
    assert rows() == []
    call("chat", input="/switch nobody\n", code=3)


# show, verify, detach


def test_show_prints_the_data_and_then_the_messages():
    out("send", "--new", "Where is order 1001?", *CATALOG, "--agent", "support")
    facts, messages = out("show", "-").split("\n\n")
    assert "title\tWhere is order 1001?" in facts.splitlines()
    assert [line.split("\t")[1] for line in messages.splitlines()] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert len(out("show", "-", "-n", "1").split("\n\n")[1].splitlines()) == 1
    assert told("show", "-", "-n", "0")["messages"] == []


def test_verify_reports_agreement_and_does_not_change_the_file(here):
    out("send", "--new", "hello")
    assert out("verify") == "registry and checkpoints agree (1 thread)\n"
    assert told("verify") == {"problems": [], "mended": [], "threads": 1}


def test_verify_exits_1_for_an_inconsistency_and_repair_fixes_it(here):
    out("send", "--new", "hello")
    with closing(sqlite3.connect(here / "threads.db")) as connection, connection:
        connection.execute("UPDATE threads_thread SET preview = 'nonsense'")
    assert out("verify", code=1).startswith("wrong_words\t")
    assert told("verify", code=1)["problems"][0]["kind"] == "wrong_words"
    assert "registry and checkpoints agree" in out("verify", "--repair")
    assert told("verify")["problems"] == []


def test_detach_removes_the_registry_only_after_confirmation(here):
    out("send", "--new", "hello")
    assert "--yes" in call("detach", "threads.db", code=2).stderr
    out("detach", "threads.db", "--yes")
    with closing(sqlite3.connect(here / "threads.db")) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        assert {name for (name,) in tables} - {"sqlite_sequence"} == {"checkpoints", "writes"}
    call("detach", "nowhere.db", "--yes", code=1)


# in processes of their own


@pytest.mark.slow
def test_terminal_tests_are_skipped_without_a_terminal():
    code = "import sys; sys.modules['pty'] = None; import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    words = ["--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words, TESTS / "cli/test_terminal.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED and "error" not in done.stdout, done.stdout


def test_exit_codes_reach_the_shell():
    assert process("new", "--id", "a").returncode == 0
    assert process("ls", "--db", "missing.db").returncode == 1
    assert process("ls", "--nonsense").returncode == 2
    assert process("show", "b").returncode == 3


@pytest.mark.slow
def test_commands_without_agents_load_neither_langgraph_nor_rich():
    new("--id", "a")
    for words in (
        ["ls"],
        ["show", "a"],
        ["rename", "a", "T"],
        ["trash", "a"],
        ["restore", "a"],
        ["rm", "a", "--yes"],
        ["backup", "copy.db"],
    ):
        code = """
import atexit, sys
heavy = ("langgraph", "langchain_core", "rich", "agent", "asyncio")
atexit.register(lambda: print([name for name in heavy if name in sys.modules], file=sys.stderr))
from threads.cli import main
main()
"""
        done = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
        )
        assert done.stderr == "[]\n", (words, done.stderr)


@pytest.mark.slow
def test_a_list_imports_no_more_than_twice_the_modules_of_its_ingredients():
    """What a start costs is what it imports; `tests/benchmarks/startup.py` has the times."""
    new("--id", "a")
    count = "import atexit, sys; atexit.register(lambda: print(len(sys.modules), file=sys.stderr)); "
    codes = {"ls": "from threads.cli import main; main()", "bare": "import click, rich.table, sqlite3"}
    imported = {
        name: int(
            subprocess.run(
                [sys.executable, "-c", count + code, "ls"], capture_output=True, text=True, check=True
            ).stderr
        )
        for name, code in codes.items()
    }
    assert imported["ls"] <= 2 * imported["bare"], imported
