"""`check.py` as learners meet it: its report, its hints, its clock and its exit codes."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from exercise_pack import EXERCISES, half_solved, program, run

NOON = datetime(2026, 5, 14, 12, 0)


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The module `check`, with a cache folder of its own."""
    monkeypatch.syspath_prepend(str(EXERCISES))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("THREADS_MODEL", "offline")
    import check

    return check


def report(check: Any, minute: int, *arguments: str | Path, judged: Any = None) -> tuple[str, int]:
    asked = check.parse([*map(str, arguments)])
    text, code = check.run(asked, NOON + timedelta(minutes=minute))
    return str(text), int(code)


@pytest.fixture
def quick(check: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`check` with a judge in this process: the clock and the hints are what is looked at."""
    from checker.judge import judge_file

    monkeypatch.setattr(
        check, "judge_in_a_process", lambda exercise, file, task, timeout: judge_file(exercise, file, task)
    )
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return check


@pytest.mark.slow
def test_the_first_failure_is_shown_with_what_was_expected_and_where_to_look(tmp_path: Path) -> None:
    learner = tmp_path / "mine.py"
    source = half_solved("02", ["ThreadManager", "create_thread_manager"])
    learner.write_text(source.replace("id=thread_id,", 'id=thread_id or "one",'), "utf-8")
    done = run(
        EXERCISES / "check.py", "02", "--file", learner, cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache")
    )
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert "  [->] Task 1: Thread manager setup" in lines
    assert "  [  ] Task 2: Parallel conversations" in lines
    assert "Task 1: Two customers got the same thread." in lines
    assert "  expected  a new id for each new conversation" in lines
    line = source[: source.index("    def create_thread(")].count("\n") + 1
    assert f"  where     ThreadManager.create_thread, line {line} of mine.py" in lines
    assert "Hint 1 of 3: What would Ben see if he asked what was said before?" in lines
    assert done.stderr == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "mine.py"]


def test_each_failed_run_at_the_same_place_shows_one_more_hint(quick: Any, tmp_path: Path) -> None:
    learner = tmp_path / "mine.py"
    learner.write_text(half_solved("02", []), "utf-8")
    counts = [report(quick, 0, "--file", learner)[0].count("Hint ") for _ in range(4)]
    assert counts == [1, 2, 3, 3]
    assert report(quick, 0, "--file", learner, "--hint", "0")[0].count("Hint ") == 0
    learner.write_text(half_solved("02", ["create_thread_manager"]), "utf-8")
    assert report(quick, 0, "--file", learner)[0].count("Hint ") == 1  # another place: from the beginning
    assert report(quick, 0, "--file", learner, "--hint", "3")[0].count("Hint ") == 3


def test_another_error_in_the_same_task_begins_its_own_hints(quick: Any, tmp_path: Path) -> None:
    learner = tmp_path / "mine.py"
    counts = []
    for body in ("1 / 0", "1 / 0", "None.thread_id", "open_it()"):
        learner.write_text(f"def create_memory_agent():\n    return {body}\n", "utf-8")
        counts.append(report(quick, 0, "01", "--file", learner)[0].count("Hint "))
    assert counts == [1, 2, 1, 1]


def test_the_clock_starts_at_the_first_run_and_says_when_to_swap(quick: Any) -> None:
    learner = program("02", "starter")
    said = {minute: report(quick, minute, "--file", learner)[0] for minute in (0, 24, 26, 40, 55, 90, 100)}
    assert "Minute 0 of 100, begun at 12:00. Next swap of roles at 12:25, in 25 min." in said[0]
    assert [minute for minute, text in said.items() if "SWAP ROLES NOW" in text] == [26, 55, 90]
    assert "in 1 min." in said[24]
    assert "Time of task 3" in said[55]
    assert "Next swap" not in said[90]
    assert "The 100 minutes, begun at 12:00, are over." in said[100]


def test_who_has_passed_everything_is_not_sent_to_swap(quick: Any) -> None:
    said = report(quick, 0, "01", "--file", program("01", "solution"), "--started", "11:40")[0]
    assert "Minute 20 of 60, begun at 11:40." in said
    assert "wap" not in said.partition("All 4 tasks")[0]


@pytest.mark.parametrize(("began", "now"), [("23:30", "09:19"), ("09:30", "09:19"), ("05:00", "09:19")])
def test_a_beginning_that_cannot_be_is_refused(quick: Any, began: str, now: str) -> None:
    hour, minute = map(int, now.split(":"))
    with pytest.raises(quick.NothingJudged, match=f"not within the last 4 hours; it is {now} now"):
        quick.run(
            quick.parse(["--file", str(program("02", "starter")), "--started", began]),
            NOON.replace(hour=hour, minute=minute),
        )


def test_a_session_may_have_begun_before_midnight(quick: Any) -> None:
    asked = quick.parse(["--file", str(program("02", "starter")), "--started", "23:30"])
    assert "Minute 50 of 100, begun at 23:30" in quick.run(asked, NOON.replace(hour=0, minute=20))[0]


def test_a_room_sets_the_clock_and_a_new_day_begins_anew(quick: Any) -> None:
    learner = program("02", "starter")
    assert "Minute 30 of 100, begun at 11:30" in report(quick, 0, "--file", learner, "--started", "11:30")[0]
    assert "Minute 40 of 100" in report(quick, 10, "--file", learner)[0]
    assert "Minute 0 of 100, begun at 17:00" in report(quick, 300, "--file", learner)[0]


def test_where_nothing_can_be_kept_each_run_is_the_first(
    quick: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder", "utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    learner = program("02", "starter")
    assert [report(quick, minute, "--file", learner)[0].count("Minute 0") for minute in (0, 10)] == [1, 1]


@pytest.mark.parametrize("damage", ["", "[]", '{"started": "x"}', '{"started": "2026-05-14T11:00:00"}'])
def test_a_damaged_note_is_a_new_beginning(quick: Any, damage: str) -> None:
    from checker import session

    learner = program("02", "starter")
    kept = session.file_of("02", learner)
    kept.parent.mkdir(parents=True)
    kept.write_text(damage, "utf-8")
    assert "Minute 0 of 100" in report(quick, 0, "--file", learner)[0]


def test_one_task_is_judged_alone(quick: Any, tmp_path: Path) -> None:
    learner = tmp_path / "mine.py"
    done = ["ThreadManager", "create_thread_manager", "test_thread_isolation"]
    learner.write_text(half_solved("02", done), "utf-8")
    text, code = report(quick, 0, "--file", learner, "--task", "3")
    assert code == 0
    assert "Task 3 is passed." in text
    assert "[..] Task 2" in text
    text, code = report(quick, 0, "--file", learner)
    assert code == 1
    assert "[->] Task 2" in text


@pytest.mark.slow
def test_programs_get_json(quick: Any) -> None:
    data = json.loads(report(quick, 0, "--file", program("02", "starter"), "--json")[0])
    assert (data["exercise"], data["ok"]) == ("02", False)
    assert [task["status"] for task in data["tasks"]] == ["here", "to do", "to do", "to do"]
    assert data["finding"]["id"] == "unsolved-create_thread_manager"
    assert len(data["finding"]["hints"]) == 1
    data = json.loads(report(quick, 0, "--file", program("02", "solution"), "--json")[0])
    assert (data["ok"], data["finding"]) == (True, None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "finding", "got"),
    [
        ("while True: pass", "still-running", "after 3 seconds"),
        ("import os; os._exit(3)", "crashed", ""),
        ("raise SystemExit('done')", "crashed", "SystemExit: done"),
        ("def broken(:", "syntax", "invalid syntax"),
        ("print(input())", "crashed", "EOFError"),
        ("x = 1", "missing-name", "create_memory_agent"),
    ],
)
def test_a_program_that_cannot_be_judged_is_told_why(
    check: Any, tmp_path: Path, body: str, finding: str, got: str
) -> None:
    learner = tmp_path / "mine.py"
    learner.write_text(body, "utf-8")
    text, code = report(
        check, 0, "01", "--file", learner, "--timeout", "3" if "while" in body else "60", "--json"
    )
    found = json.loads(text)["finding"]
    assert (code, found["id"]) == (1, finding)
    assert got in found["got"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--file", "nowhere.py"), "There is no file"),
        (("--task", "9"), "has the tasks 1 to 4"),
        (("--started", "noon"), "a time of the day"),
        (("99",), "invalid choice"),
    ],
)
def test_wrong_usage_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...], reason: str) -> None:
    done = run(EXERCISES / "check.py", *arguments, cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("exercise", "changes", "where", "got"),
    [
        ("02", ('talk(agent, bob, "Hey', 'talk(agent, alice, "Hey'), 'talk(agent, alice, "Hey', "'alice_session'"),
        ("02", ("def close(self)", "def close(self"), "def close(self", "invalid syntax"),
        (
            "03",
            ("        agent = create_durable_agent(registry)", "        registry.create(id=thread_id)\n        agent = create_durable_agent(registry)"),
            "def visit(",
            "ThreadExists: thread 'first' exists",
        ),
        (
            "03",
            ("[(thread.id, thread.title, thread.message_count) for", "[thread for"),
            "def list_after_restart(",
            "TypeError",
        ),
    ],
)  # fmt: skip
def test_the_line_to_look_at_is_named(
    check: Any, tmp_path: Path, exercise: str, changes: tuple[str, str], where: str, got: str
) -> None:
    from checker.judge import judge_file

    learner = tmp_path / "mine.py"
    source = program(exercise, "solution").read_text("utf-8")
    assert changes[0] in source
    source = source.replace(*changes)
    learner.write_text(source, "utf-8")
    found = judge_file(exercise, learner).finding
    assert found
    assert f"line {source[: source.index(where)].count(chr(10)) + 1} of mine.py" in found.where
    assert got in found.got


def test_in_a_notebook_the_names_are_judged_as_they_are(check: Any, capsys: Any) -> None:
    check.check_names({"create_memory_agent": lambda: None}, "01", task=1, hints=2)
    said = capsys.readouterr().out
    assert "got       <lambda> returned None" in said
    assert said.count("Hint ") == 2
    assert "hints=3 shows one more." in said
