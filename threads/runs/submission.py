"""From what a caller asks to a run that is stored: under whose key, for which agent, with what context.

What was asked before is known again by its key before the thread is looked at, for the thread has gone
on since: the message that was edited is no longer in view, the question no longer waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from threads import ids
from threads.errors import (
    AlreadyAnswered,
    InvalidValue,
    KeyReused,
    MessageNotFound,
    NothingToResume,
    ThreadNotFound,
)
from threads.registry import Registry
from threads.runs.edit_target import Spot
from threads.runs.executor import Engine
from threads.runs.history import Earlier
from threads.runs.interrupts import Reply
from threads.runs.queue import STRATEGIES
from threads.runs.request import Request, checked_key
from threads.runs.run import Run
from threads.store import threads as thread_table
from threads.store.runs import Asked


class Asking:
    """Takes what is asked of a runner."""

    def __init__(self, registry: Registry, engine: Engine) -> None:
        self.registry = registry
        self.engine = engine
        self.earlier = Earlier(engine.inside)

    def once(self, thread_id: str, said: Request, key: str | None, made: Callable[[], Reply]) -> Run:
        """The run that this key stands for; without one, what `made` makes of the thread as it is now."""
        known = self.earlier.with_key(thread_id, checked_key(key))
        if known is None:
            try:
                asked = made()
            except (MessageNotFound, NothingToResume, InvalidValue):
                known = self.earlier.with_key(thread_id, key)  # the same was asked a moment ago
                if known is None:
                    raise
        if known is not None:
            asked = Reply(said, known["agent_id"], key)
        try:
            return self.start(thread_id, asked, "reject")
        except KeyReused:
            if asked.key == key:
                raise
        taken = self.earlier.with_key(thread_id, asked.key)  # a key that follows from the thread, not given
        last = self.earlier.last(thread_id)
        if taken is None or last is None or taken["run_id"] != last["run_id"]:
            raise AlreadyAnswered(thread_id)
        raise AlreadyAnswered(thread_id, last["run_id"], last["status"])

    def anew(self, request: Request, thread_id: str, found: Spot, key: str | None) -> Reply:
        """By the agent of the run that answered then, and with its context."""
        run = self.earlier.run_of(thread_id, found.at.run_id)
        if request.context is None:
            request = replace(request, context=self.earlier.context(thread_id, run))
        agent_id = None if run is None or not self.engine.agents.knows(run["agent_id"]) else run["agent_id"]
        return Reply(request, agent_id, key)

    def start(
        self, thread_id: str, asked: Reply, strategy: str, *, said: str | None = None, is_new: bool = False
    ) -> Run:
        if strategy not in STRATEGIES:
            raise InvalidValue("multitask_strategy", f"{strategy!r} is none of {', '.join(STRATEGIES)}")
        agent_id = asked.agent_id or self.agent(thread_id, None)[0]
        request, serde = asked.request, self.engine.inside.checkpointer.serde
        stored, digest = request.dumped(serde), request.digest(serde, agent_id)
        row = Asked(ids.new_id(), thread_id, request.kind, agent_id, asked.key, digest, stored, said)
        if is_new:  # last of all: what is refused leaves no empty thread
            self.engine.check_open()
            self.registry.create(id=thread_id, agent_id=agent_id, if_exists="do_nothing")
        accepted, future = self.engine.accept(row, request, strategy)
        return Run(self.engine, accepted.row["run_id"], thread_id, accepted.since, future)

    def agent(self, thread_id: str, said: str | None, if_not_exists: str = "reject") -> tuple[str, bool]:
        """Who answers in this thread, and whether it is yet to be made."""
        if if_not_exists not in ("reject", "create"):
            raise InvalidValue("if_not_exists", f"{if_not_exists!r} is neither 'reject' nor 'create'")
        agents = self.engine.agents
        try:
            with self.engine.inside.database.read() as connection:  # its words need not be up to date
                thread = thread_table.get(connection, thread_id)
        except ThreadNotFound:
            if if_not_exists == "reject":
                raise
            ids.check_new(thread_id)
            return agents.chosen(said, None), True
        return agents.chosen(said, thread["agent_id"]), False

    def message_ids(self, thread_id: str) -> Sequence[str | None]:
        """The ids of the messages in view."""
        return [message.id for message in self.registry.messages(thread_id)]
