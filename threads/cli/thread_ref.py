"""References to threads: an id, a unique prefix of one, or `-` for the latest."""

from __future__ import annotations

from collections.abc import Sequence

import click

from threads import Registry, Thread, ThreadNotFound
from threads.cli.errors import NotFoundCliError
from threads.cli.sanitize import escape_line

LATEST = "-"
MAX_CANDIDATES = 4
"""Candidates named when a prefix is ambiguous."""
TIMESTAMP_LENGTH = 13
"""Characters of a UUIDv7 that hold its millisecond: the ids of later threads do not begin with them."""
UUID_LENGTH = 36


def resolve_thread(
    registry: Registry, given: str, *, trashed: bool = False, archived: bool = False
) -> Thread:
    """Resolve a reference; `trashed`, `archived`: `-` is the latest thread there.

    An exact id wins over a prefix of others. Raises `ThreadNotFound`, and `click.UsageError` with candidates
    where a prefix is ambiguous.
    """
    if given == LATEST:
        return _latest(registry, trashed, archived)
    try:
        return registry.get(given)
    except ThreadNotFound:
        found = registry.ids_with_prefix(given, limit=MAX_CANDIDATES + 1) if given else []
        if not found:
            raise
    if len(found) > 1:
        named = ", ".join(map(repr, found[:MAX_CANDIDATES])) + (
            ", ..." if len(found) > MAX_CANDIDATES else ""
        )
        raise click.UsageError(escape_line(f"several threads begin with {given!r}: {named}"))
    return registry.get(found[0])


def resolve_threads(
    registry: Registry, given: Sequence[str], *, trashed: bool = False, archived: bool = False
) -> list[Thread]:
    """Resolve several references, without duplicates. Raises the error of the first unresolvable one."""
    found = (resolve_thread(registry, each, trashed=trashed, archived=archived) for each in given)
    return list({thread.id: thread for thread in found}.values())


def short_id(registry: Registry, thread_id: str) -> str:
    """Return a unique prefix of a UUID, where its timestamp is one; any other id unchanged."""
    if len(thread_id) != UUID_LENGTH or thread_id.count("-") != 4:
        return thread_id
    start = thread_id[:TIMESTAMP_LENGTH]
    return start if registry.ids_with_prefix(start, limit=2) == [thread_id] else thread_id


def _latest(registry: Registry, trashed: bool, archived: bool) -> Thread:
    page = registry.list(limit=1, trashed=trashed, archived=None if trashed else archived)
    if not page:
        reason = "the archive is empty" if archived else "there are no threads yet; `threads chat` starts one"
        raise NotFoundCliError("the trash is empty" if trashed else reason)
    return page[0]
