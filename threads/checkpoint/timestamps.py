"""When messages were said, as the steps that stored them tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from threads.models import Message
from threads.search.index import IndexedMessage


class Origin(NamedTuple):
    """The step that brought a message: when it was stored, in which run."""

    milliseconds: int | None = None
    run_id: str | None = None


def said_at(
    wanted: Sequence[IndexedMessage],
    kept: Mapping[str, int],
    steps: Iterable[tuple[int | None, Sequence[Message]]],
) -> dict[str, int]:
    """The times of the messages that are wanted, in milliseconds since 1970, by id.

    `kept`: times that are known anyway. `steps`: when each was stored and what it wrote, from the last
    back; taken no further than it must be. What was written without an id is known by its words.
    """
    ids = {each.message_id for each in wanted if each.message_id}
    by_words: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for each in wanted:
        if each.message_id:
            by_words[each.role, each.text].append(each.message_id)
    told: dict[str, int | None] = {id: when for id, when in kept.items() if id in ids}
    if len(told) == len(ids):
        steps = ()
    for when, written in steps:
        for message in written:
            alike = [message.id] if message.id else by_words[message.role, message.text]
            if alike and alike[-1] in ids:
                told.setdefault(alike.pop(), when)
        if len(told) == len(ids):
            break
    return {id: when for id, when in told.items() if when is not None}
