"""A server's own limits are shown before something is sent."""

import pytest
from browser import expect

from threads.api import Limits


@pytest.fixture
def app_options():
    return {"limits": Limits(body=4_000)}


def test_a_message_that_is_too_long_for_this_server_is_not_sent(site, page):
    page.goto("/")
    field = page.get_by_role("textbox", name="Message", exact=True)
    field.fill("x" * 4_100)
    warning = page.get_by_role("alert").filter(has_text="Too long by")
    expect(warning).to_be_visible()
    field.press("Enter")
    expect(field).to_have_value("x" * 4_100)
    assert site.registry.list().total == 0
    field.fill("é" * 1_600)  # 3,200 bytes
    expect(warning).to_have_count(0)
    field.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("re: é")
