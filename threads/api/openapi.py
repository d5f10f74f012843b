"""The OpenAPI schema with security schemes and examples, and the page that shows it without scripts."""

from __future__ import annotations

import json
from html import escape
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI

from threads.api.authentication import SESSION_COOKIE
from threads.api.schemas.responses import API_PREFIX

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;
margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
details{border:1px solid #d5dae1;border-radius:6px;margin:.4rem 0;padding:.3rem .8rem}summary{cursor:pointer}
code,pre{font:14px/1.45 ui-monospace,monospace}
pre{background:#f4f6f8;padding:.6rem;overflow:auto;border-radius:6px}
b{display:inline-block;min-width:4.5rem}table{border-collapse:collapse}
td{padding:.1rem .8rem .1rem 0;vertical-align:top}
@media(prefers-color-scheme:dark){body{color:#e6e9ee;background:#14171b}
pre{background:#1e2329}details{border-color:#39414b}}
"""
EXAMPLE_TIME = "2026-01-31T12:00:00.000Z"
EXAMPLE_VALUES: dict[str, Any] = {
    "id": "019c14e2-7d3a-7c11-9a5e-2f6b1c0d4e8f", "thread_id": "019c14e2-7d3a-7c11-9a5e-2f6b1c0d4e8f",
    "run_id": "019c14e2-8f02-7b6d-8c21-5d9e3a7b1f04", "title": "My lamp is broken", "agent_id": "support",
    "owner": "alice", "name": "alice", "text": "My lamp is broken", "snippet": "My lamp is broken",
    "reply": "I am sorry to hear that.", "last_message": "I am sorry to hear that.", "by": "day",
    "error": None, "trashed_at": None, "stopped": False, "trashed": False, "archived": False, "pinned": False,
    "matches": [[3, 7]], "content": [{"type": "text", "text": "My lamp is broken"}], "field": None,
    "metadata": {"plan": "gold"}, "key": None, "value": "Shall I send a new one?", "usage": None,
    "message_count": 2, "attempts": 1, "status": "idle", "interrupts": [], "tool_calls": [], "versions": [],
    "choices": [], "response_schema": None,
}  # fmt: skip
"""Example values by field name, used where the schema of the field accepts them."""
PREFERRED_VALUES = ("idle", "success", "archive")
ERROR_CODES = {
    400: "UnknownHost", 401: "Unauthorized", 403: "ForeignOrigin", 404: "ThreadNotFound", 409: "ThreadBusy",
    410: "ThreadDeleted", 413: "TooLarge", 422: "InvalidValue", 429: "TooManyRequests", 502: "RunFailed",
    503: "DatabaseError", 507: "DatabaseFull",
}  # fmt: skip


def openapi_schema(app: FastAPI, prefix: str = "") -> dict[str, Any]:
    """Return the application's OpenAPI schema, with security schemes and an example of each response.

    `prefix`: where the application is mounted, as the server of the schema.
    """
    if app.openapi_schema is None:
        schema = app.openapi()
        schema["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE},
        }
        schema["security"] = [{"token": []}, {"session": []}, {}]
        for path, operations in schema["paths"].items():
            for operation in operations.values():
                if not path.startswith(API_PREFIX):
                    operation["security"] = []
                if operation["operationId"].endswith("_events"):  # they respond with a stream only
                    operation["responses"]["200"]["content"].pop("application/json", None)
        _add_examples(schema)
    return {**app.openapi(), **({"servers": [{"url": quote(prefix)}]} if prefix else {})}


def _add_examples(openapi: dict[str, Any]) -> None:
    """Add an example, made from its schema so that it cannot go stale, to each JSON response."""
    schemas = openapi["components"]["schemas"]
    for operations in openapi["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/json")
                if content and int(status) in ERROR_CODES:
                    error = {
                        "error": response["description"],
                        "code": ERROR_CODES[int(status)],
                        "field": None,
                    }
                    content["example"] = error
                elif content:
                    content["example"] = _example_of(content["schema"], schemas)


def _example_of(schema: dict[str, Any], schemas: dict[str, Any], name: str = "") -> Any:
    """Return a value that is valid under this schema."""
    if "$ref" in schema:
        return _example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, name)
    if "anyOf" in schema:
        kinds = [each.get("type") for each in schema["anyOf"]]
        if name in EXAMPLE_VALUES and EXAMPLE_VALUES[name] is None and "null" in kinds:
            return None
        return _example_of(schema["anyOf"][0], schemas, name)
    for key in ("const", "enum", "examples"):
        if key in schema:
            values = [schema[key]] if key == "const" else schema[key]
            return next((each for each in PREFERRED_VALUES if each in values), values[0])
    return _example_of_type(schema, schemas, name)


def _example_of_type(schema: dict[str, Any], schemas: dict[str, Any], name: str) -> Any:
    kind = schema.get("type")
    if kind == "string":
        return (
            EXAMPLE_TIME if schema.get("format") == "date-time" else str(EXAMPLE_VALUES.get(name) or "a word")
        )
    if kind in ("integer", "number"):
        return EXAMPLE_VALUES[name] if type(EXAMPLE_VALUES.get(name)) is int else 1
    if kind == "boolean":
        return bool(EXAMPLE_VALUES.get(name))
    if kind == "array":
        value = EXAMPLE_VALUES.get(name)
        return value if isinstance(value, list) else [_example_of(schema.get("items", {}), schemas)]
    if "properties" in schema:
        return {each: _example_of(of, schemas, each) for each, of in schema["properties"].items()}
    if isinstance(schema.get("additionalProperties"), dict):
        return {"019c14e2-7d3a-7c11-9a5e-2f6b1c0d4e8f": _example_of(schema["additionalProperties"], schemas)}
    return EXAMPLE_VALUES.get(name, {} if kind == "object" else "a word")


def docs_page(openapi: dict[str, Any]) -> str:
    """Return an HTML page with all operations, by tag."""
    by_tag: dict[str, list[str]] = {}
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["other"])[0]
            by_tag.setdefault(tag, []).append(_operation(method, path, operation, openapi))
    parts = [f"<h2>{escape(tag)}</h2>{''.join(each)}" for tag, each in by_tag.items()]
    info, [server] = openapi["info"], openapi.get("servers", [{"url": ""}])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        '<meta name="viewport" content="width=device-width"><style>' + STYLE + "</style>"
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f"<p>{escape(info.get('description', ''))}</p>"
        f'<p>For programs: <a href="{escape(server["url"])}/openapi.json">openapi.json</a></p>'
        f"{''.join(parts)}</html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any], openapi: dict[str, Any]) -> str:
    rows = [
        (f"{each['name']} ({each['in']})", each.get("description") or each["schema"].get("description", ""))
        for each in operation.get("parameters", ())
    ]
    responses = [(status, each.get("description", "")) for status, each in operation["responses"].items()]
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code></summary>"
        f"<p>{escape(operation.get('description', ''))}</p>"
        f"{_table(rows)}{_body(operation, openapi)}{_table(responses)}</details>"
    )


def _body(operation: dict[str, Any], openapi: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return ""
    name = content["schema"].get("$ref", "").rpartition("/")[2]
    schema = openapi["components"]["schemas"].get(name, content["schema"])
    examples = schema.get("examples") or [
        {field: of.get("type", "...") for field, of in schema["properties"].items()}
    ]
    return f"<pre>{escape(json.dumps(examples[0], indent=2))}</pre>"


def _table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td><code>{escape(str(a))}</code><td>{escape(b)}" for a, b in rows)
    return f"<table>{cells}</table>" if rows else ""
