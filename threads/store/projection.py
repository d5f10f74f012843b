"""Projections: what the head checkpoint says about a thread (automatic title, count, preview, search rows).

A projection is stale while it was derived from another checkpoint than the head. It is refreshed when it
is read, and nothing else writes these columns, so they can be derived again at any time. The decoder is
handed in: the store does not know how a checkpoint is encoded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from threads.db.database import has_table
from threads.db.queries import milliseconds, statements
from threads.models import Message
from threads.search import index
from threads.search.index import IndexedMessage
from threads.store.decoder import Decoder, HeadMessages, Projectable
from threads.store.message_rows import StoredMessage, storable
from threads.store.message_versions import Identity, OtherBranch, branch_of
from threads.store.messages import MessageTable
from threads.store.threads import ThreadRecord

MAX_ADVANCE = 500
"""Checkpoints since the last projection, after which a thread's branches are read again."""


@dataclass(frozen=True, slots=True)
class Projection:
    """What a head checkpoint says about a thread, derived by `project`."""

    position: int
    thread_id: str
    head_id: str | None
    created_at: int | None
    updated_at: int | None
    auto_title: str
    preview: str | None
    message_count: int | None
    messages: Sequence[IndexedMessage]
    """Its messages as they are searched; with `since` those that were added."""
    conversation: Sequence[StoredMessage] = ()
    """The messages of its state; with `since` those that were added."""
    is_append_only: bool = True
    """Whether the steps of the branch did nothing but append these."""
    places: Sequence[int] = ()
    """Where these are in `messages`."""
    unanswered: Sequence[str] = ()
    """Tool calls without an answer that wedge the thread."""
    times: Mapping[str, int] = field(default_factory=dict)
    """When messages were written, by id; all that have no row yet, as far as that is known."""
    stored: Sequence[IndexedMessage] = ()
    """The messages that have a row already."""
    since: str | None = None
    """The checkpoint that the stored rows were made from, if only what changed since was read."""
    kept: int = 0
    """With `since`: how many of the stored messages stay, from the first on."""
    branches: Sequence[OtherBranch] | None = None
    """The other branches; None if these are as they are stored."""

    def columns(self) -> dict[str, Any]:
        """The projected columns by name."""
        names = ("position", "thread_id", "head_id", "created_at", "updated_at", "auto_title", "preview")
        return {name: getattr(self, name) for name in (*names, "message_count")}

    def apply_to(self, record: ThreadRecord) -> ThreadRecord:
        """The record with these columns."""
        return replace(record, **self.columns())


class StoredRows:
    """The rows of a thread as the last projection left them, read as they are needed."""

    def __init__(self, connection: sqlite3.Connection, position: int) -> None:
        self._table = MessageTable(connection)
        self.position = position
        values = {"position": position}
        row = connection.execute(statements("projections")["stored_projection"], values).fetchone()
        self.projected_id: str | None = row["projected_id"]
        self.auto_title: str = row["auto_title"]
        self.preview: str | None = row["preview"]
        self.message_count: int | None = row["message_count"]
        self.branch_count: int | None = row["branch_count"]
        self.append_only_from: int = row["append_only_from"]
        self.row_ids = self._table.row_ids(position)

    @property
    def count(self) -> int:
        """How many messages have rows."""
        return len(self.row_ids)

    def digest(self, count: int) -> int | None:
        """Return the digest of the first `count` messages."""
        return self._table.digest(self.row_ids.start + count - 1)

    def count_at(self, checkpoint_id: str) -> int | None:
        """Return how many messages there are up to the last one that was stored with a checkpoint."""
        return self._table.count_at(self.position, checkpoint_id)

    def holds(self, message_id: str, count: int) -> bool:
        """Whether a message is among the first `count`."""
        found = self._table.find(self.position, message_id)
        return found is not None and found < self.row_ids.start + count

    def id_hashes(self, count: int) -> list[int | None]:
        """Return the hashes of the ids of the first `count` messages."""
        return [each.id_hash for each in self._table.identities(self.position)[:count]]

    def is_aligned(self) -> bool:
        """Whether each message has the same row id as its text, and no other text is stored."""
        return self._table.is_aligned(self.position)

    def identities(self, start: int) -> list[Identity]:
        """Return the identities of the messages from this one on."""
        return self._table.identities(self.position, start)


