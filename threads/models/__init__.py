"""The frozen dataclasses that the public API returns: threads, messages, runs, pages and more."""

from threads.models.admin import Cleaned, Problem, Pruned, Report, Rule, Token, User
from threads.models.agents import AgentInfo
from threads.models.interrupts import Interrupt
from threads.models.pagination import Page
from threads.models.runs import Event, RunInfo
from threads.models.search import Hit, Hits, Stat, Stats
from threads.models.threads import Checkpoint, Diff, Message, Tag, Thread, ToolCall, Usage
from threads.models.types import (
    END_EVENTS,
    Action,
    EventType,
    InterruptKind,
    Measured,
    Role,
    RunKind,
    RunStatus,
    SortBy,
    SortOrder,
    Status,
)

__all__ = [
    "END_EVENTS",
    "Action",
    "AgentInfo",
    "Checkpoint",
    "Cleaned",
    "Diff",
    "Event",
    "EventType",
    "Hit",
    "Hits",
    "Interrupt",
    "InterruptKind",
    "Measured",
    "Message",
    "Page",
    "Problem",
    "Pruned",
    "Report",
    "Role",
    "Rule",
    "RunInfo",
    "RunKind",
    "RunStatus",
    "SortBy",
    "SortOrder",
    "Stat",
    "Stats",
    "Status",
    "Tag",
    "Thread",
    "Token",
    "ToolCall",
    "Usage",
    "User",
]
