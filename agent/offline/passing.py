"""What a clause names in passing: numbers, addresses, people and pets with their names, a workplace."""

import re
from collections.abc import Iterator

from agent.offline.facts import Fact
from agent.offline.noting import note
from agent.offline.shapes import RELATION

_IDENTIFIER = re.compile(
    r"\b(?P<noun>order|invoice|ticket|case|booking|reservation|account|customer|flight|tracking|"
    r"contract|subscription|policy)"
    r"(?: (?:number|id|reference|code))?(?: is)?[ :]*#?\s?(?P<value>(?=[\w-]*\d)[A-Z]{0,4}[\w-]*\d[\w-]*)",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")

_SOMEBODYS = re.compile(r"(?:'s|\b(?:his|her|their)) (?:\w+ )?$", re.IGNORECASE)
_ONE_NAME = r"(?-i:[A-Z])[\w'-]+"
_COUNT = r"(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|both|all|the)"
_NAMED_LIST = re.compile(
    rf"\b(?:my|our|have|got|with|own) (?:(?:my|our|got|{_COUNT}) )*(?P<what>[a-z][\w -]{{1,30}}?s|"
    rf"children),?:? "
    rf"(?:(?:are |is )?(?:called|named) |are )?(?P<value>{_ONE_NAME}(?:, {_ONE_NAME})*,? (?:and|"
    rf"&) {_ONE_NAME})",
    re.IGNORECASE,
)
_NAMED_ONE = re.compile(
    rf"(?:my|our) (?P<what>[\w ]{{2,30}}?) is an? [\w ]+? (?:called|"
    rf"named) (?P<value>{_ONE_NAME})",
    re.IGNORECASE,
)
_COMPANY = re.compile(
    rf"\b(?:live|living|stay|staying|home|here|travel|travelling)\b.*? with (?:my |our )?"
    rf"(?P<value>(?:{_COUNT} )?(?:\w+ )?(?:cats?|dogs?|"
    rf"kids?|children|rabbits?|hamsters?|birds?|parrots?|sons?|daughters?|pets?|wife|husband|partner|"
    rf"girlfriend|"
    rf"boyfriend|brothers?|sisters?|flatmates?|roommates?)\b.*)",
    re.IGNORECASE,
)
_WORKPLACE = re.compile(
    r"I am an? [\w -]+? (?P<how>at|for) (?P<value>(?:the |"
    r"a )?(?-i:[A-Z]).+)",
    re.IGNORECASE,
)


def in_passing(text: str) -> Iterator[Fact]:
    """Every fact named in passing."""
    yield from _people(text)
    yield from identifiers(text)
    if re.search(r"(?i)\b(?:I|me|my)\b", text) and (match := _EMAIL.search(text)):
        yield note("attribute", f"my email is {match[0]}", match[0], "email")
    if place := _WORKPLACE.fullmatch(text):
        yield note("employer", f"I work {place['how']} {place['value']}", place["value"])


def _people(text: str) -> Iterator[Fact]:
    for match in RELATION.finditer(text):
        yield note("named", f"my {match['what']}'s name is {match['value']}", match["value"], match["what"])
    if (with_whom := _COMPANY.search(text)) and not RELATION.search(text):
        yield note("have", f"I have {_article(with_whom['value'])}", with_whom["value"])
    for shape, verb in ((_NAMED_LIST, "are"), (_NAMED_ONE, "is")):
        if named := shape.search(text):
            what, value = named["what"], named["value"]
            yield note("named", f"my {what} {verb} called {value}", value, what)


def _article(value: str) -> str:
    return value if re.match(rf"(?i){_COUNT}\b|\w+s\b|children", value) else f"a {value}"


def identifiers(text: str) -> Iterator[Fact]:
    """The numbers a text names in passing: "my order 1234" states an order number."""
    for match in _IDENTIFIER.finditer(text):
        if _SOMEBODYS.search(text[: match.start()]):
            continue
        what = f"{match['noun'].lower()} number"
        yield note("attribute", f"my {what} is {match['value']}", match["value"], what)
