"""What an agent asks: a card for each pending interrupt, whose answer resumes the run."""

from typing import Any

import approval_agents
import asking_agents
import pytest
from approval_agents import BOOK, PAY, asking_with_schema, paying_agent
from browser import expect
from run_helpers import effects, until


@pytest.fixture
def agents() -> dict[str, Any]:
    return {
        "refund": asking_agents.refund,
        "two": asking_agents.two,
        "paused": asking_agents.paused,
        "echo": asking_agents.echo,
        "one": paying_agent(PAY),
        "both": paying_agent(PAY, BOOK),
        "each": paying_agent(PAY, BOOK, mode="per_call"),
        "form": approval_agents.form,
        "colour": approval_agents.colour,
        "number": asking_with_schema("How many?", int),
    }


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The tools of the agents note in the current folder what they did."""
    monkeypatch.chdir(tmp_path)


def waiting(site: Any, page: Any, agent: str) -> Any:
    """Return the cards of a thread in which this agent asks something."""
    site.registry.create(id="a", agent_id=agent)
    site.runner.start("a", "go").result()
    page.goto("/t/a")
    cards = page.get_by_role("region", name="Waits for your answer")
    expect(cards).to_be_visible()
    return cards


def log(page: Any) -> Any:
    return page.get_by_role("log")


def test_question_in_words_is_answered(site, page):
    cards = waiting(site, page, "refund")
    expect(cards).to_contain_text("refund?")
    cards.get_by_role("textbox", name="Your answer").fill("yes")
    cards.get_by_role("button", name="Answer").click()
    expect(log(page)).to_contain_text("refunded")
    expect(cards).to_have_count(0)
    assert effects(asking_agents.EFFECTS) == ["refunded"]


def test_choices_are_buttons(site, page):
    cards = waiting(site, page, "colour")
    cards.get_by_role("button", name="green").click()
    expect(log(page)).to_contain_text("'green'")


def test_schema_is_a_form(site, page):
    cards = waiting(site, page, "form")
    cards.get_by_label("Colour").select_option("green")
    cards.get_by_label("Number").fill("7")
    cards.get_by_role("button", name="Answer").click()
    expect(log(page)).to_contain_text("colour='green', number=7")


def test_value_shows_its_data_and_takes_json(site, page):
    cards = waiting(site, page, "echo")
    expect(cards).to_contain_text('"most": 3')
    cards.get_by_role("textbox", name="Your answer").fill('{"n": 2}')
    cards.get_by_role("button", name="Answer").click()
    expect(log(page)).to_contain_text("{'n': 2}")


def test_tool_call_is_approved(site, page):
    cards = waiting(site, page, "one")
    expect(cards).to_contain_text("Run pay?")
    expect(cards.get_by_role("definition").first).to_have_text("10")
    expect(log(page).get_by_text("waits for you")).to_be_visible()
    cards.get_by_role("button", name="Approve").click()
    expect(log(page)).to_contain_text("paid 10 to Ann")
    assert effects(approval_agents.EFFECTS) == ["pay:10:Ann"]


def test_arguments_are_edited(site, page):
    cards = waiting(site, page, "one")
    cards.get_by_role("button", name="Edit").click()
    cards.get_by_label("amount").fill("25")
    cards.get_by_role("button", name="Run with these").click()
    expect(log(page)).to_contain_text("paid 25 to Ann")
    assert effects(approval_agents.EFFECTS) == ["pay:25:Ann"]


def test_tool_call_is_rejected_with_a_reason(site, page):
    cards = waiting(site, page, "one")
    cards.get_by_role("button", name="Reject").click()
    cards.get_by_label("Reason").fill("too much")
    cards.get_by_role("button", name="Reject").click()
    expect(log(page)).to_contain_text("too much")
    assert effects(approval_agents.EFFECTS) == []


def test_several_calls_are_decided_one_by_one_and_sent_together(site, page):
    cards = waiting(site, page, "both")
    send = cards.get_by_role("button", name="Send decisions")
    expect(send).to_be_disabled()
    cards.get_by_role("button", name="Approve", exact=True).first.click()
    expect(cards).to_contain_text("1 of 2 to decide")
    cards.get_by_role("button", name="Reject").click()
    cards.get_by_role("button", name="Reject").last.click()
    send.click()
    until(lambda: site.registry.get("a").status == "idle")
    expect(cards).to_have_count(0)
    assert effects(approval_agents.EFFECTS) == ["pay:10:Ann"]


def test_all_calls_are_approved_at_once(site, page):
    cards = waiting(site, page, "both")
    cards.get_by_role("button", name="Approve all 2").click()
    expect(log(page)).to_contain_text("paid 10 to Ann; booked Monday")


@pytest.mark.parametrize("agent", ["two", "each"])
def test_several_interrupts_are_answered_together(site, page, agent):
    cards = waiting(site, page, agent)
    send = cards.get_by_role("button", name="Send 2 answers")
    for n in range(2):
        expect(send).to_be_disabled()
        card = cards.locator(".card:not(.is-answered)").first
        if agent == "two":
            card.get_by_role("textbox", name="Your answer").fill(f"answer {n}")
            card.get_by_role("button", name="Answer").click()
        else:
            card.get_by_role("button", name="Approve", exact=True).click()
    send.click()
    expect(log(page)).to_contain_text("answer 0" if agent == "two" else "paid 10 to Ann; booked Monday")


def test_breakpoint_continues(site, page):
    cards = waiting(site, page, "paused")
    expect(cards).to_contain_text("model")
    cards.get_by_role("button", name="Continue").click()
    expect(log(page)).to_contain_text("gone on")


def test_answer_of_a_wrong_form_is_refused_and_the_card_stays(site, page):
    page.context.problems.expect("422")
    cards = waiting(site, page, "number")
    cards.get_by_role("textbox", name="Your answer").fill("many")
    cards.get_by_role("button", name="Answer").click()
    expect(page.get_by_role("alert").first).to_contain_text("value")
    expect(cards.get_by_role("textbox", name="Your answer")).to_have_value("many")
    cards.get_by_role("textbox", name="Your answer").fill("3")
    cards.get_by_role("button", name="Answer").click()
    expect(cards).to_have_count(0)


def test_card_disappears_when_another_client_answers(site, page):
    cards = waiting(site, page, "refund")
    site.runner.resume("a", True).result()
    expect(log(page)).to_contain_text("refunded")
    expect(cards).to_have_count(0)