def project(row: Projectable, connection: sqlite3.Connection, decoder: Decoder) -> Projection:
    """Derive the projection of a thread: from its rows and what was stored since, else from its head."""
    is_known = row.head_id is not None and row.projected_id is not None
    rows = StoredRows(connection, row.position) if is_known and has_message_rows(connection) else None
    change = (
        None if rows is None or rows.message_count is None else find_change(row, rows, connection, decoder)
    )
    made = derive(row, connection, decoder) if change is None else change
    are_branches_known = rows is not None and rows.branch_count is not None and _is_advanced(row, connection)
    if rows is not None and are_branches_known and (change is not None or rows.branch_count == 1):
        return made
    return replace(made, branches=other_branches(row, rows, made.kept, connection, decoder))


def has_message_rows(connection: sqlite3.Connection) -> bool:
    """Whether the file has rows of messages: one of an earlier version that is only read has none."""
    return has_table(connection, "threads_message")


def find_change(
    row: Projectable, rows: StoredRows, connection: sqlite3.Connection, decoder: Decoder
) -> Projection | None:
    """The projection if messages were only appended, or the branch was left; None if all must be read."""
    from threads.store import previews

    found = decoder.read_change(connection, row.thread_id, str(row.head_id), rows)
    if found is None or (found.unchanged < rows.count and not rows.is_aligned()):
        return None
    added = [_indexed(each.message, is_trimmed=False) for each in found.added]
    count, preview = rows.message_count or 0, rows.preview
    upto = {**index.rows_of(row.position)._asdict(), "upto": rows.row_ids.start + found.unchanged - 1}
    if found.unchanged < rows.count:
        text, count = connection.execute(statements("projections")["counted_upto"], upto).fetchone()
        preview = None if text is None else previews.preview_of(text)
    title = rows.auto_title
    if found.unchanged < rows.count or title in (previews.NEW_TITLE, previews.UNTITLED_TITLE):
        first = connection.execute(statements("index")["first_user_text"], upto).fetchone()
        before = IndexedMessage(None, "user" if first else "tool", first["text"] if first else "")
        title = previews.title([*([before] if found.unchanged else ()), *added])
    new = [each.message for each in found.added]
    return Projection(
        position=row.position,
        thread_id=row.thread_id,
        head_id=row.head_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        auto_title=title,
        preview=previews.preview(new) or preview,
        message_count=count + previews.count(new),
        messages=added,
        conversation=found.added,
        since=rows.projected_id,
        kept=found.unchanged,
    )


def _is_advanced(row: Projectable, connection: sqlite3.Connection) -> bool:
    """Whether the head follows the last projection's, and no other branch was begun since."""
    values = {"thread_id": row.thread_id, "projected_id": row.projected_id, "limit": MAX_ADVANCE}
    newer = connection.execute(statements("projections")["newer_checkpoints"], values).fetchall()
    parents = [row.projected_id, *(each["checkpoint_id"] for each in newer)]
    pairs = zip(newer, parents, strict=False)
    is_chain = all(each["parent_checkpoint_id"] == parent for each, parent in pairs)
    return is_chain and parents[-1] == row.head_id


def other_branches(
    row: Projectable, rows: StoredRows | None, kept: int, connection: sqlite3.Connection, decoder: Decoder
) -> list[OtherBranch]:
    """The branches beside the one that ends at the head, in the order of writing.

    `kept`: how many rows the head's conversation begins with.
    """
    found = connection.execute(statements("rewinding")["tips"], {"thread_id": row.thread_id}).fetchall()
    tips = [each[0] for each in found if each[0] != row.head_id]
    if not tips:
        return []
    known = {}
    if rows is not None:
        left, current = rows.projected_id, rows.identities(kept)
        stored = MessageTable(connection).branches(row.position)
        known = {each.tip: each.unshared(current, kept) for each in stored}
        if left is not None and left in tips and rows.message_count is not None:
            known[left] = OtherBranch(left, rows.count, b"").unshared(current, kept)
    return [
        known.get(tip) or branch_of(tip, decoder.messages(connection, row.thread_id, tip) or ())
        for tip in tips
    ]


def derive(row: Projectable, connection: sqlite3.Connection, decoder: Decoder) -> Projection:
    """Derive the projection of a thread from its head alone; `branches` is None."""
    from threads.store import previews

    thread_id, head_id = row.thread_id, row.head_id
    head = decoder.read_head(connection, thread_id, head_id) if head_id else HeadMessages([], True)
    messages = None if head is None else [each.message for each in head.messages]
    lost, waiting = unanswered_calls(messages or ())
    if waiting and head_id and decoder.is_finished(connection, thread_id, head_id):
        lost += waiting
    created_at, updated_at = row.created_at, row.updated_at
    if head_id and (created_at is None or updated_at is None):
        values = {"thread_id": thread_id}
        first_id = connection.execute(statements("projections")["first_checkpoint"], values).fetchone()[0]
        created_at = decoder.written_at(connection, thread_id, first_id)
        updated_at = decoder.written_at(connection, thread_id, head_id)
    if messages is None:  # the title that a reader with the graph derived stays
        said = Said(previews.UNTITLED_TITLE if row.auto_title == previews.NEW_TITLE else row.auto_title)
    else:
        said = _describe(row, messages, connection, decoder)
    return Projection(
        position=row.position,
        thread_id=thread_id,
        head_id=head_id,
        created_at=created_at,
        updated_at=updated_at,
        auto_title=said.title,
        preview=None if messages is None else previews.preview(messages),
        message_count=None if messages is None else previews.count(messages),
        messages=said.messages,
        conversation=() if head is None else head.messages,
        is_append_only=head is not None and head.is_append_only,
        places=said.places,
        unanswered=lost,
        times={**said.times, **_known_times(head)},
        stored=said.stored,
    )


