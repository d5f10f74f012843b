"""OpenAI's interface, with a check that a streamed answer is complete.

When the connection breaks in the middle of a streamed answer, some servers and proxies close it as if
the answer had ended. LangChain then takes the part for the whole, and it would be stored as the answer. A
complete answer names the reason why it ended (`finish_reason`): without that, `AnswerIncomplete`.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI


class AnswerIncomplete(ConnectionError):
    """The connection to the model broke in the middle of its answer. Retry."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class CompleteChatOpenAI(ChatOpenAI):
    """`ChatOpenAI` that raises `AnswerIncomplete` where a streamed answer has no end."""

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        has_end = False
        for chunk in super()._stream(*args, **kwargs):
            has_end = has_end or _is_end(chunk)
            yield chunk
        if not has_end:
            raise AnswerIncomplete

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        has_end = False
        async for chunk in super()._astream(*args, **kwargs):
            has_end = has_end or _is_end(chunk)
            yield chunk
        if not has_end:
            raise AnswerIncomplete


def _is_end(chunk: ChatGenerationChunk) -> bool:
    """Return whether a chunk ends the answer: `finish_reason` (chat interface) or `status` (responses)."""
    metadata = {**(chunk.generation_info or {}), **chunk.message.response_metadata}
    return bool(metadata.get("finish_reason") or metadata.get("status"))
