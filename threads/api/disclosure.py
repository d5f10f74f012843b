"""What of an agent's errors is shown to whom: admins see all, others the type and the run's id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from threads import Actor, RunFailed
from threads.models import RunInfo

UNKNOWN = "Error"
"""Stands for a type that an older version did not store."""


def visible_run(actor: Actor, run: RunInfo) -> RunInfo:
    """A run without the message of its error."""
    if run.error is None or actor.is_admin:
        return run
    return replace(run, error=run.error_type or UNKNOWN, error_message=None)


def visible_reason(actor: Actor, error: RunFailed) -> str:
    """Why a run failed."""
    return error.reason if actor.is_admin else error.error_type or UNKNOWN


def visible_data(actor: Actor, type: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of an event without the message of an error."""
    if actor.is_admin or type not in ("failed", "tool_finished"):
        return dict(data)
    shown = {key: value for key, value in data.items() if key != "error_message"}
    if "reason" in shown:
        shown["reason"] = shown.get("error_type", UNKNOWN)
    if "error" in shown:
        shown["error"] = "the tool failed"
    return shown
