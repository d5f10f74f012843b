"""Archive, trash, analytics, settings, and sign-in by token."""

from __future__ import annotations

import re

import pytest
from browser import expect
from graphs import Plain, compiled, plain_graph
from langchain_core.messages import AIMessage
from run_helpers import until


def _answer(state):
    if state["messages"][-1].text == "fail":
        raise ValueError("no")
    usage = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    return {"messages": [AIMessage("fine", usage_metadata=usage)]}


@pytest.fixture
def agents():
    return {"support": compiled(Plain, _answer, None), "writer": plain_graph(None)}


@pytest.fixture
def nav(page):
    return page.get_by_role("navigation", name="Conversations")


@pytest.fixture
def view(page):
    return page.locator("#view")


def create(site, *ids, **fields):
    for id in ids:
        site.registry.create(id=id, title=f"Thread {id}", **{"agent_id": "support"} | fields)


def choose(page, place, title, entry):
    row = place.locator(".row-item").filter(has_text=title)
    row.hover()
    row.get_by_role("button").click()
    page.get_by_role("menuitem", name=entry).click()


# archive and trash


def test_the_archive_lists_opens_and_gives_back(site, page, nav, view):
    create(site, *"abc")
    for id in "ab":
        site.registry.update(id, archived=True)
    page.goto("/")
    nav.get_by_role("link", name="Archive").click()
    expect(page).to_have_url(f"{site.url}/archive")
    expect(page).to_have_title("Archive · Threads")
    expect(view.get_by_role("link")).to_have_count(2)
    choose(page, view, "Thread a", "Take out of the archive")
    expect(nav.get_by_role("link", name="Thread a")).to_be_visible()
    expect(view.get_by_role("link")).to_have_count(1)
    assert not site.registry.get("a").archived
    view.get_by_role("link", name="Thread b").click()
    expect(page).to_have_url(f"{site.url}/t/b")
    page.go_back()
    expect(view.get_by_role("link", name="Thread b")).to_be_visible()


def test_what_is_deleted_is_in_the_trash_and_can_be_restored(site, page, nav, view):
    create(site, *"ab")
    page.goto("/trash")
    expect(view).to_contain_text("The trash is empty.")
    nav.get_by_role("link", name="Thread a").focus()
    page.keyboard.press("Delete")
    expect(view.get_by_role("link", name="Thread a")).to_be_visible()
    choose(page, view, "Thread a", "Restore")
    expect(nav.get_by_role("link", name="Thread a")).to_be_visible()
    expect(view).to_contain_text("The trash is empty.")
    assert site.registry.get("a").trashed_at is None


def test_deleting_permanently_asks_first(site, page, view):
    create(site, *"abc")
    for id in "abc":
        site.registry.trash(id)
    page.goto("/trash")
    choose(page, view, "Thread a", "Delete permanently…")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(view.get_by_role("link")).to_have_count(3)
    choose(page, view, "Thread a", "Delete permanently…")
    page.get_by_role("dialog").get_by_role("button", name="Delete permanently").click()
    expect(view.get_by_role("link")).to_have_count(2)
    page.get_by_role("button", name="Empty the trash…").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete permanently").click()
    expect(view).to_contain_text("The trash is empty.")
    assert list(site.registry.list(trashed=True)) == []


def test_several_are_restored_at_once(site, page, nav, view):
    create(site, *"abcd")
    for id in "abcd":
        site.registry.trash(id)
    page.goto("/trash")
    view.get_by_role("button", name="Select").click()
    view.get_by_role("checkbox", name="Thread d").click()
    view.get_by_role("checkbox", name="Thread b").click(modifiers=["Shift"])
    view.get_by_role("button", name="Restore").click()
    expect(view.get_by_role("link")).to_have_count(1)
    expect(nav.locator("[data-scope=main]").get_by_role("link")).to_have_count(3)
    assert [id for id in "abcd" if site.registry.get(id).trashed_at] == ["a"]


# analytics


def test_analytics_shows_numbers_by_day_agent_and_tag(site, page, view):
    create(site, "a", tags=["vip"])
    create(site, "b", agent_id="writer")
    for id, text in (("a", "hello"), ("a", "fail"), ("b", "hello")):
        site.runner.start(id, text)
        until(
            lambda id=id: (
                site.registry.get(id).status != "busy"
                and all(run.finished_at for run in site.registry.runs(id))
            )
        )
    page.goto("/analytics")
    totals = view.locator(".totals > div")
    expect(totals.filter(has_text="New conversations")).to_contain_text("2")
    expect(totals.filter(has_text="Messages")).to_contain_text("5")
    expect(totals.filter(has_text="Tokens")).to_contain_text("7")
    expect(totals.filter(has_text="Failed runs")).to_contain_text("1")
    expect(view.get_by_role("img", name=re.compile("^Messages from .* with 5"))).to_be_visible()
    view.get_by_text("All numbers as a table").click()
    expect(view.get_by_role("row").nth(1)).to_contain_text(re.compile(r"2\s*5\s*7"))
    view.get_by_role("button", name="Agent").click()
    expect(view.get_by_role("list", name="Failed runs").get_by_role("listitem")).to_have_text(
        [re.compile(r"support\s*1"), re.compile(r"writer\s*0")]
    )
    view.get_by_role("button", name="Tag").click()
    expect(
        view.get_by_role("list", name="Messages").get_by_role("listitem").filter(has_text="vip")
    ).to_contain_text("3")
    view.get_by_role("button", name="Day").click()
    view.get_by_role("combobox", name="Agent").select_option("writer")
    expect(totals.filter(has_text="Messages")).to_contain_text("2")


