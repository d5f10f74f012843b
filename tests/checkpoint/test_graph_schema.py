"""What a graph says about its state: types, message channel, reducer."""

from typing import Annotated, TypedDict

import pytest
from deepagents._messages_reducer import _messages_delta_reducer as deepagents_reducer
from graphs import Case, CaseState, chat_graph, compiled, counter_graph, echo, keep_last_three, trimming_graph
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain.agents import create_agent
from langchain.agents.structured_output import AutoStrategy, ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, RemoveMessage
from langchain_core.tools import StructuredTool
from langgraph.channels.delta import DeltaChannel
from langgraph.func import entrypoint
from langgraph.graph.message import REMOVE_ALL_MESSAGES, _messages_delta_reducer
from langgraph.prebuilt import create_react_agent
from langgraph.warnings import LangGraphDeprecatedSinceV10
from typed_agents import Answering, City, Weather, deep, functional, structured, supervisor

from agent import build_agent
from threads.checkpoint.graph_schema import read_schema
from threads.checkpoint.message_channel import KNOWN_REDUCERS

RESPONSE = {("typed_agents", "City"), ("typed_agents", "Weather")}


def own_types(graph):
    return {each for each in read_schema(graph).types if not each[0].startswith(("langchain", "pydantic"))}


@pytest.mark.parametrize(
    "response_format",
    [
        Weather,
        ToolStrategy(Weather),
        ProviderStrategy(Weather),
        AutoStrategy(Weather),
        ToolStrategy(Weather | City),
    ],
    ids=lambda each: type(each).__name__,
)
def test_response_formats_are_types_of_the_state(response_format):
    assert own_types(create_agent(Answering(), [], response_format=response_format)) == RESPONSE


def test_types_of_subagents_belong_to_the_graph():
    helper = {
        "name": "w", "description": "x", "system_prompt": "y", "response_format": ToolStrategy(Weather),
    }  # fmt: skip
    assert own_types(deep(subagents=[helper])) == RESPONSE
    assert own_types(compiled(CaseState, structured(), None)) == {*RESPONSE, ("graphs", "Case")}


def test_response_format_of_a_prebuilt_agent_is_a_type_of_the_state():
    with pytest.warns(LangGraphDeprecatedSinceV10):
        graph = create_react_agent(Answering(), [], response_format=("Answer.", Weather))
    assert own_types(graph) == RESPONSE


def test_schemas_of_nodes_and_context_are_types_of_the_state():
    @entrypoint(context_schema=Case)
    def agent(inputs: Weather, *, previous: City | None = None) -> Weather:
        return inputs

    assert own_types(agent) == {*RESPONSE, ("graphs", "Case")}
    assert own_types(create_agent(Answering(), [], context_schema=Case)) == {("graphs", "Case")}


class Typed(TypedDict):
    history: Annotated[list[BaseMessage], DeltaChannel(keep_last_three)]
    notes: list[str]


@pytest.mark.parametrize(
    ("build", "channel", "metadata"),
    [
        (structured, "messages", {}),
        (supervisor, "messages", {}),
        (deep, "messages", {"messages_reducer": "_messages_delta_reducer"}),
        (lambda: build_agent(), "messages", {"messages_reducer": "add_messages"}),
        (lambda: trimming_graph(None), "messages", {"messages_reducer": "graphs:keep_last_three"}),
        (lambda: chat_graph(None), "chat", {"messages_channel": "chat"}),
        (
            lambda: compiled(Typed, echo, None), "history",
            {"messages_channel": "history", "messages_reducer": "graphs:keep_last_three"},
        ),
        (lambda: counter_graph(None), None, {}),
        (functional, None, {}),
    ],
    ids=["create_agent", "supervisor", "deep", "ours", "own", "channel", "both", "none", "functional"],
)  # fmt: skip
def test_message_channel_and_reducer_are_named_in_metadata(build, channel, metadata):
    schema = read_schema(build())
    assert (schema.channel, schema.metadata) == (channel, metadata)


def test_graph_whose_parts_refuse_to_be_looked_at_is_read():
    class Shy:
        def __call__(self, city: str) -> str:
            return city

        @property
        def __class__(self):
            raise RuntimeError("not now")

    def look(city: str) -> str:
        """Look."""
        return shy(city)

    shy = Shy()
    graph = create_agent(
        Answering(), [StructuredTool.from_function(look)], response_format=ToolStrategy(Weather)
    )
    assert own_types(graph) == RESPONSE


MESSAGES = st.one_of(
    st.builds(HumanMessage, content=st.sampled_from(["x", "y"]), id=st.sampled_from([None, "a", "b", "c"])),
    st.builds(AIMessage, content=st.sampled_from(["x", "y"]), id=st.sampled_from([None, "a", "b", "c"])),
    st.sampled_from(["a", "b", REMOVE_ALL_MESSAGES]).map(lambda id: RemoveMessage(id=id)),
)


@settings(max_examples=200)
@given(st.lists(st.lists(MESSAGES, max_size=4) | MESSAGES, max_size=6))
def test_reducers_of_langgraph_and_deepagents_are_the_same(writes):
    assert KNOWN_REDUCERS["_messages_delta_reducer"]() is _messages_delta_reducer
    assert _messages_delta_reducer([], writes) == deepagents_reducer([], writes)
