"""`Runner`: runs agents in threads, one run at a time in a thread, each request answered once.

It guarantees what a plain `invoke` cannot: over all processes one run has a thread at a time, the same
idempotency key never runs twice, a run does not need its subscribers, and after a crash it is recovered
or marked as failed. A request passes submission, queue, executor, attempt, checkpointer and completion,
in this order.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from threads import ids
from threads.errors import InvalidValue, NothingToResume
from threads.registry import Registry
from threads.registry.context import Closeable
from threads.runs.agents import AgentRegistry
from threads.runs.attempt import StopReason
from threads.runs.event_loop import LoopThread
from threads.runs.executor import RunExecutor
from threads.runs.interrupts import new_answer, resolve_resume
from threads.runs.queue import RunQueue
from threads.runs.request import Content, Request, checked_input, checked_key, checked_message
from threads.runs.run import Run
from threads.runs.submission import RunSubmitter, Submission
from threads.runs.supervisor import Supervisor
from threads.runs.title_runs import new_title_run

Strategy = Literal["reject", "enqueue", "interrupt", "rollback"]
LEASE_SECONDS = 15.0
MAX_WAITING = 100
"""The default for how many runs may wait for one thread."""


class Runner(Closeable):
    """Runs agents in the threads of a registry; close it before the registry, or use it in a `with` block.

    `agents` is one compiled graph or a mapping of agent id to graph; the graphs themselves are not
    changed. `config` is a `RunnableConfig` for every run: callbacks, tags, metadata, `recursion_limit`.
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
        self._agents = AgentRegistry(agents, context.checkpointer)
        queue = RunQueue(self._agents, uuid.uuid4().hex, lease_seconds, max_waiting, context.now)
        self._executor = RunExecutor(
            context, self._agents, queue, config=extra, title_model=title_model, recover=recover
        )
        self._submitter = RunSubmitter(registry, self._agents, queue, self._executor)
        self._has_title_model = title_model is not None
        self._supervisor_loop = LoopThread("threads-supervisor")
        supervisor = Supervisor(self._executor, queue, context.store, self._agents)
        self._supervision = self._supervisor_loop.submit(supervisor.run(recover=recover))

    @property
    def agent_ids(self) -> tuple[str, ...]:
        """The ids of the agents."""
        return self._agents.ids

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
        thread_id, key = ids.text_of(thread_id), checked_key(key)
        target = self._submitter.find_target(thread_id, key, agent_id, if_not_exists)
        if message is not None:
            request = Request("message", checked_message(message), context)
            self._agents.check_takes_messages(target.agent_id)
        else:
            known_ids = partial(self._message_ids, thread_id) if not target.is_new else tuple
            graph = self._agents.find(target.agent_id)
            checked = checked_input(input, graph, None if target.known is not None else known_ids)
            request = Request("input", checked, context)
        submission = Submission(request, target.agent_id, key)
        return self._submitter.submit(
            thread_id, submission, multitask_strategy, thread_agent=agent_id, is_new=target.is_new
        )

    def resume(
        self, thread_id: str, value: Any = None, *, context: Any = None, key: str | None = None
    ) -> Run:
        """Start a run that answers the thread's interrupt; the same answer again returns the same run.

        `value` may be a mapping of interrupt id to answer, and must be where there are several interrupts.
        An answer that neither names its interrupt so nor has a `key` is one to the interrupt that waits now:
        given twice where the agent interrupts again at once, it answers the next interrupt, too; a `key`
        distinguishes the two. Where the run of an answer failed in the node that asked, another answer may
        take its place. `context` is by default that of the interrupted run. Raises `NothingToResume`,
        `InvalidValue`, `AlreadyAnswered` if it was answered differently, and `KeyReused`.
        """
        thread_id = self.registry.get(thread_id).id
        answer, history = new_answer(value, context), self._submitter.history
        return self._submitter.submit_idempotent(
            thread_id, answer, key, lambda: resolve_resume(self.registry, history, thread_id, answer, key)
        )

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
        `KeyReused`.
        """
        thread_id, content = self.registry.get(thread_id).id, checked_message(message)
        submitter = self._submitter

        def resolve() -> Submission:
            target = submitter.find_edit_target(thread_id, message_id, ("user",))
            input = submitter.history.edited_input(target.user_message.run_id, message_id, content)
            edited = replace(request, input=input, base=target.origin.before)
            return submitter.resubmit(edited, thread_id, target, key)

        identity = {"message_id": message_id, "message": content, "context": context}
        request = Request("edit", content, context, identity=identity)
        return submitter.submit_idempotent(thread_id, request, key, resolve)

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
        roles = ("assistant", "user") if message_id is None else ("assistant",)
        submitter = self._submitter

        def resolve() -> Submission:
            target = submitter.find_edit_target(thread_id, message_id, roles)
            return submitter.resubmit(replace(request, base=target.origin.after), thread_id, target, key)

        identity = {"message_id": message_id, "context": context}
        request = Request("regenerate", None, context, identity=identity)
        return submitter.submit_idempotent(thread_id, request, key, resolve)

    def retry(self, thread_id: str) -> Run:
        """Start the thread's last run, which failed, again where it failed; its message is not added twice.

        Raises `NothingToResume` if the last run did not fail, `ThreadBusy`.
        """
        last = self._submitter.history.last(self.registry.get(thread_id).id)
        if last is None or last.status != "error":
            raise NothingToResume(thread_id, "its last run did not fail")
        with self._context.store.read() as tx:
            after_sequence = tx.events.last_sequence(last.thread_id)
        future = self._executor.retry(last.run_id)
        return Run(self.registry, self._executor, last.run_id, last.thread_id, after_sequence, future)

    def make_title(self, thread_id: str) -> Run:
        """Start a run, beside the conversation, in which `title_model` makes the thread's title: its result.

        Raises `InvalidValue` if there is no `title_model`, or if the title was set by hand.
        """
        if not self._has_title_model:
            raise InvalidValue("title_model", "none was given", "pass a chat model to the Runner")
        thread = self.registry.get(thread_id)
        submitted, future = self._executor.make_title(new_title_run(thread.id, thread.agent_id))
        run_id, after_sequence = submitted.run.run_id, submitted.after_sequence
        return Run(self.registry, self._executor, run_id, thread.id, after_sequence, future)

    def stop(self, thread_id: str) -> bool:
        """Cancel the thread's active run, in whatever process; False if there is none."""
        with self._context.store.read() as tx:
            running = tx.runs.find_running(tx.threads.get(thread_id).thread_id)
        return running is not None and self._executor.stop(running.run_id, StopReason.CANCEL)

    def run(self, run_id: str) -> Run:
        """Return a run by its id, active or ended, of this process or another; `RunNotFound`."""
        with self._context.store.read() as tx:
            thread_id = tx.runs.get(run_id).thread_id
        return Run(self.registry, self._executor, run_id, thread_id, 0, self._executor.future(run_id))

    def close(self, *, timeout: float = 10.0) -> None:
        """Wait up to `timeout` seconds for the active runs; unfinished ones are left to other runners."""
        self._close(timeout)

    def _close(self, timeout: float, hurry: Callable[[], bool] = lambda: False) -> None:
        """As `close`, for `threads.api`: stop waiting once `hurry()` is true."""
        self._executor.close(self._supervision, timeout, hurry)
        self._supervisor_loop.close()

    def _under_way(self) -> int:
        """Return how many runs this runner performs now, for `threads.api`."""
        return len(self._executor.running_ids())

    def _message_ids(self, thread_id: str) -> Sequence[str | None]:
        return [message.id for message in self.registry.messages(thread_id)]
