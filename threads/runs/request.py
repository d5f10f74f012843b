"""A validated request to an agent: its message ids, its digest, and its form for the graph and for recovery.

Nothing of a caller's message becomes a role, an id or a part of `configurable`: the message is built here.
Its id follows from thread and idempotency key, so a repeated request never adds it twice.
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

from threads.checkpoint.message_channel import CHANNEL
from threads.errors import InvalidValue, StateDamaged, TypeNotAllowed
from threads.models.interrupts import BREAKPOINT_ID, RECOVERY_ID
from threads.serialization import to_canonical
from threads.store.validation import checked_name

NAMESPACE = uuid.UUID("0d9c2a55-5c6e-5d7a-9d5e-6c1f1a7f2b11")
Content = str | Sequence[Mapping[str, Any]]
"""Text, or LangChain content blocks."""
ANSWER_KINDS = ("resume", "recovery")
"""Kinds of runs that answer an interrupt."""
INPUT_KINDS = ("message", "edit", "input")
"""Kinds of runs that add an input of their own to the thread."""
LANGGRAPH_INTERRUPT_ID = re.compile("[0-9a-f]{32}")
"""The ids of interrupts that LangGraph takes answers by."""
OWN_INTERRUPT_IDS = (RECOVERY_ID, BREAKPOINT_ID)
"""How the ids begin that are not LangGraph's."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a run is to do."""

    kind: str
    input: Any
    """For `message` and `edit` the content, for `resume` the answer, else the graph's input; so for an
    `edit`, too, where the edited input had more than the message."""
    context: Any = None
    base: str | None = None
    """The checkpoint it continues from, if not from the thread's head."""
    identity: Mapping[str, Any] | None = None
    """What the digest is made of: the caller's arguments; None: input and context."""
    channel: str | None = CHANNEL
    """Where the graph takes messages; None if nowhere."""

    def graph_input(self, thread_id: str, run_id: str, key: str | None) -> Any:
        """Return what the graph is given."""
        if self.kind == "resume":
            return None if self.input is None else Command(resume=self.input)
        if self.kind in ("input", "edit") and (messages := self._messages()):
            named = [
                message
                if message.id
                else message.model_copy(update={"id": message_id(thread_id, key or run_id, n)})
                for n, message in enumerate(messages)
            ]
            return {**self.input, self.channel: named}
        if self.takes_message:
            return {self.channel: [HumanMessage(self.input, id=message_id(thread_id, key or run_id))]}
        return self.input

    @property
    def takes_message(self) -> bool:
        """Whether the graph's input is made of a message alone."""
        return self.kind == "message" or (self.kind == "edit" and not isinstance(self.input, Mapping))

    def _messages(self) -> list[BaseMessage]:
        found = self.input.get(self.channel) if isinstance(self.input, Mapping) else None
        is_list = isinstance(found, list) and all(isinstance(each, BaseMessage) for each in found)
        return list(found) if found and is_list else []

    def digest(self, serde: SerializerProtocol, agent_id: str | None) -> str:
        """Return the same digest for the same request; `InvalidValue` where it cannot be serialised."""
        identity = (
            self.identity if self.identity is not None else {"input": self.input, "context": self.context}
        )
        kind = "resume" if self.kind in ANSWER_KINDS else self.kind
        type, blob = _dumped(
            serde, "input", lambda: to_canonical({"kind": kind, "agent": agent_id, **identity})
        )
        return hashlib.sha256(type.encode() + blob).hexdigest()

    def dumped(self, serde: SerializerProtocol) -> tuple[str, bytes]:
        """Return its stored form; `InvalidValue` where it cannot be stored, or could not be read again."""
        for name, value in (("context", self.context), ("input", self.input)):
            if value is not None and not isinstance(value, str):
                _check_readable(serde, name, value)
        parts = {"input": self.input, "context": self.context, "base": self.base, "channel": self.channel}
        return _dumped(serde, "input", lambda: parts)

    @classmethod
    def loaded(cls, kind: str, stored: tuple[str, bytes], serde: SerializerProtocol) -> Request:
        """Return a request from its stored form; raises `StateUnreadable`."""
        parts = serde.loads_typed(stored)
        channel = parts.get("channel", CHANNEL)
        return cls(kind, parts["input"], parts["context"], parts["base"], channel=channel)


