"""A project made from LangGraph's template, used by its `langgraph.json`: every command that takes agents, as a process."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
from commands import run_threads
from server_helpers import PREFIX, process

GRAPH = """
import os
from contextlib import asynccontextmanager

from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

from agent.answers import answer


def respond(state: MessagesState):
    return {"messages": [AIMessage(answer(state["messages"][-1].text))]}


def ask(state: MessagesState):
    return {"messages": [AIMessage(f"you said {interrupt('sure?')}")]}


def fail(state: MessagesState):
    if not os.path.exists("mended"):
        raise RuntimeError("no connection")
    return {"messages": [AIMessage("mended")]}


def built(node):
    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    return builder


graph = built(respond).compile(name="New Graph")
asking = built(ask)


async def failing(config):
    return built(fail)


@asynccontextmanager
async def managed():
    note("entered")
    yield built(respond)
    note("left")


def note(text):
    with open("happened", "a") as file:
        print(text, file=file)


heard = []


def leak(state: MessagesState):
    heard.append(state["messages"][-1].text)
    return {"messages": [AIMessage(" ".join(heard))]}


leaking = built(leak)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The template's layout, whose package has the name of this repository's `agent`."""
    monkeypatch.chdir(tmp_path)
    package = tmp_path / "app/src/agent"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from agent.graph import graph\n\n__all__ = ['graph']\n")
    (package / "graph.py").write_text(GRAPH)
    (package / "answers.py").write_text(
        "import os\n\n\ndef answer(text):\n    return f\"{os.environ['WORD']} {text}\"\n"
    )
    (tmp_path / "app/.env").write_text("WORD='re:' # of the answer\n")
    content = {
        "$schema": "https://langgra.ph/schema.json", "dependencies": ["."], "env": ".env", "image_distro": "wolfi",
        "graphs": {
            "agent": "./src/agent/graph.py:graph", "asking": {"path": "./src/agent/graph.py:asking", "description": "Asks."},
            "failing": "agent.graph:failing", "managed": "./src/agent/graph.py:managed", "leaking": "agent.graph:leaking",
        },
    }  # fmt: skip
    (tmp_path / "app/langgraph.json").write_text(json.dumps(content))
    return tmp_path


def run(*words: str, code: int = 0, **environment: str) -> str:
    done = run_threads(*words, "--agents", "app/langgraph.json", **environment)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert done.stderr.count("without effect here: image_distro") == 1
    return done.stdout + (done.stderr if code else "")


@pytest.mark.slow
def test_commands_take_a_project_of_the_template(project: Path) -> None:
    assert run("agents") == "agent\t0\nasking\t0\nfailing\t0\nmanaged\t0\nleaking\t0\n"
    assert run("send", "--new", "hello", "--agent", "agent") == "re: hello\n"
    assert run("send", "-", "again", WORD="set:") == "set: again\n"
    assert run("send", "--new", "hello", "--agent", "managed") == "re: hello\n"
    assert (project / "happened").read_text() == "entered\nleft\n"
    run("send", "--new", "hello", "--agent", "asking")
    assert run("resume", "-", "--text", "yes") == "you said yes\n"
    assert "RuntimeError: no connection" in run("send", "--new", "hello", "--agent", "failing", code=1)
    (project / "mended").touch()
    assert run("retry", "-") == "mended\n"
    done = run_threads("ls", "--json")
    assert [thread["agent_id"] for thread in json.loads(done.stdout)["threads"]] == [
        "failing",
        "asking",
        "managed",
        "agent",
    ]


@pytest.mark.slow
def test_server_takes_a_project_of_the_template(project: Path) -> None:
    with process(project, "--agents", "app/langgraph.json") as server:
        body = json.dumps({"agent_id": "managed", "initial_message": "hello"}).encode()
        request = urllib.request.Request(
            f"{server.url}{PREFIX}/threads", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 201
        assert (project / "happened").read_text() == "entered\n"
    assert (project / "happened").read_text() == "entered\nleft\n"
    log = (project / "serve.log").read_text()
    assert "without effect here: image_distro" in log and "Traceback" not in log
    listed = json.loads(run_threads("ls", "--json").stdout)["threads"]
    assert [(thread["agent_id"], thread["last_message"]) for thread in listed] == [("managed", "re: hello")]


@pytest.mark.slow
@pytest.mark.parametrize(("id", "code"), [("agent", 0), ("failing", 2), ("leaking", 1), ("managed", 2)])
def test_audit_takes_a_project_of_the_template(project: Path, id: str, code: int) -> None:
    words = ("audit", f"app/langgraph.json[{id}]", "--attack", "taking turns", "--users", "2", "--turns", "2")
    done = run_threads(*words)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert ("heard" in done.stdout) == (id == "leaking") and ("context manager" in done.stderr) == (
        id == "managed"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ('{"graphs": {"a": "./a.ts:graph"}}', 2, "--agents: langgraph.json: graphs.a: './a.ts:graph' is a graph in JavaScript"),
        ('{"graphs": {"a": "./none.py:graph"}}', 2, "--agents: langgraph.json: graphs.a: there is no file './none.py'"),
        ('{"graphs": {"a": "./broken.py:graph"}}', 1, "langgraph.json: graphs.a: './broken.py:graph' cannot be imported: ZeroDivisionError"),
        ('{"graphs": {"a": "./none_there.py:graph"}}', 2, "has no 'graph'; correct it"),
        ('{"graphs": {"a": "./three.py:graph"}}', 1, "graphs.a cannot be built: 3 (int) is not a compiled graph"),
        ("{", 2, "--agents: langgraph.json: not JSON"),
    ],
)  # fmt: skip
def test_wrong_file_is_an_error_with_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {"broken": "1 / 0", "none_there": "", "three": "graph = lambda: 3"}.items():
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "langgraph.json").write_text(content)
    done = run_threads("send", "--new", "hello", "--agents", "langgraph.json")
    assert (done.returncode, done.stdout) == (code, "") and words in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(run_threads("ls", "--json").stdout)["threads"] == []
