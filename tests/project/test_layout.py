"""The layout of the repository: layers, imports, the top level."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from locations import ROOT


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """All modules a file imports, at its top or in a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_agent_uses_public_modules_of_threads_only():
    public = ("threads.graphs.", "threads.chat_models.")
    found = {
        f"{path}: {name}" for path in modules("agent") for name in imports(path)
        if name.split(".")[0] == "threads" and not name.startswith(public)
    }  # fmt: skip
    assert found == set()


def test_imports_run_between_layers_as_pyproject_says():
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_in_threads_imports_agent():
    assert [
        str(path) for path in modules("threads") if any(m.split(".")[0] == "agent" for m in imports(path))
    ] == []


def test_no_type_checking_imports():
    assert [
        str(p) for name in ("agent", "threads") for p in modules(name) if "TYPE_CHECKING" in p.read_text()
    ] == []


def run(code: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_and_listing_load_neither_langgraph_nor_langchain(tmp_path):
    path = tmp_path / "threads.db"
    code = f"""
import sys, threads
with threads.open({str(path)!r}) as registry:
    registry.create(title="one", tags=["x"])
    registry.list(tag="x").total
    registry.verify()
print(sorted(name for name in sys.modules if name.split(".")[0] in ("langgraph", "langchain_core", "fastapi",
    "markdown_it", "rich", "click", "pytest", "agent")))
"""
    assert run(code) == "[]\n"


@pytest.mark.slow
def test_an_application_with_its_own_package_called_agent_can_use_threads(tmp_path):
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "__init__.py").write_text("MINE = True\n")
    code = """
import agent, threads
assert agent.MINE
from typing import Annotated, TypedDict
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
class State(TypedDict):
    messages: Annotated[list, add_messages]
builder = StateGraph(State)
builder.add_node("model", lambda state: {"messages": [("assistant", "hello")]})
builder.add_edge(START, "model")
builder.add_edge("model", END)
with threads.open("threads.db") as registry:
    builder.compile(checkpointer=registry.checkpointer).invoke(
        {"messages": [("user", "hi")]}, {"configurable": {"thread_id": "a"}})
    print(registry.list()[0].title, registry.messages("a")[-1].text, registry.verify())
"""
    assert run(code, cwd=tmp_path) == "hi hello []\n"


def test_the_top_level_is_what_it_is_agreed_to_be():
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    top = {line.split("/")[0] for line in tracked.splitlines()} or {path.name for path in ROOT.iterdir()}
    allowed = {
        "pyproject.toml",
        "README.md",
        "agent",
        "threads",
        "exercises",
        "tests",
        "LICENSE",
        "CHANGELOG.md",
    }
    assert {name for name in top if not name.startswith(".")} <= allowed
