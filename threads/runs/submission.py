"""Submission: from a caller's request to a stored run, with its idempotency key, agent and context.

A request that was submitted before is recognised by its key before the thread is looked at, for the
thread has changed since: the message that was edited is no longer in view, the interrupt no longer waits.
A request that refers to an earlier one (an answer, an edit, a regeneration) goes to the same agent with
the same context, unless the caller says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from langchain_core.messages import BaseMessage

from threads import ids
from threads.checkpoint.branches import MessageOrigin
from threads.errors import AlreadyAnswered, InvalidValue, KeyReused, MessageNotFound, NothingToResume
from threads.models import Message
from threads.registry import Registry
from threads.registry.context import RegistryContext
from threads.runs.agents import AgentRegistry
from threads.runs.executor import RunExecutor
from threads.runs.queue import STRATEGIES, RunQueue
from threads.runs.request import Content, Request, checked_key, named_interrupts
from threads.runs.run import Run
from threads.store.runs import NewRun, RunRecord

MAX_LOOKBACK = 50
"""How many runs back something is searched for."""


class Submission(NamedTuple):
    """A request, for which agent, under which key."""

    request: Request
    agent_id: str | None
    """None: the thread's own."""
    key: str | None


class SubmissionTarget(NamedTuple):
    """What is stored of a request's key and thread."""

    known: RunRecord | None
    """The run that the key has already."""
    agent_id: str
    is_new: bool = False
    """Whether the thread is yet to be created."""


class EditTarget(NamedTuple):
    """A message of the branch in view that is to be edited or regenerated."""

    message: Message
    user_message: Message
    """The user message that it answers; of a user message, that itself."""
    origin: MessageOrigin
    """Where `user_message` came into the thread."""


class RunSubmitter:
    """Submits the requests of one runner."""

    def __init__(
        self, registry: Registry, agents: AgentRegistry, queue: RunQueue, executor: RunExecutor
    ) -> None:
        self.history = RunHistory(registry._context)
        self._registry = registry
        self._context = registry._context
        self._agents = agents
        self._queue = queue
        self._executor = executor

    def find_target(
        self, thread_id: str, key: str | None, requested_agent: str | None, if_not_exists: str
    ) -> SubmissionTarget:
        """Return what is stored of this key and thread, and the agent that answers.

        Raises `ThreadNotFound`, `AgentNotFound`, `InvalidValue`.
        """
        with self._context.store.read() as tx:  # the thread's projection need not be up to date
            known = None if key is None else tx.runs.find_by_key(thread_id, key)
            if known is not None and known.agent_id is not None and not requested_agent:
                return SubmissionTarget(known, known.agent_id)
            if if_not_exists not in ("reject", "create"):
                raise InvalidValue("if_not_exists", f"{if_not_exists!r} is neither 'reject' nor 'create'")
            find = tx.threads.find if if_not_exists == "create" else tx.threads.get
            thread = find(thread_id)
        if thread is None:
            ids.check_new(thread_id)
            return SubmissionTarget(known, self._agents.choose(requested_agent, None), is_new=True)
        return SubmissionTarget(known, self._agents.choose(requested_agent, thread.agent_id))

    def submit(
        self,
        thread_id: str,
        submission: Submission,
        strategy: str = "reject",
        *,
        thread_agent: str | None = None,
        is_new: bool = False,
    ) -> Run:
        """Store a run and perform it, now or when its thread is free; returns its handle.

        `thread_agent` becomes the thread's own agent if it has none. `is_new`: create the thread.
        """
        if strategy not in STRATEGIES:
            raise InvalidValue("multitask_strategy", f"{strategy!r} is none of {', '.join(STRATEGIES)}")
        request, agent_id, key = submission
        agent_id = agent_id or self.find_target(thread_id, None, None, "reject").agent_id
        serde = self._context.checkpointer.serde
        stored, digest = request.dumped(serde), request.digest(serde, agent_id)
        new_run = NewRun(ids.new_id(), thread_id, request.kind, agent_id, key, digest, stored, thread_agent)
        self._executor.check_open()
        if is_new:  # last of all: what is refused leaves no empty thread
            self._registry.create(id=thread_id, agent_id=agent_id, if_exists="do_nothing")
        submitted = self._context.store.write(partial(self._queue.submit, new_run=new_run, strategy=strategy))
        run = submitted.run
        future = self._executor.accept(submitted, request if run.run_id == new_run.run_id else None)
        return Run(self._registry, self._executor, run.run_id, thread_id, submitted.after_sequence, future)

    def submit_idempotent(
        self, thread_id: str, request: Request, key: str | None, resolve: Callable[[], Submission]
    ) -> Run:
        """Return the run that this key has, else submit what `resolve` returns."""
        known = self.history.find_by_key(thread_id, checked_key(key))
        if known is None:
            try:
                submission = resolve()
            except (MessageNotFound, NothingToResume, InvalidValue):
                known = self.history.find_by_key(thread_id, key)  # the same was submitted a moment ago
                if known is None:
                    raise
        if known is not None:
            submission = Submission(request, known.agent_id, key)
        try:
            return self.submit(thread_id, submission)
        except KeyReused:
            if submission.key == key:
                raise
        taken = self.history.find_by_key(thread_id, submission.key)  # a key made from the thread, not given
        last = self.history.last(thread_id)
        if taken is None or last is None or taken.run_id != last.run_id:
            raise AlreadyAnswered(thread_id)
        raise AlreadyAnswered(thread_id, last.run_id, last.status)

    def resubmit(self, request: Request, thread_id: str, target: EditTarget, key: str | None) -> Submission:
        """Return a submission to the agent of the run that answered then, with its context."""
        run = self.history.run_of(thread_id, target.message.run_id)
        if request.context is None:
            request = replace(request, context=self.history.context(thread_id, run))
        agent_id = None if run is None or not self._agents.has(run.agent_id) else run.agent_id
        return Submission(request, agent_id, key)

    def find_edit_target(self, thread_id: str, message_id: str | None, roles: Collection[str]) -> EditTarget:
        """Return this message, or without an id the last one of these roles; `MessageNotFound`."""
        messages = self._registry.messages(thread_id).items
        found = [n for n, each in enumerate(messages) if each.role in roles and message_id in (None, each.id)]
        if not found:
            raise MessageNotFound(
                thread_id, message_id or "", f"none of role {' or '.join(roles)} in the branch in view"
            )
        message = messages[found[-1]]
        before = reversed(messages[: found[-1] + 1])
        user_message = next((each for each in before if each.role == "user"), None)
        with self._context.store.read() as tx:
            head_id = tx.threads.get(thread_id).head_id
            decoder, id = self._context.decoder, user_message and user_message.id
            origin = None if id is None else decoder.place(tx.connection, thread_id, head_id, id)
        if user_message is None or origin is None:
            raise MessageNotFound(thread_id, message.id or "", "the checkpoint before it was pruned")
        return EditTarget(message, user_message, origin)


