"""axe finds no violation in any view, menu and dialog, in either theme; controls show that it finds some."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser import expect
from graphs import Plain, compiled, plain_graph
from langchain_core.messages import AIMessage
from langgraph.types import interrupt

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
ANSWER = """Here is a table:

| a | b |
|---|---|
| 1 | 2 |

```python
print(1)
```
"""


def violations(page: Any) -> list[str]:
    """What axe finds: rule and element."""
    page.evaluate(AXE)
    found = page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary']}"
        for each in found
        for node in each["nodes"]
    ]


def _ask(state: Any) -> Any:
    return {"messages": [AIMessage(f"You said {interrupt('Shall I?')}")]}


@pytest.fixture
def agents() -> dict[str, Any]:
    answering = compiled(Plain, lambda state: {"messages": [AIMessage(ANSWER)]}, None)
    return {"assistant": answering, "asking": compiled(Plain, _ask, None), "echo": plain_graph(None)}


@pytest.fixture
def threads_of_all_kinds(site: Any) -> None:
    for id in ("answered", "waiting", "archived", "trashed", "plain"):
        site.registry.create(
            id=id, title=f"Thread {id}", agent_id="asking" if id == "waiting" else "assistant", tags=["vip"]
        )
    site.runner.start("answered", "hello").result()
    site.runner.start("waiting", "hello")
    site.registry.update("plain", pinned=True)
    site.registry.update("archived", archived=True)
    site.registry.trash("trashed")


def _tags_open(page: Any) -> None:
    for name in ("Tags", "vip"):
        page.locator("#sidebar summary", has_text=name).click()
    expect(page.get_by_role("list", name="Tag vip").get_by_role("link").first).to_be_visible()


def _row_menu(page: Any) -> None:
    row = page.locator("#sidebar [data-scope=main] [data-thread=answered]")
    row.hover()
    row.get_by_role("button").click()


def _choose(entry: str) -> Any:
    def choose(page: Any) -> None:
        _row_menu(page)
        page.get_by_role("menuitem", name=entry).click()

    return choose


def _search(page: Any) -> None:
    page.keyboard.press("Control+k")
    page.keyboard.type("hello")
    expect(page.get_by_role("option", name="Thread answered").first).to_be_visible()


def _confirm(page: Any) -> None:
    page.get_by_role("button", name="Empty the trash…").click()


def _numbers(page: Any) -> None:
    page.get_by_text("All numbers as a table").click()


def _nothing(page: Any) -> None:
    pass


SIGHTS = {
    "new": ("/", _nothing),
    "conversation": ("/t/answered", _nothing),
    "waiting": ("/t/waiting", _nothing),
    "archive": ("/archive", _nothing),
    "archive selecting": ("/archive", lambda page: page.get_by_role("button", name="Select").click()),
    "trash": ("/trash", _nothing),
    "confirmation": ("/trash", _confirm),
    "analytics": ("/analytics", _numbers),
    "settings": ("/settings", _nothing),
    "row menu": ("/", _row_menu),
    "renaming": ("/", _choose("Rename")),
    "tags dialog": ("/", _choose("Tags…")),
    "selecting": ("/", _choose("Select several")),
    "palette": ("/", lambda page: page.keyboard.press("Control+k")),
    "search": ("/", _search),
    "shortcuts": ("/settings", lambda page: page.get_by_role("button", name="Keyboard shortcuts").click()),
    "filter menu": ("/", lambda page: page.get_by_role("button", name="Filter", exact=True).click()),
    "agent menu": ("/", lambda page: page.get_by_role("button", name="Agent").first.click()),
    "toast": ("/", _choose("Archive")),
    "tags": ("/", _tags_open),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.usefixtures("threads_of_all_kinds")
def test_axe_finds_no_violation(theme, new_context):
    context = new_context(color_scheme=theme)
    page = context.new_page()
    found = {}
    for name, (path, prepare) in SIGHTS.items():
        page.goto(path)
        expect(page.locator("#sidebar [data-thread=plain]").first).to_be_visible()
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        prepare(page)
        found[name] = violations(page)
    assert [f"{name}: {each}" for name, all in found.items() for each in all] == []


@pytest.mark.usefixtures("threads_of_all_kinds")
def test_axe_finds_no_violation_on_a_phone(new_context):
    page = new_context(viewport={"width": 390, "height": 844}, has_touch=True).new_page()
    found = {}
    for path in ("/", "/t/answered", "/archive", "/analytics"):
        page.goto(path)
        drawer = page.get_by_role("button", name="Conversations")
        expect(drawer).to_be_visible()
        found[path] = violations(page)
        drawer.click()
        expect(page.get_by_role("link", name="Thread plain")).to_be_visible()
        found[f"{path} with its drawer"] = violations(page)
    assert [f"{name}: {each}" for name, all in found.items() for each in all] == []


def test_axe_finds_no_violation_in_the_sign_in(site, new_context):
    site.registry.users.add("alice")
    for theme in ("light", "dark"):
        context = new_context(color_scheme=theme)
        context.problems.expect("401")
        page = context.new_page()
        page.goto("/")
        expect(page.get_by_label("Token")).to_be_visible()
        assert violations(page) == []


@pytest.mark.parametrize(
    ("damage", "rule"),
    [
        (
            "document.querySelector('.icon').removeAttribute('aria-label'); document.querySelector('.icon').removeAttribute('title')",
            "-name",
        ),
        ("document.querySelector('.find span').style.setProperty('color', '#ccc')", "color-contrast"),
        ("document.documentElement.removeAttribute('lang')", "html-has-lang"),
        (
            "document.querySelector('main').removeAttribute('id'); document.querySelector('main').outerHTML",
            "skip-link",
        ),
    ],
)
def test_axe_finds_what_is_wrong(page, damage, rule):
    page.goto("/")
    expect(page.locator("#sidebar .me .name")).to_have_text("Local user")
    page.evaluate(damage)
    assert any(rule in each.split(":")[0] for each in violations(page))
