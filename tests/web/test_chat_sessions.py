"""The conversation of a user whose token expires, and of a user whose clock is wrong."""

from collections.abc import Iterator
from typing import Any

import pytest
from browser import expect
from paced_agents import Pace, paced_agent

WORDS = " ".join(f"w{n}" for n in range(40))


@pytest.fixture
def pace() -> Iterator[Pace]:
    found = Pace()
    yield found
    found.release()


@pytest.fixture
def agents(pace: Pace) -> dict[str, Any]:
    return {"support": paced_agent(lambda text: WORDS if text == "words" else f"re: {text}", pace)}


def field(page: Any) -> Any:
    return page.get_by_role("textbox", name="Message", exact=True)


def log(page: Any) -> Any:
    return page.get_by_role("log")


def sign_in(site: Any, page: Any, name: str) -> None:
    page.get_by_label("Token").fill(site.registry.users.new_token(name))
    page.get_by_role("button", name="Sign in").click()


def test_token_that_expires_in_mid_stream_loses_nothing(site, page, pace):
    page.context.problems.expect("401")
    site.registry.users.add("alice")
    site.registry.create(id="a", agent_id="support", owner="alice")
    page.goto("/t/a")
    sign_in(site, page, "alice")
    pace.hold()
    field(page).fill("words")
    field(page).press("Enter")
    pace.allow(5)
    expect(log(page)).to_contain_text("w4")
    field(page).fill("half a thought")
    site.registry.users.revoke("alice")
    expect(page.get_by_role("heading", name="Your session has ended")).to_be_visible()
    pace.allow(5)
    sign_in(site, page, "alice")
    expect(log(page)).to_contain_text("w0 w1 w2 w3 w4 w5 w6 w7 w8 w9")
    expect(field(page)).to_have_value("half a thought")
    pace.release()
    expect(log(page)).to_contain_text("w38 w39")
    assert log(page).inner_text().count("w0 w1") == 1


def test_token_that_expired_before_sending_gives_the_text_back(site, page):
    page.context.problems.expect("401")
    site.registry.users.add("alice")
    site.registry.create(id="a", agent_id="support", owner="alice")
    page.goto("/t/a")
    sign_in(site, page, "alice")
    expect(page.get_by_role("heading", name="assistant").or_(log(page).locator(".welcome"))).to_be_visible()
    page.context.clear_cookies()
    field(page).fill("hello")
    field(page).press("Enter")
    expect(page.get_by_label("Token")).to_be_visible()
    sign_in(site, page, "alice")
    expect(field(page)).to_have_value("hello")
    field(page).press("Enter")
    expect(log(page)).to_contain_text("re: hello")


@pytest.mark.parametrize("year", [1999, 2077])
def test_wrong_clock_changes_no_message(site, page, year):
    page.clock.install(time=f"{year}-05-05T05:05:05Z")
    site.registry.create(id="a", agent_id="support", title="Now")
    site.runner.start("a", "first").result()
    page.goto("/t/a")
    expect(log(page)).to_contain_text("re: first")
    field(page).fill("second")
    field(page).press("Enter")
    expect(log(page)).to_contain_text("re: second")
    expect(log(page)).not_to_contain_text("Today")
    assert [each.text for each in site.registry.messages("a")] == [
        "first",
        "re: first",
        "second",
        "re: second",
    ]
