"""An audit from beginning to end: try the agent, play the attacks, find out about what leaked."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from threads import TypeNotAllowed
from threads.errors import InvalidValue
from threads.isolation.attacks import ATTACKS, Attack, Size
from threads.isolation.canaries import Words
from threads.isolation.driver import RETURNED, Loop
from threads.isolation.findings import SECONDS as SECONDS_FOR_ONE
from threads.isolation.findings import Findings
from threads.isolation.log_filter import quiet
from threads.isolation.memory_check import STEPS, Remembering, remembering
from threads.isolation.multiprocess import WorkerFailed, play_in_processes
from threads.isolation.probes import IN_TURNS, SURFACES
from threads.isolation.report import Report, Tried
from threads.isolation.scenario import Script, User
from threads.isolation.simulation import Stage, World, opened, played
from threads.isolation.targets import Target, error_told, target_of

QUICK, THOROUGH = Size(4, 24, 2), Size(8, 160, 4)
SECONDS = 14.0
"""What a quick audit has for its attacks; finding out about what leaked comes to it."""
TOO_LATE = "the quick audit's time was over"
ATTENTION = 4.0
"""Seconds that an attack has at the least: with a slow agent rather few attacks than none worth its name."""
TRIES = 4
"""How often an agent may fail before it is taken for one that does not work."""


@dataclass(frozen=True)
class Asked:
    """What the caller said; None where it was not said."""

    thorough: bool
    attacks: tuple[str, ...] | None
    users: int | None
    turns: int | None
    processes: int | None
    seed: int | None
    types: tuple[Any, ...]
    input: Any

    @property
    def size(self) -> Size:
        size = THOROUGH if self.thorough else QUICK
        users, turns = self.users or size.users, self.turns or size.turns
        return Size(users, max(turns, 2 * users), self.processes or size.processes)

    @property
    def seconds(self) -> float:
        """How long the attacks may go on."""
        return float("inf") if self.thorough or self.turns else SECONDS

    @property
    def patience(self) -> float:
        """How long making the steps of a leak fewer may take."""
        return 30.0 if self.seconds > SECONDS else SECONDS_FOR_ONE

    def chosen(self) -> list[Attack]:
        """The attacks to try; `InvalidValue` for a name that is none."""
        known = {attack.name: attack for attack in ATTACKS}
        if self.attacks is None:
            return list(ATTACKS)
        for name in self.attacks:
            if name not in known:
                raise InvalidValue("attacks", f"there is no {name!r}; there are: {', '.join(known)}")
        return [attack for attack in ATTACKS if attack.name in self.attacks]


class Lab:
    """One audit of one target."""

    def __init__(self, target: Any, asked: Asked, progress: Any) -> None:
        self._asked, self._progress = asked, progress
        self._began = time.monotonic()
        self._seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
        self._attacks = asked.chosen()
        self._left = asked.seconds
        found: Target = target_of(target)
        self._loop = Loop()
        self._stage = Stage(
            replace(found, input=asked.input), self._loop, Words(self._seed), asked.types, time.monotonic
        )
        self._notes: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.__exit__(kind, error, trace)

    def report(self) -> Report:
        """Do it all."""
        with quiet():
            return self._report()

    def _report(self) -> Report:
        total = len(self._attacks) + 1
        self._progress("getting to know the agent", 0, total)
        mistake = self._get_to_know()
        findings = Findings(
            self._stage, self._seed, SECONDS_FOR_ONE if self._asked.seconds == SECONDS else 30.0
        )
        if mistake is not None:
            findings.forgets(mistake)
        tried: list[Tried] = []
        for number, attack in enumerate(self._attacks, 1):
            self._progress(attack.name, number, total)
            self._attacks_left = total - number
            tried.append(self._try(attack, findings))
        self._progress("done", total, total)
        if any(each.skipped == TOO_LATE for each in tried):
            self._notes.append(
                "not everything was tried in the time of a quick audit: --thorough takes its time"
            )
        return Report(
            target=self._stage.target.label,
            verdict="leaks" if any(each.leaked for each in tried) else "forgets" if mistake else "clean",
            findings=findings.all(),
            tried=tuple(tried),
            notes=tuple(self._notes),
            seed=self._seed,
            seconds=round(time.monotonic() - self._began, 1),
            surfaces=IN_TURNS if self._is_application else (*IN_TURNS, RETURNED, *(s.name for s in SURFACES)),
        )

    @property
    def _is_application(self) -> bool:
        return self._stage.target.kind == "chat"

    def _get_to_know(self) -> str | None:
        """How to speak with the agent, and whether it remembers; `InvalidValue` if it never answers."""
        errors: list[BaseException] = []
        answered = False
        while len(errors) < TRIES:
            seen = self._first_turns()
            points = max(1, *(turn.points for turn in seen.turns))
            self._stage = replace(self._stage, points=points)
            answered = answered or any(turn.error is None for turn in seen.turns)
            error = next((turn.error for turn in seen.turns if turn.error), None)
            if error is None:
                if not seen.is_seen:
                    self._notes.append("whether it remembers could not be seen: neither its replies tell "
                                       "what it was told, nor was a graph or model seen at work")  # fmt: skip
                return seen.mistake
            errors.append(error)
            self._adapt(error)
        if answered:
            self._notes.append(f"whether it remembers could not be seen: turns failed, the last: "
                               f"{error_told(errors[-1])}")  # fmt: skip
            return None
        raise InvalidValue(
            "target", f"{self._stage.target.label} answers nothing: {error_told(errors[-1])}"
        ) from errors[-1]

    def _first_turns(self) -> Remembering:
        with opened(self._stage, Script((User("visitor-{word}"),), STEPS)) as world:
            if world.voice.graph is not None and self._stage.target.kind == "graph":
                self._tell_of_checkpointer()
            return remembering(world)

    def _tell_of_checkpointer(self) -> None:
        if not getattr(self._stage.target.made, "checkpointer", True) and not self._notes:
            self._notes.append("the graph was compiled without a checkpointer: by itself it remembers "
                               "nothing; it was tried with the audit's own")  # fmt: skip

    def _adapt(self, error: BaseException) -> None:
        if isinstance(error, TypeNotAllowed):  # the user runs this code: its types may be read here
            blocked = (name.rpartition(".")[::2] for name in error.blocked)
            self._stage = replace(self._stage, types=(*self._stage.types, *blocked))
        elif isinstance(error, TypeError) and "synchronous" in str(error):
            self._stage = replace(self._stage, target=replace(self._stage.target, is_async=True))

    def _try(self, attack: Attack, findings: Findings) -> Tried:
        reason = self._cannot(attack) if self._left > 0 else TOO_LATE
        if attack.is_slow and findings.any_leak and not self._asked.thorough and not self._asked.attacks:
            reason = "it leaks without that already"
        if reason is not None:
            return Tried(attack.name, attack.what, skipped=reason)
        script = attack.script(self._asked.size)
        began = time.monotonic()
        stage = replace(
            self._stage,
            words=Words(self._seed, attack.name),
            stop_at=began + max(self._left / self._attacks_left, ATTENTION),
        )
        with opened(stage, script) as world:
            ended = self._play(world)
            self._left -= time.monotonic() - began
            foreign = world.foreign()
            if foreign:
                findings.leaks(attack, world, foreign)
                self._left = min(self._left, self._asked.seconds / 2)  # the rest is quickly seen
            failed = [turn for step, turn in world.turns if turn.error and step.verb != "fail"]
            if 2 * len(failed) > len(world.turns):
                self._notes.append(
                    f"{attack.name}: most turns failed, the first: {error_told(failed[0].error)}"
                )
            cut = f"cut short: {TOO_LATE}" if world.cut_short else None
            cut = f"a process ended by itself: {ended}" if ended else cut
            return Tried(
                attack.name,
                attack.what,
                turns=len(world.turns),
                failed=len(failed),
                looked=world.sightings.looked,
                leaked=len({(each.word, each.who) for each in foreign}),
                skipped=cut,
            )

    def _play(self, world: World) -> str | None:
        """Play the world's script; the last that a process said which ended by itself."""
        if world.script.mode != "processes":
            played(world)
            return None
        try:
            play_in_processes(world)
        except WorkerFailed as error:
            return str(error) or "it said nothing"
        return None

    def _cannot(self, attack: Attack) -> str | None:
        target = self._stage.target
        if attack.only_graphs and self._is_application:
            return "an application keeps its own memory"
        if attack.is_slow and (target.spec is None or callable(target.input)):
            return "other processes cannot import the target: name it as module:name"
        return None
