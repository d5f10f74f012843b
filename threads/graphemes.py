"""Grapheme clusters: what a reader sees as one character, for cutting texts (Unicode's annex 29).

The property of Unicode that this needs is not in the standard library; it is derived from the categories
that are, with the exceptions that matter. Where that is unclear two code points belong together.
"""

from __future__ import annotations

import unicodedata

ZERO_WIDTH_JOINER = "\u200d"
EXTENDING = "\u200c\u200d\uff9e\uff9f\u0e33\u0eb3"
"""Joiners, voiced marks of half-width kana, and vowels of Thai and Lao: no marks by their category."""
VIRAMAS = "\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d"
"""Signs of Indic scripts that join the consonants on both sides."""
PREPENDED = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
"""Signs that stand before the number that they enclose."""
MAX_MARKS = 30
"""Marks that are read back from a consonant, to find the sign that joins it."""


def cut(text: str, length: int) -> str:
    """Return the beginning of `text`, at most `length` code points, that ends between two clusters.

    A first cluster that is longer is cut.
    """
    at = length
    while 0 < at < len(text) and not is_boundary(text, at):
        at -= 1
    return text[: at or length]


def is_boundary(text: str, at: int) -> bool:
    """Whether a cluster begins at index `at`."""
    if not 0 < at < len(text):
        return True
    left, right = text[at - 1], text[at]
    if left.isascii() and right.isascii():
        return True
    if _extends(right) or left == ZERO_WIDTH_JOINER or left in PREPENDED:
        return False
    if _is_regional(left) and _is_regional(right):
        before = text[:at]
        return (len(before) - len(before.rstrip(_REGIONAL))) % 2 == 0  # a flag has two
    return not _joins_syllable(left, right) and not _joins_consonants(text, at)


def _extends(character: str) -> bool:
    """Whether it belongs to the character before it: a mark, a skin tone, a tag of a flag."""
    return (
        unicodedata.category(character) in ("Mn", "Me", "Mc")
        or character in EXTENDING
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


_REGIONAL = "".join(map(chr, range(0x1F1E6, 0x1F200)))


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _joins_syllable(left: str, right: str) -> bool:
    """Whether two parts of a Korean syllable belong together: initials, vowels, finals, in this order."""
    follows = {"L": ("L", "V", "LV", "LVT"), "V": ("V", "T"), "LV": ("V", "T"), "T": ("T",), "LVT": ("T",)}
    return _korean(right) in follows.get(_korean(left), ())


def _korean(character: str) -> str:
    if "\uac00" <= character <= "\ud7a3":
        return "LVT" if (ord(character) - 0xAC00) % 28 else "LV"
    for kind, first, last in (
        ("L", "\u1100", "\u115f"), ("V", "\u1160", "\u11a7"), ("T", "\u11a8", "\u11ff"),
        ("L", "\ua960", "\ua97c"), ("V", "\ud7b0", "\ud7c6"), ("T", "\ud7cb", "\ud7fb"),
    ):  # fmt: skip
        if first <= character <= last:
            return kind
    return ""


def _joins_consonants(text: str, at: int) -> bool:
    """Whether a sign before `at` joins the consonant at it with the one before."""
    if unicodedata.category(text[at]) != "Lo":
        return False
    for character in reversed(text[max(0, at - MAX_MARKS) : at]):
        if character in VIRAMAS:
            return True
        if not _extends(character):
            return False
    return False
