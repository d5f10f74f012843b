"""Converts text to the input of a target, and its output to text, for graphs with messages and others."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from langchain_core.messages import BaseMessage

from threads.isolation.callbacks import extract_text

Input = str | Callable[[str], Any] | None
"""The state key of a user's message, or a function that makes the whole input; None: it is guessed."""
USER_FIELDS = ("user", "user_id", "user_name", "username")
THREAD_FIELDS = ("thread", "thread_id", "session", "session_id", "conversation_id")
"""Names of context fields that take the user and the thread id."""
EMPTY_VALUES: dict[Any, Any] = {int: 0, float: 0.0, bool: False, list: [], dict: {}}


def make_input(graph: Any, text: str, input_format: Input = None) -> Any:
    """Return the input of the graph for a text."""
    if callable(input_format):
        return input_format(text)
    fields = _fields(graph)
    if input_format is None and not fields:
        return text
    key = input_format or _guess_message_key(fields)
    if key is None:
        return {
            name: text if kind is str else EMPTY_VALUES.get(_origin(kind)) for name, kind in fields.items()
        }
    if fields.get(key, list) is str:
        return {key: text}
    return {key: [{"role": "user", "content": text}]}


def make_context(graph: Any, user: str, thread_id: str) -> dict[str, Any]:
    """Return the argument `context`, filled by the names of the schema's fields; {} without a schema."""
    schema = getattr(graph, "context_schema", None)
    if not isinstance(schema, type):
        return {}
    known = dict.fromkeys(USER_FIELDS, user) | dict.fromkeys(THREAD_FIELDS, thread_id)
    values: dict[str, Any] = {}
    for name, kind in typing.get_type_hints(schema).items():
        if kind is str and name in known:
            values[name] = known[name]
        elif _is_required(schema, name):
            values[name] = name if kind is str else EMPTY_VALUES.get(_origin(kind))
    return {"context": values}


def _is_required(schema: Any, name: str) -> bool:
    """Return whether a field of a dataclass, a Pydantic model or a `TypedDict` has no default."""
    if name in getattr(schema, "model_fields", ()):
        return bool(schema.model_fields[name].is_required())
    if dataclasses.is_dataclass(schema):
        missing = dataclasses.MISSING
        fields = {each.name: each for each in dataclasses.fields(schema)}
        return fields[name].default is missing and fields[name].default_factory is missing
    return name in getattr(schema, "__required_keys__", ())


def run_arguments(graph_input: Any, text: str) -> dict[str, Any]:
    """Return the arguments of `Runner.start`: `message` if the input is one user message, else `input`."""
    is_message = graph_input == {"messages": [{"role": "user", "content": text}]}
    return {"message": text} if is_message else {"input": graph_input}


def extract_reply(output: Any) -> str:
    """Return the text of the last message of a graph's output, or all of its text."""
    for value in output.values() if isinstance(output, dict) else ():
        if isinstance(value, list) and value and isinstance(value[-1], BaseMessage):
            return str(value[-1].text)
    return extract_text(output)


def call_application(application: Callable[[str, str], Any], user: str, text: str) -> str:
    """Call an application and return all text of its output, of whatever type."""
    output = application(user, text)
    return extract_text(
        asyncio.run(collect_async_output(output)) if needs_event_loop(output) else collect_output(output)
    )


def needs_event_loop(output: Any) -> bool:
    """Return whether the output of an application must be awaited or iterated asynchronously."""
    return inspect.isawaitable(output) or hasattr(output, "__aiter__")


async def collect_async_output(output: Any) -> Any:
    """Return the output of an application, awaited, or joined from what it yields."""
    if inspect.isawaitable(output):
        output = await output
    return (
        join_parts([each async for each in output])
        if hasattr(output, "__aiter__")
        else collect_output(output)
    )


def collect_output(output: Any) -> Any:
    """Return the output of a sync application, joined if it yields parts."""
    return join_parts(list(output)) if isinstance(output, Iterator) else output


def join_parts(parts: Iterable[Any]) -> str:
    """Return the text of the parts of a streamed reply."""
    return "".join(extract_text(part) for part in parts)


def _fields(graph: Any) -> dict[str, Any]:
    schema = getattr(getattr(graph, "builder", None), "input_schema", None)
    return typing.get_type_hints(schema) if isinstance(schema, type) else {}


def _guess_message_key(fields: dict[str, Any]) -> str | None:
    if "messages" in fields:
        return "messages"
    lists = [name for name, kind in fields.items() if _origin(kind) is list]
    texts = [name for name, kind in fields.items() if kind is str]
    return lists[0] if len(lists) == 1 and not texts else None


def _origin(kind: Any) -> Any:
    return typing.get_origin(kind) or kind
