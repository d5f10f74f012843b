"""Tools: which one suits a request, its arguments, and sums.

Nothing here knows any particular tool. A tool suits when the request shares a telling word with its name
(generic verbs like "get" do not count) or when its description covers every topic of the request.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import ToolCall

from threads.chat_models.arithmetic import NotASum, value_of_sum
from threads.chat_models.offline.dialogue import Dialogue
from threads.chat_models.offline.text import pattern, pattern_table, stem, topics, word_set, words

_GENERIC = frozenset(map(stem, word_set("GENERIC_IN_TOOL_NAMES")))
_SEARCHES = frozenset(map(stem, word_set("SEARCH_TOOLS")))
_NOT_PLACES = word_set("NOT_PLACES")


def _split_identifier(name: str) -> str:
    """Return the words of an identifier: "orderNumber" and "order_number" give "order number"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name)


@dataclass(frozen=True)
class ToolSpec:
    """A bound tool as the model sees it."""

    name: str
    description: str
    properties: Mapping[str, Mapping[str, Any]]
    required: tuple[str, ...]

    @property
    def name_stems(self) -> frozenset[str]:
        """The telling stems of its name."""
        return frozenset(map(stem, words(_split_identifier(self.name)))) - _GENERIC

    @property
    def topics(self) -> frozenset[str]:
        """All stems of its name, description, arguments and choices."""
        texts = [self.description]
        for each in self.properties.values():
            texts += [str(each.get("description", "")), *map(str, each.get("enum", ()))]
        return (self.name_stems | topics(" ".join(texts))) - _GENERIC

    @property
    def argument_stems(self) -> frozenset[str]:
        """The stems of its argument names."""
        return frozenset(stem(word) for name in self.properties for word in words(name.replace("_", " ")))


def read_tool_specs(tools: Sequence[Mapping[str, Any]]) -> list[ToolSpec]:
    """Return the bound tools, read from their OpenAI form."""
    found = []
    for function in (tool.get("function", tool) for tool in tools):
        parameters = function.get("parameters") or {}
        properties, required = parameters.get("properties") or {}, tuple(parameters.get("required") or ())
        if name := function.get("name"):
            found.append(ToolSpec(str(name), str(function.get("description") or ""), properties, required))
    return found


def find_suitable_tool(request: str, tools: Sequence[ToolSpec], dialogue: Dialogue) -> ToolSpec | None:
    """Return the tool that answers a request best, or None.

    Of two alike it is the one mentioned first, then the one mentioned by its own words and not by a synonym,
    then the one of whose arguments more are known.
    """
    signs = {"+": "add", "-": "subtract", "*": "multiply", "×": "multiply", "/": "divide", "^": "power"}
    found = re.findall(r"\d\s*([-+*/×^])\s*\(?-?\d", request)
    wanted = topics(request) | {stem(word) for sign in found for word in (signs[sign], "calculate")}
    stems = [stem(word) for word in words(request)]

    def score(tool: ToolSpec) -> int:
        by_name, by_text = wanted & tool.name_stems, wanted & tool.topics
        suits = by_name or (by_text and wanted - _GENERIC <= tool.topics)
        return 3 * len(by_name) + len(by_text - by_name) if suits else 0

    def rank(tool: ToolSpec) -> tuple[int, int, int, int]:
        args, missing = fill_arguments(tool, request, dialogue)
        first = next((place for place, each in enumerate(stems) if each in tool.name_stems), 1_000)
        literal = set(words(request)) & set(words(_split_identifier(tool.name))) - word_set(
            "GENERIC_IN_TOOL_NAMES"
        )
        return score(tool), -first, len(literal), -1 if missing else len(args)

    best = max(tools, key=rank, default=None)
    if best is None or not score(best):
        return None
    # "what's my order number?" asks for the very thing the tool needs, and is left to recall
    asks_for_argument = re.search(r"(?i)\b(?:my|mine)\b", request) and len(wanted) > 1
    return None if asks_for_argument and wanted <= best.argument_stems else best


def find_search_tool(tools: Sequence[ToolSpec]) -> ToolSpec | None:
    """Return a tool that looks things up in the world, for questions nothing else answers."""
    for tool in tools:
        parts = frozenset(map(stem, words(tool.name.replace("_", " "))))
        if parts & _SEARCHES and not tool.name_stems - _SEARCHES and len(tool.required) == 1:
            return tool
    return None


