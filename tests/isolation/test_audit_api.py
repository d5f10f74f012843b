"""Alice and Bob, and many more, at one agent with one registry: nobody meets another's words."""

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


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def config(thread_id: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread_id}}


def ask(agent: Any, thread_id: str, text: str) -> str:
    return str(agent.invoke(said(text), config(thread_id))["messages"][-1].text)


def words(agent: Any, registry: threads.Registry, thread_id: str) -> str:
    """All that is known of a thread: the agent's state, the stored messages, the row of the list."""
    [row] = [row for row in registry.list(limit=100) if row.id == thread_id]
    return f"{agent.get_state(config(thread_id))} {registry.messages(thread_id)} {row}"


def test_alice_and_bob_in_turns_are_each_called_by_their_name(agent: Any) -> None:
    ask(agent, "alice_session", "Hi, I'm Alice.")
    ask(agent, "bob_session", "Hey, I'm Bob.")
    assert ask(agent, "alice_session", "What's my name?") == "Your name is Alice!"
    assert ask(agent, "bob_session", "Do you know who I am?") == "Yes, you're Bob!"


def test_neither_thread_holds_a_word_of_the_other(agent: Any, registry: threads.Registry) -> None:
    ask(agent, "a", "Hi, I'm Alice.")
    ask(agent, "b", "Hey, I'm Bob.")
    ask(agent, "a", "My order is A-1001.")
    ask(agent, "b", "My order is B-2002.")
    alice, bob = words(agent, registry, "a"), words(agent, registry, "b")
    assert "Alice" in alice
    assert "A-1001" in alice
    assert "Bob" not in alice
    assert "B-2002" not in alice
    assert "Bob" in bob
    assert "B-2002" in bob
    assert "Alice" not in bob
    assert "A-1001" not in bob


def test_a_third_thread_knows_nobody(agent: Any) -> None:
    ask(agent, "alice_session", "Hi, I'm Alice.")
    assert "Alice" not in ask(agent, "carol_session", "What's my name?")


def test_the_list_shows_each_thread_with_its_own_words(agent: Any, registry: threads.Registry) -> None:
    ask(agent, "alice_session", "Hi, I'm Alice.")
    ask(agent, "bob_session", "Hey, I'm Bob.")
    ask(agent, "alice_session", "What's my name?")
    assert [(row.id, row.title, row.message_count, row.last_message) for row in registry.list()] == [
        ("alice_session", "Hi, I'm Alice.", 4, "Your name is Alice!"),
        ("bob_session", "Hey, I'm Bob.", 2, "Hi Bob! What can I do for you?"),
    ]
    assert registry.verify() == []


def test_ids_that_look_alike_are_different_threads(agent: Any) -> None:
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


def test_twenty_users_in_twenty_threads_of_the_process(agent: Any, registry: threads.Registry) -> None:
    def visit(name: str) -> str:
        ask(agent, name, f"Hi, I'm {name}.")
        return ask(agent, name, "What's my name?")

    with ThreadPoolExecutor(len(NAMES)) as pool:
        answers = list(pool.map(visit, NAMES))
    check_all(answers, registry)


def test_twenty_users_in_one_event_loop(agent: Any, registry: threads.Registry) -> None:
    async def visit(name: str) -> str:
        await agent.ainvoke(said(f"Hi, I'm {name}."), config(name))
        state = await agent.ainvoke(said("What's my name?"), config(name))
        return str(state["messages"][-1].text)

    async def visit_all() -> list[str]:
        return await asyncio.gather(*map(visit, NAMES))

    check_all(asyncio.run(visit_all()), registry)


def check_all(answers: list[str], registry: threads.Registry) -> None:
    assert answers == [f"Your name is {name}!" for name in NAMES]
    rows = registry.list(limit=100)
    assert {(row.id, row.title, row.message_count) for row in rows} == {
        (name, f"Hi, I'm {name}.", 4) for name in NAMES
    }
    for name in NAMES:
        others = [other for other in NAMES if other != name and other in str(registry.messages(name))]
        assert others == []
