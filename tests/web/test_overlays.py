"""Shortcuts, dialogs, menus, toasts and the drawer: what keys do, and where the focus is."""

import pytest
from browser import expect, module, wait_for_connection

PHONE = {"width": 390, "height": 844}

MENU = """([menu, items]) => {
  const button = document.createElement("button");
  button.id = "opener";
  button.textContent = "Open";
  document.getElementById("main").prepend(button);
  window.chosen = [];
  button.onclick = () => menu.openMenu(button, items.map((label) => ({ label, run: () => window.chosen.push(label) })), { label: "Things" });
}"""


@pytest.fixture
def opener(page):
    """A button that opens a menu of four."""
    page.goto("/")
    wait_for_connection(page, "open")
    expect(page.get_by_role("textbox", name="Message")).to_be_focused()
    page.evaluate(MENU, [module(page, "menu"), ["Apple", "Banana", "Cherry", "Blueberry"]])
    return page.locator("#opener")


def test_a_question_mark_lists_the_shortcuts_and_the_focus_returns(page):
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link").first.focus()
    before = page.evaluate("() => { window.before = document.activeElement; return window.before.tagName; }")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_contain_text("Search")
    expect(dialog).to_contain_text("Ctrl K")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert before and page.evaluate("() => document.activeElement === window.before")


def test_the_skip_link_moves_the_focus_and_keeps_the_address(site, page):
    page.goto("/archive")
    page.get_by_role("link", name="Skip to the conversation").press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    expect(page).to_have_url(f"{site.url}/archive")


def test_plain_keys_are_for_the_text_while_one_is_typed(page):
    page.goto("/")
    page.evaluate(
        "() => { const f = document.createElement('textarea'); f.id = 'f'; document.body.append(f); }"
    )
    field = page.locator("#f")
    field.focus()
    page.keyboard.type("? n /")
    expect(field).to_have_value("? n /")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_shortcut_can_leave_its_key_to_another(page):
    page.goto("/")
    page.evaluate(
        """(keys) => {
          window.got = [];
          keys.addShortcut({ keys: "y", label: "first", run: () => void window.got.push("first") });
          keys.addShortcut({ keys: "y", label: "second", run: () => { window.got.push("second"); return false; } });
        }""",
        module(page, "keys"),
    )
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("y")
    assert page.evaluate("() => window.got") == ["second", "first"]


