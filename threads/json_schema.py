"""Whether a value fits a JSON schema, for answers to interrupts that publish one.

It covers what pydantic writes and what a form needs, reads no file and follows no address: schemas come out
of stored checkpoints. Keywords that it does not know, such as `pattern` and `format`, accept everything, and
so does a schema that is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from threads.errors import short

MAX_DEPTH = 64
"""Levels of a schema that are looked at; it may refer to itself."""
TYPE_NAMES = {
    "object": "an object", "array": "a list", "string": "a text", "integer": "an integer",
    "number": "a number", "boolean": "true or false", "null": "null",
}  # fmt: skip
SIZES = {
    "minItems": ("array", len, "it has fewer than {} items"),
    "maxItems": ("array", len, "it has more than {} items"),
    "minLength": ("string", len, "it has fewer than {} characters"),
    "maxLength": ("string", len, "it has more than {} characters"),
    "minimum": ("number", lambda value: value, "it is less than {}"),
    "maximum": ("number", lambda value: value, "it is more than {}"),
}
"""By keyword: the type that it is about, what it measures, and what is wrong."""


class Violation(NamedTuple):
    """Where a value does not fit, and why."""

    path: str
    """As `decisions[0].type`; empty for the value itself."""
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem


def find_violation(schema: object, value: Any) -> Violation | None:
    """Return the first place in which a value does not fit; None if it fits, or JSON has no such value."""
    return _find(schema, value, "", schema, MAX_DEPTH)


def branches(schema: object) -> list[Mapping[str, Any]]:
    """Return the schemas of which a value has to fit one: of `oneOf` or `anyOf`, else the schema itself."""
    resolved = _resolved(schema, schema, MAX_DEPTH)
    found = _list_of(resolved, "oneOf") or _list_of(resolved, "anyOf") or [resolved]
    return [_resolved(each, schema, MAX_DEPTH) for each in found]


def allowed_values(schema: object) -> tuple[Any, ...]:
    """Return the values that a schema lists; empty if it does not list them all."""
    found: list[Any] = []
    for branch in branches(schema):
        values = branch.get("enum", [branch["const"]] if "const" in branch else None)
        if branch.get("type") == "boolean" and values is None:
            values = [True, False]
        if not isinstance(values, list):
            return ()
        found += values
    return tuple(found)


def constants(schema: object, name: str) -> list[Any]:
    """Return what the property `name` has to be in each branch of a schema that fixes it."""
    properties = [_mapping_of(each, "properties") for each in branches(schema)]
    found = [_mapping_of(each, name) for each in properties]
    return [each["const"] for each in found if "const" in each]


def _find(schema: object, value: Any, path: str, root: object, depth: int) -> Violation | None:
    if depth <= 0 or not _is_json(value):
        return None
    schema = _resolved(schema, root, depth)
    problem = _type_problem(schema, value) or _listed_problem(schema, value) or _size_problem(schema, value)
    if problem is not None:
        return Violation(path, problem)
    inside = _parts(schema, value, path)
    if isinstance(inside, Violation):
        return inside
    for part, part_schema, part_path in inside:
        if found := _find(part_schema, part, part_path, root, depth - 1):
            return found
    for each in _list_of(schema, "allOf"):
        if found := _find(each, value, path, root, depth - 1):
            return found
    return _find_in_branches(schema, value, path, root, depth)


def _find_in_branches(
    schema: Mapping[str, Any], value: Any, path: str, root: object, depth: int
) -> Violation | None:
    given = _list_of(schema, "oneOf") or _list_of(schema, "anyOf")
    if not given:
        return None
    options = [_resolved(each, root, depth) for each in given]
    discriminator = _discriminator(schema, options)
    if discriminator is not None and isinstance(value, Mapping):
        return _find_in_variant(options, discriminator, value, path, root, depth)
    found = [_find(each, value, path, root, depth - 1) for each in options]
    violations = [each for each in found if each is not None]
    if len(violations) < len(found):
        return None
    expected = [_type_of(each) for each in options]
    if all(each.path == path for each in violations) and all(expected):
        return Violation(path, f"it has to be {' or '.join(dict.fromkeys(map(str, expected)))}")
    return max(violations, key=lambda each: len(each.path))


def _find_in_variant(
    options: Sequence[Mapping[str, Any]],
    name: str,
    value: Mapping[Any, Any],
    path: str,
    root: object,
    depth: int,
) -> Violation | None:
    """Look only at the option that the value's discriminator names, so that the problem is its own."""
    if name not in value:
        return Violation(path, f"{name!r} is missing")
    allowed = {each["properties"][name]["const"]: each for each in options}
    if not isinstance(value[name], str) or value[name] not in allowed:
        return Violation(_below(path, name), _not_one_of(value[name], allowed))
    return _find(allowed[value[name]], value, path, root, depth - 1)


