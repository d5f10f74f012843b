"""The report of an audit, as data and as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["clean", "leaks", "forgets"]


@dataclass(frozen=True)
class Tried:
    """The result of one attack."""

    attack: str
    what: str
    turns: int = 0
    failed: int = 0
    """Turns that raised, without injected failures."""
    looked: int = 0
    """Texts, rows and prompts that were searched for foreign words."""
    leaked: int = 0
    """Foreign words found."""
    skipped: str | None = None
    """Why it was skipped or cut short."""

    @property
    def is_tried(self) -> bool:
        """Whether at least one turn was answered, so that the result means something."""
        return self.turns > self.failed


@dataclass(frozen=True)
class Replay:
    """The fewest steps that show a mistake."""

    steps: tuple[str, ...]
    """One sentence for each step."""
    code: str
    """A Python program that raises AssertionError while the mistake is there."""


@dataclass(frozen=True)
class Finding:
    """One mistake and its effects."""

    mistake: str
    """A code of `threads.isolation.mistakes`."""
    what: str
    remedy: str
    owner: str
    """The user whose words leaked."""
    reader: str
    """The user in whose conversation the words were found."""
    surface: str
    excerpt: str
    surfaces: Mapping[str, int]
    """The number of foreign words found on each surface."""
    attacks: tuple[str, ...]
    place: str | None
    """Where the program keeps the word, such as `my_app.HISTORY`, if that was found."""
    replay: Replay


@dataclass(frozen=True)
class Report:
    """The result of `threads.isolation.audit`; print it to read it."""

    target: str
    verdict: Verdict
    findings: tuple[Finding, ...]
    tried: tuple[Tried, ...]
    notes: tuple[str, ...]
    seed: int
    seconds: float
    surfaces: tuple[str, ...] = field(default=())
    """The surfaces that were searched for foreign words."""

    @property
    def clean(self) -> bool:
        """Whether nothing leaked and the agent remembers."""
        return self.verdict == "clean"

    @property
    def turns(self) -> int:
        """The number of turns in all attacks."""
        return sum(each.turns for each in self.tried)

    @property
    def leaked(self) -> int:
        """The number of foreign words found in all attacks."""
        return sum(each.leaked for each in self.tried)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as a dict for JSON."""
        return asdict(self) | {"clean": self.clean, "turns": self.turns, "leaked": self.leaked}

    def __str__(self) -> str:
        lines = [self.headline()]
        lines += [f"  {each.attack}: {format_result(each)}" for each in self.tried]
        for finding in self.findings:
            lines += ["", *format_finding(finding)]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def headline(self) -> str:
        """Return the result in one sentence."""
        looked = sum(each.looked for each in self.tried)
        found = {
            "clean": "no word was found where it does not belong",
            "leaks": f"{self.leaked} words were found where they do not belong",
            "forgets": "it does not remember",
        }[self.verdict]
        return f"{self.target}: {self.turns} turns, {looked} places looked at, {found}"


def format_result(tried: Tried) -> str:
    """Return the result of one attack in a few words."""
    if tried.skipped and not tried.turns:
        return f"not tried: {tried.skipped}"
    failed = f", {tried.failed} failed" if tried.failed else ""
    result = f"{tried.leaked} leaked" if tried.leaked else "nothing leaked"
    cut = f" ({tried.skipped})" if tried.skipped else ""
    return f"{tried.turns} turns{failed}, {tried.looked} places, {result}{cut}"


def format_finding(finding: Finding) -> list[str]:
    """Return the lines of a finding for people."""
    lines = [f"  kept in: {finding.place}"] if finding.place else []
    if finding.surfaces:
        where = ", ".join(f"{name} ({count})" for name, count in finding.surfaces.items())
        lines = [
            f"  {finding.owner!r} -> {finding.reader!r}, {finding.surface}: {finding.excerpt!r}",
            f"  seen in: {where}",
            *lines,
        ]
    return [
        f"{finding.mistake}: {finding.what}",
        *lines,
        f"  remedy: {finding.remedy}",
        "  the fewest steps that show it:",
        *(f"    {number}. {step}" for number, step in enumerate(finding.replay.steps, 1)),
    ]
