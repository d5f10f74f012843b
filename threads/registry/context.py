"""An open database with what all parts of a registry share: the memory, loaded late, and the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import Any, NamedTuple

from threads.db.database import Database
from threads.db.migrations import Progress, version
from threads.errors import ReadOnly, ThreadTrashed
from threads.registry.closing import Closing
from threads.registry.event_poller import Tail
from threads.registry.idle_worker import IdleRefresher

Clock = Callable[[], datetime]


class Inside(NamedTuple):
    """What the rooms above work with."""

    database: Database
    checkpointer: Any
    decoder: Any
    tail: Tail
    now: Callable[[], int]
    """Milliseconds since 1970."""


class Opened(Closing):
    """Opening, closing, and the memory, which is loaded when someone speaks or a row is stale."""

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
        self._idle = IdleRefresher(self._at_rest)
        self._tail = Tail(database)
        if reducer is not None and not database.read_only:  # what was unknown may be told now
            from threads.store import projection

            database.write(projection.doubt_unknown)

    def close(self) -> None:
        """Finish what is under way and let go of the file; closing twice is harmless.

        In a process that was forked from the one that opened it nothing is done: it is the other's.
        """
        if self._database.is_foreign():
            return
        with ExitStack() as closing:  # in this order, the last one first, whatever one of them raises
            closing.callback(self._database.close)
            if self._loaded_checkpointer is not None:
                closing.callback(self._loaded_checkpointer.close)
            closing.callback(self._idle.close)
            closing.callback(self._tail.close)

    def __repr__(self) -> str:
        how = ", read_only=True" if self._database.read_only else ""
        return f"threads.open({self._database.where!r}{how})"

    @property
    def checkpointer(self) -> Any:
        """The `BaseCheckpointSaver` for your graphs: one object, for sync and async, any thread and loop."""
        decoder = self._decoder()
        with self._lock:
            if self._loaded_checkpointer is None:
                from threads.checkpoint.saver import Checkpointer
                from threads.checkpoint.serde import StrictSerializer

                serde = StrictSerializer(self._types)
                self._loaded_checkpointer = Checkpointer(
                    self._database, serde=serde, transcripts=decoder, on_put=self._idle.touch
                )
            return self._loaded_checkpointer

    def _inside(self) -> Inside:
        """For `threads.runs`, which works on the same database."""
        return Inside(self._database, self.checkpointer, self._decoder(), self._tail, self._now)

    def _decoder(self) -> Any:
        with self._lock:
            if self._loaded_decoder is None:
                from threads.checkpoint.serde import LenientSerializer
                from threads.checkpoint.transcript import Transcripts

                self._loaded_decoder = Transcripts(LenientSerializer(self._types), self._reducer)
            return self._loaded_decoder

    def _flush(self) -> None:
        """Store what agents said a moment ago and still waits for its checkpoint; `DatabaseError`."""
        if self._loaded_checkpointer is not None:
            self._loaded_checkpointer.flush()

    def _refresh_all(
        self,
        stop: Callable[[], bool] = lambda: False,
        progress: Progress | None = None,
        owner: str | None = None,
    ) -> None:
        """Refresh what is stale, of an owner or of all; who asks for an owner does not wait for others."""
        from threads.store import projection

        projection.refresh_all(self._database, self._decoder, progress=progress, stop=stop, owner=owner)
        if owner is None:
            self._database.scrub(due_only=True, stop=stop)

    def _at_rest(self, stop: Callable[[], bool]) -> None:
        """What is done while nobody writes, and at closing, until `stop()`."""
        self._refresh_all(stop)

    def _adopted(self, connection: Any) -> None:
        if self._database.read_only and not version(connection):
            raise ReadOnly(
                f"{self._database.where} has no registry yet", "open it once without read_only=True"
            )

    def _visible(self, row: Any) -> Any:
        if row["trashed_at"] is not None:
            raise ThreadTrashed(row["thread_id"])
        return row

    def _now(self) -> int:
        return round(self._clock().timestamp() * 1000)
