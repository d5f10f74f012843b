"""What events and questions hold: plain JSON, whatever a graph's values are."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from langchain_core.messages import BaseMessage

from threads.models import Message


def told(message: Message) -> dict[str, Any]:
    """A message as an event tells it: what there is of it, without what other branches say."""
    calls = [{"id": call.id, "name": call.name, "args": plain(call.args)} for call in message.tool_calls]
    usage = message.usage and dataclasses.asdict(message.usage)
    fields = {
        "id": message.id, "role": message.role, "text": message.text, "content": plain(message.content),
        "tool_calls": calls, "tool_call_id": message.tool_call_id, "name": message.name,
        "run_id": message.run_id, "usage": usage, "stopped": message.stopped,
    }  # fmt: skip
    return {key: value for key, value in fields.items() if value}


def plain(value: Any) -> Any:
    """The value as JSON holds it; what has no JSON form is told by its `repr`."""
    try:
        return json.loads(json.dumps(value, default=_plain))
    except (TypeError, ValueError, RecursionError):  # keys that are no text, a circle
        return repr(value)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseMessage):
        return {"type": value.type, "content": value.content, "id": value.id}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return repr(value)
