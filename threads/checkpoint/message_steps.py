"""Which steps wrote the messages of a conversation, and what else they did."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from langchain_core.messages import BaseMessage, RemoveMessage

from threads.checkpoint.head_reader import MAX_WRITTEN
from threads.checkpoint.message_conversion import StoredWith, coerce_messages, content_key, to_message
from threads.checkpoint.serde import Undecodable
from threads.ids import uuid_milliseconds
from threads.message_reducer import REMOVE_ALL_MESSAGES
from threads.models import Message
from threads.search.index import IndexedMessage
from threads.store.decoder import KnownRows
from threads.store.message_rows import StoredMessage


def stored_with_step(checkpoint_id: str, metadata: Mapping[str, Any]) -> StoredWith:
    """Return the step that ended with a checkpoint with these metadata."""
    run_id = metadata.get("run_id")
    return StoredWith(
        uuid_milliseconds(checkpoint_id), run_id if isinstance(run_id, str) else None, checkpoint_id
    )


def assign_steps(
    state: Sequence[BaseMessage],
    saved: Mapping[str, StoredWith],
    updates: Iterable[tuple[StoredWith, Any]],
) -> Iterator[StoredWith]:
    """Yield the step of each message: as saved by a pruning, else by its id, else by its content.

    `updates`: what the steps wrote, the oldest first. A message that got its id after it was written may be
    written again with it, in a list of several. One that was removed and came back later is of that step.
    """
    by_id = dict(saved)
    in_list, removed = set[str](), set[str]()
    by_content: defaultdict[tuple[str, str], list[StoredWith]] = defaultdict(list)
    for step, value in updates:
        with suppress(Undecodable):
            update = coerce_messages(value)
            messages = [each for each in update if not isinstance(each, RemoveMessage)]
            in_list |= {each.id for each in messages[:-1] if each.id} - by_id.keys() - removed
            for message in messages:
                if message.id in removed:
                    removed.remove(message.id)
                    by_id[message.id] = step
                elif message.id:
                    by_id.setdefault(message.id, step)
                else:
                    by_content[content_key(message)].append(step)
            removed |= _removed_ids(update, by_id) - {each.id for each in messages}
    for message in state:
        found = by_id.get(message.id or "")
        if (found is None or message.id in in_list) and (same := by_content.get(content_key(message))):
            found = same.pop(0)
        yield found or StoredWith()


def _removed_ids(update: Sequence[BaseMessage], known: Collection[str]) -> set[str]:
    """The ids of the messages that an update removes."""
    removed = {str(each.id) for each in update if isinstance(each, RemoveMessage)}
    return removed.union(known) if REMOVE_ALL_MESSAGES in removed else removed


def are_only_appended(
    added: Sequence[BaseMessage],
    updates: Iterable[tuple[StoredWith, Any]],
    rows: KnownRows,
    kept: int,
    *,
    is_whole: bool,
) -> bool:
    """Return whether the updates did nothing but append these messages to the first `kept` rows.

    `is_whole`: these rows are known to be unchanged, so messages in them may have been written again.
    """
    ids = [each.id for each in added if each.id]
    contents = {content_key(each) for each in added}
    again: set[str] = set()
    for _, value in updates:
        for message in coerce_messages(value):
            if isinstance(message, RemoveMessage) or (
                not message.id and content_key(message) not in contents
            ):
                return False
            if message.id and message.id not in ids:
                again.add(message.id)
    if len(again) > (MAX_WRITTEN if is_whole else 0) or len(set(ids)) < len(ids):
        return False
    return all(rows.holds(id, kept) for id in again) and not any(rows.holds(id, kept) for id in ids)


def is_concatenation(state: Sequence[BaseMessage], updates: Iterable[tuple[StoredWith, Any]]) -> bool:
    """Return whether the state is all that was written, in this order."""
    try:
        written = [message for _, value in updates for message in coerce_messages(value)]
    except Undecodable:
        return False
    ids = [each.id for each in state if each.id]
    return (
        len(written) == len(state)
        and len(set(ids)) == len(ids)
        and all(
            (one if one.id else one.model_copy(update={"id": other.id})) == other
            for one, other in zip(written, state, strict=True)
        )
    )


def to_stored(
    state: Sequence[BaseMessage], steps: Iterable[StoredWith], digests: Sequence[int | None] | None
) -> list[StoredMessage]:
    """Return messages with the steps that stored them and their digests."""
    all_digests = [None] * len(state) if digests is None else digests
    return [
        StoredMessage(to_message(message, step), step.checkpoint_id, digest)
        for message, step, digest in zip(state, steps, all_digests, strict=True)
    ]


def find_times(
    wanted: Sequence[IndexedMessage],
    saved: Mapping[str, int],
    steps: Iterable[tuple[int | None, Sequence[Message]]],
) -> dict[str, int]:
    """Return when the wanted messages were stored, in milliseconds since 1970, by id.

    `saved`: times that are known without the steps. `steps`: when each was stored and what it wrote, newest
    first, consumed no further than needed. What was written without an id is recognised by its text.
    """
    ids = {each.message_id for each in wanted if each.message_id}
    by_text: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for each in wanted:
        if each.message_id:
            by_text[each.role, each.text].append(each.message_id)
    found: dict[str, int | None] = {id: time for id, time in saved.items() if id in ids}
    if len(found) == len(ids):
        steps = ()
    for time, written in steps:
        for message in written:
            same = [message.id] if message.id else by_text[message.role, message.text]
            if same and same[-1] in ids:
                found.setdefault(same.pop(), time)
        if len(found) == len(ids):
            break
    return {id: time for id, time in found.items() if time is not None}
