"""A process that serves users on the audit's database: told what to do on stdin, a line for each turn.

What the agent itself prints goes to stderr, so that it cannot be mistaken for one of these lines.
"""

from __future__ import annotations

import json
import sys
from dataclasses import astuple, replace
from typing import Any, TextIO

import threads
from threads.isolation.driver import Conversation, Loop, Turn, Voice
from threads.isolation.observations import Sightings
from threads.isolation.targets import load


def serve(told: dict[str, Any], out: TextIO) -> None:
    """Do the tasks in `told`, and say what came of each."""
    target = replace(load(told["spec"]), input=told["input"])
    types = [tuple(kind) for kind in told["types"]]
    with threads.open(told["database"], types=types) as registry, Loop() as loop:
        voice = Voice(target, target.graph(registry.checkpointer), loop)
        for task in told["tasks"]:
            voice.sightings = Sightings()
            talk = Conversation(task["who"], task["user"], task["thread"])
            turn = voice.say(talk, task["text"], task["verb"])
            print(json.dumps(_line(turn, voice.sightings)), file=out, flush=True)


def _line(turn: Turn, sightings: Sightings) -> dict[str, Any]:
    ids = sightings.thread_ids.items()
    return {
        "reply": turn.reply,
        "error": None if turn.error is None else f"{type(turn.error).__name__}: {turn.error}",
        "began": turn.began,
        "looked": sightings.looked,
        "seen": [astuple(each) for each in sightings.seen.values()],
        "ran_with": [(who, thread_id) for who, found in ids for thread_id in found],
    }


def main() -> None:
    """Serve as stdin says."""
    told = json.load(sys.stdin)
    out, sys.stdout = sys.stdout, sys.stderr
    serve(told, out)


if __name__ == "__main__":
    main()
