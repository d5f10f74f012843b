"""Agents that shorten a long conversation, for the tests and for `--agents summarizing_agents:GRAPHS`."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict
from zlib import crc32

from graphs import Plain, compiled
from langchain.agents import create_agent
from langchain.agents.middleware import SummarizationMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, RemoveMessage
from langchain_core.outputs import ChatGeneration, ChatResult

SUMMARY = "Here is a summary of the conversation to date:\n\nrecap"
"""The beginning of each summary; a checksum of what it summarizes follows."""


class Repeating(BaseChatModel):
    """Answers `re: ...` to the last message, or `recap ...` to a request for a summary."""

    @property
    def _llm_type(self) -> str:
        return "repeating"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        last = messages[-1].text
        text = f"recap {crc32(last.encode())}" if "<messages>" in last else f"re: {last}"
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])


def summarizing_agent(checkpointer: Any = None, trigger: int = 5, keep: int = 2) -> Any:
    """LangChain's agent, which replaces old messages by a summary."""
    middleware = SummarizationMiddleware(Repeating(), trigger=("messages", trigger), keep=("messages", keep))
    return create_agent(Repeating(), middleware=[middleware], checkpointer=checkpointer)


def trimming_agent(checkpointer: Any = None) -> Any:
    """A node that removes all but the last three messages, as LangGraph's guide does."""

    def node(state: Any) -> Any:
        removed = [RemoveMessage(message.id) for message in state["messages"][:-3]]
        return {"messages": [AIMessage(f"re: {state['messages'][-1].text}"), *removed]}

    return compiled(Plain, node, checkpointer)


def last_four(left: list, right: list) -> list:
    """A reducer that keeps a window."""
    return [*left, *right][-4:]


class Window(TypedDict):
    messages: Annotated[list, last_four]


def window_agent(checkpointer: Any = None) -> Any:
    """A reducer that keeps four messages, none of which has an id."""
    return compiled(
        Window,
        lambda state: {"messages": [AIMessage(f"re: {state['messages'][-1].text}")]},
        checkpointer,
    )


GRAPHS = {"assistant": summarizing_agent()}
