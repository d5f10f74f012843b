"""Texts of others never become more than text: 500 messages, titles and tags that are scripts as HTML."""

from contextlib import nullcontext
from html import escape

import pytest
from browser import expect
from graphs import Plain, compiled, config, plain_graph
from hostile_texts import COUNT, hostile_lines, hostile_markdown
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.types import interrupt
from page_inspection import ScriptWatch, violations

from threads import RunFailed

TURNS = 25
"""Of a thread: as many as the page reads at once."""
ASKED = hostile_lines(8)


def asking(state):
    return {"messages": [AIMessage(str(interrupt({"question": ASKED[0], "choices": ASKED})))]}


def failing(state):
    raise RuntimeError(ASKED[1])


@pytest.fixture
def agents():
    card = {"name": ASKED[2], "description": ASKED[3], "starters": ASKED[4:8]}
    described = plain_graph(None).with_config(metadata={"agent_card": card})
    return {
        "assistant": described, "asking": compiled(Plain, asking, None), "failing": compiled(Plain, failing, None),
        ASKED[0]: plain_graph(None),
    }  # fmt: skip


@pytest.fixture
def scripts(context):
    return ScriptWatch(context)


def store(site, id, messages, agent_id="assistant"):
    site.registry.create(id=id, agent_id=agent_id)
    graph = site.runner._agents[agent_id]
    graph.update_state(config(id), {"messages": messages}, as_node="model")


def check(page, scripts, context):
    """Fail if something ran, was requested, or is on the page."""
    assert violations(page) == []
    assert scripts.ran == set()
    assert context.problems.found == []


def test_500_hostile_messages_are_shown_as_text(site, page, context, scripts):
    texts = hostile_markdown()
    assert len(set(texts)) == COUNT
    for start in range(0, COUNT, TURNS):
        turns = [
            message
            for number, text in enumerate(texts[start : start + TURNS], start)
            for message in (HumanMessage(text, id=f"q{number}"), AIMessage(text, id=f"a{number}"))
        ]
        store(site, f"t{start}", turns)
    for start in range(0, COUNT, TURNS):
        page.goto(f"/t/t{start}")
        log = page.get_by_role("log")
        expect(log.locator("article.user")).to_have_count(TURNS)
        expect(log.locator("article.answer")).to_have_count(TURNS)
        shown = log.locator("article.user .plain-text").all_text_contents()
        assert [each.strip() for each in shown] == [
            text.strip().replace("\r", "") for text in texts[start : start + TURNS]
        ]
        check(page, scripts, context)


def test_hostile_messages_do_nothing_while_they_stream(site, page, context, scripts):
    page.goto("/")
    page.evaluate("""async (texts) => {
        const app = document.querySelector('script[type="module"]').src;
        const { MarkdownStream } = await import(app.replace(/app\\.js$/, "markdown.js"));
        const log = document.body.appendChild(document.createElement("div"));
        log.setAttribute("role", "log");
        for (const text of texts) {
            const element = log.appendChild(document.createElement("div"));
            const stream = new MarkdownStream(element);
            for (let part = 1; part < 8; part += 1) stream.update(text.slice(0, Math.ceil((text.length * part) / 8)));
            stream.finish(text);
            if (log.childElementCount > 50) log.firstElementChild.remove();
        }
    }""", hostile_markdown())  # fmt: skip
    check(page, scripts, context)


