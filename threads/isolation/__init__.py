"""The audit: does an agent keep the words of one conversation out of every other?

    from threads.isolation import audit

    report = audit("my_app:build")     # or the factory, a compiled graph, or chat(user, text) -> reply
    print(report)

Many users, each with canary words, speak with the agent in turn, at once, in several processes; turns
fail, threads are deleted and forked, processes are killed. Then every place that belongs to a conversation
is searched for words that belong to another. What leaks is told with the fewest steps that show it.

This page loads without LangGraph, so that the pytest plugin costs nothing in suites that do not use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from threads.isolation.report import Finding, Replay, Report, Tried

Progress = Callable[[str, int, int], None]

__all__ = ["Finding", "Replay", "Report", "Tried", "audit"]


def audit(
    target: Any,
    *,
    thorough: bool = False,
    attacks: Iterable[str] | None = None,
    users: int | None = None,
    turns: int | None = None,
    processes: int | None = None,
    seed: int | None = None,
    types: Iterable[type | tuple[str, str]] = (),
    input: str | Callable[[str], Any] | None = None,
    progress: Progress | None = None,
) -> Report:
    """What came of trying to make `target` leak.

    `target` is `"module:name"`, a factory that takes `checkpointer=`, a compiled graph (which is copied,
    and stays as it is), or an application `chat(user, text) -> reply`, sync or async. A quick audit ends
    within half a minute; `thorough`, or saying how many `turns` an attack has, takes the time it needs.
    `attacks` are names from `threads audit --list`. `input` is the state's key for what a user says, or a
    function that makes the input; it is guessed. `types` are your own classes in the state, where
    they are not found by themselves. `progress(what, done, total)` is told how far it is.

    Nothing stays on the disk. Raises `InvalidValue` for what cannot be audited; what the agent itself
    raises is counted, not raised.
    """
    from threads.isolation.auditor import Asked, Lab

    asked = Asked(
        thorough,
        None if attacks is None else tuple(attacks),
        users,
        turns,
        processes,
        seed,
        tuple(types),
        input,
    )
    with Lab(target, asked, progress or _silent) as lab:
        return lab.report()


def _silent(what: str, done: int, total: int) -> None:
    """Nobody wants to know."""
