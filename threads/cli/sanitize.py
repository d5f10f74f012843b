"""Text that others wrote, made harmless for a terminal and for a line of fields.

Whatever a terminal would obey, or what turns the order of reading, is shown as an escape such as
`\\x1b` instead. It is done character by character, so a control sequence that comes in two pieces
of a stream is caught like one that comes in one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from threads.errors import InvalidValue

UNSAFE = r"\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff"
"""Delete and C1 controls, separators, embeddings, overrides and isolates, annotations, half characters."""
UNSAFE_IN_LINE = rf"[\x00-\x1f{UNSAFE}]"
UNSAFE_IN_BLOCK = rf"[\x00-\x08\x0b-\x1f{UNSAFE}]"
"""The same without tab and line feed."""
UNSAFE_IN_JSON = rf"[{UNSAFE}]"
"""What JSON leaves as it is."""
SHORT_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def escape_line(text: str) -> str:
    """`text` in one line without anything that acts, for a table's cell or one of several fields."""
    if text.isprintable():  # most are, and the pattern need not be compiled for them
        return text
    return re.sub(UNSAFE_IN_LINE, _escaped, text)


def escape_block(text: str) -> str:
    """`text` without anything that acts, its lines kept; carriage returns are left out."""
    return re.sub(UNSAFE_IN_BLOCK, _escaped, text.replace("\r", ""))


def escape_json(text: str) -> str:
    """JSON without anything that acts; it says the same as before."""
    return re.sub(UNSAFE_IN_JSON, lambda found: f"\\u{ord(found[0]):04x}", text)


def checked_message(text: str) -> str:
    """A message as it was typed or piped; `InvalidValue` where it is empty or not text."""
    if not text.strip():
        raise InvalidValue("message", "it is empty")
    return checked_text("message", text)


def checked_text(what: str, text: str) -> str:
    """`text` as it came in; `InvalidValue` where it could not be read in this terminal's encoding."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidValue(what, "it is not text, or in another encoding than this terminal's") from None
    return text


def encodable(text: str, encoding: str | None) -> str:
    """`text` as it will come out of a stream with this encoding, so that a table is laid out for it."""
    encoding = encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def format_time(moment: datetime | None) -> str:
    """A time as ISO 8601 in UTC, to the second; empty where it is not known."""
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def format_age(moment: datetime | None, now: datetime) -> str:
    """How long ago a time was, as people say it."""
    if moment is None:
        return "?"
    seconds = (now - moment).total_seconds()
    if seconds < 60:
        return "just now"
    for size, unit, most in ((60, "min", 60), (3600, "h", 24), (86400, "day", 14)):
        count = int(seconds // size)
        if count < most:
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''} ago"
    return f"{moment.astimezone():%Y-%m-%d}"


def format_size(count: int) -> str:
    """A number of bytes as people say it; 1 kB is 1000 bytes."""
    if count < 1000:
        return f"{count} byte{'' if count == 1 else 's'}"
    amount, unit = count / 1000, "kB"
    for larger in ("MB", "GB", "TB"):
        if amount >= 999.5:  # it would be rounded to 1000
            amount, unit = amount / 1000, larger
    return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:.0f} {unit}"


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    return SHORT_ESCAPES.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
