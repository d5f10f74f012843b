"""What a caller may see of an agent's errors: admins the message, others only the type and the run's id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from threads import Actor, RunFailed
from threads.models import RunInfo

UNKNOWN_TYPE = "Error"
"""Stands for an error type that an older version did not store."""


def visible_run(actor: Actor, run: RunInfo) -> RunInfo:
    """Return the run, without the message of its error where the actor is no admin."""
    if run.error is None or actor.is_admin:
        return run
    return replace(run, error=run.error_type or UNKNOWN_TYPE, error_message=None)


def visible_reason(actor: Actor, error: RunFailed) -> str:
    """Return why a run failed: the message for admins, else the type of the error."""
    return error.reason if actor.is_admin else error.error_type or UNKNOWN_TYPE


def visible_event_data(actor: Actor, type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of an event, without the message of an error where the actor is no admin."""
    if actor.is_admin or type not in ("failed", "tool_finished"):
        return dict(data)
    visible = {key: value for key, value in data.items() if key != "error_message"}
    if "reason" in visible:
        visible["reason"] = visible.get("error_type", UNKNOWN_TYPE)
    if "error" in visible:
        visible["error"] = "the tool failed"
    return visible
