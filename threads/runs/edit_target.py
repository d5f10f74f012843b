"""Where in a conversation something is said or answered anew."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from threads.checkpoint.branches import MessageOrigin
from threads.errors import MessageNotFound
from threads.models import Message
from threads.registry import Registry
from threads.registry.context import Inside
from threads.store import threads as thread_table


class Spot(NamedTuple):
    """A message of the branch in view."""

    at: Message
    asked: Message
    """The user message that it answers; of a user message, that itself."""
    place: MessageOrigin
    """Where `asked` came from."""


def spot(
    inside: Inside, registry: Registry, thread_id: str, message_id: str | None, roles: Collection[str]
) -> Spot:
    """Where this message stands, or without an id the last one of these roles; `MessageNotFound`."""
    said = registry.messages(thread_id).items
    found = [n for n, each in enumerate(said) if each.role in roles and message_id in (None, each.id)]
    if not found:
        raise MessageNotFound(
            thread_id, message_id or "", f"none of role {' or '.join(roles)} in the branch in view"
        )
    at = said[found[-1]]
    asked = next((each for each in reversed(said[: found[-1] + 1]) if each.role == "user"), None)
    with inside.database.read() as connection:
        head_id = thread_table.get(connection, thread_id)["head_id"]
        place = None if asked is None else inside.decoder.place(connection, thread_id, head_id, asked.id)
    if asked is None or place is None:
        raise MessageNotFound(thread_id, at.id or "", "the history no longer tells where it came from")
    return Spot(at, asked, place)
