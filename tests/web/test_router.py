"""Addresses of the page: what they stand for, links, back and forward."""

import pytest
from browser import expect, module
from fastapi import FastAPI
from graphs import plain_graph
from server_helpers import listening

import threads
from threads.api import create_app
from threads.web import VIEWS

IDS = [
    "a",
    "a/b",
    "a%2Fb",
    "100%",
    "%",
    "%zz",
    '"it\'s"',
    "😀👩‍👩‍👧",
    "a b",
    "a?b#c&d",
    "<b>",
    "..",
    "é",
    "é",
    "ـ",
    "a\\b",
    ";",
]


@pytest.fixture
def router(page):
    page.goto("/")
    return module(page, "router")


def test_each_id_has_an_address_that_stands_for_it(router):
    found = router.evaluate(
        """(router, ids) => ids.map((thread) => {
          const url = new URL(router.href({ thread, message: thread }), location.href);
          const { view, thread: id, message } = router.parse(url);
          return [view, id, message];
        })""",
        [id for id in IDS if id != ".."],
    )
    assert found == [["chat", id, id] for id in IDS if id != ".."]


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", ["chat", None, None]), ("/t/a#m%2F1", ["chat", "a", "m/1"]), ("/t/a/b", ["chat", "a/b", None]),
        ("/t/", ["missing", None, None]), ("/t", ["missing", None, None]), ("/other", ["missing", None, None]),
        ("/archive/x", ["missing", None, None]), *((f"/{view}", [view, None, None]) for view in VIEWS),
    ],
)  # fmt: skip
def test_an_address_stands_for_a_view(router, path, route):
    source = "(router, path) => { const r = router.parse(new URL(path, location.href)); return [r.view, r.thread, r.message]; }"
    assert router.evaluate(source, path) == route


@pytest.mark.parametrize("id", ["a/b", "100%", "%zz", '"it\'s"', "😀", "a?b#c"])
def test_a_thread_with_any_id_is_shown_from_its_address_and_after_a_reload(site, page, id):
    site.registry.create(id=id, title="Odd one")
    site.runner.start(id, f"hello {id}").result()
    page.goto("/")
    page.goto(page.evaluate("([router, id]) => router.href({ thread: id })", [module(page, "router"), id]))
    for _ in range(2):
        expect(page.get_by_role("log")).to_contain_text(f"re: hello {id}")
        expect(page).to_have_title("Odd one · Threads")
        page.reload()


def test_back_and_forward_show_what_was_shown(site, page):
    for id in ("a", "b"):
        site.registry.create(id=id, title=f"Thread {id}")
        site.runner.start(id, f"hello {id}").result()
    page.goto("/t/a")
    expect(page).to_have_title("Thread a · Threads")
    page.get_by_role("navigation").get_by_role("link", name="Thread b").click()
    expect(page).to_have_title("Thread b · Threads")
    page.goto("/archive")
    page.go_back()
    expect(page.get_by_role("log")).to_contain_text("re: hello b")
    page.go_back()
    expect(page).to_have_title("Thread a · Threads")
    expect(page.get_by_role("log")).to_contain_text("re: hello a")
    page.go_forward()
    expect(page).to_have_title("Thread b · Threads")


def test_a_link_opens_in_a_new_tab_where_the_reader_wants_one(site, page):
    site.registry.create(id="a", title="Thread a")
    site.runner.start("a", "hello").result()
    page.goto("/")
    with page.context.expect_page() as opened:
        page.get_by_role("navigation").get_by_role("link", name="Thread a").click(modifiers=["Control"])
    expect(opened.value).to_have_url(f"{site.url}/t/a")
    expect(page).to_have_url(f"{site.url}/")


def test_the_title_has_a_mark_while_the_thread_answers(site, page):
    site.registry.create(id="a", title="Thread a")
    page.goto("/t/a")
    expect(page).to_have_title("Thread a · Threads")
    page.evaluate("(store) => store.patchThread('a', { status: 'busy' })", module(page, "store"))
    expect(page).to_have_title("● Thread a · Threads")


def test_the_page_works_under_a_prefix(tmp_path, browser):
    with (
        threads.open(tmp_path / "threads.db") as registry,
        threads.Runner(registry, {"assistant": plain_graph(None)}) as runner,
    ):
        registry.create(id="a/b", title="Thread a", agent_id="assistant")
        runner.start("a/b", "hello").result()
        outer = FastAPI()
        outer.mount("/deep/chat", create_app(registry, runner))
        with listening(outer) as url, browser.new_context(base_url=url) as context:
            page = context.new_page()
            page.goto("/deep/chat/")
            page.get_by_role("navigation").get_by_role("link", name="Thread a").click()
            expect(page).to_have_url(f"{url}/deep/chat/t/a%2Fb")
            expect(page.get_by_role("log")).to_contain_text("re: hello")
            page.reload()
            expect(page.get_by_role("log")).to_contain_text("re: hello")
            field = page.get_by_role("textbox", name="Message")
            field.fill("again")
            field.press("Enter")
            expect(page.get_by_role("log")).to_contain_text("re: again")
