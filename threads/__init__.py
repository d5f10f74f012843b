"""Chat threads for any LangGraph agent, kept in the same database as its checkpoints.

    with threads.open("support.db") as registry:
        agent = build_agent(checkpointer=registry.checkpointer)
        agent.invoke({"messages": [{"role": "user", "content": "Hi, I'm Alice"}]},
                     {"configurable": {"thread_id": "alice_session"}})
        registry.list()

All threads of the database are listed, with title, message count, preview and times. Importing this
package is cheap: LangGraph is imported when the checkpointer or a message is used.
"""

from typing import Any

from threads.db.backups import restore_backup
from threads.db.open import detach
from threads.errors import (
    AgentNotFound,
    AlreadyAnswered,
    CheckpointNotFound,
    DatabaseBusy,
    DatabaseError,
    DatabaseFull,
    DatabaseGone,
    DatabaseNotFound,
    ForeignDatabase,
    InvalidCursor,
    InvalidThreadId,
    InvalidValue,
    KeyReused,
    KindNotAllowed,
    LeaseLost,
    MessageNotFound,
    MessagesUnknown,
    NewerDatabase,
    NotADatabase,
    NothingToResume,
    QueueFull,
    ReadOnly,
    RegistryDetached,
    RunFailed,
    RunNotFound,
    StateDamaged,
    StateUnreadable,
    ThreadBusy,
    ThreadDeleted,
    ThreadExists,
    ThreadMoved,
    ThreadNotFound,
    ThreadsError,
    ThreadTrashed,
    TypeNotAllowed,
    UsageError,
)
from threads.models import (
    AgentInfo,
    Checkpoint,
    Cleaned,
    Diff,
    Event,
    Hit,
    Hits,
    Interrupt,
    Message,
    Page,
    Problem,
    Pruned,
    Report,
    Rule,
    RunInfo,
    Stat,
    Stats,
    Tag,
    Thread,
    Token,
    ToolCall,
    Usage,
    User,
)
from threads.registry import Registry, open  # noqa: A004  the name a user types
from threads.store.authorization import LOCAL, Actor, authorize
from threads.store.protocol import ThreadStore

__all__ = [
    "LOCAL",
    "Actor",
    "AgentInfo",
    "AgentNotFound",
    "AlreadyAnswered",
    "Checkpoint",
    "CheckpointNotFound",
    "Cleaned",
    "DatabaseBusy",
    "DatabaseError",
    "DatabaseFull",
    "DatabaseGone",
    "DatabaseNotFound",
    "Diff",
    "Event",
    "ForeignDatabase",
    "Hit",
    "Hits",
    "Interrupt",
    "InvalidCursor",
    "InvalidThreadId",
    "InvalidValue",
    "KeyReused",
    "KindNotAllowed",
    "LeaseLost",
    "Message",
    "MessageNotFound",
    "MessagesUnknown",
    "NewerDatabase",
    "NotADatabase",
    "NothingToResume",
    "Page",
    "Problem",
    "Pruned",
    "QueueFull",
    "ReadOnly",
    "Registry",
    "RegistryDetached",
    "Report",
    "Rule",
    "Run",
    "RunFailed",
    "RunInfo",
    "RunNotFound",
    "Runner",
    "Stat",
    "StateDamaged",
    "StateUnreadable",
    "Stats",
    "Tag",
    "Thread",
    "ThreadBusy",
    "ThreadDeleted",
    "ThreadExists",
    "ThreadMoved",
    "ThreadNotFound",
    "ThreadStore",
    "ThreadTrashed",
    "ThreadsError",
    "Token",
    "ToolCall",
    "TypeNotAllowed",
    "Usage",
    "UsageError",
    "User",
    "authorize",
    "detach",
    "open",
    "restore_backup",
]


def __getattr__(name: str) -> Any:
    """Import `Runner` and `Run` on first use: they need LangGraph, which takes most of a second."""
    if name in ("Run", "Runner"):
        from threads import runs

        return getattr(runs, name)
    raise AttributeError(f"module 'threads' has no attribute {name!r}")
