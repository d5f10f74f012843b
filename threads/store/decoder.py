"""What the store needs of the checkpoint package: how checkpoints are decoded, it does not know."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from threads.models import Message
from threads.search.index import IndexedMessage
from threads.store.message_rows import StoredMessage


class KnownRows(Protocol):
    """The rows of a thread's messages, as they were stored last."""

    @property
    def projected_id(self) -> str | None: ...
    @property
    def count(self) -> int: ...
    @property
    def append_only_from(self) -> int: ...
    def digest(self, count: int) -> int | None: ...
    def count_at(self, checkpoint_id: str) -> int | None: ...
    def holds(self, message_id: str, count: int) -> bool: ...
    def id_hashes(self, count: int) -> list[int | None]: ...


class BranchMessages(Protocol):
    """The messages of a branch, with those that its graph removed from the state."""

    @property
    def messages(self) -> Sequence[Message]: ...
    @property
    def trimmed(self) -> Sequence[Message]: ...
    @property
    def times(self) -> Mapping[str, int]: ...
    @property
    def deleted(self) -> Collection[str | tuple[str, str]]: ...
    @property
    def is_whole(self) -> bool: ...


class HeadMessages(NamedTuple):
    """The conversation at a checkpoint."""

    messages: Sequence[StoredMessage]
    is_append_only: bool
    """Whether the steps of the branch did nothing but append these."""


class AppendedMessages(NamedTuple):
    """The conversation at a head: the first rows, and what follows them."""

    unchanged: int
    """How many rows are as they were."""
    added: list[StoredMessage]


class StoredOrigin(NamedTuple):
    """What the row of a message knows about where it came in."""

    checkpoint_id: str | None
    """The checkpoint with which it was stored; None if that is unknown."""
    digest: int | None
    is_appended: bool
    """Whether messages were only appended to its branch from it on."""


class Decoder(Protocol):
    """What the checkpoint package offers for reading checkpoints."""

    def messages(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> list[Message] | None: ...

    def read_head(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> HeadMessages | None: ...

    def read_change(
        self, connection: sqlite3.Connection, thread_id: str, head_id: str, rows: KnownRows
    ) -> AppendedMessages | None: ...

    def said_at(
        self,
        connection: sqlite3.Connection,
        thread_id: str,
        checkpoint_id: str,
        wanted: Sequence[IndexedMessage],
    ) -> dict[str, int]: ...

    def conversation(
        self,
        connection: sqlite3.Connection,
        thread_id: str,
        checkpoint_id: str,
        state: Sequence[Message],
        since: str | None,
        known: Sequence[str | tuple[str, str]],
    ) -> BranchMessages: ...

    def written_at(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str
    ) -> int | None: ...

    def damage(
        self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str, count: int | None
    ) -> str | None: ...

    def is_finished(self, connection: sqlite3.Connection, thread_id: str, checkpoint_id: str) -> bool: ...


class Projectable(Protocol):
    """A row of a thread, as far as its projection needs it."""

    @property
    def position(self) -> int: ...
    @property
    def thread_id(self) -> str: ...
    @property
    def head_id(self) -> str | None: ...
    @property
    def created_at(self) -> int | None: ...
    @property
    def updated_at(self) -> int | None: ...
    @property
    def projected_id(self) -> str | None: ...
    @property
    def auto_title(self) -> str: ...