def _known_times(head: HeadMessages | None) -> dict[str, int]:
    """When the messages of a head were stored, in milliseconds since 1970, by id, as their rows have it."""
    messages = () if head is None else [each.message for each in head.messages]
    times = {storable(each.id): milliseconds(each.created_at) for each in messages if each.id}
    return {id: time for id, time in times.items() if time is not None}


class Said(NamedTuple):
    """The messages of a thread, including those that were removed from its state."""

    title: str
    messages: Sequence[IndexedMessage] = ()
    places: Sequence[int] = ()
    """Where the messages of its state are among them."""
    stored: Sequence[IndexedMessage] = ()
    """The messages that have rows, if these are of the same thread."""
    times: Mapping[str, int] = {}


def _describe(
    row: Projectable, messages: Sequence[Message], connection: sqlite3.Connection, decoder: Decoder
) -> Said:
    """The title of a thread, and the messages that are searched.

    What the rows of the index know is not read again from the history, as long as the thread stays on the
    same branch.
    """
    from threads.store import previews

    if row.head_id is None:
        return Said(previews.title(messages))
    has_rows = row.projected_id is not None or row.auto_title != previews.NEW_TITLE
    stored = []
    if has_rows and has_table(connection, "threads_message_text"):
        stored = index.list_messages(connection, row.position)
    since = row.projected_id if stored else None
    known = [each.key for each in stored if each.role != "system"] if since else []
    branch = decoder.conversation(connection, row.thread_id, row.head_id, messages, since, known)
    trimmed = {id(message) for message in branch.trimmed}
    found = [_indexed(each, is_trimmed=id(each) in trimmed) for each in branch.messages]
    by_key = {each.key: each for each in found}
    if branch.is_whole:
        said = found
    else:
        remaining = [each for each in stored if each.role != "system" and each.key not in branch.deleted]
        without_id = {(each.role, each.text) for each in found}
        earlier = [each for each in remaining if each.key not in by_key and each.key not in without_id]
        users = [by_key.get(each.key, each) for each in remaining if each.role == "user"] if earlier else []
        said = users + found  # rows are in the order in which they came into the branches in view
        found = [each._replace(is_counted=False) for each in earlier] + found
    count_before = len(found) - len(branch.messages)
    places = [count_before + n for n, each in enumerate(branch.messages) if id(each) not in trimmed]
    title, first = previews.title(said), next((each for each in stored if each.role == "user"), None)
    has_title = row.auto_title not in (previews.NEW_TITLE, previews.UNTITLED_TITLE)
    if has_title and (first is None or previews.title([first]) != row.auto_title or first.key not in by_key):
        cut = connection.execute(statements("projections")["is_cut"], {"thread_id": row.thread_id}).fetchone()
        title = row.auto_title if cut is not None and cut[0] else title
    return Said(title, found, places, stored, branch.times)


def unanswered_calls(messages: Sequence[Message]) -> tuple[list[str], list[str]]:
    """The tool calls without an answer that other messages follow; a provider refuses such a conversation.

    And those at its end, which may still be answered: by an active run, or when an interrupt is resumed.
    """
    waiting: list[str] = []
    lost: list[str] = []
    for message in messages:
        if message.role == "tool":
            waiting = [id for id in waiting if id != message.tool_call_id]
        else:
            lost += waiting
            waiting = [str(call.id) for call in message.tool_calls]
    return lost, waiting


def _indexed(message: Message, *, is_trimmed: bool) -> IndexedMessage:
    """What the index stores of a message; lone surrogates, which no file can hold, become question marks."""
    from threads.store import previews

    text, id = storable(message.text), message.id and storable(message.id)
    usage = message.usage
    tokens = (usage.input_tokens, usage.output_tokens) if usage else (0, 0)
    is_counted = not is_trimmed and previews.is_counted(message)
    return IndexedMessage(id, message.role, text, is_counted, *tokens)
