"""The commands that find, organise, keep and measure, and their JSON."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from click.testing import CliRunner
from graphs import plain_graph
from locations import ROOT, SUPPORT
from run_helpers import slow_agent

import threads
from threads.cli.group import COMMANDS
from threads.cli.group import threads as group

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Commands run in a folder of their own, with the model that needs no key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THREADS_MODEL", "offline")
    monkeypatch.delenv("THREADS_DB", raising=False)
    return tmp_path


def call(line, code=0, input=None):
    result = CliRunner().invoke(group, shlex.split(line), input=input)
    assert result.exit_code == code, (line, result.stdout, result.stderr, result.exception)
    return result


def rows(line):
    return [each.split("\t") for each in call(line).stdout.splitlines()]


def told(line):
    option = "--as-json" if line.startswith("resume ") else "--json"
    return json.loads(call(f"{line} {option}").stdout)


def test_search_prints_a_line_per_match():
    [[id]] = rows('new --title "Refund for Carol" --tag vip')
    call('send --new "Where is my refund?"')
    found = rows("search refund")
    assert {row[2] for row in found} >= {"title", "user"}
    assert [row[:3] for row in rows("search carol")] == [[id, "Refund for Carol", "title"]]
    assert rows("search refund tag:vip") == rows("search --tag vip refund") == rows("search carol")
    assert [row[4] for row in rows('search "my refund"')] == ["Where is my refund?"]
    assert rows("search --since 1d nothing") == []
    page = told("search refund -n 1")
    rest = told(f"search refund --cursor {page['next_cursor']}")
    assert len(page["hits"]) == 1 and len(rest["hits"]) == len(found) - 1
    assert "is:pinned" in call("search is:x", code=2).stderr
    assert "cursor" in call("search x --cursor nonsense", code=2).stderr


def test_one_argument_is_the_whole_query_and_each_of_several_is_a_phrase():
    call('new --id one --title "order 1001 in C++" --tag "big deal"')
    call('new --id two --title "C++ order"')

    def found(line):
        return [row[0] for row in rows(f"search {line}")]

    assert found('"1001 order"') == ["one"]
    assert found("'\"1001 order\"'") == found("'1001 order' C++") == []
    assert found("C++ 'order 1001'") == ["one"]
    assert found("C++ 'tag:big deal'") == found("'C++ tag:\"big deal\"'") == ["one"]


def test_undecodable_search_is_refused(here):
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}
    call("new --title 東京")
    done = subprocess.run(
        [sys.executable, "-m", "threads", "search", "東京"],
        cwd=here, env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and b"encoding than this terminal" in done.stderr


def test_marks_are_set_and_removed():
    [[one]], [[two]] = rows("new --title one"), rows("new --title two")
    assert rows(f"pin {one} {two}") == [[one], [two]]
    assert told(f"unpin {two}")["threads"][0]["pinned"] is False
    assert [row[0] for row in rows("ls --pinned")] == [one]
    call(f"archive {two}")
    assert [row[0] for row in rows("ls")] == [one]
    assert rows("unarchive -") == [[two]]
    assert {row[0] for row in rows("ls")} == {one, two}
    call("pin nobody", code=3)


def test_tags_are_added_listed_renamed_and_removed():
    [[one]], [[two]] = rows("new --tag a"), rows("new")
    call(f"tag b {one} {two}")
    assert rows("tag") == [["b", "2"], ["a", "1"]]
    call(f"untag a {one}")
    assert told("tag")["tags"] == [{"name": "b", "threads": 2}]
    assert told("tag --rename c b") == {"renamed": 2}
    assert "no thread has the tag 'b'" in call("tag --rename d b", code=3).stderr
    assert [row[0] for row in rows("ls --tag c")] == [two, one]
    for wrong in ("tag c", "tag --rename x", "untag c"):
        call(wrong, code=2)


def test_unread_messages_are_counted_and_marked_as_read():
    call('send --new "Hi, I am Alice"')
    [[one, *_]] = rows("ls")
    call("new --id empty")
    title = "Hi, I am Alice"
    assert rows("unread --user ann") == [[one, "2", title]]
    assert rows(f"unread --user ann empty {one}") == [["empty", "0", "New conversation"], [one, "2", title]]
    first = told(f"show {one}")["messages"][0]["id"]
    assert rows(f"mark-read {one} --user ann --upto {first}") == [["1"]]
    assert told("unread --user ann") == {"unread": {one: 1}}
    assert told(f"mark-read {one} --user ann") == {"thread_id": one, "unread": 0}
    assert "no unread messages" in call("unread --user ann").stderr
    assert told("unread --user bob") == {"unread": {one: 2}}
    call("mark-read nobody --user ann", code=3)
    call(f"mark-read {one} --user ann --upto nothing", code=2)


def test_messages_printed_by_send_are_not_unread(here):
    call('send --new "Hi, I am Alice"')
    [[one, *_]] = rows("ls")
    call("chat -", input="once more\n")
    assert told("unread") == {"unread": {}}
    with threads.open(here / "threads.db") as registry:
        agents = {registry.get(one).agent_id: plain_graph(None)}
        with threads.Runner(registry, agents) as runner:
            runner.start(one, "in the background").result()
    assert told("unread") == {"unread": {one: 1}}
    assert told("mark-read -") == {"thread_id": one, "unread": 0}


def test_lists_and_searches_take_metadata_offset_and_count():
    for number in range(3):
        call(f"new --id t{number} --title apple --metadata plan=gold --metadata n={number}")
    call("new --id other --title apple")
    for words, key in (("ls", "threads"), ("search apple", "hits")):
        assert len(rows(f"{words} --metadata plan=gold")) == 3
        assert [row[0] for row in rows(f"{words} --metadata plan=gold --metadata n=1")] == ["t1"]
        assert rows(f"{words} --offset 1") == rows(words)[1:]
        assert "total" not in told(words)
        page = told(f"{words} --metadata plan=gold -n 1 --offset 1 --count")
        assert (len(page[key]), page["total"]) == (1, 3)
        assert "4 in total" in call(f"{words} -n 1 --count").stderr
        call(f"{words} --offset 1 --cursor {page['next_cursor']}", code=2)
        call(f"{words} --metadata gold", code=2)


def test_stats_and_agents_are_printed():
    call('send --new "Where is order 1001?"')
    [[day, begun, messages, *_]] = rows("stats")
    assert (len(day), begun, messages) == (10, "1", "2")
    assert [row[:3] for row in rows("stats --by agent")] == [["assistant", "1", "2"]]
    assert rows("stats --by all --since 2099-01-01") == []
    assert ["assistant", "1", "default"] in rows("agents")
    assert {each["id"] for each in told("agents")["agents"]} == {row[0] for row in rows("agents")}


def test_agents_are_listed_without_creating_a_file(here):
    assert ["assistant", "0", "default"] in rows("agents")
    assert list(here.iterdir()) == []


def test_cleanup_applies_the_rules():
    [[one]] = rows("new --title one")
    call("new --title two --tag keep")
    call("cleanup --set old --action trash --inactive 0m")
    call("cleanup --set kept --action keep --tag keep")
    assert {rule["name"] for rule in told("cleanup --rules")["rules"]} == {"old", "kept"}
    with threads.open("threads.db") as registry:
        registry._database.write(
            lambda connection: (
                connection.execute("UPDATE threads_thread SET updated_at = updated_at - 1000") and None
            )
        )
    assert rows("cleanup --dry-run") == [["trash", "old", one]]
    assert told("cleanup")["cleaned"] == [{"rule": "old", "action": "trash", "threads": [one]}]
    assert rows("cleanup") == []
    call("cleanup --drop old")
    call("cleanup --drop old", code=2)
    for wrong in ("--action trash", "--set x", "--set x --action trash", "--set x --action trash --age soon"):
        call(f"cleanup {wrong}", code=2)


@pytest.mark.parametrize("rule", ["--set old --action delete --inactive 0m", "--drop kept"])
def test_dry_run_neither_stores_nor_drops_a_rule(rule):
    call("new")
    call("cleanup --set kept --action keep --tag keep")
    assert "cannot be combined with --set or --drop" in call(f"cleanup {rule} --dry-run", code=2).stderr
    assert [each["name"] for each in told("cleanup --rules")["rules"]] == ["kept"]


def test_a_rule_for_a_thread_is_stored_with_its_whole_id():
    [[one]] = rows("new --title one")
    for given in ("-", one[:20], one):
        call(f"cleanup --set kept --action keep --thread {given}")
        assert [rule["thread_id"] for rule in told("cleanup --rules")["rules"]] == [one]
    call("cleanup --set other --action keep --thread nobody", code=3)
    assert [rule["name"] for rule in told("cleanup --rules")["rules"]] == ["kept"]


def test_fork_is_compared_with_its_source():
    call('send --new "Hi, I am Alice"')
    [[fork]] = rows("fork -")
    call(f'send {fork} "My order is A-1001"')
    source = next(row[0] for row in rows("ls") if row[0] != fork)
    found = told(f"diff {source} {fork}")
    assert (found["common"], found["removed"]) == (2, [])
    assert next(each["text"] for each in found["added"]) == "My order is A-1001"
    assert call(f"diff {fork} {source}").stdout.startswith("- user: My order is A-1001\n")
    first = rows(f"history {fork}")[-1][0]
    assert told(f"diff {fork} --at {first}")["common"] == 0
    assert told(f"diff {fork} {source} --at {rows(f'history {source}')[0][0]}")["added"] == []
    call("diff -", code=2)
    call("diff - --at nowhere", code=3)


def test_repair_fixes_and_reports():
    call("new --tag a")
    with threads.open("threads.db") as registry:
        registry._database.write(
            lambda connection: connection.execute("DELETE FROM threads_tag_count") and None
        )
    call("verify", code=1)
    assert "mended" in call("repair").stdout
    call("verify")


def test_chat_undoes_retries_copies_and_forks():
    lines = [
        "Hi, I'm Alice",
        "My order is A-1001",
        "/undo",
        "/copy",
        "What's my name?",
        "/retry",
        "/fork",
        "/undo",
        "/undo",
    ]
    result = CliRunner().invoke(group, ["chat"], input="\n".join(lines) + "\n")
    assert result.exit_code == 0, result.stderr
    answers = result.stdout.splitlines()
    assert answers[2] == answers[0] and answers[3] == answers[4]
    assert result.stderr.count("undone: ") == 3
    with threads.open("threads.db") as registry:
        source, fork = sorted(registry.list(), key=lambda thread: -(thread.message_count or 0))
        assert [m.text for m in registry.messages(source.id) if m.role == "user"] == [
            "Hi, I'm Alice",
            "What's my name?",
        ]
        assert (fork.message_count, list(registry.messages(fork.id))) == (0, [])
        assert registry.verify() == []
    for line in ("/undo", "/retry", "/fork", "/copy"):
        assert CliRunner().invoke(group, ["chat"], input=line).exit_code == 2


# completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion(shell):
    assert "_THREADS_COMPLETE" in call(f"completion {shell}").stdout


def completed(words, here):
    environment = {
        **os.environ,
        "COMP_WORDS": f"threads {words}",
        "COMP_CWORD": str(len(words.split())),
        "_THREADS_COMPLETE": "zsh_complete",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "from threads.cli import main; main()"],
        cwd=here, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


def test_commands_options_and_ids_are_completed(here):
    assert "unarchive" in completed("unar", here)
    assert "--since" in completed("ls --si", here)
    assert completed("show abc", here) == []
    call('new --id abcdef --title "A thread"')
    assert completed("show abc", here) == ["plain", "abcdef", "A thread"]
    assert "abcdef" in completed("archive abc", here)


@pytest.mark.slow
def test_ids_are_completed_only_in_place_of_an_id(here):
    call("new --id abcdef")
    for words in ("chat a", "send a", "prune a", "prune xyz a", "unread a", "tag vip a", "untag vip a"):
        assert "abcdef" in completed(words, here), words
    assert completed("send abcdef a", here) == completed("send --new a", here) == []


@pytest.mark.slow
def test_pending_interrupts_are_completed(here):
    call("new --id asking --agent refund")
    call("send asking hello --agents asking_agents:refund")
    [question] = told("show asking")["interrupts"]
    assert completed(f"resume asking --question {question['id'][:3]}", here) == [
        "plain",
        question["id"],
        "refund?",
    ]
    assert (
        completed("resume asking --question x", here) == completed("resume nobody --question x", here) == []
    )
    assert "asking" in completed("resume as", here) and "--question" in completed("resume --q", here)


def test_tags_and_rules_are_completed(here):
    call("new --tag vip --tag other")
    call("cleanup --set old --action archive --inactive 90d")
    for words in ("tag v", "untag v", "ls --tag v", "search x --tag v", "stats --tag v", "cleanup --tag v"):
        assert completed(words, here) == ["plain", "vip", "1 thread"], words
    assert completed("cleanup --drop o", here) == ["plain", "old", "archive"]


def test_completion_of_a_broken_file_is_quiet(here):
    (here / "threads.db").write_bytes(b"no database at all" * 100)
    assert completed("show abc", here) == []


# JSON

JSON = {
    "new": "new",
    "ls": "ls",
    "show": "show -",
    "search": "search hello",
    "send": "send - hello",
    "resume": "resume asking --no --agents asking_agents:refund",
    "retry": "retry broken --agents mending:graph",
    "runs": "runs broken",
    "rename": "rename - again",
    "pin": "pin -",
    "unpin": "unpin -",
    "archive": "archive -",
    "unarchive": "unarchive -",
    "tag": "tag",
    "untag": "untag x -",
    "unread": "unread --user alice",
    "mark-read": "mark-read - --user alice",
    "trash": "trash -",
    "restore": "restore -",
    "rm": "rm -y abc",
    "history": "history -",
    "diff": "diff - xyz",
    "fork": "fork -",
    "rewind": "rewind - --to {head}",
    "users": "users ls",
    "stats": "stats",
    "agents": "agents",
    "cleanup": "cleanup",
    "prune": "prune",
    "compact": "compact",
    "backup": "backup copy.db",
    "restore-backup": "restore-backup copy.db --yes",
    "verify": "verify",
    "repair": "repair",
    "detach": "detach -y copy.db",
    "audit": "audit --attack forks --users 2 --turns 2",
}


MENDED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from graphs import Plain, compiled, echo
def node(state):
    if not Path("mended").exists():
        raise RuntimeError("no connection")
    return echo(state)
graph = compiled(Plain, node, None)
"""
"""An agent that fails until there is a file `mended`."""


