"""A message comes back from its row as it was stored, whatever LangChain lets a message be."""

import math
import sqlite3
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from threads.checkpoint.message_conversion import StoredWith, to_message
from threads.models import Message, ToolCall
from threads.store.message_rows import OPAQUE, ReadRow, StoredMessage, decode, encode, storable

CHECKPOINT = "1f1ebe85-06d9-6949-8001-d471c8a70639"
TEXT = st.text(st.characters(codec=None), max_size=6)  # half of a surrogate pair, too
NUMBERS = st.integers() | st.floats(allow_nan=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=5,
)
ARGS = st.dictionaries(TEXT, VALUES, max_size=3)
IDS = st.none() | TEXT | st.uuids().map(str) | st.uuids().map(lambda id: str(id).upper())
CITATION = {
    "type": "citation", "url": "https://example.org", "title": "t", "start_index": 0, "end_index": 2, "cited_text": "hi"
}  # fmt: skip
BLOCKS: dict[str, Any] = {
    "text": {"type": "text", "text": "hi"},
    "text with a citation": {"type": "text", "text": "hi", "annotations": [CITATION]},
    "image": {"type": "image", "base64": "AA==", "mime_type": "image/png"},
    "image by URL": {"type": "image", "url": "https://example.org/a.png", "id": "lc_chosen"},
    "image of OpenAI": {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    "audio": {"type": "audio", "base64": "AA==", "mime_type": "audio/wav"},
    "audio of OpenAI": {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
    "video": {"type": "video", "url": "https://example.org/a.mp4"},
    "file": {"type": "file", "file_id": "f", "extras": {"name": "a.pdf"}},
    "plain text": {"type": "text-plain", "text": "lines", "mime_type": "text/plain"},
    "reasoning": {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "s"}},
    "server tool call": {"type": "server_tool_call", "name": "search", "args": {"q": "x"}, "id": "s1"},
    "server tool result": {
        "type": "server_tool_result",
        "tool_call_id": "s1",
        "status": "success",
        "output": [1],
    },
    "refusal": {"type": "refusal", "refusal": "no"},
    "unknown": {"type": "of_a_provider", "data": {"a": [1, None]}},
    "in a wrapper": {"type": "non_standard", "value": {"type": "x"}},
}
CONTENT = TEXT | st.lists(st.sampled_from([*BLOCKS.values(), "a text"]), max_size=3)
USAGE = st.none() | st.builds(
    lambda a, b: {"input_tokens": a, "output_tokens": b, "total_tokens": a + b},
    st.integers(0, 9),
    st.integers(0, 9),
)
CALLS = st.lists(
    st.builds(lambda name, args, id: {"name": name, "args": args, "id": id}, TEXT, ARGS, IDS), max_size=2
)
INVALID = st.lists(st.just({"name": "f", "args": "{", "id": "i", "error": "no JSON"}), max_size=1)
STOPPED = st.sampled_from(
    ({}, {"stopped": True}, {"model_provider": "anthropic"}, {"model_provider": "openai"})
)
MARKED = st.sampled_from(({}, {"lc_source": "summarization"}))
MESSAGES = st.one_of(
    st.builds(HumanMessage, CONTENT, id=IDS, name=st.none() | TEXT, additional_kwargs=MARKED),
    st.builds(SystemMessage, CONTENT, id=IDS),
    st.builds(ChatMessage, CONTENT, role=st.sampled_from(("developer", "user", "stranger")), id=IDS),
    st.builds(
        AIMessage, CONTENT, id=IDS, tool_calls=CALLS, invalid_tool_calls=INVALID, usage_metadata=USAGE,
        response_metadata=STOPPED,
    ),
    st.builds(ToolMessage, CONTENT, id=IDS, tool_call_id=TEXT, name=st.none() | TEXT),
)  # fmt: skip
STEPS = st.builds(
    StoredWith,
    st.none() | st.integers(0, 2**41),
    IDS,
    st.none() | st.sampled_from((CHECKPOINT, CHECKPOINT.upper(), "0" * 36, "a", "")),
)


def typed(value: Any) -> Any:
    """A value with the types in it, because 1, 1.0 and True are equal."""
    if isinstance(value, dict):
        return {key: typed(each) for key, each in value.items()}
    if isinstance(value, ToolCall):
        return value.id, value.name, typed(value.args)
    return type(value), [typed(each) for each in value] if isinstance(value, list | tuple) else repr(value)


def read_back(message: Message, checkpoint_id: str | None = None) -> Message | None:
    """The message after its row was in a file; None if it is opaque."""
    row = encode(StoredMessage(message, checkpoint_id, None))
    values = (None if message.id is None else storable(message.id), message.role, storable(message.text))
    columns = (*values, row.checkpoint_id, row.run_id, row.details)
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (message_id, role, text TEXT, checkpoint_id, run_id, details TEXT)")
    connection.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", columns)
    read = ReadRow(1, *connection.execute("SELECT * FROM t").fetchone())
    connection.close()
    return None if read.is_opaque else decode(read)


@given(MESSAGES, STEPS)
def test_message_comes_back_from_its_row_as_it_was(stored, step):
    message = to_message(stored, step)
    found = read_back(message, step.checkpoint_id)
    is_whole_run_id = step.run_id is None or storable(step.run_id) == step.run_id
    if found is None:
        assert not is_whole_run_id
    else:
        assert found == message
        assert typed((found.content, found.tool_calls)) == typed((message.content, message.tool_calls))


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_no_standard_content_block_is_opaque(block):
    message = to_message(AIMessage([block, "and a text"]), StoredWith())
    assert read_back(message) == message


@pytest.mark.parametrize(
    "value",
    [date(2026, 1, 2), b"bytes", {1, 2}, (1, 2), {1: "a"}, math.nan, type("Text", (str,), {})("a")],
    ids=repr,
)
def test_message_with_a_value_that_is_no_json_is_opaque(value):
    call = {"name": "f", "args": {"x": [value]}, "id": "1"}
    message = to_message(AIMessage("", tool_calls=[call]), StoredWith())
    assert encode(StoredMessage(message, None, None)).details == OPAQUE


def test_deeply_nested_value_is_opaque():
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    message = Message(id=None, role="assistant", text="", content=({"type": "x", "value": value},))
    assert encode(StoredMessage(message, None, None)).details == OPAQUE


@pytest.mark.parametrize("stored", [HumanMessage("hi", id="1"), RemoveMessage("1")], ids=["text", "removal"])
def test_plain_message_needs_no_details(stored):
    message = to_message(stored, StoredWith(None, None, None))
    assert encode(StoredMessage(message, None, None)).details is None
    assert read_back(message) == message


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_content_is_the_same_at_each_reading(block):
    stored = HumanMessage([block])
    assert to_message(stored, StoredWith()) == to_message(stored, StoredWith())


def test_chosen_id_of_a_content_block_is_kept():
    assert to_message(HumanMessage([BLOCKS["image by URL"]]), StoredWith()).content[0]["id"] == "lc_chosen"
