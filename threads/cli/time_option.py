"""Times as people type them, as a type of option."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any

import click

from threads.durations import moment_of


class TimeType(click.ParamType[datetime]):
    """A time: so long ago, or a date or time in ISO 8601; without a zone it is in `zone`, or local (None)."""

    name = "when"

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return moment_of(value, datetime.now(UTC), self._zone)
        except ValueError as error:
            self.fail(str(error), parameter, context)
