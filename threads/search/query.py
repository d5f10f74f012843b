"""The query language: words, phrases in quotes, and operators such as `tag:vip`.

Any text is a query; only an operator with an impossible value is refused, by name, and quotes make it
text: `"is:this"`. A word is matched as a prefix of tokens, a phrase as tokens in a row. Where nothing
matches so, the same text is matched as a substring. A term with a second spelling (`Müllheim`: `muellheim`)
matches in either.
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
from threads.search.tokenizer import (
    SECOND_SPELLING,
    SearchToken,
    decode_symbol,
    fold,
    fts_text,
    positions,
    query_substring,
    query_words,
    spellings,
    trigram_text,
)
from threads.store.validation import checked_name

OPERATORS = "tag|agent|owner|is|before|after|role"
TOKEN = re.compile(rf'(?:({OPERATORS}):)?(?:"([^"]*)"|(\S+))')
MAX_LENGTH = 1000
"""Characters of a query that count."""
MIN_SUBSTRING = 3
"""Characters of a substring that can be matched: the index has trigrams only."""
ALL_TRIGRAMS_UP_TO = 6
"""Up to so many trigrams are all looked up; of more every second one, because each costs an index scan."""
AVERAGE_LENGTH = 30
"""Words of a message of average length, for the rank."""
STATES = ("pinned", "archived")


@dataclass(frozen=True)
class Term:
    """A word or phrase that has to match."""

    text: str
    exact: bool
    """Whether it was in quotes."""

    @cached_property
    def words(self) -> list[str]:
        """Its tokens, which have to be in a row."""
        return self.spelled[0]

    @cached_property
    def spelled(self) -> list[list[str]]:
        """Its tokens in each spelling, of which one has to match; the first as it was typed."""
        return [query_words(spelling).split() for spelling in spellings(self.text)]

    @property
    def length(self) -> int:
        """Characters of its tokens: the more, the fewer texts match, mostly."""
        return len("".join(self.words))

    @property
    def is_prefix(self) -> bool:
        """Whether its last token matches as a prefix."""
        return not self.exact

    @property
    def substring(self) -> str:
        """The text to be matched as a substring; empty if it is too short."""
        return self.substrings[0]

    @cached_property
    def substrings(self) -> list[str]:
        """The same in each spelling, of which one has to match."""
        first, *others = map(query_substring, spellings(self.text))
        return [first, *others] if len(first) >= MIN_SUBSTRING else [""]

    def find(self, tokens: Sequence[SearchToken]) -> Iterator[tuple[int, int]]:
        """The indexes of the first and last of the tokens, at each match."""
        for words in filter(None, self.spelled):
            for first in positions(tokens, words, prefix=self.is_prefix):
                yield first, first + len(words) - 1

    @cached_property
    def needles(self) -> tuple[tuple[str, str], ...]:
        """Its tokens in each spelling, in the form of the index: as a prefix, and as whole words."""
        rows = [" ".join(words) for words in self.spelled if words]
        return tuple((f" {row}", f" {row} ") for row in rows)

    def is_in(self, words: str) -> bool:
        """Whether it matches these tokens, in the form of the index (`fts_text`), padded with spaces."""
        form = 0 if self.is_prefix else 1
        return any(needle[form] in words for needle in self.needles)

    def count_in(self, words: str) -> int:
        """How often it matches these tokens, padded with spaces; whole words count twice."""
        found = 0
        for prefix, whole in self.needles:
            found = max(found, words.count(prefix) + words.count(whole))
        return found


@dataclass(frozen=True)
class Query:
    """A parsed query."""

    terms: tuple[Term, ...] = ()
    filters: dict[str, Any] = field(default_factory=dict)
    """Filters of threads, by their names in `Filters`."""
    role: Role | None = None
    before: datetime | None = None
    after: datetime | None = None

    @cached_property
    def word_match(self) -> str | None:
        """The FTS5 query for the word index; None where no term has a token."""
        return word_match(self.terms)

    @cached_property
    def trigram_match(self) -> str | None:
        """The FTS5 query for the trigram index; None where no term is long enough."""
        step = (
            1
            if sum(len(term.substring) - 2 for term in self.terms if term.substring) <= ALL_TRIGRAMS_UP_TO
            else 2
        )
        return trigram_match(self.terms, step)

    @cached_property
    def plain_substrings(self) -> tuple[str, ...]:
        """The substrings that have no space in them and one spelling only."""
        return tuple(
            term.substring for term in self.terms if " " not in term.substring and len(term.substrings) == 1
        )

    @cached_property
    def short_terms(self) -> tuple[Term, ...]:
        """The terms that are too short to be matched as substrings; they are matched as words."""
        return tuple(term for term in self.terms if term.words and not term.substring)

    @cached_property
    def folded_words(self) -> tuple[str, ...]:
        """Its tokens, as they are in a folded text; without those of terms with a second spelling."""
        return tuple(
            decode_symbol(word) for term in self.terms if len(term.spelled) == 1 for word in term.words
        )

    def matches_words(self, text: str) -> bool:
        """Whether all terms match the tokens of `text`."""
        if text.isascii() or is_normalized("NFKC", text):  # nothing comes together across its tokens
            folded = fold(text) if text.isascii() else "".join(map(fold, spellings(text)))
            if any(word not in folded for word in self.folded_words):
                return False  # as below, at a tenth of the time
        words = f" {fts_text(text)} "
        return self.word_match is not None and all(term.is_in(words) for term in self.terms if term.words)

    def rank(self, text: str, role: str) -> float:
        """The rank of a text, lower is better: many matches, of whole words, in a short text, in a title."""
        words = fts_text(text)
        rows = [f" {row} " for row in words.split(f" {SECOND_SPELLING} ")]
        length = 0.25 + 0.75 * rows[0].count(" ") / AVERAGE_LENGTH
        score = 0.0
        for term in self.terms:
            found = max([term.count_in(row) for row in rows])
            score += found * 2.2 / (found + 1.2 * length)
        return -score * (2 if role == TITLE else 1)

    def matches_substrings(self, text: str) -> bool:
        """Whether `text` contains all substrings, and matches the short terms as words."""
        if text.isascii() and any(each not in text.lower() for each in self.plain_substrings):
            return False  # as below, at a tenth of the time
        folded = trigram_text(text)
        if not all(any(each in folded for each in term.substrings) for term in self.terms):
            return False
        words = f" {fts_text(text)} " if self.short_terms else ""
        return all(term.is_in(words) for term in self.short_terms)


def word_match(terms: Iterable[Term]) -> str | None:
    """The FTS5 query for all these terms in the word index; None where there are no tokens."""
    return " AND ".join(_phrase_match(term) for term in terms if term.words) or None


def _phrase_match(term: Term) -> str:
    end = " *" if term.is_prefix else ""
    phrases = [f'"{" ".join(words)}"{end}' for words in term.spelled]
    return phrases[0] if len(phrases) == 1 else f"({' OR '.join(phrases)})"


def trigram_match(terms: Iterable[Term], step: int) -> str | None:
    """The FTS5 query for every `step`-th trigram of these terms; None where all are too short."""
    found: dict[str, None] = {}
    for term in terms:
        spelled = [[f'"{each}"' for each in trigrams(substring, step)] for substring in term.substrings]
        if len(spelled) == 1:
            found |= dict.fromkeys(spelled[0])
        else:
            ways = [f"({' AND '.join(each)})" for each in spelled]
            found[f"({' OR '.join(ways)})"] = None
    return " AND ".join(found) or None


def trigrams(text: str, step: int = 1) -> list[str]:
    """Every `step`-th trigram of `text`, and the last, quoted for FTS5."""
    last = len(text) - 3
    found = (text[start : start + 3] for start in (*range(0, last, step), last) if text)
    return [each.replace('"', '""') for each in dict.fromkeys(found)]


def parse_query(text: object, now: datetime) -> Query:
    """Parse a query; raises `InvalidValue` for an operator with an impossible value."""
    if not isinstance(text, str):
        raise InvalidValue("text", f"a str is needed, not {text!r}")
    text = text.encode(errors="replace").decode()[:MAX_LENGTH]
    terms: list[Term] = []
    operators: list[tuple[str, str]] = []
    for operator, quoted, plain in TOKEN.findall(text):
        if operator:
            operators.append((operator, quoted or plain))
        elif quoted or plain.strip('"'):
            terms.append(Term(quoted or plain, bool(quoted)))
    return Query(tuple(dict.fromkeys(terms)), **_parse_operators(operators, now))


def _parse_operators(operators: Sequence[tuple[str, str]], now: datetime) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    filters: dict[str, Any] = {}
    for operator, value in operators:
        if operator == "tag":
            filters["tag"] = (*filters.get("tag", ()), value)
        elif operator in ("agent", "owner"):
            _set_once(filters, "agent_id" if operator == "agent" else operator, _name(operator, value))
        elif operator == "is":
            filters[_one_of("is", value, STATES)] = True
        elif operator == "role":
            _set_once(fields, "role", _one_of("role", value, get_args(Role)))
        else:
            _set_once(fields, operator, _moment(operator, value, now))
    return {**fields, "filters": filters}


def _name(operator: str, value: str) -> str | None:
    try:
        return checked_name(operator, value)
    except InvalidValue as error:
        raise InvalidValue("text", f"{error.field}: {error.reason}") from None


def _set_once(fields: dict[str, Any], name: str, value: Any) -> None:
    if fields.setdefault(name, value) != value:
        raise InvalidValue("text", f"{name} is given twice with different values")


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
