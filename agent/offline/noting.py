"""Making a fact of what was said: its key, its topics, the noun a later "it" stands for."""

import re

from agent.offline.facts import Fact
from agent.offline.shapes import ALIASES, SINGLE
from agent.offline.text import broader, stem, to_second_person, topics, words

_PERSONAL = frozenset({"pet", "family", "partner"})
_CAPITAL = re.compile(r"(?<=[a-z,] )(?!I\b)[A-Z]\w+")


def note(kind: str, said: str, value: str, what: str = "") -> Fact:
    """The fact that `what` is `value`, said as `said`."""
    key: tuple[str, ...] = (kind,)
    if kind in {"named", "attribute", "age of"}:
        key = (kind, *sorted(topics(what)))
    elif kind not in SINGLE:
        key = (kind, *(stem(word) for word in words(value) if word not in {"a", "an", "the", "my", "any"}))
    named = topics(said) | broader(said) | frozenset(stem(alias) for alias in ALIASES.get(kind, "").split())
    if _PERSONAL & named and _CAPITAL.search(said):
        named |= {stem("name")}
    return Fact(kind, key, value, to_second_person(said), named, about=_noun(kind, value, what))


def _noun(kind: str, value: str, what: str) -> str:
    if what:
        return what
    if kind not in {"have", "order", "want"}:
        return ""
    head = re.split(r"\b(?:and|with|who|that|which|from|for|of|last|yesterday|in|on|at)\b|,", value)[
        0
    ].split()
    return head[-1] if head else ""
