"""Pair exercise 03: a thread outlives the process that began it.

    python pair_exercise_03_starter.py

It runs as it is and stops at the first task that is not solved yet. Solve them from top to bottom;
`python ../../check.py 03` says how far you are. The text is ../pair_exercise_03.md.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

try:
    import threads
    from agent import build_agent
    from agent.models import ModelUnavailable
except ImportError as missing:
    sys.exit(
        f"langgraph-threads is not installed ({missing}): "
        'in the root folder of its repository, run: python -m pip install -e ".[test]"'
    )


class NotSolved(Exception):
    """A task that waits for you; the message is where to begin."""


# Task 1: a registry on disk (15 minutes)
#
# Driver: open the registry in a file.
# Navigator: what is in the file afterwards? Who may open it, too?


def open_registry(path: Path) -> threads.Registry:
    """The registry in this file, with everything that was in it before; a new one if there is no file."""
    raise NotSolved(
        "Task 1 is not solved yet: open_registry opens nothing. "
        "Hint: exercise 02 had its registry in memory; what else may stand there?"
    )


def create_durable_agent(registry: threads.Registry) -> Any:
    """An agent that remembers in the registry's database. Nothing to do here."""
    return build_agent(checkpointer=registry.checkpointer)


# Task 2: one visit (20 minutes)
#
# Driver: open, say one thing, close.
# Navigator: what stays in this process when the function has returned?


def visit(path: Path, thread_id: str, text: str) -> str:
    """Say `text` in this thread, and return the reply. Afterwards the file is closed again."""
    raise NotSolved(
        "Task 2 is not solved yet: nobody speaks in visit. "
        "Hint: a registry is closed by itself at the end of a `with` block."
    )


def visit_in_new_process(path: Path, thread_id: str, text: str) -> str:
    """A visit by a process that begins, speaks and ends: a restart each time. Nothing to do here."""
    command = [sys.executable, __file__, "visit", str(path), thread_id, text]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        *_, reason = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise AssertionError(f"the process of a visit failed: {reason}")
    return done.stdout.rstrip("\n")


# Task 3: proof that a thread outlives the process (25 minutes)
#
# Driver: tell something in one process, ask for it in another.
# Navigator: could this pass with an agent that forgets? Who else must not know the answer?


def test_thread_survives_a_restart(tmp_path: Path) -> None:
    """What was told in one process is known in the next, in the same thread, and in no other.

    Each visit is made by visit_in_new_process, to a file in `tmp_path`. Raise an AssertionError if the
    thread was forgotten, or if another thread knows what was told in it.
    """
    raise NotSolved(
        "Task 3 is not solved yet: test_thread_survives_a_restart tests nothing. "
        "Hint: three visits are enough, two in one thread and one in another."
    )


# Task 4: what was there before (15 minutes)
#
# Driver: a list of the threads in the file.
# Navigator: which book would we have to keep if there were no registry, and when would it be wrong?


def list_after_restart(path: Path) -> list[tuple[str, str, int | None]]:
    """Id, title and number of messages of each thread in the file, the one spoken in last first."""
    raise NotSolved(
        "Task 4 is not solved yet: list_after_restart lists nothing. "
        "Hint: this process has not spoken with anybody; the file knows."
    )


def main() -> int:
    print("=== Restart Test ===\n")
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "support.db"
            open_registry(path).close()
            print("[OK] Registry ready")
            print("\n=== One Visit ===")
            text = "Hi, I'm Alice."
            print(f"  Alice: {text}\n  Agent: {visit(path, 'alice_session', text)}")
            print("\n=== After a Restart ===")
            test_thread_survives_a_restart(Path(folder))
            visit_in_new_process(path, "bob_session", "Hey, I'm Bob.")
            print("\n=== What Was There Before ===")
            for thread_id, title, count in list_after_restart(path):
                print(f"  {thread_id}: {title} ({count} messages)")
    except AssertionError as failure:
        print(f"[FAIL] {failure}")
        return 1
    except (NotSolved, ModelUnavailable) as stopped:
        sys.exit(str(stopped))
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["visit"]:
        print(visit(Path(sys.argv[2]), *sys.argv[3:]))
    else:
        sys.exit(main())
