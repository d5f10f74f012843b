"""`build_agent`: a chat model and its tools as a LangGraph graph, model -> tools -> model -> end.

It is an ordinary `CompiledStateGraph`. Its checkpoints have two entries in their metadata: how their messages
merge, and which agent wrote them.

`threads.graphs.guard_messages` refuses messages that cannot be merged before LangGraph stores them.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool, tool
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.store.base import BaseStore
from langgraph.types import Checkpointer

from agent.graph_svg import graph_to_svg
from agent.models import load_model
from agent.state import AgentState
from threads.graphs import create_node, guard_messages

AgentGraph: TypeAlias = CompiledStateGraph[AgentState, None, AgentState, AgentState]


def build_agent(
    model: str | BaseChatModel | None = None,
    *,
    tools: Sequence[BaseTool | Callable[..., Any]] = (),
    system_prompt: str | None = None,
    checkpointer: Checkpointer = None,
    store: BaseStore | None = None,
    name: str | None = None,
) -> AgentGraph:
    """Build a graph that calls `model`, runs the tools that it calls, and repeats until it calls none.

    `model` is a chat model, a name for `load_model`, or None for the default one. The system prompt is put
    before the messages of each call and is not stored. The result of a tool that raises is its error.

    `checkpointer` is the agent's memory: it stores the state of each thread after each step, for the next
    call in that thread. LangGraph's `InMemorySaver()` is the simplest. Without one nothing is stored, and
    every call starts with an empty state.
    """
    _check_texts(name=name, system_prompt=system_prompt)
    all_tools = [each if isinstance(each, BaseTool) else tool(each) for each in tools]
    names = Counter(each.name for each in all_tools)
    if duplicates := [name for name, count in names.items() if count > 1]:
        raise ValueError(
            f"Two tools have the same name: {', '.join(duplicates)}. The model could not tell them apart."
        )

    builder = StateGraph(AgentState)
    builder.add_node("model", _model_node(_chat_model(model), all_tools, system_prompt))
    builder.add_edge(START, "model")
    if all_tools:
        builder.add_node("tools", ToolNode(all_tools, handle_tool_errors=_error_result))
        builder.add_conditional_edges("model", tools_condition)
        builder.add_edge("tools", "model")
    graph = builder.compile(checkpointer=checkpointer, store=store, name=name)
    attributes = {key: value for key, value in vars(graph).items() if key != "__orig_class__"}
    return guard_messages(_DisplayedGraph(**attributes), agent_id=name)


def _check_texts(**texts: str | None) -> None:
    for name, text in texts.items():
        if text is not None and (not isinstance(text, str) or not text):
            raise TypeError(f"{name} must be a non-empty string or None, not {text!r}.")


def _chat_model(model: str | BaseChatModel | None) -> BaseChatModel:
    if model is None or isinstance(model, str):
        return load_model(model)
    if not isinstance(model, BaseChatModel):
        raise TypeError(
            f"model must be a chat model, a name like 'openai:gpt-4o-mini' or None, not {model!r}."
        )
    return model


def _model_node(model: BaseChatModel, tools: list[BaseTool], system_prompt: str | None) -> Runnable[Any, Any]:
    runnable = model.bind_tools(tools) if tools else model
    system = [SystemMessage(system_prompt)] if system_prompt else []

    def prompt(state: AgentState) -> list[BaseMessage]:
        return [*system, *state["messages"]]

    def call(state: AgentState, config: RunnableConfig) -> dict[str, list[BaseMessage]]:
        return {"messages": [runnable.invoke(prompt(state), config)]}

    async def acall(state: AgentState, config: RunnableConfig) -> dict[str, list[BaseMessage]]:
        return {"messages": [await runnable.ainvoke(prompt(state), config)]}

    return create_node(call, acall, name="model")


def _error_result(error: Exception) -> str:
    return f"The tool failed: {error or type(error).__name__}"


class _DisplayedGraph(AgentGraph):
    """A compiled graph that a notebook displays as an image drawn here, not by a web service."""

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {"text/plain": repr(self), "image/svg+xml": graph_to_svg(self.get_graph())}
