"""New conversations, the agent that answers, and conversations of which nothing is stored."""

from collections.abc import Iterator
from typing import Any

import pytest
from browser import expect
from paced_agents import Pace, paced_agent
from run_helpers import until

STARTERS = ["Where is my order?", "I want my money back", "Which lamp?", "Hello"]


@pytest.fixture
def pace() -> Iterator[Pace]:
    found = Pace()
    yield found
    found.release()


@pytest.fixture
def agents(pace: Pace) -> dict[str, Any]:
    def answers(name: str) -> Any:
        def answer(text: str) -> str:
            if text == "fail":
                raise ConnectionError("the model provider is down")
            return " ".join(f"w{n}" for n in range(40)) if text == "words" else f"{name}: {text}"

        return answer

    support = {"name": "Support", "description": "Knows all about orders.", "starters": STARTERS}
    return {
        "support": paced_agent(answers("support"), pace, **support),
        "sales": paced_agent(answers("sales"), pace, name="Sales", description="Sells lamps."),
    }


def field(page: Any) -> Any:
    return page.get_by_role("textbox", name="Message", exact=True)


def log(page: Any) -> Any:
    return page.get_by_role("log")


def say(page: Any, text: str) -> None:
    field(page).fill(text)
    field(page).press("Enter")


def agent_button(page: Any) -> Any:
    return page.locator("#header").get_by_role("button", name="Agent:")


def choose(page: Any, name: str) -> None:
    agent_button(page).click()
    page.get_by_role("menuitemradio", name=name).click()


def test_new_conversation_exists_from_its_first_message_on(site, page):
    requests: list[str] = []
    page.on("request", lambda each: each.method != "GET" and requests.append(f"{each.method} {each.url}"))
    page.goto("/")
    expect(page.get_by_role("heading", name="Support")).to_be_visible()
    expect(log(page)).to_contain_text("Knows all about orders.")
    field(page).fill("hello")
    assert len(site.registry.list()) == 0
    field(page).press("Enter")
    expect(log(page)).to_contain_text("support: hello")
    [thread] = site.registry.list()
    expect(page).to_have_url(f"{site.url}/t/{thread.id}")
    expect(page.locator("#header").get_by_role("heading")).to_have_text("hello")
    assert requests[0].endswith("/api/v1/threads")
    assert not [each for each in requests if each.endswith("/messages")]
    page.go_back()
    expect(page).not_to_have_url(f"{site.url}/t/{thread.id}")


def test_first_answer_streams(site, page, pace):
    page.goto("/")
    expect(page.get_by_role("heading", name="Support")).to_be_visible()
    pace.hold()
    say(page, "words")
    pace.allow(5)
    expect(log(page)).to_contain_text("w4")
    assert "w5" not in log(page).inner_text()
    pace.release()
    expect(log(page)).to_contain_text("w39")
    assert log(page).get_by_text("words", exact=True).count() == 1


def test_starter_begins_a_conversation(site, page):
    page.goto("/")
    starters = page.get_by_role("list", name="Messages to begin with").get_by_role("button")
    expect(starters).to_have_text(STARTERS)
    starters.nth(1).click()
    expect(log(page)).to_contain_text("support: I want my money back")


def test_chosen_agent_answers_the_new_conversation(site, page):
    page.goto("/")
    agent_button(page).click()
    expect(page.get_by_role("menu")).to_contain_text("Sells lamps.")
    page.get_by_role("menuitemradio", name="Sales").click()
    expect(page.get_by_role("heading", name="Sales")).to_be_visible()
    say(page, "hello")
    expect(log(page)).to_contain_text("sales: hello")
    assert site.registry.list()[0].agent_id == "sales"


def test_other_agent_continues_here(site, page):
    site.registry.create(id="a", agent_id="support")
    site.runner.start("a", "hello").result()
    page.goto("/t/a")
    choose(page, "Sales")
    page.get_by_role("dialog").get_by_role("button", name="Continue here").click()
    expect(agent_button(page)).to_contain_text("Sales")
    say(page, "and now?")
    expect(log(page)).to_contain_text("sales: and now?")
    assert site.registry.get("a").agent_id == "sales"


