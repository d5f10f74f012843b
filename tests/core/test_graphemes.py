"""Cuts between grapheme clusters, compared with the Unicode algorithm of the package `regex`."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from threads.graphemes import cut, is_boundary

regex = pytest.importorskip("regex")
PARTS = [
    "a", "é", "e\u0301", "🇫🇷", "🇩🇪", "🇫", "👩\u200d👩\u200d👧", "👍🏽", "\u1112\u1161\u11ab", "\u1112", "\u1161", "\u11ab",
    "각", "가", "क\u094dष", "\u094d", "क", "🏴\U000e0067\U000e0062\U000e007f", "1\ufe0f\u20e3", "กำ", "\u200c", "か\u3099",
    "ｶ\uff9e", "\u0600", " ", "한",
]  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join))
@example("🇫" * 7)
def test_no_boundary_falls_inside_a_grapheme_cluster(text):
    ends = {0, *(match.end() for match in regex.finditer(r"\X", text))}
    found = {at for at in range(len(text) + 1) if is_boundary(text, at)}
    assert found <= ends
    for length in range(len(text)):
        shown = cut(text, length)
        assert text.startswith(shown) and len(shown) <= length
        assert len(shown) in ends or not any(0 < end <= length for end in found)


@pytest.mark.parametrize("text", ["abc", "日本語", "한국어", "naïve", "👍👎", "🇫🇷🇩🇪"])
def test_text_is_cut_wherever_a_cluster_ends(text):
    ends = {0, *(match.end() for match in regex.finditer(r"\X", text))}
    assert {at for at in range(len(text) + 1) if is_boundary(text, at)} == ends
