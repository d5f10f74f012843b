"""The sidebar: groups, rows, pages, changes by others, renaming, deleting, selection, filters, keys."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from browser import expect
from graphs import Plain, compiled, config, plain_graph, said
from langchain_core.messages import AIMessage
from langgraph.types import interrupt
from run_helpers import Gate, until

import threads

NOW = datetime(2026, 3, 15, 12, 0, tzinfo=UTC)


def answer(state):
    """Answer as the last message asks: wait at the gate, ask back, fail, or echo."""
    text = state["messages"][-1].text
    if text.startswith("wait"):
        answer.gate.wait()
    if text.startswith("ask"):
        interrupt("Really?")
    if text.startswith("fail"):
        raise ValueError("no")
    return {"messages": [AIMessage(f"re: {text}")]}


@pytest.fixture
def gate():
    answer.gate = Gate()
    yield answer.gate
    answer.gate.opened.set()


@pytest.fixture
def agents(gate):
    return {"support": compiled(Plain, answer, None), "writer": plain_graph(None)}


@pytest.fixture
def nav(page):
    return page.get_by_role("navigation", name="Conversations")


def row(nav, title):
    return nav.get_by_role("link", name=title)


def item(nav, id):
    return nav.locator(f'[data-scope=main] [data-thread="{id}"]')


def titles(nav):
    return nav.locator("[data-scope=main] a.row .t").all_text_contents()


def create(site, *ids, **fields):
    for id in ids:
        site.registry.create(id=id, title=f"Thread {id}", **{"agent_id": "support"} | fields)


def create_at(site, moments):
    """Create threads in this order, each at its time."""
    now = []
    with threads.open(site.path, clock=lambda: now[-1]) as registry:
        for id, moment in moments.items():
            now.append(moment)
            registry.create(id=id, title=id)


# groups


def test_threads_are_grouped_by_the_days_of_the_reader(site, new_context):
    moments = {
        "long ago": datetime(2024, 5, 1, tzinfo=UTC),
        "this year": datetime(2026, 1, 2, tzinfo=UTC),
        "last week": datetime(2026, 3, 9, 12, tzinfo=UTC),
        "late yesterday in UTC": datetime(2026, 3, 14, 16, tzinfo=UTC),  # 01:00 of the 15th in Tokyo
        "pinned": datetime(2026, 2, 1, tzinfo=UTC),
        "now": NOW,
    }
    create_at(site, moments)
    site.registry.update("pinned", pinned=True)
    for zone, day in (("Asia/Tokyo", "Today"), ("Europe/London", "Yesterday")):
        page = new_context(timezone_id=zone, locale="de-DE").new_page()
        page.clock.set_fixed_time(NOW)
        page.goto("/")
        groups = page.locator(".group")
        expect(groups.filter(has_text="late yesterday").get_by_role("heading")).to_have_text(day)
        headings = groups.get_by_role("heading").all_text_contents()
        assert headings == [
            "Pinned",
            "Today",
            *([] if day == "Today" else [day]),
            "Previous 7 days",
            "Januar",
            "Mai 2024",
        ]
        expect(page.get_by_role("link", name="this year").locator("time")).to_have_text("2. Jan.")


def test_a_wrong_clock_moves_one_thread_only(site, page, nav):
    create_at(
        site,
        {
            "before": NOW,
            "ahead": NOW + timedelta(days=400),
            "after": NOW,
            "behind": datetime(1971, 1, 1, tzinfo=UTC),
        },
    )
    page.clock.set_fixed_time(NOW)
    page.goto("/")
    expect(row(nav, "behind")).to_be_visible()
    headings = nav.locator(".group").get_by_role("heading").all_text_contents()
    assert headings == ["Today", "January 1971"]
    assert titles(nav) == ["after", "ahead", "before", "behind"]


# rows


def test_a_row_shows_title_preview_count_and_time(site, page, nav):
    create(site, "a")
    site.runner.start("a", "hello").result()
    site.registry.mark_read("a", "local user")
    page.goto("/")
    link = row(nav, "Thread a")
    expect(link).to_have_attribute("href", "/t/a")
    expect(link).to_contain_text("re: hello")
    expect(link.locator(".count")).to_have_text("2 messages")
    expect(link.locator("time")).to_have_text(re.compile(r"^\d\d:\d\d$"))


def test_marks_say_that_a_thread_runs_waits_failed_or_has_unread_messages(site, page, nav, gate):
    create(site, "runs", "waits", "fails", "new")
    for id, text in (("runs", "wait"), ("waits", "ask"), ("fails", "fail"), ("new", "hello")):
        site.runner.start(id, text)
    page.goto("/")
    expect(item(nav, "runs").get_by_role("img", name="answering")).to_be_visible()
    expect(item(nav, "waits")).to_contain_text("waits for you")
    expect(item(nav, "fails")).to_contain_text("failed")
    expect(item(nav, "new").locator(".badge")).to_have_text("1 unread")
    gate.opened.set()
    expect(item(nav, "runs")).to_contain_text("re: wait")
    expect(item(nav, "runs").locator(".badge")).to_have_text("1 unread")


def test_opening_a_thread_takes_its_unread_mark_away(site, page, nav):
    create(site, "a", "b")
    site.runner.start("a", "hello").result()
    page.goto("/")
    expect(item(nav, "a").locator(".badge")).to_be_visible()
    row(nav, "Thread a").click()
    expect(item(nav, "a").locator(".badge")).to_have_count(0)


# many threads


def test_pages_load_at_the_end_and_few_rows_are_rendered(site, page, nav):
    create(site, *(f"{number:03}" for number in range(400)))
    page.goto("/")
    expect(row(nav, "Thread 399")).to_be_visible()
    expect(row(nav, "Thread 000")).to_have_count(0)
    scroller = nav.locator(".list")
    for _ in range(60):
        if row(nav, "Thread 000").count():
            break
        scroller.evaluate(
            "list => new Promise(done => { list.scrollTop = list.scrollHeight; requestAnimationFrame(() => requestAnimationFrame(done)); })"
        )
    expect(row(nav, "Thread 000")).to_be_visible()
    assert nav.locator(".row-item").count() < 60
    scroller.evaluate("list => { list.scrollTop = 0 }")
    expect(row(nav, "Thread 399")).to_be_visible()


def test_a_thread_that_becomes_active_does_not_move_what_is_read(site, page, nav):
    create(site, *(f"{number:03}" for number in range(100)))
    page.goto("/")
    expect(row(nav, "Thread 099")).to_be_visible()
    nav.locator(".list").evaluate("list => { list.scrollTop = 1500 }")
    middle = row(nav, "Thread 070")
    expect(middle).to_be_visible()
    before = middle.bounding_box()
    site.runner.start("001", "hello").result()
    nav.locator(".list").evaluate("list => { list.dataset.seen = list.scrollTop }")
    expect(nav.locator(".list")).not_to_have_js_property("scrollTop", 1500)
    assert middle.bounding_box() == before


# what others do


def test_a_run_of_another_client_moves_its_thread_to_the_front(site, page, nav):
    create(site, "a", "b", "c")
    page.goto("/")
    expect(row(nav, "Thread c")).to_be_visible()
    site.runner.start("a", "hello").result()
    expect(item(nav, "a")).to_contain_text("re: hello")
    assert titles(nav) == ["Thread a", "Thread c", "Thread b"]


def test_a_script_with_a_plain_invoke_is_seen(site, page, nav):
    create(site, "a", "b")
    page.goto("/")
    expect(row(nav, "Thread a")).to_be_visible()
    with threads.open(site.path) as registry:
        plain_graph(registry.checkpointer).invoke(said("from a script"), config("script"))
    expect(row(nav, "from a script")).to_be_visible(timeout=15_000)
    assert titles(nav)[0] == "from a script"


def test_changes_by_the_command_line_are_seen(site, page, nav):
    create(site, "a", "b")
    page.goto("/")
    expect(row(nav, "Thread b")).to_be_visible()
    command = [sys.executable, "-m", "threads", "--db", str(site.path)]
    subprocess.run([*command, "rename", "a", "By hand"], check=True, capture_output=True)
    expect(row(nav, "By hand")).to_be_visible()
    subprocess.run([*command, "archive", "b"], check=True, capture_output=True)
    expect(row(nav, "Thread b")).to_have_count(0, timeout=15_000)


def test_another_tab_sees_at_once_what_this_one_does(site, context, page, nav):
    create(site, "a", "b")
    page.goto("/")
    other = context.new_page()
    other.goto("/")
    expect(other.get_by_role("link", name="Thread a")).to_be_visible()
    page.bring_to_front()
    row(nav, "Thread a").focus()
    page.keyboard.press("p")
    expect(nav.get_by_role("heading", name="Pinned")).to_be_visible()
    expect(other.get_by_role("heading", name="Pinned")).to_be_visible()


def test_a_thread_erased_elsewhere_leaves_the_list(site, page, nav):
    create(site, "a", "b")
    page.goto("/")
    expect(row(nav, "Thread a")).to_be_visible()
    site.registry.delete("a")
    expect(row(nav, "Thread a")).to_have_count(0, timeout=15_000)
    expect(row(nav, "Thread b")).to_be_visible()


# renaming


def test_f2_and_double_click_rename_in_place(site, page, nav):
    create(site, "a", "b")
    page.goto("/")
    row(nav, "Thread a").focus()
    page.keyboard.press("F2")
    editor = nav.get_by_role("textbox", name="Title")
    expect(editor).to_be_focused()
    expect(editor).to_have_value("Thread a")
    page.keyboard.type("Lamps")
    page.keyboard.press("Enter")
    expect(row(nav, "Lamps")).to_be_focused()
    row(nav, "Thread b").dblclick()
    page.keyboard.type("Chairs")
    page.keyboard.press("Enter")
    expect(row(nav, "Chairs")).to_be_visible()
    until(lambda: [site.registry.get(id).title for id in "ab"] == ["Lamps", "Chairs"])


def test_escape_leaves_the_title_and_an_empty_one_is_automatic(site, page, nav):
    create(site, "a")
    site.runner.start("a", "My lamp is broken").result()
    page.goto("/")
    row(nav, "Thread a").focus()
    page.keyboard.press("F2")
    page.keyboard.type("Nonsense")
    page.keyboard.press("Escape")
    expect(row(nav, "Thread a")).to_be_focused()
    page.keyboard.press("F2")
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    expect(row(nav, "My lamp is broken")).to_be_visible()


def test_a_title_that_was_refused_is_not_lost(site, context, page, nav):
    context.problems.expect("422")
    create(site, "a")
    page.goto("/")
    context.route(
        "**/api/v1/threads/a",
        lambda route: route.fulfill(status=422, json={"error": "title: too odd", "code": "InvalidValue"}),
    )
    row(nav, "Thread a").focus()
    page.keyboard.press("F2")
    page.keyboard.type("Typed with care")
    page.keyboard.press("Enter")
    expect(page.get_by_text("title: too odd")).to_be_visible()
    expect(nav.get_by_role("textbox", name="Title")).to_have_value("Typed with care")


# deleting, pinning, tags, archive


def test_delete_can_be_undone_for_eight_seconds(site, page, nav):
    create(site, "a", "b")
    page.clock.install()
    page.goto("/")
    row(nav, "Thread a").focus()
    page.keyboard.press("Delete")
    expect(row(nav, "Thread a")).to_have_count(0)
    page.clock.run_for(7_000)
    page.get_by_role("button", name="Undo").click()
    page.clock.run_for(1_000)
    expect(row(nav, "Thread a")).to_be_visible()
    until(lambda: site.registry.get("a").trashed_at is None)
    row(nav, "Thread b").focus()
    page.keyboard.press("Delete")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.mouse.move(600, 300)
    page.clock.run_for(9_000)
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    assert site.registry.get("b").trashed_at is not None


def test_a_thread_that_is_being_answered_is_not_deleted(site, page, nav, gate):
    create(site, "a")
    site.runner.start("a", "wait")
    page.goto("/")
    expect(item(nav, "a").get_by_role("img", name="answering")).to_be_visible()
    row(nav, "Thread a").focus()
    page.keyboard.press("Delete")
    expect(page.get_by_text("still being answered")).to_be_visible()
    expect(row(nav, "Thread a")).to_be_visible()


def test_the_menu_of_a_row_pins_tags_and_archives(site, page, nav):
    create(site, "a", "b")
    page.goto("/")

    def choose(title, entry):
        row(nav, title).hover()
        nav.get_by_role("button", name=f"Actions for {title}").click()
        page.get_by_role("menuitem", name=entry).click()

    choose("Thread a", "Pin")
    expect(nav.get_by_role("heading", name="Pinned")).to_be_visible()
    choose("Thread a", "Tags…")
    page.get_by_role("textbox", name="Add a tag").fill("vip")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Save").click()
    choose("Thread b", "Archive")
    expect(row(nav, "Thread b")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row(nav, "Thread b")).to_be_visible()
    until(lambda: not site.registry.get("b").archived)
    thread = site.registry.get("a")
    assert (thread.pinned, thread.tags) == (True, ("vip",))


def test_tags_are_sections_that_open_and_stay_open(site, page, nav):
    create(site, "a", tags=["vip"])
    create(site, "b", tags=["vip", "refund"])
    create(site, "c")
    page.goto("/")
    nav.get_by_text("Tags", exact=False).locator("visible=true").first.click()
    nav.locator("summary", has_text="vip").click()
    section = nav.get_by_role("list", name="Tag vip")
    expect(section.get_by_role("link")).to_have_count(2)
    page.reload()
    expect(section.get_by_role("link")).to_have_count(2)
    nav.locator("summary", has_text="vip").click()
    expect(section).to_have_count(0)


# several at once


def test_several_are_selected_by_range_and_changed_together(site, page, nav):
    create(site, *"abcdef")
    page.goto("/")
    row(nav, "Thread e").focus()
    page.keyboard.press("x")
    expect(nav.get_by_role("checkbox", name="Thread e")).to_be_checked()
    nav.get_by_role("checkbox", name="Thread b").click(modifiers=["Shift"])
    expect(nav.get_by_role("toolbar")).to_contain_text("4 selected")
    nav.get_by_role("checkbox", name="Thread c").click()
    nav.get_by_role("toolbar").get_by_role("button", name="Archive").click()
    expect(nav.get_by_role("checkbox")).to_have_count(0)
    expect(row(nav, "Thread e")).to_have_count(0)
    assert titles(nav) == ["Thread f", "Thread c", "Thread a"]
    assert [id for id in "abcdef" if site.registry.get(id).archived] == ["b", "d", "e"]
    page.get_by_role("button", name="Undo").click()
    expect(row(nav, "Thread e")).to_be_visible()


# filters


def test_filters_by_status_agent_tag_and_unread(site, page, nav):
    create(site, "a", agent_id="writer", tags=["vip"])
    create(site, "b", agent_id="support")
    create(site, "c", agent_id="writer")
    site.runner.start("c", "hello").result()
    site.runner.start("b", "ask")
    page.goto("/")
    expect(item(nav, "b")).to_contain_text("waits for you")
    for choice, shown in (
        ("writer", ["Thread c", "Thread a"]),
        ("#vip", ["Thread a"]),
        ("Waits for you", ["Thread b"]),
    ):
        nav.get_by_role("button", name="Filter", exact=True).click()
        page.get_by_role("menuitemradio", name=choice).click()
        expect(nav.locator("[data-scope=main] a.row")).to_have_count(len(shown))
        assert titles(nav) == shown
        nav.get_by_role("button", name="All", exact=True).click()
        expect(nav.locator("[data-scope=main] a.row")).to_have_count(3)
    nav.get_by_role("button", name="Unread").click()
    expect(nav.locator("[data-scope=main] a.row")).to_have_count(1)
    assert titles(nav) == ["Thread c"]


def test_empty_loading_and_failed_lists_say_so(site, context, page, nav):
    context.problems.expect("503")
    page.goto("/")
    expect(nav).to_contain_text("No conversations yet.")
    create(site, "a")
    context.route(
        "**/api/v1/threads?*",
        lambda route: route.fulfill(status=503, json={"error": "the disk sleeps", "code": "DatabaseBusy"}),
    )
    page.reload()
    expect(nav.get_by_role("alert")).to_contain_text("the disk sleeps")
    context.unroute("**/api/v1/threads?*")
    nav.get_by_role("button", name="Try again").click()
    expect(row(nav, "Thread a")).to_be_visible()


# keys and addresses


def test_arrow_keys_move_through_the_list_and_alt_arrows_open_its_neighbours(site, page, nav):
    create(site, *"abc")
    page.goto("/t/b")
    expect(row(nav, "Thread b")).to_have_attribute("aria-current", "page")
    row(nav, "Thread c").focus()
    page.keyboard.press("ArrowDown")
    expect(row(nav, "Thread b")).to_be_focused()
    page.keyboard.press("End")
    expect(row(nav, "Thread a")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(nav.get_by_role("button", name="Actions for Thread a")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/t/c")
    page.keyboard.press("Alt+ArrowDown")
    expect(page).to_have_url(f"{site.url}/t/b")
    page.keyboard.press("Alt+ArrowUp")
    expect(page).to_have_url(f"{site.url}/t/c")
    page.go_back()
    expect(row(nav, "Thread b")).to_have_attribute("aria-current", "page")


def test_the_focus_stays_on_a_row_that_moves(site, page, nav):
    create(site, *"abc")
    page.goto("/")
    row(nav, "Thread a").focus()
    site.runner.start("a", "hello").result()
    expect(item(nav, "a")).to_contain_text("re: hello")
    expect(nav.locator("[data-scope=main] a.row").first).to_contain_text("Thread a")
    expect(row(nav, "Thread a")).to_be_focused()


def test_ids_of_any_kind_are_links(site, page, nav):
    for id in ("a/b", "50%", 'it\'s "quoted"', "😀", "a?b#c"):
        site.registry.create(id=id, title=f"<b>{id}</b>")
    page.goto("/")
    for id in ("a/b", "50%", 'it\'s "quoted"', "😀", "a?b#c"):
        row(nav, f"<b>{id}</b>").click()
        expect(row(nav, f"<b>{id}</b>")).to_have_attribute("aria-current", "page")
        page.reload()
        expect(row(nav, f"<b>{id}</b>")).to_have_attribute("aria-current", "page")


def test_on_a_phone_the_list_is_a_drawer(site, new_context):
    create(site, "a")
    page = new_context(viewport={"width": 390, "height": 844}, has_touch=True).new_page()
    page.goto("/")
    nav = page.get_by_role("navigation", name="Conversations")
    expect(nav).to_have_count(0)
    page.get_by_role("button", name="Conversations").click()
    row(nav, "Thread a").click()
    expect(page).to_have_url(f"{site.url}/t/a")
    expect(nav).to_have_count(0)
