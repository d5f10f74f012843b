"""Clients that say many things in few threads from several processes, and the judge of what came of it."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphs import compiled, echo
from run_helpers import noting

import threads
from agent.state import AgentState


@dataclass(frozen=True)
class Said:
    """A message that a client was told is answered; times are of the machine's monotonic clock."""

    thread_id: str
    text: str
    begun: float
    ended: float


def faults(
    acknowledged: Iterable[Said], sent: Iterable[str], found: Mapping[str, Sequence[str]]
) -> list[str]:
    """What is wrong with the threads in `found` (their messages in order); nothing is, for a legal history.

    Each acknowledged message is in its thread, once, its answer right behind it; nothing is there that
    nobody sent; and what was answered before another thing was said stands before that.
    """
    wrong: list[str] = []
    sent = set(sent)
    for thread_id, messages in found.items():
        asked, answers = messages[::2], messages[1::2]
        wrong += [f"{thread_id}: {text!r} {n} times" for text, n in Counter(asked).items() if n > 1]
        wrong += [f"{thread_id}: nobody sent {text!r}" for text in asked if text not in sent]
        wrong += [
            f"{thread_id}: {text!r} is not answered but followed by {answer!r}"
            for text, answer in zip(asked, [*answers, "nothing"], strict=False)
            if answer != f"re: {text}"
        ]
    places = {(id, text): place for id, messages in found.items() for place, text in enumerate(messages)}
    by_thread: dict[str, list[Said]] = {}
    for each in acknowledged:
        if (each.thread_id, each.text) not in places:
            wrong.append(f"{each.thread_id}: {each.text!r} was acknowledged and is missing")
        else:
            by_thread.setdefault(each.thread_id, []).append(each)
    for thread_id, said in by_thread.items():
        begun_last = 0.0  # the latest beginning of all that stands before
        for each in sorted(said, key=lambda each: places[thread_id, each.text]):
            if each.ended < begun_last:
                wrong.append(
                    f"{thread_id}: {each.text!r} was over before something that stands before it began"
                )
            begun_last = max(begun_last, each.begun)
    return wrong


def echoing(calls: Path | None = None) -> Any:
    """Answers `re: ...`; notes each call in a file. Stores differences, so that long threads stay small."""

    def node(state: Any) -> Any:
        if calls is not None:
            noting(calls, "call")
        return echo(state)

    return compiled(AgentState, node, None).with_config(metadata={"messages_reducer": "add_messages"})


def client(runner: Any, log: Path, lock: Any, said: Sequence[tuple[str, str]]) -> None:
    """Say these things one after the other; write down what is said, and what was acknowledged."""

    def note(thread_id: str, text: str, what: str) -> None:
        line = json.dumps({"thread_id": thread_id, "text": text, what: time.monotonic()})
        with lock, log.open("a") as file:
            file.write(f"\n{line}\n")

    for thread_id, text in said:
        note(thread_id, text, "begun")
        runner.start(thread_id, text, key=text, multitask_strategy="enqueue", if_not_exists="create").result()
        note(thread_id, text, "ended")


def clients(path: Path, log: Path, plans: Sequence[Sequence[tuple[str, str]]]) -> None:
    """A process of clients; what the log has already is not said again."""
    done = {each.text for each in logged(log)}
    left = [[each for each in plan if each[1] not in done] for plan in plans]
    lock = threading.Lock()
    with (
        threads.open(path) as registry,
        threads.Runner(registry, echoing(), lease_seconds=1.0) as runner,
        ThreadPoolExecutor(len(plans)) as pool,
    ):
        for ended in [pool.submit(client, runner, log, lock, plan) for plan in left]:
            ended.result()


def logged(log: Path) -> list[Said]:
    """What was acknowledged, begun when it was first said; a line that was cut by a kill is none."""
    lines = log.read_text().splitlines() if log.exists() else []
    told = [json.loads(line) for line in lines if line.endswith("}")]
    begun: dict[str, float] = {}
    for each in told:
        if "begun" in each:
            begun.setdefault(each["text"], each["begun"])
    return [
        Said(each["thread_id"], each["text"], begun[each["text"]], each["ended"])
        for each in told
        if "ended" in each
    ]


def plans(processes: int, each: int, appends: int, thread_count: int) -> list[list[list[tuple[str, str]]]]:
    """For each process and client what it will say, and where."""
    chance = random.Random(3)
    return [
        [
            [(f"thread {chance.randrange(thread_count)}", f"{p}.{c}.{n}") for n in range(appends)]
            for c in range(each)
        ]
        for p in range(processes)
    ]


def send_twice(path: Path, calls: Path, count: int) -> None:
    """Send each message twice at once, with the same key."""
    with (
        threads.open(path) as registry,
        threads.Runner(registry, echoing(calls)) as runner,
        ThreadPoolExecutor(4) as pool,
    ):

        def send(number: int) -> str:
            text, id = f"message {number // 2}", f"thread {number // 2 % 10}"
            run = runner.start(id, text, key=text, multitask_strategy="enqueue", if_not_exists="create")
            return run.result(60)["messages"][-1].text

        for answer in pool.map(send, range(2 * count)):
            assert answer.startswith("re: message")
