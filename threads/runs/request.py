"""What is asked of an agent: checked, given its ids, and made ready for the graph and for recovery.

Nothing a caller says becomes a role, an id or a part of `configurable`: the message is built here.
Its id follows from thread and key, so asking again never says it twice.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, RemoveMessage, convert_to_messages
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.types import Command

from threads.errors import InvalidValue, StateDamaged, TypeNotAllowed
from threads.serialization import to_canonical
from threads.store.validation import checked_name

NAMESPACE = uuid.UUID("0d9c2a55-5c6e-5d7a-9d5e-6c1f1a7f2b11")
Content = str | Sequence[Mapping[str, Any]]
"""Text, or LangChain content blocks."""
ANSWERS = ("resume", "recovery")
"""Kinds of runs that answer a question."""
OF_LANGGRAPH = re.compile("[0-9a-f]{32}")
"""The ids of interrupts that LangGraph takes answers by."""
OF_RECOVERY = "recovery:"
"""How the ids of the interrupts begin that recovery makes."""
BRINGING = ("message", "edit", "input")
"""Kinds of runs that bring something to the thread themselves."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing asked of an agent."""

    kind: str
    input: Any
    """For `message` and `edit` the content, for `resume` the answer, else the graph's input; so for an
    `edit`, too, where more than the message was handed in."""
    context: Any = None
    base: str | None = None
    """The checkpoint it goes on from, if not from the thread's head."""
    told: Mapping[str, Any] | None = None
    """What the caller said, by which the same request is known again; None: input and context."""

    def graph_input(self, thread_id: str, run_id: str, key: str | None) -> Any:
        """What the graph is handed."""
        if self.kind == "resume":
            return None if self.input is None else Command(resume=self.input)
        if self.kind in ("input", "edit") and isinstance(self.input, Mapping) and _messages_of(self.input):
            named = [
                message
                if message.id
                else message.model_copy(update={"id": id_of(thread_id, key or run_id, n)})
                for n, message in enumerate(_messages_of(self.input))
            ]
            return {**self.input, "messages": named}
        if self.kind in ("message", "edit"):
            return {"messages": [HumanMessage(self.input, id=id_of(thread_id, key or run_id))]}
        return self.input

    def digest(self, serde: SerializerProtocol, agent_id: str | None) -> str:
        """The same for the same request; `InvalidValue` where it cannot be told."""
        said = self.told if self.told is not None else {"input": self.input, "context": self.context}
        whose = {"kind": "resume" if self.kind in ANSWERS else self.kind, "agent": agent_id}
        kind, blob = _dumped(serde, "input", lambda: to_canonical({**whose, **said}))
        return hashlib.sha256(kind.encode() + blob).hexdigest()

    def dumped(self, serde: SerializerProtocol) -> tuple[str, bytes]:
        """As it is stored; `InvalidValue` where it cannot be, or could not be read again."""
        for name, value in (("context", self.context), ("input", self.input)):
            if value is not None and not isinstance(value, str):
                _check_readable(serde, name, value)
        parts = {"input": self.input, "context": self.context, "base": self.base}
        return _dumped(serde, "input", lambda: parts)

    @classmethod
    def loaded(cls, kind: str, stored: tuple[str, bytes], serde: SerializerProtocol) -> Request:
        """As it was stored; raises `StateUnreadable`, as for a type that was not named at `open`."""
        parts = serde.loads_typed(stored)
        return cls(kind, parts["input"], parts["context"], parts["base"])


def checked_message(content: object) -> Content:
    """A message's content; `InvalidValue` if it is neither text nor content blocks, or empty.

    Which types of blocks there are is the model's affair: LangChain hands on those it does not know.
    """
    if isinstance(content, str):
        _check_text(content)
        return content
    if isinstance(content, Sequence) and content and all(isinstance(block, Mapping) for block in content):
        blocks = [dict(block) for block in content]
        if all(isinstance(block.get("type"), str) for block in blocks):
            for block in blocks:
                if block["type"] == "text":
                    _check_text(block.get("text"))
            _check_whole("message", blocks)
            return blocks
    raise InvalidValue("message", "text is needed, or a list of content blocks, each with its type")


def checked_input(input: Any, graph: Any, known: Callable[[], Collection[str | None]] | None) -> Any:
    """A graph's input; `InvalidValue` if what stands under `messages` cannot become part of the thread.

    A graph of LangGraph's own kind stores such an input before it refuses it, and the thread cannot be
    read from then on. `known` gives the ids of the messages that can be removed; None: that was checked.
    """
    if not isinstance(input, Mapping) or "messages" not in input:
        return input
    if graph is not None and "messages" not in graph.channels:
        return input
    said = input["messages"] if isinstance(input["messages"], list) else [input["messages"]]
    try:
        messages = convert_to_messages(said)
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        raise InvalidValue("input", f"its messages cannot be read: {error}") from error
    removed = {message.id for message in messages if isinstance(message, RemoveMessage)}
    removable = set(known()) if removed and known is not None else removed
    if lost := removed - {REMOVE_ALL_MESSAGES} - removable:
        raise InvalidValue("input", f"there is no message with the id {min(map(str, lost))!r} to remove")
    _check_whole("input", [message.content for message in messages])
    return {**input, "messages": messages}


def checked_key(key: str | None) -> str | None:
    """An idempotency key; `InvalidValue`."""
    return None if key is None else checked_name("key", key)


def id_of(thread_id: str, key: str, place: int = 0) -> str:
    """The id of the message that a key or a run brings to a thread."""
    return str(uuid.uuid5(NAMESPACE, f"{thread_id}\0{key}\0{place}"))


def named_interrupts(value: Any) -> set[str]:
    """The ids of the interrupts that an answer is mapped to; none if it is no such mapping."""
    if isinstance(value, Mapping) and value and all(isinstance(key, str) and _is_id(key) for key in value):
        return set(value)
    return set()


def _is_id(key: str) -> bool:
    return OF_LANGGRAPH.fullmatch(key) is not None or key.startswith(OF_RECOVERY)


def _messages_of(input: Mapping[str, Any]) -> list[BaseMessage]:
    """What `checked_input` left there."""
    found = input.get("messages")
    return found if isinstance(found, list) and all(isinstance(each, BaseMessage) for each in found) else []


def _check_text(text: object) -> None:
    if not isinstance(text, str) or not text.strip():
        raise InvalidValue("message", "it is empty")
    _check_whole("message", text)


def _check_whole(field: str, content: object) -> None:
    try:
        json.dumps(content, ensure_ascii=False, default=repr).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidValue(field, "it has half of a character (a lone surrogate)") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue(field, f"its content blocks are none: {error}") from None


def _check_readable(serde: SerializerProtocol, field: str, value: Any) -> None:
    try:
        serde.loads_typed(_dumped(serde, field, lambda: value))
    except TypeNotAllowed as error:
        names = ", ".join(name.rpartition(".")[2] for name in error.blocked)
        raise InvalidValue(
            field,
            f"it holds {', '.join(error.blocked)}, which could not be read again to go on with the run; "
            f"name the type when opening the file: threads.open(..., types=[{names}])",
        ) from error
    except StateDamaged as error:
        raise InvalidValue(field, f"it could not be read again to go on with the run: {error.why}") from error


def _dumped(serde: SerializerProtocol, field: str, value: Callable[[], Any]) -> tuple[str, bytes]:
    try:
        return serde.dumps_typed(value())
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidValue(field, f"it cannot be stored: {error}") from error
