"""`OfflineChatModel`: LangChain's interface around a reply, with streams, tools and token counts."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from threads.chat_models.offline.reply import reply_to

_TOKEN = re.compile(r"\w+|[^\w\s]")
_PIECE = re.compile(r"\s*\S+\s*")


class OfflineChatModel(BaseChatModel):
    """A chat model without network or key: it answers from the messages it is handed, and nothing else.

    The same messages and tools always give the same reply. It keeps no state between calls, so
    what it "remembers" is what the thread's checkpointer hands it back.
    """

    model: str = "offline"
    """The name reported in traces and metadata."""
    delay: float = 0.0
    """Seconds to wait before each streamed token, so that a person can watch it stream."""
    max_tokens: int | None = None
    """The most words a reply may have; None for no limit."""
    stop: list[str] | None = None
    """Texts before which a reply is cut off."""
    streaming: bool = False
    """Whether `invoke` goes through the stream too."""

    @property
    def _llm_type(self) -> str:
        return "offline"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "max_tokens": self.max_tokens, "stop": self.stop}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop or self.stop, **kwargs)
        params["ls_provider"] = "offline"
        return params

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with tools it may call.

        `tool_choice` is "auto", "none", "any" (or "required", True), or the name of a tool; raises ValueError
        for a name that is not among them.
        """
        choice = _choice_name(tool_choice)
        formatted = [convert_to_openai_tool(tool) for tool in tools]
        names = [tool["function"]["name"] for tool in formatted if "function" in tool]
        if choice not in {None, "auto", "none", "any", *names}:
            raise ValueError(f"tool_choice {choice!r} names no bound tool; bound are: {', '.join(names)}.")
        return self.bind(tools=formatted, tool_choice=choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._reply(messages, stop, kwargs))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._reply(messages, stop, kwargs))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _chunks(self._reply(messages, stop, kwargs)):
            if self.delay:
                time.sleep(self.delay)
            if run_manager:
                run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _chunks(self._reply(messages, stop, kwargs)):
            await asyncio.sleep(self.delay)
            if run_manager:
                await run_manager.on_llm_new_token(str(chunk.message.content), chunk=chunk)
            yield chunk

    def _reply(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: dict[str, Any]
    ) -> AIMessage:
        reply = reply_to(messages, kwargs.get("tools") or (), _choice_name(kwargs.get("tool_choice")))
        text = reply.text
        for end in filter(None, [*(stop or ()), *(self.stop or ())]):
            text = text.split(end, 1)[0]
        words = _PIECE.findall(text)
        limit = kwargs.get("max_tokens", self.max_tokens)
        cut = limit is not None and len(words) > limit
        reason = "length" if cut else "tool_calls" if reply.calls else "stop"
        message = AIMessage(
            content="".join(words[:limit]) if cut else text,
            tool_calls=list(reply.calls),
            response_metadata={
                "model_name": kwargs.get("model", self.model),
                "model_provider": "offline",
                "finish_reason": reason,
            },
        )
        read = sum(map(_count_tokens, messages))
        written = _count_tokens(message)
        message.usage_metadata = UsageMetadata(
            input_tokens=read, output_tokens=written, total_tokens=read + written
        )
        return message


def _choice_name(choice: str | dict[str, Any] | bool | None) -> str | None:
    if isinstance(choice, dict):
        return str(choice.get("function", choice).get("name", "any"))
    if isinstance(choice, bool):
        return "any" if choice else None
    return "any" if choice == "required" else choice


def _count_tokens(message: BaseMessage) -> int:
    """Words and punctuation marks, one token each: a fair stand-in for a tokenizer."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    written = [call["name"] + json.dumps(call["args"], ensure_ascii=False) for call in calls]
    return sum(len(_TOKEN.findall(text)) for text in (str(message.text), *written))


def _chunks(message: AIMessage) -> Iterator[ChatGenerationChunk]:
    """Return the message in pieces: words, then tool calls, then a last one with usage and metadata."""
    for piece in _PIECE.findall(str(message.content)):
        yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
    for index, call in enumerate(message.tool_calls):
        args = json.dumps(call["args"], ensure_ascii=False)
        part = tool_call_chunk(name=call["name"], args=args, id=call["id"], index=index)
        yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[part]))
    last = AIMessageChunk(
        content="",
        usage_metadata=message.usage_metadata,
        response_metadata=message.response_metadata,
        chunk_position="last",
    )
    yield ChatGenerationChunk(message=last)
