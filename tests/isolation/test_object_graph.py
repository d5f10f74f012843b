"""The search through the objects that an agent can reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from threads.isolation.callbacks import extract_text
from threads.isolation.object_graph import find_reference

WORD = "Zuqtapagafe"


class RaisesAlways:
    """As a proxy outside of its context, or pydantic's stand-in for a validator that is not built yet."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"no {name} here")


class RaisesMapping(Mapping[str, str]):
    """A mapping that cannot be read."""

    def __getitem__(self, key: str) -> str:
        raise LookupError(key)

    def __iter__(self) -> Any:
        raise LookupError("nothing to iterate")

    def __len__(self) -> int:
        return 1


class RaisesClass:
    """An object that raises where `isinstance` looks at it."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("no class here")


class Agent:
    """Holds an object beside the word."""

    def __init__(self, beside: Any) -> None:
        self.beside = beside
        self.notes = [WORD]


class PrivateSlots:
    """An object with slots, one of which is not set."""

    __slots__ = ("__notes", "unset")

    def __init__(self) -> None:
        self.__notes = [WORD]

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name} here")


def contains(value: Any) -> bool:
    return isinstance(value, str) and WORD in value


@pytest.mark.parametrize("kind", [RaisesAlways, RaisesMapping, RaisesClass])
def test_what_cannot_be_looked_at_is_passed_over(kind):
    found = find_reference(Agent(kind()), contains)
    assert found is not None
    assert (found.label, found.value) == ("Agent.notes", WORD)
    assert find_reference(kind(), contains) is None


def test_private_slots_are_searched_beside_one_that_is_not_set():
    found = find_reference(PrivateSlots(), contains)
    assert found is not None
    assert found.label == "PrivateSlots._PrivateSlots__notes"


class MadeOnDemand(Mapping[str, list[str]]):
    """Makes each value anew, so one may lie in memory where the one before it was."""

    def __getitem__(self, key: str) -> list[str]:
        return [key]

    def __iter__(self) -> Any:
        return iter([*map(str, range(50)), WORD])

    def __len__(self) -> int:
        return 51


def test_objects_that_are_freed_during_the_search_hide_no_others():
    nested: Any = {WORD: 1}
    for level in range(50):
        nested = {str(level): nested}
    assert find_reference(Agent(MadeOnDemand()), contains) is not None
    assert find_reference({"nested": nested}, contains) is not None


class RaisesRepr:
    """An object that cannot be printed."""

    def __repr__(self) -> str:
        raise RuntimeError("no text here")


@pytest.mark.parametrize("kind", [RaisesAlways, RaisesRepr])
def test_text_is_extracted_beside_objects_that_raise(kind):
    assert WORD in extract_text([kind(), {"beside": kind()}, WORD])
