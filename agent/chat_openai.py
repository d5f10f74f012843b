"""OpenAI's interface, with the end of an answer made sure of.

When the connection breaks in the middle of a streamed answer, some servers and proxies close it as if
that had been all. langchain takes the half for the whole, and it would be stored as the answer. A whole
answer says why it ended (`finish_reason`): without that, `AnswerBrokeOff`.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI


class AnswerBrokeOff(ConnectionError):
    """The connection to the model ended in the middle of its answer. Ask again."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class WholeChatOpenAI(ChatOpenAI):
    """`ChatOpenAI` that takes no half of a streamed answer for the whole."""

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        ended = False
        for chunk in super()._stream(*args, **kwargs):
            ended = ended or _ends(chunk)
            yield chunk
        if not ended:
            raise AnswerBrokeOff

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        ended = False
        async for chunk in super()._astream(*args, **kwargs):
            ended = ended or _ends(chunk)
            yield chunk
        if not ended:
            raise AnswerBrokeOff


def _ends(chunk: ChatGenerationChunk) -> bool:
    """`finish_reason` in the chat interface, `status` in the responses interface."""
    said = {**(chunk.generation_info or {}), **chunk.message.response_metadata}
    return bool(said.get("finish_reason") or said.get("status"))
