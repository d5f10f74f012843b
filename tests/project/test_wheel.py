"""The wheel: what is in it, and that it works beside a project with a package `agent` of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from locations import ROOT

pytestmark = pytest.mark.slow

OFFLINE = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet")

PROJECT = {  # the layout of LangGraph's own project template
    "pyproject.toml": """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "agent"
version = "0.0.1"
[tool.hatch.build.targets.wheel]
packages = ["src/agent"]
""",
    "langgraph.json": '{"dependencies": ["."], "graphs": {"agent": "./src/agent/graph.py:graph"}}',
    "src/agent/__init__.py": '"""New LangGraph Agent."""\n\nfrom agent.graph import graph\n\n__all__ = ["graph"]\n',
    "src/agent/graph.py": '''"""A graph that repeats the last message."""

from langchain_core.messages import AIMessage
from langgraph.graph import MessagesState, StateGraph


def call_model(state: MessagesState):
    return {"messages": [AIMessage(f"project: {state['messages'][-1].text}")]}


graph = StateGraph(MessagesState).add_node(call_model).add_edge("__start__", "call_model").compile(name="Mine")
''',
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", *OFFLINE, "--wheel-dir", folder, ROOT)
    [found] = folder.glob("*.whl")
    return found


@pytest.fixture
def project(tmp_path):
    for name, text in PROJECT.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "project"


@pytest.fixture
def python(tmp_path):
    """The interpreter of a new environment that has the packages of the running one, but not this repository."""
    venv.create(tmp_path / "env", with_pip=False)
    found = tmp_path / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = [path for path in sys.path if path.endswith("site-packages")]
    Path(run(found, "-c", code).strip(), "running.pth").write_text("\n".join(packages) + "\n")
    return found


def run(*command: object, cwd: Path | None = None) -> str:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("THREADS_", "OPENAI_", "PYTHON"))
    }
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=kept | {"THREADS_MODEL": "offline"},
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_wheel_has_all_files_of_threads_and_no_other_package(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    inside = {name for name in names if not name.startswith("langgraph_threads-0.1.0.dist-info/")}
    source = {path.relative_to(ROOT).as_posix() for path in (ROOT / "threads").rglob("*") if path.is_file()}
    tools = "threads/web/tools/"  # the page's lock file and what builds its libraries
    assert inside == {name for name in source if "__pycache__" not in name and not name.startswith(tools)}
    assert f"{tools}package-lock.json" in source
    assert "threads/chat_models/offline/language.toml" in inside
    assert {"threads/web/static/index.html", "threads/web/vendor/lit-html.js"} <= inside


@pytest.mark.slow
@pytest.mark.parametrize("order", [("wheel", "project"), ("project", "wheel")], ids="-then-".join)
def test_the_wheel_and_a_project_with_its_own_package_agent_work_together(
    wheel, project, python, tmp_path, order: Sequence[str]
):
    places = {"wheel": wheel, "project": project}
    for name in order:
        run(python, "-m", "pip", "install", *OFFLINE, "--ignore-installed", places[name])
    where = run(python, "-c", "import agent, threads; print(agent.__file__, threads.__file__)", cwd=tmp_path)
    assert all(path.startswith(str(tmp_path / "env")) for path in where.split())
    threads = (python, "-m", "threads")
    assert (
        run(*threads, "send", "--new", "hello", "--agents", "agent:graph", cwd=tmp_path) == "project: hello\n"
    )
    words = (*threads, "send", "--new", "hello", "--agents", project / "langgraph.json")
    assert run(*words, "--db", "template.db", cwd=tmp_path) == "project: hello\n"
    assert run(*threads, "send", "--new", "Hi, I'm Alice", cwd=tmp_path) == "Hello Alice! How can I help?\n"
    listed = run(*threads, "ls", cwd=tmp_path).splitlines()
    assert [line.split("\t")[4] for line in listed] == ["assistant", "Mine"]
