"""Later words that change an earlier fact without naming it: "no, 4712", "I prefer orange now"."""

import re
from dataclasses import replace

from agent.offline.facts import Fact, Notebook
from agent.offline.shapes import SINGLE
from agent.offline.tails import without_tail
from agent.offline.text import broader, stem, topics, words

_MEANT = re.compile(
    r"(?:(?:it is|I am|I meant|I mean|make that|should be|it should be|rather)(?: actually| now)* )(.+)",
    re.IGNORECASE,
)
_CORRECTS = re.compile(
    r"(?:(?:no|nope|sorry|oops|wait|actually|rather|or rather|correction|make that|I mean|"
    r"I meant)\b[ ,.!:]*)+",
    re.IGNORECASE,
)
_CHANGES = re.compile(
    r"\b(?:actually|now|instead|these days|nowadays|lately|meanwhile|rather|changed my mind|"
    r"any ?more)\b",
    re.I,
)
_PREFERS = re.compile(r"you (?:now |really |actually )*(?:prefer|like .+ (?:more|better|best|most)\b)", re.I)


def correction(text: str, clause: str, previous: Fact | None) -> Fact | str | None:
    """The earlier fact put right, or a statement to read in its place; None when nothing is corrected.

    "No, it's 4712" after "my order number is 4711" corrects the number.
    """
    if not previous or previous.kind not in SINGLE or previous.value not in previous.sentence:
        return None
    if bare := _bare_correction(clause, previous.value):
        return _with_value(previous, bare)
    match = _MEANT.fullmatch(text) or _MEANT.search(clause)
    if not match or text.lower().startswith("i am "):
        return None
    value = without_tail(match[1])
    if previous.denied:
        known = previous.about or ("name" if previous.kind == "name" else "")
        return f"my {known} is {value}" if known else None
    unlike = previous.value[:1].isdigit() != value[:1].isdigit() or len(value.split()) > 4
    if unlike or (text == clause and not clause.lower().startswith("i mea")):
        return None
    return _with_value(previous, value)


def _bare_correction(clause: str, known: str) -> str | None:
    """The value in "Sorry, 78" after a 77, or in "No, Marvin" after a Martin."""
    opener = _CORRECTS.match(clause)
    value = clause[opener.end() :].strip(" .!,") if opener else ""
    alike = (value[:1].isdigit() and known[:1].isdigit()) or (value[:1].isupper() and known[:1].isupper())
    return value if alike and len(value.split()) <= len(known.split()) <= 3 and topics(value) else None


def _with_value(fact: Fact, value: str) -> Fact:
    return replace(fact, value=value, sentence=fact.sentence.replace(fact.value, value))


def preferred(liked: Fact, clause: str, notebook: Notebook) -> Fact | None:
    """The favourite that a preference changes: after a favourite colour, "I prefer orange now".

    A thing of unknown kind changes nothing for certain, so both are told.
    """
    changes = bool(_CHANGES.search(clause))
    if liked.denied or not (_PREFERS.match(liked.sentence) or changes):
        return None
    kinds = broader(liked.value)
    for fact in notebook.newest_first():
        if fact.key[:1] != ("attribute",) or stem("favourite") not in fact.key:
            continue
        value = re.sub(r"(?i) (?:more|better|best|most)\b.*", "", liked.value)
        if kinds & set(fact.key):
            return _with_value(fact, value)
        if changes and not kinds and len(words(value)) == 1:
            first = fact.sentence.partition(", and later ")[0].removeprefix("you said ")
            return replace(fact, sentence=f"you said {first}, and later that {liked.sentence}")
    return None
