"""`Runner`: runs agents in threads, one run at a time in a thread, each request answered once.

It guarantees what a plain `invoke` cannot: over all processes one run has a thread at a time, the same
idempotency key never runs twice, a run does not need its subscribers, and after a crash it is recovered
or marked as failed. A request passes queue, executor, attempt, checkpointer and completion, in this order.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, Literal

from threads import ids
from threads.errors import InvalidValue, MessagesUnknown, NothingToResume, StateDamaged, UsageError
from threads.models import AgentInfo, Event, Message, RunInfo, RunStatus
from threads.registry import Registry
from threads.registry.context import Closeable
from threads.registry.head_view import HeadView
from threads.registry.subscription import EventSubscription, subscribe
from threads.runs.agents import bind_agents, open_agents, read_agent_info
from threads.runs.edits import EditResolver
from threads.runs.event_loop import LoopThread
from threads.runs.executor import RunExecutor
from threads.runs.heartbeat import HEARTBEAT_WORKERS, Heartbeat
from threads.runs.history import RunHistory
from threads.runs.interrupts import new_answer, resolve_resume
from threads.runs.queue import RunQueue, RunSubmitter, StopReason, Submission, SubmitResult, choose_agent
from threads.runs.request import Content, Request, checked_input, checked_key, checked_message
from threads.runs.temporary import TemporaryRun, TemporaryRuns, Turn
from threads.runs.title_runs import TitleRuns
from threads.store.protocol import UNSET, Unset
from threads.store.validation import check_named

Strategy = Literal["reject", "enqueue", "interrupt", "rollback"]
LEASE_SECONDS = 15.0
MAX_WAITING = 100
"""The default for how many runs may wait for one thread."""


class Run:
    """A run of an agent in a thread, performed by this process or another."""

    def __init__(
        self,
        registry: Registry,
        executor: RunExecutor,
        id: str,
        thread_id: str,
        after_sequence: int,
        future: Future[Any],
    ) -> None:
        """`after_sequence`: the thread's last event before the run."""
        self.id = id
        self.thread_id = thread_id
        self._registry = registry
        self._context = registry._context
        self._executor = executor
        self._after_sequence = after_sequence
        self._future = future

    def __repr__(self) -> str:
        return f"Run({self.id!r}, thread_id={self.thread_id!r}, status={self.status!r})"

    @property
    def info(self) -> RunInfo:
        """Its stored state; `RunNotFound` if its thread was deleted."""
        with self._context.store.read() as tx:
            return tx.runs.get(self.id).info()

    @property
    def status(self) -> RunStatus:
        """`pending`, `running`, or how it ended: `success`, `error`, `interrupted`, `stopped`."""
        return self.info.status

    def result(self, timeout: float | None = None) -> Any:
        """Return the graph's output, as `invoke` does, once the run has ended; waits up to `timeout` seconds.

        Of a stopped run, the state with its partial output; of an interrupted one, with `__interrupt__`; of
        one whose lease expired, the result of its recovery. Raises `RunFailed` with the reason,
        `TimeoutError`, `ThreadDeleted`, and `LeaseLost` if this runner does not recover runs.
        """
        if self._executor.is_current_thread():
            raise UsageError("an async node must not wait for another run like this", "use `await run`")
        return self._future.result(timeout)

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.shield(asyncio.wrap_future(self._future)).__await__()

    def __iter__(self) -> Iterator[Event]:
        """Yield the run's events from its start, as they come, to its end; only those of the conversation."""
        with self.events() as events:
            for event in events:
                if event.run_id == self.id:
                    yield event
                    if self.ends_with(event):
                        return

    async def __aiter__(self) -> AsyncIterator[Event]:
        with self.events() as events:
            async for event in events:
                if event.run_id == self.id:
                    yield event
                    if self.ends_with(event):
                        return

    def stop(self) -> None:
        """Cancel the run, within a second. Its partial output is stored, as a message with `stopped=True`.

        Does nothing if the run has ended.
        """
        self._executor.stop(self.id, StopReason.CANCEL)

    def messages(self) -> tuple[Message, ...] | None:
        """Return the messages that this run has added to the thread so far, in the order of the conversation.

        None if the thread's messages are unknown (`MessagesUnknown` says why).
        """
        context = self._context
        context.checkpointer.wait_for_writes(self.thread_id)
        with context.store.read() as tx:
            thread, head_id = tx.threads.get(self.thread_id), tx.runs.get(self.id).head_id
            is_stored = head_id is not None and tx.checkpoints.exists(self.thread_id, head_id)
            if head_id == thread.head_id or not is_stored:  # pruned, or rolled back
                with suppress(MessagesUnknown, StateDamaged):
                    return HeadView(context, tx, thread).of_run(self.id)
                return None
            found = context.decoder.messages(tx.connection, self.thread_id, head_id, dated=True)
        return None if found is None else tuple(message for message in found if message.run_id == self.id)

    def mark_read(self, user: str) -> int | None:
        """Mark the thread as read by `user` up to this run's last message; returns how many are unread.

        None if the thread's messages are unknown.
        Raises `ThreadNotFound`, `ThreadTrashed`, `InvalidValue`.
        """
        registry = self._registry
        if message_ids := [message.id for message in self.messages() or () if message.id]:
            return registry.mark_read(self.thread_id, user, upto=message_ids[-1])
        return registry.unread([self.thread_id], user)[self.thread_id]

    def events(
        self, *, owner: str | None = None, inner: bool = False, follow: bool = True
    ) -> EventSubscription:
        """Subscribe to its thread's events from its start on; of a run that has ended, only the stored ones.

        `owner`, `inner` and `follow` as in `Registry.events`.
        """
        follow = follow and self.status in ("pending", "running")
        after = self._after_sequence
        return subscribe(self._context, self.thread_id, after, owner=owner, follow=follow, inner=inner)

    def ends_with(self, event: Event) -> bool:
        """Return whether the run ends with this event, and was not started again after it."""
        if event.run_id != self.id or not event.is_end:
            return False
        with self._context.store.read() as tx:
            return not tx.events.was_restarted(event)


