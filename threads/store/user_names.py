"""Validation of user names: allowed characters, and names that look like another user's.

With the tables of `unicodedata` alone. A name wholly in another script may still look like one in Latin
letters (Cyrillic `асе`, Latin `ace`): detecting those takes Unicode's table of confusables.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from threads.errors import InvalidValue
from threads.store.authorization import LOCAL_READER

ALIKE = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")
"""Scripts with letters that look the same; the names of their letters begin with these words."""
BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters, marks and symbols that show nothing, beside the selectors and what `INVISIBLE` has."""
SELECTORS = ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs")
"""Categories of characters that are invisible, or that only some programs know, except the space itself."""


def check_user_name(name: str, others: Iterable[str]) -> None:
    """Raise `InvalidValue` if the name looks like one of `others`, or contains invisible characters."""
    if hidden := next((each for each in name if _is_hidden(each)), None):
        raise InvalidValue("name", f"the character {_shown(hidden)} cannot be seen; leave it out")
    if name != name.strip(" ") or "  " in name:
        raise InvalidValue("name", "a space at its beginning or end, or next to another, cannot be seen")
    if unicodedata.category(name[0]).startswith("M"):
        raise InvalidValue("name", f"it begins with the mark {_shown(name[0])}, which belongs to a letter")
    if len(scripts := _scripts(name)) > 1:
        mixed = " and ".join(script.capitalize() for script in scripts)
        raise InvalidValue("name", f"it mixes {mixed} letters, some of which look the same; use one script")
    if (key := _key(name)) == _key(LOCAL_READER):
        raise InvalidValue("name", f"{LOCAL_READER!r} is the one without a user; choose another")
    if alike := next((other for other in others if _key(other) == key), None):
        raise InvalidValue("name", f"it looks like the user {alike!r}; choose another")


def _key(name: str) -> str:
    """The same for all names that look alike: composed, without case and invisible characters."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join("".join(each for each in folded if each.isspace() or not _is_hidden(each)).split())


def _is_hidden(letter: str) -> bool:
    return (
        (letter != " " and unicodedata.category(letter) in INVISIBLE)
        or letter in BLANK
        or any(first <= ord(letter) <= last for first, last in SELECTORS)
    )


def _scripts(name: str) -> list[str]:
    """The scripts of its letters, of those in `ALIKE`."""
    letters = filter(str.isalpha, unicodedata.normalize("NFKC", name))
    named = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
    return [script for script in ALIKE if script in named]


def _shown(letter: str) -> str:
    name = unicodedata.name(letter, "")
    return f"U+{ord(letter):04X}{name and ' '}{name}"
