"""Named SQL: each statement stands in a `.sql` file under `-- name: what_it_does`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

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


def load_all() -> None:
    """Read every file of statements now, for a process that may have no file descriptors left later."""
    for path in FOLDER.glob("*.sql"):
        statements(path.stem)
