"""`threads audit` and the demo: output and exit codes."""

import json
import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
from functools import partial

import pytest
from click.testing import CliRunner
from locations import EXERCISES, ROOT

from threads.cli.group import threads as group
from threads.isolation.attacks import ATTACKS

LEAKING_AGENT = "isolation_gallery.leaks:constant_thread_id"
CLEAN_AGENT = "isolation_gallery.no_leak:plain_messages"
QUICK = ("--attack", "taking turns", "--seed", "1")

INVALID_MODULES = {
    "broken": "import not_installed_at_all\n",
    "unfinished": "def build(:\n",
    "leaves": "raise SystemExit(5)\n",
    "builds": """
import sys
from isolation_gallery.fake_model import compile_graph
def needs_more(model, checkpointer=None): ...
def leaves(checkpointer=None): sys.exit("no key")
async def later(checkpointer=None): ...
async def quits(user, text): sys.exit(3)
def chat(user, text): return text
""",
}
"""Modules that cannot be audited, each for its own reason."""


def run_audit(*words, exit_code):
    result = CliRunner().invoke(group, ["audit", *words])
    assert result.exit_code == exit_code, (result.stdout, result.stderr, result.exception)
    return result


def test_clean_agent_exits_0_with_counts():
    text = run_audit(CLEAN_AGENT, *QUICK, exit_code=0).stdout
    assert text.startswith(f"{CLEAN_AGENT}: 24 turns, ")
    assert "no word was found where it does not belong" in text


@pytest.mark.slow
def test_leak_exits_1_with_mistake_remedy_and_steps():
    text = run_audit(LEAKING_AGENT, *QUICK, exit_code=1).stdout
    assert "constant-thread-id: every user speaks in the same thread" in text
    assert "remedy: give each conversation an id of its own" in text
    assert "    1. 'alice-" in text


@pytest.mark.slow
def test_agent_without_memory_exits_1():
    text = run_audit("isolation_gallery.no_memory:saver_per_call", *QUICK, exit_code=1).stdout
    assert "saver-per-call: it does not remember" in text


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("nowhere",), "not of the form module:name"),
        (("nothing_here:build",), "there is no module 'nothing_here'"),
        ((CLEAN_AGENT, "--attack", "telepathy"), "there is no 'telepathy'"),
        ((CLEAN_AGENT, "--users", "1"), "--users"),
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
def test_wrong_usage_exits_2_with_reason(words, reason, tmp_path, monkeypatch):
    for module, code in INVALID_MODULES.items():
        (tmp_path / f"{module}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    assert reason in run_audit(*words, exit_code=2).stderr


def test_json_output_contains_the_whole_report():
    report = json.loads(
        run_audit(LEAKING_AGENT, *QUICK, "--users", "2", "--turns", "8", "--json", exit_code=1).stdout
    )
    assert report["verdict"] == "leaks"
    assert report["clean"] is False
    assert report["seed"] == 1
    [finding] = report["findings"]
    assert finding["mistake"] == "constant-thread-id"
    assert finding["replay"]["code"].count("constant_thread_id(") == 2


def test_output_of_the_agent_goes_to_stderr(tmp_path, monkeypatch):
    (tmp_path / "talks.py").write_text(
        "print('it is imported')\ndef chat(user, text):\n    print('it answers')\n    return text\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    result = CliRunner().invoke(group, ["audit", "talks:chat", *QUICK, "--json"])
    assert json.loads(result.stdout)["verdict"] == "clean"
    assert {"it is imported", "it answers"} <= set(result.stderr.splitlines())


def test_interrupted_audit_exits_130(tmp_path):
    (tmp_path / "talks.py").write_text(
        "def chat(user, text):\n    print('it answers', flush=True)\n    return text\n"
    )
    audit = subprocess.Popen(
        [sys.executable, "-m", "threads", "audit", "talks:chat", *QUICK, "--turns", "1000000"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # a shell may start this test with SIGINT ignored, which a child would inherit
        preexec_fn=None if sys.platform == "win32" else partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    with audit:
        while "it answers" not in audit.stderr.readline():
            assert audit.poll() is None
        audit.send_signal(signal.SIGINT)
        stdout, stderr = audit.communicate()
    assert (audit.returncode, stdout) == (130, "")
    assert stderr.splitlines()[-1] == "Aborted!"
    assert "Traceback" not in stderr


@pytest.mark.slow
def test_readme_command_audits_gallery_from_a_clone():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [line] = re.findall(r"`cd exercises && threads (audit isolation_gallery[^`]*)`", readme)
    done = subprocess.run(
        [sys.executable, "-m", "threads", *shlex.split(line), "--attack", "equal messages"],
        cwd=EXERCISES, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "llm-cache: " in done.stdout


def test_list_option_prints_attacks():
    lines = run_audit("--list", exit_code=0).stdout.splitlines()
    assert [line.split("\t") for line in lines] == [[attack.name, attack.what] for attack in ATTACKS]


def test_default_target_is_the_built_in_assistant_without_api_key(monkeypatch):
    monkeypatch.delenv("THREADS_MODEL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "an audit does not use it")
    assert run_audit(*QUICK, exit_code=0).stdout.startswith("threads.assistant:build: 24 turns")


def test_terminal_report_is_a_table(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    from threads.cli.audit import draw_report
    from threads.isolation import audit

    draw_report(audit(LEAKING_AGENT, attacks=["taking turns", "forks"], users=2, turns=8, seed=1))
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


@pytest.mark.slow
def test_agent_is_imported_from_working_directory_without_leaving_files(tmp_path):
    (tmp_path / "my_app.py").write_text(
        "from isolation_gallery.fake_model import answer, compile_graph\n"
        "print('hello from my app')\n"
        "def build(checkpointer=None):\n    return compile_graph(answer, checkpointer)\n"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-m", "threads", "audit", "my_app:build", "--attack", "processes"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(EXERCISES)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "24 turns" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["my_app.py"]


def test_demo_shows_a_leaking_and_a_clean_agent(capsys):
    demo = runpy.run_path(str(EXERCISES / "isolation_demo.py"))
    assert set(demo["LEAKING_AGENTS"]) == {attack.name for attack in ATTACKS}
    assert demo["main"](["asyncio"]) == 0
    shown = capsys.readouterr().out
    assert "[LEAK] global_current_thread: turns at once are mixed up" in shown
    assert shown.count("[OK] here:") == 1
    assert "1 of 1 attacks: the naive agent leaks, ours does not." in shown
