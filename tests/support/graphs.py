"""Graphs that users might have, and things done to them; for the tests."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.runtime import Runtime
from langgraph.types import interrupt


def config(thread_id: Any) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread_id}}


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def echo(state: dict[str, Any]) -> dict[str, Any]:
    """Answers `re: ...` to the last message."""
    return {"messages": [AIMessage(f"re: {state['messages'][-1].text}")]}


def compiled(state: Any, node: Any, checkpointer: Any) -> Any:
    builder = StateGraph(state)
    builder.add_node("model", node)
    builder.add_edge(START, "model")
    builder.add_edge("model", END)
    return builder.compile(checkpointer=checkpointer)


class Plain(TypedDict):
    messages: Annotated[list, add_messages]


def plain_graph(checkpointer: Any) -> Any:
    """What the LangGraph tutorial builds."""
    return compiled(Plain, echo, checkpointer)


def keep_last_three(state: list, writes: list) -> list:
    """A reducer of somebody's own, for a delta channel."""
    for write in writes:
        state = [*state, *(write if isinstance(write, list) else [write])]
    return state[-3:]


class Trimmed(TypedDict):
    messages: Annotated[list, DeltaChannel(keep_last_three)]


def trimming_graph(checkpointer: Any) -> Any:
    """A delta channel that is not ours: only its reducer knows what it holds."""
    return compiled(Trimmed, lambda state: {"messages": [AIMessage("ok")]}, checkpointer)


class Chat(TypedDict):
    chat: Annotated[list, add_messages]


def chat_graph(checkpointer: Any) -> Any:
    """Messages under a name of their own."""
    return compiled(Chat, lambda state: {"chat": [AIMessage("from elsewhere")]}, checkpointer)


class Counter(TypedDict):
    number: int


def counter_graph(checkpointer: Any) -> Any:
    """A graph that has nothing to do with messages."""
    return compiled(Counter, lambda state: {"number": state["number"] + 1}, checkpointer)


@dataclass
class Case:
    """A type of a user's own."""

    number: int


class Talk(TypedDict):
    messages: Annotated[list, add_messages]
    topic: str


def talk_graph(context: Any = None) -> Any:
    """Says what it was handed beside the messages; `ask` makes it ask."""

    def node(state: Any, runtime: Runtime) -> Any:
        last = state["messages"][-1].text
        said = interrupt("sure?") if last == "ask" else last
        return {"messages": [AIMessage(f"{said}, {state.get('topic')}, {runtime.context}")]}

    builder = StateGraph(Talk, context_schema=context)
    builder.add_node("model", node)
    builder.add_edge(START, "model")
    return builder.compile()


class CaseState(TypedDict):
    case: Case
    messages: list


class Spoilt(TypedDict):
    log: Annotated[list, DeltaChannel(keep_last_three)]
    case: Any


def spoilt(registry: Any, id: str) -> None:
    """A thread whose delta channel stands beside a type that nobody named."""
    graph = compiled(Spoilt, lambda state: {"log": ["ok"]}, registry.checkpointer)
    graph.invoke({"log": ["hi"], "case": Case(1)}, config(id))


def asking_graph(checkpointer: Any) -> Any:
    """Stops to ask a person."""
    return compiled(
        Plain, lambda state: {"messages": [AIMessage(f"you said {interrupt('sure?')}")]}, checkpointer
    )


def failing_graph(checkpointer: Any) -> Any:
    """A node that raises."""

    def fail(state: Any) -> Any:
        raise RuntimeError("the model is on fire")

    return compiled(Plain, fail, checkpointer)


def stock_saver(path: Path) -> SqliteSaver:
    """LangGraph's own saver, as any other program opens it; close its `conn`."""
    return SqliteSaver(sqlite3.connect(path, check_same_thread=False))


def in_stock_process(path: Path, code: str) -> None:
    """Run `code` in a process that knows the stock saver only: `graph`, `saver`, `config` and `said` are there."""
    head = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from graphs import config, plain_graph, said, stock_saver
        saver = stock_saver({str(path)!r})
        graph = plain_graph(saver)
    """
    program = (
        textwrap.dedent(head)
        + textwrap.dedent(code)
        + "\nsaver.conn.close()\nassert 'threads' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def three_turns(graph: Any, thread_id: str) -> None:
    for number in range(3):
        graph.invoke(said(f"message {number} of {thread_id}"), config(thread_id))
