"""Which thread is meant: by its id, the beginning of one, or `-` for the latest."""

from __future__ import annotations

from collections.abc import Sequence

import click

from threads import Registry, Thread, ThreadNotFound
from threads.cli.errors import NotFoundCliError
from threads.cli.sanitize import escape_line

LATEST = "-"
MAX_CANDIDATES = 4
"""Candidates named when a beginning fits several."""
TIMESTAMP_LENGTH = 13
"""Characters of a UUIDv7 that hold its millisecond: no thread made later begins with them."""
UUID_LENGTH = 36


def resolve_thread(
    registry: Registry, given: str, *, trashed: bool = False, archived: bool = False
) -> Thread:
    """The thread that is meant; `trashed`, `archived`: that the latest is looked for there.

    An exact id wins over the beginning of others. Raises `ThreadNotFound`, and a usage error that
    names candidates where several ids begin so.
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
    """The threads that are meant, each once: all of them, or an error before anything is done."""
    found = (resolve_thread(registry, each, trashed=trashed, archived=archived) for each in given)
    return list({thread.id: thread for thread in found}.values())


def short_id(registry: Registry, thread_id: str) -> str:
    """The beginning of a UUID where that is enough to find it; any other id as it is."""
    if len(thread_id) != UUID_LENGTH or thread_id.count("-") != 4:
        return thread_id
    start = thread_id[:TIMESTAMP_LENGTH]
    return start if registry.ids_with_prefix(start, limit=2) == [thread_id] else thread_id


def _latest(registry: Registry, trashed: bool, archived: bool) -> Thread:
    page = registry.list(limit=1, trashed=trashed, archived=None if trashed else archived)
    if not page:
        where = "the archive is empty" if archived else "there are no threads yet; `threads chat` begins one"
        raise NotFoundCliError("the trash is empty" if trashed else where)
    return page[0]
