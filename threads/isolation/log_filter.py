"""LangChain logs a warning for each turn that the audit lets fail: they are left out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

LOGGER = "langchain_core.callbacks.manager"


def _is_no_failure_of_ours(record: logging.LogRecord) -> bool:
    return "FailedOnPurpose" not in record.getMessage()


@contextmanager
def quiet() -> Iterator[None]:
    """Leave those warnings out; all others are logged as ever."""
    logger = logging.getLogger(LOGGER)
    logger.addFilter(_is_no_failure_of_ours)
    try:
        yield
    finally:
        logger.removeFilter(_is_no_failure_of_ours)
