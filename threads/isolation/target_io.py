"""How text goes into a graph and comes out again, for graphs with messages and for others."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from langchain_core.messages import BaseMessage

from threads.isolation.callbacks import text_of

Input = str | Callable[[str], Any] | None
"""The key of the state that takes what a user says, or a function that makes the whole input; or a guess."""
USERS = ("user", "user_id", "user_name", "username")
THREADS = ("thread", "thread_id", "session", "session_id", "conversation_id")
"""How fields of a context are called that say who speaks, and where."""
ZEROS: dict[Any, Any] = {int: 0, float: 0.0, bool: False, list: [], dict: {}}


def input_of(graph: Any, text: str, form: Input = None) -> Any:
    """A graph's input for a text."""
    if callable(form):
        return form(text)
    fields = _fields(graph)
    if form is None and not fields:
        return text
    key = form or _spoken_key(fields)
    if key is None:
        return {name: text if kind is str else ZEROS.get(_plain(kind)) for name, kind in fields.items()}
    if fields.get(key, list) is str:
        return {key: text}
    return {key: [{"role": "user", "content": text}]}


def context_of(graph: Any, user: str, thread: str) -> dict[str, Any]:
    """The keyword `context` for a graph that has a schema of it, by the names of its fields; else nothing."""
    schema = getattr(graph, "context_schema", None)
    if not isinstance(schema, type):
        return {}
    known = dict.fromkeys(USERS, user) | dict.fromkeys(THREADS, thread)
    given: dict[str, Any] = {}
    for name, kind in typing.get_type_hints(schema).items():
        if kind is str and name in known:
            given[name] = known[name]
        elif _is_needed(schema, name):
            given[name] = name if kind is str else ZEROS.get(_plain(kind))
    return {"context": given}


def _is_needed(schema: Any, name: str) -> bool:
    """Whether a field of a dataclass, a Pydantic model or a `TypedDict` has no default."""
    if name in getattr(schema, "model_fields", ()):
        return bool(schema.model_fields[name].is_required())
    if dataclasses.is_dataclass(schema):
        missing = dataclasses.MISSING
        fields = {each.name: each for each in dataclasses.fields(schema)}
        return fields[name].default is missing and fields[name].default_factory is missing
    return name in getattr(schema, "__required_keys__", ())


def asked_for(given: Any, text: str) -> dict[str, Any]:
    """What a runner is given for that input: the message, or the input where the graph takes another."""
    is_message = given == {"messages": [{"role": "user", "content": text}]}
    return {"message": text} if is_message else {"input": given}


def reply_of(output: Any) -> str:
    """What a graph answered: its last message, or all it returned."""
    for value in output.values() if isinstance(output, dict) else ():
        if isinstance(value, list) and value and isinstance(value[-1], BaseMessage):
            return str(value[-1].text)
    return text_of(output)


def spoken(application: Callable[[str, str], Any], user: str, text: str) -> str:
    """What an application replies, as text, whatever it returns."""
    output = application(user, text)
    return text_of(asyncio.run(awaited(output)) if comes_later(output) else gathered(output))


def comes_later(output: Any) -> bool:
    """Whether it takes an event loop to get what an application returned."""
    return inspect.isawaitable(output) or hasattr(output, "__aiter__")


async def awaited(output: Any) -> Any:
    """What an application returned, once it is there: awaited, or gathered from what it yields."""
    if inspect.isawaitable(output):
        output = await output
    return joined([each async for each in output]) if hasattr(output, "__aiter__") else gathered(output)


def gathered(output: Any) -> Any:
    """The same for one that is no coroutine."""
    return joined(list(output)) if isinstance(output, Iterator) else output


def joined(parts: Iterable[Any]) -> str:
    """One text of the parts of a reply, as a listener puts them together."""
    return "".join(text_of(part) for part in parts)


def _fields(graph: Any) -> dict[str, Any]:
    schema = getattr(getattr(graph, "builder", None), "input_schema", None)
    return typing.get_type_hints(schema) if isinstance(schema, type) else {}


def _spoken_key(fields: dict[str, Any]) -> str | None:
    if "messages" in fields:
        return "messages"
    lists = [name for name, kind in fields.items() if _plain(kind) is list]
    texts = [name for name, kind in fields.items() if kind is str]
    return lists[0] if len(lists) == 1 and not texts else None


def _plain(kind: Any) -> Any:
    return typing.get_origin(kind) or kind
