"""Public names stay: a list made earlier is compared with what there is now."""

import json

from public_names import STORED, missing, names


def test_public_names_stay(tmp_path):
    assert missing(json.loads(STORED.read_text(encoding="utf-8")), names(tmp_path)) == []


def test_a_name_that_is_gone_or_takes_less_is_noticed():
    old = {"python": {"threads": {"open": "(path, *, clock=...)"}}, "events": ["token", "title"]}
    new = {"python": {"threads": {"open": "(path)"}}, "events": ["token"]}
    assert missing(old, new) == [
        "/python/threads/open: was '(path, *, clock=...)', is '(path)'",
        "/events: 'title' is gone",
    ]
    assert missing(old, {**old, "more": {}}) == []
