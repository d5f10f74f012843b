"""The exercises hold together: starters stop where they should, solutions pass, and the texts tell the truth."""

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from exercise_pack import EXERCISES, FOLDER, NAMES, expected_output, half_solved, program, run, run_here, text
from langchain_core.messages import AIMessage
from openai_server import Body, Text, serve

from threads.chat_models.offline import OfflineChatModel


@pytest.fixture
def checker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.syspath_prepend(str(EXERCISES))
    monkeypatch.setenv("THREADS_MODEL", "offline")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)
    import checker.judge
    import checker.tasks

    return checker


def functions_of(checker: Any, exercise: str, solved: int) -> list[str]:
    return [name for task in checker.tasks.EXERCISES[exercise][:solved] for name in task.functions]


@pytest.mark.slow
@pytest.mark.parametrize("exercise", NAMES)
def test_a_solution_prints_what_the_text_expects_and_leaves_nothing_behind(
    checker: Any, tmp_path: Path, exercise: str
) -> None:
    done = run_here(program(exercise, "solution"))
    assert (done.code, done.stdout) == (0, expected_output(exercise)), done.said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("example", ["cookie_or_thread.py", "double_click.py"])
def test_an_example_prints_what_the_answers_say(tmp_path: Path, example: str) -> None:
    done = run(FOLDER.parent / example, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
    assert f"```text\n{done.stdout}```" in (FOLDER.parent / "discussion.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("exercise", NAMES)
def test_a_solution_passes(checker: Any, exercise: str) -> None:
    verdict = checker.judge.judge_file(exercise, program(exercise, "solution"))
    assert verdict.finding is None
    assert verdict.passed == [1, 2, 3, 4]


@pytest.mark.parametrize("exercise", NAMES)
def test_a_starter_stops_with_a_sentence_and_a_hint(checker: Any, exercise: str) -> None:
    done = run_here(program(exercise, "starter"))
    assert done.code == 1
    assert re.fullmatch(r"Task 1 is not solved yet: .+\. Hint: .+", done.said)


@pytest.mark.slow
@pytest.mark.parametrize("solved", range(4))
@pytest.mark.parametrize("exercise", NAMES)
def test_a_starter_fails_at_the_first_task_that_is_not_solved(
    checker: Any, tmp_path: Path, exercise: str, solved: int
) -> None:
    learner = tmp_path / "half.py"
    learner.write_text(half_solved(exercise, functions_of(checker, exercise, solved)), "utf-8")
    verdict = checker.judge.judge_file(exercise, learner)
    assert verdict.passed == list(range(1, solved + 1))
    assert verdict.finding.task == solved + 1
    name = verdict.finding.id.removeprefix("unsolved-")
    assert f"def {name}(" in learner.read_text("utf-8")
    assert name in verdict.finding.where


def test_a_task_that_stands_on_one_that_is_not_solved_points_there(checker: Any) -> None:
    verdict = checker.judge.judge_file("01", program("01", "starter"), task=2)
    assert (verdict.finding.task, verdict.finding.id) == (1, "unsolved-create_memory_agent")


@pytest.mark.parametrize("exercise", NAMES)
def test_a_starter_gives_no_answer_away(exercise: str) -> None:
    starter = program(exercise, "starter").read_text("utf-8")
    assert "raise NotSolved(" in starter
    tree = ast.parse(starter)
    for node in ast.walk(tree):  # what is left to do raises, and does nothing else
        if isinstance(node, ast.FunctionDef) and "raise NotSolved(" in ast.unparse(node):
            assert len(node.body) == 2, node.name
    for answer in ("thread.config)[", "next_cursor", "checkpointer=InMemorySaver", "threads.open(path"):
        assert answer not in starter


@pytest.mark.parametrize("exercise", NAMES)
def test_everything_that_can_be_found_has_a_sentence_and_three_hints(checker: Any, exercise: str) -> None:
    from checker.findings import load_texts

    words = load_texts(exercise)
    for id, each in words.items():
        assert set(each) == {"says", "expected", "hints"}, id
        assert len(each["hints"]) == 3, id
    starter = program(exercise, "starter").read_text("utf-8")
    for node in ast.walk(ast.parse(starter)):
        if (
            isinstance(node, ast.FunctionDef)
            and node.name != "main"
            and "raise NotSolved" in ast.unparse(node)
        ):
            assert f"unsolved-{node.name}" in words
    checks = EXERCISES / "checker"
    parts = {
        "01": ("agent_check", "trials"),
        "02": ("watched_manager", "managers", "agent_check", "trials"),
        "03": ("trials",),
    }
    sources = [checks / f"{name}.py" for name in (checker.judge.CHECKS[exercise], *parts.get(exercise, ()))]
    raised = {
        id for path in sources for id in re.findall(r'CheckFailed\(\s*"([\w-]+)"', path.read_text("utf-8"))
    }
    assert raised
    assert raised <= set(words)


@pytest.mark.slow
def test_pytest_runs_what_is_named_test(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_bytes((FOLDER / "conftest.py").read_bytes())
    names = [program(exercise, kind).name for exercise in ("01", "03") for kind in ("solution", "starter")]
    for name in names:
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    done = run("-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", *names, cwd=tmp_path)
    ended = re.findall(r"^(PASSED|FAILED|ERROR) (\w+\.py)::", done.stdout, re.MULTILINE)
    assert sorted(name for _, name in ended) == sorted(names), done.stdout
    for outcome, name in ended:
        assert (outcome == "PASSED") == name.endswith("solution.py"), done.stdout
    assert len(re.findall(r"^E .*Task \d is not solved yet", done.stdout, re.MULTILINE)) == 2


def test_what_the_facilitators_page_says_of_the_checker_is_what_it_says(checker: Any) -> None:
    from checker.findings import load_texts

    page = (FOLDER.parent / "facilitator.md").read_text("utf-8")
    table = page.partition("| the checker says |")[2].partition("\n\n")[0]
    sentences = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]
    assert len(sentences) > 15
    said = [each["says"] for each in load_texts("02").values()]
    for sentence in sentences:
        beginning = sentence.removesuffix(" ...")
        assert sentence in said or any(each.startswith(beginning) for each in said if beginning != sentence)


def test_links_and_commands_in_the_texts_lead_somewhere() -> None:
    pages = [EXERCISES / "README.md", *FOLDER.parent.glob("*.md")]
    assert len(pages) >= 5
    for page in pages:
        words = page.read_text("utf-8")
        for link in re.findall(r"\]\(([^)#]+)\)", words):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
        for name in re.findall(r"\bpair_exercise_\w+\.py\b", words):
            assert (FOLDER / name).exists(), f"{page.name}: {name}"


def test_the_minutes_in_a_text_are_those_of_the_clock(checker: Any) -> None:
    for exercise in NAMES:
        minutes = [int(found) for found in re.findall(r"^## Task \d: .+ \((\d+) min", text(exercise), re.M)]
        assert minutes == [task.minutes for task in checker.tasks.EXERCISES[exercise]]
        total = re.search(rf"\[{exercise}\].*\| (\d+) min", (EXERCISES / "README.md").read_text("utf-8"))
        assert total
        assert int(total[1]) == sum(minutes)


# a model behind HTTP, which words things in its own way


def answer(body: Body) -> Text:
    messages = [
        ("ai" if each["role"] == "assistant" else each["role"], each["content"]) for each in body["messages"]
    ]
    reply = OfflineChatModel().invoke(messages)
    assert isinstance(reply, AIMessage)
    return Text(["Well, let me see. ", reply.text, " Anything else?"])


@pytest.mark.slow
def test_a_model_behind_http_is_judged_by_the_same_state(tmp_path: Path) -> None:
    with serve(answer) as server:
        model = {"THREADS_MODEL": "openai:scripted", "OPENAI_BASE_URL": server.url}
        done = run(program("02", "solution"), cwd=tmp_path, **model)
        assert done.returncode == 0, done.stderr
        assert "Well, let me see. Your name is Alice! Anything else?" in done.stdout
        assert "[OK] Threads are properly isolated!" in done.stdout
        asked = len(server.requests)
        check = [EXERCISES / "check.py", "02", "--file", program("02", "solution")]
        judged = run(*check, cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"), **model)
        assert judged.returncode == 0, judged.stdout + judged.stderr
        assert "All 4 tasks are passed" in judged.stdout
        assert len(server.requests) > asked + 10


@pytest.mark.slow
def test_without_a_model_nothing_is_judged(tmp_path: Path) -> None:
    check = [EXERCISES / "check.py", "--file", program("02", "solution")]
    done = run(*check, cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"), THREADS_MODEL="nobody")
    assert done.returncode == 2
    assert "There is no model 'nobody'" in done.stderr
    assert done.stdout == ""
