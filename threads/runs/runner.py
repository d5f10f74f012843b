"""`Runner`: lets messages through agents, one run at a time in a thread, each answered once.

The threading document's thread-aware coordinator. What a plain `invoke` cannot promise is promised
here: over all processes one run has a thread at a time, the same key never runs twice, a run goes on
when nobody listens, and after a crash it is taken up again or says that it failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from threads import ids
from threads.bootstrap import Registry
from threads.bootstrap.closing import Closing
from threads.errors import InvalidValue, MessageNotFound, NothingToResume, ThreadNotFound
from threads.memory.branches import Place
from threads.registry import events, runs, table
from threads.registry.runs import Asked
from threads.runs.attempt import KEEP
from threads.runs.desk import STRATEGIES
from threads.runs.engine import Engine
from threads.runs.loop import LoopThread
from threads.runs.questions import reply
from threads.runs.requests import Content, Request, checked_input, checked_key, checked_message
from threads.runs.run import Run
from threads.runs.titles import TITLE, title_asked
from threads.runs.watch import Watch

Strategy = Literal["reject", "enqueue", "interrupt", "rollback"]
LEASE = 15.0


class Runner(Closing):
    """Runs agents in the threads of a registry; close it before the registry, or use it by `with`.

    `agents` is one compiled graph or a mapping of agent id to graph; the graphs themselves stay as they
    are. `config` is a `RunnableConfig` for every run: callbacks, tags, metadata, `recursion_limit`.
    `title_model`, a chat model, gives a thread its title after the first exchange, unless a person did.
    `lease_seconds`: how long a run holds its thread without a sign of life. `recover=False` leaves the
    runs of processes that are gone to other runners.
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
    ) -> None:
        extra = {key: value for key, value in (config or {}).items() if key != "configurable"}
        self.registry = registry
        self._engine = Engine(registry, agents, extra, lease_seconds, title_model, recovers=recover)
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
        stops the run under way and keeps what it said, `rollback` takes it back. Raises `ThreadNotFound`,
        `ThreadTrashed`, `AgentNotFound`, `KeyReused`, `InvalidValue`; then nothing is stored.
        """
        if (message is None) == (input is None):
            raise InvalidValue("message", "either a message is needed or an input")
        thread_id = ids.text_of(thread_id)
        agent, is_new = self._agent(thread_id, agent_id, if_not_exists)
        if message is not None:
            request = Request("message", checked_message(message), context)
        else:
            graph = self._engine.agents[agent]
            checked = checked_input(input, graph, lambda: () if is_new else self._message_ids(thread_id))
            request = Request("input", checked, context)
        return self._start(thread_id, request, agent, key, multitask_strategy, is_new=is_new)

    def resume(self, thread_id: str, value: Any = None, *, key: str | None = None) -> Run:
        """A run that answers the question the thread waits with; the same answer again gives the same run.

        `value` may be a mapping of interrupt id to answer where there are several questions. Raises
        `NothingToResume`, and `KeyReused` if it was answered in another way.
        """
        thread_id = self.registry.get(thread_id).id
        answer = reply(self.registry, thread_id, self._last_run(thread_id), value, key)
        agent, _ = self._agent(thread_id, answer.agent_id)
        return self._start(thread_id, answer.request, agent, answer.key, "reject")

    def edit(self, thread_id: str, message_id: str, message: Content, *, key: str | None = None) -> Run:
        """A run that says a user message differently, and answers that; the old branch stays reachable.

        Raises `MessageNotFound` if it is not in the branch in view or no user's, `ThreadBusy`.
        """
        place, _ = self._place(thread_id, message_id, "user")
        request = Request(
            "edit", checked_message(message), base=place.before, told={"message_id": message_id}
        )
        return self._start(thread_id, request, self._agent(thread_id, None)[0], key, "reject")

    def regenerate(self, thread_id: str, message_id: str | None = None, *, key: str | None = None) -> Run:
        """A run that answers anew what this assistant message answered, by default the thread's last.

        The old answer stays reachable. Raises `MessageNotFound`, `ThreadBusy`.
        """
        place, id = self._place(thread_id, message_id, "assistant")
        request = Request("regenerate", None, base=place.after, told={"message_id": id})
        return self._start(thread_id, request, self._agent(thread_id, None)[0], key, "reject")

    def retry(self, thread_id: str) -> Run:
        """Go on with the thread's last run, which failed, where it broke; nothing is said a second time.

        Raises `NothingToResume` if the last run did not fail, `ThreadBusy`.
        """
        last = self._last_run(self.registry.get(thread_id).id)
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
            raise InvalidValue("title_model", "hand a chat model to the Runner to have titles made")
        asked = title_asked(self.registry.get(thread_id).id, self.registry.get(thread_id).agent_id)
        accepted, future = self._engine.make_title(asked, TITLE)
        return Run(self._engine, asked.run_id, asked.thread_id, accepted.since, future)

    def stop(self, thread_id: str) -> bool:
        """Stop the thread's run under way, in whatever process; False if there is none."""
        with self._engine.inside.database.read() as connection:
            running = runs.one(connection, "running", table.get(connection, thread_id)["thread_id"])
        return running is not None and self._engine.ask_to_stop(running["run_id"], KEEP)

    def run(self, run_id: str) -> Run:
        """A run by its id, under way or ended, of this process or another; `RunNotFound`."""
        with self._engine.inside.database.read() as connection:
            row = runs.get(connection, run_id)
        return Run(self._engine, run_id, row["thread_id"], 0, self._engine.promises.of(run_id))

    def close(self, *, timeout: float = 10.0) -> None:
        """Wait up to `timeout` seconds for the runs under way; what goes on then is left to other runners."""
        self._engine.close(self._watching, timeout)
        self._beside.close()

    def _start(
        self,
        thread_id: str,
        request: Request,
        agent_id: str,
        key: str | None,
        strategy: str,
        *,
        is_new: bool = False,
    ) -> Run:
        if strategy not in STRATEGIES:
            raise InvalidValue("multitask_strategy", f"{strategy!r} is none of {', '.join(STRATEGIES)}")
        serde = self._engine.inside.checkpointer.serde
        digest, stored = request.digest(serde, agent_id), request.dumped(serde)
        run_id = ids.new_id()
        asked = Asked(run_id, thread_id, request.kind, agent_id, checked_key(key), digest, stored)
        if is_new:  # last of all: what is refused leaves no empty thread
            self._engine.check_open()
            self.registry.create(id=thread_id, agent_id=agent_id, if_exists="do_nothing")
        accepted, future = self._engine.accept(asked, request, strategy)
        return Run(self._engine, accepted.row["run_id"], thread_id, accepted.since, future)

    def _agent(self, thread_id: str, said: str | None, if_not_exists: str = "reject") -> tuple[str, bool]:
        """Who answers in this thread, and whether it is yet to be made."""
        if if_not_exists not in ("reject", "create"):
            raise InvalidValue("if_not_exists", f"{if_not_exists!r} is neither 'reject' nor 'create'")
        agents = self._engine.agents
        try:
            with self._engine.inside.database.read() as connection:  # its words need not be up to date
                thread = table.get(connection, thread_id)
        except ThreadNotFound:
            if if_not_exists == "reject":
                raise
            ids.check_new(thread_id)
            return agents.chosen(said, None), True
        return agents.chosen(said, thread["agent_id"]), False

    def _place(self, thread_id: str, message_id: str | None, role: str) -> tuple[Place, str]:
        """Where a user message came from; of an assistant message, that of the user message it answers."""
        said = self.registry.messages(thread_id).items
        if message_id is None:
            message_id = next((str(each.id) for each in reversed(said) if each.role == role), "")
        at = next((n for n, each in enumerate(said) if each.id == message_id and each.role == role), None)
        if at is None:
            raise MessageNotFound(thread_id, message_id, f"none of role {role} in the branch in view")
        asked = next((each.id for each in reversed(said[: at + 1]) if each.role == "user"), None)
        with self._engine.inside.database.read() as connection:
            head_id = table.get(connection, thread_id)["head_id"]
            place = self._engine.inside.decoder.places(connection, thread_id, head_id).get(asked)
        if place is None:
            raise MessageNotFound(thread_id, message_id, "the history no longer tells where it came from")
        return place, message_id

    def _last_run(self, thread_id: str) -> Any:
        with self._engine.inside.database.read() as connection:
            return runs.one(connection, "last_of_thread", thread_id)

    def _last_event(self, thread_id: str) -> int:
        with self._engine.inside.database.read() as connection:
            return events.last_sequence(connection, thread_id)

    def _message_ids(self, thread_id: str) -> Sequence[str | None]:
        return [message.id for message in self.registry.messages(thread_id)]
