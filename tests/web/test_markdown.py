"""Messages are shown as Markdown, while they stream and afterwards, and hold nothing that runs or loads."""

from collections.abc import Iterator
from typing import Any

import pytest
from browser import expect
from langchain_core.messages import AIMessage, HumanMessage
from paced_agents import Pace, paced_agent

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
DOCUMENT = """# Title

Some **bold**, *italic*, ~~old~~ and `code`.

- one
  - nested
- [x] done

1. first
2. second

> a quote

| Item | Price |
|---|--:|
| Lamp | 49 |

```python
def answer():
    return 42
```

[a link](https://example.com/page) and $$e^{i\\pi} + 1 = 0$$

---

The end, see [ref].

[ref]: https://example.com/ref
"""


@pytest.fixture
def pace() -> Iterator[Pace]:
    found = Pace()
    yield found
    found.release()


@pytest.fixture
def agents(pace: Pace) -> dict[str, Any]:
    return {"writer": paced_agent(lambda text: DOCUMENT, pace)}


def shown(site: Any, page: Any, message: AIMessage) -> Any:
    """Return the element that shows this answer."""
    site.registry.create(id="a", agent_id="writer")
    graph = site.runner._agents["writer"]
    messages = {"messages": [HumanMessage("write", id="q"), message]}
    graph.update_state({"configurable": {"thread_id": "a"}}, messages, as_node="respond")
    page.goto("/t/a")
    answer = page.locator("article.answer")
    expect(answer).to_be_visible()
    return answer


def test_markdown_is_shown(site, page):
    answer = shown(site, page, AIMessage(DOCUMENT, id="r"))
    expect(answer.get_by_role("heading", name="Title")).to_be_visible()
    for tag, text in (("strong", "bold"), ("em", "italic"), ("del", "old"), ("blockquote", "a quote")):
        expect(answer.locator(tag)).to_have_text(text)
    expect(answer.get_by_role("checkbox")).to_be_checked()
    expect(answer.get_by_role("cell", name="49")).to_be_visible()
    expect(answer.locator(".code-caption span")).to_have_text("python")
    expect(answer.locator("code .hljs-keyword").first).to_have_text("def")
    expect(answer.locator("code.tex")).to_have_text("$$e^{i\\pi} + 1 = 0$$")
    link = answer.get_by_role("link", name="a link")
    expect(link).to_have_attribute("href", "https://example.com/page")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(answer.get_by_role("link", name="ref")).to_have_attribute("href", "https://example.com/ref")


def test_streamed_markdown_ends_as_the_stored_one(site, page, pace):
    stored = shown(site, page, AIMessage(DOCUMENT, id="r")).locator(".markdown").inner_html()
    pace.hold()
    page.get_by_role("textbox", name="Message", exact=True).fill("again")
    page.keyboard.press("Enter")
    live = page.locator("article.answer").last.locator(".markdown")
    for _ in range(20):
        pace.allow(5)
    expect(live.locator("code .hljs-keyword").first).to_have_text("def")
    pace.release()
    expect(live.get_by_role("link", name="ref")).to_be_visible()
    expect(page.get_by_role("button", name="Answer again")).to_have_count(2)
    assert live.inner_html() == stored


def test_settled_blocks_are_not_rendered_again_while_the_rest_streams(site, page, pace):
    shown(site, page, AIMessage("Hi.", id="r"))
    pace.hold()
    page.get_by_role("textbox", name="Message", exact=True).fill("again")
    page.keyboard.press("Enter")
    pace.allow(8)
    live = page.locator("article.is-live .markdown")
    expect(live.get_by_role("heading", name="Title")).to_be_visible()
    live.locator("h2").evaluate("heading => { heading.dataset.mark = 'same'; }")
    pace.allow(20)
    expect(live).to_contain_text("second")
    expect(live.locator("h2")).to_have_attribute("data-mark", "same")


def test_raw_html_is_text(site, page):
    answer = shown(
        site, page, AIMessage("<b>bold</b> <img src=x onerror=alert(1)>\n\n<script>alert(1)</script>", id="r")
    )
    expect(answer).to_contain_text("<b>bold</b> <img src=x onerror=alert(1)>")
    expect(answer).to_contain_text("<script>alert(1)</script>")
    expect(answer.locator("b, img, script")).to_have_count(0)