def make_tool_call(tool: ToolSpec, args: Mapping[str, Any], dialogue: Dialogue, number: int = 0) -> ToolCall:
    """Return a call. Its id is derived from its place in the conversation, so a rerun gives the same id."""
    last = dialogue.messages[-1] if dialogue.messages else None
    place = (
        f"{len(dialogue.messages)}|{len(dialogue.user_texts)}|{last.id if last else ''}|{dialogue.last_text}"
    )
    seed = json.dumps([place, tool.name, args, number], sort_keys=True, default=str)
    id = f"call_{hashlib.sha256(seed.encode()).hexdigest()[:24]}"
    return ToolCall(name=tool.name, args=dict(args), id=id, type="tool_call")


# Arguments

_IDENTIFIER = re.compile(r"#?\b((?=[\w-]*\d)[A-Za-z]{0,6}-?\d[\w-]*)\b")
_IDENTIFIER_NAME = re.compile(r"(?i:(?:^|_)(?:id|number|no|code|ref|reference|nr))$|(?:Id|Number)$")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:[.,]\d+)?(?![\w])")
_EMAIL = pattern("{EMAIL}")
_DATE = pattern(r"\b(\d{4}-\d\d-\d\d|today|tomorrow|yesterday|tonight|(?:next |last )?{WEEKDAY})\b")
_EXPRESSION = re.compile(r"[-(]*\d[\d\s.,()+*/%^×÷-]*[-+*/%^×÷][\d\s.()+*/%^×÷-]*\d\)*|sqrt\(.+?\)")
_PLACE = pattern(r"\b(?:in|at|for|near|to|of|from)\s+((?:the )?[^\W\d_][\w'.-]*(?:[ -](?-i:[A-Z])[\w'.-]*)*)")
_PROPER = re.compile(r"(?<!^)(?<![.!?] )\b([A-Z][\w'.-]*(?: [A-Z][\w'.-]*)*)")
_QUOTED = re.compile(r"[\"“'](\S[^\"”']*)[\"”'](?!\w)")
_OBJECT = pattern("{OBJECT}")
_SIGNS = pattern_table("SIGNS")


def fill_arguments(tool: ToolSpec, request: str, dialogue: Dialogue) -> tuple[dict[str, Any], list[str]]:
    """Return the arguments that are known, and the names of required ones that are not.

    Name, type and choices of an argument say what to look for in the request. What it does not hold is taken
    from the facts: the order number given three messages ago.
    """
    args: dict[str, Any] = {}
    numbers = [found.replace(",", ".") for found in _NUMBER.findall(request)]
    for name, schema in tool.properties.items():
        required, kind, value = name in tool.required, _type(schema), None
        if choices := schema.get("enum"):
            stems = {stem(word) for word in words(request)}
            named = [c for c in choices if {stem(word) for word in words(_split_identifier(str(c)))} <= stems]
            wanted = re.findall(r"(?i)\b(?:to|into) (\w+)", request)
            value = max(named, key=lambda choice: (choice in wanted, len(str(choice))), default=None)
        elif kind in {"integer", "number"}:
            value = _find_number(name, kind, request, dialogue, numbers, required)
        elif kind == "boolean" and required:
            value = bool(topics(name.replace("_", " ")) & topics(request))
        elif kind == "array" and required:
            listed = re.sub(r"^.*?(?:of|:|for|numbers?|items?)\s+", "", request, count=1)
            items = [item for part in re.split(r",|\band\b", listed) if (item := part.strip(" ?."))]
            value = [int(item) if item.isdigit() else item for item in items] or None
        elif kind == "string":
            value = _find_text(name, request, dialogue, required)
        if value is not None:
            args[name] = value
    return args, [name for name in tool.required if name not in args]


def find_identifiers(tool: ToolSpec, request: str) -> list[str]:
    """Return all identifiers named in a request for a tool that takes one: "orders 1001 and 1002"."""
    takes_one = len(tool.required) == 1 and _IDENTIFIER_NAME.search(tool.required[0])
    return list(dict.fromkeys(_IDENTIFIER.findall(request))) if takes_one else []


def make_empty_value(schema: Mapping[str, Any]) -> Any:
    """Return an empty value of an argument's type, for a call that must be made with an argument unknown."""
    if choices := schema.get("enum"):
        return choices[0]
    return {"integer": 0, "number": 0.0, "boolean": False, "array": [], "object": {}}.get(_type(schema), "")


