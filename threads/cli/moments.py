"""Times as people type them, as a type of option."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from threads.registry.when import moment_of


class Moment(click.ParamType[datetime]):
    """A time: so long ago, or a date or time in ISO 8601; without a zone it is meant as here."""

    name = "when"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return moment_of(value, datetime.now(UTC))
        except ValueError as error:
            self.fail(str(error), parameter, context)
