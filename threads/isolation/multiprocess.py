"""Playing a script with several processes on one database, some of them killed half way.

Each process is a new interpreter (`threads.isolation.worker`): nothing is forked, so it is the same on
every system. It says a line for each turn that is over, so a kill comes while the next is under way.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryFile
from typing import IO, Any

from threads.isolation.driver import Turn
from threads.isolation.observations import Sighting
from threads.isolation.scenario import SPEAKING, Step
from threads.isolation.simulation import World


class WorkerFailed(RuntimeError):
    """A process that was to serve users ended by itself; the message is the last it said."""


def play_in_processes(world: World) -> World:
    """The world after its script was played by processes and all was looked at."""
    number = min(world.script.processes, len(world.script.users))
    queues: list[list[Step]] = [[] for _ in range(number)]
    for step in world.script.steps:
        queues[step.who % number].append(step)
    jobs = [[(step, _task(world, step)) for step in queue] for queue in queues]
    alive: set[subprocess.Popen[str]] = set()
    with ThreadPoolExecutor(number) as pool:
        try:
            for result in [pool.submit(_serve, world, deque(job), alive) for job in jobs]:
                result.result()
        except KeyboardInterrupt:
            for process in tuple(alive):  # else the pool waits until all of them have said all
                process.kill()
            raise
    world.look_around()
    return world


def _task(world: World, step: Step) -> dict[str, Any] | None:
    """What a process is told of a step; None for a kill."""
    if step.verb not in SPEAKING:
        return None
    talk = world.talks[step.who]
    return {
        "who": talk.who,
        "user": talk.user,
        "thread": talk.thread,
        "text": world.text_for(step),
        "verb": step.verb,
    }


def _serve(
    world: World, job: deque[tuple[Step, dict[str, Any] | None]], alive: set[subprocess.Popen[str]]
) -> None:
    """Do one process' steps, in several processes one after the other where it is killed."""
    while job:
        life: list[tuple[Step, dict[str, Any]]] = []
        while job:
            step, task = job.popleft()
            if task is None:
                break
            life.append((step, task))
        _live(world, life, job[0][1] if job and job[0][1] else None, alive)


def _live(
    world: World,
    life: list[tuple[Step, dict[str, Any]]],
    killed_with: dict[str, Any] | None,
    alive: set[subprocess.Popen[str]],
) -> None:
    """One process; with `killed_with` it is killed while it does that task, which is done again later."""
    tasks = [task for _, task in life] + ([killed_with] if killed_with else [])
    with TemporaryFile() as said:
        process = _started(world, tasks, said)
        alive.add(process)
        assert process.stdout is not None
        try:
            for step, task in life:
                if world.stage.now() >= world.stage.stop_at:
                    world.cut_short = True
                    return
                line = process.stdout.readline()
                if not line:
                    raise WorkerFailed(_last_line(said))
                world.done.append((step, _heard(world, task, json.loads(line))))
            if killed_with is None:
                process.wait()
        finally:
            process.kill()
            process.communicate()
            alive.discard(process)


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    return said.read().decode("utf-8", "replace").strip().rpartition("\n")[2][:300]


def _started(world: World, tasks: list[dict[str, Any]], said: IO[bytes]) -> subprocess.Popen[str]:
    target = world.stage.target
    assert target.spec is not None
    told = {
        "spec": target.spec,
        "input": target.input,
        "database": str(world.path),
        "types": [_named(kind) for kind in world.stage.types],
        "tasks": tasks,
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "threads.isolation.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(told))
    process.stdin.close()
    process.stdin = None
    return process


def _named(kind: Any) -> list[str]:
    """A type as a process can be told of it."""
    return [kind.__module__, kind.__qualname__] if isinstance(kind, type) else list(kind)


def _heard(world: World, task: dict[str, Any], told: dict[str, Any]) -> Turn:
    """A turn as the process told it; what it saw is added to what was seen."""
    world.sightings.add((Sighting(*each) for each in told["seen"]), told["looked"])
    for who, thread_id in told["ran_with"]:
        world.sightings.ran_with(who, thread_id)
    error = None if told["error"] is None else RuntimeError(told["error"])
    return Turn(task["who"], task["text"], told["reply"], error, tuple(told["began"]))
