"""Background threads that survive errors: an error is logged, and the thread's function is called again.

An exception's message may contain users' text, so only its type and where it was raised are logged.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

MIN_PAUSE, MAX_PAUSE = 0.1, 5.0
"""Seconds between a failure and the next call: at first, and at most; doubled with each failure in a row."""


def is_main_thread() -> bool:
    """Return whether this is the main thread: in any other one a KeyboardInterrupt is not the user's."""
    return threading.current_thread() is threading.main_thread()


def start_thread(target: Callable[[], None], name: str, is_over: Callable[[], bool]) -> threading.Thread:
    """Run `target` in a daemon thread, with restarts; raises RuntimeError if no thread can be started."""
    thread = threading.Thread(target=run_with_restarts, args=(target, name, is_over), name=name, daemon=True)
    thread.start()
    return thread


def run_with_restarts(target: Callable[[], None], name: str, is_over: Callable[[], bool]) -> None:
    """Call `target` until it returns; after an error again, after a pause, unless `is_over()`."""
    pause = MIN_PAUSE
    while True:
        started_at = time.monotonic()
        try:
            return target()
        except BaseException as error:  # noqa: BLE001  other threads depend on this one, whatever the error
            if is_over():
                return None
            log_failure(f"thread {name} failed and is restarted", error)
        pause = MIN_PAUSE if time.monotonic() - started_at > MAX_PAUSE else pause
        time.sleep(pause)
        pause = min(2 * pause, MAX_PAUSE)


def log_failure(event: str, error: BaseException) -> None:
    """Log an error: what happened, the error's type and where it was raised, without its message."""
    place, trace = "", error.__traceback__
    while trace is not None:
        place, trace = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}", trace.tb_next
    logging.getLogger(__name__).error("%s: %s%s", event, type(error).__name__, place)
