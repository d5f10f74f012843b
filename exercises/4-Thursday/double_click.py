"""Two messages at once in one thread: what LangGraph's own memory does with them, and what this one does.

    python double_click.py

Alice has her conversation open in two windows. While the agent still thinks about what she said in the first,
she sends something in the second. Needs no key, and leaves nothing on the disk.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

try:
    from langchain_core.messages import AIMessage
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import START, MessagesState, StateGraph

    import threads
except ImportError as missing:
    sys.exit(
        f"langgraph-threads is not installed ({missing}): "
        "in the root folder of its repository, run: python -m pip install -e ."
    )

CONFIG = {"configurable": {"thread_id": "alice"}}
FIRST, SECOND = "Cancel my order.", "No, wait: keep it!"


def agent_on(memory: Any, meanwhile: Callable[[], None]) -> Any:
    """An agent that needs so long for the first message that there is time for something `meanwhile`."""

    def answer(state: MessagesState) -> dict[str, Any]:
        text = state["messages"][-1].text
        if text == FIRST:
            meanwhile()
        return {"messages": [AIMessage(f"You said: {text}")]}

    graph = StateGraph(MessagesState)
    graph.add_node("answer", answer)
    graph.add_edge(START, "answer")
    return graph.compile(checkpointer=memory)


def double_click(memory: Any) -> None:
    """Both windows speak in one thread; then a look at what it remembers."""

    def say(window: str, text: str) -> None:
        given = {"messages": [{"role": "user", "content": text}]}
        try:
            reply = agent.invoke(given, CONFIG, durability="sync")["messages"][-1].text
        except threads.ThreadMoved:
            reply = "(refused: somebody else has spoken in this thread meanwhile)"
        print(f"  {window} window: {text} -> {reply}")

    agent = agent_on(memory, lambda: say("second", SECOND))
    say("first", FIRST)
    print("  remembered:", [message.text for message in agent.get_state(CONFIG).values["messages"]])


def main() -> None:
    print("LangGraph's InMemorySaver:")
    double_click(InMemorySaver())
    print("\nThe checkpointer of threads.open:")
    with threads.open(":memory:") as registry:
        double_click(registry.checkpointer)


if __name__ == "__main__":
    main()
