"""Thread ids: which are accepted, and new ones.

An id is kept exactly as given, never trimmed, folded or normalised: `"a"` and `"a "` are two
threads. What a saver would silently turn into the same text (`1` and `"1"`, `None` and `"None"`)
is refused.
"""

from __future__ import annotations

import os
import time
import unicodedata
from uuid import UUID

from threads.errors import InvalidThreadId

LONGEST = 255


def text_of(thread_id: object) -> str:
    """The id as text: a str as it is, a UUID in its usual form; `InvalidThreadId` for anything else.

    Good for every id that may stand in a file, however it came there.
    """
    if isinstance(thread_id, UUID):
        return str(thread_id)
    if not isinstance(thread_id, str):
        raise InvalidThreadId(
            thread_id, f"it is a {type(thread_id).__name__}, not a str, and would be mixed up with its text"
        )
    try:
        thread_id.encode()
    except UnicodeEncodeError:
        raise InvalidThreadId(thread_id, "it holds half of a surrogate pair, which is no text") from None
    return thread_id


def check_new(thread_id: object) -> str:
    """The id as text, if a new thread may have it; otherwise `InvalidThreadId` says why."""
    text = text_of(thread_id)
    if not text:
        raise InvalidThreadId(thread_id, "it is empty")
    if len(text) > LONGEST:
        raise InvalidThreadId(thread_id, f"it has {len(text)} characters, at most {LONGEST} are allowed")
    for character in text:
        if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            raise InvalidThreadId(thread_id, f"it holds the control character U+{ord(character):04X}")
    return text


def new_id() -> str:
    """A UUID version 7 (RFC 9562): time first, so that ids made later sort later."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10)) >> 6  # 74 bits; `secrets` would load hashes to get them
    value = milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return str(UUID(int=value))
