"""Agents as people build them with LangGraph, LangChain and the packages around them.

Each function builds one, without a checkpointer, so `--agents built_agents:NAME` takes it, too. What they
say is in `agent_dialogues`.
"""

from __future__ import annotations

import operator
import warnings
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from deepagents import create_deep_agent
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware, SummarizationMiddleware
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AnyMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.func import entrypoint
from langgraph.func import task as subtask
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import interrupt
from langgraph.warnings import LangGraphDeprecatedSinceV10
from langgraph_supervisor import create_supervisor
from langgraph_swarm import create_handoff_tool, create_swarm
from scripted_model import ScriptedModel

SUMMARY = "what was said before"
"""What the model of the summaries writes."""


@tool
def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


@tool
def send_mail(to: str) -> str:
    """Send a mail."""
    return f"mailed {to}"


@tool
def confirm(what: str) -> str:
    """Ask the user for a confirmation."""
    return f"they said {interrupt(f'{what}?')}"


TOOLS = [weather, confirm]


@dataclass
class Report:
    """A weather report."""

    city: str
    degrees: int


def agent() -> Any:
    """LangChain's agent without tools."""
    return create_agent(ScriptedModel(), name="agent")


def agent_with_tools() -> Any:
    """LangChain's agent with tools."""
    return create_agent(ScriptedModel(), TOOLS, system_prompt="Be brief.", name="agent_with_tools")


def human_in_the_loop() -> Any:
    """LangChain's agent, which asks before it sends a mail."""
    middleware = HumanInTheLoopMiddleware(interrupt_on={"send_mail": True})
    return create_agent(
        ScriptedModel(), [send_mail, *TOOLS], middleware=[middleware], name="human_in_the_loop"
    )


def summarization() -> Any:
    """LangChain's agent, which summarises what is older than two messages once there are five."""
    middleware = SummarizationMiddleware(
        ScriptedModel(reply=SUMMARY), trigger=("messages", 5), keep=("messages", 2)
    )
    return create_agent(ScriptedModel(), TOOLS, middleware=[middleware], name="summarization")


def structured_response() -> Any:
    """LangChain's agent with a dataclass as response format."""
    return create_agent(
        ScriptedModel(), TOOLS, response_format=ToolStrategy(Report), name="structured_response"
    )


def deep_agent() -> Any:
    """A deep agent with a subagent."""
    researcher = {
        "name": "researcher",
        "description": "Finds things out.",
        "system_prompt": "Research.",
        "model": ScriptedModel(speaker="researcher"),
        "tools": [],
    }
    return create_deep_agent(ScriptedModel(), TOOLS, subagents=[researcher], name="deep_agent")


def supervisor() -> Any:
    """A supervisor with one agent that it hands over to."""
    mathematician = create_agent(ScriptedModel(speaker="mathematician"), [confirm], name="mathematician")
    with warnings.catch_warnings():  # it calls create_react_agent, which moved to langchain
        warnings.simplefilter("ignore", LangGraphDeprecatedSinceV10)
        builder = create_supervisor([mathematician], model=ScriptedModel(speaker="supervisor"))
    return builder.compile(name="supervisor")


def swarm() -> Any:
    """Two agents that hand over to each other."""
    alice = create_agent(
        ScriptedModel(speaker="alice"), [*TOOLS, create_handoff_tool(agent_name="bob")], name="alice"
    )
    bob = create_agent(
        ScriptedModel(speaker="bob"), [*TOOLS, create_handoff_tool(agent_name="alice")], name="bob"
    )
    return create_swarm([alice, bob], default_active_agent="alice").compile(name="swarm")


class QuickstartState(TypedDict):
    """The state of LangGraph's quickstart."""

    messages: Annotated[list[AnyMessage], operator.add]
    llm_calls: int


def quickstart() -> Any:
    """LangGraph's quickstart: messages are joined by `operator.add`, so some never have an id."""
    tools_by_name = {each.name: each for each in TOOLS}
    model = ScriptedModel().bind_tools(TOOLS)

    def llm_call(state: dict) -> dict:
        return {
            "messages": [model.invoke(state["messages"])],
            "llm_calls": state.get("llm_calls", 0) + 1,
        }

    def tool_node(state: dict) -> dict:
        return {
            "messages": [
                ToolMessage(tools_by_name[call["name"]].invoke(call["args"]), tool_call_id=call["id"])
                for call in state["messages"][-1].tool_calls
            ]
        }

    def should_continue(state: QuickstartState) -> str:
        return "tool_node" if state["messages"][-1].tool_calls else END

    builder = StateGraph(QuickstartState)
    builder.add_node("llm_call", llm_call)
    builder.add_node("tool_node", tool_node)
    builder.add_edge(START, "llm_call")
    builder.add_conditional_edges("llm_call", should_continue, ["tool_node", END])
    builder.add_edge("tool_node", "llm_call")
    return builder.compile(name="quickstart")


class MessagesState(TypedDict):
    """The state of LangGraph's tutorials."""

    messages: Annotated[list, add_messages]


def tutorial() -> Any:
    """LangGraph's tutorial: `add_messages`, a `ToolNode`."""
    model = ScriptedModel().bind_tools(TOOLS)
    builder = StateGraph(MessagesState)
    builder.add_node("chatbot", lambda state: {"messages": [model.invoke(state["messages"])]})
    builder.add_node("tools", ToolNode(TOOLS))
    builder.add_edge(START, "chatbot")
    builder.add_conditional_edges("chatbot", tools_condition)
    builder.add_edge("tools", "chatbot")
    return builder.compile(name="tutorial")


@subtask
def call_model(messages: list) -> Any:
    """A task of LangGraph's functional API."""
    return ScriptedModel().bind_tools(TOOLS).invoke(messages)


@subtask
def call_tool(call: dict) -> Any:
    """A task of LangGraph's functional API."""
    return {each.name: each for each in TOOLS}[call["name"]].invoke({**call, "type": "tool_call"})


def functional() -> Any:
    """LangGraph's functional API, which takes and returns a mapping."""

    @entrypoint()
    def functional(inputs: dict, *, previous: Any = None) -> Any:
        messages = add_messages((previous or {}).get("messages", []), inputs["messages"])
        answer = call_model(messages).result()
        while answer.tool_calls:
            results = [call_tool(call).result() for call in answer.tool_calls]
            messages = add_messages(messages, [answer, *results])
            answer = call_model(messages).result()
        return {"messages": add_messages(messages, [answer])}

    return functional


BUILDERS = {
    each.__name__: each
    for each in (
        agent,
        agent_with_tools,
        human_in_the_loop,
        summarization,
        structured_response,
        deep_agent,
        supervisor,
        swarm,
        quickstart,
        tutorial,
        functional,
    )
}
"""The functions that build agents, by their name."""
