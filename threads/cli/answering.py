"""One run, shown while it goes on: its answer in pieces as they come, stopped by Ctrl+C."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from threads import Run, RunFailed
from threads.cli.faults import AgentFailed

LONGEST_STOP = 10.0
"""Seconds that a stopped run may take to store what it had said."""


class Piece(NamedTuple):
    """A piece of an answer."""

    text: str
    """Words of the agent; where `is_call`, the name of the tool it calls."""
    is_call: bool = False
    begins: bool = False
    """Whether it is the first of its message."""


def answer(run: Run) -> Iterator[Piece]:
    """The run's answer as it comes; at `KeyboardInterrupt` it is stopped, and what it said is kept.

    Raises `AgentFailed` for whatever goes wrong inside the agent.
    """
    try:
        yield from _pieces(run)
        run.result()
    except KeyboardInterrupt:
        run.stop()
        run.result(LONGEST_STOP)
        raise
    except RunFailed as error:
        cause = error.__cause__
        raise (AgentFailed(cause) if isinstance(cause, Exception) else error) from error


def _pieces(run: Run) -> Iterator[Piece]:
    last: Any = None
    heard: defaultdict[Any, str] = defaultdict(str)
    for event in run:
        if event.type == "token":
            id, text = event.data["message_id"], event.data["text"]
        elif event.type == "tool_started":
            yield Piece(event.data["name"], is_call=True)
            continue
        elif event.type == "message" and event.data["message"]["role"] == "assistant":
            message = event.data["message"]
            id, text = message.get("id"), message.get("text", "")
            # the whole takes the place of its tokens: what was not heard of it yet is its end
            text = text[len(heard[id]) :] if text.startswith(heard[id]) else text
        else:
            continue
        if text:
            yield Piece(text, begins=id != last)
            heard[id] += text
            last = id
