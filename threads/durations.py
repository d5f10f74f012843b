"""Durations and times as text: `7d`, `2h`, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

DURATION = re.compile(r"(\d{1,6})([mhdw])")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
FORMS = "7d, 2h, 30m, 2w, 2026-01-31 or 2026-01-31T12:00Z"


def duration_of(text: str) -> timedelta:
    """Parse a duration such as `30m`, `2h`, `7d` or `2w`. Raises `ValueError`."""
    found = DURATION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is not a duration; write 30m, 2h, 7d or 2w")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def moment_of(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """Parse a duration before `now`, or a date or time in ISO 8601. Raises `ValueError`.

    Without a time zone it is in `zone`, or local (None).
    """
    try:
        if DURATION.fullmatch(text):
            return now - duration_of(text)
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is not a time; write {FORMS}") from None
