"""Canary words: told by one user, looked for everywhere else.

A word has a shape that no language has by chance and that a model repeats as it is, so one pattern finds
all of them in any text, blob or row; whose it is, a table says. Drawn from a seed, never twice.
"""

from __future__ import annotations

import random
import re

SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmnprtv" for vowel in "aeiou")
SHAPE = re.compile(rf"zuq(?:{'|'.join(SYLLABLES)}){{4}}", re.IGNORECASE)
SHAPE_IN_BYTES = re.compile(SHAPE.pattern.encode(), re.IGNORECASE)


class Words:
    """A source of words for `purpose`; the same seed gives the same ones, however much is tried beside it."""

    def __init__(self, seed: int, purpose: str = "") -> None:
        self._random = random.Random(f"{seed} {purpose}")
        self._drawn: set[str] = set()

    def draw(self) -> str:
        """A word that was not drawn before, written like a name."""
        while True:
            word = "Zuq" + "".join(self._random.choices(SYLLABLES, k=4))
            if word not in self._drawn:
                self._drawn.add(word)
                return word


def found_in(text: str) -> dict[str, str]:
    """The words in `text`, as they were drawn, each with the text around its first place."""
    found: dict[str, str] = {}
    for match in SHAPE.finditer(text):
        found.setdefault(match[0].capitalize(), text[max(0, match.start() - 40) : match.end() + 40])
    return found


def found_in_bytes(blob: bytes) -> dict[str, str]:
    """The same for a stored blob, whatever it holds besides."""
    found: dict[str, str] = {}
    for match in SHAPE_IN_BYTES.finditer(blob):
        around = blob[max(0, match.start() - 40) : match.end() + 40]
        found.setdefault(match[0].decode().capitalize(), around.decode("utf-8", "replace"))
    return found
