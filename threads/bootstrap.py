"""`open`: where database, memory and registry meet.

`Registry` is what a user holds. It hands the memory's decoder to the registry's projections, and
loads the memory (LangGraph, most of a second) only when someone speaks in a thread or a row is
stale: a list of rows that are up to date is plain SQL.
"""

from __future__ import annotations

import builtins
import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from threads import checks, ids
from threads.database.connections import Database
from threads.database.erasing import erase
from threads.database.migrations import Progress
from threads.database.opening import back_up, open_database
from threads.database.statements import statements
from threads.errors import CheckpointNotFound, InvalidValue, MessagesUnknown, ThreadExists, ThreadTrashed
from threads.idle import IdleRefresher
from threads.models import Checkpoint, Message, Page, Problem, Pruned, SortBy, SortOrder, Status, Thread
from threads.registry import fields, projection, table
from threads.registry.filters import PROJECTED, Filters, Order, checked_range
from threads.registry.rows import checkpoint_of, is_stale, json_of, thread_of
from threads.registry.store import UNSET, Unset

Clock = Callable[[], datetime]


def open(
    where: str | os.PathLike[str],
    *,
    read_only: bool = False,
    types: Iterable[type | tuple[str, str]] = (),
    reducer: Callable[[list[Any], list[Any]], list[Any]] | None = None,
    clock: Clock = lambda: datetime.now(UTC),
    progress: Progress | None = None,
) -> Registry:
    """An open registry; close it by `with`, `async with` or `.close()`.

    `where` is a path, `":memory:"` or `sqlite:///file.db`. A file is created, migrated, or adopted
    if a stock saver made it; `read_only` touches nothing. `types` are your own classes that graph
    states hold, for the strict allow-list of stored values. `reducer` is that of a `DeltaChannel`
    called `messages` which is not our agents'; without it such messages are unknown. `clock` gives
    the time of what is done by hand. `progress(what, done, total)` is told how long work goes on.

    Raises a `DatabaseError` that names file and remedy; the file is untouched then.
    """
    database = open_database(where, read_only=read_only, progress=progress)
    return Registry(database, types=tuple(types), reducer=reducer, clock=clock, progress=progress)


