"""The offline model as LangChain sees it: the standard suite, streaming, usage, tools."""

import asyncio
import json
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.tools import tool
from langchain_tests.unit_tests import ChatModelUnitTests
from pydantic import BaseModel

from threads.chat_models.offline import OfflineChatModel

MODEL = OfflineChatModel()
INTRODUCED: list[BaseMessage] = [HumanMessage("Hi, I'm Alice."), AIMessage("Hello Alice!")]


class TestStandardSuite(ChatModelUnitTests):
    """`langchain-tests`' own suite; nothing in it is switched off."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return OfflineChatModel

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"OFFLINE_MODEL_IGNORES": "the environment"}, {}, {"model": "offline"}


@tool
def get_weather(city: str) -> str:
    """Get the weather for a city."""
    return f"It is sunny in {city}."


@tool
def look_up_order(order_number: str) -> str:
    """Look up the status of an order."""
    return f"Order {order_number} is on its way."


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def search(query: str) -> str:
    """Search the web."""
    return "Paris."


@tool
def convert(amount: float, unit: Literal["miles", "kilometres"]) -> str:
    """Convert a distance into miles or kilometres."""
    return f"{amount} {unit}"


TOOLS = [get_weather, look_up_order, add, search, convert]


def calls(
    text: str, *before: BaseMessage, tools: Any = TOOLS, **kwargs: Any
) -> list[tuple[str, dict[str, Any]]]:
    reply = MODEL.bind_tools(tools, **kwargs).invoke([*before, HumanMessage(text)])
    return [(call["name"], call["args"]) for call in reply.tool_calls]


# Streaming


@pytest.mark.parametrize(
    "text", ["Hi, I'm Alice.", "What's my name?", "tell me a joke", "", "😀", "Who are you?"]
)
def test_streamed_chunks_add_up_to_the_invoked_reply(text: str) -> None:
    invoked = MODEL.invoke([HumanMessage(text)])
    chunks = list(MODEL.stream([HumanMessage(text)]))
    assert "".join(str(chunk.content) for chunk in chunks) == invoked.content
    assert len(chunks) > 2
    assert [chunk.chunk_position for chunk in chunks if chunk.chunk_position] == ["last"]
    assert chunks[-1].chunk_position == "last"


def test_invoke_stream_batch_and_async_give_the_same_reply() -> None:
    messages = [*INTRODUCED, HumanMessage("Who am I?")]

    async def streamed() -> str:
        return "".join([str(chunk.content) async for chunk in MODEL.astream(messages)])

    assert MODEL.invoke(messages).content == "You're Alice!"
    assert asyncio.run(MODEL.ainvoke(messages)).content == "You're Alice!"
    assert asyncio.run(streamed()) == "You're Alice!"
    assert OfflineChatModel(streaming=True).invoke(messages).content == "You're Alice!"


def test_callbacks_get_each_token_once() -> None:
    heard: list[str] = []

    class Listener(BaseCallbackHandler):
        def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
            heard.append(token)

    list(MODEL.stream([*INTRODUCED, HumanMessage("Who am I?")], config={"callbacks": [Listener()]}))
    assert "".join(heard) == "You're Alice!"


def test_streamed_tool_call_equals_the_invoked_one() -> None:
    bound = MODEL.bind_tools(TOOLS)
    question = [HumanMessage("What's the weather in Paris?")]
    chunks = list(bound.stream(question))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert isinstance(whole, AIMessageChunk)
    assert whole.tool_calls == bound.invoke(question).tool_calls
    assert any(chunk.tool_call_chunks for chunk in chunks)


# Usage and options


def test_usage_counts_words_and_punctuation_also_when_streamed() -> None:
    reply = MODEL.invoke([HumanMessage("Hi, I'm Alice.")])
    assert reply.usage_metadata == {"input_tokens": 7, "output_tokens": 8, "total_tokens": 15}
    chunks = list(MODEL.stream([HumanMessage("Hi, I'm Alice.")]))
    assert [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata] == [reply.usage_metadata]


def test_reply_ends_before_a_stop_sequence() -> None:
    assert MODEL.invoke([HumanMessage("Hi, I'm Alice.")], stop=["! How"]).content == "Hello Alice"
    assert OfflineChatModel(stop=["Alice"]).invoke([HumanMessage("Hi, I'm Alice.")]).content == "Hello "


def test_reply_has_at_most_max_tokens_words() -> None:
    reply = OfflineChatModel(max_tokens=2).invoke([HumanMessage("Hi, I'm Alice.")])
    assert reply.content == "Hello Alice! "
    assert reply.response_metadata["finish_reason"] == "length"


def test_content_blocks_are_read_and_images_are_declined() -> None:
    text: dict[str, Any] = {"type": "text", "text": "Hi, I'm Alice."}
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}
    assert MODEL.invoke([HumanMessage([text, picture])]).text == "Hello Alice! How can I help?"
    assert "can't see pictures" in MODEL.invoke([HumanMessage([picture])]).text


# Tools


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What's the weather in Paris?", [("get_weather", {"city": "Paris"})]),
        ("will it rain in New York tomorrow?", [("get_weather", {"city": "New York"})]),
        ("Where is my order 1001?", [("look_up_order", {"order_number": "1001"})]),
        ("Can you check the status of order #A-77?", [("look_up_order", {"order_number": "A-77"})]),
        ("I'd like to track my order 1001", [("look_up_order", {"order_number": "1001"})]),
        ("What is 2 plus 40?", [("add", {"a": 2, "b": 40})]),
        ("Please add 3 and 4", [("add", {"a": 3, "b": 4})]),
        ("Convert 5 to miles please", [("convert", {"amount": 5, "unit": "miles"})]),
        ("Who is the president of France?", [("search", {"query": "Who is the president of France"})]),
        (
            "Where are orders 1001 and 1002?",
            [("look_up_order", {"order_number": "1001"}), ("look_up_order", {"order_number": "1002"})],
        ),
    ],
)
def test_question_that_a_tool_answers_calls_it(
    question: str, expected: list[tuple[str, dict[str, Any]]]
) -> None:
    assert calls(question) == expected


@pytest.mark.parametrize(
    "text",
    ["Hi", "Hi, I'm Alice.", "thanks!", "How are you?", "What's my name?", "Who are you?",
     "What's my order number?",
     "My order number is 1001", "I live in Paris", "What did I just say?", "Where do I live?", "ok",
     "bye", "I like the weather"],
)  # fmt: skip
def test_small_talk_statements_and_recall_call_no_tool(text: str) -> None:
    assert calls(text) == []


def test_missing_argument_is_filled_from_an_earlier_message() -> None:
    said = [HumanMessage("My order number is 1001."), AIMessage("Noted.")]
    assert calls("Where is my order?", *said) == [("look_up_order", {"order_number": "1001"})]


def test_unknown_argument_is_requested_and_its_answer_used() -> None:
    bound = MODEL.bind_tools(TOOLS)
    messages: list[BaseMessage] = [HumanMessage("Where is my order?")]
    asked = bound.invoke(messages)
    assert asked.content == "Could you tell me the order number, please?"
    messages += [asked, HumanMessage("It's 1002")]
    assert [call["args"] for call in bound.invoke(messages).tool_calls] == [{"order_number": "1002"}]


def test_tool_result_is_answered_in_words_without_another_call() -> None:
    bound = MODEL.bind_tools(TOOLS, tool_choice="any")
    messages: list[BaseMessage] = [HumanMessage("What's the weather in Paris?")]
    called = bound.invoke(messages)
    messages += [called, ToolMessage("It is sunny in Paris.", tool_call_id=called.tool_calls[0]["id"])]
    answer = bound.invoke(messages)
    assert (answer.content, answer.tool_calls) == ("It is sunny in Paris.", [])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json.dumps({"status": "shipped", "due_date": "Friday"}), "Here is what I found: status: "
            "shipped, due date: Friday."),
        ("42", "The answer is 42."),
        ("[]", "I found nothing."),
        ('["red", "blue"]', "Here is what I found:\n- red\n- blue"),
        ("{not json", "{not json"),
        ("", "That's done; there was nothing more to report."),
    ],
)  # fmt: skip
def test_tool_result_in_words(content: str, said: str) -> None:
    call = {"name": "look_up_order", "args": {}, "id": "1"}
    messages = [HumanMessage("?"), AIMessage("", tool_calls=[call]), ToolMessage(content, tool_call_id="1")]
    assert MODEL.invoke(messages).content == said


def test_tool_error_is_reported_politely() -> None:
    call = {"name": "look_up_order", "args": {}, "id": "1"}
    failed = ToolMessage("no connection", tool_call_id="1", status="error")
    reply = MODEL.invoke([HumanMessage("?"), AIMessage("", tool_calls=[call]), failed])
    assert reply.content == "I'm sorry, that didn't work: no connection"


def test_repeated_question_makes_a_call_with_a_new_id() -> None:
    bound = MODEL.bind_tools(TOOLS)
    messages: list[BaseMessage] = [HumanMessage("Where is order 1001?")]
    first = bound.invoke(messages)
    messages += [
        first,
        ToolMessage("on its way", tool_call_id=first.tool_calls[0]["id"]),
        AIMessage("on its way"),
    ]
    second = bound.invoke([*messages, HumanMessage("Where is order 1001?")])
    assert first.tool_calls[0]["id"] != second.tool_calls[0]["id"]
    assert first.tool_calls == bound.invoke(messages[:1]).tool_calls


def test_tool_choice_is_honoured() -> None:
    assert calls("What's the weather in Paris?", tool_choice="none") == []
    assert calls("hello", tool_choice="look_up_order") == [("look_up_order", {"order_number": ""})]
    assert calls("What's the weather in Paris?", tool_choice="required") == [
        ("get_weather", {"city": "Paris"})
    ]
    assert len(calls("hello", tool_choice="any")) == 1
    with pytest.raises(ValueError, match="names no bound tool"):
        MODEL.bind_tools(TOOLS, tool_choice="fly")


def test_structured_output_is_filled_from_the_conversation() -> None:
    class Person(BaseModel):
        """A person."""

        name: str
        age: int

    structured = MODEL.with_structured_output(Person)
    assert structured.invoke([*INTRODUCED, HumanMessage("I am 34 years old")]) == Person(name="Alice", age=34)


# Whatever people send

words = st.sampled_from(
    [
        "I",
        "am",
        "my",
        "name",
        "is",
        "not",
        "Alice",
        "Bob",
        "what",
        "who",
        "where",
        "do",
        "live",
        "in",
        "order",
        "1001",
        "?",
        ".",
        ",",
        "call",
        "me",
        "and",
        "the",
        "dog's",
    ]
)
texts = st.one_of(st.text(max_size=80), st.lists(words, max_size=12).map(" ".join))
messages = st.one_of(
    texts.map(HumanMessage), texts.map(AIMessage), texts.map(SystemMessage),
    st.builds(ToolMessage, texts, tool_call_id=st.just("1"))
)  # fmt: skip


@settings(max_examples=150)
@given(st.lists(messages, max_size=6))
def test_any_messages_get_a_deterministic_reply(
    conversation: list[BaseMessage],
) -> None:
    bound = MODEL.bind_tools(TOOLS)
    reply = bound.invoke(conversation) if conversation else MODEL.invoke([HumanMessage("")])
    assert reply.content or reply.tool_calls
    if conversation:
        again = bound.invoke(conversation)
        assert (again.content, again.tool_calls) == (reply.content, reply.tool_calls)


def test_very_long_text_is_answered_quickly_and_not_echoed() -> None:
    for text in ("word " * 50_000, "I am " * 20_000, "a" * 200_000, "my order is late, " * 5_000):
        assert len(str(MODEL.invoke([HumanMessage(text)]).content)) < 1_500


def test_pronoun_refers_to_the_last_mentioned_thing() -> None:
    order = ("look_up_order", {"order_number": "1001"})
    assert calls("My order number is 1001. Where is it?") == [order]
    assert calls("And where is it?", HumanMessage("My order number is 1001.")) == [order]
    assert calls("Where is it?") == []
