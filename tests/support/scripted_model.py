"""A chat model for agents of other packages: offline, streaming, the same answer to the same messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

REQUESTS = (
    (r"weather in (\w+)", "weather", "city"),
    (r"mail (\w+)", "send_mail", "to"),
    (r"confirm (\w+)", "confirm", "what"),
    (r"(?:confirm|calculate) (\w+)", "transfer_to_mathematician", None),
    (r"research (\w+)", "task", "description"),
    (r"bob (\w+)", "transfer_to_bob", None),
    (r"report (\w+)", "Report", "city"),
)
"""What a user asks for, and the tool and its argument by which a model that has the tool answers that."""
HANDOVER = "Successfully transferred to"
"""How the tool message begins that a handover to another agent leaves."""
CONSTANT_ARGUMENTS = {"task": {"subagent_type": "researcher"}, "Report": {"degrees": 20}}


class Outage:
    """Whether the model provider is down: every call of a `ScriptedModel` fails then."""

    active = False


@contextmanager
def outage() -> Iterator[None]:
    """Let all models fail in this block."""
    Outage.active = True
    try:
        yield
    finally:
        Outage.active = False


class ScriptedModel(BaseChatModel):
    """Calls a tool if it has the one for the last user message, and else answers with its `speaker`'s name.

    An answer ends with the number of user messages that the model was handed, so it shows which history the
    agent remembers: `bob: hello #2`. `reply` is an answer that is always the same.
    """

    speaker: str = "agent"
    reply: str = ""
    tool_names: tuple[str, ...] = ()

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        return self.model_copy(update={"tool_names": tuple(map(_tool_name, tools))})

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages))])

    def _stream(self, messages: list[BaseMessage], *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        answer = self._answer(messages)
        for word in re.findall(r"\S+\s*", str(answer.content)):
            yield ChatGenerationChunk(message=AIMessageChunk(word))
        if answer.tool_calls:
            yield ChatGenerationChunk(message=AIMessageChunk("", tool_calls=answer.tool_calls))
        yield ChatGenerationChunk(message=AIMessageChunk("", chunk_position="last"))

    def _answer(self, messages: Sequence[BaseMessage]) -> AIMessage:
        if Outage.active:
            raise ConnectionError("the model provider is down")
        users = [each for each in messages if isinstance(each, HumanMessage) and not is_summary(each)]
        last = messages[-1]
        if self.reply:
            return AIMessage(self.reply)
        if isinstance(last, ToolMessage) and str(last.text).startswith(HANDOVER):
            last = users[-1]
        if not isinstance(last, ToolMessage) and (call := self._tool_call(str(last.text), len(messages))):
            return AIMessage("", tool_calls=[call])
        return AIMessage(f"{self.speaker}: {last.text} #{len(users)}")

    def _tool_call(self, text: str, number: int) -> Any:
        for pattern, tool, argument in REQUESTS:
            found = re.fullmatch(pattern, text)
            if found and tool in self.tool_names:
                given = {} if argument is None else {argument: found[1]}
                return {
                    "name": tool,
                    "args": given | CONSTANT_ARGUMENTS.get(tool, {}),
                    "id": f"call-{number}",
                }
        return None


def is_summary(message: BaseMessage) -> bool:
    """Whether LangChain's middleware wrote this message in the user's name."""
    return "lc_source" in message.additional_kwargs


def _tool_name(tool: Any) -> str:
    if isinstance(tool, Mapping):
        return str(tool.get("function", tool)["name"])
    return str(getattr(tool, "name", None) or tool.__name__)
