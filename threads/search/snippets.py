"""The piece of a text around what was found in it, in one line, and where in it the finds stand."""

from __future__ import annotations

from collections.abc import Iterator

from threads.search.query import Query
from threads.search.tokenizer import decode_symbol, fold, tokens

LENGTH = 120
"""Characters of a snippet, about."""
BEFORE = 40
"""Of them, at most so many before the first find."""
LOOK_AT = 20_000
"""Characters of a text that are looked at together; a long one is read no further than it must be."""
OVERLAP = 2000
"""Of them, so many are looked at again with those that follow; twice what a search may be long."""


def snippet(text: str, query: Query) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A piece of `text` in one line, and the places of the finds in it: first character and the one after.

    A find that is longer than the piece is cut where that ends.
    """
    line = " ".join(text.split())
    places = _first_places(line, query)
    if len(line) <= LENGTH:
        return line, tuple(places)
    first, last = places[0] if places else (0, 0)
    room = max(0, LENGTH - (last - first))
    start = max(0, min(first - min(BEFORE, room // 2), len(line) - LENGTH))
    if start:
        space = line.find(" ", start, max(first, start))
        start = start if space < 0 else space + 1
    end = min(len(line), start + LENGTH)
    if end < len(line):
        whole = (last for _, last in places if last <= end)
        space = line.rfind(" ", max(start, first + 1, *whole), end)
        end = end if space < 0 else space
    before, after = "…" if start else "", "…" if end < len(line) else ""
    moved = len(before) - start
    shown = tuple((max(a, start) + moved, min(b, end) + moved) for a, b in places if a < end and b > start)
    return before + line[start:end] + after, shown


def _first_places(line: str, query: Query) -> list[tuple[int, int]]:
    """The places of the finds in the first stretch of the line that has any: as words, else as parts."""
    words = [decode_symbol(term.words[0]) for term in query.terms if term.words]
    parts = [term.substring for term in query.terms if term.substring]
    for finds, wanted in ((_words, words), (_parts, parts)):
        for start, stretch in _stretches(line):
            folded = fold(stretch)  # it costs little, and there is mostly nothing
            spans = finds(stretch, query) if any(each in folded for each in wanted) else []
            if start + len(stretch) < len(line):  # what goes on after the end is found in the next one
                spans = [span for span in spans if span[1] < len(stretch)]
            if spans:
                return _merged([(first + start, last + start) for first, last in spans])
    return []


def _stretches(line: str) -> Iterator[tuple[int, str]]:
    """The line piece by piece, each from the beginning of a word where there are spaces, and its place."""
    start = 0
    while True:
        yield start, line[start : start + LOOK_AT]
        following = start + LOOK_AT
        if following >= len(line):
            return
        space = line.find(" ", following - OVERLAP, following)
        start = following - OVERLAP if space < 0 else space + 1


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The places in order, none overlapping."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _words(line: str, query: Query) -> list[tuple[int, int]]:
    """Where the terms stand as words in a row."""
    found = list(tokens(line))
    return [
        (found[place].start, found[place + len(term.words) - 1].end)
        for term in query.terms
        for place in term.find(found)
    ]


def _parts(line: str, query: Query) -> list[tuple[int, int]]:
    """Where they stand inside of words. Folding may change lengths, so each character is folded alone."""
    folded, origin = "", []
    for place, character in enumerate(line):
        piece = fold(character)
        folded += piece
        origin += [place] * len(piece)
    return [
        (origin[at], origin[at + len(term.substring) - 1] + 1)
        for term in query.terms
        if term.substring
        for at in _all_of(term.substring, folded)
    ]


def _all_of(part: str, text: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + len(part))
