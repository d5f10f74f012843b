"""The chat model of the gallery, which repeats the code words in its prompt, and helpers to build graphs."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

from threads.isolation.canaries import find_canaries


class ChatState(TypedDict):
    """The state of most graphs: messages."""

    messages: Annotated[list[BaseMessage], add_messages]


class FakeModel(BaseChatModel):
    """Answers from its prompt alone and keeps no state."""

    @property
    def _llm_type(self) -> str:
        return "fake"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        code_words = ", ".join(find_canaries("\n".join(str(message.text) for message in messages)))
        reply = f"I know: {code_words}." if code_words else "I know nothing."
        return ChatResult(generations=[ChatGeneration(message=AIMessage(reply))])


def compile_graph(node: Any, checkpointer: Any = None, **rest: Any) -> Any:
    """Compile a graph with one node."""
    return build_graph(node).compile(checkpointer=checkpointer, **rest)


def build_graph(node: Any, **rest: Any) -> StateGraph[Any, Any, Any, Any]:
    """Build a graph with one node without compiling it."""
    made: StateGraph[Any, Any, Any, Any] = StateGraph(ChatState)
    made.add_node("answer", node, **rest)
    made.add_edge(START, "answer")
    made.add_edge("answer", END)
    return made


def answer(state: ChatState) -> dict[str, Any]:
    """Answer with the model, as the simplest node does."""
    return {"messages": [FakeModel().invoke(state["messages"])]}


def agent_with_memory() -> Any:
    """Compile an agent with its own checkpointer, for applications."""
    return compile_graph(answer, InMemorySaver())


def user_input(text: str) -> dict[str, Any]:
    """Return the input of a graph for a text."""
    return {"messages": [HumanMessage(text)]}


def ask_agent(agent: Any, thread_id: Any, text: str) -> str:
    """Return the answer of the agent in this thread."""
    state = agent.invoke(user_input(text), {"configurable": {"thread_id": thread_id}})
    return str(state["messages"][-1].text)


def last_text(state: ChatState) -> str:
    """Return the text of the last message."""
    return str(state["messages"][-1].text)
