"""Filling a tool's arguments from what was said.

An argument's name, type and choices say what to look for: a number, an identifier with digits, an email
address, a place, a term, or the whole question. What the text does not hold is taken from the facts (the
order number given three messages ago). What is not known stays out, so that the model can ask for it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from agent.offline.conversation import Conversation
from agent.offline.text import stem, topics, words
from agent.offline.toolbox import ToolSpec
from agent.offline.vocabulary import NOT_PLACES

_IDENTIFIER = re.compile(r"#?\b((?=[\w-]*\d)[A-Za-z]{0,6}-?\d[\w-]*)\b")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:[.,]\d+)?(?![\w])")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DATE = re.compile(
    r"\b(\d{4}-\d\d-\d\d|today|tomorrow|yesterday|tonight|(?:next |last )?(?:monday|"
    r"tuesday|wednesday|thursday|friday|saturday|sunday))\b",
    re.I,
)
_EXPRESSION = re.compile(r"[-(]*\d[\d\s.,()+*/%^×÷-]*[-+*/%^×÷][\d\s.()+*/%^×÷-]*\d\)*|sqrt\(.+?\)")
_PLACE = re.compile(
    r"\b(?:in|at|for|near|to|of|from)\s+((?:the )?[^\W\d_][\w'.-]*(?:[ "
    r"-](?-i:[A-Z])[\w'.-]*)*)",
    re.IGNORECASE,
)
_PROPER = re.compile(r"(?<!^)(?<![.!?] )\b([A-Z][\w'.-]*(?: [A-Z][\w'.-]*)*)")
_QUOTED = re.compile(r"[\"“'](\S[^\"”']*)[\"”'](?!\w)")
_OBJECT = re.compile(
    r"(?:what(?: is| are|'s| does| do)|explain(?: to me)?|define|describe|meaning of|meant by|about|"
    r"look up|search(?: the web)?(?: for)?|called|named|for|of)"
    r"\s+(?:the (?:word|term|concept) )?(?:an? |the )?(.+?)(?: mean| means| do| work| please| to me| "
    r"for me| again)*(?: in \w+)?[?.! ]*$",
    re.IGNORECASE,
)
_WORD_SIGNS = ((r"\bplus\b|\band\b", "+"), (r"\bminus\b", "-"), (r"\b(?:times|multiplied by)\b|×|"
    r"(?<=\d)\s*x\s*(?=\d)", "*"),
    (r"\b(?:divided by|over)\b|÷", "/"), (r"\bto the power of\b|\^", "**"))  # fmt: skip


def fill(tool: ToolSpec, request: str, talk: Conversation) -> tuple[dict[str, Any], list[str]]:
    """The arguments that are known, and the names of required ones that are not."""
    args: dict[str, Any] = {}
    numbers = [found.replace(",", ".") for found in _NUMBER.findall(request)]
    for name, prop in tool.properties.items():
        value = _value(name, prop, request, talk, numbers, name in tool.required)
        if value is not None:
            args[name] = value
    return args, [name for name in tool.required if name not in args]


def several(tool: ToolSpec, request: str) -> list[str]:
    """All identifiers named in a request for a tool that takes one: "orders 1001 and 1002"."""
    only = len(tool.required) == 1 and _looks_for_identifier(tool.required[0])
    return list(dict.fromkeys(_IDENTIFIER.findall(request))) if only else []


def filler(prop: Mapping[str, Any]) -> Any:
    """An empty value of a property's type, for a call that must be made with an argument unknown."""
    if choices := prop.get("enum"):
        return choices[0]
    return {"integer": 0, "number": 0.0, "boolean": False, "array": [], "object": {}}.get(_type(prop), "")


def expression(text: str) -> str | None:
    """The sum in a text, in figures and signs: "2 plus 3" gives "2 + 3"."""
    for shape, sign in _WORD_SIGNS:
        text = re.sub(rf"(?<=[\d)])\s*(?:{shape})\s*(?=[\d(-])", f" {sign} ", text, flags=re.IGNORECASE)
    text = re.sub(r"(\d+(?:\.\d+)?) ?(?:%|percent) of (\d+)", r"\1 / 100 * \2", text)
    match = _EXPRESSION.search(text)
    return " ".join(match[0].split()).replace("^", "**") if match else None


