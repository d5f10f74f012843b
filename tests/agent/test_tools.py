"""The tools of the catalog's agents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import tools

ALL_TOOLS = [
    tools.look_up_order,
    tools.look_up_subscription,
    tools.list_plans,
    tools.refund_policy,
    tools.explain_term,
    tools.calculate,
]


def test_look_up_order() -> None:
    assert tools.look_up_order.invoke({"order_number": "#1001"}).startswith("Order 1001 has been shipped")
    assert tools.look_up_order.invoke({"order_number": "99"}) == "There is no order 99."


def test_look_up_subscription() -> None:
    assert "Pro plan" in tools.look_up_subscription.invoke({"subscription_number": "s-200"})
    assert tools.look_up_subscription.invoke({"subscription_number": "x"}) == "There is no subscription X."


def test_explain_term_lists_its_terms_for_an_unknown_one() -> None:
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
def test_calculate_works_without_eval(sum_: str, answer: str) -> None:
    assert tools.calculate.invoke({"expression": sum_}) == answer


@given(st.text(max_size=300))
def test_tools_never_raise_on_any_text(text: str) -> None:
    for each in ALL_TOOLS:
        assert each.invoke(dict.fromkeys(each.args, text))


def test_each_tool_has_a_description() -> None:
    assert all(len(each.description) > 20 for each in ALL_TOOLS)
