"""Pair exercise 02: one support agent, many customers, and none of them hears another's words.

    python pair_exercise_02_starter.py

It runs as it is and stops at the first task that is not solved yet. Solve them from top to bottom;
`python ../../check.py 02` says how far you are. The text is ../pair_exercise_02.md.
Driver and navigator change seats after each task.
"""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

try:
    from langgraph.checkpoint.memory import InMemorySaver

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


@dataclass(frozen=True)
class ThreadInfo:
    """What the support desk knows about one conversation."""

    thread_id: str
    customer: str
    created_at: datetime | None
    last_active: datetime | None
    message_count: int | None

    @property
    def config(self) -> dict[str, dict[str, str]]:
        """What makes `agent.invoke` speak in this thread and in no other."""
        return {"configurable": {"thread_id": self.thread_id}}


# Task 1: the thread manager (25 minutes)
#
# Driver: fill the four methods, then `create_thread_manager`.
# Navigator: how should threads be named? Who notices that a thread is active, and who could forget to?


class ThreadManager:
    """Which customer speaks in which thread.

    `registry` is what `threads.open` returns; the text has a table of what it can do.
    """

    def __init__(self, registry: threads.Registry) -> None:
        self.registry = registry

    def create_thread(self, customer: str, thread_id: str | None = None) -> ThreadInfo:
        """A thread for this customer, under a new unique id unless one is given.

        Asked twice with one id, it is the same thread; another customer must not get it.
        """
        raise NotSolved(
            "Task 1 is not solved yet: ThreadManager.create_thread makes no thread. "
            "Hint: the registry can make up an id, and keeps metadata for each thread."
        )

    def get_thread_info(self, thread_id: str) -> ThreadInfo:
        """What is known about a thread; an error for an id nobody opened."""
        raise NotSolved(
            "Task 1 is not solved yet: ThreadManager.get_thread_info tells nothing. "
            "Hint: ask the registry for this one thread, and put what it says into a ThreadInfo."
        )

    def update_thread_activity(self, thread_id: str) -> ThreadInfo:
        """The thread with its latest activity, after somebody spoke in it."""
        raise NotSolved(
            "Task 1 is not solved yet: ThreadManager.update_thread_activity does nothing. "
            "Hint: look at last_active before and after an invoke; how much is left to do?"
        )

    def list_active_threads(self) -> list[ThreadInfo]:
        """Every thread that was opened, up to a thousand, the one spoken in last first."""
        raise NotSolved(
            "Task 1 is not solved yet: ThreadManager.list_active_threads lists nothing. "
            "Hint: the registry lists in the order you need; how many, unless you say so?"
        )

    def close(self) -> None:
        self.registry.close()


def create_thread_manager() -> ThreadManager:
    """A manager that is ready for its first customer. Leave no file behind."""
    raise NotSolved(
        "Task 1 is not solved yet: create_thread_manager returns no manager. "
        "Hint: a registry can live in memory; help(threads.open) says how."
    )


def create_multi_thread_agent(thread_manager: ThreadManager | None = None) -> Any:
    """One agent for all customers: the checkpointer keeps their threads apart. Nothing to do here.

    It remembers in the manager's registry; without a manager, in a memory of its own.
    """
    memory = thread_manager.registry.checkpointer if thread_manager else InMemorySaver()
    return build_agent(checkpointer=memory)


# Task 2: parallel conversations (30 minutes)
#
# Driver: let two customers take turns, and print every turn as the instructions show it.
# Navigator: what would it look like if the threads were not kept apart?


def run_parallel_conversations(agent: Any, thread_manager: ThreadManager) -> None:
    """Alice speaks in alice_session and Bob in bob_session, in turns.

    Each says who they are and later asks for it. Raise an AssertionError if the agent gets it wrong.
    """
    raise NotSolved(
        "Task 2 is not solved yet: nobody speaks in run_parallel_conversations. "
        "Hint: agent.invoke takes the messages and, as its second argument, the config of a thread."
    )


# Task 3: thread isolation (25 minutes)
#
# Driver: prove that Alice's thread knows Alice, and Bob's thread Bob.
# Navigator: is every call made with the right thread? Is a right answer already a proof?


def test_thread_isolation(agent: Any, thread_manager: ThreadManager) -> None:
    """Each thread knows its own customer and holds no word of the other.

    Print the [OK] lines of the instructions; raise an AssertionError otherwise. A returned False
    would look like success to a test runner. It also has to work on its own: pytest calls it with
    a new agent that has not met anybody.
    """
    raise NotSolved(
        "Task 3 is not solved yet: test_thread_isolation tests nothing. "
        "Hint: besides asking the agent, agent.get_state(config) shows what it remembers."
    )


# Task 4: thread switching (20 minutes)
#
# Driver: one support agent, several customers, back and forth.
# Navigator: what does agent.invoke do with an id that was mistyped, and who should notice?


def demonstrate_thread_switching(agent: Any, thread_manager: ThreadManager) -> None:
    """Customers with different problems; whoever comes back goes on where they stopped.

    Raise an AssertionError if somebody who comes back is not remembered. An id that nobody opened
    gets a clear message: ask the manager for it.
    """
    raise NotSolved(
        "Task 4 is not solved yet: demonstrate_thread_switching switches nowhere. "
        "Hint: let each customer tell a problem, and ask for it after the others have spoken."
    )


def main() -> int:
    print("=== Multi-Thread Support Test ===\n")
    print("[INFO] Creating thread manager...")
    try:
        with closing(create_thread_manager()) as thread_manager:
            agent = create_multi_thread_agent(thread_manager)
            print("[OK] Thread manager ready")
            run_parallel_conversations(agent, thread_manager)
            test_thread_isolation(agent, thread_manager)
            demonstrate_thread_switching(agent, thread_manager)
    except AssertionError as failure:
        print(f"[FAIL] {failure}")
        return 1
    except (NotSolved, ModelUnavailable) as stopped:
        sys.exit(str(stopped))
    return 0


if __name__ == "__main__":
    sys.exit(main())