def test_unknown_numbers_are_not_zero(site, context, page, view):
    unknown = {
        "key": None,
        "threads": 1,
        "messages": None,
        "input_tokens": None,
        "output_tokens": None,
        "runs": 0,
        "failures": 0,
        "latency": None,
    }

    def answer(route):
        route.fulfill(json=[unknown | {"key": page.evaluate("new Date().toISOString().slice(0, 10)")}])

    context.route("**/api/v1/analytics?*", answer)
    page.goto("/analytics")
    expect(view.locator(".totals > div").filter(has_text="Messages").locator("dd")).to_have_text("–")
    expect(view.locator("figure").filter(has_text="Messages").get_by_role("img")).to_have_accessible_name(
        re.compile("Messages from")
    )
    view.get_by_text("All numbers as a table").click()
    expect(view.get_by_role("row").nth(1).get_by_role("cell").nth(1)).to_have_text("–")


def test_statistics_that_fail_can_be_loaded_again(site, context, page, view):
    context.problems.expect("503")
    create(site, "a")
    site.runner.start("a", "hello").result()
    context.route(
        "**/api/v1/analytics?*",
        lambda route: route.fulfill(status=503, json={"error": "the disk sleeps", "code": "DatabaseBusy"}),
    )
    page.goto("/analytics")
    expect(view.get_by_role("alert")).to_contain_text("the disk sleeps")
    context.unroute("**/api/v1/analytics?*")
    view.get_by_role("button", name="Try again").click()
    expect(view.locator(".totals > div").filter(has_text="New conversations")).to_contain_text("1")


# settings


def test_theme_and_language_of_dates_hold_for_the_browser(site, context, page, view):
    create(site, "a")
    other = context.new_page()
    other.goto("/")
    page.goto("/settings")
    view.get_by_role("radio", name="Dark").check(force=True)
    expect(page.locator("body")).to_have_css("background-color", "rgb(23, 24, 27)")
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")
    view.get_by_label("Language of dates").select_option("de")
    example = view.get_by_test_id("date-example")
    expect(example).to_contain_text(re.compile("tag,"))  # Montag, Dienstag, ...
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(example).to_contain_text(re.compile("tag,"))
    view.get_by_role("radio", name="As the system").check(force=True)
    expect(page.locator("html")).not_to_have_attribute("data-theme", "dark")


def test_the_list_of_shortcuts_has_every_key(page, view):
    page.goto("/settings")
    page.locator("body").press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    for label in (
        "Search",
        "New conversation",
        "Rename the conversation",
        "Next conversation",
        "Archive, on a row of the list",
    ):
        expect(dialog.get_by_text(label, exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


# sign-in


@pytest.fixture
def alice(site):
    site.registry.users.add("alice")
    site.registry.create(id="of alice", title="Thread of Alice", owner="alice", agent_id="support")
    return site.registry.users.new_token("alice")


def sign_in(page, token):
    page.get_by_label("Token").fill(token)
    page.keyboard.press("Enter")


def test_signing_in_shows_the_users_threads_and_signing_out_hides_them(site, context, page, nav, view, alice):
    context.problems.expect("401")
    page.goto("/t/of%20alice")
    expect(page.get_by_label("Token")).to_be_focused()
    sign_in(page, "nonsense")
    expect(page.get_by_role("alert").filter(has_text="not valid")).to_be_visible()
    sign_in(page, alice)
    expect(nav.get_by_role("link", name="Thread of Alice")).to_have_attribute("aria-current", "page")
    expect(nav).to_contain_text("alice")
    other = context.new_page()
    other.goto("/")
    expect(other.get_by_role("link", name="Thread of Alice")).to_be_visible()
    nav.get_by_role("link", name="Settings").click()
    view.get_by_role("button", name="Sign out").click()
    for each in (page, other):
        expect(each.get_by_label("Token")).to_be_visible()
        expect(each.get_by_text("Thread of Alice")).to_have_count(0)


def test_a_session_that_ends_loses_nothing_that_is_typed(site, context, page, nav, alice):
    context.problems.expect("401")
    page.goto("/t/of%20alice")
    sign_in(page, alice)
    message = page.get_by_role("textbox", name="Message")
    message.fill("A long question, typed with care")
    cookie = next(each for each in context.cookies() if each["name"] == "threads_session")
    actor, token_id = site.registry.users.who(cookie["value"])
    site.registry.users.revoke(actor.name, token_id)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    sign_in(page, alice)
    expect(nav.get_by_role("link", name="Thread of Alice")).to_be_visible()
    expect(page.locator("#chat")).to_contain_text("A long question") if message.input_value() == "" else None
    shown = page.evaluate(
        "document.querySelector('#chat textarea').value + document.querySelector('#chat').innerText"
    )
    assert "A long question, typed with care" in shown


def test_another_user_who_signs_in_sees_nothing_of_the_last(site, context, page, nav, alice):
    context.problems.expect("401")
    site.registry.users.add("bob")
    bob = site.registry.users.new_token("bob")
    page.goto("/")
    sign_in(page, alice)
    expect(nav.get_by_role("link", name="Thread of Alice")).to_be_visible()
    site.registry.users.remove("alice")
    expect(page.get_by_text("Your session has ended")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("Thread of Alice")).to_have_count(0)
    sign_in(page, bob)
    expect(nav.locator(".me")).to_contain_text("bob")
    assert "Alice" not in page.content()
