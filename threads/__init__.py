"""Chat threads for any LangGraph agent, kept in the same database as its checkpoints.

    with threads.open("support.db") as registry:
        agent = build_agent(checkpointer=registry.checkpointer)
        agent.invoke({"messages": [{"role": "user", "content": "Hi, I'm Alice"}]},
                     {"configurable": {"thread_id": "alice_session"}})
        registry.list()

Every conversation is there, whoever speaks in it, with title, count, preview and times. Importing
this package is cheap: LangGraph is loaded when someone speaks.
"""

from threads.bootstrap import Registry, open  # noqa: A004  the name a user types
from threads.database.opening import detach
from threads.errors import (
    CheckpointNotFound,
    DatabaseBusy,
    DatabaseError,
    DatabaseFull,
    DatabaseNotFound,
    ForeignDatabase,
    InvalidCursor,
    InvalidThreadId,
    InvalidValue,
    MessagesUnknown,
    NewerDatabase,
    NotADatabase,
    ReadOnly,
    ThreadDeleted,
    ThreadExists,
    ThreadMoved,
    ThreadNotFound,
    ThreadsError,
    ThreadTrashed,
    TypeNotAllowed,
    UsageError,
)
from threads.models import Checkpoint, Hit, Hits, Message, Page, Problem, Pruned, Thread, ToolCall, Usage
from threads.registry.store import ThreadStore

__all__ = [
    "Checkpoint",
    "CheckpointNotFound",
    "DatabaseBusy",
    "DatabaseError",
    "DatabaseFull",
    "DatabaseNotFound",
    "ForeignDatabase",
    "Hit",
    "Hits",
    "InvalidCursor",
    "InvalidThreadId",
    "InvalidValue",
    "Message",
    "MessagesUnknown",
    "NewerDatabase",
    "NotADatabase",
    "Page",
    "Problem",
    "Pruned",
    "ReadOnly",
    "Registry",
    "Thread",
    "ThreadDeleted",
    "ThreadExists",
    "ThreadMoved",
    "ThreadNotFound",
    "ThreadStore",
    "ThreadTrashed",
    "ThreadsError",
    "ToolCall",
    "TypeNotAllowed",
    "Usage",
    "UsageError",
    "detach",
    "open",
]
