"""Rows of messages: how a `Message` is stored in `threads_message`, and made again from its row.

The text, the role and the message's own id are in `threads_message_text`, where they are searched. The rest
is stored as far as it does not follow from these. A message whose content JSON cannot hold as it is (a date
among the arguments of a tool call, for instance) is opaque: its row says so, and it is read from the
checkpoint.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

from threads.db.queries import milliseconds, moment, to_json
from threads.ids import uuid_milliseconds
from threads.models import Message, ToolCall, Usage

ROLES = ("user", "assistant", "system", "tool")
"""Their index is the first byte of an identity."""
SYSTEM = ROLES.index("system")
OPAQUE = '{"opaque":true}'


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message of a branch, and how it is found in the history."""

    message: Message
    checkpoint_id: str | None
    """The checkpoint with which it was stored; None if the history does not show it."""
    digest: int | None
    """Hash of its stored bytes and those of all messages before; None if they are not stored in one value."""


class MessageRow(NamedTuple):
    """The columns of `threads_message` but `id`, in their order."""

    text_id: int | None
    id_hash: int | None
    identity: int
    digest: int | None
    checkpoint_id: str | bytes | None
    run_id: str | bytes | None
    details: str | None


class ReadRow(NamedTuple):
    """What is read to make a message again."""

    id: int
    message_id: str | None
    role: Any
    text: str
    checkpoint_id: str | bytes | None
    run_id: str | bytes | None
    details: str | None

    @property
    def is_opaque(self) -> bool:
        """Whether the message can only be read from the checkpoint."""
        return self.details == OPAQUE


def encode(stored: StoredMessage) -> MessageRow:
    """Return the row of a message; `text_id` is None."""
    message = stored.message
    run_id = message.run_id
    details = _details(stored) if run_id is None or storable(run_id) == run_id else OPAQUE
    return MessageRow(
        None, id_hash(message.id), identity(message), stored.digest, packed_id(stored.checkpoint_id),
        None if details == OPAQUE else packed_id(run_id), details,
    )  # fmt: skip


def decode(row: ReadRow) -> Message:
    """Return the message of a row that is not opaque."""
    checkpoint_id = unpacked(row.checkpoint_id)
    details = json.loads(row.details) if row.details else {}
    text = details.get("text", row.text)
    calls = tuple(ToolCall(*call) for call in details.get("tool_calls", ()))
    usage = details.get("usage")
    written = details.get("created_at", uuid_milliseconds(checkpoint_id))
    return Message(
        id=details.get("id", row.message_id), role=row.role, text=text,
        content=tuple(details["content"]) if "content" in details else _plain_content(text, calls),
        tool_calls=calls, tool_call_id=details.get("tool_call_id"), name=details.get("name"),
        created_at=moment(written), run_id=unpacked(row.run_id),
        usage=Usage(*usage) if usage else None, stopped=details.get("stopped", False),
        source=details.get("source"), model=details.get("model"),
    )  # fmt: skip


def id_hash(message_id: str | None) -> int | None:
    """Return the hash by which a message is found; None if it has no id."""
    return None if message_id is None else zlib.crc32(message_id.encode(errors="replace"))


def identity(message: Message) -> int:
    """Return a hash of what two branches have in common where they have the same message.

    That is its role, and its id or content. What a user wrote is the same with other ids, too: it may have
    got its id on each branch anew. The first byte is the role's index in `ROLES`.
    """
    if message.id and message.role != "user":
        parts = message.id
    else:
        try:
            parts = f"{message.content!r}{message.tool_calls!r}"
        except RecursionError:  # nested too deeply
            parts = message.text
    digest = blake2b(parts.encode(errors="surrogatepass"), digest_size=7).digest()
    return int.from_bytes(bytes((ROLES.index(message.role),)) + digest)


def role_index(identity: int) -> int:
    """Return the index in `ROLES` of the role in an identity."""
    return identity >> 56


def storable(text: str) -> str:
    """Return a text as a file can hold it: half of a surrogate pair becomes a question mark."""
    return text.encode(errors="replace").decode()


def _details(stored: StoredMessage) -> str | None:
    message = stored.message
    content = [dict(block) for block in message.content]
    found: dict[str, Any] = {
        "id": None if message.id is None or storable(message.id) == message.id else message.id,
        "text": None if storable(message.text) == message.text else message.text,
        "content": None if message.content == _plain_content(message.text, message.tool_calls) else content,
        "tool_calls": [[call.id, call.name, dict(call.args)] for call in message.tool_calls] or None,
        "tool_call_id": message.tool_call_id,
        "name": message.name,
        "usage": message.usage and [*_counts(message.usage)],
        "stopped": message.stopped or None,
        "source": message.source,
        "model": message.model,
    }
    details = {name: value for name, value in found.items() if value is not None}
    written = milliseconds(message.created_at)
    if written != uuid_milliseconds(stored.checkpoint_id):
        details["created_at"] = written
    if not details:
        return None
    try:
        return _checked(details)
    except (ValueError, TypeError, RecursionError):
        return OPAQUE


def _checked(details: Mapping[str, Any]) -> str:
    """Return `details` as JSON; `OPAQUE` if that does not give the same again."""
    text = to_json(details)
    if storable(text) != text:
        text = json.dumps(details)
    return text if not _has_other_types(details) and json.loads(text) == details else OPAQUE


def _has_other_types(value: Any) -> bool:
    """Whether a value has types that JSON replaces by equal ones: True == 1, and subclasses of str."""
    kind = type(value)
    if kind is dict:
        return any(type(key) is not str or _has_other_types(item) for key, item in value.items())
    if kind is list:
        return any(map(_has_other_types, value))
    return kind not in (str, int, float, bool, type(None))


def _plain_content(text: str, calls: Sequence[ToolCall]) -> tuple[dict[str, Any], ...]:
    """Return the content blocks of a message that has a text and tool calls alone."""
    blocks: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    blocks += [{"type": "tool_call", "name": c.name, "args": c.args, "id": c.id} for c in calls]
    return tuple(blocks)


def _counts(usage: Usage) -> tuple[int, int, int]:
    return usage.input_tokens, usage.output_tokens, usage.total_tokens


def packed_id(id: str | None) -> str | bytes | None:
    """Return an id as it is stored: 16 bytes for a UUID in its usual form."""
    if id is None or len(id) != 36:
        return id
    try:
        parsed = UUID(id)
    except ValueError:
        return id
    return parsed.bytes if str(parsed) == id else id


def unpacked(stored: str | bytes | None) -> str | None:
    """Return a stored id."""
    return str(UUID(bytes=stored)) if isinstance(stored, bytes) else stored


def with_version(message: Message, version: int, versions: Sequence[str]) -> Message:
    """Return the message with its versions."""
    return replace(message, version=version, versions=tuple(versions))
