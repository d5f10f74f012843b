"""Playing a script: a database of its own, fresh names and words, and all that was seen.

Whose words may be where is decided here. A word may be where it was told, and in a fork that was made
later. A thread that was deleted holds nothing; who speaks in it next begins anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langgraph.store.memory import InMemoryStore

import threads
from threads.isolation.canaries import Words, found_in
from threads.isolation.driver import Conversation, Loop, Turn, Voice
from threads.isolation.observations import Sighting, Sightings
from threads.isolation.probes import SURFACES, Place, hits_of
from threads.isolation.runner_driver import running
from threads.isolation.scenario import SPEAKING, TELLING, Script, Step, Verb, ask, greet, tell
from threads.isolation.targets import Target


@dataclass(frozen=True)
class Stage:
    """What all plays of an audit share."""

    target: Target
    loop: Loop
    words: Words
    types: tuple[Any, ...] = ()
    """Types of the target's states, for the strict allow-list."""
    now: Callable[[], float] = time.monotonic
    points: int = 1
    """How many points a turn of the target has to fail at."""
    stop_at: float = float("inf")
    """When no further step is begun."""


@dataclass
class World:
    """One play of a script."""

    stage: Stage
    script: Script
    registry: threads.Registry
    path: Path
    voice: Voice
    run: str
    """Letters that no other play has."""
    talks: tuple[Conversation, ...]
    store: Any
    done: list[tuple[Step, Turn | None]] = field(default_factory=list)
    """The steps that were taken, with what came of those that are turns."""
    allowed: dict[int, set[str]] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)
    cut_short: bool = False
    _threads: dict[str, set[str]] = field(default_factory=dict)

    @property
    def turns(self) -> list[tuple[Step, Turn]]:
        """The turns that were taken."""
        return [(step, turn) for step, turn in self.done if turn is not None]

    @property
    def sightings(self) -> Sightings:
        return self.voice.sightings

    def text_for(self, step: Step) -> str:
        """What is said in a step; a word that is told in it is noted as belonging there."""
        talk = self.talks[step.who]
        self.allowed[step.who] = self._threads.setdefault(talk.thread, set())
        for word in found_in(f"{talk.user} {talk.thread}"):
            self._own(step.who, word)
        if step.verb not in TELLING:
            return {"ask": ask, "greet": greet}[step.verb](self.run) if step.verb in ("ask", "greet") else ""
        word = self.stage.words.draw()
        self._own(step.who, word)
        return tell(word)

    def do(self, step: Step) -> None:
        """One step by itself."""
        turn = None
        if step.verb in SPEAKING:
            point = step.point % self.stage.points
            turn = self.voice.say(self.talks[step.who], self.text_for(step), step.verb, point)
        elif step.verb == "delete":
            self.registry.checkpointer.delete_thread(self.talks[step.who].thread)
            self._threads.pop(self.talks[step.who].thread, None)
        elif step.verb == "fork" and not self._fork(step):
            return  # nothing was said in the source: nothing to fork
        elif step.verb == "restart":
            self.voice.graph = self.stage.target.graph(self.registry.checkpointer, self.store)
        self.done.append((step, turn))

    def foreign(self) -> list[Sighting]:
        """Words where they do not belong, in the order in which they were seen."""
        return [
            each
            for each in self.sightings.seen.values()
            if each.word in self.owners and each.word not in self.allowed.get(each.who, ())
        ]

    def look_around(self) -> None:
        """Look at all that stays of each conversation."""
        if self.voice.graph is None:
            return
        self.registry.checkpointer.flush()
        hits = hits_of(self.registry)
        for who in sorted(self.allowed):
            if self._threads.get(self.talks[who].thread) is not self.allowed[who]:
                continue  # deleted; who speaks in the thread now is looked at instead
            place = Place(self.talks[who], self.registry, self.voice.graph, self.path, hits)
            for surface in SURFACES:
                for text in surface.look(place):
                    self.sightings.look(who, surface.name, text)

    def _own(self, who: int, word: str) -> None:
        self.owners.setdefault(word, who)
        self.allowed[who].add(word)

    def _fork(self, step: Step) -> bool:
        source, talk = self.talks[step.source], self.talks[step.who]
        try:
            self.registry.fork(source.thread, new_id=talk.thread)
        except threads.ThreadsError:
            return False
        known = set(self._threads.get(source.thread, ()))
        self._threads[talk.thread] = self.allowed[step.who] = known
        return True


@contextmanager
def opened(stage: Stage, script: Script) -> Iterator[World]:
    """A world for the script, with nothing said yet; gone at the end, from the disk too."""
    with TemporaryDirectory(prefix="threads-audit-", ignore_cleanup_errors=True) as folder:
        path = Path(folder).resolve() / "audit.db"
        with threads.open(path, types=stage.types) as registry:
            store = InMemoryStore()
            graph = stage.target.graph(registry.checkpointer, store)
            voice = Voice(stage.target, graph, stage.loop)
            with running(voice, registry, path, stage.types, script.runners) as speaking:
                run = stage.words.draw()[3:].lower()
                yield World(stage, script, registry, path, speaking, run, _cast(stage, script, run), store)


def played(world: World) -> World:
    """The world after its script was played and all was looked at."""
    for batch in world.script.batches():
        if world.stage.now() >= world.stage.stop_at:
            world.cut_short = True
            break
        _together(world, batch)
    world.look_around()
    return world


def _cast(stage: Stage, script: Script, run: str) -> tuple[Conversation, ...]:
    """The conversations of a play."""
    cast: list[Conversation] = []
    for who, user in enumerate(script.users):
        word = stage.words.draw().lower()
        name = user.name.format(word=word, run=run)
        cast.append(Conversation(who, name, name if user.thread_of is None else cast[user.thread_of].thread))
    return tuple(cast)


def _together(world: World, batch: tuple[Step, ...]) -> None:
    """The steps of one batch at once; those that are no turns wait for the others."""
    spoken = [step for step in batch if step.verb in SPEAKING]
    if len(spoken) < 2 or world.script.mode == "in turn":
        for step in batch:
            world.do(step)
        return
    texts = [world.text_for(step) for step in spoken]
    talks = [world.talks[step.who] for step in spoken]
    verbs = [step.verb for step in spoken]
    if world.script.mode == "asyncio":
        turns: Iterable[Turn] = world.stage.loop.run(_gathered(world.voice, talks, texts, verbs))
    else:
        with ThreadPoolExecutor(len(spoken)) as pool:
            turns = list(pool.map(world.voice.say, talks, texts, verbs))
    world.done += zip(spoken, turns, strict=True)
    for step in batch:
        if step.verb not in SPEAKING:
            world.do(step)


async def _gathered(
    voice: Voice, talks: list[Conversation], texts: list[str], verbs: list[Verb]
) -> list[Turn]:
    return await asyncio.gather(*map(voice.asay, talks, texts, verbs))
