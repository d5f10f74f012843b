"""`load_model`: names, defaults, and OpenAI's interface spoken to a real server."""

import asyncio
import subprocess
import sys
from contextlib import ExitStack
from typing import Any

import openai
import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite import SqliteSaver
from openai_server import Cut, OpenAIServer, Refusal, Reply, Text, ToolCall, serve

from agent import build_agent
from threads.chat_models import ModelUnavailable, load_model
from threads.chat_models.chat_openai import AnswerIncomplete
from threads.chat_models.loader import offline_delay

ALICE: Any = {"configurable": {"thread_id": "alice"}}
SOON = {"retry-after-ms": "1"}
BUSY = Refusal(429, "Rate limit reached", SOON)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    """No key, no server, no proxy between us and the loopback."""
    for name in ("THREADS_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


@pytest.fixture
def speaks(monkeypatch):
    """Starts a server with a script and points the environment to it."""
    with ExitStack() as stack:

        def start(*script: Reply) -> OpenAIServer:
            server = stack.enter_context(serve(*script))
            monkeypatch.setenv("OPENAI_API_KEY", "test-key")
            monkeypatch.setenv("OPENAI_BASE_URL", server.url)
            return server

        yield start


@pytest.fixture
def saver(tmp_path):
    with SqliteSaver.from_conn_string(str(tmp_path / "memory.db")) as saver:
        yield saver


@tool
def double(number: int) -> str:
    """Twice a number."""
    return str(number * 2)


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def told(state: Any) -> list[tuple[str, str]]:
    return [(message.type, message.text) for message in state["messages"]]


def test_openai_model_uses_base_url_and_key_of_the_environment(speaks):
    server = speaks(Text(["Hello", " Alice"]))
    state = build_agent("openai:some-model", system_prompt="Be kind.").invoke(said("Hi"))
    assert told(state) == [("human", "Hi"), ("ai", "Hello Alice")]
    assert server.requests[0]["model"] == "some-model"
    assert [m["role"] for m in server.requests[0]["messages"]] == ["system", "user"]
    assert server.headers[0]["authorization"] == "Bearer test-key"
    assert state["messages"][-1].usage_metadata["total_tokens"] == 10


def test_tokens_stream_through_the_agent_with_token_usage(speaks, saver):
    speaks(Text(["Hel", "lo ", "Alice"]))
    agent = build_agent("openai:m", checkpointer=saver)
    tokens = [
        chunk.text for chunk, _ in agent.stream(said("Hi"), ALICE, stream_mode="messages") if chunk.text
    ]
    assert tokens == ["Hel", "lo ", "Alice"]
    message = agent.get_state(ALICE).values["messages"][-1]
    assert (message.type, message.text) == ("ai", "Hello Alice")
    assert message.usage_metadata["total_tokens"] == 10


def test_tokens_stream_through_astream(speaks):
    speaks(Text(["Hel", "lo"]))

    async def listen() -> list[str]:
        stream = build_agent("openai:m").astream(said("Hi"), stream_mode="messages")
        return [chunk.text async for chunk, _ in stream if chunk.text]

    assert asyncio.run(listen()) == ["Hel", "lo"]


@pytest.mark.parametrize("streamed", [False, True])
def test_tool_call_runs_and_its_result_is_sent_back(speaks, saver, streamed):
    server = speaks(ToolCall("double", {"number": 21}), Text(["42"]))
    agent = build_agent("openai:m", tools=[double], checkpointer=saver)
    if streamed:
        list(agent.stream(said("Twice 21?"), ALICE, stream_mode="messages"))
        state = agent.get_state(ALICE).values
    else:
        state = agent.invoke(said("Twice 21?"), ALICE)
    assert told(state) == [("human", "Twice 21?"), ("ai", ""), ("tool", "42"), ("ai", "42")]
    assert isinstance(state["messages"][2], ToolMessage)
    assert state["messages"][1].tool_calls[0]["args"] == {"number": 21}
    assert server.requests[0]["tools"][0]["function"]["name"] == "double"
    assert server.requests[1]["messages"][-1] == {"role": "tool", "content": "42", "tool_call_id": "call-1"}


def test_rate_limited_request_is_retried(speaks):
    server = speaks(BUSY, BUSY, Text(["At last"]))
    assert told(build_agent("openai:m").invoke(said("Hi")))[-1] == ("ai", "At last")
    assert len(server.requests) == 3


def test_rate_limit_after_all_retries_raises_and_leaves_the_thread_usable(speaks, saver):
    server = speaks(BUSY, BUSY, BUSY, Text(["Hello"]))
    agent = build_agent("openai:m", checkpointer=saver)
    with pytest.raises(openai.RateLimitError, match="Rate limit reached"):
        agent.invoke(said("Hi"), ALICE)
    assert len(server.requests) == 3
    assert told(agent.get_state(ALICE).values) == [("human", "Hi")]
    assert agent.get_state(ALICE).next == ("model",)
    assert told(agent.invoke(None, ALICE)) == [("human", "Hi"), ("ai", "Hello")]


@pytest.mark.parametrize("politely", [False, True], ids=["dead", "closed early"])
@pytest.mark.parametrize("way", ["stream", "astream"])
def test_connection_lost_during_an_answer_raises_and_stores_no_partial_answer(
    speaks, saver, tmp_path, way, politely
):
    server = speaks(Cut(["Half an", " answ"], politely), Text(["Whole"]))
    agent = build_agent("openai:m", checkpointer=saver)
    heard: list[str] = []

    async def alisten() -> None:
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "memory.db")) as asaver:
            own = agent.copy(update={"checkpointer": asaver})
            async for chunk, _ in own.astream(said("Hi"), ALICE, stream_mode="messages"):
                heard.append(chunk.text)

    with pytest.raises((openai.APIConnectionError, AnswerIncomplete)):
        if way == "stream":
            for chunk, _ in agent.stream(said("Hi"), ALICE, stream_mode="messages"):
                heard.append(chunk.text)
        else:
            asyncio.run(alisten())
    assert "".join(heard) == "Half an answ"
    assert len(server.requests) == 1
    assert told(agent.get_state(ALICE).values) == [("human", "Hi")]
    assert told(agent.invoke(said("Still there?"), ALICE))[-1] == ("ai", "Whole")


