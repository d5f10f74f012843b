"""The bundled tools, and the agents built from the catalog."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver

from agent import catalog, tools
from agent.catalog import UnknownAgent, agent_ids, build, build_all
from threads.chat_models.offline import OfflineChatModel

ALL_TOOLS = [
    tools.look_up_order,
    tools.look_up_subscription,
    tools.list_plans,
    tools.refund_policy,
    tools.explain_term,
    tools.calculate,
]
MODEL = OfflineChatModel()


def test_an_order_is_looked_up_and_an_unknown_one_is_said_to_be() -> None:
    assert tools.look_up_order.invoke({"order_number": "#1001"}).startswith("Order 1001 has been shipped")
    assert tools.look_up_order.invoke({"order_number": "99"}) == "There is no order 99."


def test_a_subscription_is_looked_up_and_an_unknown_one_is_said_to_be() -> None:
    assert "Pro plan" in tools.look_up_subscription.invoke({"subscription_number": "s-200"})
    assert tools.look_up_subscription.invoke({"subscription_number": "x"}) == "There is no subscription X."


def test_a_term_is_explained_and_an_unknown_one_lists_the_known() -> None:
    assert "own memory" in tools.explain_term.invoke({"term": "Threads"})
    assert "checkpointer" in tools.explain_term.invoke({"term": "banana"})


@pytest.mark.parametrize(
    ("sum_", "answer"),
    [
        ("2 + 3 * 4", "2 + 3 * 4 = 14"),
        ("-(1 - 4) / 2", "-(1 - 4) / 2 = 1.5"),
        ("1 / 0", "That would divide by zero."),
        ("__import__('os')", "That is not a sum I can work out."),
        ("9 ** 9 ** 9", "That is not a sum I can work out."),
        ("True + 1", "That is not a sum I can work out."),
        ("", "That is not a sum I can work out."),
    ],
)
def test_sums_are_worked_out_without_eval(sum_: str, answer: str) -> None:
    assert tools.calculate.invoke({"expression": sum_}) == answer


@given(st.text(max_size=300))
def test_no_tool_raises_on_any_text(text: str) -> None:
    for each in ALL_TOOLS:
        assert each.invoke(dict.fromkeys(each.args, text))


def test_every_tool_says_what_it_is_for() -> None:
    assert all(len(each.description) > 20 for each in ALL_TOOLS)


def test_every_agent_builds_and_answers_under_its_own_name() -> None:
    graphs = build_all(model=MODEL)
    assert tuple(graphs) == agent_ids() == ("support", "tutor", "assistant", "my-agent")
    for agent_id, graph in graphs.items():
        assert graph.name == agent_id
        assert (
            graph.invoke({"messages": [("user", "Hi, I'm Alice.")]})["messages"][-1].text
            == "Hello Alice! How can I help?"
        )


def test_an_unknown_agent_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(
        UnknownAgent, match=r"no agent 'nobody'\. Known agents: support, tutor, assistant, my-agent"
    ):
        build("nobody")
    assert issubclass(UnknownAgent, LookupError)


def test_each_card_has_something_to_show() -> None:
    for agent_id, card in catalog.AGENTS.items():
        assert card.id == agent_id
        assert card.title and card.description and card.system_prompt
    assert catalog.DEFAULT_AGENT in catalog.AGENTS


def test_reading_the_catalog_imports_no_framework() -> None:
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
def test_an_agent_uses_its_tools(agent_id: str, turns: list[str], answer: str) -> None:
    graph = build(agent_id, model=MODEL, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "one"}}
    for turn in turns:
        state = graph.invoke({"messages": [("user", turn)]}, config)
    assert state["messages"][-1].text.startswith(answer)