def test_500_hostile_titles_and_tags_are_shown_as_text(site, page, context, scripts):
    titles, tags = hostile_lines(), hostile_lines(length=120)
    for number, (title, tag) in enumerate(zip(titles, tags, strict=True)):
        site.registry.create(id=f"t{number}", title=title, tags=[tag])
    page.goto("/")
    navigation = page.get_by_role("navigation")
    expect(navigation.get_by_role("link", name=titles[-1]).first).to_be_visible()
    seen = set()
    for _ in range(60):
        seen.update(navigation.get_by_role("link").all_text_contents())
        check(page, scripts, context)
        is_at_end = page.evaluate("""() => {
            const all = [...document.querySelectorAll("nav, nav *")];
            const list = all.find((each) => each.scrollHeight > each.clientHeight + 40 && getComputedStyle(each).overflowY !== "visible");
            const before = list.scrollTop;
            list.scrollBy(0, list.clientHeight * 0.9);
            return list.scrollTop === before;
        }""")  # fmt: skip
        page.wait_for_timeout(50)
        if is_at_end:
            break
    shown = "\n".join(seen)
    navigation.locator("details.tags > summary").click()
    expect(navigation.get_by_text(tags[0], exact=True).first).to_be_attached()
    check(page, scripts, context)
    assert sum(title in shown for title in titles) > COUNT * 0.9
    for number in (0, 100, 250):
        page.goto(f"/t/t{number}")
        expect(page.locator("header")).to_contain_text(titles[number])
        assert titles[number] in page.title()
        check(page, scripts, context)


@pytest.mark.parametrize("view", ["archive", "trash", "analytics"])
def test_hostile_titles_and_tags_do_nothing_in_views(site, page, context, scripts, view):
    titles = hostile_lines(60)
    for number, title in enumerate(titles):
        site.registry.create(id=f"t{number}", title=title, tags=[title[:100]], agent_id=title[:100])
        if view == "analytics":  # which counts threads with messages
            messages = {"messages": [HumanMessage("hi")]}
            site.runner._agents["assistant"].update_state(config(f"t{number}"), messages, as_node="model")
    ids = [f"t{number}" for number in range(60)]
    if view != "analytics":
        site.registry.bulk(ids, **{f"{view}d" if view == "archive" else "trashed": True})
    page.goto(f"/{view}")
    expect(page.locator("#view")).to_be_visible()
    if view == "analytics":
        for name in ("Tag", "Agent"):
            page.get_by_role("group", name="Group by").get_by_role("button", name=name).click()
            rows = page.locator("#view th[scope=row]")
            expect(rows.filter(has_text=titles[-1][:100]).first).to_be_attached()
            check(page, scripts, context)
    else:
        expect(page.locator("#view").get_by_text(titles[-1], exact=True).first).to_be_visible()
    check(page, scripts, context)


