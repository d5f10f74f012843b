"""How threads, messages and pages look in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def bundle(items: Sequence[Any], text: str) -> dict[str, str]:
    """The MIME bundle of `items`; `text` is what stands in a plain terminal."""
    return {"text/plain": text}