def checked_message(content: object) -> Content:
    """Return a message's content; `InvalidValue` if it is neither text nor content blocks, or empty.

    Types of blocks are not checked: LangChain passes those that it does not know on to the model.
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
            _check_encodable("message", blocks)
            return blocks
    raise InvalidValue("message", "pass text, or a list of content blocks with a type each")


def checked_input(
    input: Any, graph: Any, channel: str | None, known: Callable[[], Collection[str | None]] | None
) -> Any:
    """Return a graph's input; `InvalidValue` if its messages, in `channel`, cannot become part of the thread.

    A graph with LangGraph's own reducer stores such an input before it refuses it, and the thread cannot be
    read from then on. `known` returns the ids of the messages that can be removed; None: that was checked.
    """
    if not isinstance(input, Mapping) or channel is None or channel not in input:
        return input
    if graph is not None and channel not in graph.channels:
        return input
    given = input[channel] if isinstance(input[channel], list) else [input[channel]]
    try:
        messages = convert_to_messages(given)
    except (ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        raise InvalidValue("input", f"its messages cannot be read: {error}") from error
    removed = {message.id for message in messages if isinstance(message, RemoveMessage)}
    removable = set(known()) if removed and known is not None else removed
    if unknown := removed - {REMOVE_ALL_MESSAGES} - removable:
        raise InvalidValue("input", f"there is no message with the id {min(map(str, unknown))!r} to remove")
    _check_encodable("input", [message.content for message in messages])
    return {**input, channel: messages}


def checked_key(key: str | None) -> str | None:
    """Return an idempotency key; `InvalidValue`."""
    return None if key is None else checked_name("key", key)


def message_id(thread_id: str, key: str, index: int = 0) -> str:
    """Return the id of a message of the request with this key, or of the run with this id."""
    return str(uuid.uuid5(NAMESPACE, f"{thread_id}\0{key}\0{index}"))


def named_interrupts(value: Any) -> set[str]:
    """Return the ids of the interrupts that an answer is mapped to; none if it is no such mapping."""
    if (
        isinstance(value, Mapping)
        and value
        and all(isinstance(key, str) and _is_interrupt_id(key) for key in value)
    ):
        return set(value)
    return set()


def _is_interrupt_id(key: str) -> bool:
    return LANGGRAPH_INTERRUPT_ID.fullmatch(key) is not None or key.startswith(OWN_INTERRUPT_IDS)


def _check_text(text: object) -> None:
    if not isinstance(text, str) or not text.strip():
        raise InvalidValue("message", "it is empty")
    _check_encodable("message", text)


def _check_encodable(field: str, content: object) -> None:
    try:
        json.dumps(content, ensure_ascii=False, default=repr).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidValue(field, "it contains a lone surrogate (half of a character)") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue(field, f"its content blocks cannot be encoded: {error}") from None


def _check_readable(serde: SerializerProtocol, field: str, value: Any) -> None:
    try:
        serde.loads_typed(_dumped(serde, field, lambda: value))
    except TypeNotAllowed as error:
        names = ", ".join(name.rpartition(".")[2] for name in error.blocked)
        raise InvalidValue(
            field,
            f"it holds {', '.join(error.blocked)}, which could not be read again to recover the run; "
            f"allow the type when opening the file: threads.open(..., types=[{names}])",
        ) from error
    except StateDamaged as error:
        raise InvalidValue(field, f"it could not be read again to recover the run: {error.why}") from error


def _dumped(serde: SerializerProtocol, field: str, value: Callable[[], Any]) -> tuple[str, bytes]:
    try:
        return serde.dumps_typed(value())
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidValue(field, f"it cannot be stored: {error}") from error
