"""What an audit found out, as data and as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["clean", "leaks", "forgets"]


@dataclass(frozen=True)
class Tried:
    """One attack, with what it did and how often."""

    attack: str
    what: str
    turns: int = 0
    failed: int = 0
    """Turns that raised, not counting those that were made to fail."""
    looked: int = 0
    """Texts, rows and prompts in which foreign words were looked for."""
    leaked: int = 0
    """Foreign words found."""
    skipped: str | None = None
    """Why it was not tried, or not to its end."""

    @property
    def is_tried(self) -> bool:
        """Whether it tells anything: a turn was answered."""
        return self.turns > self.failed


@dataclass(frozen=True)
class Replay:
    """The fewest steps that still show it."""

    steps: tuple[str, ...]
    """In words, one a step."""
    code: str
    """The same as a Python program that ends with an AssertionError where the mistake is still there."""


@dataclass(frozen=True)
class Finding:
    """One mistake, with what it did."""

    mistake: str
    """A code of `threads.isolation.mistakes`."""
    what: str
    remedy: str
    owner: str
    """Whose words they are."""
    reader: str
    """Where they do not belong and were found."""
    surface: str
    excerpt: str
    surfaces: Mapping[str, int]
    """All surfaces on which it shows, with the number of words found there."""
    attacks: tuple[str, ...]
    place: str | None
    """Where the agent's program keeps the word, such as `my_app.HISTORY`, if that was found."""
    replay: Replay


@dataclass(frozen=True)
class Report:
    """The result of `threads.isolation.audit`; `print` shows it."""

    target: str
    verdict: Verdict
    findings: tuple[Finding, ...]
    tried: tuple[Tried, ...]
    notes: tuple[str, ...]
    seed: int
    seconds: float
    surfaces: tuple[str, ...] = field(default=())
    """Where foreign words were looked for."""

    @property
    def clean(self) -> bool:
        """Whether nothing leaked, and nothing that was said was forgotten."""
        return self.verdict == "clean"

    @property
    def turns(self) -> int:
        """Turns that were tried, in all attacks."""
        return sum(each.turns for each in self.tried)

    @property
    def leaked(self) -> int:
        """Foreign words that were found, in all attacks."""
        return sum(each.leaked for each in self.tried)

    def as_dict(self) -> dict[str, Any]:
        """All of it, as JSON knows it."""
        return asdict(self) | {"clean": self.clean, "turns": self.turns, "leaked": self.leaked}

    def __str__(self) -> str:
        lines = [self.headline()]
        lines += [f"  {each.attack}: {outcome(each)}" for each in self.tried]
        for finding in self.findings:
            lines += ["", *told(finding)]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])

    def headline(self) -> str:
        """The result in one sentence."""
        looked = sum(each.looked for each in self.tried)
        found = {
            "clean": "no word was found where it does not belong",
            "leaks": f"{self.leaked} words were found where they do not belong",
            "forgets": "it does not remember",
        }[self.verdict]
        return f"{self.target}: {self.turns} turns, {looked} places looked at, {found}"


def outcome(tried: Tried) -> str:
    """What came of one attack, in a few words."""
    if tried.skipped and not tried.turns:
        return f"not tried: {tried.skipped}"
    failed = f", {tried.failed} failed" if tried.failed else ""
    result = f"{tried.leaked} leaked" if tried.leaked else "nothing leaked"
    cut = f" ({tried.skipped})" if tried.skipped else ""
    return f"{tried.turns} turns{failed}, {tried.looked} places, {result}{cut}"


def told(finding: Finding) -> list[str]:
    """A finding as lines for people."""
    kept = [f"  kept in: {finding.place}"] if finding.place else []
    if finding.surfaces:
        where = ", ".join(f"{name} ({count})" for name, count in finding.surfaces.items())
        kept = [
            f"  {finding.owner!r} -> {finding.reader!r}, {finding.surface}: {finding.excerpt!r}",
            f"  seen in: {where}",
            *kept,
        ]
    return [
        f"{finding.mistake}: {finding.what}",
        *kept,
        f"  remedy: {finding.remedy}",
        "  the fewest steps that show it:",
        *(f"    {number}. {step}" for number, step in enumerate(finding.replay.steps, 1)),
    ]
