"""Facts the user stated, and the notebook of one conversation: the later fact wins.

A notebook is built from the messages for every single reply and thrown away; nothing outlives the call.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.offline.text import broader_topics, pattern, stem, to_second_person, topics, word_map, words

SINGLE_KINDS = frozenset(
    [
        "name",
        "home",
        "origin",
        "age",
        "birthday",
        "job",
        "employer",
        "named",
        "attribute",
        "nationality",
        "age of",
    ]
)
"""Kinds of which there is one at a time; of the others there are many."""

_ALIASES = word_map("aliases")
_RELATIVES = frozenset({"pet", "family", "partner"})
_NEGATION = pattern(r"n't\b|\b(?:not|never|no longer)\b")
_CAPITAL = re.compile(r"(?<=[a-z,] )(?!I\b)[A-Z]\w+")
_HEAD_END = re.compile(r"\b(?:and|with|who|that|which|from|for|of|last|yesterday|in|on|at)\b|,")
_ARTICLES = frozenset({"a", "an", "the", "my", "any", "some", "you", "your"})


@dataclass(frozen=True)
class Fact:
    """One thing the user said, in their own words."""

    kind: str
    """What sort of thing: name, home, attribute, like, problem, note, ..."""
    key: tuple[str, ...]
    """What it is about; a later fact with the same key replaces this one."""
    value: str
    sentence: str
    """The whole, as the listener would repeat it: "your dog is called Rex"."""
    topics: frozenset[str] = frozenset()
    """Stems of what the sentence is about, broader words included."""
    denied: bool = False
    """True for "I don't like fish"."""
    about: str = ""
    """The noun that "it" or "his" in the next clause would stand for."""
    turn: int = 0
    """Which of the user's messages stated it, counted from 0; -1 for the system prompt."""

    @property
    def is_negative(self) -> bool:
        """Whether it says that something is not so."""
        return self.denied or _NEGATION.search(self.sentence) is not None


@dataclass(frozen=True)
class Answer:
    """An answer in words, and whether the conversation really held it."""

    text: str
    known: bool


def make_fact(kind: str, said: str, value: str, what: str = "") -> Fact:
    """The fact that `what` is `value`, stated as `said`."""
    key: tuple[str, ...] = (kind,)
    if kind in {"named", "attribute", "age of"}:
        key = (kind, *sorted(topics(what)))
    elif kind not in SINGLE_KINDS:
        key = (kind, *(stem(word) for word in words(value) if word not in {"a", "an", "the", "my", "any"}))
    about = topics(said) | broader_topics(said) | {stem(alias) for alias in _ALIASES.get(kind, "").split()}
    if _RELATIVES & about and _CAPITAL.search(said):
        about |= {stem("name")}
    head = _HEAD_END.split(value)[0].split() if kind in {"have", "order", "want"} else []
    return Fact(kind, key, value, to_second_person(said), about, about=what or (head[-1] if head else ""))


def is_same_value(one: str, other: str) -> bool:
    """Whether two values are the same but for case, accents, articles and punctuation."""
    return _bare_words(one) == _bare_words(other)


def _bare_words(value: str) -> list[str]:
    plain = "".join(char for char in unicodedata.normalize("NFKD", value) if not unicodedata.combining(char))
    return [word for word in words(plain) if word not in _ARTICLES]


def distinct(facts: Iterable[Fact]) -> list[Fact]:
    """The facts without those that only pick a number or a name out of another's sentence."""
    chosen: list[Fact] = []
    for fact in facts:
        picked = fact.kind in {"attribute", "named", "employer", "have", "age", "origin"}
        if not (picked and any(fact.value in each.sentence for each in chosen)):
            chosen.append(fact)
    return chosen


class Notebook:
    """The facts of one conversation in the order they were stated."""

    def __init__(self, facts: Iterable[Fact] = ()) -> None:
        self._by_key = {fact.key: fact for fact in facts}

    @property
    def facts(self) -> list[Fact]:
        """All facts, denied ones too, oldest first."""
        return list(self._by_key.values())

    def newest_first(self) -> Iterator[Fact]:
        """All facts, denied ones too, the latest first."""
        return reversed(self._by_key.values())

    def valid(self) -> list[Fact]:
        """Every fact that was not denied, oldest first."""
        return [fact for fact in self.facts if not fact.denied]

    def add(self, fact: Fact) -> None:
        """Add a fact: it replaces what was said before about the same thing, or takes it back."""
        known = self.find(fact.key)
        if fact.denied and known and not known.denied and not is_same_value(known.value, fact.value):
            return
        self._by_key.pop(fact.key, None)
        self._by_key[fact.key] = fact

    def find(self, key: tuple[str, ...]) -> Fact | None:
        """The fact under a key, denied or not."""
        return self._by_key.get(key)

    def find_value(self, kind: str) -> str | None:
        """The value of the latest fact of a kind that still holds."""
        return next(
            (fact.value for fact in self.newest_first() if fact.kind == kind and not fact.denied), None
        )

    def forget(self, facts: Iterable[Fact]) -> None:
        """Remove facts."""
        for fact in facts:
            self._by_key.pop(fact.key, None)
