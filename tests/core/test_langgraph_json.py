"""`langgraph.json`: what is read of it, what is refused, and what its graphs are imported as."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from threads.langgraph_json import InvalidLangGraphJson, open_langgraph_json
from threads.module_loader import ModuleBroken

EMPTY = {"graphs": {"a": "os:sep"}}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder; path, modules and environment are restored."""
    known, environment = set(sys.modules), dict(os.environ)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - known:
        del sys.modules[name]
    for name in set(os.environ) - set(environment):
        del os.environ[name]


def write(project: Path, content: Any = None, **files: str) -> Path:
    """Write langgraph.json, and other files by their paths with `__` for `/` and `_py` for `.py`."""
    for name, text in files.items():
        path = project / f"{name.removesuffix('_py').replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    path = project / "langgraph.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def value_of(path: Path, id: str = "a") -> Any:
    return open_langgraph_json(path)[id].load()


@pytest.mark.parametrize("source", ["./src/lgj_pkg/graph.py", "src/lgj_pkg/graph.py", "lgj_pkg.graph", "./src/lgj_pkg/../lgj_pkg/graph.py"])  # fmt: skip
def test_src_layout_is_imported_by_its_own_name(project: Path, source: str) -> None:
    (project / "src/lgj_pkg").mkdir(parents=True)
    (project / "src/lgj_pkg/__init__.py").touch()
    (project / "src/lgj_pkg/state.py").write_text("VALUE = 7\n")
    (project / "src/lgj_pkg/graph.py").write_text(
        "from lgj_pkg.state import VALUE\nfrom .state import VALUE as SAME\nclass State: pass\nvalue = VALUE, SAME, __name__\n"
    )
    path = write(project, {"dependencies": ["."], "graphs": {"a": f"{source}:value", "b": f"{source}:State"}})
    assert value_of(path) == (7, 7, "lgj_pkg.graph")
    from lgj_pkg.graph import State  # type: ignore[import-not-found]

    assert value_of(path, "b") is State


def test_file_whose_name_means_another_module_is_loaded_beside_it(project: Path) -> None:
    path = write(
        project,
        {"graphs": {"a": "./json.py:value", "b": "./my graphs/one.py:value"}},
        json="value = __name__",
    )
    (project / "my graphs").mkdir()
    (project / "my graphs/one.py").write_text("value = __name__")
    assert (value_of(path), value_of(path, "b")) == ("__json", "__my_graphs__one")
    assert sys.modules["json"] is json
    other = project / "other"
    other.mkdir()
    second = write(other, {"graphs": {"a": "./json.py:value"}}, json="value = __name__")
    assert value_of(second).startswith("__json_") and value_of(path) == "__json"


def test_module_that_failed_is_imported_again(project: Path) -> None:
    path = write(project, {"graphs": {"a": "./my-graph.py:value"}})
    (project / "my-graph.py").write_text("1 / 0")
    for _ in range(2):
        with pytest.raises(ModuleBroken) as caught:
            value_of(path)
        assert isinstance(caught.value.error, ZeroDivisionError)
    (project / "my-graph.py").write_text("value = 3  # longer than before\n")
    assert value_of(path) == 3


def test_local_dependencies_are_put_on_the_path_and_others_left_alone(project: Path) -> None:
    path = write(
        project,
        {"dependencies": ["./lgj_flat", "../shared_libs/one", "langchain>=1", "lgj_flat"], "graphs": {"a": "lgj_main:value"}},
        lgj_flat____init__="", lgj_flat__part="VALUE = 1", lgj_flat__lgj_inner="VALUE = 2",
        lgj_main="import lgj_flat.part, lgj_inner, lgj_lib\nvalue = lgj_flat.part.VALUE, lgj_inner.VALUE, lgj_lib.VALUE",
    )  # fmt: skip
    library = project.parent / "shared_libs/one/src"
    library.mkdir(parents=True)
    (library / "lgj_lib.py").write_text("VALUE = 3")
    before = set(sys.path)
    assert value_of(path) == (1, 2, 3)
    assert (
        set(sys.path) - before
        == set(map(str, (project, project / "lgj_flat", library, library.parent))) - before
    )


@pytest.mark.parametrize("env", [".env", {"LGJ_NEW": "file", "LGJ_SET": "file"}])
def test_env_sets_what_is_not_set(project: Path, monkeypatch: pytest.MonkeyPatch, env: Any) -> None:
    monkeypatch.setenv("LGJ_SET", "")
    (project / ".env").write_text("LGJ_NEW=file\nexport LGJ_SET='file'\n")
    source = "import os\nvalue = os.environ['LGJ_NEW'], os.environ['LGJ_SET']\n"
    path = write(project, {"env": env, "graphs": {"a": "lgj_env:value"}}, lgj_env=source)
    assert value_of(path) == ("file", "")