class Runner(Closeable):
    """Runs agents in the threads of a registry; close it before the registry, or use it in a `with` block.

    `agents` is one compiled graph or a mapping of agent id to graph; the graphs themselves are not
    changed. A builder is compiled, and a function that makes a graph called once, with a config if it has a
    parameter for one; it may be async or a context manager, which is left when the runner is closed. A str is
    `module:name` or the path of a `langgraph.json`.

    `config` is a `RunnableConfig` for every run: callbacks, tags, metadata, `recursion_limit`.
    `title_model`, a chat model, gives a thread its title after the first exchange, unless it was set by hand.
    `lease_seconds`: how long the lease of a run is valid without a heartbeat. `recover=False` leaves the
    runs of processes that are gone to other runners. `max_waiting`: how many runs may wait for one thread;
    one more is refused with `QueueFull`.
    """

    def __init__(
        self,
        registry: Registry,
        agents: Any,
        *,
        config: Mapping[str, Any] | None = None,
        title_model: Any = None,
        lease_seconds: float = LEASE_SECONDS,
        recover: bool = True,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        if isinstance(max_waiting, bool) or not isinstance(max_waiting, int) or max_waiting < 1:
            raise InvalidValue("max_waiting", f"{max_waiting!r} is not a positive integer")
        extra = {key: value for key, value in (config or {}).items() if key != "configurable"}
        self.registry = registry
        context = self._context = registry._context
        loop = LoopThread("threads-runs")
        try:
            self._agents = bind_agents(open_agents(agents, loop), context)
            self._agent_infos = tuple(read_agent_info(*each) for each in self._agents.items())
        except BaseException:
            loop.close()
            raise
        self._history = RunHistory(context)
        self._edits = EditResolver(registry, self._history, self._agents)
        queue = RunQueue(self._agents, uuid.uuid4().hex, lease_seconds, max_waiting, context.now)
        self._submitter = RunSubmitter(registry, self._agents, queue, self._history)
        self._titles = TitleRuns(context, queue, title_model)
        self._executor = RunExecutor(
            context, self._agents, queue, self._titles, loop, config=extra, recover=recover
        )
        self._temporary = TemporaryRuns(
            self._agents, self._submitter.message_channel, loop, extra, context.now
        )
        self._heartbeat_loop = LoopThread(
            "threads-heartbeat", workers=HEARTBEAT_WORKERS, worker_name="threads-heartbeat"
        )
        heartbeat = Heartbeat(self._executor, queue, context.store, self._agents)
        self._heartbeat = self._heartbeat_loop.submit(heartbeat.run(recover=recover))

    @property
    def agent_ids(self) -> tuple[str, ...]:
        """The ids of the agents."""
        return tuple(self._agents)

    @property
    def agents(self) -> tuple[AgentInfo, ...]:
        """The agents with their names, descriptions and starters, as their graphs' configs state them.

        `graph.with_config(metadata={"agent_card": {"name": ..., "description": ..., "starters": [...]}})`.
        """
        return self._agent_infos

    def start(
        self,
        thread_id: str,
        message: Content | None = None,
        *,
        input: Any = None,
        context: Any = None,
        agent_id: str | None = None,
        key: str | None = None,
        multitask_strategy: Strategy = "reject",
        if_not_exists: Literal["reject", "create"] = "reject",
    ) -> Run:
        """Start a run of the thread's agent with a `message` (text, content blocks) or any graph `input`.

        Once this returns, the request is stored: after a crash it is recovered, or marked as failed. The
        same idempotency `key` returns the same run; a failed one is started again. On a busy thread
        `multitask_strategy` decides: `reject` raises `ThreadBusy`, `enqueue` waits in order, `interrupt`
        cancels the active run and keeps its partial output, `rollback` removes it; of the runs that wait
        `interrupt` keeps the messages, unanswered, `rollback` nothing. `agent_id` becomes
        the thread's own agent where it has none. Raises `ThreadNotFound`, `ThreadTrashed`, `AgentNotFound`,
        `QueueFull`, `KeyReused`, `InvalidValue`; then nothing is stored.
        """
        if (message is None) == (input is None):
            raise InvalidValue("message", "pass either message or input")
        self._executor.check_open()
        thread_id, key = ids.text_of(thread_id), checked_key(key)
        target = self._submitter.find_target(thread_id, key, agent_id, if_not_exists)
        if message is not None:
            request = Request("message", checked_message(message), context)
        else:
            known_ids = partial(self._message_ids, thread_id) if not target.is_new else tuple
            graph = self._agents.get(target.agent_id)
            channel = self._submitter.message_channel(target.agent_id)
            checked = checked_input(input, graph, channel, None if target.known is not None else known_ids)
            request = Request("input", checked, context)
        submission = Submission(request, target.agent_id, key)
        submitted = self._submitter.submit(
            thread_id, submission, multitask_strategy, thread_agent=agent_id, is_new=target.is_new
        )
        return self._accept(submitted)

    def resume(
        self,
        thread_id: str,
        value: Any = UNSET,
        *,
        context: Any = None,
        agent_id: str | None = None,
        key: str | None = None,
    ) -> Run:
        """Start a run that answers the thread's interrupt; the same answer again returns the same run.

        `value` may be a mapping of interrupt id to answer, and must be where there are several interrupts.
        None is an answer; only at a breakpoint there is none, and `value` may be left out.
        An answer that neither names its interrupt so nor has a `key` is one to the interrupt that waits now:
        given twice where the agent interrupts again at once, it answers the next interrupt, too; a `key`
        distinguishes the two. Where the run of an answer failed in the node that asked, another answer may
        take its place. `context` is by default that of the interrupted run; `agent_id` the agent that was
        interrupted, or where that is not loaded the thread's own. Raises `NothingToResume`, also where no
        node of that agent waits; `InvalidValue`, also for an answer that does not have the form which
        `registry.interrupts` names; `AgentNotFound`; `AlreadyAnswered` if it was answered differently, and
        `KeyReused`. Then the interrupt stays pending.
        """
        thread_id = self.registry.get(thread_id).id
        has_value = not isinstance(value, Unset)
        answer = new_answer(value if has_value else None, context)
        return self._submit_idempotent(
            thread_id, answer, key,
            lambda: resolve_resume(
                self.registry, self._history, self._agents, thread_id, answer, key, agent_id,
                has_value=has_value,
            ),
        )  # fmt: skip

    def edit(
        self,
        thread_id: str,
        message_id: str,
        message: Content,
        *,
        context: Any = None,
        key: str | None = None,
    ) -> Run:
        """Start a run that replaces a user message and answers it; the old branch stays reachable.

        Other input that came with the message is passed again. `context` is by default that of the run that
        added it. Raises `MessageNotFound` if it is not a user's message of the branch in view, `ThreadBusy`,
        `KeyReused`, and `InvalidValue` for the id None of a message that has none.
        """
        check_named("message_id", message_id)
        thread_id, content = self.registry.get(thread_id).id, checked_message(message)
        identity = {"message_id": message_id, "message": content, "context": context}
        request = Request("edit", content, context, identity=identity)
        resolve = partial(self._edits.resolve_edit, thread_id, request, key, message_id, content)
        return self._submit_idempotent(thread_id, request, key, resolve)

    def regenerate(
        self,
        thread_id: str,
        message_id: str | None = None,
        *,
        context: Any = None,
        key: str | None = None,
    ) -> Run:
        """Start a run that replaces an assistant message, by default the thread's last.

        The old answer stays reachable. A user message at the thread's end that has no answer is answered.
        `context` is by default that of the run that answered. Raises `MessageNotFound`, `ThreadBusy`,
        `KeyReused`.
        """
        thread_id = self.registry.get(thread_id).id
        identity = {"message_id": message_id, "context": context}
        request = Request("regenerate", None, context, identity=identity)
        resolve = partial(self._edits.resolve_regeneration, thread_id, request, key, message_id)
        return self._submit_idempotent(thread_id, request, key, resolve)

    def retry(self, thread_id: str, *, agent_id: str | None = None) -> Run:
        """Start the thread's last run, which failed, again where it failed; its message is not added twice.

        `agent_id`: the agent that continues, by default that of the run, or where that is not loaded the
        thread's own. Raises `NothingToResume` if the last run did not fail, `AgentNotFound`, `ThreadBusy`.
        """
        last = self._history.last(self.registry.get(thread_id).id)
        if last is None or last.status != "error":
            raise NothingToResume(thread_id, "has nothing to retry: its last run did not fail")
        with self._context.store.read() as tx:
            after_sequence = tx.events.last_sequence(last.thread_id)
        future = self._executor.retry(last.run_id, agent_id)
        return Run(self.registry, self._executor, last.run_id, last.thread_id, after_sequence, future)

    def make_title(self, thread_id: str) -> Run:
        """Start a run, beside the conversation, in which `title_model` makes the thread's title: its result.

        Raises `InvalidValue` if there is no `title_model`, or if the title was set by hand.
        """
        if not self._titles.has_model:
            raise InvalidValue("title_model", "none was given", "pass a chat model to the Runner")
        thread = self.registry.get(thread_id)
        return self._accept(self._titles.submit(thread.id, thread.agent_id))

    def stop(self, thread_id: str) -> bool:
        """Cancel the thread's active run, in whatever process; False if there is none."""
        with self._context.store.read() as tx:
            running = tx.runs.find_running(tx.threads.get(thread_id).thread_id)
        return running is not None and self._executor.stop(running.run_id, StopReason.CANCEL)

    def run(self, run_id: str) -> Run:
        """Return a run by its id, active or ended, of this process or another; `RunNotFound`."""
        with self._context.store.read() as tx:
            thread_id = tx.runs.get(run_id).thread_id
            after_sequence = tx.events.before_run(thread_id, run_id)
        return Run(
            self.registry, self._executor, run_id, thread_id, after_sequence, self._executor.future(run_id)
        )

    def close(self, *, timeout: float = 10.0) -> None:
        """Wait up to `timeout` seconds for the active runs; unfinished ones are left to other runners."""
        self._close(timeout)

    def _close(self, timeout: float, hurry: Callable[[], bool] = lambda: False) -> None:
        """As `close`, for `threads.api`: stop waiting once `hurry()` is true."""
        self._executor.close(self._heartbeat, timeout, hurry)
        self._heartbeat_loop.close()

    def _check_takes_messages(self, agent_id: str) -> None:
        """Raise `InvalidValue` if this agent takes no messages, for `threads.cli`."""
        self._submitter.check_takes_messages(agent_id)

    def _start_temporary(self, agent_id: str, turns: Sequence[Turn]) -> TemporaryRun:
        """Start a run that has no thread and of which nothing is stored, for `threads.api`.

        Raises `AgentNotFound`, `InvalidValue`, `RegistryDetached`.
        """
        self._executor.check_open()
        with (
            self._context.store.read()
        ):  # users and their rights are in the file: without it nothing is served
            pass
        self._check_takes_messages(choose_agent(self.agent_ids, agent_id, None))
        return self._temporary.start(agent_id, turns)

    def _makes_titles(self) -> bool:
        """Return whether there is a model for titles, for `threads.api`."""
        return self._titles.has_model

    def _under_way(self) -> int:
        """Return how many runs this runner performs now, for `threads.api`."""
        return len(self._executor.running_ids()) + len(self._temporary)

    def _submit_idempotent(
        self, thread_id: str, request: Request, key: str | None, resolve: Callable[[], Submission]
    ) -> Run:
        self._executor.check_open()
        return self._accept(self._submitter.submit_idempotent(thread_id, request, key, resolve))

    def _accept(self, submitted: SubmitResult) -> Run:
        """Perform a submitted run, now or when its thread is free; returns its handle."""
        run, future = submitted.run, self._executor.accept(submitted)
        after_sequence = submitted.after_sequence
        return Run(self.registry, self._executor, run.run_id, run.thread_id, after_sequence, future)

    def _message_ids(self, thread_id: str) -> Sequence[str | None]:
        self._context.flush(thread_id)
        with self._context.store.read() as tx:
            return HeadView(self._context, tx, tx.threads.get_visible(thread_id)).ids()