def test_other_agent_starts_a_new_conversation(site, page):
    site.registry.create(id="a", agent_id="support")
    site.runner.start("a", "hello").result()
    page.goto("/t/a")
    choose(page, "Sales")
    page.get_by_role("dialog").get_by_role("button", name="Start new").click()
    expect(page).to_have_url(f"{site.url}/")
    expect(agent_button(page)).to_contain_text("Sales")
    assert site.registry.get("a").agent_id == "support"


@pytest.mark.parametrize("agent", [None, "retired"])
def test_thread_without_its_agent_is_readable_and_asks_for_one(site, page, agent):
    site.registry.create(id="a", agent_id="support")
    site.runner.start("a", "hello").result()
    site.registry.update("a", agent_id=agent)
    page.goto("/t/a")
    expect(log(page)).to_contain_text("support: hello")
    field(page).fill("anybody there?")
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    expect(page.locator(".composer")).to_contain_text("hoose a")
    choose(page, "Sales")
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    field(page).press("Enter")
    expect(log(page)).to_contain_text("sales: anybody there?")


def test_temporary_conversation_stores_nothing(site, page, pace):
    page.goto("/")
    page.get_by_role("button", name="Temporary").click()
    expect(page.get_by_role("heading", name="Temporary conversation")).to_be_visible()
    pace.hold()
    say(page, "words")
    pace.allow(4)
    expect(log(page)).to_contain_text("w3")
    pace.release()
    expect(log(page)).to_contain_text("w39")
    say(page, "second")
    expect(log(page)).to_contain_text("support: second")
    assert len(site.registry.list()) == 0
    assert "second" not in str(page.evaluate("JSON.stringify(localStorage)"))
    page.get_by_role("button", name="Temporary").click()
    page.get_by_role("dialog").get_by_role("button", name="Leave").click()
    expect(log(page)).not_to_contain_text("second")
    expect(page.get_by_role("heading", name="Support")).to_be_visible()


def test_temporary_answer_can_be_stopped_and_failures_are_said(site, page, pace):
    page.goto("/")
    page.get_by_role("button", name="Temporary").click()
    pace.hold()
    say(page, "words")
    pace.allow(4)
    expect(log(page)).to_contain_text("w3")
    page.get_by_role("button", name="Stop the answer").click()
    pace.release()
    expect(log(page)).to_contain_text("This answer is not complete")
    say(page, "fail")
    expect(log(page).get_by_role("alert")).to_contain_text("the model provider is down")
    expect(log(page).get_by_role("button", name="Retry")).to_be_visible()


def test_title_is_renamed_in_the_header(site, page):
    site.registry.create(id="a", agent_id="support", title="Old")
    page.goto("/t/a")
    page.get_by_role("button", name="Actions for this conversation").click()
    page.get_by_role("menuitem", name="Rename").click()
    title = page.get_by_role("textbox", name="Title")
    expect(title).to_be_focused()
    title.fill("New title")
    title.press("Enter")
    expect(page.locator("#header").get_by_role("heading")).to_have_text("New title")
    until(lambda: site.registry.get("a").title == "New title")


def test_trashed_thread_is_said_and_restored(site, page):
    page.context.problems.expect("409")
    site.registry.create(id="a", agent_id="support", title="Old")
    site.runner.start("a", "hello").result()
    site.registry.trash("a")
    page.goto("/t/a")
    page.get_by_role("button", name="Restore").click()
    expect(log(page)).to_contain_text("support: hello")
    say(page, "back")
    expect(log(page)).to_contain_text("support: back")


def test_new_leaves_a_temporary_conversation(site, page):
    page.goto("/")
    page.get_by_role("button", name="Temporary").click()
    say(page, "hello")
    expect(log(page)).to_contain_text("support: hello")
    choose(page, "Sales")
    say(page, "and you?")
    expect(log(page)).to_contain_text("sales: and you?")
    expect(log(page)).to_contain_text("support: hello")
    page.get_by_role("navigation").get_by_role("link", name="New").click()
    page.get_by_role("dialog").get_by_role("button", name="Leave").click()
    expect(page.get_by_role("heading", name="Sales")).to_be_visible()
    say(page, "stay")
    expect(log(page)).to_contain_text("sales: stay")
    assert len(site.registry.list()) == 1
