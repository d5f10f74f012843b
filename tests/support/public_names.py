"""The public names of the project, as data: Python, command line, HTTP and events.

python tests/support/public_names.py          print them as JSON
python tests/support/public_names.py --write  store them as what `tests/project/test_public_names.py` compares with
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
import typing
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import click

STORED = Path(__file__).with_name("public_names.json")
MODULES = {
    "threads": None,
    "threads.api": None,
    "threads.chat_models": None,
    "threads.contract": None,
    "threads.errors": None,
    "threads.graphs": None,
    "threads.isolation": None,
    "threads.runs": ["tool_key"],
    "agent": None,
    "agent.catalog": None,
    "agent.models": None,
}
"""Public modules; None stands for all their public names."""


def signature(value: Any) -> dict[str, list[str]]:
    """The parameters in their order, without their types; `=...` stands for a default."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return {"parameters": []}
    empty = inspect.Parameter.empty
    names, is_keyword_only = [], False
    for each in found.parameters.values():
        if each.kind is each.KEYWORD_ONLY and not is_keyword_only:
            names.append("*")
            is_keyword_only = True
        stars = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "")
        names.append(f"{stars}{each.name}{'' if each.default is empty else '=...'}")
    return {"parameters": names}


def bases(kind: type) -> list[str]:
    """The public classes and those of the standard library that it is a subclass of."""
    exported = [vars(importlib.import_module(name)) for name in ("threads", "threads.errors")]
    public = [each for names in exported for each in names.values() if inspect.isclass(each)]
    found = [each for each in kind.__mro__[1:-1] if each in public or each.__module__ == "builtins"]
    return sorted(each.__name__ for each in found)


def described(value: Any) -> Any:
    """What others may rely on of one public object."""
    if inspect.isclass(value):
        members = {
            name: signature(member) if inspect.isroutine(member) else "attribute"
            for name, member in inspect.getmembers(value)
            if not name.startswith("_")
            and not (issubclass(value, dict | tuple | str) and hasattr(dict, name))
        }
        if is_dataclass(value):
            members |= {field.name: "field" for field in fields(value)}
        if issubclass(value, BaseException):
            members["__init__"] = signature(value)
        return {"bases": bases(value), "members": members}
    return signature(value) if callable(value) else type(value).__name__


def python() -> dict[str, Any]:
    """Names of the public modules."""
    found = {}
    for name, wanted in MODULES.items():
        module = importlib.import_module(name)
        names = wanted or getattr(module, "__all__", None)
        if names is None:
            names = [each for each in vars(module) if not each.startswith("_")]
            names = [each for each in names if getattr(getattr(module, each), "__module__", None) == name]
        found[name] = {each: described(getattr(module, each)) for each in sorted(names)}
    return found


def command_line() -> dict[str, Any]:
    """Commands with their arguments and options."""
    from threads.cli import main

    def walk(command: click.Command, context: click.Context) -> Any:
        names = sorted("/".join([*each.opts, *each.secondary_opts]) for each in command.params)
        if not isinstance(command, click.Group):
            return names
        below = {name: command.get_command(context, name) for name in command.list_commands(context)}
        return {
            "": names,
            **{
                name: walk(each, click.Context(each, context, info_name=name))
                for name, each in below.items()
                if each
            },
        }

    command = (
        main if isinstance(main, click.Command) else importlib.import_module("threads.cli.group").threads
    )
    return walk(command, click.Context(command, info_name="threads"))


def http(path: Path) -> dict[str, Any]:
    """Routes with their parameters, and the properties of all schemas."""
    import threads
    from agent import build_agent
    from threads.api import create_app
    from threads.api.app import described as openapi

    with threads.open(path / "names.db") as registry, threads.Runner(registry, build_agent()) as runner:
        found = openapi(create_app(registry, runner))
    routes = {
        f"{method.upper()} {path}": [
            *sorted(f"{each['in']}:{each['name']}" for each in operation.get("parameters", [])),
            f"operationId:{operation['operationId']}",
        ]
        for path, operations in found["paths"].items()
        for method, operation in operations.items()
    }
    schemas = {
        name: sorted(schema.get("properties", schema.get("enum", [])))
        for name, schema in found["components"]["schemas"].items()
    }
    return {"routes": routes, "schemas": schemas}


def names(path: Path) -> dict[str, Any]:
    """All public names."""
    from threads.models import EventType

    return {
        "python": python(),
        "command line": command_line(),
        "http": http(path),
        "events": sorted(typing.get_args(EventType)),
    }


def missing(old: Any, new: Any, where: str = "") -> list[str]:
    """What `new` has no more, or has differently; additions are fine, but for required parameters."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [line for key in old for line in missing(old[key], new.get(key), f"{where}/{key}")]
    if isinstance(old, list) and isinstance(new, list):
        lines = [f"{where}: {each!r} is gone" for each in old if each not in new]
        if where.endswith("/parameters"):
            required = [
                each for each in new if each not in old and not each.endswith("=...") and each[0] != "*"
            ]
            lines += [f"{where}: {each!r} is required" for each in required]
        return lines
    return [] if old == new else [f"{where}: was {old!r}, is {new!r}"]


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        text = json.dumps(names(Path(folder)), indent=1, sort_keys=True)
    if "--write" in sys.argv:
        STORED.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)