def test_missing_env_file_is_a_warning(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    open_langgraph_json(write(project, EMPTY | {"env": "./.env"}))
    assert caplog.messages == [
        f"{project / 'langgraph.json'}: env: there is no file './.env'; no variables are set"
    ]


def test_other_keys_are_named_in_one_warning(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = {
        "$schema": "x", "dependencies": [], "env": {}, "store": {}, "http": {"app": "x"}, "python_version": "3.12",
        "graphs": {"a": {"path": "os:sep", "description": "A"}, "b": {"path": "os:sep", "ttl": 1}},
    }  # fmt: skip
    with caplog.at_level(logging.WARNING):
        assert list(open_langgraph_json(write(project, content))) == ["a", "b"]
    [message] = caplog.messages
    assert message.endswith("without effect here: store, http, python_version, graphs.b.ttl")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "langgraph.json: not JSON: Expecting property name"),
        ("[1]", "langgraph.json: an object is needed"),
        ({}, "graphs: missing; name at least one"),
        ({"graphs": {}}, "graphs: not an object of graphs"),
        ({"graphs": ["a"]}, "graphs: not an object of graphs"),
        ({"graphs": {"x": 3}}, "graphs.x: 3 names no graph; write './path.py:NAME' or 'module:NAME'"),
        ({"graphs": {"x": "./graph.py"}}, "graphs.x: './graph.py' names no graph"),
        ({"graphs": {"x": ":graph"}}, "graphs.x: ':graph' names no graph"),
        ({"graphs": {"x": {"description": "y"}}}, "graphs.x.path: missing; write"),
        ({"graphs": {"x": "./src/none.py:graph"}}, "graphs.x: there is no file './src/none.py' in "),
        ({"graphs": {"x": "./agent.ts:graph"}}, "graphs.x: './agent.ts:graph' is a graph in JavaScript or TypeScript"),
        ({"graphs": {"x": {"path": "./agent.mjs:graph"}}}, "graphs.x.path: './agent.mjs:graph' is a graph in JavaScript"),
        ({"graphs": {"x": "./agent.js"}}, "graphs.x: './agent.js' is a graph in JavaScript"),
        (EMPTY | {"dependencies": "."}, 'dependencies: not a list of texts; write it as [".", "langchain"]'),
        (EMPTY | {"dependencies": ["x", "./none"]}, "dependencies[1]: there is no folder './none' in "),
        (EMPTY | {"env": 3}, "env: neither the path of a file nor an object"),
        (EMPTY | {"env": {"A": 1}}, "env.A: 1 is not a text; put it in quotes"),
        (EMPTY | {"env": {"A=B": "1"}}, "env.A=B: 'A=B' cannot be a variable"),
        (EMPTY | {"env": {"A": "\0"}}, "env.A: 'A' cannot be a variable"),
        (EMPTY | {"env": "bad.env"}, "env: 'bad.env': line 1 is not NAME=VALUE; correct it"),
        (EMPTY | {"env": "latin.env"}, "env: 'latin.env' is not a text file in UTF-8"),
        (EMPTY | {"env": "."}, "env: '.' cannot be read: "),
    ],
)  # fmt: skip
def test_wrong_file_is_refused_by_its_key_and_changes_nothing(
    project: Path, content: Any, words: str
) -> None:
    (project / "bad.env").write_text("top secret")
    (project / "latin.env").write_bytes(b"A=\xff")
    if isinstance(content, dict) and "env" not in content:
        content = content | {"env": {"LGJ_NEVER": "1"}}
    path, before = write(project, content), list(sys.path)
    with pytest.raises(InvalidLangGraphJson) as caught:
        open_langgraph_json(path)
    assert words in str(caught.value) and "secret" not in str(caught.value)
    assert str(caught.value).startswith(f"agents: {path}: ")
    assert sys.path == before and "LGJ_NEVER" not in os.environ


def test_missing_file_is_named() -> None:
    with pytest.raises(InvalidLangGraphJson, match=r"^agents: none\.json: there is no such file; name a"):
        open_langgraph_json("none.json")


def test_missing_name_is_named(project: Path) -> None:
    path = write(project, {"graphs": {"a": "./lgj_one.py:graf", "b": "lgj_none:graph"}}, lgj_one="graph = 1")
    with pytest.raises(
        InvalidLangGraphJson, match=r"graphs\.a: module '.*lgj_one\.py' has no 'graf'; correct it$"
    ):
        value_of(path)
    with pytest.raises(
        InvalidLangGraphJson, match=r"graphs\.b: there is no module 'lgj_none' here; correct it$"
    ):
        value_of(path, "b")
