"""`Runner`: lets messages through agents, one run at a time in a thread, each answered once.

The threading document's thread-aware coordinator. What a plain `invoke` cannot promise is promised
here: over all processes one run has a thread at a time, the same key never runs twice, a run goes on
when nobody listens, and after a crash it is taken up again or says that it failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from threads import ids
from threads.errors import InvalidValue, NothingToResume
from threads.registry import Registry
from threads.registry.context import Closeable
from threads.runs.attempt import KEEP
from threads.runs.edit_target import spot
from threads.runs.event_loop import LoopThread
from threads.runs.executor import Engine
from threads.runs.interrupts import Reply, answer, reply
from threads.runs.request import Content, Request, checked_input, checked_key, checked_message
from threads.runs.run import Run
from threads.runs.submission import Asking
from threads.runs.supervisor import Watch
from threads.runs.title_runs import TITLE, title_asked
from threads.store import event_log, runs
from threads.store import threads as thread_table

Strategy = Literal["reject", "enqueue", "interrupt", "rollback"]
LEASE = 15.0
MAX_WAITING = 100
"""Runs that may wait for one thread, if a `Runner` does not say otherwise."""


class Runner(Closeable):
    """Runs agents in the threads of a registry; close it before the registry, or use it by `with`.

    `agents` is one compiled graph or a mapping of agent id to graph; the graphs themselves stay as they
    are. `config` is a `RunnableConfig` for every run: callbacks, tags, metadata, `recursion_limit`.
    `title_model`, a chat model, gives a thread its title after the first exchange, unless a person did.
    `lease_seconds`: how long a run holds its thread without a sign of life. `recover=False` leaves the
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
        lease_seconds: float = LEASE,
        recover: bool = True,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        if isinstance(max_waiting, bool) or not isinstance(max_waiting, int) or max_waiting < 1:
            raise InvalidValue("max_waiting", f"{max_waiting!r} is no whole number from 1 on")
        extra = {key: value for key, value in (config or {}).items() if key != "configurable"}
        self.registry = registry
        self._engine = Engine(
            registry, agents, extra, lease_seconds, title_model, recovers=recover, max_waiting=max_waiting
        )
        self._asking = Asking(registry, self._engine)
        self._beside = LoopThread("threads-watch")
        self._watching = self._beside.submit(Watch(self._engine).run())

    @property
    def agent_ids(self) -> tuple[str, ...]:
        """The agents that can answer."""
        return self._engine.agents.ids

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
        """A run that lets `message` (text, content blocks) or any graph `input` through the thread's agent.

        Once this returns, the request is stored: whatever breaks, it is answered or visibly failed. The
        same `key` gives the same run, however often; a failed one goes on then. On a busy thread
        `multitask_strategy` decides: `reject` raises `ThreadBusy`, `enqueue` waits in order, `interrupt`
        stops the run under way and keeps what it said, `rollback` takes it back; of the runs that wait
        `interrupt` keeps the messages, which nobody answers then, `rollback` nothing. `agent_id` becomes
        the thread's own agent where it has none. Raises `ThreadNotFound`, `ThreadTrashed`, `AgentNotFound`,
        `QueueFull`, `KeyReused`, `InvalidValue`; then nothing is stored.
        """
        if (message is None) == (input is None):
            raise InvalidValue("message", "either a message is needed or an input")
        thread_id, key = ids.text_of(thread_id), checked_key(key)
        asking = self._asking
        known = asking.earlier.with_key(thread_id, key)
        agent, is_new = None if known is None or agent_id else known["agent_id"], False
        if agent is None:
            agent, is_new = asking.agent(thread_id, agent_id, if_not_exists)
        if message is not None:
            request = Request("message", checked_message(message), context)
            self._engine.agents.check_takes_messages(agent)
        else:
            there = partial(asking.message_ids, thread_id) if not is_new else tuple
            graph = self._engine.agents.find(agent)
            checked = checked_input(input, graph, None if known is not None else there)
            request = Request("input", checked, context)
        asked = Reply(request, agent, key)
        return asking.start(thread_id, asked, multitask_strategy, said=agent_id, is_new=is_new)

    def resume(
        self, thread_id: str, value: Any = None, *, context: Any = None, key: str | None = None
    ) -> Run:
        """A run that answers the question the thread waits with; the same answer again gives the same run.

        `value` may be a mapping of interrupt id to answer, and has to be where there are several questions.
        An answer that neither names its question so nor has a `key` is one to the question that waits now:
        given twice where the agent asks again at once, it answers the next question, too; a `key` tells
        the two apart. Where the run of an answer failed in the node that asked, another answer may take
        its place. `context` is by default that of the run that asked. Raises `NothingToResume`,
        `InvalidValue`, `AlreadyAnswered` if it was answered in another way, and `KeyReused`.
        """
        thread_id = self.registry.get(thread_id).id
        said = answer(value, context)
        return self._asking.once(
            thread_id, said, key, lambda: reply(self.registry, self._asking.earlier, thread_id, said, key)
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
        """A run that says a user message differently, and answers that; the old branch stays reachable.

        What else was handed in with the message is handed in again. `context` is by default that of the
        run that brought it. Raises `MessageNotFound` if it is not in the branch in view or no user's,
        `ThreadBusy`, `KeyReused`.
        """
        thread_id, content = self.registry.get(thread_id).id, checked_message(message)
        told = {"message_id": message_id, "message": content, "context": context}

        def made() -> Reply:
            found = spot(self._engine.inside, self.registry, thread_id, message_id, ("user",))
            input = self._asking.earlier.edited(found.asked.run_id, message_id, content)
            return self._asking.anew(
                replace(said, input=input, base=found.place.before), thread_id, found, key
            )

        said = Request("edit", content, context, told=told)
        return self._asking.once(thread_id, said, key, made)

    def regenerate(
        self,
        thread_id: str,
        message_id: str | None = None,
        *,
        context: Any = None,
        key: str | None = None,
    ) -> Run:
        """A run that answers anew what this assistant message answered, by default the thread's last.

        The old answer stays reachable. A message at the thread's end that nobody answered is answered
        then. `context` is by default that of the run that answered. Raises `MessageNotFound`,
        `ThreadBusy`, `KeyReused`.
        """
        thread_id = self.registry.get(thread_id).id
        roles = ("assistant", "user") if message_id is None else ("assistant",)

        def made() -> Reply:
            found = spot(self._engine.inside, self.registry, thread_id, message_id, roles)
            return self._asking.anew(replace(said, base=found.place.after), thread_id, found, key)

        said = Request("regenerate", None, context, told={"message_id": message_id, "context": context})
        return self._asking.once(thread_id, said, key, made)

    def retry(self, thread_id: str) -> Run:
        """Go on with the thread's last run, which failed, where it broke; nothing is said a second time.

        Raises `NothingToResume` if the last run did not fail, `ThreadBusy`.
        """
        last = self._asking.earlier.last(self.registry.get(thread_id).id)
        if last is None or last["status"] != "error":
            raise NothingToResume(thread_id, "its last run did not fail")
        after = self._last_event(last["thread_id"])
        self._engine.retry(last["run_id"])
        future = self._engine.promises.of(last["run_id"])  # only now: before, its old end would keep it
        return Run(self._engine, last["run_id"], last["thread_id"], after, future)

    def make_title(self, thread_id: str) -> Run:
        """A run, beside the conversation, in which `title_model` gives the thread a title: its result.

        Raises `InvalidValue` if there is no `title_model`, or if a person gave the thread its title.
        """
        if self._engine.title_model is None:
            raise InvalidValue(
                "title_model", "there is none to make titles", "hand a chat model to the Runner"
            )
        asked = title_asked(self.registry.get(thread_id).id, self.registry.get(thread_id).agent_id)
        accepted, future = self._engine.make_title(asked, TITLE)
        return Run(self._engine, asked.run_id, asked.thread_id, accepted.since, future)

    def stop(self, thread_id: str) -> bool:
        """Stop the thread's run under way, in whatever process; False if there is none."""
        with self._engine.inside.database.read() as connection:
            running = runs.one(connection, "running", thread_table.get(connection, thread_id)["thread_id"])
        return running is not None and self._engine.ask_to_stop(running["run_id"], KEEP)

    def run(self, run_id: str) -> Run:
        """A run by its id, under way or ended, of this process or another; `RunNotFound`."""
        with self._engine.inside.database.read() as connection:
            row = runs.get(connection, run_id)
        return Run(self._engine, run_id, row["thread_id"], 0, self._engine.promises.of(run_id))

    def close(self, *, timeout: float = 10.0) -> None:
        """Wait up to `timeout` seconds for the runs under way; what goes on then is left to other runners."""
        self._close(timeout)

    def _close(self, timeout: float, hurry: Callable[[], bool] = lambda: False) -> None:
        """For `threads.api`: as `close`, and no run is waited for any longer once `hurry()` is true."""
        self._engine.close(self._watching, timeout, hurry)
        self._beside.close()

    def _under_way(self) -> int:
        """For `threads.api`: how many runs this runner is performing now."""
        return len(self._engine.begun)

    def _last_event(self, thread_id: str) -> int:
        with self._engine.inside.database.read() as connection:
            return event_log.last_sequence(connection, thread_id)
