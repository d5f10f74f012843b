"""Exercise 01, task 4: the lines that show what a thread holds."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from checker.agents import config, stored_texts, user_input
from checker.findings import CheckFailed
from checker.learner import Learner, name_of

SPOKEN = {
    "inspected": ["My cat is called Figaro.", "My boat is called Tilda."],
    "other": ["Good evening"],
}
SHORT = 8
"""So many letters of a text tell it from every other one."""


def check_inspection(learner: Learner) -> None:
    function = learner.inspect_memory_state
    agent = learner.made(learner.create_memory_agent(), learner.create_memory_agent)
    for thread_id, texts in SPOKEN.items():
        for text in texts:
            agent.invoke(user_input(text), config(thread_id))
    for thread_id in SPOKEN:
        lines = learner.made(function(agent, thread_id), function)
        _check_kind(lines, function)
        _check_texts(lines, stored_texts(agent, thread_id), thread_id, function)
        _check_speakers(lines, agent.get_state(config(thread_id)).values["messages"], function)
    try:
        lines = learner.made(function(agent, "nobody spoke here"), function)
    except LookupError as error:
        got = f"in a thread without messages: {type(error).__name__}: {error}"
        raise CheckFailed("silent-thread", got, function) from error
    if lines:
        raise CheckFailed("silent-lines", f"in a thread without messages: {name_of(lines)}", function)


def _check_kind(lines: Any, function: Callable[..., Any]) -> None:
    if isinstance(lines, str):
        raise CheckFailed("lines-not-text", f"one text: {name_of(lines)}", function)
    for line in lines:
        if not isinstance(line, str):
            raise CheckFailed("lines-not-text", f"a {type(line).__name__}: {name_of(line)}", function)


def _check_texts(lines: Sequence[str], held: list[str], thread_id: str, function: Callable[..., Any]) -> None:
    if len(lines) != len(held):
        got = f"{len(lines)} lines for the {len(held)} messages of {thread_id!r}"
        raise CheckFailed("wrong-lines", got, function)
    pairs = list(zip(lines, held, strict=True))
    for line, text in pairs:
        if text in line:
            continue
        if all(there in here for here, there in zip(reversed(lines), held, strict=True)):
            raise CheckFailed("lines-order", f"first comes {name_of(lines[0])}", function)
        is_cut = all(there[:SHORT] in here for here, there in pairs)
        got = f"{name_of(line)} where {name_of(text)} was said"
        raise CheckFailed("lines-cut" if is_cut else "wrong-lines", got, function)


def _check_speakers(lines: Sequence[str], held: list[BaseMessage], function: Callable[..., Any]) -> None:
    """What stands beside the text is not the same for both; numbers, blanks and the text are no names."""
    beside: dict[str, set[str]] = defaultdict(set)
    for line, message in zip(lines, held, strict=True):
        beside[message.type].add(re.sub(r"[\s\d]", "", line.replace(message.text, "")))
    if both := beside["human"] & beside["ai"]:
        shown = f"only {name_of(min(both))} beside it" if any(both) else "only its text"
        raise CheckFailed(
            "no-speaker", f"of what the user said and of what the agent said, {shown}", function
        )