def test_images_from_elsewhere_are_links(site, page):
    text = f"![a cat](https://example.com/cat.png) ![dot](data:image/png;base64,{PIXEL}) ![bad](javascript:alert(1))"
    answer = shown(site, page, AIMessage(text, id="r"))
    expect(answer.get_by_role("link", name="a cat")).to_have_attribute("href", "https://example.com/cat.png")
    image = answer.get_by_role("img", name="dot")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") == 1
    expect(answer.locator("img")).to_have_count(1)


def test_links_lead_to_the_web_only(site, page):
    text = "[a](javascript:alert(1)) [b](/api/v1/threads) [c](data:text/html,x) [d](mailto:a@example.com)"
    answer = shown(site, page, AIMessage(text, id="r"))
    expect(answer.locator("a[href]")).to_have_count(1)
    expect(answer.locator("a[href]")).to_have_attribute("href", "mailto:a@example.com")


def test_reasoning_images_sources_and_files_are_shown(site, page):
    content: list[Any] = [
        {"type": "reasoning", "reasoning": "They want a picture."},
        {"type": "image", "base64": PIXEL, "mime_type": "image/png"},
        {"type": "image", "url": "https://example.com/far.png"},
        {"type": "text", "text": "Here it is.", "annotations": [
            {"type": "citation", "url": "https://example.com/source", "title": "The source"},
            {"type": "citation", "url": "javascript:alert(1)", "title": "bad"},
        ]},
    ]  # fmt: skip
    answer = shown(site, page, AIMessage(content=content, id="r"))
    expect(answer.get_by_text("They want a picture.")).to_be_hidden()
    answer.get_by_text("Reasoning").click()
    expect(answer.get_by_text("They want a picture.")).to_be_visible()
    assert answer.locator(".attachments img").evaluate("image => image.naturalWidth") == 1
    expect(answer.get_by_role("link", name="Image: example.com")).to_be_visible()
    expect(answer.get_by_role("link", name="The source")).to_have_attribute(
        "href", "https://example.com/source"
    )
    expect(answer.get_by_text("bad")).to_have_count(0)


def test_tool_call_is_folded_with_arguments_and_result(site, page):
    from langchain_core.messages import ToolMessage

    site.registry.create(id="a", agent_id="writer")
    call = {"name": "find_order", "args": {"number": 1001}, "id": "c1"}
    messages = [
        HumanMessage("where?", id="q"), AIMessage("", id="t", tool_calls=[call]),
        ToolMessage("on its way", tool_call_id="c1", id="x"), AIMessage("It comes.", id="r"),
    ]  # fmt: skip
    graph = site.runner._agents["writer"]
    graph.update_state({"configurable": {"thread_id": "a"}}, {"messages": messages}, as_node="respond")
    page.goto("/t/a")
    tool = page.locator("details.tool")
    expect(tool).to_contain_text("find_order")
    expect(tool).to_contain_text("done")
    expect(tool.get_by_text("on its way")).to_be_hidden()
    tool.locator("summary").click()
    expect(tool.get_by_text("on its way")).to_be_visible()
    expect(tool.get_by_text('"number": 1001')).to_be_visible()
    expect(page.locator("article.answer")).to_have_count(1)


@pytest.mark.parametrize(
    "text", [">" * 3000 + " deep", "[" * 5000, "*" * 20_000, "- " * 2000 + "x", "`" * 9999], ids=len
)
def test_odd_markdown_is_shown_somehow(site, page, text):
    answer = shown(site, page, AIMessage(text, id="r"))
    assert len(answer.locator(".markdown").text_content()) > 0
    page.get_by_role("textbox", name="Message", exact=True).fill("it still works")


def test_right_to_left_text_has_its_direction(site, page):
    answer = shown(site, page, AIMessage("שלום עולם\n\nHello", id="r"))
    directions = answer.locator("p").evaluate_all("all => all.map(each => getComputedStyle(each).direction)")
    assert directions == ["rtl", "ltr"]
