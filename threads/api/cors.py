"""Pages of other sites that may ask: which they are, and what their browsers are told (CORS)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from threads.api.errors import Refused
from threads.api.hosts import PORTS
from threads.errors import InvalidValue

OTHER_SITES: dict[str, Any] = {
    "allow_methods": ("GET", "HEAD", "POST", "PUT", "DELETE"),
    "allow_headers": ("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Prefer"),
    "allow_credentials": True,
    "expose_headers": (
        "X-Total-Count", "X-Next-Cursor", "Location", "Content-Location", "X-Run-Id", "X-Request-Id",
        "Retry-After",
    ),
}  # fmt: skip


class OtherSites(CORSMiddleware):
    """Starlette's, whose refusals look like all others here."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Whether a browser may send what it asks for."""
        answer = super().preflight_response(request_headers)
        return answer if answer.status_code < 400 else foreign().response()


def foreign() -> Refused:
    """Somebody else's page asks, or asks for something it may not do."""
    return Refused(403, "ForeignOrigin", "pages of other sites may not ask this here", field="Origin")


def checked_origin(text: str) -> str:
    """A site as browsers name it; `InvalidValue` for what is no http or https address without a path."""
    try:
        parts = urlsplit(text)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        parts, scheme, host, port = urlsplit(""), "", None, None
    if (
        not host
        or scheme not in PORTS
        or parts.netloc.lower() != text.lower().partition("://")[2]
        or "@" in text
    ):
        raise InvalidValue(
            "origin", f"http://HOST or https://HOST is needed, with a :PORT or none, not {text!r}"
        )
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}" if port in (None, PORTS[scheme]) else f"{scheme}://{name}:{port}"
