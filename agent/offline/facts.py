"""What the user has said, as facts: the later one wins.

A `Fact` keeps the user's own words turned into the second person, so that recalling it is repeating
them. Its `key` says what it is about: a person has one home but many likes, so a new home replaces
the old one while a new like stands beside it. A `Notebook` is made from the messages for every single
reply and thrown away; nothing outlives the call.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.offline.text import words

_NEGATION = re.compile(r"n't\b|\b(?:not|never|no longer)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Fact:
    """One thing the user said."""

    kind: str
    """What sort of thing: name, home, attribute, like, problem, note, ..."""
    key: tuple[str, ...]
    """What it is about; a later fact with the same key replaces this one."""
    value: str
    """What was said about it, in the user's words."""
    sentence: str
    """The whole, as the listener would repeat it: "your dog is called Rex"."""
    topics: frozenset[str] = frozenset()
    """Stems of what the sentence is about, broader words included."""
    denied: bool = False
    """True for "I don't like fish"."""
    about: str = ""
    """The noun that "it" or "his" in the next clause would stand for."""
    turn: int = 0
    """Which of the user's messages it was said in, counted from 0; -1 for the system prompt."""

    @property
    def negative(self) -> bool:
        """Whether it says that something is not so."""
        return self.denied or _NEGATION.search(self.sentence) is not None


def same_value(one: str, other: str) -> bool:
    """Whether two values are the same but for case, articles and punctuation."""
    return _bare(one) == _bare(other)


def _bare(value: str) -> list[str]:
    plain = "".join(char for char in unicodedata.normalize("NFKD", value) if not unicodedata.combining(char))
    return [
        word for word in words(plain) if word not in {"a", "an", "the", "my", "any", "some", "you", "your"}
    ]


def distinct(facts: Iterable[Fact]) -> list[Fact]:
    """The facts without those that only pick a number or a name out of another's sentence."""
    kept: list[Fact] = []
    for fact in facts:
        picked = fact.kind in {"attribute", "named", "employer", "have"} and any(
            fact.value in each.sentence for each in kept
        )
        if not picked:
            kept.append(fact)
    return kept


class Notebook:
    """The facts of one conversation in the order they were said."""

    def __init__(self, facts: Iterable[Fact] = ()) -> None:
        self._by_key = {fact.key: fact for fact in facts}

    @property
    def facts(self) -> list[Fact]:
        """All facts, denied ones too, oldest first."""
        return list(self._by_key.values())

    def newest_first(self) -> Iterator[Fact]:
        """All facts, denied ones too, the latest first."""
        return reversed(self._by_key.values())

    def add(self, fact: Fact) -> None:
        """Note a fact: it replaces what was said before about the same thing, or takes it back."""
        known = self.find(fact.key)
        if fact.denied and known and not known.denied and not same_value(known.value, fact.value):
            return
        self._by_key.pop(fact.key, None)
        self._by_key[fact.key] = fact

    def find(self, key: tuple[str, ...]) -> Fact | None:
        """The fact under a key, denied or not."""
        return self._by_key.get(key)

    def value(self, kind: str) -> str | None:
        """The value of the latest fact of a kind that still holds."""
        return next(
            (fact.value for fact in self.newest_first() if fact.kind == kind and not fact.denied), None
        )

    def holding(self) -> Iterator[Fact]:
        """Every fact that was not denied, oldest first."""
        return (fact for fact in self.facts if not fact.denied)

    def forget(self, facts: Iterable[Fact]) -> None:
        """Strike facts out."""
        for fact in facts:
            self._by_key.pop(fact.key, None)


@dataclass(frozen=True)
class Answer:
    """An answer in words, and whether the conversation really held it."""

    text: str
    known: bool
