"""Playing a scenario with several worker processes on one database, some of which are killed during a turn.

Each process is a new interpreter (`threads.isolation.worker`): nothing is forked, so it works the same on
every system. A worker prints a line when a turn is over, so a kill happens during the next turn.
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

from threads.isolation.driver import TurnResult
from threads.isolation.observations import Observation
from threads.isolation.scenario import TURN_VERBS, Step
from threads.isolation.simulation import Simulation

Task = dict[str, Any]
"""What a worker gets for one turn, as JSON."""


class WorkerFailed(RuntimeError):
    """A worker ended before its last task; the message is the last line of its stderr."""


def play_in_processes(simulation: Simulation) -> Simulation:
    """Take all steps in worker processes, run the probes, return the simulation. Raises `WorkerFailed`."""
    number = min(simulation.scenario.processes, len(simulation.scenario.users))
    steps: list[list[Step]] = [[] for _ in range(number)]
    for step in simulation.scenario.steps:
        steps[step.speaker % number].append(step)
    queues = [deque((step, _make_task(simulation, step)) for step in each) for each in steps]
    alive: set[subprocess.Popen[str]] = set()
    with ThreadPoolExecutor(number) as pool:
        try:
            for result in [pool.submit(_run_queue, simulation, queue, alive) for queue in queues]:
                result.result()
        except KeyboardInterrupt:
            for process in tuple(alive):  # otherwise the pool waits until all tasks are done
                process.kill()
            raise
    simulation.run_probes()
    return simulation


def _make_task(simulation: Simulation, step: Step) -> Task | None:
    """Return the task of a step, or None for a kill."""
    if step.verb not in TURN_VERBS:
        return None
    participant = simulation.participants[step.speaker]
    return {
        "speaker": participant.index,
        "user": participant.user,
        "thread_id": participant.thread_id,
        "text": simulation.make_message(step),
        "verb": step.verb,
    }


def _run_queue(
    simulation: Simulation, queue: deque[tuple[Step, Task | None]], alive: set[subprocess.Popen[str]]
) -> None:
    """Run the tasks of a queue in one process, and in a new one after each kill."""
    while queue:
        tasks: list[tuple[Step, Task]] = []
        while queue:
            step, task = queue.popleft()
            if task is None:
                break
            tasks.append((step, task))
        _run_process(simulation, tasks, queue[0][1] if queue and queue[0][1] else None, alive)


def _run_process(
    simulation: Simulation,
    tasks: list[tuple[Step, Task]],
    killed_task: Task | None,
    alive: set[subprocess.Popen[str]],
) -> None:
    """Run tasks in one process. With `killed_task` it is killed during that task, which is repeated later."""
    jobs = [task for _, task in tasks] + ([killed_task] if killed_task else [])
    with TemporaryFile() as stderr:
        process = _start_worker(simulation, jobs, stderr)
        alive.add(process)
        assert process.stdout is not None
        try:
            for step, task in tasks:
                if simulation.setup.now() >= simulation.setup.stop_at:
                    simulation.cut_short = True
                    return
                line = process.stdout.readline()
                if not line:
                    raise WorkerFailed(_last_line(stderr))
                simulation.completed.append((step, _read_result(simulation, task, json.loads(line))))
            if killed_task is None:
                process.wait()
        finally:
            process.kill()
            process.communicate()
            alive.discard(process)


def _last_line(stderr: IO[bytes]) -> str:
    stderr.seek(0)
    return stderr.read().decode("utf-8", "replace").strip().rpartition("\n")[2][:300]


def _start_worker(simulation: Simulation, tasks: list[Task], stderr: IO[bytes]) -> subprocess.Popen[str]:
    target = simulation.setup.target
    assert target.spec is not None
    job = {
        "spec": target.spec,
        "input": target.input,
        "database": str(simulation.path),
        "types": [_type_name(kind) for kind in simulation.setup.types],
        "tasks": tasks,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "threads.isolation.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(job))
    process.stdin.close()
    process.stdin = None
    return process


def _type_name(kind: Any) -> list[str]:
    """Return module and qualified name of a type."""
    return [kind.__module__, kind.__qualname__] if isinstance(kind, type) else list(kind)


def _read_result(simulation: Simulation, task: Task, result: dict[str, Any]) -> TurnResult:
    """Return the turn of a worker, and add its observations to those of the simulation."""
    observed = (Observation(*each) for each in result["observations"])
    simulation.observations.add(observed, result["texts_searched"])
    for speaker, thread_id in result["thread_ids"]:
        simulation.observations.record_thread_id(speaker, thread_id)
    error = None if result["error"] is None else RuntimeError(result["error"])
    return TurnResult(task["speaker"], task["text"], result["reply"], error, tuple(result["started"]))
