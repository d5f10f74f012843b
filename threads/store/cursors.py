"""Cursors of pages: the place of the last item in a list's order, sealed.

A page after a cursor neither skips nor repeats an item while others are active. The place tells how much
other users do, so it is sealed (`threads.db.seals`), bound to one kind of list and to whose list it is;
and numbers have a fixed width, because the length of a sealed text can be seen.
"""

from __future__ import annotations

import json
from typing import Literal

from threads.db.queries import to_json
from threads.db.seals import Seals

Kind = Literal["list", "search", "runs"]


class CursorCodec:
    """Encodes and decodes the cursors of one kind of list; `scope`: the owner, or the thread, of the list."""

    def __init__(self, seals: Seals, kind: Kind, scope: str | None) -> None:
        self._seals = seals
        self._purpose = (kind, scope)

    def encode(self, *place: str | int) -> str:
        """The cursor for what comes after this place."""
        fields = [f"{each:020d}" if isinstance(each, int) else each for each in place]
        return self._seals.seal(self._purpose, to_json(fields))

    def decode(self, cursor: str) -> list[str]:
        """The fields of the place, numbers as digits; raises `InvalidCursor` for a cursor of another list."""
        place: list[str] = json.loads(self._seals.open(self._purpose, cursor))
        return place
