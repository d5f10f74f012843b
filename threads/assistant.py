"""The built-in agent: a chat model without tools. It answers where no `--agents` is given."""

from typing import Any, TypedDict

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Checkpointer

from threads.chat_models import load_model
from threads.graphs import MessageChannel, create_node, guard_messages

CARD = {
    "name": "Assistant",
    "description": "Answers from what is said in the conversation; has no tools.",
    "starters": [
        "My name is Ada. What is my name?",
        "What is 12 * 9?",
        "What can you do?",
        "My flight leaves at 9:40. When does it leave?",
    ],
}
SYSTEM_PROMPT = "You are a helpful assistant. Use only what is said in this conversation."


class AssistantState(TypedDict):
    """The messages of a thread. The system prompt is not stored."""

    messages: MessageChannel


def build(
    agent_id: str = "assistant",
    *,
    model: str | BaseChatModel | None = None,
    checkpointer: Checkpointer = None,
) -> CompiledStateGraph[AssistantState, None, AssistantState, AssistantState]:
    """Build the assistant as a graph that is named `agent_id`.

    `model` is a chat model, a name for `load_model`, or None for the default one; raises `ModelUnavailable`.
    """
    chat_model = model if isinstance(model, BaseChatModel) else load_model(model)

    def prompt(state: AssistantState) -> list[BaseMessage]:
        return [SystemMessage(SYSTEM_PROMPT), *state["messages"]]

    def answer(state: AssistantState, config: RunnableConfig) -> dict[str, Any]:
        return {"messages": [chat_model.invoke(prompt(state), config)]}

    async def answer_async(state: AssistantState, config: RunnableConfig) -> dict[str, Any]:
        return {"messages": [await chat_model.ainvoke(prompt(state), config)]}

    builder = StateGraph(AssistantState)
    builder.add_node("model", create_node(answer, answer_async, name="model"))
    builder.add_edge(START, "model")
    graph = guard_messages(builder.compile(checkpointer=checkpointer, name=agent_id), agent_id=agent_id)
    return graph.with_config(metadata={"agent_card": CARD})
