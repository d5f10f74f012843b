"""How a notebook displays threads, messages and pages: readable, and safe with untrusted text."""

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from threads.models import Checkpoint, Message, Page, Thread, ToolCall
from threads.notebook import MAX_TEXT, bundle

NOON = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)
HOSTILE = [
    "<script>alert(1)</script>",
    "</td></table><img src=x onerror=alert(1)>",
    "\"' onmouseover='alert(1)",
    "a | b\nnew row | c",
    "1. list\n# heading\n    code\n---\n- item\n> quote\n```\nfence",
    "[a link](javascript:alert(1)) ![picture](http://example.com/x.png) <http://example.com>",
    "**bold** _thin_ `code` ~~gone~~ $x$ \\| \\",
    "\x1b[31mred\x1b]8;;http://example.com\x07 \x00 \x9b2J \r gone",
    "half of a pair \ud800",
    "&lt;b&gt; &#60;b&#62;",
]
TAGS = {"table", "thead", "tbody", "tr", "th", "td", "div", "span", "strong", "code", "br"}
CONTROLS = {chr(code) for code in (*range(32), *range(127, 160))} - {"\n", "\t"}


class Reader(HTMLParser):
    """The text of a page, its tags and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.tags, self.attributes, self.open = (
            "",
            list[str](),
            list[tuple[str, Any]](),
            list[str](),
        )
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "br":
            self.text += "\n"
        else:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    handle_decl = handle_pi = unknown_decl = handle_comment


def thread(text: str = "alice", **changes: Any) -> Thread:
    known: dict[str, Any] = {
        "title": text,
        "agent_id": None,
        "owner": None,
        "status": "idle",
        "message_count": 2,
    }
    known |= {"created_at": NOON, "updated_at": NOON, "last_message": text, "tags": (text,)}
    return Thread(id=text, **(known | changes))


def message(text: str, role: Any = "user", **changes: Any) -> Message:
    return Message(id="1", role=role, text=text, created_at=NOON, **changes)


def everything(text: str) -> list[Any]:
    """One of each kind, with `text` in each field that holds untrusted text."""
    call = ToolCall(id=text, name=text, args={text: text})
    return [
        thread(text),
        message(text, name=text, content=({"type": text},)),
        message(text, "assistant", tool_calls=(call,)),
        message(text, "tool", name=text, tool_call_id=text),
        Checkpoint(id=text, parent_id=text, created_at=NOON, source=text, step=1),
    ]


def html_of(item: Any) -> str:
    return str(item._repr_mimebundle_()["text/html"])


def markdown_of(item: Any) -> str:
    return str(item._repr_mimebundle_()["text/markdown"])


def check_harmless(text: str) -> None:
    for item in everything(text):
        shown = item._repr_mimebundle_()
        read = Reader(shown["text/html"])
        assert set(read.tags) <= TAGS
        assert not read.open
        assert read.attributes == Reader(html_of(_harmless_twin(item))).attributes
        for kind in ("text/html", "text/markdown"):
            assert not CONTROLS & set(shown[kind])
            json.dumps(shown[kind], ensure_ascii=False).encode()
        kinds = {token.type for token in _tokens(shown["text/markdown"])}
        assert kinds <= _tokens_allowed(), kinds


def _harmless_twin(item: Any) -> Any:
    return next(each for each in everything("x") if type(each) is type(item) and _role(each) == _role(item))


def _role(item: Any) -> Any:
    return getattr(item, "role", None)


def _tokens(markdown: str) -> list[Any]:
    blocks = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown)
    return [token for block in blocks for token in (block, *(block.children or ()))]


def _tokens_allowed() -> set[str]:
    pairs = ("table", "thead", "tbody", "tr", "th", "td", "paragraph", "blockquote", "strong")
    return {f"{each}_{end}" for each in pairs for end in ("open", "close")} | {
        "inline", "text", "text_special", "hardbreak", "softbreak",
    }  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    check_harmless(text)


@given(st.text())
def test_any_text_stays_text(text: str) -> None:
    check_harmless(text)


@given(st.text(st.sampled_from("<>&\"'|`*_[]()#!~$\\-+=.1 \n\tab")))
def test_any_punctuation_stays_text(text: str) -> None:
    check_harmless(text)


@pytest.mark.parametrize("text", HOSTILE[:4])
def test_html_shows_a_text_unchanged(text: str) -> None:
    assert text in Reader(html_of(message(text))).text


@pytest.mark.parametrize(
    "text", ["a | b", "*bold*", "<b>", "\\|", "alice_session", "__init__", "1. one", "- x"]
)
def test_markdown_shows_a_text_unchanged(text: str) -> None:
    words = "".join(token.content for token in _tokens(markdown_of(message(text))) if token.type == "text")
    assert text in words


def test_markdown_table_row_is_one_line_with_six_cells() -> None:
    lines = markdown_of(thread("a | b\nc")).splitlines()
    assert len(lines) == 3
    assert {line.count("|") for line in lines} == {7}


def test_page_of_threads_is_a_table() -> None:
    page = Page((thread("alice", title="Hi, I'm Alice", tags=("vip",), pinned=True), thread("bob")))
    read = Reader(html_of(page))
    assert read.tags.count("tr") == 3
    for shown in ("Hi, I'm Alice", "alice", "2026-05-17 12:00", "vip", "pinned"):
        assert shown in read.text
    assert "| Hi, I'm Alice pinned | alice | 2 | 2026-05-17 12:00 | alice | vip |" in markdown_of(page)


@pytest.mark.parametrize(
    ("changes", "mark"),
    [({"archived": True}, "archived"), ({"trashed_at": NOON}, "in the trash"), ({"status": "busy"}, "busy")],
)
def test_thread_shows_its_status_archive_and_trash_marks(changes: dict[str, Any], mark: str) -> None:
    assert mark in Reader(html_of(thread(**changes))).text
    assert mark not in Reader(html_of(thread())).text


def test_unknown_message_count_is_not_shown_as_a_number() -> None:
    assert "unknown" in Reader(html_of(thread(message_count=None, updated_at=None))).text


def test_user_messages_are_aligned_right_and_assistant_messages_left() -> None:
    html = html_of(Page((message("Hi"), message("Hello", "assistant"))))
    user, assistant = html.index("flex-end"), html.index("flex-start")
    assert user < html.index("Hi") < assistant < html.index("Hello")


def test_tool_calls_are_shown_with_their_arguments() -> None:
    calling = message("", "assistant", tool_calls=(ToolCall("1", "look_up", {"order": "A-1"}),))
    assert "look_up(order='A-1')" in Reader(html_of(calling)).text
    assert "look_up(order='A-1')" in markdown_of(calling)


def test_content_block_without_text_is_named_by_its_type() -> None:
    blocks = ({"type": "text", "text": "see"}, {"type": "image", "url": "http://example.com/x.png"})
    html = html_of(message("see", content=blocks))
    assert "[image]" in html
    assert "example.com" not in html


def test_page_with_a_next_cursor_says_how_to_get_the_rest() -> None:
    for items, word in (((thread(),), "cursor="), ((message("Hi"),), "before=")):
        for shown in (html_of, markdown_of):
            assert word in shown(Page(items, "next"))
            assert word not in shown(Page(items))


def test_empty_page_says_so() -> None:
    assert "Nothing here." in html_of(Page(()))
    assert "Nothing here." in markdown_of(Page(()))


def test_plain_text_is_the_repr() -> None:
    page = Page((thread(),))
    assert page._repr_mimebundle_()["text/plain"] == repr(page)
    assert repr(page).startswith("Page([Thread(id='alice'")


def test_long_text_is_cut_and_the_rest_counted() -> None:
    html = html_of(message("x" * (MAX_TEXT + 5)))
    assert "… and 5 characters more" in html
    assert len(html) < MAX_TEXT + 2_000


def test_ids_that_differ_by_a_space_look_different() -> None:
    assert html_of(thread("a")) != html_of(thread("a "))
    assert "white-space:pre-wrap" in html_of(thread("a "))


def test_html_names_no_text_colour() -> None:
    html = "".join(map(html_of, everything("x")))
    assert "color:#" not in html
    assert {part.split(";")[0].split('"')[0] for part in html.split(";color:")[1:]} == {"inherit"}


def test_items_of_other_classes_are_shown_by_their_fields() -> None:
    @dataclass
    class Found:
        thread_id: str
        snippet: str

    shown = bundle([Found("alice", "<b>")], "text")
    assert "thread id" in shown["text/html"]
    assert "&lt;b&gt;" in shown["text/html"]
    assert "| alice | &#60;b&#62; |" in shown["text/markdown"]
    assert "&lt;odd&gt;" in bundle(["<odd>"], "text")["text/html"]


def test_import_loads_neither_ipython_nor_langchain() -> None:
    script = "import sys, threads.notebook; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"IPython", "langchain_core", "langgraph"} & set(done.stdout.split())


def test_models_do_not_load_the_renderer_until_one_is_displayed() -> None:
    script = (
        "import sys, threads; from threads.models import Tag; tag = Tag('vip', 1);"
        "assert 'threads.notebook' not in sys.modules;"
        "print('vip' in tag._repr_mimebundle_()['text/html'], 'threads.notebook' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"


def test_class_of_an_item_decides_its_display_not_the_name_of_the_class() -> None:
    other = dataclass(type("Message", (), {"__annotations__": {"subject": str}}))("<b>")
    assert "subject" in bundle([other], "text")["text/html"]
