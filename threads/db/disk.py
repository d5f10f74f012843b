"""Whether a disk is full: SQLite says so of some writes only, and "disk I/O error" of the others."""

from __future__ import annotations

import errno
from pathlib import Path

NEEDED = 64 * 1024
"""Bytes that opening a database takes beside it: the index of its write-ahead log, and a page of the log."""
NO_ROOM = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def is_full(path: str | Path) -> bool:
    """Whether there is no room for another file beside `path`, by writing one that disappears at once."""
    import tempfile  # not needed by a list

    folder = Path(path).parent
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            probe.write(bytes(NEEDED))
            return probe.tell() < NEEDED
    except OSError as error:
        return error.errno in NO_ROOM
