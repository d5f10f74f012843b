"""The README says what is there: its code runs, its tables are compared with the live ones."""

import ast
import inspect
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import click
import pytest
from locations import ROOT

import threads
from agent import build_agent
from threads.cli.group import COMMANDS
from threads.cli.group import threads as group
from threads.models import EventType

README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci/run").read_text(encoding="utf-8")
SCRIPTS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHELL = re.findall(r"^```bash\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
LINES = [line for block in SHELL for line in block.splitlines()]
SETUPS = [line for line in LINES if line.startswith("python3 -m venv")]
OWNERS = {
    "threads": threads, "registry": threads.Registry, "thread": threads.Thread, "runner": threads.Runner,
    "run": threads.Run,
}  # fmt: skip
CALLS = re.findall(
    r"^\| `((?:threads|registry|thread|runner|run)\.\w+(?:\(.*?\))?)` \|", README, re.MULTILINE
)


def environment() -> dict[str, str]:
    """The offline model, and the commands of the interpreter that runs the tests."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("THREADS_", "OPENAI_"))}
    return kept | {"PATH": path, "THREADS_MODEL": "offline", "PYTHONIOENCODING": "utf-8"}


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, encoding="utf-8",
        stdin=subprocess.DEVNULL, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


def table(heading: str) -> dict[str, str]:
    """The rows of the table with this head, by the words in the first column."""
    rows = README.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    cells = [re.fullmatch(r"\| `([^`]+)` \| (.+) \|", row) for row in rows]
    assert all(cells), f"the table {heading!r} has a row of another form"
    return {found[1]: found[2] for found in cells if found}


# Python


@pytest.mark.slow
def test_each_python_block_runs_and_prints_what_is_said(tmp_path):
    assert len(SCRIPTS) >= 5
    for number, script in enumerate(SCRIPTS):
        expected = "".join(f"{line[5:]}\n" for line in script.splitlines() if line.startswith("# -> "))
        assert expected, f"block {number} promises no output"
        file = tmp_path / f"block{number}.py"
        file.write_text(script, encoding="utf-8")
        assert run(tmp_path, sys.executable, "-W", "error", file.name) == expected, f"block {number}"


def parameters(function: object) -> list[inspect.Parameter]:
    assert callable(function)
    return [each for each in inspect.signature(function).parameters.values() if each.name != "self"]


def documented(call: str) -> list[inspect.Parameter]:
    """The parameters in `name(a, *, b, c=1)`; after one with a default, one without it just does not tell."""
    found = ast.parse(f"def _{call[call.index('(') :]}: pass").body[0]
    assert isinstance(found, ast.FunctionDef)
    empty = inspect.Parameter.empty
    positional = [inspect.Parameter(a.arg, inspect.Parameter.POSITIONAL_OR_KEYWORD) for a in found.args.args]
    named = [
        inspect.Parameter(
            a.arg,
            inspect.Parameter.KEYWORD_ONLY,
            default=empty if default is None else ast.literal_eval(default),
        )
        for a, default in zip(found.args.kwonlyargs, found.args.kw_defaults, strict=True)
    ]
    return positional + named


def assert_same_parameters(call: str, function: object) -> None:
    said, real = documented(call), parameters(function)
    assert [(each.name, each.kind) for each in said] == [(each.name, each.kind) for each in real], call
    for told, there in zip(said, real, strict=True):
        if told.default is not inspect.Parameter.empty:
            assert told.default == there.default, f"{call}: {told.name}"


@pytest.mark.parametrize("call", CALLS)
def test_each_call_in_the_table_is_there_with_these_parameters(call):
    home, name = call.partition("(")[0].split(".")
    owner = OWNERS[home]
    if "(" in call:
        assert_same_parameters(call, getattr(owner, name))
    else:
        assert isinstance(inspect.getattr_static(owner, name), property)


def test_no_public_call_is_missing_in_the_table():
    named = {call.partition("(")[0] for call in CALLS}
    owners = {home: OWNERS[home] for home in ("registry", "runner", "run")}
    public = {f"{home}.{name}" for home, owner in owners.items() for name in dir(owner) if name[0] != "_"}
    public |= {f"threads.{name}" for name in threads.__all__ if inspect.isfunction(getattr(threads, name))}
    assert public <= named


def test_the_fields_of_a_thread_are_those_it_has():
    [sentence] = re.findall(r"^A `Thread` has (.+?)\. The title", README, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", sentence, flags=re.DOTALL)))
    assert named == set(threads.Thread.__dataclass_fields__)


def test_every_error_is_named_and_no_other():
    rows = table("error | fact")
    named = set(rows) | {name for fact in rows.values() for name in re.findall(r"`([A-Z]\w+)`", fact)}
    there = {name for name in threads.__all__ if name[0].isupper() and is_error(getattr(threads, name))}
    assert named == there - {"ThreadsError"}
    for home in ("UsageError", "DatabaseError"):
        for name in re.findall(r"`([A-Z]\w+)`", rows[home]):
            assert issubclass(getattr(threads, name), getattr(threads, home))


def test_every_event_is_told_and_no_other():
    assert list(table("event | its `data`")) == list(get_args(EventType))


def is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, threads.ThreadsError)


def test_build_agent_takes_what_is_said():
    [call] = re.findall(r"`agent\.(build_agent\(.+?\))`", README)
    assert_same_parameters(call, build_agent)


# the command line


def test_every_command_is_named_and_no_other():
    assert [name.removeprefix("threads ") for name in table("command | what it does")] == list(COMMANDS)


@pytest.mark.slow
def test_the_shell_session_runs_as_it_stands(tmp_path):
    session = [shlex.split(line) for line in LINES if line.startswith("threads ")]
    assert len(session) >= 8
    for words in session:
        run(tmp_path, *words)


def test_options_named_in_the_texts_are_there():
    with click.Context(group) as context:
        for name, text in table("command | what it does").items():
            command = group.get_command(context, name.removeprefix("threads "))
            assert command is not None
            known = {option for each in command.params for option in each.opts}
            assert set(re.findall(r"`(--[\w-]+)", text)) <= known, name
    shared = {option for each in group.params for option in each.opts}
    assert {"--db", "--agents"} <= shared


# the two commands, and the rest of the page


@pytest.mark.parametrize("line", LINES)
def test_shell_lines_are_well_formed_and_name_what_is_there(line):
    assert subprocess.run(["bash", "-n", "-c", line], check=False).returncode == 0
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for word in shlex.split(line):
        if word.endswith(".py"):
            assert (ROOT / word).exists() or list((ROOT / "exercises").rglob(word)), word
        if found := re.fullmatch(r"\.\[(\w+)\]", word):
            assert found[1] in extras["optional-dependencies"]


def test_there_are_two_setups_and_the_second_is_what_ci_runs():
    assert len(SETUPS) == 2
    pattern = next(line for line in CI.splitlines() if "grep" in line and "README.md" in line)
    [found] = re.findall(r"grep -E '([^']+)'", pattern)
    assert [line for line in README.splitlines() if re.search(found, line)] == [SETUPS[1]]


def test_links_lead_to_files_that_are_there():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_each_variable_named_is_read_somewhere():
    named = table("setting | meaning")
    code = "".join(
        path.read_text(encoding="utf-8")
        for room in ("agent", "threads")
        for path in (ROOT / room).rglob("*.py")
    )
    assert [name for name in named if not re.search(f"[\"']{name}[\"']", code)] == []


def test_each_file_named_beside_a_figure_is_there():
    named = set(
        re.findall(r"\btests/[\w/]+\.py\b", README + (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    )
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


TEST_COMMANDS = re.findall(r"pytest (tests/\S+\.py)(?: -k (\w+))?", README)


@pytest.mark.parametrize(("path", "word"), sorted(set(TEST_COMMANDS)))
def test_test_commands_select_tests(path: str, word: str) -> None:
    names = re.findall(r"def (test_\w+)", (ROOT / path).read_text(encoding="utf-8"))
    assert any(word in name for name in names)
