"""Times as people type them: `7d`, `2h`, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

AGO = re.compile(r"(\d{1,6})([mhdw])")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
FORMS = "7d, 2h, 30m, 2w, 2026-01-31 or 2026-01-31T12:00Z"


def duration_of(text: str) -> timedelta:
    """How long `30m`, `2h`, `7d` or `2w` is; `ValueError` for anything else."""
    found = AGO.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no length of time; write 30m, 2h, 7d or 2w")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def moment_of(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """So long before `now`, or a date or time in ISO 8601; without a zone in `zone`, or as here (None).

    Raises `ValueError` in words.
    """
    try:
        if AGO.fullmatch(text):
            return now - duration_of(text)
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is no time; write {FORMS}") from None
