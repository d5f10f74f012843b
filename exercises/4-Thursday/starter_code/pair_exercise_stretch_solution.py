"""Stretch goals, solved: what a support desk needs when threads become many.

python pair_exercise_stretch_solution.py
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


# Task 1: list them all


def list_threads(registry: threads.Registry, customer: str | None = None) -> list[threads.Thread]:
    """All threads, or all of one customer, the one spoken in last first.

    Whose a thread is stands in its metadata, under "customer". There may be hundreds.
    """
    wanted = None if customer is None else {"customer": customer}
    return pages(registry, metadata=wanted)


def pages(registry: threads.Registry, **conditions: Any) -> list[threads.Thread]:
    """All threads that fit, page by page."""
    page = registry.list(limit=100, **conditions)
    found = list(page)
    while page.next_cursor:
        page = registry.list(limit=100, cursor=page.next_cursor, **conditions)
        found += page
    return found


# Task 2: a new conversation for the same customer


def start_new_conversation(registry: threads.Registry, customer: str) -> threads.Thread:
    """A new, empty thread of this customer; what they had before stays as it is."""
    return registry.create(metadata={"customer": customer})


# Task 3: notes on a thread


def note(registry: threads.Registry, thread_id: str, **facts: Any) -> dict[str, Any]:
    """Keep these facts with the thread; what was noted before stays, unless it is noted anew.

    Returns all that is noted, and beside it "created_at", "last_active" and "message_count" as they are now.
    """
    thread = registry.update(thread_id, metadata=facts)
    return {
        **thread.metadata,
        "created_at": thread.created_at,
        "last_active": thread.updated_at,
        "message_count": thread.message_count,
    }


# Task 4: clean up


def clean_up(registry: threads.Registry, before: datetime) -> list[str]:
    """Put every thread that was last active before this moment in the trash, but for those that are pinned.

    Returns their ids. Whoever comes back next day can have the thread restored. There may be hundreds.
    """
    # All pages first: what is put in the trash is no longer on any page, and the others would move up.
    forgotten = pages(registry, until=before, pinned=False)
    return [registry.trash(thread.id).id for thread in forgotten]


def empty_trash(registry: threads.Registry, before: datetime) -> list[str]:
    """Erase for good what was put in the trash before this moment; returns the ids."""
    old = [
        thread.id
        for thread in pages(registry, trashed=True)
        if thread.trashed_at is not None and thread.trashed_at < before
    ]
    for thread_id in old:
        registry.delete(thread_id)
    return old


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
    except ModelUnavailable as stopped:
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
