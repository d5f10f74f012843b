"""Saying in words what a tool gave back."""

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, ToolMessage

from agent.offline.conversation import is_human, spoken
from agent.offline.text import sentence

LONGEST = 1_500
"""Characters of a tool's result that are repeated."""


def pending_results(messages: Sequence[BaseMessage]) -> list[ToolMessage]:
    """The tool results that came after the user's last message."""
    results: list[ToolMessage] = []
    for message in reversed(messages):
        if is_human(message):
            break
        if isinstance(message, ToolMessage):
            results.insert(0, message)
    return results


def in_words(results: Sequence[ToolMessage]) -> str:
    """An answer made of the results, one after the other, the same result once."""
    return "\n".join(dict.fromkeys(_one(result) for result in results))


def _one(result: ToolMessage) -> str:
    text = spoken(result)
    if result.status == "error":
        return f"I'm sorry, that didn't work: {_cut(text) or 'the tool gave no reason.'}"
    if not text:
        return "That's done; there was nothing more to report."
    return _cut(_read(text))


def _read(text: str) -> str:
    if text[:1] in '{["':
        try:
            return _say(json.loads(text))
        except json.JSONDecodeError:
            return text
    return f"The answer is {text}." if len(text) < 30 and " " not in text else text


def _say(data: Any) -> str:
    if isinstance(data, dict) and data:
        return sentence(
            "here is what I found: "
            + ", ".join(f"{_label(key)}: {_plain(value)}" for key, value in data.items())
        )
    if isinstance(data, list) and data:
        return "Here is what I found:\n" + "\n".join(f"- {_plain(item)}" for item in data)
    return f"The answer is {_plain(data)}." if data not in ({}, [], None, "") else "I found nothing."


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_label(key)} {_plain(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(each) for each in value) or "none"
    return (
        {True: "yes", False: "no", None: "unknown"}[value]
        if value is None or isinstance(value, bool)
        else str(value)
    )


def _label(key: object) -> str:
    return str(key).replace("_", " ")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"
