"""The piece of a text around what was found in it, in one line, and where in it the finds stand."""

from __future__ import annotations

from threads.database.words import fold, tokens
from threads.registry.query import Query, Term

LENGTH = 120
"""Characters of a snippet, about."""
BEFORE = 40
"""Of them, at most so many before the first find."""
LOOK_AT = 20_000
"""Characters of a text that finds are looked for in."""


def snippet(text: str, query: Query) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A piece of `text` in one line, and the places of the finds in it: first character and the one after."""
    line = " ".join(text[:LOOK_AT].split())
    places = _places(line, query)
    if len(line) <= LENGTH:
        return line, tuple(places)
    first = places[0][0] if places else 0
    start = max(0, min(first - BEFORE, len(line) - LENGTH))
    if start:
        space = line.find(" ", start, max(first, start))
        start = start if space < 0 else space + 1
    end = min(len(line), start + LENGTH)
    if end < len(line):
        space = line.rfind(" ", max(start, *(last for _, last in places if last <= end), start), end)
        end = end if space < 0 else space
    before, after = "…" if start else "", "…" if end < len(line) else ""
    moved = len(before) - start
    shown = tuple((a + moved, b + moved) for a, b in places if a >= start and b <= end)
    return before + line[start:end] + after, shown


def _places(line: str, query: Query) -> list[tuple[int, int]]:
    """The places of the finds, in order, none overlapping."""
    found = list(tokens(line))
    spans = [
        (found[place].start, found[place + len(term.words) - 1].end)
        for term in query.terms
        for place in term.places(found)
    ]
    spans += [span for term in query.terms for span in _parts(line, term)] if not spans else []
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _parts(line: str, term: Term) -> list[tuple[int, int]]:
    """Where it stands inside of words. Folding may change lengths, so each character is folded alone."""
    if not term.part:
        return []
    folded, origin = "", []
    for place, character in enumerate(line):
        piece = fold(character)
        folded += piece
        origin += [place] * len(piece)
    spans, at = [], folded.find(term.part)
    while at >= 0:
        spans.append((origin[at], origin[at + len(term.part) - 1] + 1))
        at = folded.find(term.part, at + len(term.part))
    return spans
