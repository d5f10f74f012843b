"""Public names stay: a list made earlier is compared with what there is now."""

import json

from public_names import STORED, missing, names


def test_public_names_stay(tmp_path):
    assert missing(json.loads(STORED.read_text(encoding="utf-8")), names(tmp_path)) == []


def test_a_name_that_is_gone_or_takes_less_is_noticed():
    old = {"open": {"parameters": ["path", "*", "clock=..."]}, "events": ["token", "title"]}
    assert missing(old, {"open": {"parameters": ["path", "name"]}, "events": ["token"]}) == [
        "/open/parameters: '*' is gone",
        "/open/parameters: 'clock=...' is gone",
        "/open/parameters: 'name' is required",
        "/events: 'title' is gone",
    ]
    more = {
        "open": {"parameters": ["path", "*", "clock=...", "types=..."]},
        "events": ["title", "token", "x"],
    }
    assert missing(old, {**more, "y": 1}) == []
