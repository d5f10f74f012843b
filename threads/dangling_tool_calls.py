"""Tool calls that no message answers: a provider refuses every conversation that went on after one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class MessageCalls(NamedTuple):
    """What a message has to do with tool calls; `answers` is None for all but the messages of tools."""

    calls: Sequence[tuple[str, str]] = ()
    """Id and tool name of the calls that it makes."""
    is_answer: bool = False
    answers: str | None = None
    """The id of the call that it answers."""


class DanglingCall(NamedTuple):
    """A tool call without an answer."""

    position: int
    """The index of the message that makes it."""
    id: str
    name: str


class DanglingCalls(NamedTuple):
    """The calls that the conversation went on after, and those at its end, which may still be answered."""

    passed: list[DanglingCall]
    last: list[DanglingCall]


def dangling_tool_calls(messages: Iterable[MessageCalls]) -> DanglingCalls:
    """Return the calls that no message answers before the next message of a user or an assistant."""
    passed: list[DanglingCall] = []
    last: list[DanglingCall] = []
    for position, message in enumerate(messages):
        if message.is_answer:
            last = [call for call in last if call.id != message.answers]
        else:
            passed += last
            last = [DanglingCall(position, id, name) for id, name in message.calls]
    return DanglingCalls(passed, last)
