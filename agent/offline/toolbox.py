"""Choosing a tool: the one whose name and description speak of what is asked.

Nothing here knows any particular tool. A tool is suited when the request shares a telling word with the
tool's name (generic verbs like "get" do not count) or when the tool's description covers every topic of
the request. Only questions and requests are looked at, never plain statements, and a question about what
the user said ("what's my order number?") is left to recall.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import ToolCall

from agent.offline.text import stem, topics, words
from agent.offline.vocabulary import GENERIC_IN_TOOL_NAMES, SEARCH_TOOLS

_GENERIC = frozenset(stem(word) for word in GENERIC_IN_TOOL_NAMES)
_SEARCHES = frozenset(stem(word) for word in SEARCH_TOOLS)


@dataclass(frozen=True)
class ToolSpec:
    """A bound tool as the model sees it."""

    name: str
    description: str
    properties: Mapping[str, Mapping[str, Any]]
    required: tuple[str, ...]

    @property
    def name_words(self) -> frozenset[str]:
        """The telling stems of its name."""
        parts = words(re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", self.name))
        return frozenset(stem(part) for part in parts) - _GENERIC

    @property
    def topics(self) -> frozenset[str]:
        """All stems of its name, description, arguments and choices."""
        choices = [str(choice) for prop in self.properties.values() for choice in prop.get("enum", ())]
        described = [str(prop.get("description", "")) for prop in self.properties.values()]
        return self.name_words | topics(" ".join([self.description, *choices, *described])) - _GENERIC

    @property
    def arguments(self) -> frozenset[str]:
        """The stems of its argument names."""
        return frozenset(stem(part) for name in self.properties for part in words(name.replace("_", " ")))


def specs(tools: Sequence[Mapping[str, Any]]) -> list[ToolSpec]:
    """The bound tools, read from their OpenAI form."""
    functions = [tool.get("function", tool) for tool in tools]
    return [
        ToolSpec(
            name=str(function.get("name", "")),
            description=str(function.get("description") or ""),
            properties=(function.get("parameters") or {}).get("properties") or {},
            required=tuple((function.get("parameters") or {}).get("required") or ()),
        )
        for function in functions
        if function.get("name")
    ]


def suited(request: str, tools: Sequence[ToolSpec], ready: Callable[[ToolSpec], int]) -> ToolSpec | None:
    """The tool that answers a request best, or None.

    Of two alike it is the one spoken of first, then the one with more arguments `ready`.
    """
    asked = topics(request) | (_arithmetic_words(request))
    ranked = sorted(
        tools, key=lambda tool: (_score(asked, tool), -_first(request, tool), ready(tool)), reverse=True
    )
    best = ranked[0] if ranked else None
    return best if best and _score(asked, best) > 0 and not _asks_for_argument(request, asked, best) else None


def searching(tools: Sequence[ToolSpec]) -> ToolSpec | None:
    """A tool that looks things up in the world, for questions nothing else answers."""
    for tool in tools:
        parts = {stem(part) for part in words(tool.name.replace("_", " "))}
        if parts & _SEARCHES and not tool.name_words - _SEARCHES and len(tool.required) == 1:
            return tool
    return None


def _score(asked: frozenset[str], tool: ToolSpec) -> float:
    by_name = asked & tool.name_words
    by_text = asked & tool.topics
    if not by_name and not (by_text and asked - _GENERIC <= tool.topics):
        return 0
    return 3 * len(by_name) + len(by_text - by_name)


def _first(request: str, tool: ToolSpec) -> int:
    """Where in the request the tool is first spoken of."""
    return next((place for place, word in enumerate(words(request)) if stem(word) in tool.name_words), 1_000)


def _asks_for_argument(request: str, asked: frozenset[str], tool: ToolSpec) -> bool:
    """Whether the request asks for the very thing the tool needs: "what's my order number?"."""
    own = re.search(r"\b(?:my|mine)\b", request, re.IGNORECASE) is not None
    return own and len(asked) > 1 and asked <= tool.arguments


def _arithmetic_words(request: str) -> frozenset[str]:
    signs = {"+": "add", "-": "subtract", "*": "multiply", "×": "multiply", "/": "divide", "^": "power"}
    found = re.findall(r"\d\s*([-+*/×^])\s*\(?-?\d", request)
    return frozenset({stem("calculate"), *(stem(signs[sign]) for sign in found)}) if found else frozenset()


def tool_call(tool: ToolSpec, args: Mapping[str, Any], place: str, number: int = 0) -> ToolCall:
    """A call with an id made from its place in the conversation: the same each time, another next time."""
    seed = json.dumps([place, tool.name, args, number], sort_keys=True, default=str)
    return ToolCall(
        name=tool.name,
        args=dict(args),
        id=f"call_{hashlib.sha256(seed.encode()).hexdigest()[:24]}",
        type="tool_call",
    )
