"""For graphs: messages that are stored once, and checked before they are stored.

LangGraph's `add_messages` stores the whole list again in every checkpoint: 500 turns take 392 MB. A
`DeltaChannel` stores each write once and merges the writes at every read (8.7 MB for the same turns).
`MessageChannel` is such a channel with the meaning of `add_messages`; `merge_messages` is its reducer.

LangGraph stores what a step wrote before it merges it into the state. An update that cannot be merged (an
unknown id to remove, an unknown role) is then refused and nevertheless stored, and the thread cannot be
read until the next valid turn. `guard_messages` makes a graph check its messages before they are stored.

```python
from typing import TypedDict

from langchain_core.messages import AIMessage
from langgraph.graph import END, START, StateGraph

import threads
from threads.graphs import MessageChannel, MessageRefused, guard_messages


class State(TypedDict):
    messages: MessageChannel


builder = StateGraph(State)
builder.add_node("answer", lambda state: {"messages": [AIMessage("Noted.")]})
builder.add_edge(START, "answer")
builder.add_edge("answer", END)

with threads.open(":memory:") as registry:
    graph = guard_messages(builder.compile(checkpointer=registry.checkpointer), agent_id="notes")
    config = {"configurable": {"thread_id": "a"}}
    graph.invoke({"messages": [("user", "Milk")]}, config)
    try:
        graph.invoke({"messages": [("robot", "Beep")]}, config)
    except MessageRefused as error:
        print(type(error).__name__)
    print([message.text for message in registry.messages("a")], registry.get("a").agent_id)
# -> MessageRefused
# -> ['Milk', 'Noted.'] notes
```
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

from langchain_core.messages import AnyMessage, RemoveMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.channels import EphemeralValue
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import START
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Overwrite

from threads.langgraph_internals import (
    ChannelRead,
    ChannelWrite,
    ChannelWriteTupleEntry,
    PregelNode,
    RunnableCallable,
)
from threads.message_reducer import MessageRefused, merge_messages, read_update

__all__ = ["MessageChannel", "MessageRefused", "create_node", "guard_messages", "merge_messages"]

MessageChannel = Annotated[list[AnyMessage], DeltaChannel(merge_messages)]
"""The type of a state's `messages`: a list of messages, oldest first, each stored once."""

Graph = TypeVar("Graph", bound=CompiledStateGraph[Any, Any, Any, Any])

_CHANNEL = "messages"


def guard_messages(graph: Graph, *, agent_id: str | None = None) -> Graph:
    """Return a copy of a compiled graph that refuses invalid messages before LangGraph stores them.

    The state's `messages` must be a `MessageChannel`, else this raises `TypeError`. Input that is no
    message raises `MessageRefused` before the run begins, and nothing is stored. What a node writes is
    merged on trial before its writes are stored: an invalid update raises `MessageRefused` in that node, or
    from `update_state`.

    The copy's checkpoints say in their metadata that their messages merge like `add_messages`, so `threads`
    reads them without the graph, and with `agent_id` which agent wrote them (`Thread.agent_id`).

    One way around both checks remains: `Command(update=...)` as input, which LangGraph stores itself. Any
    later `update_state` makes such a thread readable again.
    """
    channel = graph.channels.get(_CHANNEL)
    if not isinstance(channel, DeltaChannel) or channel.reducer is not merge_messages:
        raise TypeError("messages is not a MessageChannel: declare it as such in the graph's state.")
    guarded = {
        "nodes": {name: _guarded_node(node, channel) for name, node in graph.nodes.items()},
        "channels": {**graph.channels, START: _GuardedInput(graph.builder.input_schema)},
    }
    metadata = {"messages_reducer": "add_messages"} | ({"agent_id": agent_id} if agent_id else {})
    return graph.copy(update=guarded).with_config(metadata=metadata)


def create_node(
    call: Callable[..., Any], acall: Callable[..., Awaitable[Any]], *, name: str
) -> Runnable[Any, Any]:
    """Return a node with a sync and an async implementation; each takes the state and the config.

    LangGraph runs `call` under `invoke` and `acall` under `ainvoke`, where a sync function alone would
    occupy a thread of the loop's pool until it returns.

    ```python
    import asyncio

    from threads.graphs import create_node

    async def answer(state, config):
        return {"messages": [("assistant", "Noted.")]}

    node = create_node(lambda state, config: asyncio.run(answer(state, config)), answer, name="answer")
    print(node.name, node.invoke({"messages": []}))
    # -> answer {'messages': [('assistant', 'Noted.')]}
    ```
    """
    return RunnableCallable(call, acall, name=name, trace=False)


class _GuardedInput(EphemeralValue[Any]):
    """The input channel, which LangGraph stores: what it refuses is not stored."""

    def update(self, values: Sequence[Any]) -> bool:
        for value in values:
            if isinstance(value, dict) and _CHANNEL in value and not _is_overwrite(value[_CHANNEL]):
                read_update(value[_CHANNEL])
        return super().update(values)


def _guarded_node(node: PregelNode, channel: DeltaChannel[Any]) -> PregelNode:
    """The node with a check in front of its writers: can its messages be merged into the state?"""
    updates_of = _state_writer(node)

    def check_messages(output: Any, config: RunnableConfig) -> Any:
        updates = [update for name, update in updates_of(output) or () if name == _CHANNEL]
        if all(map(_only_appends, updates)):
            return output
        trial = channel.from_checkpoint(ChannelRead.do_read(config, select=_CHANNEL))
        if trial.update(updates):
            merge_messages(
                trial.get(), []
            )  # the value of an `Overwrite` is not merged: is it a list of messages?
        return output

    return node.copy({"writers": [RunnableCallable(check_messages, trace=False), *node.writers]})


def _state_writer(node: PregelNode) -> Callable[[Any], Sequence[tuple[str, Any]] | None]:
    """LangGraph's function that makes (channel, update) pairs of what a node returned."""
    writer = next(writer for writer in node.writers if isinstance(writer, ChannelWrite))
    entry = writer.writes[0]
    assert isinstance(entry, ChannelWriteTupleEntry)
    return entry.mapper


def _is_overwrite(update: Any) -> bool:
    return isinstance(update, Overwrite) or (isinstance(update, dict) and "__overwrite__" in update)


def _only_appends(update: Any) -> bool:
    """Whether this update is valid whatever the state is. Raises `MessageRefused` if it is no message."""
    if _is_overwrite(update):
        return False
    return not any(isinstance(message, RemoveMessage) for message in read_update(update))