class Registry:
    """The threads of one database, and the memory of the agents that speak in them.

    Usable from any thread and event loop. A `ThreadStore`, and more.
    """

    def __init__(
        self,
        database: Database,
        *,
        types: tuple[type | tuple[str, str], ...],
        reducer: Callable[[list[Any], list[Any]], list[Any]] | None,
        clock: Clock,
        progress: Progress | None,
    ) -> None:
        self._database = database
        self._types = types
        self._reducer = reducer
        self._clock = clock
        self._progress = progress
        self._lock = threading.Lock()
        self._loaded_checkpointer: Any = None
        self._loaded_decoder: Any = None
        self._idle = IdleRefresher(self._refresh_all)

    # opening and closing

    def close(self) -> None:
        """Finish what is under way and let go of the file; closing twice is harmless."""
        self._idle.close()
        if self._loaded_checkpointer is not None:
            self._loaded_checkpointer.close()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import asyncio  # a third of what `import threads` would cost, and a list needs none of it

        await asyncio.to_thread(self.close)

    def __repr__(self) -> str:
        how = ", read_only=True" if self._database.read_only else ""
        return f"threads.open({self._database.where!r}{how})"

    # the memory

    @property
    def checkpointer(self) -> Any:
        """The `BaseCheckpointSaver` for your graphs: one object, for sync and async, any thread and loop."""
        with self._lock:
            if self._loaded_checkpointer is None:
                from threads.memory.checkpointer import Checkpointer
                from threads.memory.serde import StrictSerializer

                self._loaded_checkpointer = Checkpointer(
                    self._database, serde=StrictSerializer(self._types), on_put=self._idle.touch
                )
            return self._loaded_checkpointer

    def messages(self, id: str, *, limit: int | None = None, before: str | None = None) -> Page[Message]:
        """The thread's messages, oldest first: the last `limit`, or the last ones before message `before`.

        `next_cursor` is the `before` of the page with the older ones. Raises `ThreadNotFound`,
        `ThreadTrashed`, and `MessagesUnknown` where the state cannot be decoded.
        """
        if limit is not None:
            checked_range(limit, 0)
        self._flush()
        with self._database.read() as connection:
            row = self._visible(table.get(connection, id))
            found: builtins.list[Message] | None = []
            if row["head_id"] is not None:
                found = self._decoder().messages(connection, row["thread_id"], row["head_id"], dated=True)
        if found is None:
            raise MessagesUnknown(row["thread_id"])
        total = len(found)
        if before is not None:
            places = [place for place, message in enumerate(found) if message.id == before]
            if not places:
                raise InvalidValue("before", f"thread {id!r} has no message {before!r}")
            found = found[: places[0]]
        shown = found if limit is None else found[-limit:]
        return Page(tuple(shown), shown[0].id if len(shown) < len(found) else None, lambda: total)

    def history(self, id: str) -> Page[Checkpoint]:
        """The thread's checkpoints, the one written last first; `ThreadNotFound`, `ThreadTrashed`."""
        with self._database.read() as connection:
            thread_id = self._visible(table.get(connection, id))["thread_id"]
            asked = {"thread_id": thread_id}
            rows = connection.execute(statements("checkpoints")["history"], asked).fetchall()
        found = [checkpoint_of(row) for row in rows]
        return Page(tuple(found), None, lambda: len(found))

    def fork(self, id: str, *, at: str | None = None, new_id: str | None = None) -> Thread:
        """A new thread that begins with what `id` remembered at checkpoint `at`; its last one if None.

        It keeps agent, owner, tags, metadata and a title set by hand. Raises `ThreadNotFound`,
        `ThreadTrashed`, `CheckpointNotFound`, and `ThreadExists` if `new_id` is taken.
        """
        from threads.memory.fork import copy_memory

        target = ids.new_id() if new_id is None else ids.check_new(new_id)

        def work(connection: Any) -> None:
            row = self._visible(table.get(connection, id))
            checkpoint_id = at if at is not None else row["head_id"]
            if checkpoint_id is None:
                raise CheckpointNotFound(row["thread_id"], None)
            begun = {**dict(row), "thread_id": target, "now": self._now()}
            table.create(connection, begun, json.loads(row["tags"]))
            copy_memory(connection, row["thread_id"], target, checkpoint_id)

        self._flush()
        self._database.write(work)
        return self.get(target)

    # the registry

    def create(
        self,
        *,
        id: str | None = None,
        title: str | None = None,
        agent_id: str | None = None,
        owner: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        if_exists: Literal["raise", "do_nothing"] = "raise",
    ) -> Thread:
        """A new thread; its id is a UUIDv7 unless given.

        If the id is taken: `ThreadExists`, or with `if_exists="do_nothing"` the stored thread as it is.
        """
        if if_exists not in ("raise", "do_nothing"):
            raise InvalidValue("if_exists", f'"raise" or "do_nothing" is needed, not {if_exists!r}')
        thread_id = ids.new_id() if id is None else ids.check_new(id)
        row = {
            "thread_id": thread_id,
            "title": fields.checked_title(title),
            "agent_id": fields.checked_name("agent_id", agent_id),
            "owner": fields.checked_name("owner", owner),
            "metadata": json_of(fields.checked_metadata(metadata)),
            "now": self._now(),
        }
        checked_tags = fields.checked_tags(tags)
        try:
            self._database.write(lambda connection: table.create(connection, row, checked_tags))
        except ThreadExists:
            if if_exists == "raise":
                raise
        return self.get(thread_id)

    def get(self, id: str) -> Thread:
        """The thread, also from the trash; `ThreadNotFound` names ids that look like it."""
        with self._database.read() as connection:
            row = table.get(connection, id)
        return self._threads([row])[0]

    def list(
        self,
        *,
        agent_id: str | None = None,
        owner: str | None = None,
        tag: str | Sequence[str] | None = None,
        status: Status | None = None,
        pinned: bool | None = None,
        archived: bool | None = False,
        trashed: bool | None = False,
        metadata: Mapping[str, Any] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        sort_by: SortBy = "updated_at",
        sort_order: SortOrder = "desc",
        limit: int = 20,
        offset: int = 0,
        cursor: str | None = None,
    ) -> Page[Thread]:
        """The threads that fit all filters, newest activity first; None leaves a filter out.

        Archived and trashed threads are left out unless asked for. `tag` is one or several that must
        all be there, `metadata` keys and their values; `since` is included and `until` is not, both by
        `updated_at`. Go on with `cursor`, which neither skips nor repeats a thread while others are
        active, or with `offset`. Raises `InvalidValue`, `InvalidCursor`.
        """
        filters = Filters(
            agent_id=agent_id, owner=owner, tag=tag, status=status, pinned=pinned, archived=archived,
            trashed=trashed, metadata=metadata, since=since, until=until,
        )  # fmt: skip
        order = Order(sort_by, sort_order)
        limit, offset = checked_range(limit, offset)
        if sort_by in PROJECTED and not self._database.read_only:
            self._refresh_all(progress=self._progress)
        with self._database.read() as connection:
            if sort_by in PROJECTED and self._database.read_only:
                projection.refresh_here(connection, self._decoder)
            rows = table.select(connection, filters, order, limit=limit + 1, offset=offset, cursor=cursor)
        more = len(rows) > limit
        rows = rows[:limit]
        next_cursor = order.cursor(rows[-1]["key"], rows[-1]["position"]) if more else None
        return Page(tuple(self._threads(rows)), next_cursor, lambda: self._count(filters))

    def update(
        self,
        id: str,
        *,
        title: str | Unset | None = UNSET,
        metadata: Mapping[str, Any] | Unset = UNSET,
        tags: Sequence[str] | Unset = UNSET,
        pinned: bool | Unset = UNSET,
        archived: bool | Unset = UNSET,
        owner: str | Unset | None = UNSET,
        agent_id: str | Unset | None = UNSET,
    ) -> Thread:
        """The changed thread; what is not given stays.

        Metadata merges by key, and None removes a key; tags are replaced. `title=None` brings the
        automatic title back. Raises `ThreadNotFound`, `InvalidValue`; then nothing is changed.
        """
        changes = table.given(
            {
                "title": title, "metadata": metadata, "tags": tags, "pinned": pinned,
                "archived": archived, "owner": owner, "agent_id": agent_id,
            }
        )  # fmt: skip
        self._database.write(lambda connection: table.update(connection, id, changes))
        return self.get(id)

    def trash(self, id: str) -> Thread:
        """Out of sight: not listed, and the checkpointer refuses it, until `restore`; `ThreadNotFound`."""
        now = self._now()

        def work(connection: Any) -> None:
            row = table.get(connection, id)
            if row["trashed_at"] is None:
                table.set_columns(connection, row["thread_id"], {"trashed_at": now})

        self._database.write(work)
        return self.get(id)

    def restore(self, id: str) -> Thread:
        """Back from the trash; `ThreadNotFound`."""

        def work(connection: Any) -> None:
            table.set_columns(connection, table.get(connection, id)["thread_id"], {"trashed_at": None})

        self._database.write(work)
        return self.get(id)

    def delete(self, id: str) -> None:
        """Erased for good, with every byte of its memory; `ThreadNotFound`.

        A run that is still going on cannot bring it back: what it wants to store is refused.
        """
        self._database.write(lambda connection: erase(connection, table.get(connection, id)["thread_id"]))
        self._database.scrub()

    def ids_with_prefix(self, prefix: str, *, limit: int = 3) -> builtins.list[str]:
        """The ids that begin with `prefix`, in their order; at most `limit`."""
        with self._database.read() as connection:
            return table.ids_with_prefix(connection, prefix, limit)

    # upkeep

    def prune(
        self,
        ids: Iterable[str] | None = None,
        *,
        keep: int = 1,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Pruned:
        """Let old checkpoints go; what is remembered stays as it is. All threads, unless `ids` are given.

        Keeps the newest `keep` of each thread and what they are made of. Threads in the trash are left
        alone. `dry_run` only tells what would go. Raises `ThreadNotFound`, `ThreadTrashed`, `InvalidValue`.
        """
        from threads.memory.pruning import Dry, kept, prune_thread

        kept("keep_n", keep)
        serde, pruned = self.checkpointer.serde, Pruned()
        self._flush()

        def prune_one(connection: Any, id: str) -> Pruned:
            row = self._visible(table.get(connection, id))
            gone = prune_thread(connection, row["thread_id"], keep, serde)
            if dry_run:
                raise Dry(gone)
            return gone

        chosen = self._prunable() if ids is None else builtins.list(ids)
        for done, id in enumerate(chosen, start=1):
            try:
                pruned += self._database.write(partial(prune_one, id=id))
            except Dry as dry:
                pruned += dry.pruned
            if progress:
                progress("pruning", done, len(chosen))
        self._database.scrub()
        return pruned

    def compact(self) -> None:
        """Give the room of what was deleted or pruned back to the file system; others wait meanwhile."""
        self._database.compact()

    def backup(self, target: str | os.PathLike[str], *, progress: Progress | None = None) -> Path:
        """Copy all to a new file while runs go on; returns its path. Raises `UsageError` if it exists."""
        self._flush()
        return back_up(self._database, target, progress)

    # agreement

    def verify(self) -> builtins.list[Problem]:
        """Where registry and memory disagree, which must be nowhere: then the list is empty."""
        return checks.verify(self._database, self._decoder)

    def repair(self) -> builtins.list[Problem]:
        """Make registry and memory agree; returns what had to be mended."""
        return checks.repair(self._database, self._decoder)

    # inside

    def _flush(self) -> None:
        """Store what agents said a moment ago and still waits for its checkpoint."""
        if self._loaded_checkpointer is not None:
            self._loaded_checkpointer.flush()

    def _threads(self, rows: Sequence[Any]) -> builtins.list[Thread]:
        """The threads of these rows, their words up to date."""
        stale = [row for row in rows if is_stale(row)]
        fresh = projection.refresh(self._database, stale, self._decoder()) if stale else {}
        return [thread_of({**dict(row), **fresh.get(row["position"], {})}) for row in rows]

    def _refresh_all(
        self, stop: Callable[[], bool] = lambda: False, progress: Progress | None = None
    ) -> None:
        projection.refresh_all(self._database, self._decoder, progress=progress, stop=stop)

    def _decoder(self) -> Any:
        with self._lock:
            if self._loaded_decoder is None:
                from threads.memory.serde import lenient
                from threads.memory.transcript import Transcripts

                self._loaded_decoder = Transcripts(lenient(self._types), self._reducer)
            return self._loaded_decoder

    def _visible(self, row: Any) -> Any:
        if row["trashed_at"] is not None:
            raise ThreadTrashed(row["thread_id"])
        return row

    def _prunable(self) -> builtins.list[str]:
        with self._database.read() as connection:
            return [row[0] for row in connection.execute(statements("pruning")["threads"])]

    def _count(self, filters: Filters) -> int:
        with self._database.read() as connection:
            return table.count(connection, filters)

    def _now(self) -> int:
        return round(self._clock().timestamp() * 1000)
