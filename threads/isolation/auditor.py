"""An audit from start to end: get to know the agent, play the attacks, collect findings."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from threads import TypeNotAllowed
from threads.errors import InvalidValue
from threads.isolation.attacks import ATTACKS, Attack, Size
from threads.isolation.callbacks import suppress_injected_failure_logs
from threads.isolation.canaries import CanaryWords
from threads.isolation.driver import RETURNED
from threads.isolation.findings import FindingCollector
from threads.isolation.memory_check import MEMORY_STEPS, MemoryCheck, check_memory
from threads.isolation.multiprocess import WorkerFailed, play_in_processes
from threads.isolation.probes import PROBES, TURN_SURFACES
from threads.isolation.report import Report, Tried, Verdict
from threads.isolation.scenario import Mode, Scenario, ScenarioUser, Verb
from threads.isolation.simulation import AuditSetup, Simulation, open_simulation, play
from threads.isolation.targets import format_error, resolve_target
from threads.runs.event_loop import LoopThread

QUICK, THOROUGH = Size(4, 24, 2), Size(8, 160, 4)
QUICK_SECONDS = 14.0
"""The time for all attacks of a quick audit; minimizing and diagnosing leaks comes on top."""
MIN_ATTACK_SECONDS = 4.0
"""The least time for one attack: with a slow agent a few useful attacks are better than many cut short."""
SHRINK_SECONDS, LONG_SHRINK_SECONDS = 5.0, 30.0
"""The time for minimizing the steps of one leak, in a quick audit and in others."""
MAX_FAILED_TRIES = 4
"""How many times the first turns may fail before the agent is refused."""
OUT_OF_TIME = "the quick audit's time was over"


@dataclass(frozen=True)
class AuditOptions:
    """The options of `threads.isolation.audit`; None for the default."""

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
        """The time for all attacks; infinite unless the audit is quick."""
        return float("inf") if self.thorough or self.turns else QUICK_SECONDS

    @property
    def shrink_seconds(self) -> float:
        """The time for minimizing the steps of one leak."""
        return LONG_SHRINK_SECONDS if self.seconds > QUICK_SECONDS else SHRINK_SECONDS

    def selected_attacks(self) -> list[Attack]:
        """Return the attacks to run; `InvalidValue` for an unknown name."""
        known = {attack.name: attack for attack in ATTACKS}
        if self.attacks is None:
            return list(ATTACKS)
        for name in self.attacks:
            if name not in known:
                raise InvalidValue("attacks", f"there is no {name!r}; there are: {', '.join(known)}")
        return [attack for attack in ATTACKS if attack.name in self.attacks]


class Auditor:
    """Runs one audit of one target."""

    def __init__(self, target: Any, options: AuditOptions, progress: Callable[[str, int, int], None]) -> None:
        self._options, self._progress = options, progress
        self._started_at = time.monotonic()
        self._seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
        self._attacks = options.selected_attacks()
        self._attacks_left = len(self._attacks)
        self._seconds_left = options.seconds
        resolved = replace(resolve_target(target), input=options.input)
        self._loop = LoopThread("audit-loop")
        self._setup = AuditSetup(resolved, self._loop, CanaryWords(self._seed), options.types, time.monotonic)
        self._notes: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.close()

    def run(self) -> Report:
        """Run the audit and return its report."""
        with suppress_injected_failure_logs():
            return self._run()

    def _run(self) -> Report:
        total = len(self._attacks) + 1
        self._progress("getting to know the agent", 0, total)
        memory_mistake = self._check_memory()
        findings = FindingCollector(self._setup, self._seed, self._options.shrink_seconds)
        if memory_mistake is not None:
            findings.add_memory_failure(memory_mistake)
        tried: list[Tried] = []
        for number, attack in enumerate(self._attacks, 1):
            self._progress(attack.name, number, total)
            self._attacks_left = total - number
            tried.append(self._try(attack, findings))
        self._progress("done", total, total)
        if any(each.skipped == OUT_OF_TIME for each in tried):
            self._notes.append(
                "not everything was tried in the time of a quick audit: --thorough takes its time"
            )
        verdict: Verdict = "forgets" if memory_mistake else "clean"
        return Report(
            target=self._setup.target.label,
            verdict="leaks" if any(each.leaked for each in tried) else verdict,
            findings=findings.findings(),
            tried=tuple(tried),
            notes=tuple(self._notes),
            seed=self._seed,
            seconds=round(time.monotonic() - self._started_at, 1),
            surfaces=self._surfaces(),
        )

    def _surfaces(self) -> tuple[str, ...]:
        stored = (RETURNED, *(probe.surface for probe in PROBES))
        return TURN_SURFACES if self._is_application else (*TURN_SURFACES, *stored)

    @property
    def _is_application(self) -> bool:
        return self._setup.target.kind == "chat"

    def _check_memory(self) -> str | None:
        """Find out how to call the agent, and return the mistake if it does not remember.

        Raises `InvalidValue` if it never answers.
        """
        errors: list[BaseException] = []
        has_answered = False
        while len(errors) < MAX_FAILED_TRIES:
            check = self._run_first_turns()
            points = max(1, *(turn.failure_points for turn in check.turns))
            self._setup = replace(self._setup, failure_points=points)
            has_answered = has_answered or any(turn.error is None for turn in check.turns)
            error = next((turn.error for turn in check.turns if turn.error), None)
            if error is None:
                if not check.is_conclusive:
                    self._notes.append("whether it remembers could not be seen: neither its replies tell "
                                       "what it was told, nor was a graph or model seen at work")  # fmt: skip
                return check.mistake
            errors.append(error)
            self._adapt(error)
        if has_answered:
            self._notes.append(f"whether it remembers could not be seen: turns failed, the last: "
                               f"{format_error(errors[-1])}")  # fmt: skip
            return None
        raise InvalidValue(
            "target", f"{self._setup.target.label} answers nothing: {format_error(errors[-1])}"
        ) from errors[-1]

    def _run_first_turns(self) -> MemoryCheck:
        scenario = Scenario((ScenarioUser("visitor-{word}"),), MEMORY_STEPS)
        with open_simulation(self._setup, scenario) as simulation:
            if simulation.driver.graph is not None and self._setup.target.kind == "graph":
                self._note_missing_checkpointer()
            return check_memory(simulation)

    def _note_missing_checkpointer(self) -> None:
        if not getattr(self._setup.target.value, "checkpointer", True) and not self._notes:
            self._notes.append("the graph was compiled without a checkpointer: by itself it remembers "
                               "nothing; it was tried with the audit's own")  # fmt: skip

    def _adapt(self, error: BaseException) -> None:
        """Change the setup where an error says how the agent must be called."""
        if isinstance(error, TypeNotAllowed):  # the user runs this code: its types may be read here
            blocked = (name.rpartition(".")[::2] for name in error.blocked)
            self._setup = replace(self._setup, types=(*self._setup.types, *blocked))
        elif isinstance(error, TypeError) and "synchronous" in str(error):
            self._setup = replace(self._setup, target=replace(self._setup.target, is_async=True))

    def _try(self, attack: Attack, findings: FindingCollector) -> Tried:
        """Run one attack unless there is a reason to skip it."""
        reason = self._reason_to_skip(attack, findings)
        if reason is not None:
            return Tried(attack.name, attack.what, skipped=reason)
        started_at = time.monotonic()
        setup = replace(
            self._setup,
            words=CanaryWords(self._seed, attack.name),
            stop_at=started_at + max(self._seconds_left / self._attacks_left, MIN_ATTACK_SECONDS),
        )
        with open_simulation(setup, attack.make_scenario(self._options.size)) as simulation:
            worker_error = self._play(simulation)
            self._seconds_left -= time.monotonic() - started_at
            foreign = simulation.find_foreign_words()
            if foreign:
                findings.add_leak(attack, simulation, foreign)
                # the answer is known: less time for the other attacks is enough
                self._seconds_left = min(self._seconds_left, self._options.seconds / 2)
            failed = [turn for step, turn in simulation.turns if turn.error and step.verb != Verb.FAIL]
            if 2 * len(failed) > len(simulation.turns):
                first = format_error(failed[0].error)
                self._notes.append(f"{attack.name}: most turns failed, the first: {first}")
            cut = f"cut short: {OUT_OF_TIME}" if simulation.cut_short else None
            return Tried(
                attack.name,
                attack.what,
                turns=len(simulation.turns),
                failed=len(failed),
                looked=simulation.observations.texts_searched,
                leaked=len({(each.word, each.speaker) for each in foreign}),
                skipped=f"a process ended by itself: {worker_error}" if worker_error else cut,
            )

    def _play(self, simulation: Simulation) -> str | None:
        """Play the scenario; return the last line of a worker that ended early."""
        if simulation.scenario.mode != Mode.PROCESSES:
            play(simulation)
            return None
        try:
            play_in_processes(simulation)
        except WorkerFailed as error:
            return str(error) or "it said nothing"
        return None

    def _reason_to_skip(self, attack: Attack, findings: FindingCollector) -> str | None:
        target, options = self._setup.target, self._options
        if attack.is_slow and findings.has_leak and not options.thorough and not options.attacks:
            return "it leaks without that already"
        if self._seconds_left <= 0:
            return OUT_OF_TIME
        if attack.only_graphs and self._is_application:
            return "an application keeps its own memory"
        if attack.is_slow and (target.spec is None or callable(target.input)):
            return "other processes cannot import the target: name it as module:name"
        return None