def _discriminator(schema: Mapping[str, Any], options: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the property that tells the options apart; None if there is none."""
    name = _mapping_of(schema, "discriminator").get("propertyName", "type")
    found = [_mapping_of(_mapping_of(each, "properties"), name).get("const") for each in options]
    return name if isinstance(name, str) and all(isinstance(each, str) for each in found) else None


def _parts(schema: Mapping[str, Any], value: Any, path: str) -> Iterable[tuple[Any, object, str]] | Violation:
    """Return the parts of a list or an object, each with its schema and path."""
    if isinstance(value, list | tuple):
        first = _list_of(schema, "prefixItems")
        schemas = [first[n] if n < len(first) else schema.get("items") for n in range(len(value))]
        return [(each, schemas[n], f"{path}[{n}]") for n, each in enumerate(value)]
    if not isinstance(value, Mapping):
        return ()
    known = _mapping_of(schema, "properties")
    missing = [each for each in _list_of(schema, "required") if isinstance(each, str) and each not in value]
    if missing:
        return Violation(path, f"{missing[0]!r} is missing")
    other = schema.get("additionalProperties")
    unknown = [each for each in value if each not in known]
    if unknown and other is False:
        return Violation(path, f"{short(unknown[0])} is not one of {_listed(known)}")
    return [(part, known.get(key, other), _below(path, key)) for key, part in value.items()]


def _resolved(schema: object, root: object, depth: int) -> Mapping[str, Any]:
    """Return what a schema refers to inside its document; an empty schema for what cannot be followed."""
    while isinstance(schema, Mapping) and "$ref" in schema and depth > 0:
        depth -= 1
        reference = schema["$ref"]
        schema = root
        steps = reference.split("/") if isinstance(reference, str) and reference[:1] == "#" else ["", None]
        for step in steps[1:]:
            schema = schema.get(step) if isinstance(schema, Mapping) else None
    return schema if isinstance(schema, Mapping) and "$ref" not in schema else {}


def _type_problem(schema: Mapping[str, Any], value: Any) -> str | None:
    given = schema.get("type")
    types = [given] if isinstance(given, str) else _list_of(schema, "type")
    if not types or not all(isinstance(each, str) and each in TYPE_NAMES for each in types):
        return None
    if any(_is_a(value, each) for each in types):
        return None
    return f"{short(value)} is not {' or '.join(TYPE_NAMES[each] for each in types)}"


def _listed_problem(schema: Mapping[str, Any], value: Any) -> str | None:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if not isinstance(values, list) or any(_equal(each, value) for each in values):
        return None
    return _not_one_of(value, values)


def _size_problem(schema: Mapping[str, Any], value: Any) -> str | None:
    for keyword, (kind, measure, problem) in SIZES.items():
        limit = schema.get(keyword)
        if not _is_a(limit, "number") or not _is_a(value, kind):
            continue
        size = measure(value)
        if size < limit if keyword.startswith("min") else size > limit:
            return problem.format(limit)
    return None


def _mapping_of(schema: Mapping[str, Any], keyword: Any) -> Mapping[str, Any]:
    found = schema.get(keyword) if isinstance(keyword, str) else None
    return found if isinstance(found, Mapping) else {}


def _list_of(schema: Mapping[str, Any], keyword: str) -> list[Any]:
    found = schema.get(keyword)
    return found if isinstance(found, list) else []


def _type_of(schema: Mapping[str, Any]) -> str | None:
    return TYPE_NAMES.get(str(schema.get("type")))


def _is_a(value: Any, kind: str) -> bool:
    if kind == "object":
        return isinstance(value, Mapping)
    if kind == "array":
        return isinstance(value, list | tuple)
    if kind == "string":
        return isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "null":
        return value is None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and (kind == "number" or (math.isfinite(value) and value == int(value)))


def _is_json(value: Any) -> bool:
    return value is None or isinstance(value, str | bool | int | float | list | tuple | Mapping)


def _equal(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _not_one_of(value: Any, allowed: Iterable[Any]) -> str:
    return f"{short(value)} is not one of {_listed(allowed)}"


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(repr, values)) or "nothing"


def _below(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)
