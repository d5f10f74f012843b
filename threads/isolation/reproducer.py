"""The fewest steps that leak, in words and as a program to run."""

from __future__ import annotations

from collections.abc import Iterator

from threads.isolation.callbacks import HANDED
from threads.isolation.canaries import found_in
from threads.isolation.driver import EVENTS, REPLY, RETURNED, Conversation, Turn
from threads.isolation.observations import Sighting
from threads.isolation.report import Replay
from threads.isolation.scenario import Step
from threads.isolation.simulation import World
from threads.isolation.target_io import asked_for

STATE = "state"
SAYS = "says {0!r}"
HOW = {
    "fail": f"{SAYS} (the turn fails)",
    "stop": f"{SAYS} (and stops the run)",
    "edit": "changes the last message to {0!r}",
    "retry": "lets the run that failed go on",
    "again": "sends the last message again, with the same key",
}
GIVEN = {"checkpointer": "registry.checkpointer", "store": "store"}
"""What a factory is called with, as far as it takes it."""


def replay_of(world: World, leak: Sighting | None, command: str) -> Replay:
    """The steps of a play that has shown it; `command` repeats the attack they are from."""
    said = world.done
    told = [_told(world, step, turn) + _answered(step, turn, leak) for step, turn in said]
    if leak is None:
        end = "what was said first is not known any more"
    else:
        end = f"{leak.word} is in {leak.surface} of {world.talks[leak.who].user!r}"
    return Replay((*told, end), "\n".join(_code(world, said, leak, command)) + "\n")


def _told(world: World, step: Step, turn: Turn | None) -> str:
    who = repr(world.talks[step.who].user)
    if turn is None:
        source = repr(world.talks[step.source].user)
        return {
            "delete": f"the thread of {who} is deleted",
            "fork": f"the thread of {source} is forked to {who}",
            "kill": f"the process that serves {who} is killed",
        }.get(step.verb, "the agent is built again")
    at_once = "" if world.script.mode == "in turn" else f" (at once with others: {world.script.mode})"
    return f"{who} {HOW.get(step.verb, SAYS).format(turn.text)}{at_once}"


def _answered(step: Step, turn: Turn | None, leak: Sighting | None) -> str:
    """The answer, where the word is in it and should not be."""
    if turn is None or leak is None or step.who != leak.who:
        return ""
    around = found_in(str(turn.error) if turn.reply is None else turn.reply).get(leak.word)
    return f"; the {'answer' if turn.error is None else 'error'}: {around!r}" if around else ""


def _code(
    world: World, said: list[tuple[Step, Turn | None]], leak: Sighting | None, command: str
) -> Iterator[str]:
    yield f"# {command}"
    is_plain = world.script.mode == "in turn" and not any(step.verb in HOW for step, _ in said)
    if world.stage.target.spec is None or not is_plain:
        yield "# run that command to see it again: what it takes does not fit in a few lines"
        return
    yield from _setting_up(world, leak)
    for step, turn in said:
        yield from _lines(world, step, turn, leak)
        if _answered(step, turn, leak):
            break
    if leak is not None:
        yield from _asserted(world, leak)


def _setting_up(world: World, leak: Sighting | None) -> Iterator[str]:
    target = world.stage.target
    assert target.spec is not None
    module, _, name = target.spec.partition("[")[0].partition(":")
    first, *_ = name.split(".")
    if target.is_async and world.voice.speaks_plainly:
        yield from ("import asyncio", "")
    if world.voice.graph is None:
        yield f"from {module} import {first}"
        yield from () if world.voice.speaks_plainly else ("from threads.isolation.target_io import spoken",)
        yield ""
        return
    yield from ("from langgraph.store.memory import InMemoryStore", "") if target.takes("store") else ()
    yield "import threads"
    yield f"from {module} import {first}"
    if leak is not None and leak.surface in HANDED:
        yield "from threads.isolation.observations import Sightings"
        yield "from threads.isolation.callbacks import Watcher"
    yield ""
    yield 'registry = threads.open(":memory:")'
    yield from ("store = InMemoryStore()",) if target.takes("store") else ()
    yield f"agent = {_made(world, name)}"
    yield from ("seen = Sightings()",) if leak is not None and leak.surface in HANDED else ()
    yield from ("runner = threads.Runner(registry, agent)",) if world.script.runners else ()


def _made(world: World, name: str) -> str:
    target = world.stage.target
    given = [f"{each}={value}" for each, value in GIVEN.items() if target.takes(each)]
    made = f"{name}({', '.join(given)})" if target.kind == "factory" else name
    made += f"[{target.key!r}]" if target.key else ""
    if target.takes("checkpointer"):
        return made
    return f'{made}.copy(update={{"checkpointer": registry.checkpointer}})'


def _lines(world: World, step: Step, turn: Turn | None, leak: Sighting | None) -> Iterator[str]:
    talk = world.talks[step.who]
    if turn is not None:
        call = _call(world, talk, turn.text, leak)
        failing = ("try:", f"    reply = {call}", "except Exception as error:", "    reply = error")
        yield from failing if turn.error is not None else (f"reply = {call}",)
    elif step.verb == "delete":
        yield f"registry.checkpointer.delete_thread({talk.thread!r})"
    elif step.verb == "fork":
        yield f"registry.fork({world.talks[step.source].thread!r}, new_id={talk.thread!r})"
    else:
        _, _, name = str(world.stage.target.spec).partition("[")[0].partition(":")
        yield f"agent = {_made(world, name)}"


def _call(world: World, talk: Conversation, text: str, leak: Sighting | None) -> str:
    target = world.stage.target
    if world.voice.graph is None:
        name = str(target.spec).partition(":")[2]
        if not world.voice.speaks_plainly:
            return f"spoken({name}, {talk.user!r}, {text!r})"
        call = f"{name}({talk.user!r}, {text!r})"
        return f"asyncio.run({call})" if target.is_async else call
    if world.script.runners:
        asked = asked_for(world.voice.input(text), text) | world.voice.context(talk)
        given = ", ".join(f"{name}={value!r}" for name, value in asked.items())
        return f'runner.start({talk.thread!r}, {given}, if_not_exists="create").result()'
    config = f"{talk.config!r}"
    if leak is not None and leak.surface in HANDED:
        config = f"{config[:-1]}, 'callbacks': [Watcher({talk.who}, seen)]}}"
    given = f"{world.voice.input(text)!r}, {config}"
    given += "".join(f", {name}={value!r}" for name, value in world.voice.context(talk).items())
    return f"asyncio.run(agent.ainvoke({given}))" if target.is_async else f"agent.invoke({given})"


def _asserted(world: World, leak: Sighting) -> Iterator[str]:
    if leak.surface in (REPLY, RETURNED):
        yield f"assert {leak.word!r}.lower() not in str(reply).lower(), reply"
    elif leak.surface == STATE:
        yield f"state = agent.get_state({world.talks[leak.who].config!r}).values"
        yield f"assert {leak.word!r}.lower() not in str(state).lower(), state"
    elif leak.surface == EVENTS:
        events = f"registry.events({world.talks[leak.who].thread!r}, follow=False)"
        yield f"events = [event.data for event in {events}]"
        yield f"assert {leak.word!r}.lower() not in str(events).lower(), events"
    elif leak.surface in HANDED and world.voice.graph is not None and not world.script.runners:
        yield f"assert not seen.has({leak.who}, {leak.word!r}, [{leak.surface!r}]), seen.seen"
    else:
        yield f"# now {leak.word} is in: {leak.surface}"
