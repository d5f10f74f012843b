"""`build_agent`: a chat model and its tools as a LangGraph graph, model -> tools -> model -> end.

What comes back is an ordinary `CompiledStateGraph` whose checkpoints say two things in their metadata:
how their messages merge, and which agent wrote them.

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

from agent.graph_svg import draw
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
    """A graph that answers with `model` and runs the tools it asks for until it has no more to ask.

    `model` is a chat model, a name for `load_model`, or None for the default one. The system prompt goes
    before the messages at each call and is stored nowhere. A tool that fails answers with its error.

    `checkpointer` is the agent's memory: it keeps the state of each thread after each step, for the thread's
    next call. LangGraph's `InMemorySaver()` is the simplest; without one every call begins anew.
    """
    _check(name=name, system_prompt=system_prompt)
    ready = [each if isinstance(each, BaseTool) else tool(each) for each in tools]
    if twice := [name for name, count in Counter(each.name for each in ready).items() if count > 1]:
        raise ValueError(
            f"Two tools have the same name: {', '.join(twice)}. The model could not tell them apart."
        )

    builder = StateGraph(AgentState)
    builder.add_node("model", _model_node(_chat_model(model), ready, system_prompt))
    builder.add_edge(START, "model")
    if ready:
        builder.add_node("tools", ToolNode(ready, handle_tool_errors=_tool_failed))
        builder.add_conditional_edges("model", tools_condition)
        builder.add_edge("tools", "model")
    graph = builder.compile(checkpointer=checkpointer, store=store, name=name)
    return guard_messages(
        _Agent(**{k: v for k, v in vars(graph).items() if k != "__orig_class__"}), agent_id=name
    )


def _check(**texts: str | None) -> None:
    for name, text in texts.items():
        if text is not None and (not isinstance(text, str) or not text):
            raise TypeError(f"{name} is a text or None, not {text!r}.")


def _chat_model(model: str | BaseChatModel | None) -> BaseChatModel:
    if model is None or isinstance(model, str):
        return load_model(model)
    if not isinstance(model, BaseChatModel):
        raise TypeError(f"model is a chat model, a name like 'openai:gpt-4o-mini' or None, not {model!r}.")
    return model


def _model_node(model: BaseChatModel, tools: list[BaseTool], system_prompt: str | None) -> Runnable[Any, Any]:
    runnable = model.bind_tools(tools) if tools else model
    before = [SystemMessage(system_prompt)] if system_prompt else []

    def prompt(state: AgentState) -> list[BaseMessage]:
        return [*before, *state["messages"]]

    def call(state: AgentState, config: RunnableConfig) -> dict[str, list[BaseMessage]]:
        return {"messages": [runnable.invoke(prompt(state), config)]}

    async def acall(state: AgentState, config: RunnableConfig) -> dict[str, list[BaseMessage]]:
        return {"messages": [await runnable.ainvoke(prompt(state), config)]}

    return create_node(call, acall, name="model")


def _tool_failed(error: Exception) -> str:
    return f"The tool failed: {error or type(error).__name__}"


class _Agent(AgentGraph):
    """A compiled graph that a notebook can show without asking a web service for the picture."""

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {"text/plain": repr(self), "image/svg+xml": draw(self.get_graph())}
