"""The search palette: hits in titles and messages, operators, keys, jumps to the message."""

from __future__ import annotations

import pytest
from browser import expect

import threads


@pytest.fixture
def palette(page):
    return page.get_by_role("dialog", name="Search")


@pytest.fixture
def field(palette):
    return palette.get_by_role("combobox")


def option(palette, text):
    return palette.get_by_role("option").filter(has_text=text)


def fill(site):
    site.registry.create(id="lamp", title="A lamp", tags=["vip"])
    site.registry.create(id="chair", title="A chair that wobbles")
    for id, text in (("lamp", "Bob wants a refund"), ("lamp", "and soon"), ("chair", "No refund, please")):
        site.runner.start(id, text).result()


def test_a_search_finds_titles_and_messages_with_marked_snippets(site, page, palette, field):
    fill(site)
    page.goto("/")
    page.keyboard.press("Control+k")
    expect(field).to_be_focused()
    expect(option(palette, "A lamp")).to_be_visible()  # recent ones, before anything is typed
    page.keyboard.type("refund")
    expect(palette.get_by_role("option")).to_have_count(4)
    expect(option(palette, "Bob wants").first.locator("mark")).to_have_text("refund")
    expect(option(palette, "Bob wants").first).to_contain_text("A lamp")
    field.fill("wobb")
    expect(palette.get_by_role("option")).to_have_count(1)
    expect(option(palette, "A chair that wobbles").locator("mark")).to_have_text("wobbles")


def test_enter_opens_the_message_which_is_marked_also_after_a_reload(site, page, palette):
    fill(site)
    message = next(each for each in site.registry.messages("lamp") if each.text == "Bob wants a refund")
    page.goto("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("role:user bob")
    expect(palette.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(palette).to_have_count(0)
    expect(page).to_have_url(f"{site.url}/t/lamp#{message.id}")
    marked = page.get_by_role("log").locator(".is-target")
    expect(marked).to_contain_text("Bob wants a refund")
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("Bob wants a refund")
    expect(marked).to_contain_text("Bob wants a refund")


def test_operators_narrow_a_search_and_are_completed(site, page, palette, field):
    fill(site)
    page.goto("/")
    page.keyboard.press("Control+k")
    field.fill("refund tag:v")
    expect(option(palette, "refund tag:vip")).to_be_visible()
    page.keyboard.press("Enter")
    expect(field).to_have_value("refund tag:vip ")
    expect(option(palette, "Bob wants")).to_have_count(2)
    expect(option(palette, "No refund")).to_have_count(0)
    palette.get_by_role("button", name="role:").click()
    expect(field).to_be_focused()
    page.keyboard.type("user")
    expect(option(palette, "Bob wants")).to_have_count(1)


def test_an_impossible_operator_is_explained(site, context, page, palette, field):
    context.problems.expect("422")
    page.goto("/")
    page.keyboard.press("Control+k")
    field.fill("is:lost")
    expect(palette.get_by_role("alert")).to_contain_text("is:pinned")
    field.fill("nothing like this")
    expect(palette.get_by_role("status")).to_contain_text("No conversation matches")


def test_arrows_choose_commands_and_escape_returns_the_focus(site, page, palette, field):
    page.goto("/")
    opener = page.get_by_role("button", name="Search conversations")
    opener.click()
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    page.keyboard.press("Control+k")
    page.keyboard.type("sett")
    expect(palette.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/settings")
    page.keyboard.press("Control+k")
    first = palette.get_by_role("option").first
    expect(first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    expect(palette.get_by_role("option").last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(first).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", first.get_attribute("id"))


def test_more_results_follow_by_cursor(site, page, palette, field):
    for number in range(45):
        site.registry.create(id=f"{number}", title=f"Lamp number {number}")
    page.goto("/")
    page.keyboard.press("Control+k")
    field.fill("lamp number")
    expect(palette.get_by_role("option")).to_have_count(21)
    palette.get_by_role("option", name="More results").click()
    expect(palette.get_by_role("option")).to_have_count(41)
    palette.get_by_role("option", name="More results").click()
    expect(palette.get_by_role("option")).to_have_count(45)


def test_snippets_are_marked_by_characters_and_never_as_markup(site, page, palette, field):
    site.registry.create(id="a", title="😀😀 <img src=x onerror=alert(1)> lamp 東京")
    page.goto("/")
    page.keyboard.press("Control+k")
    field.fill("lamp")
    expect(palette.get_by_role("option").locator("mark")).to_have_text("lamp")
    expect(palette.get_by_role("option")).to_contain_text("😀😀 <img src=x onerror=alert(1)> lamp")


def test_a_slow_response_does_not_replace_a_later_one(site, context, page, palette, field):
    fill(site)
    page.goto("/")
    held = []
    context.route("**/api/v1/search?text=refund&*", lambda route: held.append(route))
    page.keyboard.press("Control+k")
    field.fill("refund")
    expect(palette.get_by_role("status")).to_contain_text("Searching")
    field.fill("wobbles")
    expect(option(palette, "A chair")).to_be_visible()
    for route in held:
        route.abort()
    expect(palette.get_by_role("option")).to_have_count(1)


def test_a_search_of_one_user_never_shows_anothers(site, new_context):
    tokens = {}
    for name in ("alice", "bob"):
        site.registry.users.add(name)
        tokens[name] = site.registry.users.new_token(name)
        site.registry.create(id=f"of {name}", title=f"Secret lamp of {name}", owner=name)
    for name, other in (("alice", "bob"), ("bob", "alice")):
        context = new_context()
        context.problems.expect("401")
        page = context.new_page()
        page.goto("/")
        page.get_by_label("Token").fill(tokens[name])
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name=f"Secret lamp of {name}")).to_be_visible()
        page.keyboard.press("Control+k")
        page.keyboard.type("lamp")
        expect(page.get_by_role("option")).to_have_count(1)
        assert f"of {other}" not in page.content()
        page.keyboard.press("Escape")


def test_the_palette_needs_no_title_of_an_unloaded_thread(site, page, palette, field):
    with threads.open(site.path) as registry:
        registry.create(id="old", title="Archived lamp")
        registry.update("old", archived=True)
    page.goto("/")
    page.keyboard.press("Control+k")
    field.fill("lamp is:archived")
    option(palette, "Archived lamp").click()
    expect(page).to_have_url(f"{site.url}/t/old")
    expect(page).to_have_title("Archived lamp · Threads")
