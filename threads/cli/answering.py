"""One message let through an agent: its answer in pieces as they come, stopped by Ctrl+C.

A graph without asyncio runs its model in a thread that nobody can end from outside, and waits for
it. So a stop is noticed where the model hands over its next token.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple

from langchain_core.callbacks import BaseCallbackHandler

from threads import Thread, ThreadsError
from threads.cli.faults import AgentFailed


class Piece(NamedTuple):
    """A piece of an answer."""

    text: str
    """Words of the agent; where `is_call`, the name of the tool it calls."""
    is_call: bool = False
    begins: bool = False
    """Whether it is the first of its message."""


class Stopped(Exception):
    """The person does not want to hear the rest."""


class Stop(BaseCallbackHandler):
    """Ends the model's thread at its next token once `asked` is set."""

    raise_error = True
    run_inline = True

    def __init__(self) -> None:
        self.asked = threading.Event()

    def on_llm_new_token(self, token: Any, **_: Any) -> None:
        if self.asked.is_set():
            raise Stopped


def answer(graph: Any, thread: Thread, text: str) -> Iterator[Piece]:
    """The agent's answer to `text` as it comes; `KeyboardInterrupt` once a stopped agent has come to rest.

    Raises `AgentFailed` for whatever goes wrong inside the agent.
    """
    last = None
    for chunk in _chunks(graph, thread, text):
        for call in getattr(chunk, "tool_call_chunks", ()) or getattr(chunk, "tool_calls", ()):
            if call["name"]:
                yield Piece(call["name"], is_call=True)
        if words := str(chunk.text):
            yield Piece(words, begins=chunk.id != last)
            last = chunk.id


def questions(graph: Any, thread: Thread) -> list[str]:
    """What the agent wants to know before it goes on (its interrupts)."""
    with _in_one_sentence():
        return [str(each.value) for each in graph.get_state(thread.config).interrupts]


def _chunks(graph: Any, thread: Thread, text: str) -> Iterator[Any]:
    said = {"messages": [{"role": "user", "content": text}]}
    with _stoppable() as stop, _in_one_sentence():
        config = {**thread.config, "callbacks": [stop]}
        for chunk, _ in graph.stream(said, config, stream_mode="messages"):
            if chunk.type in ("ai", "AIMessageChunk"):
                yield chunk


@contextmanager
def _in_one_sentence() -> Iterator[None]:
    try:
        yield
    except ThreadsError:
        raise
    except Exception as error:
        raise AgentFailed(error) from error


@contextmanager
def _stoppable() -> Iterator[Stop]:
    """Ctrl+C inside the block tells the model's thread as well as this one."""
    stop = Stop()
    before = signal.getsignal(signal.SIGINT)

    def interrupted(number: int, frame: FrameType | None) -> None:
        stop.asked.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