class RunHistory:
    """Looks up the runs that a thread had, and their requests."""

    def __init__(self, context: RegistryContext) -> None:
        self._store = context.store
        self._serde = context.checkpointer.serde

    def find_by_key(self, thread_id: str, key: str | None) -> RunRecord | None:
        """Return the run that this key has, or None."""
        if key is None:
            return None
        with self._store.read() as tx:
            return tx.runs.find_by_key(thread_id, key)

    def last(self, thread_id: str) -> RunRecord | None:
        """Return the thread's last run, or None."""
        with self._store.read() as tx:
            return tx.runs.find_last(thread_id)

    def run_of(self, thread_id: str, run_id: str | None) -> RunRecord | None:
        """Return the run with this id, if it was one of this thread and not of one it was forked from."""
        run = self._find(run_id)
        return run if run is not None and run.thread_id == thread_id else None

    def request(self, run: RunRecord) -> Request | None:
        """Return a run's request; None if it was not stored. `TypeNotAllowed`."""
        with self._store.read() as tx:
            stored = tx.runs.find_request(run.run_id)
        return None if stored is None else Request.loaded(run.kind, stored, self._serde)

    def context(self, thread_id: str, run: RunRecord | None) -> Any:
        """Return the context of this run; without one, the last that a run of the thread had."""
        for each in [run] if run is not None else self._list(thread_id):
            request = self.request(each)
            if request is not None and request.context is not None:
                return request.context
        return None

    def find_answer(self, thread_id: str, interrupt_ids: Collection[str]) -> RunRecord | None:
        """Return the last run that answered one of these interrupts."""
        for run in self._list(thread_id):
            request = self.request(run) if run.kind == "resume" else None
            taken = None if request is None else request.input
            if isinstance(taken, Mapping) and not taken.keys().isdisjoint(interrupt_ids):
                return run
        return None

    def took(self, run: RunRecord, answer: Request) -> bool:
        """Return whether this run took this very answer."""
        known, request = self.find_by_key(run.thread_id, run.key), self.request(run)
        if known is None or request is None:
            return False
        named = named_interrupts(answer.input)
        if named and isinstance(request.input, Mapping) and named != request.input.keys():
            return False
        return known.request_digest == answer.digest(self._serde, run.agent_id)

    def edited_input(self, run_id: str | None, message_id: str, content: Content) -> Any:
        """Return the input for an edited message: with it all else that the run's input had."""
        run = self._find(run_id)
        request = None if run is None else self.request(run)
        given = None
        if run is not None and request is not None and request.kind in ("input", "edit"):
            given = request.graph_input(run.thread_id, run.run_id, run.key)
        messages = given.get("messages") if isinstance(given, Mapping) else None
        if not isinstance(given, Mapping) or not isinstance(messages, list):
            return content
        edited = [_edited(each, message_id, content) for each in messages]
        return {**given, "messages": edited} if edited != messages else content

    def _find(self, run_id: str | None) -> RunRecord | None:
        if run_id is None:
            return None
        with self._store.read() as tx:
            return tx.runs.find(run_id)

    def _list(self, thread_id: str) -> Sequence[RunRecord]:
        with self._store.read() as tx:
            return tx.runs.list_for_thread(thread_id, MAX_LOOKBACK)


def _edited(message: Any, message_id: str, content: Content) -> Any:
    if not isinstance(message, BaseMessage) or message.id != message_id:
        return message
    return message.model_copy(update={"content": content, "id": None})
