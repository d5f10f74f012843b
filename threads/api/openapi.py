"""The page that shows the API: made of the OpenAPI on the server, without scripts, nothing from elsewhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any

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


def page_of(openapi: dict[str, Any]) -> str:
    """An HTML page with all operations, by tag."""
    by_tag: dict[str, list[str]] = {}
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["other"])[0]
            by_tag.setdefault(tag, []).append(_operation(method, path, operation, openapi))
    parts = [f"<h2>{escape(tag)}</h2>{''.join(found)}" for tag, found in by_tag.items()]
    info = openapi["info"]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        '<meta name="viewport" content="width=device-width"><style>' + STYLE + "</style>"
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f"<p>{escape(info.get('description', ''))}</p>"
        f'<p>For programs: <a href="/openapi.json">openapi.json</a></p>{"".join(parts)}</html>'
    )


def _operation(method: str, path: str, operation: dict[str, Any], openapi: dict[str, Any]) -> str:
    rows = [
        (f"{each['name']} ({each['in']})", each.get("description") or each["schema"].get("description", ""))
        for each in operation.get("parameters", ())
    ]
    answers = [(status, told.get("description", "")) for status, told in operation["responses"].items()]
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code></summary>"
        f"<p>{escape(operation.get('description', ''))}</p>"
        f"{_table(rows)}{_body(operation, openapi)}{_table(answers)}</details>"
    )


def _body(operation: dict[str, Any], openapi: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return ""
    name = content["schema"].get("$ref", "").rpartition("/")[2]
    schema = openapi["components"]["schemas"].get(name, content["schema"])
    shown = schema.get("examples") or [
        {field: told.get("type", "...") for field, told in schema["properties"].items()}
    ]
    return f"<pre>{escape(json.dumps(shown[0], indent=2))}</pre>"


def _table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td><code>{escape(str(a))}</code><td>{escape(b)}" for a, b in rows)
    return f"<table>{cells}</table>" if rows else ""
