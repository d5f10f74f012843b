"""Pair exercise 01: an agent that remembers what was said, until the program ends.

    python pair_exercise_01_starter.py

It runs as it is and stops at the first task that is not solved yet. Solve them from top to bottom;
`python ../../check.py 01` says how far you are. The text is ../pair_exercise_01.md.
"""

from __future__ import annotations

import sys
from typing import Any

try:
    from langgraph.checkpoint.memory import InMemorySaver

    from agent import build_agent
    from agent.models import ModelUnavailable
except ImportError as missing:
    sys.exit(
        f"langgraph-threads is not installed ({missing}): "
        'in the root folder of its repository, run: python -m pip install -e ".[test]"'
    )


class NotSolved(Exception):
    """A task that waits for you; the message is where to begin."""


# Task 1: an agent that remembers (15 minutes)
#
# Driver: make the agent.
# Navigator: where is what it remembers, and how long does it stay there?


def create_memory_agent() -> Any:
    """A new agent that remembers each thread, as long as the program runs.

    Two agents know nothing of each other.
    """
    raise NotSolved(
        "Task 1 is not solved yet: create_memory_agent makes no agent. "
        f"Hint: look at the parameters of {build_agent.__name__}; {InMemorySaver.__name__} fits one of them."
    )


# Task 2: proof that it does (20 minutes)
#
# Driver: tell the agent something, and ask for it.
# Navigator: would this test fail with an agent that forgets?


def test_context_retention(agent: Any) -> None:
    """The agent still knows in a second message what it was told in the first.

    Raise an AssertionError if it does not. A returned False would look like success to a test runner.
    """
    raise NotSolved(
        "Task 2 is not solved yet: test_context_retention tests nothing. "
        "Hint: both messages have to go to the same thread; which argument of agent.invoke names it?"
    )


# Task 3: a conversation of several turns (15 minutes)
#
# Driver: a conversation in which later questions need earlier answers.
# Navigator: how much of it do we send with each call?


def run_multi_turn_conversation(agent: Any) -> str:
    """At least three turns in one thread, each printed; returns the thread's id."""
    raise NotSolved(
        "Task 3 is not solved yet: nobody speaks in run_multi_turn_conversation. "
        "Hint: a loop over the messages of the user, each sent by itself."
    )


# Task 4: a look into the memory (10 minutes)
#
# Driver: show what a thread holds.
# Navigator: is there anything in it that nobody said?


def inspect_memory_state(agent: Any, thread_id: str) -> list[str]:
    """A line for each message of the thread, oldest first, with who said it and its text.

    An empty list for a thread in which nobody spoke.
    """
    raise NotSolved(
        "Task 4 is not solved yet: inspect_memory_state shows nothing. "
        "Hint: agent.get_state takes a config, and what it returns has values."
    )


def main() -> int:
    print("=== Memory Agent Test ===\n")
    try:
        agent = create_memory_agent()
        print("[OK] Agent ready")
        print("\n=== Context Retention ===")
        test_context_retention(agent)
        print("\n=== Multi-Turn Conversation ===")
        thread_id = run_multi_turn_conversation(agent)
        print("\n=== What the Agent Remembers ===")
        print(*inspect_memory_state(agent, thread_id), sep="\n")
        print("\n=== After a Restart ===")
        restarted = create_memory_agent()  # a new program would begin like this
        print(f"Messages in the same thread: {len(inspect_memory_state(restarted, thread_id))}")
    except AssertionError as failure:
        print(f"[FAIL] {failure}")
        return 1
    except (NotSolved, ModelUnavailable) as stopped:
        sys.exit(str(stopped))
    return 0


if __name__ == "__main__":
    sys.exit(main())
