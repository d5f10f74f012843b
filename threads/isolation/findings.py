"""From foreign words to findings: minimize the steps, diagnose the mistake, report each mistake once."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace

from threads.isolation.attacks import Attack
from threads.isolation.canaries import CanaryWords
from threads.isolation.diagnosis import LeakCase, diagnose
from threads.isolation.driver import REPLY
from threads.isolation.memory_check import MEMORY_STEPS
from threads.isolation.mistakes import get_mistake
from threads.isolation.observations import Observation
from threads.isolation.report import Finding
from threads.isolation.reproducer import make_replay
from threads.isolation.scenario import Mode, Scenario, ScenarioUser, Step
from threads.isolation.shrink import minimize_steps
from threads.isolation.simulation import AuditSetup, Simulation, open_simulation, play


@dataclass
class FindingCollector:
    """The findings of an audit so far. Minimizing the steps of one leak takes at most `shrink_seconds`."""

    setup: AuditSetup
    seed: int
    shrink_seconds: float

    def __post_init__(self) -> None:
        self._by_code: dict[str, Finding] = {}
        self._replay_setup = self.setup

    def findings(self) -> tuple[Finding, ...]:
        """Return one finding for each mistake, leaks first."""
        return tuple(sorted(self._by_code.values(), key=lambda finding: not finding.surfaces))

    @property
    def has_leak(self) -> bool:
        """Whether a leak was found so far."""
        return any(finding.surfaces for finding in self._by_code.values())

    def add_memory_failure(self, code: str) -> None:
        """Add that the agent does not remember, with the steps of one user that show it."""
        scenario = Scenario((ScenarioUser("alice-{word}"),), MEMORY_STEPS)
        with open_simulation(self.setup, scenario) as simulation:
            play(simulation)
            user = simulation.participants[0].user
            mistake = get_mistake(code)
            self._by_code[code] = Finding(
                code, mistake.what, mistake.remedy, user, user, "memory", "", {}, (), None,
                make_replay(simulation, None, self._command(None)),
            )  # fmt: skip

    def add_leak(self, attack: Attack, full: Simulation, foreign: list[Observation]) -> None:
        """Add the leak that a simulation of this attack showed.

        A known mistake is only counted, because minimizing its steps would take seconds. A simulation that
        was cut short is not enough to tell a second mistake from the first.
        """
        if full.cut_short and self.has_leak:
            return
        self._replay_setup = replace(self.setup, words=CanaryWords(self.seed, f"{attack.name}, again"))
        completed = full.scenario.with_steps(tuple(step for step, _ in full.completed))
        case = LeakCase(full, full, _most_convincing(foreign), False, self._leaks_again)
        code, place = diagnose(case)
        if code not in self._by_code and full.scenario.mode != Mode.IN_TURN:
            case = replace(case, needs_concurrency=not self._leaks_again(completed.sequential()))
            code, place = diagnose(case)
        if code in self._by_code or (case.needs_concurrency and full.scenario.mode == Mode.PROCESSES):
            self._add(code, place, attack, case, foreign)
            return
        fewest = self._minimize(completed if case.needs_concurrency else completed.sequential())
        last = replace(self.setup, words=CanaryWords(self.seed, f"{attack.name}, fewest"))
        with open_simulation(last, fewest) as minimal:
            if still_foreign := play(minimal).find_foreign_words():
                case = replace(case, minimal=minimal, leak=_most_convincing(still_foreign))
                code, place = diagnose(case)
            self._add(code, place, attack, case, foreign)

    def _minimize(self, scenario: Scenario) -> Scenario:
        stop_at = time.monotonic() + self.shrink_seconds

        def still_leaks(steps: tuple[Step, ...]) -> bool:
            return self._leaks_again(scenario.with_steps(steps), stop_at)

        steps = minimize_steps(scenario.steps, still_leaks, lambda: time.monotonic() < stop_at)
        return scenario.with_steps(steps)

    def _leaks_again(self, scenario: Scenario, stop_at: float = float("inf")) -> bool:
        """Return whether a scenario leaks, or False if it does not before `stop_at`.

        Only minimizing sets `stop_at`: a diagnosis must not depend on an incomplete simulation.
        """
        with open_simulation(replace(self._replay_setup, stop_at=stop_at), scenario) as simulation:
            return bool(play(simulation).find_foreign_words())

    def _add(
        self, code: str, place: str | None, attack: Attack, case: LeakCase, foreign: list[Observation]
    ) -> None:
        surfaces = Counter(each.surface for each in foreign)
        mistake = get_mistake(code)
        new = Finding(
            code,
            mistake.what,
            mistake.remedy,
            owner=case.minimal.participants[case.owner].user,
            reader=case.minimal.participants[case.leak.speaker].user,
            surface=case.leak.surface,
            excerpt=case.leak.excerpt,
            surfaces=dict(surfaces),
            attacks=(attack.name,),
            place=place,
            replay=make_replay(case.minimal, case.leak, self._command(attack)),
        )
        old = self._by_code.get(code)
        if old is not None:
            shorter = min(old, new, key=lambda finding: len(finding.replay.steps))
            total = Counter(old.surfaces) + surfaces
            new = replace(shorter, surfaces=dict(total), attacks=(*old.attacks, attack.name))
        self._by_code[code] = new

    def _command(self, attack: Attack | None) -> str:
        target = self.setup.target
        option = f" --attack {attack.name!r}" if attack else ""
        return f"threads audit {target.spec or target.label}{option} --seed {self.seed}"


def _most_convincing(foreign: list[Observation]) -> Observation:
    """Return the first observation in a reply, or the first of any kind."""
    return next((each for each in foreign if each.surface == REPLY), foreign[0])
