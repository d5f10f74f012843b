"""What is asked of an agent: checked, given its ids, and made ready for the graph and for recovery.

Nothing a caller says becomes a role, an id or a part of `configurable`: the message is built here.
Its id follows from thread and key, so asking again never says it twice.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, RemoveMessage, convert_to_messages
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.types import Command

from threads.errors import InvalidValue
from threads.registry.fields import checked_name

NAMESPACE = uuid.UUID("0d9c2a55-5c6e-5d7a-9d5e-6c1f1a7f2b11")
Content = str | Sequence[Mapping[str, Any]]
"""Text, or LangChain content blocks."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing asked of an agent."""

    kind: str
    input: Any
    """For `message` and `edit` the content, for `resume` the answer, else the graph's input."""
    context: Any = None
    base: str | None = None
    """The checkpoint it goes on from, if not from the thread's head."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """What else tells this request from another, such as the message that is edited."""

    def graph_input(self, thread_id: str, run_id: str, key: str | None) -> Any:
        """What the graph is handed."""
        if self.kind in ("message", "edit"):
            return {"messages": [HumanMessage(self.input, id=id_of(thread_id, key or run_id))]}
        if self.kind == "resume":
            return None if self.input is None else Command(resume=self.input)
        if self.kind == "input" and isinstance(self.input, Mapping) and _messages_of(self.input):
            named = [
                message
                if message.id
                else message.model_copy(update={"id": id_of(thread_id, key or run_id, n)})
                for n, message in enumerate(_messages_of(self.input))
            ]
            return {**self.input, "messages": named}
        return self.input

    def digest(self, serde: SerializerProtocol, agent_id: str | None) -> str:
        """The same for the same request; `InvalidValue` where it cannot be told."""
        kind, blob = self._dumped(serde, {"kind": self.kind, "agent": agent_id, **self._parts(), **self.told})
        return hashlib.sha256(kind.encode() + blob).hexdigest()

    def dumped(self, serde: SerializerProtocol) -> tuple[str, bytes]:
        """As it is stored; `InvalidValue` where it cannot be."""
        return self._dumped(serde, {**self._parts(), "base": self.base})

    @classmethod
    def loaded(cls, kind: str, stored: tuple[str, bytes], serde: SerializerProtocol) -> Request:
        """As it was stored; raises `TypeNotAllowed` for a type that was not named at `open`."""
        parts = serde.loads_typed(stored)
        return cls(kind, parts["input"], parts["context"], parts["base"])

    def _parts(self) -> dict[str, Any]:
        return {"input": self.input, "context": self.context}

    def _dumped(self, serde: SerializerProtocol, value: Any) -> tuple[str, bytes]:
        try:
            return serde.dumps_typed(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidValue("input", f"it cannot be stored: {error}") from error


def checked_message(content: object) -> Content:
    """A message's content; `InvalidValue` if it is neither text nor content blocks, or empty."""
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


def checked_input(input: Any, graph: Any, known: Callable[[], Collection[str | None]]) -> Any:
    """A graph's input; `InvalidValue` if what stands under `messages` cannot become part of the thread.

    A graph of LangGraph's own kind stores such an input before it refuses it, and the thread cannot be
    read from then on. `known` gives the ids of the messages that can be removed.
    """
    if not isinstance(input, Mapping) or "messages" not in input or "messages" not in graph.channels:
        return input
    said = input["messages"] if isinstance(input["messages"], list) else [input["messages"]]
    try:
        messages = convert_to_messages(said)
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        raise InvalidValue("input", f"its messages cannot be read: {error}") from error
    removed = {message.id for message in messages if isinstance(message, RemoveMessage)}
    if lost := removed - {REMOVE_ALL_MESSAGES} - set(known() if removed else ()):
        raise InvalidValue("input", f"there is no message with the id {min(map(str, lost))!r} to remove")
    _check_whole("input", [message.content for message in messages])
    return {**input, "messages": messages}


def checked_key(key: str | None) -> str | None:
    """An idempotency key; `InvalidValue`."""
    return None if key is None else checked_name("key", key)


def id_of(thread_id: str, key: str, place: int = 0) -> str:
    """The id of the message that a key or a run brings to a thread."""
    return str(uuid.uuid5(NAMESPACE, f"{thread_id}\0{key}\0{place}"))


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
