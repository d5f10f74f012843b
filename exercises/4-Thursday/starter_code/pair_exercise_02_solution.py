"""Pair exercise 02, solved: one support agent, many customers, and none of them hears another's words.

    python pair_exercise_02_solution.py

Or copy this file over the starter and run that. Nothing is left on disk.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
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


# Task 1: the thread manager


class ThreadManager:
    """Which customer speaks in which thread.

    It keeps no book of its own, which could fall out of step with what the agent remembers: the
    registry stands in the same database as the agent's memory.
    """

    def __init__(self, registry: threads.Registry) -> None:
        self.registry = registry

    def create_thread(self, customer: str, thread_id: str | None = None) -> ThreadInfo:
        """A thread for this customer, under a new unique id unless one is given.

        Asked twice, it is the same thread; another customer's id is refused (`ThreadExists`).
        """
        thread = self.registry.create(id=thread_id, metadata={"customer": customer}, if_exists="do_nothing")
        if thread.metadata.get("customer") != customer:
            raise threads.ThreadExists(thread.id)
        return self._info(thread)

    def get_thread_info(self, thread_id: str) -> ThreadInfo:
        """What is known about a thread; `ThreadNotFound` for an id nobody opened."""
        return self._info(self.registry.get(thread_id))

    def update_thread_activity(self, thread_id: str) -> ThreadInfo:
        """The thread with its latest activity.

        There is nothing to update: the database itself notes every `agent.invoke`, also one
        made by another program, so nobody can forget to call this.
        """
        return self.get_thread_info(thread_id)

    def list_active_threads(self) -> list[ThreadInfo]:
        """The threads, up to a thousand, the one spoken in last first."""
        return [self._info(thread) for thread in self.registry.list(limit=1000)]

    def close(self) -> None:
        self.registry.close()

    @staticmethod
    def _info(thread: threads.Thread) -> ThreadInfo:
        customer = thread.metadata.get("customer", "unknown")
        return ThreadInfo(thread.id, customer, thread.created_at, thread.updated_at, thread.message_count)


def create_thread_manager() -> ThreadManager:
    """A manager on a registry in memory; a path instead of ":memory:" would keep it."""
    return ThreadManager(threads.open(":memory:"))


def create_multi_thread_agent(thread_manager: ThreadManager | None = None) -> Any:
    """One agent for all customers: the checkpointer keeps their threads apart.

    It remembers in the manager's registry; without a manager, in a memory of its own.
    """
    memory = thread_manager.registry.checkpointer if thread_manager else InMemorySaver()
    return build_agent(checkpointer=memory)


def ask(agent: Any, thread: ThreadInfo, text: str) -> str:
    """What the agent answers to `text` in this thread."""
    state = agent.invoke({"messages": [{"role": "user", "content": text}]}, thread.config)
    return str(state["messages"][-1].text)


def talk(agent: Any, thread: ThreadInfo, text: str, label: str | None = None) -> str:
    """`ask`, for all to read."""
    reply = ask(agent, thread, text)
    print(f"\nThread: {label or thread.thread_id}\n  {thread.customer}: {text}\n  Agent: {reply}")
    return reply


def check(passed: bool, good: str, bad: str) -> None:
    """Say how it went; a failure is an exception, which no caller and no test runner overlooks."""
    if not passed:
        raise AssertionError(bad)
    print(f"[OK] {good}")


# Task 2: parallel conversations


def run_parallel_conversations(agent: Any, thread_manager: ThreadManager) -> None:
    """Alice and Bob take turns at one agent, and each is remembered."""
    print("\n=== Parallel Conversations ===")
    alice = thread_manager.create_thread("Alice", "alice_session")
    bob = thread_manager.create_thread("Bob", "bob_session")
    talk(agent, alice, "Hi, I'm Alice.")
    talk(agent, bob, "Hey, I'm Bob.")
    expect(talk(agent, alice, "What's my name?"), "Alice", never="Bob")
    expect(talk(agent, bob, "Do you know who I am?"), "Bob", never="Alice")


def expect(reply: str, name: str, never: str) -> None:
    if name not in reply or never in reply:
        raise AssertionError(f"{name} asked for the own name and was told: {reply}")


# Task 3: thread isolation


def test_thread_isolation(agent: Any, thread_manager: ThreadManager) -> None:
    """Each thread knows its own customer, and its memory holds no word of the other."""
    print("\n=== Thread Isolation Test ===")
    alice = thread_manager.create_thread("Alice", "alice_session")
    bob = thread_manager.create_thread("Bob", "bob_session")
    for thread in (alice, bob):
        ask(agent, thread, f"Hi, I'm {thread.customer}.")
    for thread in (alice, bob):
        reply = ask(agent, thread, "What's my name?")
        check(
            thread.customer in reply,
            f"{thread.thread_id} correctly identifies user as {thread.customer}",
            f"{thread.thread_id} does not know that its user is {thread.customer}; it said: {reply}",
        )
    # A right answer may be luck. What the agent is handed next time is its memory: look there.
    leaks = [*names_in(agent, alice, ["Bob"]), *names_in(agent, bob, ["Alice"])]
    check(not leaks, "Threads are properly isolated!", f"Words of one thread are in another: {leaks}")


def names_in(agent: Any, thread: ThreadInfo, names: Iterable[str]) -> list[str]:
    memory = " ".join(message.text for message in agent.get_state(thread.config).values["messages"])
    return [f"{name} in {thread.thread_id}" for name in names if name in memory]


# Task 4: thread switching


def demonstrate_thread_switching(agent: Any, thread_manager: ThreadManager) -> None:
    """A support agent goes back and forth between customers, and each goes on where they stopped."""
    print("\n=== Thread Switching Demo ===")
    alice = thread_manager.create_thread("Alice", "alice_session")
    bob = thread_manager.create_thread("Bob", "bob_session")
    carol = thread_manager.create_thread("Carol", "carol_session")
    talk(agent, alice, "My order A-1001 arrived damaged.")
    talk(agent, bob, "I want to cancel my subscription.")
    talk(agent, carol, "Hello, I'm Carol. My laptop does not turn on.")

    come_back(agent, thread_manager, "alice_session", "What's my order number?", "A-1001")
    come_back(agent, thread_manager, "bob_session", "What do I want to cancel?", "subscription")
    come_back(agent, thread_manager, "carol_session", "What's my problem?", "laptop")

    again = thread_manager.create_thread("Alice")
    reply = talk(agent, again, "What's my order number?", label="a new one for Alice")
    check(
        "A-1001" not in reply,
        "A new thread begins with an empty memory, also for the same customer",
        f"A new thread of Alice knew her old one: {reply}",
    )
    refuse(thread_manager, "alise_session")

    print("\nActive threads, the one spoken in last first:")
    for thread in thread_manager.list_active_threads():
        print(f"  {thread.customer}: {thread.message_count} messages")


def come_back(agent: Any, thread_manager: ThreadManager, thread_id: str, question: str, topic: str) -> None:
    """Switch to a thread and see that it still knows what was said there."""
    thread = thread_manager.get_thread_info(thread_id)
    reply = talk(agent, thread, question)
    check(
        topic in reply,
        f"Back in {thread_id}, the agent still knows: {topic}",
        f"Back in {thread_id}, the agent no longer knows about: {topic}",
    )


def refuse(thread_manager: ThreadManager, thread_id: str) -> None:
    """Ask before switching: `agent.invoke` itself would quietly begin a new thread under a mistyped id."""
    try:
        thread_manager.get_thread_info(thread_id)
    except threads.ThreadNotFound as error:
        print(f"\n[OK] A mistyped id is refused: {error}")
    else:
        raise AssertionError(f"{thread_id} was never opened and yet is there")


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
    except ModelUnavailable as stopped:
        sys.exit(str(stopped))
    return 0


if __name__ == "__main__":
    sys.exit(main())
