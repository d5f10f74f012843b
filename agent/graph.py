"""`build_agent`: a chat model and its tools as a LangGraph graph, model -> tools -> model -> end.

What comes back is an ordinary `CompiledStateGraph` whose checkpoints say two things in their metadata
(`agent.state`): how their messages fold, and which agent wrote them.

LangGraph stores what a step wrote before it folds it into the state. An update that cannot be folded (an
unknown id to remove, a role nobody has) is then "refused" and yet on file, and the thread cannot be read
until the next good turn. So this graph asks first. The input channel refuses what is no message before
anything is stored; in front of each node's writers the new messages are folded once for the
answer, so that an `update_state` stores nothing and a node stores its error. One way past both is left, a
`Command(update=...)` as input, which LangGraph stores by itself; an `update_state` heals the thread.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, RemoveMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, tool
from langgraph._internal._runnable import RunnableCallable
from langgraph.channels import EphemeralValue
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.pregel._read import ChannelRead, PregelNode
from langgraph.pregel._write import ChannelWrite, ChannelWriteTupleEntry
from langgraph.store.base import BaseStore
from langgraph.types import Checkpointer, Overwrite

from agent.graph_svg import draw
from agent.models import load_model
from agent.state import ADD_MESSAGES, AGENT_ID_KEY, REDUCER_KEY, AgentState, merge_messages, read_update

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
    return _finished(builder.compile(checkpointer=checkpointer, store=store, name=name), name)


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


def _model_node(model: BaseChatModel, tools: list[BaseTool], system_prompt: str | None) -> RunnableCallable:
    """Both kinds of call: under `ainvoke` a synchronous one would hold one of a few threads to its end."""
    runnable = model.bind_tools(tools) if tools else model
    before = [SystemMessage(system_prompt)] if system_prompt else []

    def prompt(state: AgentState) -> list[BaseMessage]:
        return [*before, *state["messages"]]

    def call(state: AgentState, config: RunnableConfig) -> dict[str, list[BaseMessage]]:
        return {"messages": [runnable.invoke(prompt(state), config)]}

    async def acall(state: AgentState, config: RunnableConfig) -> dict[str, list[BaseMessage]]:
        return {"messages": [await runnable.ainvoke(prompt(state), config)]}

    return RunnableCallable(call, acall, name="model", trace=False)


def _tool_failed(error: Exception) -> str:
    return f"The tool failed: {error or type(error).__name__}"


class _Agent(AgentGraph):
    """A compiled graph that a notebook can show without asking a web service for the picture."""

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {"text/plain": repr(self), "image/svg+xml": draw(self.get_graph())}


def _finished(graph: AgentGraph, name: str | None) -> AgentGraph:
    spec = graph.channels["messages"]
    assert isinstance(spec, DeltaChannel)
    attributes = {key: value for key, value in vars(graph).items() if key != "__orig_class__"}
    attributes["nodes"] = {key: _asks_first(node, spec) for key, node in graph.nodes.items()}
    attributes["channels"] = {**graph.channels, START: _Input(AgentState)}
    metadata = {REDUCER_KEY: ADD_MESSAGES} | ({AGENT_ID_KEY: name} if name else {})
    return _Agent(**attributes).with_config(metadata=metadata)


class _Input(EphemeralValue[Any]):
    """The input of a run, which LangGraph stores: refuse here, and nothing is stored."""

    def update(self, values: Sequence[Any]) -> bool:
        for value in values:
            if isinstance(value, dict) and "messages" in value and not _overwrites(value["messages"]):
                read_update(value["messages"])
        return super().update(values)


def _overwrites(update: Any) -> bool:
    return isinstance(update, Overwrite) or (isinstance(update, dict) and "__overwrite__" in update)


def _only_adds(update: Any) -> bool:
    """Whether nothing in the state could stand against this update; refuses what are no messages."""
    if _overwrites(update):
        return False
    return not any(isinstance(message, RemoveMessage) for message in read_update(update))


def _asks_first(node: PregelNode, messages: DeltaChannel[Any]) -> PregelNode:
    """The node with a question in front of its writers: can its messages be folded into the state?"""
    updates_of = _state_writer(node)

    def ask(output: Any, config: RunnableConfig) -> Any:
        updates = [update for channel, update in updates_of(output) or () if channel == "messages"]
        if all(map(_only_adds, updates)):
            return output
        trial = messages.from_checkpoint(ChannelRead.do_read(config, select="messages"))
        if trial.update(updates):
            merge_messages(trial.get(), [])  # an Overwrite is not folded: is it a list of messages?
        return output

    return node.copy({"writers": [RunnableCallable(ask, trace=False), *node.writers]})


def _state_writer(node: PregelNode) -> Callable[[Any], Sequence[tuple[str, Any]] | None]:
    """How LangGraph reads what a node returns, as (channel, update)."""
    first = node.writers[0]
    assert isinstance(first, ChannelWrite)
    entry = first.writes[0]
    assert isinstance(entry, ChannelWriteTupleEntry)
    return entry.mapper
