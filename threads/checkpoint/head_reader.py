"""What has changed in a conversation since its rows were stored, read without decoding all of it.

A run appends a few messages. Where the head follows the checkpoint that the rows were made from, or another
one with which a row was stored, only what the steps in between added is decoded. A state that is stored whole
is compared with the rows by a hash of its bytes; a delta channel is merged with placeholders for the messages
before. Whatever else a step did (it removed, replaced or moved messages) is not read here: the whole state is
decoded then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from operator import attrgetter
from typing import Any, NamedTuple

import ormsgpack

from threads.checkpoint.delta_history import delta_channels
from threads.checkpoint.serde import RawExtension
from threads.langgraph_internals import EXT_DELTA_SNAPSHOT
from threads.store.decoder import KnownRows

MAX_STEPS = 200
"""Steps since the rows were stored, after which the whole state is decoded."""
MAX_WRITTEN = 200
"""Messages that steps wrote and that have rows already, after which the whole state is decoded."""
REWOUND_TO = "rewound_to"
"""Key in a checkpoint's metadata: it is a copy of this one, made by `rewind`."""


@dataclass(frozen=True)
class HeadStep:
    """A checkpoint, with the one before it. Its metadata are read where they are needed."""

    id: str
    parent_id: str | None
    read_metadata: Callable[[str], Mapping[str, Any]]

    @cached_property
    def metadata(self) -> Mapping[str, Any]:
        """The metadata of the checkpoint."""
        return self.read_metadata(self.id)

    @property
    def origin(self) -> str:
        """The checkpoint itself, or the one it is a copy of."""
        return origin_of(self.id, self.metadata)


def origin_of(checkpoint_id: str, metadata: Mapping[str, Any]) -> str:
    """Return the checkpoint that this one is a copy of, or itself."""
    copied = metadata.get(REWOUND_TO)
    return copied if isinstance(copied, str) else checkpoint_id


class Base(NamedTuple):
    """A checkpoint before the head, of which rows are the conversation."""

    row_count: int
    steps: list[HeadStep]
    """The checkpoints after it, the newest first."""
    is_certain: bool
    """Whether these rows were made from it, or messages were only appended since."""


def find_base(walk: Iterator[HeadStep], rows: KnownRows) -> Base | None:
    """Return the newest checkpoint of a branch that the rows know; None if none is near the head."""
    steps: list[HeadStep] = []
    for step in walk:
        if step.id == rows.projected_id:
            return Base(rows.count, steps, True)
        steps.append(step)
        if len(steps) == MAX_STEPS:
            break
    for number, step in enumerate(steps):
        if (count := rows.count_at(step.origin)) is not None:
            is_certain = rows.append_only_from == 0 or count > rows.append_only_from
            return Base(count, steps[:number], is_certain)
    return None


def is_restart(step: HeadStep, channel: str) -> bool:
    """Whether a step begins with a snapshot of a delta channel that its tasks did not come to."""
    return channel not in delta_channels(step.metadata) and step.metadata.get("source") != "loop"


def raw_value(kind: str, data: bytes) -> Any:
    """Return a stored value in which values of types of their own are `RawExtension`s; None in other formats
    than msgpack.
    """
    if kind != "msgpack":
        return None
    return _unpacked(data)


def digests_of(stored: Sequence[Any], kept: int) -> tuple[int | None, list[int | None] | None]:
    """Return the hash of the stored bytes of the first `kept` messages, and for each message after them the
    hash of its bytes and those of all before.

    None for both if one of the messages is not stored in a type of its own.
    """
    if not {RawExtension}.issuperset(map(type, stored)):
        return None, None
    data = list(map(attrgetter("data"), stored))
    running = blake2b(b"".join(data[:kept]), digest_size=8)
    before, found = _signed(running.digest()), list[int | None]()
    for each in data[kept:]:
        running.update(each)
        found.append(_signed(running.digest()))
    return before, found


def snapshot_ids(stored: Any) -> list[Any] | None:
    """Return the ids of the messages in a stored snapshot; None if it holds anything else."""
    if type(stored) is not RawExtension or stored.kind != EXT_DELTA_SNAPSHOT:
        return None
    items = _unpacked(stored.data)
    if not isinstance(items, list) or not all(type(item) is RawExtension for item in items):
        return None
    named = [_unpacked(item.data) for item in items]
    if not all(isinstance(each, list) and len(each) > 2 and isinstance(each[2], dict) for each in named):
        return None
    return [each[2].get("id") for each in named]


def _unpacked(data: bytes) -> Any:
    return ormsgpack.unpackb(data, ext_hook=RawExtension, option=ormsgpack.OPT_NON_STR_KEYS)


def _signed(digest: bytes) -> int:
    """Return 8 bytes as the integer that SQLite stores."""
    return int.from_bytes(digest, signed=True)