def test_local_server_needs_no_key(speaks, monkeypatch):
    server = speaks(Text(["Hello"]))
    monkeypatch.delenv("OPENAI_API_KEY")
    assert load_model("openai:llama3").invoke("Hi").text == "Hello"
    assert "test-key" not in server.headers[0]["authorization"]


def test_keyword_arguments_take_precedence_over_defaults(speaks):
    server = speaks(BUSY)
    with pytest.raises(openai.RateLimitError):
        load_model("openai:m", max_retries=0).invoke("Hi")
    assert len(server.requests) == 1
    assert load_model("openai:m", temperature=0.5).temperature == 0.5  # type: ignore[attr-defined]


def test_model_name_may_contain_colons(speaks):
    server = speaks(Text(["Hello"]))
    load_model("openai:llama3:8b").invoke("Hi")
    assert server.requests[0]["model"] == "llama3:8b"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("openai:m", "OPENAI_API_KEY is not set"),
        ("openai:", "openai:NAME"),
        ("openai", "openai:NAME"),
        ("nobody:m", "'nobody:m'"),
        ("", "openai:NAME"),
        ("offline:x", "'offline:x'"),
    ],
)
def test_unavailable_model_raises_with_the_remedy(spec, words):
    with pytest.raises(ModelUnavailable, match=words):
        load_model(spec)


def chosen(environment: dict[str, str], code: str) -> tuple[str, str]:
    """What a fresh process prints, and what it says on stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "", **environment},
    )
    return done.stdout.strip(), done.stderr.strip()


TWICE = "from threads.chat_models import load_model as m; print({getattr(x, 'model_name', x._llm_type) for x in (m(), m())})"


@pytest.mark.crash
@pytest.mark.parametrize(
    ("environment", "model"),
    [
        ({"OPENAI_API_KEY": "k"}, "gpt-4o-mini"),
        ({"OPENAI_API_KEY": "k", "OPENAI_MODEL": "big"}, "big"),
        ({"OPENAI_API_KEY": "k", "THREADS_MODEL": "openai:mine"}, "mine"),
    ],
)
def test_default_model_is_printed_once_to_stderr(environment, model):
    out, err = chosen(environment, TWICE)
    assert out == f"{{{model!r}}}"
    assert err.count("threads: using") == 1
    assert f"openai:{model}" in err


def test_default_without_a_key_is_the_offline_model():
    out, err = chosen({"OPENAI_BASE_URL": "http://127.0.0.1:9"}, TWICE)
    assert "offline" in out
    assert err == "threads: using the offline model; set THREADS_MODEL=openai:NAME to use another."


@pytest.mark.slow
def test_model_loaded_by_name_is_not_printed():
    _, err = chosen(
        {"OPENAI_API_KEY": "k"}, "from threads.chat_models import load_model; load_model('openai:m')"
    )
    assert err == ""


def test_offline_delay_of_the_environment(monkeypatch):
    monkeypatch.delenv("THREADS_OFFLINE_DELAY", raising=False)
    assert load_model("offline").delay == 0
    monkeypatch.setenv("THREADS_OFFLINE_DELAY", "0.25")
    assert load_model("offline").delay == 0.25
    assert load_model("offline", delay=0.5).delay == 0.5


def test_offline_delay_of_the_context_is_a_default(monkeypatch):
    monkeypatch.setenv("THREADS_OFFLINE_DELAY", "")
    with offline_delay(0.25):
        assert load_model("offline").delay == 0.25
        assert load_model("offline", delay=0.5).delay == 0.5
        monkeypatch.setenv("THREADS_OFFLINE_DELAY", "0")
        assert load_model("offline").delay == 0
    monkeypatch.delenv("THREADS_OFFLINE_DELAY")
    assert load_model("offline").delay == 0


@pytest.mark.parametrize("delay", ["slow", "-1", "nan", "1e9"])
def test_invalid_offline_delay_raises(monkeypatch, delay):
    monkeypatch.setenv("THREADS_OFFLINE_DELAY", delay)
    with pytest.raises(ModelUnavailable, match=f"THREADS_OFFLINE_DELAY is '{delay}'"):
        load_model("offline")
