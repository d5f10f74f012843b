"""`threads audit` and the demonstration: what they print, and how they end."""

import json
import runpy
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner
from locations import ROOT

from threads.cli.group import threads as group
from threads.isolation.attacks import ATTACKS

LEAKING = "threads.isolation.gallery.leaking:constant_thread_id"
INNOCENT = "threads.isolation.gallery.innocent:plain_messages"
QUICK = ("--attack", "taking turns", "--seed", "1")

BROKEN = {
    "broken": "import not_installed_at_all\n",
    "unfinished": "def build(:\n",
    "leaves": "raise SystemExit(5)\n",
    "builds": """
import sys
from threads.isolation.gallery.parrot import graph
def needs_more(model, checkpointer=None): ...
def leaves(checkpointer=None): sys.exit("no key")
async def later(checkpointer=None): ...
async def quits(user, text): sys.exit(3)
def chat(user, text): return text
""",
}
"""What cannot be audited, each for a reason of its own."""


def call(*words, code):
    result = CliRunner().invoke(group, ["audit", *words])
    assert result.exit_code == code, (result.stdout, result.stderr, result.exception)
    return result


def test_a_clean_agent_ends_with_0_and_the_counts():
    text = call(INNOCENT, *QUICK, code=0).stdout
    assert text.startswith(f"{INNOCENT}: 24 turns, ")
    assert "no word was found where it does not belong" in text


def test_a_leak_ends_with_1_and_tells_mistake_remedy_and_steps():
    text = call(LEAKING, *QUICK, code=1).stdout
    assert "constant-thread-id: every user speaks in the same thread" in text
    assert "remedy: give each conversation an id of its own" in text
    assert "    1. 'alice-" in text


def test_an_agent_that_forgets_ends_with_1():
    text = call("threads.isolation.gallery.forgetful:saver_per_call", *QUICK, code=1).stdout
    assert "saver-per-call: it does not remember" in text


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("nowhere",), "not of the form module:name"),
        (("nothing_here:build",), "there is no module 'nothing_here'"),
        ((INNOCENT, "--attack", "telepathy"), "there is no 'telepathy'"),
        ((INNOCENT, "--users", "1"), "--users"),
        (("broken:build",), "broken cannot be imported: ModuleNotFoundError"),
        (("unfinished:build",), "unfinished cannot be imported: SyntaxError"),
        (("leaves:build",), "leaves cannot be imported: SystemExit: 5"),
        (("builds:needs_more",), "builds:needs_more makes no agent: TypeError"),
        (("builds:leaves",), "builds:leaves makes no agent: SystemExit: no key"),
        (("builds:later",), "builds:later is a coroutine function"),
        (("builds:quits",), "answers nothing: SystemExit: 3"),
        (("builds:chat", "--attack", "forks"), "no attack could run: an application keeps its own memory"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(words, reason, tmp_path, monkeypatch):
    for module, code in BROKEN.items():
        (tmp_path / f"{module}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    assert reason in call(*words, code=2).stderr


def test_json_tells_all_of_it():
    report = json.loads(call(LEAKING, *QUICK, "--users", "2", "--turns", "8", "--json", code=1).stdout)
    assert report["verdict"] == "leaks"
    assert report["clean"] is False
    assert report["seed"] == 1
    [finding] = report["findings"]
    assert finding["mistake"] == "constant-thread-id"
    assert finding["replay"]["code"].count("constant_thread_id(") == 2


def test_what_an_agent_prints_is_not_in_the_report(tmp_path, monkeypatch):
    (tmp_path / "talks.py").write_text(
        "print('it is imported')\ndef chat(user, text):\n    print('it answers')\n    return text\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    result = CliRunner().invoke(group, ["audit", "talks:chat", *QUICK, "--json"])
    assert json.loads(result.stdout)["verdict"] == "clean"
    assert {"it is imported", "it answers"} <= set(result.stderr.splitlines())


def test_an_interrupted_audit_does_not_end_as_one_that_found_a_leak(tmp_path):
    (tmp_path / "talks.py").write_text(
        "def chat(user, text):\n    print('it answers', flush=True)\n    return text\n"
    )
    audit = subprocess.Popen(
        [sys.executable, "-m", "threads", "audit", "talks:chat", *QUICK, "--turns", "1000000"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with audit:
        while "it answers" not in audit.stderr.readline():
            assert audit.poll() is None
        audit.send_signal(signal.SIGINT)
        said, told = audit.communicate()
    assert (audit.returncode, said) == (130, "")
    assert told.splitlines()[-1] == "Aborted!"
    assert "Traceback" not in told


def test_the_attacks_are_listed():
    lines = call("--list", code=0).stdout.splitlines()
    assert [line.split("\t") for line in lines] == [[attack.name, attack.what] for attack in ATTACKS]


def test_without_a_name_the_built_in_assistant_is_audited():
    assert call(*QUICK, code=0).stdout.startswith("threads.assistant:build: 24 turns")


def test_on_a_terminal_it_is_a_table(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    from threads.cli.audit import draw_report
    from threads.isolation import audit

    draw_report(audit(LEAKING, attacks=["taking turns", "forks"], users=2, turns=8, seed=1))
    text = capsys.readouterr().out
    assert text.splitlines()[0].split() == [
        "attack",
        "turns",
        "failed",
        "places",
        "leaked",
        "what",
        "was",
        "tried",
    ]
    assert "constant-thread-id" in text
    assert "an application keeps its own memory" in text


def test_an_agent_in_the_folder_is_found_and_stays_alone_in_it(tmp_path):
    (tmp_path / "my_app.py").write_text(
        "from threads.isolation.gallery.parrot import answer, graph\n"
        "print('hello from my app')\n"
        "def build(checkpointer=None):\n    return graph(answer, checkpointer)\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-m", "threads", "audit", "my_app:build", "--attack", "processes"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "24 turns" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["my_app.py"]


def test_the_demonstration_shows_a_leak_and_what_holds(capsys):
    demonstration = runpy.run_path(str(ROOT / "exercises" / "isolation_demo.py"))
    assert set(demonstration["NAIVE"]) == {attack.name for attack in ATTACKS}
    assert demonstration["main"](["asyncio"]) == 0
    shown = capsys.readouterr().out
    assert "[LEAK] global_current_thread: turns at once are mixed up" in shown
    assert shown.count("[OK] here:") == 1
    assert "1 of 1 attacks: the naive agent leaks, ours does not." in shown