def test_failed_run_in_a_new_thread_can_be_continued(here):
    (here / "mending.py").write_text(MENDED.format(tests=str(SUPPORT)))
    for words in ("send --new hello", "send --new hello --json"):
        [[id], failed] = told_and_failed(words)
        assert f"threads retry {id} continues where it failed" in failed
    assert "no connection" in call(f"retry {id} --agents mending:graph", code=1).stderr
    (here / "mended").touch()
    assert rows(f"retry {id} --agents mending:graph") == [["re: hello"]]
    assert [message["text"] for message in told(f"show {id}")["messages"]] == ["hello", "re: hello"]
    assert "did not fail" in call(f"retry {id} --agents mending:graph", code=1).stderr
    call("retry nobody", code=3)


def told_and_failed(words):
    """The threads that a command names which fails, and all that it says."""
    told = call(f"{words} --agents mending:graph", code=1).stderr
    return re.findall(r"^thread (\S+)$", told, re.MULTILINE), told


def test_every_command_prints_the_json_keys_of_the_readme(here):
    table = README.split("| command | its JSON object has |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    said = {}
    for row in table:
        _, names, keys, _ = row.split("|")
        for name in re.findall(r"`([\w-]+)`", names):
            said[name] = set(re.findall(r"`(\w+)`", keys.partition(";")[0].partition(", by")[0]))
    quiet = {"chat", "completion", "serve"}
    assert set(said) == set(COMMANDS) - quiet
    call("new --id abc")
    call("new --id xyz")
    call('send --new "hello there"')
    (here / "mending.py").write_text(MENDED.format(tests=str(SUPPORT)))
    call("new --id broken --agent graph")
    call("send broken hello --agents mending:graph", code=1)
    (here / "mended").touch()
    call("new --id asking --agent refund")
    call("send asking hello --agents asking_agents:refund")
    for name, line in JSON.items():
        line = line.replace("{head}", rows("history -")[0][0]) if "{head}" in line else line
        assert set(told(line)) == said[name] or (
            said[name] == {"thread"} and "message_count" in told(line)
        ), name
    with threads.open("threads.db") as registry, threads.Runner(registry, slow_agent()) as runner:
        runner.start("talking", "hello", if_not_exists="create")
        assert set(told("stop talking")) == said["stop"]
    assert {*JSON, "stop"} == set(said)
