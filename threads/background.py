"""Work in the background that nothing may end unnoticed: it is logged and begun again.

What an exception says may be a user's words, so the log gets its type and where it was raised.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

SHORTEST, LONGEST = 0.1, 5.0
"""Seconds between the end of background work and its next beginning: at first, and at most."""


def is_main_thread() -> bool:
    """Whether signals are raised here: anywhere else a KeyboardInterrupt is not the user's."""
    return threading.current_thread() is threading.main_thread()


def start_thread(work: Callable[[], None], name: str, is_over: Callable[[], bool]) -> threading.Thread:
    """Do `work` in a daemon thread until it returns; RuntimeError if the system has no thread left."""
    thread = threading.Thread(target=run_with_restarts, args=(work, name, is_over), name=name, daemon=True)
    thread.start()
    return thread


def run_with_restarts(work: Callable[[], None], name: str, is_over: Callable[[], bool]) -> None:
    """Do `work` until it returns: where it raises anything, again after a pause, unless `is_over()`."""
    pause = SHORTEST
    while True:
        began = time.monotonic()
        try:
            return work()
        except BaseException as error:  # noqa: BLE001  whatever it is, others depend on the work
            if is_over():
                return None
            log_failure(f"the thread {name} broke off and is begun again", error)
        pause = SHORTEST if time.monotonic() - began > LONGEST else pause
        time.sleep(pause)
        pause = min(2 * pause, LONGEST)


def log_failure(what: str, error: BaseException) -> None:
    """Log, as an error, what was ended by `error`, without the words of its message."""
    place, trace = "", error.__traceback__
    while trace is not None:
        place, trace = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}", trace.tb_next
    logging.getLogger(__name__).error("%s: %s%s", what, type(error).__name__, place)
