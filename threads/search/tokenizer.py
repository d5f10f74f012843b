"""The tokenizer: how texts become tokens of the word index, and text of the trigram index.

Folding is done here and not by SQLite's tokenizer, whose Unicode tables are those of 2012: case and
diacritics are folded and compatibility forms unified by the Unicode of Python. The index gets the
finished tokens (its tokenizer `ascii` takes them as they are), so a match can be evaluated in plain
Python as well. A character of a script without spaces (Chinese, Japanese, Thai, ...) is a token of its
own, and so is a Korean syllable, because words are composed there without spaces, and a symbol: `C++` and
an emoji can be found.

What is invisible does not count: Unicode's default-ignorable code points (soft hyphen, joiners, zero-width
space, direction marks) neither end a word nor belong to it. A text that can be spelled in a second way is
indexed in both: `Müllheim` as `mullheim` and as `muellheim`, and a word with a zero-width non-joiner or
space as one word and as two. A query has its second spelling too, so `Müllheim` also matches `Muellheim`; a
query without umlauts has none, so that `blue` never means `blu`, nor `dull` a `Duell`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

MAX_TOKEN_LENGTH = 64
"""Characters of a token that count."""
SYMBOLS = "#@&%_*/\\"
"""Punctuation that is a token; all symbols of Unicode are, too."""
FIRST_ENCODED = 0xE000
"""ASCII symbols, which SQLite's tokenizer would drop, are moved into the private use area from here on."""
UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3005, 0x3007),
    (0x3021, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),
    (0xAC00, 0xD7A3), (0x20000, 0x3FFFF),
)  # fmt: skip
"""Thai, Lao, Burmese, Khmer, kana, Han and Korean syllables: first and last code points."""
CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), " ")
LETTERS = str.maketrans({
    "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ŧ": "t", "ı": "i",
})  # fmt: skip
"""Letters that are typed without the stroke or as two, and that Unicode does not decompose."""
IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Unicode's Default_Ignorable_Code_Point, as a character class: what is not displayed."""
IS_IGNORABLE = re.compile(f"[{IGNORABLE}]")
MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0487"
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    f"\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed{IGNORABLE}]"
)
"""Diacritics, the points of Hebrew and Arabic, and what is not displayed; other marks distinguish words."""
RESPELLED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "\u200b": " ", "\u200c": " "}
)
"""The second spelling of letters (German, Danish), and of the two invisible characters between words."""
HAS_RESPELLED = re.compile("[äöüøåÄÖÜØÅ\u0308\u030a\u200b\u200c]")
SECOND_SPELLING = "\ue000"
"""Between the two spellings in an index; no query has it as a token."""
FOLDING = CONTROLS | LETTERS
ASCII_TOKEN = re.compile(r"[A-Za-z0-9]+|[$+<=>^`|~#@&%_*/\\]")
"""The tokens of a text in ASCII."""
ASCII_SYMBOL = re.compile(r"[^A-Za-z0-9 ]")
LONG_TOKEN = re.compile(rf"[A-Za-z0-9]{{{MAX_TOKEN_LENGTH + 1}}}")
ENCODINGS = {code: FIRST_ENCODED + code for code in map(ord, "$+<=>^`|~" + SYMBOLS)}


class SearchToken(NamedTuple):
    """A token, and its place in the text."""

    text: str
    start: int
    end: int


def tokens(text: str, *, respelled: bool = False) -> Iterator[SearchToken]:
    """The tokens of `text` in their order; `respelled`: in its second spelling."""
    if text.isascii():
        for found in ASCII_TOKEN.finditer(text):
            yield SearchToken(_encode(found[0].lower()), found.start(), found.end())
        return
    for start, end in _spans(text):
        piece = text[start:end]
        folded = fold((respell(piece) or piece) if respelled else piece)
        for first, last in _spans(folded):
            yield SearchToken(_encode(folded[first:last]), start, end)


def respell(text: str) -> str | None:
    """`text` in its second spelling, None where there is none: `Müllheim` as `muellheim`."""
    if text.isascii() or not HAS_RESPELLED.search(text):
        return None
    composed = unicodedata.normalize("NFC", text.casefold())
    respelled = composed.translate(RESPELLED)
    return None if respelled == composed else respelled


def spellings(text: str) -> tuple[str, ...]:
    """`text`, and its second spelling if it has one."""
    respelled = respell(text)
    return (text,) if respelled is None else (text, respelled)


def fts_text(text: str) -> str:
    """`text` in the form of the word index: its tokens, separated by spaces, in all spellings."""
    if text.isascii():
        return query_words(text)
    return f" {SECOND_SPELLING} ".join(map(query_words, spellings(text)))


def query_words(text: str) -> str:
    """The tokens of `text`, separated by spaces, as it is spelled."""
    if text.isascii():  # the same as below, at a fifth of the time
        words = ASCII_TOKEN.findall(text.lower())
        if LONG_TOKEN.search(text):
            words = [word[:MAX_TOKEN_LENGTH] for word in words]
        joined = " ".join(words)
        return joined.translate(ENCODINGS) if ASCII_SYMBOL.search(joined) else joined
    return " ".join(token.text for token in tokens(text))


@cache
def _kind(character: str) -> str:
    """`w` in a word, `c` a word by itself, `i` what is invisible, nothing between words."""
    code, category = ord(character), unicodedata.category(character)
    if IS_IGNORABLE.match(character):
        return "i"
    if category[0] == "S" or character in SYMBOLS or any(first <= code <= last for first, last in UNSPACED):
        return "" if category[0] in "ZCP" and character not in SYMBOLS else "c"
    return "w" if category[0] in "LNM" else ""


def _spans(text: str) -> Iterator[tuple[int, int]]:
    start, end = None, 0
    for index, character in enumerate(text):
        kind = _kind(character)
        if kind == "w":
            start, end = index if start is None else start, index + 1
        elif kind != "i":
            if start is not None:
                yield start, end
                start = None
            if kind:
                yield index, index + 1
    if start is not None:
        yield start, end


def _encode(token: str) -> str:
    if len(token) == 1 and token.isascii() and not token.isalnum():
        return chr(FIRST_ENCODED + ord(token))
    return token[:MAX_TOKEN_LENGTH]


def decode_symbol(token: str) -> str:
    """A token as it is in a folded text."""
    code = ord(token[0]) - FIRST_ENCODED
    return chr(code) if len(token) == 1 and 0 < code < 128 else token


def fold(text: str) -> str:
    """`text` without case, diacritics, invisible and control characters, compatibility forms unified."""
    if text.isascii():
        lower = text.lower()
        return lower if lower.isprintable() else lower.translate(CONTROLS)
    apart = unicodedata.normalize("NFKD", text.casefold())
    whole = unicodedata.normalize("NFKC", MARKS.sub("", apart))
    return whole.casefold().translate(FOLDING)


def trigram_text(text: str) -> str:
    """`text` in the form of the trigram index: folded, with single spaces, in all spellings."""
    return f" {SECOND_SPELLING} ".join(map(query_substring, spellings(text)))


def query_substring(text: str) -> str:
    """`text` folded, with single spaces, as it is spelled."""
    return " ".join(fold(text).split())


def positions(found: Sequence[SearchToken], wanted: Sequence[str], *, prefix: bool) -> Iterator[int]:
    """The indexes at which `wanted` begins in `found`; `prefix`: the last token matches as a prefix."""
    *whole, last = wanted
    for index in range(len(found) - len(wanted) + 1):
        if all(found[index + number].text == word for number, word in enumerate(whole)):
            there = found[index + len(whole)].text
            if there == last or (prefix and there.startswith(last)):
                yield index
