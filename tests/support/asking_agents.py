"""Agents that ask a person, for the tests of the command line: `--agents asking_agents:NAME`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphs import Plain, compiled
from langchain_core.messages import AIMessage
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from run_helpers import asking_at_once_graph, noting

EFFECTS = Path("effects")
"""What the agents have done, in the current folder."""


def _refund(state: Any) -> Any:
    if interrupt("refund?"):
        noting(EFFECTS, "refunded")
        return {"messages": [AIMessage("refunded")]}
    return {"messages": [AIMessage("kept")]}


def _echo(question: Any) -> Any:
    return compiled(Plain, lambda state: {"messages": [AIMessage(repr(interrupt(question)))]}, None)


def _needs_decisions(state: Any) -> Any:
    answer = interrupt("which decisions?")
    if Path("broken").exists():
        raise ConnectionError("bank API timed out")
    return {"messages": [AIMessage(answer["decisions"][0]["type"])]}


def _joined(defer: bool) -> Any:
    builder = StateGraph(Plain)
    for name in ("left", "right"):
        builder.add_node(name, lambda state: {"messages": []})
        builder.add_edge(START, name)
    builder.add_node("both", lambda state: {"messages": [AIMessage("gone on")]}, defer=defer)
    builder.add_edge(["left", "right"], "both")
    return builder.compile(interrupt_before=["both"])


def _paused() -> Any:
    builder = StateGraph(Plain)
    builder.add_node("model", lambda state: {"messages": [AIMessage("gone on")]})
    builder.add_edge(START, "model")
    return builder.compile(interrupt_before=["model"])


def _talking() -> Any:
    builder = StateGraph(Plain)
    builder.add_node("first", lambda state: {"messages": [AIMessage("Let me see.")]})
    builder.add_node("second", lambda state: {"messages": [AIMessage(f"So {interrupt('sure?')}.")]})
    builder.add_edge(START, "first")
    builder.add_edge("first", "second")
    return builder.compile()


refund = compiled(Plain, _refund, None)
echo = _echo({"question": "how many?\x1b[2J", "most": 3})
nasty = _echo("\x1b]0;owned\x07\x9b31m\u202e[b]sure?")
review = _echo(
    {
        "action_requests": [{"name": "pay", "args": {}}, {"name": "book", "args": {}}],
        "review_configs": [{"action_name": "pay", "allowed_decisions": ["approve", "edit"]}],
    }
)
decisions = compiled(Plain, _needs_decisions, None)
joined, deferred = _joined(defer=False), _joined(defer=True)
talking = _talking()
two = asking_at_once_graph()
paused = _paused()
several = {"refund": refund, "echo": echo}
