"""Pair exercise 03, solved: a thread outlives the process that began it.

python pair_exercise_03_solution.py
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


# Task 1: a registry on disk


def open_registry(path: Path) -> threads.Registry:
    """The registry in this file, with everything that was in it before; a new one if there is no file."""
    return threads.open(path)


def create_durable_agent(registry: threads.Registry) -> Any:
    """An agent that remembers in the registry's database."""
    return build_agent(checkpointer=registry.checkpointer)


# Task 2: one visit


def visit(path: Path, thread_id: str, text: str) -> str:
    """Say `text` in this thread, and return the reply. Afterwards the file is closed again."""
    with open_registry(path) as registry:
        agent = create_durable_agent(registry)
        config = {"configurable": {"thread_id": thread_id}}
        state = agent.invoke({"messages": [{"role": "user", "content": text}]}, config)
        return str(state["messages"][-1].text)


def visit_in_new_process(path: Path, thread_id: str, text: str) -> str:
    """A visit by a process that begins, speaks and ends: a restart each time."""
    command = [sys.executable, __file__, "visit", str(path), thread_id, text]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        *_, reason = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise AssertionError(f"the process of a visit failed: {reason}")
    return done.stdout.rstrip("\n")


# Task 3: proof that a thread outlives the process


def test_thread_survives_a_restart(tmp_path: Path) -> None:
    """What was told in one process is known in the next, in the same thread, and in no other.

    Each visit is made by visit_in_new_process, to a file in `tmp_path`. Raise an AssertionError if the
    thread was forgotten, or if another thread knows what was told in it.
    """
    path = tmp_path / "restart.db"
    visit_in_new_process(path, "alice_session", "Hi, I'm Alice.")
    reply = visit_in_new_process(path, "alice_session", "What's my name?")
    check("Alice" in reply, "Another process still knows Alice", f"Alice was told: {reply}")
    reply = visit_in_new_process(path, "bob_session", "What's my name?")
    check("Alice" not in reply, "Another thread does not", f"Bob's thread said: {reply}")


def check(passed: bool, good: str, bad: str) -> None:
    """Say how it went; a failure is an exception."""
    if not passed:
        raise AssertionError(bad)
    print(f"[OK] {good}")


# Task 4: what was there before


def list_after_restart(path: Path) -> list[tuple[str, str, int | None]]:
    """Id, title and number of messages of each thread in the file, the one spoken in last first."""
    with open_registry(path) as registry:
        return [(thread.id, thread.title, thread.message_count) for thread in registry.list(limit=1000)]


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
    except ModelUnavailable as stopped:
        sys.exit(str(stopped))
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["visit"]:
        print(visit(Path(sys.argv[2]), *sys.argv[3:]))
    else:
        sys.exit(main())
