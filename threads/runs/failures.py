"""What a run failed with, in parts: everybody may see the type of an exception, admins its message."""

from __future__ import annotations

import re

from threads.errors import ThreadsError
from threads.store.runs import Failure

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def failure_of(error: BaseException) -> Failure:
    """The parts of an exception, and the sentence that is made of them."""
    type, message = type_of(error), message_of(error)
    text = message if isinstance(error, ThreadsError) else f"{type}: {message}".rstrip(": ")
    return Failure(text or type, type, message)


def type_of(error: BaseException) -> str:
    """The name of an exception's class, or where that is no plain identifier, of the nearest base's.

    A class can be made with any name, also with words of a user.
    """
    return next(each.__name__ for each in type(error).__mro__ if NAME.fullmatch(each.__name__))


def message_of(error: BaseException) -> str:
    """What an exception says, as text that can be stored; empty where it cannot even say that."""
    try:
        said = str(error)
    except BaseException:  # noqa: BLE001  `__str__` is the agent's code, and the run has to end
        return ""
    return said.encode(errors="replace").decode().strip()