def _type(prop: Mapping[str, Any]) -> str:
    kind = prop.get("type") or next(
        (each.get("type") for each in prop.get("anyOf", ()) if each.get("type") != "null"), "string"
    )
    return str(kind)


def _value(
    name: str, prop: Mapping[str, Any], request: str, talk: Conversation, numbers: list[str], required: bool
) -> Any:
    kind = _type(prop)
    choices = prop.get("enum")
    if choices:
        return _choice(choices, request)
    if kind in {"integer", "number"}:
        return _number(name, kind, request, talk, numbers, required)
    if kind == "boolean":
        return bool(topics(name.replace("_", " ")) & topics(request)) if required else None
    if kind == "array":
        items = [part.strip(" ?.") for part in re.split(r",|\band\b", _after(request))] if required else []
        return [int(i) if i.isdigit() else i for i in items if i] or None
    if kind != "string":
        return None
    return _text(name, prop, request, talk, required)


def _choice(choices: list[Any], request: str) -> Any:
    stems = [stem(word) for word in words(request)]
    named = [c for c in choices if {stem(word) for word in words(str(c).replace("_", " "))} <= set(stems)]
    return max(named, key=lambda choice: len(str(choice)), default=None)


def _number(
    name: str, kind: str, request: str, talk: Conversation, numbers: list[str], required: bool
) -> int | float | None:
    spelled = name.replace("_", r"[ _]")
    near = re.search(rf"\b{spelled}\b\D{{0,12}}(-?\d+(?:\.\d+)?)", request, re.IGNORECASE)
    found = near[1] if near and len(name) > 1 else None
    if found is None and required and numbers:
        found = numbers.pop(0)
    if found is None and required:
        known = re.search(r"-?\d+(?:\.\d+)?", _known(name, talk) or "")
        found = known[0] if known else None
    if found is None:
        return None
    return float(found) if kind == "number" and "." in found else int(float(found))


def _looks_for_identifier(name: str) -> bool:
    return bool(re.search(r"(?:^|_)(?:id|number|no|code|ref|reference|nr)$", name)) or name.endswith(
        ("Id", "Number")
    )


def _text(name: str, prop: Mapping[str, Any], request: str, talk: Conversation, required: bool) -> str | None:
    hint = name.lower()
    finders: tuple[tuple[str, Callable[[], str | None]], ...] = (
        (r"mail", lambda: _first(_EMAIL, request)),
        (r"date|day$|when", lambda: _first(_DATE, request)),
        (r"expr|formula|calc|equation|sum$|math", lambda: expression(request)),
        (r"city|location|place|country|town|destination|region|address", lambda: _place(request)),
        (r"query|question|input|prompt|message|search|request", lambda: request.strip() or None),
        (
            r"term|word|topic|concept|subject|name|title|item|product|keyword|text|content|key|value",
            lambda: _object(request),
        ),
    )
    if _looks_for_identifier(hint):
        return _first(_IDENTIFIER, request) or _known(name, talk)
    found = next((find() for shape, find in finders if re.search(shape, hint)), None)
    if found is None and required and not any(re.search(shape, hint) for shape, _ in finders):
        found = _first(_QUOTED, request) or _first(_PROPER, request) or _first(_IDENTIFIER, request)
    return found or (_known(name, talk) if required else None)


def _first(shape: re.Pattern[str], text: str) -> str | None:
    match = shape.search(text)
    return match[match.lastindex or 0].strip() if match else None


def _place(request: str) -> str | None:
    found = [match[1].removeprefix("the ") for match in _PLACE.finditer(request)]
    found = [place for place in found if place.lower().split()[0] not in NOT_PLACES]
    return (found[-1].strip() if found else None) or _first(_PROPER, request)


def _object(request: str) -> str | None:
    return _first(_QUOTED, request) or _first(_OBJECT, request) or _first(_PROPER, request)


def _after(request: str) -> str:
    return re.sub(r"^.*?(?:of|:|for|numbers?|items?)\s+", "", request, count=1)


def _known(name: str, talk: Conversation) -> str | None:
    """What the conversation holds under an argument's name."""
    wanted = topics(re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name)) or frozenset({stem(name)})
    if wanted & {"city", "town", "location", "country"}:
        return talk.notebook.value("home")
    if wanted == {"name"}:
        return talk.name
    facts = [fact for fact in talk.notebook.holding() if wanted <= (frozenset(fact.key[1:]) or fact.topics)]
    return facts[-1].value if facts else None
