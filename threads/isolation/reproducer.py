"""The fewest steps that leak, in words and as a program to run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from threads.isolation.callbacks import INPUT_SURFACES
from threads.isolation.canaries import find_canaries
from threads.isolation.driver import EVENTS, REPLY, RETURNED, Participant, TurnResult
from threads.isolation.observations import Observation
from threads.isolation.report import Replay
from threads.isolation.scenario import Mode, Step, Verb
from threads.isolation.simulation import Simulation
from threads.isolation.target_io import run_arguments

STATE = "state"
SAYS = "says {0!r}"
VERB_TEXTS = {
    Verb.FAIL: f"{SAYS} (the turn fails)",
    Verb.STOP: f"{SAYS} (and stops the run)",
    Verb.EDIT: "changes the last message to {0!r}",
    Verb.RETRY: "lets the run that failed go on",
    Verb.RESEND: "sends the last message again, with the same key",
}
"""Turns that a program of a few lines cannot repeat, and how they are described."""
FACTORY_ARGUMENTS = {"checkpointer": "registry.checkpointer", "store": "store"}
"""The arguments of a factory, as far as it takes them."""


def make_replay(simulation: Simulation, leak: Observation | None, command: str) -> Replay:
    """Return the steps of a simulation that leaked, or forgot if `leak` is None; `command` repeats it."""
    steps = [
        _describe_step(simulation, step, turn) + _describe_answer(step, turn, leak)
        for step, turn in simulation.completed
    ]
    if leak is None:
        end = "what was said first is not known any more"
    else:
        end = f"{leak.word} is in {leak.surface} of {simulation.participants[leak.speaker].user!r}"
    program = "\n".join(_Program(simulation, leak).lines(command)) + "\n"
    return Replay((*steps, end), program)


def _describe_step(simulation: Simulation, step: Step, turn: TurnResult | None) -> str:
    user = repr(simulation.participants[step.speaker].user)
    if turn is None:
        source = repr(simulation.participants[step.source].user)
        return {
            Verb.DELETE: f"the thread of {user} is deleted",
            Verb.FORK: f"the thread of {source} is forked to {user}",
            Verb.KILL: f"the process that serves {user} is killed",
        }.get(step.verb, "the agent is built again")
    mode = simulation.scenario.mode
    concurrently = "" if mode == Mode.IN_TURN else f" (at once with others: {mode})"
    return f"{user} {VERB_TEXTS.get(step.verb, SAYS).format(turn.text)}{concurrently}"


def _describe_answer(step: Step, turn: TurnResult | None, leak: Observation | None) -> str:
    """Return the excerpt of a reply or error that contains the leaked word, or ''."""
    if turn is None or leak is None or step.speaker != leak.speaker:
        return ""
    excerpt = find_canaries(str(turn.error) if turn.reply is None else turn.reply).get(leak.word)
    return f"; the {'answer' if turn.error is None else 'error'}: {excerpt!r}" if excerpt else ""


@dataclass(frozen=True)
class _Program:
    """Writes a program that repeats the steps and fails with AssertionError while the leak is there."""

    simulation: Simulation
    leak: Observation | None

    def lines(self, command: str) -> Iterator[str]:
        """Yield the lines, or only the command if the steps need more than a few lines."""
        completed = self.simulation.completed
        is_sequential = self.simulation.scenario.mode == Mode.IN_TURN
        yield f"# {command}"
        is_repeatable = is_sequential and not any(step.verb in VERB_TEXTS for step, _ in completed)
        if self.simulation.setup.target.spec is None or not is_repeatable:
            yield "# run that command to see it again: what it takes does not fit in a few lines"
            return
        yield from self._setup()
        for step, turn in completed:
            yield from self._step(step, turn)
            if _describe_answer(step, turn, self.leak):
                break
        if self.leak is not None:
            yield from self._assertion(self.leak)

    @property
    def _needs_handler(self) -> bool:
        return self.leak is not None and self.leak.surface in INPUT_SURFACES

    @property
    def _name(self) -> str:
        """The name of the target in its module."""
        return str(self.simulation.setup.target.spec).partition("[")[0].partition(":")[2]

    def _setup(self) -> Iterator[str]:
        target, driver = self.simulation.setup.target, self.simulation.driver
        module = str(target.spec).partition(":")[0]
        imported, *_ = self._name.split(".")
        if target.is_async and driver.returns_plain_text:
            yield from ("import asyncio", "")
        if driver.graph is None:
            yield f"from {module} import {imported}"
            if not driver.returns_plain_text:
                yield "from threads.isolation.target_io import call_application"
            yield ""
            return
        if target.takes("store"):
            yield from ("from langgraph.store.memory import InMemoryStore", "")
        yield "import threads"
        yield f"from {module} import {imported}"
        if self._needs_handler:
            yield "from threads.isolation.observations import Observations"
            yield "from threads.isolation.callbacks import AuditCallbackHandler"
        yield ""
        yield 'registry = threads.open(":memory:")'
        if target.takes("store"):
            yield "store = InMemoryStore()"
        yield self._assign_agent()
        if self._needs_handler:
            yield "observations = Observations()"
        if self.simulation.scenario.runners:
            yield "runner = threads.Runner(registry, agent)"

    def _assign_agent(self) -> str:
        target = self.simulation.setup.target
        arguments = [f"{each}={value}" for each, value in FACTORY_ARGUMENTS.items() if target.takes(each)]
        made = f"{self._name}({', '.join(arguments)})" if target.kind == "factory" else self._name
        made += f"[{target.key!r}]" if target.key else ""
        if target.takes("checkpointer"):
            return f"agent = {made}"
        return f'agent = {made}.copy(update={{"checkpointer": registry.checkpointer}})'

    def _step(self, step: Step, turn: TurnResult | None) -> Iterator[str]:
        participants = self.simulation.participants
        participant = participants[step.speaker]
        if turn is not None and turn.error is not None:
            call = self._call(participant, turn.text)
            yield from ("try:", f"    reply = {call}", "except Exception as error:", "    reply = error")
        elif turn is not None:
            yield f"reply = {self._call(participant, turn.text)}"
        elif step.verb == Verb.DELETE:
            yield f"registry.checkpointer.delete_thread({participant.thread_id!r})"
        elif step.verb == Verb.FORK:
            source = participants[step.source]
            yield f"registry.fork({source.thread_id!r}, new_id={participant.thread_id!r})"
        else:
            yield self._assign_agent()

    def _call(self, participant: Participant, text: str) -> str:
        target, driver = self.simulation.setup.target, self.simulation.driver
        if driver.graph is None:
            name = str(target.spec).partition(":")[2]
            if not driver.returns_plain_text:
                return f"call_application({name}, {participant.user!r}, {text!r})"
            call = f"{name}({participant.user!r}, {text!r})"
            return f"asyncio.run({call})" if target.is_async else call
        graph_input, context = driver.graph_input(text), driver.context_arguments(participant)
        if self.simulation.scenario.runners:
            keywords = _keywords(run_arguments(graph_input, text) | context)
            return f'runner.start({participant.thread_id!r}, {keywords}, if_not_exists="create").result()'
        config = f"{participant.config!r}"
        if self._needs_handler:
            handler = f"AuditCallbackHandler({participant.index}, observations)"
            config = f"{config[:-1]}, 'callbacks': [{handler}]}}"
        arguments = ", ".join(filter(None, [repr(graph_input), config, _keywords(context)]))
        return f"asyncio.run(agent.ainvoke({arguments}))" if target.is_async else f"agent.invoke({arguments})"

    def _assertion(self, leak: Observation) -> Iterator[str]:
        participant = self.simulation.participants[leak.speaker]
        is_graph = self.simulation.driver.graph is not None
        if leak.surface in (REPLY, RETURNED):
            yield f"assert {leak.word!r}.lower() not in str(reply).lower(), reply"
        elif leak.surface == STATE:
            yield f"state = agent.get_state({participant.config!r}).values"
            yield f"assert {leak.word!r}.lower() not in str(state).lower(), state"
        elif leak.surface == EVENTS:
            events = f"registry.events({participant.thread_id!r}, follow=False, inner=True)"
            yield f"events = [event.data for event in {events}]"
            yield f"assert {leak.word!r}.lower() not in str(events).lower(), events"
        elif leak.surface in INPUT_SURFACES and is_graph and not self.simulation.scenario.runners:
            arguments = f"{leak.speaker}, {leak.word!r}, [{leak.surface!r}]"
            yield f"assert not observations.contains({arguments}), observations.first_seen"
        else:
            yield f"# now {leak.word} is in: {leak.surface}"


def _keywords(arguments: dict[str, object]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
