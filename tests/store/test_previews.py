"""Titles, previews and counts: the rules of the threading document, without its faults."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threads.models import Message
from threads.store import previews


def user(text: str) -> Message:
    return Message(id=None, role="user", text=text)


def assistant(text: str) -> Message:
    return Message(id=None, role="assistant", text=text)


FAMILY = "👩‍👩‍👧"
FLAG = "🇫🇷"
SCOTLAND = "🏴" + "".join(chr(0xE0000 + ord(each)) for each in "gbsct") + "\U000e007f"
KOREAN = "\u1112\u1161\u11ab"  # one syllable, decomposed


@pytest.mark.parametrize(
    ("messages", "title"),
    [
        ([], "New conversation"),
        ([user("Hi,\n  I'm\tAlice ")], "Hi, I'm Alice"),
        ([assistant("Welcome!"), user("Hello")], "Hello"),
        ([assistant("Welcome!")], "Untitled conversation"),
        ([user("   "), user("second")], "Untitled conversation"),
        ([user("x" * 50)], "x" * 50),
        ([user("x" * 51)], "x" * 50 + "…"),
        ([user("word " * 20)], "word word word word word word word word word word…"),
        ([user("é" * 60)], "é" * 50 + "…"),
        ([user("x" * 49 + "e\u0301" + "y")], "x" * 49 + "…"),
        ([user("x" * 48 + FAMILY + "y")], "x" * 48 + "…"),
        ([user("x" * 49 + FLAG + "y")], "x" * 49 + "…"),
        ([user("x" * 49 + "👍🏽" + "y")], "x" * 49 + "…"),
        ([user("x" * 48 + FLAG * 3)], "x" * 48 + FLAG + "…"),
        ([user("x" + FLAG * 40)], "x" + FLAG * 24 + "…"),
        ([user(FLAG * 40)], FLAG * 25 + "…"),
        ([user("x" * 47 + SCOTLAND + "y")], "x" * 47 + "…"),
        ([user("x" * 48 + KOREAN + "y")], "x" * 48 + "…"),
        ([user("x" * 47 + KOREAN + "y" * 9)], "x" * 47 + KOREAN + "…"),
        ([user(KOREAN * 40)], KOREAN * 16 + "…"),
        ([user("x" * 49 + "क्ष" + "y")], "x" * 49 + "…"),
        ([user("x" * 49 + "1️⃣" + "y")], "x" * 49 + "…"),
        ([user("x" * 49 + "กำ" + "y")], "x" * 49 + "…"),
        ([user("e" + "\u0301" * 60)], "e" + "\u0301" * 49 + "…"),
    ],
)
def test_a_title_is_the_first_user_message_cut_between_characters(messages, title):
    assert previews.title(messages) == title


@pytest.mark.parametrize(
    ("messages", "preview"),
    [
        ([], None),
        ([user("one"), assistant("two")], "two"),
        ([user("one"), assistant("  ")], "one"),
        ([assistant("# Hi\n\nsome **bold** and `code` [link](http://x)")], "Hi some bold and code link"),
        ([assistant("- a\n- b\n\n```py\nx = 1\n```")], "a b x = 1"),
        ([assistant("2 * 3 < 5 and a_b_c <name>")], "2 * 3 < 5 and a_b_c <name>"),
        ([assistant("***")], "***"),
        ([assistant("y" * 200)], "y" * 100 + "…"),
        ([user("one"), Message(id=None, role="tool", text="{}")], "one"),
    ],
)
def test_a_preview_is_the_last_thing_said_without_markdown(messages, preview):
    assert previews.preview(messages) == preview


def test_what_a_person_would_not_count_is_not_counted():
    messages = [
        Message(id=None, role="system", text="be kind"),
        user("hi"),
        assistant(""),
        Message(id=None, role="tool", text="42"),
        assistant("42 it is"),
    ]
    assert previews.count(messages) == 2


@given(st.text(), st.text())
def test_no_text_breaks_a_title_or_a_preview(first, last):
    messages = [user(first), assistant(last)]
    assert 0 < len(previews.title(messages)) <= 51
    assert len(previews.preview(messages) or "") <= 101
    assert "\n" not in previews.title(messages)
