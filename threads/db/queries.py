"""Named SQL, and how values are stored.

Each statement is in a `.sql` file under `-- name: what_it_does`, after a line of description.

Statements are only run with bound values; lists are bound as JSON (`to_json`) and read with `json_each`.
Parts in braces are filled with other statements of these files, never with values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

FOLDER = Path(__file__).parent / "sql"
NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
COMMENT = re.compile(r"^--.*$", re.MULTILINE)


@cache
def statements(file: str) -> Mapping[str, str]:
    """The statements of `sql/<file>.sql` by name."""
    text = (FOLDER / f"{file}.sql").read_text(encoding="utf-8")
    _, *parts = NAME.split(text)
    texts = [COMMENT.sub("", part).strip() for part in parts[1::2]]
    return MappingProxyType(dict(zip(parts[::2], texts, strict=True)))


def to_json(value: Any) -> str:
    """JSON as it is stored and compared: compact, not escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def load_all() -> None:
    """Read every file of statements now, for a process that may have no file descriptors left later."""
    for path in FOLDER.glob("*.sql"):
        statements(path.stem)


def moment(milliseconds: int | None) -> datetime | None:
    """Return a stored time, in milliseconds since 1970, as a `datetime` in UTC."""
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def milliseconds(moment: datetime | None) -> int | None:
    """Return a `datetime` as it is stored: in milliseconds since 1970."""
    return None if moment is None else round(moment.timestamp() * 1000)
