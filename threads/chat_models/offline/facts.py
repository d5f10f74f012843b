"""Facts the user stated, their corrections, and the table of facts of one conversation: the later fact wins.

The table is built from the messages for every single reply and thrown away; nothing outlives the call.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from threads.chat_models.offline.text import (
    broader_topics,
    pattern,
    stem,
    to_second_person,
    topics,
    word_map,
    words,
)

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
class RecallAnswer:
    """An answer in words, and whether the conversation has it."""

    text: str
    known: bool


def make_fact(kind: str, statement: str, value: str, what: str = "") -> Fact:
    """Return the fact that `what` is `value`, stated as `statement`."""
    key: tuple[str, ...] = (kind,)
    if kind in {"named", "attribute", "age of"}:
        key = (kind, *sorted(topics(what)))
    elif kind not in SINGLE_KINDS:
        key = (kind, *(stem(word) for word in words(value) if word not in {"a", "an", "the", "my", "any"}))
    about = (
        topics(statement)
        | broader_topics(statement)
        | {stem(alias) for alias in _ALIASES.get(kind, "").split()}
    )
    if _RELATIVES & about and _CAPITAL.search(statement):
        about |= {stem("name")}
    head = _HEAD_END.split(value)[0].split() if kind in {"have", "order", "want"} else []
    return Fact(
        kind, key, value, to_second_person(statement), about, about=what or (head[-1] if head else "")
    )


def is_same_value(one: str, other: str) -> bool:
    """Return whether two values are the same but for case, accents, articles and punctuation."""
    return _bare_words(one) == _bare_words(other)


def _bare_words(value: str) -> list[str]:
    plain = "".join(char for char in unicodedata.normalize("NFKD", value) if not unicodedata.combining(char))
    return [word for word in words(plain) if word not in _ARTICLES]


def select_distinct(facts: Iterable[Fact]) -> list[Fact]:
    """Return the facts without those that only pick a number or a name out of another's sentence."""
    chosen: list[Fact] = []
    for fact in facts:
        picked = fact.kind in {"attribute", "named", "employer", "have", "age", "origin"}
        if not (picked and any(fact.value in each.sentence for each in chosen)):
            chosen.append(fact)
    return chosen


class FactTable:
    """The facts of one conversation in the order they were stated."""

    def __init__(self, facts: Iterable[Fact] = ()) -> None:
        self._by_key = {fact.key: fact for fact in facts}

    def all(self) -> list[Fact]:
        """Return all facts, denied ones too, oldest first."""
        return list(self._by_key.values())

    def newest_first(self) -> Iterator[Fact]:
        """Return all facts, denied ones too, the latest first."""
        return reversed(self._by_key.values())

    def valid(self) -> list[Fact]:
        """Return every fact that was not denied, oldest first."""
        return [fact for fact in self.all() if not fact.denied]

    def add(self, fact: Fact) -> None:
        """Add a fact: it replaces what was said before about the same thing, or takes it back."""
        known = self.find(fact.key)
        if fact.denied and known and not known.denied and not is_same_value(known.value, fact.value):
            return
        self._by_key.pop(fact.key, None)
        self._by_key[fact.key] = fact

    def find(self, key: tuple[str, ...]) -> Fact | None:
        """Return the fact under a key, denied or not."""
        return self._by_key.get(key)

    def find_value(self, kind: str) -> str | None:
        """Return the value of the latest fact of a kind that still holds."""
        return next(
            (fact.value for fact in self.newest_first() if fact.kind == kind and not fact.denied), None
        )

    def forget(self, facts: Iterable[Fact]) -> None:
        """Remove facts."""
        for fact in facts:
            self._by_key.pop(fact.key, None)


# Corrections: "no, 4712", "I prefer orange now"

_MEANT = pattern("{MEANT}")
_CORRECTION_OPENER = pattern("{CORRECTION_OPENER}")
_CHANGE = pattern("{CHANGE}")
_PREFERENCE = pattern(r"you (?:now |really |actually )*(?:prefer|like .+ (?:more|better|best|most)\b)")


def find_correction(text: str, clause: str, previous: Fact | None) -> Fact | str | None:
    """Return the earlier fact put right, or a statement to read in its place; None when nothing is corrected.

    "No, it's 4712" after "my order number is 4711" corrects the number.
    """
    if not previous or previous.kind not in SINGLE_KINDS or previous.value not in previous.sentence:
        return None
    known = previous.value
    opener = _CORRECTION_OPENER.match(clause)
    bare = clause[opener.end() :].strip(" .!,") if opener else ""
    bare = re.sub(r"^(?:in|at|from|on) ", "", bare)
    is_alike = (bare[:1].isdigit() and known[:1].isdigit()) or (bare[:1].isupper() and known[:1].isupper())
    if is_alike and len(bare.split()) <= len(known.split()) <= 3 and topics(bare):
        return _replace_value(previous, bare)
    match = _MEANT.fullmatch(text) or _MEANT.search(clause)
    if not match or text.lower().startswith("i am "):
        return None
    value = strip_tail(match[1])
    if previous.denied:
        thing = previous.about or ("name" if previous.kind == "name" else "")
        return f"my {thing} is {value}" if thing else None
    is_unlike = known[:1].isdigit() != value[:1].isdigit() or len(value.split()) > 4
    if is_unlike or (text == clause and not clause.lower().startswith("i mea")):
        return None
    return _replace_value(previous, value)


def _replace_value(fact: Fact, value: str) -> Fact:
    return replace(fact, value=value, sentence=fact.sentence.replace(fact.value, value))


def find_changed_favourite(liked: Fact, clause: str, facts: FactTable) -> Fact | None:
    """Return the favourite that a preference changes: after a favourite colour, "I prefer orange now".

    A thing of unknown kind changes nothing for certain, so both are kept.
    """
    is_change = bool(_CHANGE.search(clause))
    if liked.denied or not (is_change or _PREFERENCE.match(liked.sentence)):
        return None
    kinds = broader_topics(liked.value)
    for fact in facts.newest_first():
        if fact.key[:1] != ("attribute",) or stem("favourite") not in fact.key:
            continue
        if kinds & set(fact.key):
            return _replace_value(fact, re.sub(r"(?i) (?:more|better|best|most)\b.*", "", liked.value))
        if is_change and not kinds and len(words(liked.value)) == 1:
            first = fact.sentence.partition(", and later ")[0].removeprefix("you said ")
            return replace(fact, sentence=f"you said {first}, and later that {liked.sentence}")
    return None


_TAIL = pattern(",? (?:not [^,]+|{FILLER})$")


def strip_tail(value: str) -> str:
    """Return the value without "…, not Bob" and "… by the way"."""
    return _TAIL.sub("", value)
