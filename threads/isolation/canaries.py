"""Canary words: sent by one user, searched for in the data of all others.

A canary word has a shape that no language contains by chance and that a model repeats unchanged, so one
pattern finds all of them in any text, blob or row. A table says which participant owns a word.
"""

from __future__ import annotations

import random
import re

SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmnprtv" for vowel in "aeiou")
PATTERN = re.compile(rf"zuq(?:{'|'.join(SYLLABLES)}){{4}}", re.IGNORECASE)
BYTES_PATTERN = re.compile(PATTERN.pattern.encode(), re.IGNORECASE)
EXCERPT_MARGIN = 40
"""Characters of an excerpt before and after a canary word."""


class CanaryWords:
    """A generator of canary words for `purpose`. A seed gives the same words whatever other purposes draw."""

    def __init__(self, seed: int, purpose: str = "") -> None:
        self._random = random.Random(f"{seed} {purpose}")
        self._drawn: set[str] = set()

    def draw(self) -> str:
        """Return a new word, capitalized."""
        while True:
            word = "Zuq" + "".join(self._random.choices(SYLLABLES, k=4))
            if word not in self._drawn:
                self._drawn.add(word)
                return word


def find_canaries(text: str) -> dict[str, str]:
    """Return the canary words in `text`, capitalized, each with an excerpt around its first occurrence."""
    found: dict[str, str] = {}
    for match in PATTERN.finditer(text):
        excerpt = text[max(0, match.start() - EXCERPT_MARGIN) : match.end() + EXCERPT_MARGIN]
        found.setdefault(match[0].capitalize(), excerpt)
    return found


def find_canaries_in_bytes(blob: bytes) -> dict[str, str]:
    """Return the canary words in a stored blob of any format, like `find_canaries`."""
    found: dict[str, str] = {}
    for match in BYTES_PATTERN.finditer(blob):
        excerpt = blob[max(0, match.start() - EXCERPT_MARGIN) : match.end() + EXCERPT_MARGIN]
        found.setdefault(match[0].decode().capitalize(), excerpt.decode("utf-8", "replace"))
    return found
