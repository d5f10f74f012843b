"""Validation of the values that users give to fields."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from threads.errors import InvalidValue

MAX_TITLE = 500
MAX_NAME = 255
MAX_TAGS = 100
MAX_METADATA = 65_536
"""Bytes of a thread's metadata as JSON."""


def checked_title(title: object) -> str | None:
    """A title in one line; None stands for the automatic one."""
    if title is None:
        return None
    text = " ".join(_text("title", title).split())
    if not text:
        raise InvalidValue("title", "it is empty", "None brings the automatic title back")
    if len(text) > MAX_TITLE:
        raise InvalidValue("title", f"it has {len(text)} characters, at most {MAX_TITLE} are allowed")
    return _printable("title", text)


def checked_name(field: str, name: object) -> str | None:
    """An agent id, owner or other name, exactly as given; None stands for none."""
    if name is None:
        return None
    text = _text(field, name)
    if not text:
        raise InvalidValue(field, "it is empty", "None stands for none")
    if len(text) > MAX_NAME:
        raise InvalidValue(field, f"it has {len(text)} characters, at most {MAX_NAME} are allowed")
    return _printable(field, text)


def checked_tags(tags: object) -> tuple[str, ...]:
    """Tags without surrounding spaces, each once, sorted."""
    if isinstance(tags, str) or not isinstance(tags, Iterable):
        raise InvalidValue("tags", f"a list of str is needed, not {tags!r}")
    stripped = {_text("tags", tag).strip() for tag in tags}
    if "" in stripped:
        raise InvalidValue("tags", "one of them is empty")
    found = {checked_name("tags", tag) or "" for tag in stripped}
    if len(found) > MAX_TAGS:
        raise InvalidValue("tags", f"there are {len(found)}, at most {MAX_TAGS} are allowed")
    return tuple(sorted(found))


def checked_metadata(metadata: object) -> dict[str, Any]:
    """Metadata that can be stored as JSON."""
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise InvalidValue("metadata", f"a dict is needed, not {type(metadata).__name__}")
    for key in metadata:
        _text("metadata", key)
    try:
        text = json.dumps(dict(metadata), allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue("metadata", f"it cannot be stored as JSON: {error}") from None
    if size > MAX_METADATA:
        raise InvalidValue("metadata", f"it has {size} bytes as JSON, at most {MAX_METADATA} are allowed")
    return dict(metadata)


def checked_flag(field: str, value: object) -> bool:
    """True or False, nothing else that is truthy."""
    if not isinstance(value, bool):
        raise InvalidValue(field, f"True or False is needed, not {value!r}")
    return value


def _text(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidValue(field, f"a str is needed, not {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidValue(field, "it holds half of a surrogate pair, which is no text") from None
    return value


def _printable(field: str, text: str) -> str:
    for character in text:
        if unicodedata.category(character) == "Cc":
            raise InvalidValue(field, f"it holds the control character U+{ord(character):04X}")
    return text


def check_named(field: str, id: str | None) -> None:
    """Raise `InvalidValue` if the id is None, as that of a message without one: it names no place."""
    if id is None:
        raise InvalidValue(
            field, "a message whose id is None cannot be named; pass a message id or checkpoint"
        )
