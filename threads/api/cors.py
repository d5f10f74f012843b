"""Which other sites' pages may send requests: the Origin check, and Starlette's CORS middleware."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from threads.api.errors import ApiError
from threads.api.hosts import DEFAULT_PORTS, is_own_origin
from threads.errors import InvalidValue

CORS_OPTIONS: dict[str, Any] = {
    "allow_methods": ("GET", "HEAD", "POST", "PUT", "DELETE"),
    "allow_headers": ("Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Prefer"),
    "allow_credentials": True,
    "expose_headers": (
        "X-Total-Count", "X-Next-Cursor", "Location", "Content-Location", "X-Run-Id", "X-Request-Id",
        "Retry-After",
    ),
}  # fmt: skip


class JsonCORSMiddleware(CORSMiddleware):
    """Starlette's CORS middleware. Ours also: a refused preflight gets the JSON error of this API."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return Starlette's response, or the API's error where it refuses."""
        response = super().preflight_response(request_headers)
        return response if response.status_code < 400 else foreign_origin_error().response()


def foreign_origin_error() -> ApiError:
    """Return the error for a page of another site, or for a request it may not send."""
    return ApiError(403, "ForeignOrigin", "pages of other sites may not send this request", field="Origin")


def check_origin(headers: Headers, allowed: Collection[str], *, is_public: bool) -> None:
    """Refuse a request that a page of another site made.

    CORS only withholds responses from such pages; the request itself would still be carried out. `is_public`:
    the path may be requested without an Origin by any page, as by following a link. Raises `ApiError` (403).
    """
    if len(headers.getlist("origin")) > 1:
        raise foreign_origin_error()
    origin = headers.get("origin")
    if origin in allowed:
        return
    if origin is None:
        if "cross-site" in headers.getlist("sec-fetch-site") and not is_public:
            raise foreign_origin_error()
        return
    if not is_own_origin(origin, headers.get("host", "")):
        raise foreign_origin_error()


def normalize_origin(text: str) -> str:
    """Return an origin as browsers send it; raises `InvalidValue` unless it is http(s)://HOST[:PORT]."""
    try:
        parts = urlsplit(text)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        parts, scheme, host, port = urlsplit(""), "", None, None
    if (
        not host
        or scheme not in DEFAULT_PORTS
        or parts.netloc.lower() != text.lower().partition("://")[2]
        or "@" in text
    ):
        raise InvalidValue(
            "origin", f"http://HOST or https://HOST is required, with or without :PORT, not {text!r}"
        )
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}" if port in (None, DEFAULT_PORTS[scheme]) else f"{scheme}://{name}:{port}"
