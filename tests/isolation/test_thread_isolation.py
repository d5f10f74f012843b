"""Isolation of threads of one agent and one registry: no thread contains words of another."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import threads
from agent import build_agent

NAMES = [
    "Alice", "Bob", "Carol", "David", "Emma", "Frank", "Grace", "Henry", "Irene", "Jack",
    "Karen", "Liam", "Mary", "Nina", "Oscar", "Paul", "Rachel", "Sarah", "Thomas", "Victor",
]  # fmt: skip


@pytest.fixture(params=["memory", "file"])
def registry(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[threads.Registry]:
    where = ":memory:" if request.param == "memory" else tmp_path / "support.db"
    with threads.open(where) as opened:
        yield opened


@pytest.fixture
def agent(registry: threads.Registry) -> Any:
    return build_agent("offline", checkpointer=registry.checkpointer)


def user_input(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def config(thread_id: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread_id}}


def ask(agent: Any, thread_id: str, text: str) -> str:
    return str(agent.invoke(user_input(text), config(thread_id))["messages"][-1].text)


def all_text(agent: Any, registry: threads.Registry, thread_id: str) -> str:
    """The text of a thread: the agent's state, the stored messages, the row of the list."""
    [row] = [row for row in registry.list(limit=100) if row.id == thread_id]
    return f"{agent.get_state(config(thread_id))} {registry.messages(thread_id)} {row}"


def test_agent_remembers_the_name_of_each_thread_in_alternating_turns(agent: Any) -> None:
    ask(agent, "alice_session", "Hi, I'm Alice.")
    ask(agent, "bob_session", "Hey, I'm Bob.")
    assert ask(agent, "alice_session", "What's my name?") == "Your name is Alice!"
    assert ask(agent, "bob_session", "Do you know who I am?") == "Yes, you're Bob!"


def test_threads_do_not_contain_words_of_each_other(agent: Any, registry: threads.Registry) -> None:
    ask(agent, "a", "Hi, I'm Alice.")
    ask(agent, "b", "Hey, I'm Bob.")
    ask(agent, "a", "My order is A-1001.")
    ask(agent, "b", "My order is B-2002.")
    alice, bob = all_text(agent, registry, "a"), all_text(agent, registry, "b")
    assert "Alice" in alice
    assert "A-1001" in alice
    assert "Bob" not in alice
    assert "B-2002" not in alice
    assert "Bob" in bob
    assert "B-2002" in bob
    assert "Alice" not in bob
    assert "A-1001" not in bob


def test_new_thread_does_not_know_names_of_other_threads(agent: Any) -> None:
    ask(agent, "alice_session", "Hi, I'm Alice.")
    assert "Alice" not in ask(agent, "carol_session", "What's my name?")


def test_list_shows_titles_and_previews_of_each_thread(agent: Any, registry: threads.Registry) -> None:
    ask(agent, "alice_session", "Hi, I'm Alice.")
    ask(agent, "bob_session", "Hey, I'm Bob.")
    ask(agent, "alice_session", "What's my name?")
    assert [(row.id, row.title, row.message_count, row.last_message) for row in registry.list()] == [
        ("alice_session", "Hi, I'm Alice.", 4, "Your name is Alice!"),
        ("bob_session", "Hey, I'm Bob.", 2, "Hi Bob! What can I do for you?"),
    ]
    assert registry.verify() == []


def test_similar_thread_ids_are_different_threads(agent: Any) -> None:
    ids = [
        "a",
        "A",
        "a ",
        " a",
        "aa",
        "a\N{ZERO WIDTH SPACE}",
        "a%",
        "a_",
        "é",
        "e\N{COMBINING ACUTE ACCENT}",
    ]
    for thread_id, name in zip(ids, NAMES, strict=False):
        ask(agent, thread_id, f"Hi, I'm {name}.")
    for thread_id, name in zip(ids, NAMES, strict=False):
        assert ask(agent, thread_id, "What's my name?") == f"Your name is {name}!"


def test_twenty_threads_are_isolated_in_twenty_os_threads(agent: Any, registry: threads.Registry) -> None:
    def introduce_and_ask(name: str) -> str:
        ask(agent, name, f"Hi, I'm {name}.")
        return ask(agent, name, "What's my name?")

    with ThreadPoolExecutor(len(NAMES)) as pool:
        answers = list(pool.map(introduce_and_ask, NAMES))
    assert_isolated(answers, registry)


def test_twenty_threads_are_isolated_in_one_event_loop(agent: Any, registry: threads.Registry) -> None:
    async def introduce_and_ask(name: str) -> str:
        await agent.ainvoke(user_input(f"Hi, I'm {name}."), config(name))
        state = await agent.ainvoke(user_input("What's my name?"), config(name))
        return str(state["messages"][-1].text)

    async def run_all() -> list[str]:
        return await asyncio.gather(*map(introduce_and_ask, NAMES))

    assert_isolated(asyncio.run(run_all()), registry)


def assert_isolated(answers: list[str], registry: threads.Registry) -> None:
    assert answers == [f"Your name is {name}!" for name in NAMES]
    rows = registry.list(limit=100)
    assert {(row.id, row.title, row.message_count) for row in rows} == {
        (name, f"Hi, I'm {name}.", 4) for name in NAMES
    }
    for name in NAMES:
        others = [other for other in NAMES if other != name and other in str(registry.messages(name))]
        assert others == []
