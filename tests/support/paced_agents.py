"""Agents for tests of the page: offline models that write as many words as the test allows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.graph import START, MessagesState, StateGraph

Content = str | list[str | dict[str, Any]]


class Pace:
    """How many words models may write; all of them unless a test holds it."""

    def __init__(self) -> None:
        self._allowed: int | None = None
        self._written = 0

    def hold(self) -> None:
        """Let no further word pass."""
        self._allowed, self._written = 0, 0

    def allow(self, words: int) -> None:
        """Let so many further words pass."""
        assert self._allowed is not None
        self._allowed += words

    def release(self) -> None:
        """Let all words pass from now on."""
        self._allowed = None

    async def wait(self) -> None:
        """Wait until the next word is allowed."""
        while self._allowed is not None and self._written >= self._allowed:
            await asyncio.sleep(0.005)
        self._written += 1


class PacedModel(BaseChatModel):
    """Streams what `answer` returns for the last message, word by word; content blocks come whole."""

    answer: Callable[[str], Content]
    pace: Any

    @property
    def _llm_type(self) -> str:
        return "paced"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return ChatResult(
            generations=[ChatGeneration(message=AIMessage(self.answer(str(messages[-1].text))))]
        )

    async def _astream(
        self, messages: Sequence[BaseMessage], *_: Any, **__: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        answer = self.answer(str(messages[-1].text))
        words: list[Any] = (
            re.findall(r"\s*\S+\s*", answer) if isinstance(answer, str) else [[b] for b in answer]
        )
        for word in words:
            await self.pace.wait()
            yield ChatGenerationChunk(message=AIMessageChunk(word))
        yield ChatGenerationChunk(message=AIMessageChunk("", chunk_position="last"))


def paced_agent(answer: Callable[[str], Content], pace: Pace, **card: Any) -> Any:
    """Return an agent that answers so. `card`: what it says about itself."""
    model = PacedModel(answer=answer, pace=pace)

    async def respond(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState).add_node("respond", respond).add_edge(START, "respond")
    graph = builder.compile()
    return graph.with_config(metadata={"agent_card": card}) if card else graph
