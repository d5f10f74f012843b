"""One run, shown while it goes on: its answer in pieces as they come, stopped by Ctrl+C."""

from __future__ import annotations

import signal
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

from threads import Event, Run, RunFailed
from threads.cli.errors import AgentCliError

STOP_TIMEOUT = 10.0
"""Seconds that a stopped run may take to store what it had said."""


POLL_INTERVAL = 0.1
"""Seconds between two looks whether Ctrl+C was pressed."""


class Chunk(NamedTuple):
    """A piece of an answer."""

    text: str
    """Words of the agent; where `is_call`, the name of the tool it calls."""
    is_call: bool = False
    begins: bool = False
    """Whether it is the first of its message."""


def stream_answer(run: Run) -> Iterator[Chunk]:
    """The run's answer as it comes; at Ctrl+C it is stopped, what it said is kept: `KeyboardInterrupt`.

    Raises `AgentFailed` for whatever goes wrong inside the agent.
    """
    try:
        with _deferred_interrupt() as interrupted:
            yield from _chunks(_events(run, interrupted))
            run.result(STOP_TIMEOUT if interrupted.is_set() else None)
            if interrupted.is_set():
                raise KeyboardInterrupt
    except RunFailed as error:
        cause = error.__cause__
        raise (AgentCliError(cause) if isinstance(cause, Exception) else error) from error


def _events(run: Run, interrupted: threading.Event) -> Iterator[Event]:
    """The run's events until it ends; once it is to be stopped there is nothing more to show."""
    is_stopped = False
    with run.events() as happening:
        while True:
            event = happening.wait(POLL_INTERVAL)
            if event is None and happening.is_over:
                return
            if interrupted.is_set() and not is_stopped:
                is_stopped = True
                run.stop()
            if event is not None and event.run_id == run.id:
                if not is_stopped:
                    yield event
                if run.ends_with(event):
                    return


@contextmanager
def _deferred_interrupt() -> Iterator[threading.Event]:
    """Ctrl+C inside the block is noticed, not raised: it would come in the middle of anything, a lock held.

    Pressed a second time it is raised all the same.
    """
    interrupted = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def notice(number: int, frame: FrameType | None) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    signal.signal(signal.SIGINT, notice)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _chunks(events: Iterator[Event]) -> Iterator[Chunk]:
    last: Any = None
    heard: defaultdict[Any, str] = defaultdict(str)
    for event in events:
        if event.type == "token":
            id, text = event.data["message_id"], event.data["text"]
        elif event.type == "tool_started":
            yield Chunk(event.data["name"], is_call=True)
            continue
        elif event.type == "message" and event.data["message"]["role"] == "assistant":
            message = event.data["message"]
            id, text = message["id"], message["text"]
            # the whole takes the place of its tokens: what was not heard of it yet is its end
            text = text[len(heard[id]) :] if text.startswith(heard[id]) else text
        else:
            continue
        if text:
            yield Chunk(text, begins=id != last)
            heard[id] += text
            last = id
