"""Snippets: the part of a text around the first matches, in one line, and the spans of the matches in it."""

from __future__ import annotations

from collections.abc import Iterator

from threads.graphemes import is_boundary
from threads.search.query import Query
from threads.search.tokenizer import decode_symbol, fold, respell, spellings, tokens

MAX_LENGTH = 120
"""Characters of a snippet, at most, without ellipses."""
MAX_BEFORE = 40
"""Characters of it before the first match, at most."""
STRETCH = 20_000
"""Characters of a text that are searched at a time; a long text is searched up to its first match."""
OVERLAP = 2000
"""Characters of a stretch that are searched again with the next; twice the longest query."""


def snippet(text: str, query: Query) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The snippet of `text`, and the matches in it: index of the first character and of the one after.

    A match that is longer than the snippet is cut.
    """
    line = " ".join(text.split())
    spans = _first_matches(line, query)
    if len(line) <= MAX_LENGTH:
        return line, tuple(spans)
    first, last = spans[0] if spans else (0, 0)
    room = max(0, MAX_LENGTH - (last - first))
    start = max(0, min(first - min(MAX_BEFORE, room // 2), len(line) - MAX_LENGTH))
    if start:
        space = line.find(" ", start, max(first, start))
        start = start if space < 0 else space + 1
    end = min(len(line), start + MAX_LENGTH)
    if end < len(line):
        whole = (last for _, last in spans if last <= end)
        space = line.rfind(" ", max(start, first + 1, *whole), end)
        end = end if space < 0 else space
    while not is_boundary(line, start):
        start -= 1
    while not is_boundary(line, end):
        end += 1
    before, after = "…" if start else "", "…" if end < len(line) else ""
    moved = len(before) - start
    shown = tuple((max(a, start) + moved, min(b, end) + moved) for a, b in spans if a < end and b > start)
    return before + line[start:end] + after, shown


def _first_matches(line: str, query: Query) -> list[tuple[int, int]]:
    """The matches in the first stretch of the line that has any: as words, else as substrings."""
    words = [decode_symbol(spelled[0]) for term in query.terms for spelled in term.spelled if spelled]
    substrings = [each for term in query.terms for each in term.substrings if each]
    for find, wanted in ((_word_matches, words), (_substring_matches, substrings)):
        for start, stretch in _stretches(line):
            folded = "".join(map(fold, spellings(stretch)))  # cheap, and mostly there is no match
            spans = find(stretch, query) if any(each in folded for each in wanted) else []
            if start + len(stretch) < len(line):  # a match that continues is found in the next stretch
                spans = [span for span in spans if span[1] < len(stretch)]
            if spans:
                return _merged([(first + start, last + start) for first, last in spans])
    return []


def _stretches(line: str) -> Iterator[tuple[int, str]]:
    """The stretches of the line with their start, each from the beginning of a word if there are spaces."""
    start = 0
    while True:
        yield start, line[start : start + STRETCH]
        following = start + STRETCH
        if following >= len(line):
            return
        space = line.find(" ", following - OVERLAP, following)
        start = following - OVERLAP if space < 0 else space + 1


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, none overlapping."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _word_matches(line: str, query: Query) -> list[tuple[int, int]]:
    """Where the terms match tokens, in either spelling of the line."""
    rows = [list(tokens(line))]
    if respell(line) is not None:
        rows.append(list(tokens(line, respelled=True)))
    return [
        (found[first].start, found[last].end)
        for found in rows
        for term in query.terms
        for first, last in term.find(found)
    ]


def _substring_matches(line: str, query: Query) -> list[tuple[int, int]]:
    """Where the terms match substrings, in either spelling of the line."""
    found = []
    for respelled in (False, True) if respell(line) is not None else (False,):
        folded, origin = _folded_with_origin(line, respelled)
        for wanted in (each for term in query.terms for each in term.substrings if each):
            places = _find_all(wanted, folded)
            found += [(origin[at], origin[at + len(wanted) - 1] + 1) for at in places]
    return found


def _folded_with_origin(line: str, respelled: bool) -> tuple[str, list[int]]:
    """The folded line, and the index in `line` that each of its characters comes from.

    Folding may change lengths, so each character is folded alone.
    """
    folded, origin = "", []
    for place, character in enumerate(line):
        piece = fold((respell(character) or character) if respelled else character)
        folded += piece
        origin += [place] * len(piece)
    return folded, origin


def _find_all(part: str, text: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + len(part))
