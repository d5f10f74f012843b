"""What a person types into a search: words, phrases in quotes, and operators such as `tag:vip`.

Any text is a search; only an operator with a value it cannot have is refused, by name, and quotes
make it text: `"is:this"`. A word matches where a word begins with it, words in quotes where they stand
in a row. Where nothing at all begins so, the same text is looked for as a part of words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, get_args
from unicodedata import is_normalized

from threads.durations import moment_of
from threads.errors import InvalidValue
from threads.models import Role
from threads.search.index import TITLE
from threads.search.tokenizer import Token, fold, indexed, positions, signs_of, squeezed
from threads.store.validation import checked_name

OPERATORS = "tag|agent|owner|is|before|after|role"
PART = re.compile(rf'(?:({OPERATORS}):)?(?:"([^"]*)"|(\S+))')
LONGEST = 1000
"""Characters of a search that are looked at."""
SHORTEST_PART = 3
"""Characters that a part of a word must have to be looked for: the index holds no shorter ones."""
MOST_TRIGRAMS = 6
"""Strings of three characters that are all asked for; of more every second one, for each costs a walk."""
USUAL_LENGTH = 30
"""Words of a message that is neither long nor short."""
STATES = ("pinned", "archived")


@dataclass(frozen=True)
class Term:
    """One thing that has to be there."""

    text: str
    exact: bool
    """Whether it stood in quotes."""

    @cached_property
    def words(self) -> list[str]:
        """Its tokens, which have to stand in a row."""
        return indexed(self.text).split()

    @property
    def length(self) -> int:
        """Characters of its words: the more, the fewer texts have it, mostly."""
        return len("".join(self.words))

    @property
    def is_prefix(self) -> bool:
        """Whether its last word may go on."""
        return not self.exact

    @cached_property
    def part(self) -> str:
        """What is looked for inside of words; empty if that is too short."""
        folded = squeezed(self.text)
        return folded if len(folded) >= SHORTEST_PART else ""

    def places(self, found: Sequence[Token]) -> Iterator[int]:
        """Where it begins in these tokens."""
        return positions(found, self.words, prefix=self.is_prefix) if self.words else iter(())

    def is_in(self, words: str) -> bool:
        """Whether it stands in these words, as the index has them."""
        return f" {' '.join(self.words)}{'' if self.is_prefix else ' '}" in f" {words} "


@dataclass(frozen=True)
class Query:
    """A search as it is meant."""

    terms: tuple[Term, ...] = ()
    filters: dict[str, Any] = field(default_factory=dict)
    """Of threads, by the names that `list` has for them."""
    role: Role | None = None
    before: datetime | None = None
    after: datetime | None = None

    @cached_property
    def words(self) -> str | None:
        """What the word index is asked; None where there are no words. Lonely signs do not count."""
        return asked_of(self.terms)

    @cached_property
    def parts(self) -> str | None:
        """What the index of parts is asked; None where no term is long enough for it."""
        step = 1 if sum(len(term.part) - 2 for term in self.terms if term.part) <= MOST_TRIGRAMS else 2
        return parts_of(self.terms, step)

    @cached_property
    def solid(self) -> tuple[str, ...]:
        """What is looked for inside of words and has no space in it."""
        return tuple(term.part for term in self.terms if " " not in term.part)

    @cached_property
    def short(self) -> tuple[Term, ...]:
        """The terms that are too short to be looked for inside of words, so that they are words still."""
        return tuple(term for term in self.terms if term.words and not term.part)

    @cached_property
    def signs(self) -> tuple[str, ...]:
        """Its words, as they stand in a folded text."""
        return tuple(signs_of(word) for term in self.terms for word in term.words)

    def in_words(self, text: str) -> bool:
        """Whether `text` has all of it in its words."""
        if text.isascii() or is_normalized("NFKC", text):  # nothing comes together across its tokens
            folded = fold(text)
            if any(sign not in folded for sign in self.signs):
                return False  # as below, at a tenth of the time
        words = indexed(text)
        return self.words is not None and all(term.is_in(words) for term in self.terms if term.words)

    def rank(self, text: str, role: str) -> float:
        """How well `text` fits, the lower the better: often, as whole words, in few words, in a title."""
        words = f" {indexed(text)} "
        length = 0.25 + 0.75 * words.count(" ") / USUAL_LENGTH
        score = 0.0
        for term in self.terms:
            wanted = " ".join(term.words)
            found = words.count(f" {wanted}") + words.count(f" {wanted} ") if wanted else 0
            score += found * 2.2 / (found + 1.2 * length)
        return -score * (2 if role == TITLE else 1)

    def in_parts(self, text: str) -> bool:
        """Whether `text` has all of it inside of its words; what is too short for that, as words."""
        if text.isascii() and any(part not in text.lower() for part in self.solid):
            return False  # as below, at a tenth of the time
        folded = squeezed(text)
        if not all(term.part in folded for term in self.terms):
            return False
        words = indexed(text) if self.short else ""
        return all(term.is_in(words) for term in self.short)


def asked_of(terms: Iterable[Term]) -> str | None:
    """What the word index is asked for all of these; None where there are no words."""
    asked = [f'"{" ".join(term.words)}"{" *" if term.is_prefix else ""}' for term in terms if term.words]
    return " AND ".join(asked) or None


def parts_of(terms: Iterable[Term], step: int) -> str | None:
    """What the index of parts is asked for all of these, by every `step`-th trigram; None for nothing."""
    asked = dict.fromkeys(trigram for term in terms for trigram in trigrams(term.part, step))
    return " AND ".join(f'"{trigram}"' for trigram in asked) or None


def trigrams(part: str, step: int = 1) -> list[str]:
    """Strings of three characters that cover `part`, every `step`-th and the last, quoted for the index."""
    last = len(part) - 3
    found = (part[start : start + 3] for start in (*range(0, last, step), last) if part)
    return [each.replace('"', '""') for each in dict.fromkeys(found)]


def parsed(text: object, now: datetime) -> Query:
    """The search that `text` stands for; `InvalidValue` names an operator with a value it cannot have."""
    if not isinstance(text, str):
        raise InvalidValue("text", f"a str is needed, not {text!r}")
    text = text.encode(errors="replace").decode()[:LONGEST]
    terms: list[Term] = []
    operators: list[tuple[str, str]] = []
    for operator, quoted, plain in PART.findall(text):
        if operator:
            operators.append((operator, quoted or plain))
        elif quoted or plain.strip('"'):
            terms.append(Term(quoted or plain, bool(quoted)))
    return Query(tuple(dict.fromkeys(terms)), **_told(operators, now))


def _told(operators: Sequence[tuple[str, str]], now: datetime) -> dict[str, Any]:
    told: dict[str, Any] = {}
    filters: dict[str, Any] = {}
    for operator, value in operators:
        if operator == "tag":
            filters["tag"] = (*filters.get("tag", ()), value)
        elif operator in ("agent", "owner"):
            _once(filters, "agent_id" if operator == "agent" else operator, _name(operator, value))
        elif operator == "is":
            filters[_one_of("is", value, STATES)] = True
        elif operator == "role":
            _once(told, "role", _one_of("role", value, get_args(Role)))
        else:
            _once(told, operator, _moment(operator, value, now))
    return {**told, "filters": filters}


def _name(operator: str, value: str) -> str | None:
    try:
        return checked_name(operator, value)
    except InvalidValue as error:
        raise InvalidValue("text", f"{error.field}: {error.reason}") from None


def _once(told: dict[str, Any], name: str, value: Any) -> None:
    if told.setdefault(name, value) != value:
        raise InvalidValue("text", f"it says {name} twice, and not the same")


def _one_of(operator: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        known = " or ".join(f"{operator}:{each}" for each in allowed)
        reason = f'{operator}:{value} is not {known}; quotes make it text: "{operator}:..."'
        raise InvalidValue("text", reason)
    return value


def _moment(operator: str, value: str, now: datetime) -> datetime:
    try:
        return moment_of(value, now)
    except ValueError as error:
        raise InvalidValue("text", f'{operator}: {error}; quotes make it text: "{operator}:..."') from None