def _type(schema: Mapping[str, Any]) -> str:
    kinds = [schema.get("type"), *(each.get("type") for each in schema.get("anyOf", ()))]
    return str(next((kind for kind in kinds if kind and kind != "null"), "string"))


def _find_number(
    name: str, kind: str, request: str, dialogue: Dialogue, numbers: list[str], required: bool
) -> int | float | None:
    spelled = name.replace("_", r"[ _]")
    near = re.search(rf"\b{spelled}\b\D{{0,12}}(-?\d+(?:\.\d+)?)", request, re.IGNORECASE)
    found = near[1] if near and len(name) > 1 else None
    if found is None and required:
        if numbers:
            found = numbers.pop(0)
        elif known := re.search(r"-?\d+(?:\.\d+)?", _find_known_value(name, dialogue) or ""):
            found = known[0]
    if found is None:
        return None
    return float(found) if kind == "number" and "." in found else int(float(found))


def _find_text(name: str, request: str, dialogue: Dialogue, required: bool) -> str | None:
    if _IDENTIFIER_NAME.search(name):
        return _find_first(_IDENTIFIER, request) or _find_known_value(name, dialogue)
    finders: tuple[tuple[str, Callable[[], str | None]], ...] = (
        (r"mail", lambda: _find_first(_EMAIL, request)),
        (r"date|day$|when", lambda: _find_first(_DATE, request)),
        (r"expr|formula|calc|equation|sum$|math", lambda: find_sum(request)),
        (r"city|location|place|country|town|destination|region|address", lambda: _find_place(request)),
        (r"query|question|input|prompt|message|search|request", lambda: request.strip() or None),
        (
            r"term|word|topic|concept|subject|name|title|item|product|keyword|text|content|key|value",
            lambda: (
                _find_first(_QUOTED, request)
                or _find_first(_OBJECT, request)
                or _find_first(_PROPER, request)
            ),
        ),
    )
    suited = [find for shape, find in finders if re.search(shape, name.lower())]
    if suited:
        found = suited[0]()
    else:
        shapes = (_QUOTED, _PROPER, _IDENTIFIER) if required else ()
        found = next((first for shape in shapes if (first := _find_first(shape, request))), None)
    return found or (_find_known_value(name, dialogue) if required else None)


def _find_first(shape: re.Pattern[str], text: str) -> str | None:
    match = shape.search(text)
    return match[match.lastindex or 0].strip(' "“”') if match else None


def _find_place(request: str) -> str | None:
    found = [match[1].removeprefix("the ") for match in _PLACE.finditer(request)]
    found = [place for place in found if place.lower().split()[0] not in _NOT_PLACES]
    return found[-1].strip() if found else _find_first(_PROPER, request)


def _find_known_value(name: str, dialogue: Dialogue) -> str | None:
    """Return what the conversation holds under an argument's name."""
    wanted = topics(_split_identifier(name)) or frozenset({stem(name)})
    if wanted & {"city", "town", "location", "country"}:
        return dialogue.facts.find_value("home")
    if wanted == {"name"}:
        return dialogue.name
    known = [fact for fact in dialogue.facts.valid() if wanted <= (frozenset(fact.key[1:]) or fact.topics)]
    return known[-1].value if known else None


# Sums

_SUM_QUESTION = pattern(r"(?:what|how much|calculate|compute|can you|could you|tell|\W*\d|do you)")


def find_sum(text: str) -> str | None:
    """Return the sum in a text, in figures and signs: "2 plus 3" gives "2 + 3"."""
    for shape, sign in _SIGNS:
        text = shape.sub(f" {sign} ", text)
    text = re.sub(r"(\d+(?:\.\d+)?) ?(?:%|percent) of (\d+)", r"\1 / 100 * \2", text)
    match = _EXPRESSION.search(text)
    return " ".join(match[0].split()).replace("^", "**") if match else None


def sum_in_words(question: str) -> str | None:
    """Return the answer to "What is 2 plus 3?", or None for another question."""
    found = find_sum(question)
    if not found or not _SUM_QUESTION.match(question):
        return None
    try:
        return f"{found.replace('**', '^')} = {value_of_sum(found)}"
    except NotASum:
        return None
    except ZeroDivisionError:
        return "That would divide by zero."
