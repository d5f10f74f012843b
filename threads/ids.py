"""Ids: validation and creation of thread ids, and the time in ids that have one.

An id is stored exactly as given, never trimmed, case-folded or normalised: `"a"` and `"a "` are two
threads. Values that a saver would silently turn into the same text (`1` and `"1"`, `None` and `"None"`)
are rejected.
"""

from __future__ import annotations

import os
import time
import unicodedata
from uuid import UUID

from threads.errors import InvalidThreadId

MAX_LENGTH = 255
UUID_EPOCH_MS = 12_219_292_800_000
"""From 1582-10-15, where the clock of UUID versions 1 and 6 starts, to 1970, in milliseconds."""


def text_of(thread_id: object) -> str:
    """Return the id as text: a str unchanged, a UUID in its usual form. Raises `InvalidThreadId`.

    Accepts every id that can be in a file, whatever program stored it.
    """
    if isinstance(thread_id, UUID):
        return str(thread_id)
    if not isinstance(thread_id, str):
        raise InvalidThreadId(
            thread_id,
            f"it is of type {type(thread_id).__name__}, not str, and would be mixed up with its text",
        )
    try:
        thread_id.encode()
    except UnicodeEncodeError:
        raise InvalidThreadId(thread_id, "it has half of a surrogate pair, which is not text") from None
    return thread_id


def check_new(thread_id: object) -> str:
    """Return the id of a new thread as text. Raises `InvalidThreadId` with the reason."""
    text = text_of(thread_id)
    if not text:
        raise InvalidThreadId(thread_id, "it is empty")
    if len(text) > MAX_LENGTH:
        raise InvalidThreadId(thread_id, f"it has {len(text)} characters, at most {MAX_LENGTH} are allowed")
    for character in text:
        if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            raise InvalidThreadId(thread_id, f"it has the control character U+{ord(character):04X}")
    return text


def new_id() -> str:
    """Return a new UUID version 7 (RFC 9562), which begins with the time: later ids sort later."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10)) >> 6  # 74 bits; `secrets` would load hashes to get them
    value = milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return str(UUID(int=value))


def uuid_milliseconds(checkpoint_id: object) -> int | None:
    """Milliseconds since 1970 of a time-based checkpoint id (UUID version 6); None for any other id."""
    if not isinstance(checkpoint_id, str):
        return None
    try:
        parsed = UUID(checkpoint_id)
    except ValueError:
        return None
    if parsed.version != 6:
        return None
    ticks = (parsed.int >> 80) << 12 | (parsed.int >> 64) & 0x0FFF
    return ticks // 10_000 - UUID_EPOCH_MS
