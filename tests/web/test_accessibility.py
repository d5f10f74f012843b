"""axe finds nothing on any view and any open dialog, in both themes."""

import pytest
from browser import expect

MARKDOWN = "# A heading\n\nText with `code`, **bold** and [a link](https://example.org).\n\n| a | b |\n|-|-|\n| 1 | 2 |\n\n```python\nprint(1)\n```\n"
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def axe(node_folder):
    """A function that returns what axe finds in a page, as lines."""
    source = (node_folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

    def violations(page):
        page.evaluate(source)
        found = page.evaluate("() => axe.run(document, { resultTypes: ['violations'] })")["violations"]
        return [
            f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
            for each in found
            for node in each["nodes"]
        ]

    return violations


@pytest.fixture
def filled(site):
    """Threads in each state that the list shows."""
    for number in range(3):
        site.registry.create(id=f"t{number}", agent_id="assistant", tags=["vip"])
        site.runner.start(f"t{number}", f"{MARKDOWN}\n{number}").result()
    site.registry.update("t0", pinned=True)
    site.registry.create(id="old", title="Old")
    site.registry.update("old", archived=True)
    site.registry.create(id="gone", title="Gone")
    site.registry.trash("gone")
    return site


def show(page, view):
    """Open a view, or what a key or a button opens above it."""
    path, _, action = view.partition(" ")
    page.goto(path)
    expect(page.get_by_role("navigation").get_by_role("link").first).to_be_visible()
    if path.startswith("/t/"):
        expect(page.get_by_role("log")).to_contain_text("A heading")
    if action == "palette":
        page.keyboard.press("Control+k")
        expect(page.get_by_role("dialog")).to_be_visible()
    elif action == "shortcuts":
        page.evaluate("() => document.activeElement.blur()")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
    elif action == "menu":
        page.locator("#header").get_by_role("button").last.click()
        expect(page.get_by_role("menu")).to_be_visible()


VIEWS = [
    "/", "/t/t1", "/t/t1 palette", "/t/t1 shortcuts", "/t/t1 menu", "/archive", "/trash", "/analytics", "/settings", "/missing",
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing(filled, new_context, axe, view, scheme):
    page = new_context(color_scheme=scheme).new_page()
    if view == "/missing":
        view = "/t/no-such-thread"
        page.context.problems.expect("404")
        page.goto(view)
        expect(page.get_by_role("main")).to_contain_text("no")
    else:
        show(page, view)
    assert axe(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("drawer", [False, True], ids=["chat", "drawer"])
def test_axe_finds_nothing_on_a_phone(filled, new_context, axe, drawer, scheme):
    page = new_context(color_scheme=scheme, viewport=PHONE).new_page()
    page.goto("/t/t1")
    expect(page.get_by_role("log")).to_contain_text("A heading")
    if drawer:
        page.get_by_role("button", name="Conversations").click()
    assert axe(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_sign_in(site, new_context, axe, scheme):
    site.registry.users.add("alice")
    page = new_context(color_scheme=scheme).new_page()
    page.context.problems.expect("401")
    page.goto("/")
    expect(page.get_by_label("Token")).to_be_visible()
    assert axe(page) == []


def test_axe_finds_what_is_wrong(page, axe):
    page.goto("/")
    page.evaluate("() => document.getElementById('main').append(document.createElement('button'))")
    assert any(each.startswith("button-name") for each in axe(page))
