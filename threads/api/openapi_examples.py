"""Examples of answers in the OpenAPI: made of the answers' own schemas, so that they cannot go stale."""

from __future__ import annotations

from typing import Any

MOMENT = "2026-01-31T12:00:00.000Z"
WORDS: dict[str, Any] = {
    "id": "019c14e2-7d3a-7c11-9a5e-2f6b1c0d4e8f", "thread_id": "019c14e2-7d3a-7c11-9a5e-2f6b1c0d4e8f",
    "run_id": "019c14e2-8f02-7b6d-8c21-5d9e3a7b1f04", "title": "My lamp is broken", "agent_id": "support",
    "owner": "alice", "name": "alice", "text": "My lamp is broken", "snippet": "My lamp is broken",
    "reply": "I am sorry to hear that.", "last_message": "I am sorry to hear that.", "by": "day",
    "error": None, "trashed_at": None, "stopped": False, "trashed": False, "archived": False, "pinned": False,
    "matches": [[3, 7]], "content": [{"type": "text", "text": "My lamp is broken"}], "field": None,
    "metadata": {"plan": "gold"}, "key": None, "value": "Shall I send a new one?", "usage": None,
    "message_count": 2, "attempts": 1, "status": "idle", "interrupts": [], "tool_calls": [], "versions": [],
}  # fmt: skip
"""What stands in fields of these names, where their schema takes it."""
LIKELY = ("idle", "success", "archive")
CODES = {
    400: "UnknownHost", 401: "Unauthorized", 403: "ForeignOrigin", 404: "ThreadNotFound", 409: "ThreadBusy",
    410: "ThreadDeleted", 413: "TooLarge", 422: "InvalidValue", 429: "TooManyRequests", 502: "RunFailed",
    503: "DatabaseError", 507: "DatabaseFull",
}  # fmt: skip


def add_examples(openapi: dict[str, Any]) -> None:
    """Give an example to each answer that is JSON."""
    schemas = openapi["components"]["schemas"]
    for operations in openapi["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                content = answer.get("content", {}).get("application/json")
                if content and int(status) in CODES:
                    told = {"error": answer["description"], "code": CODES[int(status)], "field": None}
                    content["example"] = told
                elif content:
                    content["example"] = example_of(content["schema"], schemas)


def example_of(schema: dict[str, Any], schemas: dict[str, Any], name: str = "") -> Any:
    """A value that this schema takes."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, name)
    if "anyOf" in schema:
        kinds = [each.get("type") for each in schema["anyOf"]]
        if name in WORDS and WORDS[name] is None and "null" in kinds:
            return None
        return example_of(schema["anyOf"][0], schemas, name)
    for word in ("const", "enum", "examples"):
        if word in schema:
            found = [schema[word]] if word == "const" else schema[word]
            return next((each for each in LIKELY if each in found), found[0])
    return _of_type(schema, schemas, name)


def _of_type(schema: dict[str, Any], schemas: dict[str, Any], name: str) -> Any:
    kind = schema.get("type")
    if kind == "string":
        return MOMENT if schema.get("format") == "date-time" else str(WORDS.get(name) or "a word")
    if kind in ("integer", "number"):
        return WORDS[name] if type(WORDS.get(name)) is int else 1
    if kind == "boolean":
        return bool(WORDS.get(name))
    if kind == "array":
        found = WORDS.get(name)
        return found if isinstance(found, list) else [example_of(schema.get("items", {}), schemas)]
    if "properties" in schema:
        return {each: example_of(of, schemas, each) for each, of in schema["properties"].items()}
    if isinstance(schema.get("additionalProperties"), dict):
        return {"019c14e2-7d3a-7c11-9a5e-2f6b1c0d4e8f": example_of(schema["additionalProperties"], schemas)}
    return WORDS.get(name, {} if kind == "object" else "a word")
