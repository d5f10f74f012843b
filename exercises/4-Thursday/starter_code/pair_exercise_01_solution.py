"""Pair exercise 01, solved: an agent that remembers what was said, until the program ends.

python pair_exercise_01_solution.py
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


# Task 1: an agent that remembers


def create_memory_agent() -> Any:
    """A new agent that remembers each thread, as long as the program runs.

    Two agents know nothing of each other.
    """
    return build_agent(checkpointer=InMemorySaver())


def config_of(thread_id: str) -> dict[str, Any]:
    """What makes `agent.invoke` speak in this thread."""
    return {"configurable": {"thread_id": thread_id}}


def ask(agent: Any, thread_id: str, text: str) -> str:
    """What the agent answers to `text` in this thread."""
    state = agent.invoke({"messages": [{"role": "user", "content": text}]}, config_of(thread_id))
    return str(state["messages"][-1].text)


# Task 2: proof that it does


def test_context_retention(agent: Any) -> None:
    """The agent still knows in a second message what it was told in the first.

    Raise an AssertionError if it does not. A returned False would look like success to a test runner.
    """
    ask(agent, "retention", "Hi, I'm Alice.")
    reply = ask(agent, "retention", "What's my name?")
    if "Alice" not in reply:
        raise AssertionError(f"Alice asked for her name and was told: {reply}")
    print("[OK] The agent still knows Alice")


# Task 3: a conversation of several turns


def run_multi_turn_conversation(agent: Any) -> str:
    """At least three turns in one thread, each printed; returns the thread's id."""
    for text in (
        "Hello, I'm Carol.",
        "My order number is 4711.",
        "What's my name?",
        "What's my order number?",
    ):
        print(f"  Carol: {text}\n  Agent: {ask(agent, 'carol', text)}")
    return "carol"


# Task 4: a look into the memory


def inspect_memory_state(agent: Any, thread_id: str) -> list[str]:
    """A line for each message of the thread, oldest first, with who said it and its text.

    An empty list for a thread in which nobody spoke.
    """
    messages = agent.get_state(config_of(thread_id)).values.get("messages", [])
    return [f"{message.type}: {message.text}" for message in messages]


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
    except ModelUnavailable as stopped:
        sys.exit(str(stopped))
    return 0


if __name__ == "__main__":
    sys.exit(main())
