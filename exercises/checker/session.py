"""What is remembered between two runs of the checker: when the session began, and how often a task failed.

One small file for each program that is checked, in the user's cache folder and not beside the exercise, so
that nothing of it is ever committed. Where it cannot be written, each run is the first one; nothing else is
lost.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path

FORGOTTEN_AFTER = timedelta(hours=4)
"""Who comes back later than this begins a new session."""


@dataclass
class Session:
    """A pair at one exercise; times are local."""

    started: datetime
    last_run: datetime
    failures: dict[str, int] = field(default_factory=dict)
    """How often each finding came up."""
    swaps_said: int = 0
    is_new: bool = True

    def failed(self, task: int, finding: str, got: str = "") -> int:
        """Note a failed run; how many there were with this finding, and the same error if it tells of one."""
        key = f"{task} {finding} {re.sub(r'0x[0-9a-f]+|[0-9]+', '', got)}"
        self.failures[key] = self.failures.get(key, 0) + 1
        return self.failures[key]


def file_of(exercise: str, program: Path) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    key = hashlib.sha256(f"{exercise} {program.resolve()}".encode()).hexdigest()[:16]
    return Path(cache) / "langgraph-threads" / "exercises" / f"{exercise}-{key}.json"


def load(file: Path, now: datetime) -> Session:
    """The session that is going on, or a new one."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        times = {name: datetime.fromisoformat(data[name]) for name in ("started", "last_run")}
        session = Session(**{**data, **times, "is_new": False})
    except (OSError, ValueError, KeyError, TypeError):
        return Session(now, now)
    if now - session.last_run > FORGOTTEN_AFTER or session.last_run > now + FORGOTTEN_AFTER:
        return Session(now, now)
    session.last_run = now
    return session


def save(file: Path, session: Session) -> None:
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(session), default=datetime.isoformat), encoding="utf-8")


def begun_at(clock_time: str, now: datetime) -> datetime:
    """Today's HH:MM, or last night's if it is not long past midnight.

    ValueError, with the reason, if it is no such time or no session can have begun then.
    """
    try:
        at = datetime.strptime(clock_time, "%H:%M")
    except ValueError as error:
        raise ValueError("--started is a time of the day, such as 14:05.") from error
    started = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    started -= timedelta(days=started > now)
    if now - started > FORGOTTEN_AFTER:
        hours = FORGOTTEN_AFTER // timedelta(hours=1)
        raise ValueError(
            f"--started {clock_time} is not within the last {hours} hours; it is {now:%H:%M} now."
        )
    return started


def swap_times(started: datetime, minutes: Sequence[int]) -> list[datetime]:
    """When to change seats, and at last when the time is over."""
    return [started + timedelta(minutes=each) for each in accumulate(minutes)]


def clock_lines(
    session: Session, minutes: Sequence[int], now: datetime, *, is_done: bool = False
) -> list[str]:
    """What the clock has to say at this run; who is done need not swap any more."""
    *swaps, end = swap_times(session.started, minutes)
    elapsed = int((now - session.started).total_seconds() // 60)
    due = sum(now >= each for each in swaps)
    lines = [f"Minute {elapsed} of {sum(minutes)}, begun at {session.started:%H:%M}."]
    if is_done:
        return lines
    if now >= end:
        lines = [f"The {sum(minutes)} minutes, begun at {session.started:%H:%M}, are over."]
    elif due > session.swaps_said:
        lines.append(f"SWAP ROLES NOW: the navigator takes the keyboard. (Time of task {due + 1}.)")
    if now < end and due < len(swaps):
        left = -int((now - swaps[due]).total_seconds() // 60)
        lines[0] += f" Next swap of roles at {swaps[due]:%H:%M}, in {left} min."
    session.swaps_said = due
    return lines
