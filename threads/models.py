"""What crosses the walls: threads, messages, pages. Frozen, and free of any row or connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Literal, TypeVar, overload

T = TypeVar("T")

Status = Literal["idle", "busy", "interrupted", "error"]
Role = Literal["user", "assistant", "system", "tool"]
SortBy = Literal["updated_at", "created_at", "title", "message_count", "thread_id"]
SortOrder = Literal["asc", "desc"]
RunStatus = Literal["pending", "running", "success", "error", "interrupted", "stopped"]
RunKind = Literal["message", "input", "resume", "edit", "regenerate", "recovery", "title"]
EventType = Literal[
    "started", "token", "message", "tool_started", "tool_finished", "state", "custom", "title", "interrupted",
    "finished", "failed", "stopped", "gap",
]  # fmt: skip
ENDS = frozenset(("interrupted", "finished", "failed", "stopped"))
"""The events that a run ends with."""
Action = Literal["keep", "prune", "archive", "trash", "delete"]
Measured = Literal["day", "agent", "owner", "tag"]


def moment(milliseconds: int | None) -> datetime | None:
    """A stored time as a `datetime` in UTC."""
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def milliseconds(moment: datetime | None) -> int | None:
    """A `datetime` as it is stored."""
    return None if moment is None else round(moment.timestamp() * 1000)


def _bundle(items: Sequence[Any], text: str, *, more: bool = False) -> dict[str, str]:
    from threads import notebook  # when a notebook asks: most processes never do

    return notebook.bundle(items, text, more=more)


class Shown:
    """Something that looks well as the last line of a notebook's cell."""

    __slots__ = ()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return _bundle([self], repr(self))


@dataclass(frozen=True, slots=True)
class Thread(Shown):
    """A conversation, as a list shows it."""

    id: str
    title: str
    """Set by hand, else taken from the first user message."""
    agent_id: str | None
    """The agent that answers here, where it was said or the agent's checkpoints say it."""
    owner: str | None
    """Whose it is; None: the local user's and the admins'."""
    status: Status
    created_at: datetime | None
    """UTC; None where an adopted checkpoint does not tell."""
    updated_at: datetime | None
    """When a checkpoint was last stored, UTC."""
    message_count: int | None
    """User and assistant messages with visible text; None where the state cannot be decoded."""
    last_message: str | None
    """Preview: the last user or assistant message with text, at most 100 characters, without Markdown."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    pinned: bool = False
    archived: bool = False
    trashed_at: datetime | None = None

    @property
    def config(self) -> dict[str, dict[str, str]]:
        """What LangGraph wants as `config` to speak in this thread."""
        return {"configurable": {"thread_id": self.id}}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What an assistant message asks a tool to do."""

    id: str | None
    name: str
    args: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens a model reported for one message."""

    input_tokens: int
    output_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class Message(Shown):
    """One message of a thread, as a person would read it."""

    id: str | None
    role: Role
    text: str
    """What is visible: the text parts, joined."""
    content: tuple[Mapping[str, Any], ...] = ()
    """LangChain's standard content blocks: text, images, tool calls, reasoning, ..."""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    """In a tool's message: the call it answers."""
    name: str | None = None
    created_at: datetime | None = None
    """When the step that wrote it was stored, UTC; None where the history no longer tells."""
    run_id: str | None = None
    usage: Usage | None = None
    version: int = 1
    """Which of its `versions` it is, from 1."""
    versions: tuple[str, ...] = ()
    """Where it was said differently, or answered anew: the last checkpoints of those branches and of its
    own, in the order in which they were said. `Registry.rewind(to=...)` brings one into view."""
    stopped: bool = False
    """Whether it was cut off: somebody stopped the run that was saying it."""


@dataclass(frozen=True, slots=True)
class Checkpoint(Shown):
    """A state of a thread that can be read, forked or gone back to."""

    id: str
    parent_id: str | None
    created_at: datetime | None
    source: str | None
    """What made it: `input`, `loop`, `update` or `fork`."""
    step: int | None


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run: what was let through an agent in a thread, and how far it came."""

    id: str
    thread_id: str
    kind: RunKind
    status: RunStatus
    agent_id: str | None
    key: str | None
    """The caller's idempotency key."""
    error: str | None
    """Why it failed, in a sentence."""
    created_at: datetime | None
    started_at: datetime | None
    first_token_at: datetime | None
    finished_at: datetime | None
    input_tokens: int = 0
    output_tokens: int = 0
    attempts: int = 0
    """How often it was begun: more than once after a crash or a retry."""
    head_id: str | None = None
    """The thread's checkpoint when the run ended."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a thread; stored, so that everybody reads the same story."""

    thread_id: str
    sequence: int
    """Order in the thread, from 1. Numbers of dropped tokens are missing."""
    position: int
    """Order over all threads."""
    type: EventType
    run_id: str | None
    data: Mapping[str, Any]
    """What belongs to the type; the README has the table."""
    created_at: datetime | None

    @property
    def is_end(self) -> bool:
        """Whether the run it belongs to ends with it."""
        return self.type in ENDS


