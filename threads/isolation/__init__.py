"""The isolation audit: does an agent leak words of one conversation into another?

    from threads.isolation import audit

    report = audit("my_app:build")     # or the factory, a compiled graph, or chat(user, text) -> reply
    print(report)

Many users, each with canary words, send messages to the agent in turn, concurrently, and in several
processes; turns fail, threads are deleted and forked, processes are killed. Then everything stored or
returned for a conversation is searched for words of others. Each leak is reported with the fewest steps
that show it.

This module loads without LangGraph, so that the pytest plugin costs nothing in suites that do not use it.
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
    """Try to make `target` leak, and return a report.

    `target` is `"module:name"`, a factory that takes `checkpointer=`, a compiled graph (which is copied and
    not changed), or an application `chat(user, text) -> reply`, sync or async. A quick audit ends within
    half a minute; `thorough`, or a number of `turns` for each attack, removes the limit. `attacks` are
    names from `threads audit --list`. `input` is the state key for a user's message, or a function that
    makes the input from a text; by default it is guessed. `types` are classes of the state that are not
    found automatically. `progress(what, done, total)` is called before each attack.

    All files are deleted at the end. Raises `InvalidValue` for a target that cannot be audited. Exceptions
    of the agent are counted, not raised.
    """
    from threads.isolation.auditor import AuditOptions, Auditor

    options = AuditOptions(
        thorough,
        None if attacks is None else tuple(attacks),
        users,
        turns,
        processes,
        seed,
        tuple(types),
        input,
    )
    with Auditor(target, options, progress or _ignore_progress) as auditor:
        return auditor.run()


def _ignore_progress(what: str, done: int, total: int) -> None:
    """Accept the calls of a progress callback that was not given."""