def test_a_menu_is_used_by_keys(page, opener):
    opener.press("Enter")
    expect(page.get_by_role("menuitem", name="Apple")).to_be_focused()
    expect(opener).to_have_attribute("aria-expanded", "true")
    for key, label in (
        ("ArrowDown", "Banana"),
        ("End", "Blueberry"),
        ("ArrowDown", "Apple"),
        ("ArrowUp", "Blueberry"),
        ("b", "Banana"),
        ("b", "Blueberry"),
        ("Home", "Apple"),
        ("c", "Cherry"),
    ):
        page.keyboard.press(key)
        expect(page.get_by_role("menuitem", name=label)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(opener).to_be_focused()
    assert page.evaluate("() => window.chosen") == ["Cherry"]


@pytest.mark.parametrize("leave", ["Escape", "Tab", "outside", "again"])
def test_a_menu_is_left_without_a_choice(page, opener, leave):
    opener.click()
    expect(page.get_by_role("menu", name="Things")).to_be_visible()
    if leave == "outside":
        page.mouse.click(900, 600)
    elif leave == "again":
        opener.click()
    else:
        page.keyboard.press(leave)
        expect(opener).to_be_focused()
    expect(page.get_by_role("menu")).to_have_count(0)
    assert page.evaluate("() => window.chosen") == []


def test_a_menu_stays_inside_the_window(page, opener):
    page.evaluate("""() => {
      const { style } = document.getElementById("opener");
      for (const [name, value] of Object.entries({ position: "fixed", right: "2px", bottom: "2px", "z-index": 9 })) style.setProperty(name, value);
    }""")
    opener.click()
    box = page.get_by_role("menu").bounding_box()
    assert (
        box["x"] >= 0
        and box["x"] + box["width"] <= 1280
        and box["y"] >= 0
        and box["y"] + box["height"] <= 800
    )


@pytest.mark.parametrize(("button", "answer"), [("Delete", True), ("Cancel", False), ("Close", False)])
def test_a_question_gets_an_answer(page, button, answer):
    page.goto("/")
    page.evaluate(
        "(dialogs) => { dialogs.confirmDialog({ title: 'Sure?', action: 'Delete', isDanger: true }).then((it) => { window.answer = it; }); }",
        module(page, "dialogs"),
    )
    page.get_by_role("dialog", name="Sure?").get_by_role("button", name=button).click()
    page.wait_for_function("() => window.answer !== undefined")
    assert page.evaluate("() => window.answer") is answer


@pytest.mark.parametrize("acts", [True, False])
def test_a_toast_is_undone_or_expires_once(page, acts):
    page.goto("/")
    page.evaluate(
        """([dialogs, seconds]) => {
          window.done = [];
          dialogs.toast("Deleted", { seconds, action: "Undo", onAction: () => window.done.push("undo"), onExpire: () => window.done.push("gone") });
        }""",
        [module(page, "dialogs"), 60 if acts else 0.1],
    )
    if acts:
        page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Deleted")).to_have_count(0)
    assert page.evaluate("() => window.done") == (["undo"] if acts else ["gone"])


def test_on_a_phone_the_list_is_a_drawer(site, new_context):
    site.registry.create(id="a", title="Thread a")
    site.runner.start("a", "hello").result()
    page = new_context(viewport=PHONE).new_page()
    page.goto("/")
    link = page.get_by_role("link", name="Thread a")
    expect(link).to_have_count(0)
    page.get_by_role("button", name="Conversations").click()
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_have_count(0)
    page.get_by_role("button", name="Conversations").click()
    link.click()
    expect(page.get_by_role("log")).to_contain_text("re: hello")
    expect(link).to_have_count(0)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(
    ("theme", "scheme"), [("light", "light"), ("dark", "dark"), ("system", "light dark")]
)
def test_a_chosen_theme_holds_before_the_first_paint_and_in_other_tabs(context, theme, scheme):
    page, other = context.new_page(), context.new_page()
    for each in (page, other):
        each.goto("/")
    shown = "() => getComputedStyle(document.documentElement).colorScheme"
    page.evaluate(
        "([settings, theme]) => settings.changeSettings({ theme })", [module(page, "settings"), theme]
    )
    assert page.evaluate(shown) == scheme
    other.wait_for_function(f"({shown})() === '{scheme}'")
    context.add_init_script(
        "addEventListener('DOMContentLoaded', () => { window.early = getComputedStyle(document.documentElement).colorScheme; })"
    )
    page.reload()
    assert page.evaluate("() => window.early") == scheme


def test_dates_are_written_in_the_readers_language(new_context):
    page = new_context(locale="de-DE", timezone_id="Europe/Berlin").new_page()
    page.goto("/")
    dates = module(page, "dates")
    now = "new Date('2026-03-10T12:00:00Z')"
    found = dates.evaluate(f"""(dates) => [
      dates.shortTime("2026-03-10T09:05:00Z", {now}), dates.shortTime("2026-03-08T09:05:00Z", {now}),
      dates.shortTime("2026-01-05T09:05:00Z", {now}), dates.shortTime("2024-01-05T09:05:00Z", {now}),
      dates.dayName("2026-03-09T23:30:00Z", {now}), dates.shortTime(null, {now}), dates.shortTime("x", {now}),
      dates.dayGroup("2026-03-12T09:00:00Z", {now}), dates.dayGroup("2026-03-03T09:00:00Z", {now}), dates.dayGroup("2025-12-03T09:00:00Z", {now}),
    ]""")
    assert found == [
        "10:05",
        "So",
        "5. Jan.",
        "05.01.2024",
        "Today",
        "",
        "",
        "Today",
        "Previous 7 days",
        "Dezember 2025",
    ]
