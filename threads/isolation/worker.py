"""A worker process of an audit: reads its tasks as JSON from stdin and prints one JSON line for each turn.

What the agent itself prints goes to stderr, so that it cannot be taken for one of these lines.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from dataclasses import astuple, replace
from typing import Any, TextIO

import threads
from threads.isolation.driver import AgentDriver, Participant, TurnResult
from threads.isolation.observations import Observations
from threads.isolation.scenario import Verb
from threads.isolation.targets import load_target
from threads.runs.event_loop import LoopThread


def run_tasks(job: dict[str, Any], out: TextIO) -> None:
    """Run the turns of a job made by `threads.isolation.multiprocess`, and print the result of each."""
    target = replace(load_target(job["spec"]), input=job["input"])
    types = [tuple(kind) for kind in job["types"]]
    with threads.open(job["database"], types=types) as registry, closing(LoopThread("audit-loop")) as loop:
        driver = AgentDriver(target, target.graph(registry.checkpointer), loop)
        for task in job["tasks"]:
            driver.observations = Observations()
            participant = Participant(task["speaker"], task["user"], task["thread_id"])
            turn = driver.drive(participant, task["text"], Verb(task["verb"]))
            print(json.dumps(_result(turn, driver.observations)), file=out, flush=True)


def _result(turn: TurnResult, observations: Observations) -> dict[str, Any]:
    ids = observations.thread_ids.items()
    return {
        "reply": turn.reply,
        "error": None if turn.error is None else f"{type(turn.error).__name__}: {turn.error}",
        "started": turn.started,
        "texts_searched": observations.texts_searched,
        "observations": [astuple(each) for each in observations.first_seen.values()],
        "thread_ids": [(speaker, thread_id) for speaker, found in ids for thread_id in found],
    }


def main() -> None:
    """Run the job on stdin."""
    job = json.load(sys.stdin)
    out, sys.stdout = sys.stdout, sys.stderr
    run_tasks(job, out)


if __name__ == "__main__":
    main()
