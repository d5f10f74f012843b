"""Values against JSON schemas, among them those that pydantic writes and those of a damaged file."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from threads.json_schema import allowed_values, find_violation


class Approve(BaseModel):
    type: Literal["approve"]


class Edit(BaseModel):
    type: Literal["edit"]
    args: dict[str, int]


class Node(BaseModel):
    name: str
    below: list["Node"] = []


DECISION = TypeAdapter(Annotated[Approve | Edit, Field(discriminator="type")]).json_schema()
FORM = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "age": {"type": ["integer", "null"], "minimum": 0},
    },
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        (FORM, {"name": "Ann", "age": 3}, None),
        (FORM, {"name": "Ann", "age": None}, None),
        (FORM, {"name": "Ann", "age": 3.0}, None),
        (FORM, "Ann", "'Ann' is not an object"),
        (FORM, {"age": 3}, "'name' is missing"),
        (FORM, {"name": ""}, "name: it has fewer than 1 characters"),
        (FORM, {"name": "Ann", "age": -1}, "age: it is less than 0"),
        (FORM, {"name": "Ann", "age": True}, "age: True is not an integer or null"),
        (FORM, {"name": "Ann", "age": 1.5}, "age: 1.5 is not an integer or null"),
        (FORM, {"name": "Ann", "x": 1}, "'x' is not one of 'name', 'age'"),
        (DECISION, {"type": "approve"}, None),
        (DECISION, {"type": "edit", "args": {"amount": 1}}, None),
        (DECISION, {"type": "edit"}, "'args' is missing"),
        (DECISION, {"type": "edit", "args": {"amount": "1"}}, "args.amount: '1' is not an integer"),
        (DECISION, {"type": "no"}, "type: 'no' is not one of 'approve', 'edit'"),
        (DECISION, {}, "'type' is missing"),
        (DECISION, "approve", "it has to be an object"),
        (Node.model_json_schema(), {"name": "a", "below": [{"name": "b", "below": [{}]}]},
         "below[0].below[0]: 'name' is missing"),
        ({"enum": ["a", 1]}, 1, None),
        ({"enum": ["a", 1]}, True, "True is not one of 'a', 1"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 3, "it has to be a text or null"),
        ({"allOf": [{"type": "string"}, {"maxLength": 2}]}, "abc", "it has more than 2 characters"),
        ({"type": "array", "items": {"type": "number"}, "maxItems": 2}, [1, "x"], "[1]: 'x' is not a number"),
        ({"type": "array", "items": {"type": "number"}, "maxItems": 2}, (1, 2.5), None),
    ],
)  # fmt: skip
def test_first_violation_is_named_with_its_place(schema, value, words):
    found = find_violation(schema, value)
    assert (found and str(found)) == words


@dataclass
class Own:
    """No JSON: only the code that asked knows whether it fits."""


@pytest.mark.parametrize(
    "schema",
    [
        None, [], "x", {"$ref": "#"}, {"$ref": "#/$defs/x"}, {"$ref": 1}, {"$ref": "http://example.org/x"},
        {"type": "unknown"}, {"type": 3}, {"enum": 3}, {"required": 3}, {"required": [{}]}, {"properties": 3},
        {"oneOf": 3}, {"oneOf": [3]}, {"discriminator": {"propertyName": []}, "oneOf": [{}]},
        {"minLength": "x"}, {"prefixItems": 3}, {"allOf": [{"$ref": "#"}]}, {"pattern": "(a+)+$"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", [None, "text", 3, [1], {"type": "x"}, Own()], ids=repr)
def test_damaged_or_unknown_schema_accepts_everything(schema, value):
    assert find_violation(schema, value) is None
    allowed_values(schema)


def test_python_object_is_not_judged():
    assert find_violation(FORM, Own()) is None
    assert find_violation(FORM, {"name": Own()}) is None


def test_schemas_of_pydantic_accept_what_pydantic_dumps():
    values: list[tuple[Any, Any]] = [
        (list[tuple[int, str]], [(1, "a")]),
        (dict[str, list[float | None]], {"a": [1, None]}),
        (Literal["a", "b"], "b"),
        (Node, Node(name="a", below=[Node(name="b")])),
    ]
    for kind, value in values:
        adapter = TypeAdapter(kind)
        assert find_violation(adapter.json_schema(), json.loads(adapter.dump_json(value))) is None


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"enum": ["a", "b"]}, ("a", "b")),
        ({"type": "boolean"}, (True, False)),
        ({"anyOf": [{"const": 1}, {"enum": [2, 3]}]}, (1, 2, 3)),
        ({"anyOf": [{"const": 1}, {"type": "string"}]}, ()),
        ({"type": "string"}, ()),
        (None, ()),
    ],
)
def test_allowed_values_are_listed_where_the_schema_lists_them(schema, values):
    assert allowed_values(schema) == values
