"""Times as people type them: `7d`, `2h`, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

AGO = re.compile(r"(\d{1,6})([mhdw])")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Moment(click.ParamType[datetime]):
    """A time: so long ago, or a date or time in ISO 8601; without a zone it is meant as here."""

    name = "when"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        found = AGO.fullmatch(value)
        try:
            if found:
                return datetime.now(UTC) - timedelta(**{UNITS[found[2]]: int(found[1])})
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError, OSError):
            self.fail(
                f"{value!r} is no time; write 7d, 2h, 30m, 2w, 2026-01-31 or 2026-01-31T12:00Z",
                parameter,
                context,
            )
