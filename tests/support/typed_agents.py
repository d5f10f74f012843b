"""Agents whose state only the graph explains: response formats, reducers and channels of their own.

A module of its own, so that a command line can name it: `--agents typed_agents:catalog`.
"""

from __future__ import annotations

import warnings
from typing import Any

from deepagents import create_deep_agent
from graphs import chat_graph, counter_graph, trimming_graph
from langchain.agents import create_agent
from langchain.agents.structured_output import ToolStrategy
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.func import entrypoint
from langgraph.graph import add_messages
from langgraph.warnings import LangGraphDeprecatedSinceV10
from langgraph_supervisor import create_supervisor
from langgraph_swarm import create_handoff_tool, create_swarm
from pydantic import BaseModel


class City(BaseModel):
    """A part of a response."""

    name: str


class Weather(BaseModel):
    """The response of an agent."""

    degrees: int
    city: City


class Answering(BaseChatModel):
    """Calls a tool named `Weather` or `transfer_to_...` if it has one, else numbers its answers."""

    tool_names: tuple[str, ...] = ()

    @property
    def _llm_type(self) -> str:
        return "answering"

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        names = [each["function"]["name"] if isinstance(each, dict) else each.name for each in tools]
        return self.model_copy(update={"tool_names": tuple(names)})

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        calls = [name for name in self.tool_names if name == "Weather" or name.startswith("transfer_to_")]
        answer = AIMessage(f"answer {len(messages)}")
        if calls and messages[-1].type == "human":
            args = {"degrees": 3, "city": {"name": "Ulm"}} if calls[0] == "Weather" else {}
            call = {"name": calls[0], "args": args, "id": f"call {len(messages)}"}
            answer = AIMessage("", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=answer)])


def structured(checkpointer: Any = None) -> Any:
    return create_agent(
        Answering(), tools=[], response_format=ToolStrategy(Weather), checkpointer=checkpointer
    )


def deep(checkpointer: Any = None, **options: Any) -> Any:
    return create_deep_agent(Answering(), tools=[], checkpointer=checkpointer, **options)


def deep_structured(checkpointer: Any = None) -> Any:
    return deep(checkpointer, response_format=ToolStrategy(Weather))


def supervisor(checkpointer: Any = None) -> Any:
    with warnings.catch_warnings():  # it calls create_react_agent, which moved to langchain
        warnings.simplefilter("ignore", LangGraphDeprecatedSinceV10)
        builder = create_supervisor([create_agent(Answering(), [], name="expert")], model=Answering())
    return builder.compile(checkpointer=checkpointer)


def swarm(checkpointer: Any = None) -> Any:
    bob = create_agent(Answering(), [], name="bob")
    alice = create_agent(Answering(), [create_handoff_tool(agent_name="bob")], name="alice")
    return create_swarm([alice, bob], default_active_agent="alice").compile(checkpointer=checkpointer)


def functional(checkpointer: Any = None) -> Any:
    @entrypoint(checkpointer=checkpointer)
    def agent(inputs: dict, *, previous: Any = None) -> dict:
        known = add_messages((previous or {}).get("messages", []), inputs["messages"])
        return {"messages": add_messages(known, [AIMessage(f"answer {len(known)}")])}

    return agent


BUILDERS = {
    "structured": structured,
    "deep": deep,
    "deep_structured": deep_structured,
    "supervisor": supervisor,
    "swarm": swarm,
    "functional": functional,
}
"""Agents whose threads are read without them after they have run in a Runner."""


def catalog() -> dict[str, Any]:
    return {name: build() for name, build in BUILDERS.items()} | {"trimming": trimming_graph(None)}


def other_channel(checkpointer: Any = None) -> Any:
    return chat_graph(checkpointer)


def no_messages(checkpointer: Any = None) -> Any:
    return counter_graph(checkpointer)
