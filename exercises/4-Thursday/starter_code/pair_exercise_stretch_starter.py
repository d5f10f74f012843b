"""Stretch goals: what a support desk needs when threads become many.

    python pair_exercise_stretch_starter.py

It runs as it is and stops at the first task that is not solved yet. Solve them in any order you like;
`python ../../check.py stretch` says how far you are. The text is ../pair_exercise_stretch.md.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
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


# Task 1: list them all (15 minutes)


def list_threads(registry: threads.Registry, customer: str | None = None) -> list[threads.Thread]:
    """All threads, or all of one customer, the one spoken in last first.

    Whose a thread is stands in its metadata, under "customer". There may be hundreds.
    """
    raise NotSolved(
        "Task 1 is not solved yet: list_threads lists nothing. "
        "Hint: registry.list gives one page; what does a page know about the next one?"
    )


# Task 2: a new conversation for the same customer (15 minutes)


def start_new_conversation(registry: threads.Registry, customer: str) -> threads.Thread:
    """A new, empty thread of this customer; what they had before stays as it is."""
    raise NotSolved(
        "Task 2 is not solved yet: start_new_conversation starts nothing. "
        "Hint: what has to be new, and what the same?"
    )


# Task 3: notes on a thread (15 minutes)


def note(registry: threads.Registry, thread_id: str, **facts: Any) -> dict[str, Any]:
    """Keep these facts with the thread; what was noted before stays, unless it is noted anew.

    Returns all that is noted, and beside it "created_at", "last_active" and "message_count" as they are now.
    """
    raise NotSolved(
        "Task 3 is not solved yet: note keeps nothing. "
        "Hint: a thread has metadata; is anything lost when you change it?"
    )


# Task 4: clean up (25 minutes)


def clean_up(registry: threads.Registry, before: datetime) -> list[str]:
    """Put every thread that was last active before this moment in the trash, but for those that are pinned.

    Returns their ids. Whoever comes back next day can have the thread restored. There may be hundreds.
    """
    raise NotSolved(
        "Task 4 is not solved yet: clean_up cleans nothing. "
        "Hint: registry.list takes conditions; and there are many pages, as in task 1."
    )


def empty_trash(registry: threads.Registry, before: datetime) -> list[str]:
    """Erase for good what was put in the trash before this moment; returns the ids."""
    raise NotSolved(
        "Task 4 is not solved yet: empty_trash erases nothing. "
        "Hint: a thread knows when it was put in the trash."
    )


def main() -> int:
    today = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    clock = [today - timedelta(days=90)]
    try:
        with threads.open(":memory:", clock=lambda: clock[0]) as registry:
            fill(registry)
            print("=== Listing ===")
            print(f"{len(list_threads(registry))} threads, {len(list_threads(registry, 'Alice'))} of Alice")
            print("\n=== A New Conversation ===")
            thread = start_new_conversation(registry, "Alice")
            alices = len(list_threads(registry, "Alice"))
            print(f"{alices} of Alice; messages in the new one: {said(registry, thread)}")
            print("\n=== Notes ===")
            note(registry, thread.id, order="A-1001")
            card = note(registry, thread.id, mood="angry")
            print(", ".join(f"{key}={card[key]}" for key in ("customer", "order", "mood", "message_count")))
            print("\n=== Cleaning Up ===")
            clock[0] = today
            start_new_conversation(registry, "Bob")
            trashed = clean_up(registry, today - timedelta(days=30))
            print(f"{len(trashed)} in the trash, {len(list_threads(registry))} left")
            erased = empty_trash(registry, today + timedelta(days=7))
            print(f"{len(erased)} erased a week later")
    except AssertionError as failure:
        print(f"[FAIL] {failure}")
        return 1
    except (NotSolved, ModelUnavailable) as stopped:
        sys.exit(str(stopped))
    return 0


def fill(registry: threads.Registry) -> None:
    """Sixty customers from long ago, and Alice, whose thread is pinned."""
    for number in range(60):
        registry.create(metadata={"customer": f"Customer {number}"})
    alice = registry.create(id="alice_session", metadata={"customer": "Alice"})
    build_agent(checkpointer=registry.checkpointer).invoke(
        {"messages": [{"role": "user", "content": "Hi, I'm Alice."}]}, alice.config
    )
    registry.update("alice_session", pinned=True)


def said(registry: threads.Registry, thread: threads.Thread) -> int:
    """How many messages the thread holds."""
    return len(registry.messages(thread.id))


if __name__ == "__main__":
    sys.exit(main())
