"""`langgraph.json`, LangGraph's own file of a project's graphs: read, checked, and its graphs imported.

The keys `graphs`, `dependencies` and `env` mean what they mean to LangGraph's server. The others configure
that server or its image; they have no effect here and are named in one warning. Relative paths begin in the
file's folder. What `graphs` names may be a compiled graph, a builder, or a function that makes one
(`threads.agent_sources`).
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from threads.env_file import NotABinding, parse_env
from threads.errors import InvalidValue, short
from threads.module_loader import ObjectNotFound, load_file_object, load_object

EXAMPLE = '{"dependencies": ["."], "graphs": {"agent": "./agent.py:graph"}}'
KNOWN_KEYS = ("$schema", "graphs", "dependencies", "env")
JAVASCRIPT = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")


class InvalidLangGraphJson(InvalidValue):
    """A `langgraph.json` cannot be used; the message names its key and the remedy."""

    def __init__(self, file: Path, key: str, reason: str) -> None:
        self.file, self.key = file, key
        super().__init__("agents", f"{file}: {key}: {reason}" if key else f"{file}: {reason}")


@dataclass(frozen=True)
class GraphEntry:
    """An entry of `graphs`: where its object is imported from."""

    file: Path
    """The `langgraph.json`, as the user named it."""
    folder: Path
    """Its folder."""
    id: str
    source: str
    """A module's file or name."""
    name: str
    folders: tuple[Path, ...]
    """The folders of the project that are on the import path."""
    description: str | None = None
    """The text that the file describes the graph with."""

    @property
    def spec(self) -> str:
        """The value in the file."""
        return f"{self.source}:{self.name}"

    @property
    def label(self) -> str:
        """The entry, for messages."""
        return f"{self.file}: graphs.{self.id}"

    def load(self) -> Any:
        """Import its object. Raises `InvalidLangGraphJson` if there is none, else `ModuleBroken`."""
        try:
            if not _is_file(self.source):
                return load_object(self.source, self.name)
            relative = _relative(self.source)
            alias = relative.removesuffix(".py").replace("/", "__").replace(" ", "_").lstrip("._")
            return load_file_object(self.folder / relative, self.name, self.folders, f"__{alias}")
        except ObjectNotFound as error:
            raise InvalidLangGraphJson(self.file, f"graphs.{self.id}", f"{error}; correct it") from error


def is_langgraph_json(spec: str | os.PathLike[str]) -> bool:
    """Return whether a spec of agents is the path of such a file, not MODULE:NAME."""
    return not isinstance(spec, str) or spec.endswith(".json")


def open_langgraph_json(file: str | os.PathLike[str]) -> dict[str, GraphEntry]:
    """Read the file, set its variables, put its folders on the import path, and return its graphs by id.

    Nothing is changed, and nothing imported, where the file is wrong: `InvalidLangGraphJson`.
    """
    shown = Path(file)
    path = shown.expanduser().absolute()
    content, folder = _read(path, shown), path.parent
    folders = tuple(dict.fromkeys(_folders(content.get("dependencies", []), folder, shown)))
    graphs = {
        id: GraphEntry(
            shown, folder, id, source, name, folders, _description(content["graphs"][id], id, shown)
        )
        for id, (source, name) in _graphs(content.get("graphs"), folder, shown).items()
    }
    variables = _variables(content.get("env", {}), folder, shown)
    if ignored := _ignored(content):
        logging.getLogger(__name__).warning("%s: without effect here: %s", shown, ", ".join(ignored))
    for name, value in variables.items():
        os.environ.setdefault(name, value)
    for folder in reversed(folders):
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    return graphs


