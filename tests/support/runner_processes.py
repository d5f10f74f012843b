"""Processes with a runner that break off: killed at an event of their run, at any moment, or stopped and woken."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any

from faults import warm
from graphs import Plain, compiled
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import InjectedToolCallId, tool
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Send, interrupt
from run_helpers import Talking, counting_agent, noting, tool_agent, until

import threads
from agent import build_agent
from threads.runs import tool_key


def slow_counting_agent(path: Path) -> Any:
    """The bundled agent; it notes the calls of its model, which takes its time."""
    return counting_agent(path.with_name("calls"), delay=0.01)


def careless_agent(path: Path) -> Any:
    """Uses a tool that must not run twice unasked."""
    return _tool_agent(path, idempotent=False)


def careful_agent(path: Path) -> Any:
    """Uses a tool that may run twice."""
    return _tool_agent(path, idempotent=True)


def _tool_agent(path: Path, *, idempotent: bool) -> Any:
    @tool
    def book(n: int) -> str:
        """Books."""
        noting(path.with_name("effects"), "booked")
        if path.with_name("hang").exists():
            threading.Event().wait(60)
        return "booked"

    book.metadata = {"idempotent": idempotent}
    return tool_agent(book)


def talking_agent(path: Path) -> Any:
    """Talks for long."""
    return build_agent(Talking(words=2000, delay=0.02))


Key = Annotated[str, InjectedToolCallId]


def effectful_tools(path: Path) -> list[Any]:
    """Tools that note their keys, and die where the file `die` says so, once its statement finds a row."""

    def effect(name: str, key: str) -> None:
        noting(path.with_name("effects"), f"{name}={key}")
        dying = path.with_name("die")
        who, _, when = dying.read_text().partition(": ") if dying.exists() else ("", "", "")
        if who == name:
            until(lambda: found(path, when))
            die()

    @tool
    def look(config: RunnableConfig, tool_call_id: Key) -> str:
        """Looks."""
        effect("look", tool_key(config, tool_call_id))
        return "looked"

    @tool
    def pay(config: RunnableConfig, tool_call_id: Key) -> str:
        """Pays."""
        effect("pay", tool_key(config, tool_call_id))
        return "paid"

    @tool
    def approve(config: RunnableConfig, tool_call_id: Key) -> str:
        """Asks, and does it."""
        answer = interrupt("approve?")
        effect("approve", tool_key(config, tool_call_id))
        return f"approved {answer}"

    return [look, pay, approve]


def found(path: Path, statement: str) -> Any:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement or "SELECT 1").fetchone()


def _calling(state: Any) -> Any:
    """Calls the tools that the message names, then says what they answered."""
    last = state["messages"][-1]
    if isinstance(last, ToolMessage):
        answers = [message.text for message in state["messages"] if isinstance(message, ToolMessage)]
        return {"messages": [AIMessage("done: " + ", ".join(answers))]}
    tool_calls = [{"name": name, "args": {}, "id": f"{name}-1"} for name in last.text.split()]
    return {"messages": [AIMessage("", tool_calls=tool_calls)]}


def calling_graph(tools: list[Any], *, apart: bool) -> StateGraph[Any]:
    """Calls tools at the same time: each in a task of its own, or all in one."""

    def then(state: Any) -> Any:
        called = state["messages"][-1].tool_calls
        if apart and called:
            return [Send("tools", [{**call, "type": "tool_call"}]) for call in called]
        return "tools" if called else END

    builder = StateGraph(Plain)
    builder.add_node("model", _calling)
    builder.add_node("tools", ToolNode(tools))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", then, ["tools", END])
    builder.add_edge("tools", "model")
    return builder


def apart_agent(path: Path) -> Any:
    return calling_graph(effectful_tools(path), apart=True).compile()


def together_agent(path: Path) -> Any:
    return calling_graph(effectful_tools(path), apart=False).compile()


def inner_agent(path: Path) -> Any:
    """The first of these as a node of another graph."""
    builder = StateGraph(Plain)
    builder.add_node("inner", apart_agent(path))
    builder.add_edge(START, "inner")
    builder.add_edge("inner", END)
    return builder.compile()


def asking_on_agent(path: Path) -> Any:
    """One node asks three times, while another that asks may die."""
    _, pay, _ = effectful_tools(path)

    async def other(state: Any) -> Any:
        await pay.ainvoke({"type": "tool_call", "name": "pay", "args": {}, "id": "pay-1"})
        return {"messages": [AIMessage(interrupt("other"))]}

    builder = StateGraph(Plain)
    builder.add_node("asks", lambda state: {"messages": [AIMessage("".join(map(interrupt, "012")))]})
    builder.add_node("other", other)
    for name in ("asks", "other"):
        builder.add_edge(START, name)
        builder.add_edge(name, END)
    return builder.compile()


def direct_agent(path: Path) -> Any:
    """A node that uses a tool without a word about it in the conversation."""
    _, pay, _ = effectful_tools(path)

    async def node(state: Any) -> Any:
        answer = await pay.ainvoke({"type": "tool_call", "name": "pay", "args": {}, "id": "pay-1"})
        return {"messages": [AIMessage(f"done: {answer.text}")]}

    builder = StateGraph(Plain)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile()


AGENTS: dict[str, Callable[[Path], Any]] = {
    "apart": apart_agent,
    "together": together_agent,
    "inner": inner_agent,
    "direct": direct_agent,
    "asking on": asking_on_agent,
    "slow": slow_counting_agent,
    "careless": careless_agent,
    "careful": careful_agent,
    "talking": talking_agent,
}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def perform(path: Path, agent: str, die_at: int | None, seconds: float, told: Connection) -> None:
    """Let one message through; die when its event number `die_at` or its last is heard, or wait to be killed.

    How many there are is not sure: tokens come together, and who is late hears none of them.
    """
    registry = threads.open(path)
    runner = threads.Runner(registry, AGENTS[agent](path), lease_seconds=seconds)
    run = runner.start("a", "Hi, I'm Alice", key="k", if_not_exists="create")
    told.send(run.id)
    for number, event in enumerate(run):
        if die_at is not None and (number == die_at or run.ends_with(event)):
            die()
    told.send("ended")
    threading.Event().wait(60)


def make_room(path: Path, die_at: int) -> None:
    """Interrupt a run behind which others wait; die at event number `die_at` of the thread from then on."""

    async def node(state: Any) -> Any:
        if state["messages"][-1].text != "3":
            reached.set()
            await asyncio.sleep(60)
        return {"messages": [AIMessage("well again")]}

    reached = threading.Event()
    registry = threads.open(path)
    runner = threads.Runner(registry, compiled(Plain, node, None), lease_seconds=0.5)
    runner.start("a", "0", if_not_exists="create")
    assert reached.wait(30)
    for text in "12":
        runner.start("a", text, multitask_strategy="enqueue")
    after = list(registry.events("a", follow=False))[-1].sequence
    with registry.events("a", after=after) as happening:
        runner.start("a", "3", multitask_strategy="interrupt")
        for number, _ in enumerate(happening):
            if number == die_at:
                die()


def dying_as_it_makes_room(path: Path, die_at: int) -> Any:
    """Such a process, under way."""
    process = warm().Process(target=make_room, args=(path, die_at))
    process.start()
    return process


def performing(
    path: Path, agent: str, die_at: int | None = None, seconds: float = 1.0
) -> tuple[Any, Connection]:
    """Such a process, under way: the process, and what it tells."""
    here, there = warm().Pipe(duplex=False)
    process = warm().Process(target=perform, args=(path, agent, die_at, seconds, there))
    process.start()
    there.close()
    return process, here


def persist(path: Path, agent: str, message: str, answers: tuple[Any, ...]) -> None:
    """Send a message, the first time, and give these answers, each once it is asked for; else regenerate."""
    with (
        threads.open(path) as registry,
        threads.Runner(registry, AGENTS[agent](path), lease_seconds=0.5) as runner,
    ):
        if not registry.list().items:
            runner.start("a", message, if_not_exists="create").result(30)
        elif not answers:
            runner.regenerate("a").result(30)
        for answer in answers:
            until(lambda: registry.runs("a")[0].status == "interrupted")
            runner.resume("a", answer).result(30)


def dying(path: Path, agent: str, message: str, *answers: Any, who: str, when: str = "") -> list[str]:
    """Have such a process die in tool `who`; what had an effect by then."""
    path.with_name("die").write_text(f"{who}: {when}")
    process = warm().Process(target=persist, args=(path, agent, message, answers))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    path.with_name("die").unlink()
    return path.with_name("effects").read_text().split()


def heard(told: Connection) -> list[Any]:
    """All that it said."""
    said = []
    try:
        while told.poll(0):
            said.append(told.recv())
    except EOFError:
        pass
    return said
