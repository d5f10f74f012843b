"""`open` and `Registry`: the public interface to the threads of one database.

`Registry` is a facade. Each method delegates to a service of this package; its docstring is the API
reference.
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from threads.db.database import Database
from threads.db.migrations import Progress
from threads.db.open import open_database
from threads.models import (
    Action,
    Checkpoint,
    Cleaned,
    Diff,
    Hits,
    Interrupt,
    Measured,
    Message,
    Page,
    Problem,
    Pruned,
    Report,
    Rule,
    RunInfo,
    SortBy,
    SortOrder,
    Stats,
    Status,
    Tag,
    Thread,
)
from threads.registry.branches import BranchService
from threads.registry.bulk import BulkService
from threads.registry.context import Clock, Closeable, RegistryContext
from threads.registry.maintenance import MaintenanceService
from threads.registry.messages import MessageService
from threads.registry.retention import RetentionService
from threads.registry.runs import RunService
from threads.registry.stats import StatsService
from threads.registry.subscription import EventSubscription
from threads.registry.threads import PATIENCE, ProjectionRefresher, ThreadService
from threads.registry.users import AccessService, UserService
from threads.store.authorization import Actor, Verb
from threads.store.filters import Filters
from threads.store.protocol import UNSET, Unset


def open(
    where: str | os.PathLike[str],
    *,
    read_only: bool = False,
    types: Iterable[type | tuple[str, str]] = (),
    reducer: Callable[[list[Any], list[Any]], list[Any]] | None = None,
    clock: Clock = lambda: datetime.now(UTC),
    progress: Progress | None = None,
) -> Registry:
    """Open a database and return its registry; close it with `with`, `async with` or `.close()`.

    `where` is a path, `":memory:"` or `sqlite:///file.db`. A new file is created, an older schema migrated,
    and a file of LangGraph's own `SqliteSaver` extended by our tables; with `read_only` the file is not
    changed.

    `types` are classes of your own that graph states contain, for the strict allow-list of stored values.
    `reducer` is the reducer of a `DeltaChannel` called `messages`, unless it is our agents'; without it the
    messages of such threads are unknown. `clock` gives the time of changes made through the registry.
    `progress(label, done, total)` is called during long operations.

    Raises `DatabaseError`, which names the file and the remedy; the file is not changed then.
    """
    database = open_database(where, read_only=read_only, progress=progress)
    return Registry(
        RegistryContext(database, types=tuple(types), reducer=reducer, clock=clock, progress=progress)
    )


class Registry(Closeable):
    """The threads of one database, with the checkpointer of the agents that run in them.

    Usable from any thread and event loop. Implements `ThreadStore`.
    """

    def __init__(self, context: RegistryContext) -> None:
        self._context = context
        """For `threads.runs` and the interfaces: database, checkpointer, decoder, clock and event poller."""
        self._projections = ProjectionRefresher(context)
        self._threads = ThreadService(context, self._projections)
        self._messages = MessageService(context)
        self._branches = BranchService(context, self._threads, self._messages)
        self._runs = RunService(context)
        self._stats = StatsService(context, self._projections)
        self._bulk = BulkService(context, self._projections)
        self._retention = RetentionService(context, self._projections, self._bulk)
        self._maintenance = MaintenanceService(context)
        self._users = UserService(context)
        self._access = AccessService(context)
        self._projections.invalidate_unknown()
        context.idle.add_task(self._projections.refresh_all)
        context.idle.add_task(self._retention.empty_trash)

    def __repr__(self) -> str:
        options = ", read_only=True" if self._database.read_only else ""
        return f"threads.open({self._database.where!r}{options})"

    @property
    def _database(self) -> Database:
        return self._context.database

    @cached_property
    def _search(self) -> Any:
        # imported here because its modules would slow down commands that only list
        from threads.registry.search import SearchService

        return SearchService(self._context, self._projections, self._threads)

    @property
    def checkpointer(self) -> Any:
        """The `BaseCheckpointSaver` for your graphs: for sync and async, from any thread and event loop."""
        return self._context.checkpointer

    def close(self) -> None:
        """Finish pending writes and close the file. Closing twice is harmless.

        Does nothing in a process that was forked from the one that opened the registry.
        """
        self._context.close()

    def create(
        self,
        *,
        id: str | None = None,
        title: str | None = None,
        agent_id: str | None = None,
        owner: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
        if_exists: Literal["raise", "do_nothing"] = "raise",
    ) -> Thread:
        """Create a thread and return it; its id is a new UUIDv7 unless given.

        If the id is taken, raises `ThreadExists`, or with `if_exists="do_nothing"` returns the stored thread
        unchanged. Raises `InvalidThreadId`, `InvalidValue`.
        """
        return self._threads.create(id, title, agent_id, owner, metadata, tags, if_exists)

    def begin_once(
        self,
        id: str,
        *,
        key: str,
        request: str,
        title: str | None = None,
        agent_id: str | None = None,
        owner: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
    ) -> Thread:
        """Create a thread for a request with an idempotency key, or return the thread it created before.

        `id` is derived from the key and its owner by the caller. `request` is the request's content; its hash
        is stored with the thread, to tell a repeated request from another one with the same key. A repeated
        request returns the thread as it is now.

        Raises `KeyReused` if another request came with the key, and `ThreadNotFound` if the thread was
        deleted since.
        """
        return self._threads.begin_once(
            id, key, request, title=title, agent_id=agent_id, owner=owner, metadata=metadata, tags=tags
        )

    def get(self, id: str) -> Thread:
        """Return a thread, also one in the trash.

        Raises `ThreadNotFound`, which suggests similar ids.
        """
        return self._threads.get(id)

    def list(
        self,
        *,
        agent_id: str | None = None,
        owner: str | None = None,
        tag: str | Sequence[str] | None = None,
        status: Status | None = None,
        pinned: bool | None = None,
        archived: bool | None = False,
        trashed: bool | None = False,
        metadata: Mapping[str, Any] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        sort_by: SortBy = "updated_at",
        sort_order: SortOrder = "desc",
        limit: int = 20,
        offset: int = 0,
        cursor: str | None = None,
    ) -> Page[Thread]:
        """Return a page of the threads that match all filters, latest activity first. None disables a filter.

        Archived and trashed threads are excluded by default. `tag` is one tag or several that a thread must
        all have; `metadata` gives keys with the values they must have; `since` (inclusive) and `until`
        (exclusive) compare with `updated_at`. For the next page pass `cursor=page.next_cursor`, which neither
        skips nor repeats a thread while others are active, or `offset`.

        Raises `InvalidValue`, `InvalidCursor`.
        """
        return self._threads.list_threads(
            Filters(agent_id, owner, tag, status, pinned, archived, trashed, metadata, since, until),
            sort_by, sort_order, limit, offset, cursor,
        )  # fmt: skip

    def update(
        self,
        id: str,
        *,
        title: str | Unset | None = UNSET,
        metadata: Mapping[str, Any] | Unset = UNSET,
        tags: Sequence[str] | Unset = UNSET,
        pinned: bool | Unset = UNSET,
        archived: bool | Unset = UNSET,
        owner: str | Unset | None = UNSET,
        agent_id: str | Unset | None = UNSET,
    ) -> Thread:
        """Change the given fields of a thread and return it.

        Metadata merges by key, where None removes a key; tags are replaced. `title=None` restores the
        automatic title.

        Raises `ThreadNotFound`, `InvalidValue`; nothing is changed then.
        """
        return self._threads.update(
            id, title=title, metadata=metadata, tags=tags, pinned=pinned, archived=archived, owner=owner,
            agent_id=agent_id,
        )  # fmt: skip

    def trash(self, id: str) -> Thread:
        """Move a thread to the trash: it is not listed, and its state can be neither read nor written.

        `restore` brings it back. Raises `ThreadNotFound`, and `ThreadBusy` while a run is active.
        """
        return self._threads.trash(id)

    def restore(self, id: str) -> Thread:
        """Take a thread out of the trash. Raises `ThreadNotFound`."""
        return self._threads.restore(id)

    def delete(self, id: str) -> None:
        """Delete a thread with its checkpoints, for good. Raises `ThreadNotFound`.

        A run that is still active cannot bring it back: its writes are refused.
        """
        self._threads.delete(id)

    def ids_with_prefix(self, prefix: str, *, limit: int = 3) -> builtins.list[str]:
        """Return up to `limit` thread ids that begin with `prefix`, sorted."""
        return self._threads.ids_with_prefix(prefix, limit)

    def search(
        self,
        text: str,
        *,
        agent_id: str | None = None,
        owner: str | None = None,
        tag: str | Sequence[str] | None = None,
        status: Status | None = None,
        pinned: bool | None = None,
        archived: bool | None = False,
        trashed: bool | None = False,
        metadata: Mapping[str, Any] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 20,
        offset: int = 0,
        cursor: str | None = None,
        patience: float | None = PATIENCE,
    ) -> Hits:
        """Search titles and the messages of current branches; return a page of hits, best match first.

        A term matches the beginning of a word, regardless of case and accents; terms in "quotes" must be
        adjacent. If nothing matches that way, terms match inside words. `tag: agent: owner: is:pinned
        is:archived before: after: role:` in the text are filters, like the parameters, which are those of
        `list`. A text without terms returns all threads that match the filters. If more than 400 messages
        match, the newest threads come first.

        New messages are indexed first, for at most `patience` seconds, or without limit if None; `unindexed`
        is the number of threads that remain after that.

        Raises `InvalidValue`, `InvalidCursor`.
        """
        filters = Filters(agent_id, owner, tag, status, pinned, archived, trashed, metadata, since, until)
        hits: Hits = self._search.search(text, filters, limit, offset, cursor, patience)
        return hits

    def messages(
        self, id: str, *, limit: int | None = None, before: str | None = None, at: str | None = None
    ) -> Page[Message]:
        """Return messages, oldest first: the last `limit`, or the last ones before message `before`.

        `next_cursor` is the `before` of the page with older messages. `at` selects the state at a checkpoint,
        on any branch, or the last state with a message, which the current one may not hold any more.

        Raises `ThreadNotFound`, `ThreadTrashed`, `CheckpointNotFound`, and `MessagesUnknown` or
        `StateDamaged` if the state cannot be decoded.
        """
        return self._messages.messages(id, limit, before, at)

    def history(self, id: str) -> Page[Checkpoint]:
        """Return the checkpoints of a thread, newest first. Raises `ThreadNotFound`, `ThreadTrashed`."""
        return self._messages.history(id)

    def diff(
        self, id: str, other: str | None = None, *, at: str | None = None, to: str | None = None
    ) -> Diff:
        """Compare thread `id` at checkpoint `at` with thread `other` at checkpoint `to`.

        Without `other`, both are states of thread `id`; without a checkpoint, the current state is compared.
        Messages are equal if role, text and tool calls are.

        Raises `ThreadNotFound`, `ThreadTrashed`, `CheckpointNotFound`, `MessagesUnknown`.
        """
        return self._messages.diff(id, other, at, to)

    def fork(self, id: str, *, at: str | None = None, new_id: str | None = None) -> Thread:
        """Copy a thread up to checkpoint or message `at` (None: its head) to a new thread, and return that.

        Agent, owner, tags, metadata and a title set by a user are copied too. Up to a message is up to the
        first checkpoint that holds it.

        Raises `ThreadNotFound`, `ThreadTrashed`, `CheckpointNotFound`, `ThreadExists` if `new_id` is taken,
        and `MessageNotFound` if the history does not show where the message first stood.
        """
        return self._branches.fork(id, at, new_id)

    def rewind(self, id: str, *, to: str) -> Thread:
        """Return to a checkpoint, or to the first one that holds message `to`. Later messages stay stored.

        `to` may be on another branch: see `Message.versions` and `history`.

        Raises `ThreadNotFound`, `ThreadTrashed`, `ThreadBusy`, `CheckpointNotFound`, `MessageNotFound` if the
        history does not show where the message first stood, and `InvalidValue` if `to` is None.
        """
        return self._branches.rewind(id, to)

    def undo(self, id: str, message_id: str | None = None) -> Message:
        """Rewind to before a user message, by default the last, and return it. It stays stored.

        Raises `ThreadNotFound`, `ThreadTrashed`, `ThreadBusy`, `InvalidValue` if the thread has no user
        message, and `MessageNotFound` if no user message of the branch in view has this id, or if the history
        does not show what was before it (it was pruned).
        """
        return self._branches.undo(id, message_id)

    def events(
        self,
        thread_id: str | None = None,
        *,
        owner: str | None = None,
        after: int | None = 0,
        follow: bool = True,
        inner: bool = False,
        changes: bool = False,
    ) -> EventSubscription:
        """Subscribe to a thread's events after sequence `after`; iterate with `for` or `async for`.

        Stored events are replayed, then new ones follow live; those of other processes within 100 ms.
        `after=None` starts with new events; `follow=False` ends after the stored ones. Without `thread_id`
        the events of all threads, or of an owner's, come after position `after`. With an `owner`, positions
        are sealed: they are only good for `after`. `inner` adds what does not belong to the conversation,
        such as the tokens of a model inside a tool.

        `changes`, without `thread_id`, adds `changed` events: a thread was changed, read or removed, by any
        process, so its row in a list is to be read again. They are not stored: read the list anew whenever
        you subscribe.

        Raises `ThreadNotFound`, `InvalidValue`.
        """
        return self._runs.events(thread_id, owner, after, follow, inner, changes)

    def runs(self, id: str, *, limit: int = 20, cursor: str | None = None) -> Page[RunInfo]:
        """Return a page of a thread's runs, newest first. Raises `ThreadNotFound`, `InvalidCursor`."""
        return self._runs.runs(id, limit, cursor)

    def interrupts(self, id: str) -> tuple[Interrupt, ...]:
        """Return the pending interrupts of a thread, which `Runner.resume` answers, or its breakpoint.

        Each with its kind and, where they are known, its choices and the schema of an answer. Raises
        `ThreadNotFound`, `ThreadTrashed`.
        """
        return self._runs.interrupts(id)

    def stats(
        self,
        *,
        by: Measured | None = "day",
        agent_id: str | None = None,
        owner: str | None = None,
        tag: str | None = None,
        since: date | None = None,
        until: date | None = None,
        patience: float | None = PATIENCE,
    ) -> Stats:
        """Return usage by day, agent, owner or tag: new threads, messages, tokens, runs, failures, latency.

        `by=None` returns one total. Days are UTC days: `since` and `until` are a date, or a datetime with a
        time zone, which stands for its UTC day; the day of `until` is excluded. Archived and trashed threads
        count, deleted ones do not. New messages are counted first, for at most `patience` seconds.

        Raises `InvalidValue`.
        """
        return self._stats.stats(by, agent_id, owner, tag, since, until, patience)

    def tags(
        self,
        *,
        agent_id: str | None = None,
        owner: str | None = None,
        archived: bool | None = False,
        trashed: bool | None = False,
    ) -> builtins.list[Tag]:
        """Return the tags of the matching threads with their number of threads, most used first.

        Raises `InvalidValue`.
        """
        return self._bulk.tags(Filters(agent_id=agent_id, owner=owner, archived=archived, trashed=trashed))

    def rename_tag(self, old: str, new: str) -> int:
        """Rename a tag on all threads; return how many threads had it. Raises `InvalidValue`."""
        return self._bulk.rename_tag(old, new)

    def bulk(
        self,
        ids: Sequence[str],
        *,
        tag: Sequence[str] = (),
        untag: Sequence[str] = (),
        pinned: bool | Unset = UNSET,
        archived: bool | Unset = UNSET,
        trashed: bool | Unset = UNSET,
        owner: str | Unset | None = UNSET,
        agent_id: str | Unset | None = UNSET,
        metadata: Mapping[str, Any] | Unset = UNSET,
        delete: bool = False,
    ) -> Report:
        """Change many threads in one transaction, and report which ones were changed.

        `tag` and `untag` add and remove tags; `delete` deletes the threads, and cannot be combined with other
        changes. Missing threads, and busy ones that should be trashed or deleted, are reported, not errors.

        Raises `InvalidValue`; nothing is changed then.
        """
        return self._bulk.change(
            ids, tag, untag, delete, pinned=pinned, archived=archived, trashed=trashed, owner=owner,
            agent_id=agent_id, metadata=metadata,
        )  # fmt: skip

    def mark_read(self, id: str, user: str, *, upto: str | None = None) -> int | None:
        """Note that `user` has read a thread up to message `upto`, or all of it; return their unread count.

        It is None if the thread's messages are unknown. A mark never moves back. Raises `ThreadNotFound`,
        `ThreadTrashed`, `InvalidValue`.
        """
        return self._bulk.mark_read(id, user, upto)

    def unread(self, ids: Sequence[str], user: str) -> dict[str, int | None]:
        """Return the number of messages that `user` has not read, by thread id; missing threads are left out.

        Counted like `message_count`, without the user's own messages: user messages belong to the thread's
        owner, or to the local user (`"local user"`) if it has none. None where the messages are unknown.

        Raises `InvalidValue`.
        """
        return self._bulk.unread(ids, user)

    def rules(self) -> builtins.list[Rule]:
        """Return the retention rules, by name."""
        return self._retention.rules()

    def set_rule(
        self,
        name: str,
        action: Action,
        *,
        thread_id: str | None = None,
        tag: str | None = None,
        agent_id: str | None = None,
        owner: str | None = None,
        abandoned: bool = False,
        inactive: timedelta | None = None,
        age: timedelta | None = None,
        trashed: timedelta | None = None,
    ) -> Rule:
        """Store a retention rule for `cleanup`; it replaces a rule of the same name.

        `action` is `keep`, `prune` (to the newest checkpoint), `archive`, `trash` or `delete`. The rule
        applies to threads that match all conditions given: `inactive` for so long, created so long ago
        (`age`), in the trash for so long (`trashed`), `abandoned` (no agent ever answered). Pinned threads
        are exempt. Rules with `trashed` are also applied while the registry is idle.

        Raises `InvalidValue`, `ThreadNotFound`.
        """
        return self._retention.set_rule(
            Rule(name, action, thread_id, tag, agent_id, owner, abandoned, inactive, age, trashed)
        )

    def remove_rule(self, name: str) -> None:
        """Remove a retention rule. Raises `InvalidValue` if there is none of that name."""
        self._retention.remove_rule(name)

    def cleanup(self, *, dry_run: bool = False, progress: Progress | None = None) -> builtins.list[Cleaned]:
        """Apply the retention rules; return what was done, or with `dry_run` what would be done.

        If several rules match a thread, the gravest action is applied. Threads that are pinned, matched by a
        `keep` rule, or have an active or queued run are left unchanged, even if that changed during the
        cleanup.
        """
        return self._retention.cleanup(dry_run, progress)

    def prune(
        self,
        ids: Iterable[str] | None = None,
        *,
        keep: int = 1,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Pruned:
        """Delete all but the newest `keep` checkpoints of these threads, or all. State is unaffected.

        Checkpoints that the remaining ones are built from remain too. Threads that are trashed, busy, or
        unreadable (`skipped`) are left unchanged, unless they are among `ids`: then `ThreadTrashed`,
        `ThreadBusy` or `StateUnreadable` is raised. `dry_run` only reports what would be deleted.

        Raises `ThreadNotFound`, `InvalidValue`.
        """
        return self._maintenance.prune(ids, keep, dry_run, progress)

    def compact(self) -> None:
        """Return the space of deleted data to the file system. Other writers wait meanwhile."""
        self._maintenance.compact()

    def backup(self, target: str | os.PathLike[str], *, progress: Progress | None = None) -> Path:
        """Copy the database to a new file while runs continue; return its path.

        Raises `UsageError` if the file exists.
        """
        return self._maintenance.backup(target, progress)

    def verify(self, *, progress: Progress | None = None) -> builtins.list[Problem]:
        """Return the inconsistencies between registry and checkpoints. Only reads; empty for a sound file."""
        return self._maintenance.verify(progress)

    def repair(self, *, progress: Progress | None = None) -> builtins.list[Problem]:
        """Repair the inconsistencies that `verify` finds, and return them."""
        return self._maintenance.repair(progress)

    @property
    def users(self) -> UserService:
        """The users of the HTTP API and their tokens."""
        return self._users

    def admit(self, actor: Actor, id: str, verb: Verb) -> str:
        """Return the id if `actor` may do this with the thread.

        Raises `ThreadNotFound` otherwise, as if the thread did not exist.
        """
        return self._access.admit(actor, id, verb)

    def admitted(self, actor: Actor, ids: Sequence[str], verb: Verb) -> builtins.list[str]:
        """Return those of these thread ids with which `actor` may do this, in their order."""
        return self._access.admitted(actor, ids, verb)