def _read(path: Path, shown: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        reason = "there is no such file; name a langgraph.json, or MODULE:NAME"
        raise InvalidLangGraphJson(shown, "", reason) from None
    except OSError as error:
        raise InvalidLangGraphJson(shown, "", f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidLangGraphJson(shown, "", f"not JSON: {error}") from error
    if not isinstance(content, dict):
        raise InvalidLangGraphJson(shown, "", f"an object is needed, as {EXAMPLE}")
    return content


def _graphs(given: object, folder: Path, shown: Path) -> dict[str, tuple[str, str]]:
    """Module and name of each graph."""
    if not isinstance(given, dict) or not given:
        what = "missing" if given is None else "not an object of graphs"
        raise InvalidLangGraphJson(shown, "graphs", f"{what}; name at least one, as {EXAMPLE}")
    return {id: _graph(value, f"graphs.{id}", folder, shown) for id, value in given.items()}


def _graph(value: object, key: str, folder: Path, shown: Path) -> tuple[str, str]:
    if isinstance(value, dict):
        key, value = f"{key}.path", value.get("path")
    source, colon, name = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if isinstance(value, str) and (source or value).lower().endswith(JAVASCRIPT):
        reason = f"{value!r} is a graph in JavaScript or TypeScript, which only LangGraph's server runs; "
        raise InvalidLangGraphJson(
            shown, key, reason + "name a file without it, which may lie beside this one"
        )
    if not (source and colon and name):
        what = "missing" if value is None else f"{short(value)} names no graph"
        raise InvalidLangGraphJson(shown, key, f"{what}; write './path.py:NAME' or 'module:NAME'")
    if _is_file(source) and not (folder / _relative(source)).is_file():
        reason = f"there is no file {source!r} in {folder}; correct the path, which begins there"
        raise InvalidLangGraphJson(shown, key, reason)
    return source, name


def _description(value: object, id: str, shown: Path) -> str | None:
    found = value.get("description") if isinstance(value, dict) else None
    if found is not None and not isinstance(found, str):
        raise InvalidLangGraphJson(
            shown, f"graphs.{id}.description", f"{short(found)} is not a text; put it in quotes"
        )
    return found


def _is_file(source: str) -> bool:
    """Whether a graph's module is given by its file."""
    return "/" in source or "\\" in source or source.endswith(".py")


def _relative(source: str) -> str:
    """The path of a module's file, with slashes on every system."""
    return PurePosixPath(source.replace("\\", "/") if os.sep == "\\" else source).as_posix()


def _folders(given: object, folder: Path, shown: Path) -> Iterator[Path]:
    """The folders to import from: of local dependencies, and the file's own.

    As LangGraph installs them: a package's code is found in its folder and in `src`, and a folder that is
    itself a package is found by its name. All other dependencies are names of installed packages.
    """
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise InvalidLangGraphJson(
            shown, "dependencies", 'not a list of texts; write it as [".", "langchain"]'
        )
    local = [each for each in given if each.startswith(".")]
    for each in dict.fromkeys([*local, "."]):
        found = (folder / each).resolve()
        if not found.is_dir():
            reason = f"there is no folder {each!r} in {folder}; correct the path, which begins there"
            raise InvalidLangGraphJson(shown, f"dependencies[{given.index(each)}]", reason)
        source = found / "src"
        if source.is_dir() and not (source / "__init__.py").exists():
            yield source
        if (found / "__init__.py").exists() and each != ".":
            yield found.parent
        yield found


def _variables(given: object, folder: Path, shown: Path) -> Mapping[str, str]:
    if isinstance(given, dict):
        for name, value in given.items():
            if not isinstance(value, str):
                reason = f"{short(value)} is not a text; put it in quotes"
                raise InvalidLangGraphJson(shown, f"env.{name}", reason)
            _check_variable(name, value, f"env.{name}", shown)
        return given
    if not isinstance(given, str):
        reason = 'neither the path of a file nor an object; write ".env" or {"NAME": "VALUE"}'
        raise InvalidLangGraphJson(shown, "env", reason)
    try:
        found = parse_env((folder / given).read_text(encoding="utf-8"), os.environ)
    except FileNotFoundError:
        logging.getLogger(__name__).warning(
            "%s: env: there is no file %r; no variables are set", shown, given
        )
        return {}
    except NotABinding as error:
        reason = f"{given!r}: {error}; correct it, or put a # before it"
        raise InvalidLangGraphJson(shown, "env", reason) from error
    except OSError as error:
        raise InvalidLangGraphJson(shown, "env", f"{given!r} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidLangGraphJson(shown, "env", f"{given!r} is not a text file in UTF-8") from error
    for name, value in found.items():
        _check_variable(name, value, "env", shown)
    return found


def _check_variable(name: str, value: str, key: str, shown: Path) -> None:
    if not name or "=" in name or "\0" in name + value:
        raise InvalidLangGraphJson(shown, key, f"{short(name)} cannot be a variable; rename or remove it")


def _ignored(content: Mapping[str, Any]) -> list[str]:
    """The keys that have no effect here."""
    found = [key for key in content if key not in KNOWN_KEYS]
    for id, value in content["graphs"].items():
        if isinstance(value, dict):
            found += [f"graphs.{id}.{key}" for key in value if key not in ("path", "description")]
    return found
