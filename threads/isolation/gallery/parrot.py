"""A chat model for the gallery: it says which code words are in the messages it is handed."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

from threads.isolation.canaries import found_in


class Chat(TypedDict):
    """What most graphs have."""

    messages: Annotated[list[BaseMessage], add_messages]


class Parrot(BaseChatModel):
    """Answers from what it is handed, and remembers nothing."""

    @property
    def _llm_type(self) -> str:
        return "parrot"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        told = ", ".join(found_in("\n".join(str(message.text) for message in messages)))
        reply = f"I was told: {told}." if told else "I was told nothing."
        return ChatResult(generations=[ChatGeneration(message=AIMessage(reply))])


def graph(node: Any, checkpointer: Any = None, **rest: Any) -> Any:
    """A graph with one node."""
    return builder(node).compile(checkpointer=checkpointer, **rest)


def builder(node: Any, **rest: Any) -> StateGraph[Any, Any, Any, Any]:
    """The same, not compiled yet."""
    made: StateGraph[Any, Any, Any, Any] = StateGraph(Chat)
    made.add_node("answer", node, **rest)
    made.add_edge(START, "answer")
    made.add_edge("answer", END)
    return made


def answer(state: Chat) -> dict[str, Any]:
    """The node that everybody writes first."""
    return {"messages": [Parrot().invoke(state["messages"])]}


def desk() -> Any:
    """An agent with a memory of its own, for applications."""
    return graph(answer, InMemorySaver())


def said(text: str) -> dict[str, Any]:
    """A graph's input."""
    return {"messages": [HumanMessage(text)]}


def ask(agent: Any, thread_id: Any, text: str) -> str:
    """What the agent answers in this thread."""
    state = agent.invoke(said(text), {"configurable": {"thread_id": thread_id}})
    return str(state["messages"][-1].text)


def last(state: Chat) -> str:
    """The text of the last message."""
    return str(state["messages"][-1].text)