def test_hostile_hits_do_nothing_in_the_search_palette(site, page, context, scripts):
    texts = hostile_markdown(60)
    store(site, "a", [HumanMessage(text) for text in texts])
    for number, title in enumerate(hostile_lines(40)):
        site.registry.create(id=f"t{number}", title=title)
    page.goto("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("pwned")
    expect(page.get_by_role("dialog").get_by_text("pwned").first).to_be_visible()
    check(page, scripts, context)
    page.get_by_role("combobox").fill("evil")
    expect(page.get_by_role("option").filter(has_text="evil.test").first).to_be_visible()
    check(page, scripts, context)


def test_hostile_blocks_tools_and_agents_do_nothing(site, page, context, scripts):
    lines = hostile_lines(40)
    blocks = [
        {"type": "reasoning", "reasoning": lines[0]},
        {"type": "text", "text": lines[1], "annotations": [
            {"type": "citation", "url": "javascript:pwned(1)", "title": lines[2]},
            {"type": "citation", "url": "https://a.test/\"onmouseover=pwned(2)", "title": lines[3]},
        ]},
        {"type": "image", "url": "https://evil.test/image"}, {"type": "image", "url": "javascript:pwned(3)"},
        {"type": "image", "base64": "x\" onerror=\"pwned(4)", "mime_type": "image/png"},
        {"type": "image", "base64": "PHN2Zz4=", "mime_type": "image/svg+xml"},
        {"type": "image_url", "image_url": {"url": "data:image/svg+xml,<svg onload=pwned(5)>"}},
        {"type": "file", "url": "data:text/html,<script>pwned(6)</script>", "filename": lines[4]},
        {"type": "video", "url": "https://evil.test/video"}, {"type": "audio", "url": "https://evil.test/audio"},
    ]  # fmt: skip
    calls = [
        {"id": f"c{number}", "name": line, "args": {line: line}} for number, line in enumerate(lines[5:25])
    ]
    store(site, "a", [
        HumanMessage(blocks[1:], id="q"), AIMessage(blocks, id="r", response_metadata={"model": lines[26]}),
        AIMessage("", tool_calls=calls, id="s"),
        *(ToolMessage(call["name"], tool_call_id=call["id"], name=call["name"]) for call in calls),
        AIMessage("", id="e"),
    ])  # fmt: skip
    page.goto("/t/a")
    expect(page.get_by_role("log").locator("details.tool")).to_have_count(20)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    context.problems.expect("ERR_INVALID_URL", "data:image/png;base64")
    check(page, scripts, context)
    for id, agent, status in (("asked", "asking", "interrupted"), ("failed", "failing", "error")):
        site.registry.create(id=id, agent_id=agent)
        run = site.runner.start(id, "x")
        with pytest.raises(RunFailed) if id == "failed" else nullcontext():
            run.result()
        assert site.registry.get(id).status == status
        page.goto(f"/t/{id}")
        expect(page.get_by_role("log")).to_contain_text(ASKED[0 if id == "asked" else 1][:20])
        check(page, scripts, context)
    page.goto("/")
    expect(page.get_by_text(ASKED[3]).first).to_be_visible()
    check(page, scripts, context)


# the checks can fail


def test_texts_run_scripts_and_send_requests_without_the_page(browser):
    context = browser.new_context()
    try:
        scripts, requested = ScriptWatch(context), set()
        context.route("**/*", lambda route: route.fulfill(body="", content_type="text/html"))
        context.on("request", lambda request: requested.add(request.url))
        page = context.new_page()
        page.goto("http://control.test/")
        texts = hostile_markdown()
        for start in range(0, COUNT, 50):
            frames = "".join(
                f"<iframe srcdoc='{escape(text)}'></iframe>" for text in texts[start : start + 50]
            )
            page.set_content(frames, wait_until="load")
            page.wait_for_timeout(300)
        assert len(scripts.ran) > 150
        assert sum(url.startswith("https://evil.test/") for url in requested) > 60
    finally:
        context.close()


@pytest.mark.parametrize(
    ("markup", "violation"),
    [
        ("<img src='https://evil.test/1'>", "address img src=https://evil.test/1"),
        ("<a href='javascript:pwned(1)'>x</a>", "address a href=javascript:pwned(1)"),
        ("<a href='data:text/html,x'>x</a>", "address a href=data:text/html,x"),
        ("<b onmouseover='pwned(1)'>x</b>", "handler b onmouseover"),
        ("<svg><use href='#x' /></svg>", "element use"), ("<iframe></iframe>", "element iframe"),
        ("x<style>b{}</style>", "element style"), ("<math><mi>x</mi></math>", "element math"),
        ("<div style='background:url(x)'></div>", "style background:url(x)"), ("<x-y></x-y>", "custom element x-y"),
        ("<img name='createElement'>", "name createElement"), ("<i autofocus>x</i>", "attribute i autofocus"),
    ],
)  # fmt: skip
def test_inspection_finds_what_is_not_text(site, new_context, markup, violation):
    store(site, "a", [HumanMessage("hello")])
    context = new_context(bypass_csp=True)
    page = context.new_page()
    page.goto("/t/a")
    expect(page.get_by_role("log")).to_contain_text("hello")
    context.problems.expect("")
    page.evaluate(
        """(markup) => {
            const found = new DOMParser().parseFromString(markup, "text/html");
            document.querySelector("[role=log]").append(...document.importNode(found.body, true).childNodes);
        }""",
        markup,
    )
    assert violation in violations(page)


def test_script_and_request_on_the_page_are_noticed(site, page, context, scripts):
    page.goto("/")
    page.evaluate("pwned(7)")
    page.evaluate("document.body.append(Object.assign(new Image(), { src: 'https://evil.test/image' }))")
    page.wait_for_timeout(200)
    assert scripts.ran == {7}
    found = context.problems.found
    assert any("evil.test" in each and "CSP report" in each for each in found)
    context.problems.expect("evil.test")
