"""What a run failed with, in parts: every client may see the type of an exception, admins its message."""

from __future__ import annotations

import re

from threads.errors import ThreadsError
from threads.store.runs import Failure

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def failure_of(error: BaseException) -> Failure:
    """Return the parts of an exception, and the sentence that is made of them."""
    type, message = error_type(error), error_message(error)
    text = message if isinstance(error, ThreadsError) else f"{type}: {message}".rstrip(": ")
    return Failure(text or type, type, message)


def error_type(error: BaseException) -> str:
    """Return the name of an exception's class, or where that is no plain identifier, of its nearest base's.

    A class can be made with any name, also with words of a user.
    """
    return next(each.__name__ for each in type(error).__mro__ if IDENTIFIER.fullmatch(each.__name__))


def error_message(error: BaseException) -> str:
    """Return the message of an exception as text that can be stored; empty where `str()` of it raises."""
    try:
        message = str(error)
    except BaseException:  # noqa: BLE001  `__str__` is the agent's code, and the run has to end
        return ""
    return message.encode(errors="replace").decode().strip()