@dataclass(frozen=True, slots=True)
class Interrupt:
    """A question of an agent to a person; `Runner.resume` answers it."""

    id: str
    value: Any


@dataclass(frozen=True, slots=True)
class Diff:
    """What one conversation has and another has not."""

    common: int
    """Messages that both begin with."""
    removed: tuple[Message, ...]
    """After them, in the first only."""
    added: tuple[Message, ...]
    """After them, in the second only."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was let go."""

    checkpoints: int = 0
    bytes: int = 0
    """Of stored values; the file itself shrinks when it is compacted."""

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(self.checkpoints + other.checkpoints, self.bytes + other.bytes)


@dataclass(frozen=True, slots=True)
class Problem:
    """A place where registry and memory disagree."""

    kind: str
    thread_id: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class Tag(Shown):
    """A tag, and how many threads in sight have it."""

    name: str
    threads: int


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the threads that were to be changed, by id."""

    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    """They were so already."""
    missing: tuple[str, ...] = ()
    """There is no such thread."""
    busy: tuple[str, ...] = ()
    """A run is going on in them, so they were not put away or erased."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is to be done with threads as they grow old: with those that fit all that is said."""

    name: str
    action: Action
    thread_id: str | None = None
    """Of this thread alone."""
    tag: str | None = None
    agent_id: str | None = None
    owner: str | None = None
    abandoned: bool = False
    """Only threads in which no agent has ever answered."""
    inactive: timedelta | None = None
    """So long after the last activity."""
    age: timedelta | None = None
    """So long after the thread was begun."""
    trashed: timedelta | None = None
    """So long after it was put in the trash."""


@dataclass(frozen=True, slots=True)
class Token:
    """Something that lets a user in; what it says is known to him alone."""

    id: str
    kind: Literal["token", "session"]
    created_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may come in by the network."""

    name: str
    """The owner of the threads he begins."""
    is_admin: bool
    """Whether he may see all threads."""
    created_at: datetime | None
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a rule did, or would do."""

    rule: str
    action: Action
    threads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stat(Shown):
    """What went on, on one day or with one agent, owner or tag."""

    key: str | None
    """The day (`2026-01-31`, UTC), agent, owner or tag; None for none, or for all together."""
    threads: int
    """That were begun."""
    messages: int
    input_tokens: int
    output_tokens: int
    runs: int
    failures: int
    latency: float | None
    """Seconds that a run took, on average; None without runs."""


@dataclass(frozen=True, slots=True, repr=False)
class Page(Sequence[T], Generic[T]):
    """A part of a list: a sequence of its items, and how to go on."""

    items: tuple[T, ...]
    next_cursor: str | None = None
    """Hand it in as `cursor` to get the next page; None on the last one."""
    counted: Callable[[], int] = field(default=lambda: 0, compare=False)

    @property
    def total(self) -> int:
        """How many there are on all pages together; counted when it is read."""
        return self.counted()

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self.items[index]

    def __repr__(self) -> str:
        return f"Page({list(self.items)!r})"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return _bundle(self.items, repr(self), more=self.next_cursor is not None)


@dataclass(frozen=True, slots=True)
class Hit(Shown):
    """Something that was found: a message, or a thread by its title."""

    thread: Thread
    message: Message | None
    """None where the title was found, or the thread by filters alone."""
    snippet: str
    """The piece of the text around what was found, in one line."""
    matches: tuple[tuple[int, int], ...] = ()
    """Where in the snippet the finds stand: the first character and the one after the last."""
    rank: float = 0.0
    """The lower, the better; 0 where so much was found that the newest come first."""

    def marked(self, before: str = "**", after: str = "**") -> str:
        """The snippet with each find between `before` and `after`."""
        parts, end = [], 0
        for start, stop in self.matches:
            parts += [self.snippet[end:start], before, self.snippet[start:stop], after]
            end = stop
        return "".join([*parts, self.snippet[end:]])


@dataclass(frozen=True, slots=True, repr=False)
class Hits(Page[Hit]):
    """A page of what was found."""

    unindexed: int = 0
    """Threads whose latest words were not looked at: reading them all takes longer than was allowed."""


@dataclass(frozen=True, slots=True, repr=False)
class Stats(Page[Stat]):
    """What went on, by day, agent, owner or tag."""

    unindexed: int = 0
    """Threads whose latest messages are not counted yet: reading them takes longer than was allowed."""
