"""The agents of the catalog, and the hint in `threads` that names it."""

import subprocess
import sys

import pytest
from langgraph.checkpoint.memory import InMemorySaver

import threads
from agent import build_agent, catalog
from agent.catalog import UnknownAgent, agent_ids, build, build_all
from threads.chat_models.offline import OfflineChatModel
from threads.errors import CATALOG_AGENTS, AgentNotFound

MODEL = OfflineChatModel()


def test_each_agent_builds_and_answers_under_its_own_id() -> None:
    graphs = build_all(model=MODEL)
    assert tuple(graphs) == agent_ids() == ("support", "tutor", "assistant", "my-agent")
    for agent_id, graph in graphs.items():
        assert graph.name == agent_id
        assert (
            graph.invoke({"messages": [("user", "Hi, I'm Alice.")]})["messages"][-1].text
            == "Hello Alice! How can I help?"
        )


def test_unknown_agent_error_lists_the_ids() -> None:
    with pytest.raises(
        UnknownAgent, match=r"no agent 'nobody'\. Known agents: support, tutor, assistant, my-agent"
    ):
        build("nobody")
    assert issubclass(UnknownAgent, LookupError)


def test_ids_in_threads_errors_equal_the_catalog() -> None:
    assert set(agent_ids()) == CATALOG_AGENTS


@pytest.mark.parametrize("agent_id", [*agent_ids(), "other"])
def test_agent_not_found_names_the_option_that_loads_the_catalog(agent_id: str) -> None:
    with (
        threads.open(":memory:") as registry,
        threads.Runner(registry, {"mine": build_agent(MODEL)}) as runner,
    ):
        registry.create(id="a", agent_id=agent_id)
        with pytest.raises(AgentNotFound) as caught:
            runner.start("a", "hello")
    assert ("--agents agent.catalog:build_all" in str(caught.value)) == (agent_id != "other")


def test_each_card_has_title_description_and_prompt() -> None:
    for agent_id, card in catalog.AGENTS.items():
        assert card.id == agent_id
        assert card.title and card.description and card.system_prompt
    assert catalog.DEFAULT_AGENT in catalog.AGENTS


def test_catalog_imports_no_framework() -> None:
    code = (
        "import agent.catalog, sys; agent.catalog.agent_ids(); print([m for m in sys.modules if "
        "m.startswith('lang')])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


@pytest.mark.parametrize(
    ("agent_id", "turns", "answer"),
    [
        ("support", ["Where is my order 1001?"], "Order 1001 has been shipped"),
        (
            "support",
            ["I'm Alice, my order number is 1002.", "Where is my order?"],
            "Order 1002 is being packed",
        ),
        ("support", ["Where's my order?", "1003"], "Order 1003 was delivered"),
        ("support", ["Which plans do you have?"], "These are the plans"),
        ("support", ["Can I return my order 1001?"], "Anything can be returned"),
        ("support", ["What's the status of my subscription S-200?"], "Subscription S-200 is on the Pro plan"),
        ("support", ["Hi, I'm Alice.", "What's my name?"], "Your name is Alice!"),
        ("tutor", ["What is a checkpointer?"], "A checkpointer is what saves"),
        ("tutor", ["explain threads please"], "A thread is one conversation"),
        ("tutor", ["What is 12 * (3 + 4)?"], "12 * (3 + 4) = 84"),
        ("support", ["I want to check my subscription", "S-100"], "Subscription S-100 is on the Basic plan"),
        ("support", ["Where do I work?"], "I don't know where you work"),
        ("tutor", ["What is a thread?", "And a reducer?"], "A reducer says how an update joins"),
        ("tutor", ["Can you tell me what a node does?"], "A node is a function of a graph"),
        ("tutor", ["I don't understand threads"], "A thread is one conversation"),
        ("tutor", ["(2 + 3) * 4"], "(2 + 3) * 4 = 20"),
        ("assistant", ["Where is my order 1001?"], "I don't know"),
        ("my-agent", ["Where is my order 1001?"], "Order 1001 has been shipped"),
    ],
)
def test_agent_uses_its_tools(agent_id: str, turns: list[str], answer: str) -> None:
    graph = build(agent_id, model=MODEL, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "one"}}
    for turn in turns:
        state = graph.invoke({"messages": [("user", turn)]}, config)
    assert state["messages"][-1].text.startswith(answer)
