"""From words in the wrong place to mistakes: shrink, diagnose, and tell each mistake once."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace

from threads.isolation.attacks import Attack
from threads.isolation.canaries import Words
from threads.isolation.diagnosis import Case, diagnose
from threads.isolation.driver import REPLY
from threads.isolation.memory_check import STEPS
from threads.isolation.mistakes import mistake
from threads.isolation.observations import Sighting
from threads.isolation.report import Finding
from threads.isolation.reproducer import replay_of
from threads.isolation.scenario import Script, Step, User
from threads.isolation.shrink import smallest
from threads.isolation.simulation import Stage, World, opened, played

SECONDS = 5.0
"""What making the steps of one leak fewer may take."""


@dataclass
class Findings:
    """The mistakes that were found so far."""

    stage: Stage
    seed: int
    patience: float = SECONDS

    def __post_init__(self) -> None:
        self._found: dict[str, Finding] = {}
        self._again = self.stage

    def all(self) -> tuple[Finding, ...]:
        """One for each mistake, those that leak first."""
        return tuple(sorted(self._found.values(), key=lambda finding: not finding.surfaces))

    @property
    def any_leak(self) -> bool:
        """Whether anything leaked so far."""
        return any(finding.surfaces for finding in self._found.values())

    def forgets(self, code: str) -> None:
        """The agent does not remember: shown by one user alone."""
        with opened(self.stage, Script((User("alice-{word}"),), STEPS)) as world:
            played(world)
            user = world.talks[0].user
            known = mistake(code)
            self._found[code] = Finding(
                code, known.what, known.remedy, user, user, "memory", "", {}, (), None,
                replay_of(world, None, self._command(None)),
            )  # fmt: skip

    def leaks(self, attack: Attack, whole: World, foreign: list[Sighting]) -> None:
        """Words leaked in a play of this attack.

        A mistake that is known already is only counted: making its steps fewer would take seconds. A play
        that was cut short tells too little to know a second one by.
        """
        if whole.cut_short and self.any_leak:
            return
        self._again = replace(self.stage, words=Words(self.seed, f"{attack.name}, again"))
        done = whole.script.only(tuple(step for step, _ in whole.done))
        case = Case(whole, whole, _clearest(foreign), False, self._leaks_again)
        code, place = diagnose(case)
        if code not in self._found and whole.script.mode != "in turn":
            case = replace(case, only_at_once=not self._leaks_again(done.in_turn()))
            code, place = diagnose(case)
        if code in self._found or (case.only_at_once and whole.script.mode == "processes"):
            self._add(code, place, attack, case, foreign)
            return
        fewest = self._fewest(done if case.only_at_once else done.in_turn())
        last = replace(self.stage, words=Words(self.seed, f"{attack.name}, fewest"))
        with opened(last, fewest) as small:
            if seen := played(small).foreign():
                case = replace(case, small=small, leak=_clearest(seen))
                code, place = diagnose(case)
            self._add(code, place, attack, case, foreign)

    def _fewest(self, script: Script) -> Script:
        stop_at = time.monotonic() + self.patience

        def still_leaks(steps: tuple[Step, ...]) -> bool:
            return self._leaks_again(script.only(steps), stop_at)

        return script.only(smallest(script.steps, still_leaks, lambda: time.monotonic() < stop_at))

    def _leaks_again(self, script: Script, stop_at: float = float("inf")) -> bool:
        """Whether it leaks; a play that is stopped before it does counts as one that does not.

        That is right for shrinking alone, so plays that a mistake is known by are never stopped.
        """
        with opened(replace(self._again, stop_at=stop_at), script) as world:
            return bool(played(world).foreign())

    def _add(self, code: str, place: str | None, attack: Attack, case: Case, foreign: list[Sighting]) -> None:
        surfaces = Counter(each.surface for each in foreign)
        known = mistake(code)
        new = Finding(
            code,
            known.what,
            known.remedy,
            owner=case.small.talks[case.owner].user,
            reader=case.small.talks[case.leak.who].user,
            surface=case.leak.surface,
            excerpt=case.leak.excerpt,
            surfaces=dict(surfaces),
            attacks=(attack.name,),
            place=place,
            replay=replay_of(case.small, case.leak, self._command(attack)),
        )
        old = self._found.get(code)
        if old is not None:
            fewer = min(old, new, key=lambda finding: len(finding.replay.steps))
            both = Counter(old.surfaces) + surfaces
            new = replace(fewer, surfaces=dict(both), attacks=(*old.attacks, attack.name))
        self._found[code] = new

    def _command(self, attack: Attack | None) -> str:
        target = self.stage.target
        chosen = f" --attack {attack.name!r}" if attack else ""
        return f"threads audit {target.spec or target.label}{chosen} --seed {self.seed}"


def _clearest(foreign: list[Sighting]) -> Sighting:
    """A reply convinces everybody; the first of any other kind will do."""
    return next((each for each in foreign if each.surface == REPLY), foreign[0])
