"""The built-in assistant."""

import asyncio

import pytest
from langgraph.checkpoint.memory import InMemorySaver

import threads
from threads import assistant
from threads.chat_models import ModelUnavailable
from threads.chat_models.offline import OfflineChatModel
from threads.graphs import MessageRefused

MODEL = OfflineChatModel()


def config(thread_id):
    return {"configurable": {"thread_id": thread_id}}


def test_each_thread_has_its_own_memory():
    graph = assistant.build(model=MODEL, checkpointer=InMemorySaver())
    graph.invoke({"messages": [("user", "Hi, I'm Alice.")]}, config("a"))
    answers = [
        graph.invoke({"messages": [("user", "What is my name?")]}, config(thread_id))["messages"][-1].text
        for thread_id in ("a", "b")
    ]
    assert answers[0] == "Your name is Alice!"
    assert "Alice" not in answers[1]


def test_ainvoke_answers_like_invoke():
    graph = assistant.build(model=MODEL)
    said = {"messages": [("user", "Hi, I'm Alice.")]}
    assert asyncio.run(graph.ainvoke(said))["messages"][-1].text == graph.invoke(said)["messages"][-1].text


def test_the_system_prompt_is_not_stored():
    state = assistant.build(model=MODEL).invoke({"messages": [("user", "hello")]})
    assert [message.type for message in state["messages"]] == ["human", "ai"]


def test_the_thread_has_the_agents_id_and_its_messages_are_read_without_the_graph():
    with threads.open(":memory:") as registry:
        graph = assistant.build("my-agent", model=MODEL, checkpointer=registry.checkpointer)
        assert graph.name == "my-agent"
        graph.invoke({"messages": [("user", "Hi, I'm Alice.")]}, config("a"))
        assert registry.get("a").agent_id == "my-agent"
        assert [message.role for message in registry.messages("a")] == ["user", "assistant"]


def test_an_invalid_message_is_refused_and_not_stored():
    graph = assistant.build(model=MODEL, checkpointer=InMemorySaver())
    with pytest.raises(MessageRefused):
        graph.invoke({"messages": [("robot", "beep")]}, config("a"))
    assert graph.get_state(config("a")).values == {}


def test_tokens_are_streamed():
    graph = assistant.build(model=MODEL)
    stream = graph.stream({"messages": [("user", "Hi, I'm Alice.")]}, stream_mode="messages")
    assert [chunk.text for chunk, _ in stream if chunk.text][:2] == ["Hello ", "Alice! "]


def test_without_a_model_the_default_is_loaded(monkeypatch):
    monkeypatch.setenv("THREADS_MODEL", "nonsense")
    with pytest.raises(ModelUnavailable, match="nonsense"):
        assistant.build()
