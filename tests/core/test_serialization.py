"""Values as JSON, and in the canonical form that requests are compared by."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel

import threads
from threads.runs.request import Request
from threads.serialization import to_canonical, to_jsonable


class Order(BaseModel):
    number: int
    items: set[str] = set()


@dataclass
class Customer:
    name: str
    orders: list[Order] = field(default_factory=list)


class Opaque:
    def __repr__(self) -> str:
        return "<opaque>"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": (1, None, True), 2: "b"}, {"a": [1, None, True], "2": "b"}),
        ({None: 1, True: 2, 1.5: 3, ("a", 1): 4}, {"null": 1, "true": 2, "1.5": 3, "('a', 1)": 4}),
        ([float("nan"), float("inf"), 0.5], ["nan", "inf", 0.5]),
        ({"b", "a"}, ["a", "b"]),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00.000Z"),
        (datetime(1, 1, 1), "0001-01-01T00:00:00"),
        (timedelta(minutes=1.5), 90.0),
        (Path("a") / "b.db", str(Path("a") / "b.db")),
        (b"x", "b'x'"),
        (Order(number=1, items={"b", "a"}), {"number": 1, "items": ["a", "b"]}),
        (Customer("Ada", [Order(number=1)]), {"name": "Ada", "orders": [{"number": 1, "items": []}]}),
        (HumanMessage("Hi", id="m"), {"type": "human", "content": "Hi", "id": "m"}),
        ([Opaque(), Order], ["<opaque>", repr(Order)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_json_form_of_a_value(value: Any, expected: Any) -> None:
    made = to_jsonable(value)
    assert made == expected
    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_value_that_contains_itself_becomes_its_repr() -> None:
    circle: list[Any] = [1]
    circle.append(circle)
    assert to_jsonable(circle) == "[1, [...]]"
    assert to_jsonable({"a": 1}) == {"a": 1}


def test_json_form_is_a_copy() -> None:
    value = {"a": [1]}
    made = to_jsonable(value)
    value["a"].append(2)
    assert made == {"a": [1]}


def test_canonical_form_does_not_depend_on_order_and_keeps_types() -> None:
    assert list(to_canonical({"b": 1, "a": 2})) == ["a", "b"]
    assert to_canonical({"b", "a"}) == to_canonical({"a", "b"}) != to_canonical(["a", "b"])
    assert to_canonical(Customer("Ada")) != to_canonical({"name": "Ada", "orders": []})
    assert to_canonical(AIMessage("Hi")) != to_canonical(HumanMessage("Hi"))
    assert to_canonical({1: b"x"}) == {1: b"x"}


DIGESTS = {
    "text": "50eed560bb433cc2445e5713823e520c4fde5c68bf61c343e40369b14214efdd",
    "blocks": "9935a4fe4cbdf13c88790b70620fbd21f879b03a6f6b524eca98dcac775c4e66",
    "context": "a900d3b76ecdf5f9645e28c9031129cef8847e1a5442b09f3b2c0160546195c1",
    "objects": "853d2af5d6b535aa44d61ccbef0bf36d4b55666d30650aa6525f2408a916f929",
    "answer": "dbd0fc7393bf26658a3d5ae4d7fd18e12b372a25193cb56a0da02bd4118491e3",
}
"""Digests of requests, as files hold them."""


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("text", Request("message", "Hello, wörld")),
        (
            "blocks",
            Request("message", [{"type": "text", "text": "Hi"}, {"url": "https://a", "type": "image"}]),
        ),
        ("context", Request("message", "Hi", context={"b": [1, 2.5, None], "a": {"y": True, "x": (1, "z")}})),
        (
            "objects",
            Request(
                "input",
                {
                    "order": Order(number=1, items={"b", "a"}),
                    "customer": Customer("Ada", [Order(number=2)]),
                    "at": datetime(2026, 1, 31, tzinfo=UTC),
                    "raw": b"\0",
                    "seen": {"b", "a"},
                },
            ),
        ),
        ("answer", Request("resume", {"i1": True, "i0": "yes"})),
        ("answer", Request("recovery", {"i0": "yes", "i1": True})),
    ],
)
def test_digest_of_a_request_stays_the_same(name: str, request_: Request) -> None:
    with threads.open(":memory:") as registry:
        assert request_.digest(registry.checkpointer.serde, "my-agent") == DIGESTS[name]
