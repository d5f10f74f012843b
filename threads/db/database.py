"""`Database`: what every database offers: reading in consistent snapshots, writing in whole transactions."""

from __future__ import annotations

import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import TypeVar

from threads.db.write_queue import WriteFn
from threads.errors import DatabaseError

T = TypeVar("T")


class Database(ABC):
    """A database that is read in consistent snapshots and written in whole transactions."""

    where: str
    """The path, or `:memory:`, for messages to people."""
    read_only: bool

    def __init__(self) -> None:
        self._process = os.getpid()

    @abstractmethod
    def check_open(self) -> None:
        """Raise `DatabaseError` if it was closed, or opened by a process this one was forked from."""

    @abstractmethod
    def wait_for_writes(self) -> None:
        """Wait until all submitted writes are committed."""

    @abstractmethod
    def check_writable(self) -> None:
        """Raise what `write` would raise at once: it was closed, or was opened for reading."""

    @abstractmethod
    def read(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection that sees one consistent state until the block ends; nothing may be written on it."""

    @abstractmethod
    def write(self, change: WriteFn[T]) -> T:
        """The result of `change(connection)`, run in one transaction: all of it is stored, or nothing."""

    @abstractmethod
    def submit(self, change: WriteFn[T], *, soon: bool = True) -> Future[T]:
        """As `write`, without waiting: the write is committed in any case.

        If not `soon`, it is committed together with the next write, or by `flush_now`.
        """

    @abstractmethod
    def flush_now(self) -> None:
        """Have the submitted writes committed now, without waiting."""

    @abstractmethod
    def purge_deleted_text(self, *, due_only: bool = False, stop: Callable[[], bool] | None = None) -> bool:
        """Remove deleted text from the search index and the write-ahead log; whether all is removed.

        A large index takes longer than `PURGE_SECONDS`, or until `stop()`; a reader may block the log.
        `due_only`: only what the last call left.
        """

    @abstractmethod
    def compact(self) -> None:
        """Run VACUUM: return free pages to the file system."""

    @abstractmethod
    def close(self) -> None:
        """Commit what was submitted and close the file; closing twice is harmless."""

    def is_foreign(self) -> bool:
        """Whether this process was forked from the one that opened it, whose locks it may hold for ever."""
        return os.getpid() != self._process

    def check_process(self) -> None:
        """Raise `DatabaseError` in a process that was forked from the one that opened it."""
        if self.is_foreign():
            raise DatabaseError(f"{self.where} was opened before this process was forked; open it again here")
