"""The rooms, and which way imports run between them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from locations import ROOT

FLOORS = [
    {"errors", "notebook", "models", "ids", "forms", "background"},
    {"database"},
    {"memory", "registry"},
    {"bootstrap", "__init__", "contract"},
    {"runs"},
    {"isolation"},
    {"api", "web", "cli", "__main__"},
]
"""From the ground up; a room may import its own floor's neighbours only where `NEIGHBOURS` says so."""
NEIGHBOURS = {
    ("models", "notebook"),
    ("ids", "errors"),
    ("__init__", "bootstrap"),
    ("__init__", "runs"),  # a name of the face, loaded when it is asked for
    ("__main__", "cli"),
    ("cli", "api"),  # `threads serve` opens the other door
}
HEAVY_ONLY_IN = {
    "langgraph": {"memory"},
    "langchain_core": {"memory"},
    "click": {"cli"},
    "rich": {"cli"},
    "fastapi": {"api"},
    "starlette": {"api"},
    "uvicorn": {"api"},
}


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


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "threads").parts[0].removesuffix(".py")


def floor(name: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if name in rooms)


def test_imports_run_downwards_only():
    wrong = []
    for path in modules("threads"):
        here = room_of(path)
        for module in imports(path):
            if module.split(".")[0] != "threads":
                continue
            there = room(module)
            if not any(there in rooms for rooms in FLOORS):
                there = "__init__"  # a name from the face
            if there != here and not (floor(there) < floor(here) or (here, there) in NEIGHBOURS):
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert wrong == []


def test_the_agent_has_never_heard_of_a_registry():
    assert [
        str(path) for path in modules("agent") if any(m.split(".")[0] == "threads" for m in imports(path))
    ] == []


def test_only_doors_know_the_agent_and_only_when_they_need_it():
    for path in modules("threads"):
        top = ast.parse(path.read_text(encoding="utf-8")).body
        for node in (n for n in top if isinstance(n, ast.Import | ast.ImportFrom)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            assert not any(name.split(".")[0] == "agent" for name in names), (
                f"{path} imports agent at its top"
            )
        if any(module.split(".")[0] == "agent" for module in imports(path)):
            assert room_of(path) in FLOORS[-1], path


@pytest.mark.parametrize("package", HEAVY_ONLY_IN)
def test_heavy_packages_stay_in_their_rooms(package):
    allowed = HEAVY_ONLY_IN[package]
    users = {
        room_of(path) for path in modules("threads") for m in imports(path) if m.split(".")[0] == package
    }
    assert users <= allowed | ({"isolation", "runs", "api", "cli"} if package.startswith("lang") else set())


def test_nobody_escapes_the_rules_by_type_checking():
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
