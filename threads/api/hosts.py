"""The Host header and the request target: parsing, loopback names, and the check of the server's names."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from threads.api.errors import ApiError

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/?#@\[\]\\]+)(?::([0-9]{1,5}))?", re.IGNORECASE)
DEFAULT_PORTS = {"http": 80, "https": 443}


def check_host(headers: Headers, scope: Any, names: Collection[str], *, is_health_check: bool) -> None:
    """Refuse a request for a name that is not the server's (DNS rebinding); raises `ApiError` (400).

    Starlette's TrustedHostMiddleware compares names alone. Ours also refuses a second Host header and a
    target that names another host than Host, and lets health checks pass that name an address or no host.
    """
    hosts, target = headers.getlist("host"), absolute_target(scope)
    if len(hosts) > 1:
        raise _unknown_host("the request has more than one Host header")
    host = hosts[0] if hosts else host_of_target(target or "")
    if target is not None and not is_same_host(target, host):
        raise _unknown_host("the request target names another host than the Host header")
    name, _ = split_host(host) or ("", None)
    if is_loopback(name) or name in names:
        return
    if not (is_health_check and (is_address(name) or not host)):
        raise _unknown_host("the Host header names no host of this server")


def _unknown_host(message: str) -> ApiError:
    return ApiError(400, "UnknownHost", message, field="Host")


def split_host(text: str) -> tuple[str, int | None] | None:
    """Return name (lower case, no brackets) and port of a Host header; None if it is invalid."""
    found = HOST.fullmatch(text)
    if found is None:
        return None
    return found[1].strip("[]").lower(), None if found[2] is None else int(found[2])


def is_address(name: str) -> bool:
    """True for an IP address, which no DNS server can point elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """True for a name or address that is reached from this machine only."""
    return name == "localhost" or (is_address(name) and ipaddress.ip_address(name).is_loopback)


def absolute_target(scope: Any) -> str | None:
    """Return a request target in absolute form (`GET http://host/path`), None for one of the usual form.

    uvicorn with h11 has it in `raw_path`. With httptools it is gone; `threads.api.protocol` stores it.
    """
    raw = scope.get("threads.target") or scope.get("raw_path") or b""
    return None if raw.startswith(b"/") or b"://" not in raw else raw.decode("ascii", errors="replace")


def host_of_target(target: str) -> str:
    """Return host and port of an absolute target, as they were sent."""
    return re.split(r"[/?#]", target.partition("://")[2], maxsplit=1)[0]


def path_of_target(target: str) -> str:
    """Return the path of an absolute target, as it was sent."""
    return urlsplit(target).path or "/"


def is_same_host(target: str, host: str) -> bool:
    """True if an absolute target names the host and port that the Host header names."""
    default = DEFAULT_PORTS.get(target.partition("://")[0].lower())
    named = [split_host(text) for text in (host_of_target(target), host)]
    pairs = [None if each is None else (each[0], each[1] or default) for each in named]
    return pairs[0] is not None and pairs[0] == pairs[1]


def is_own_origin(origin: str, host: str) -> bool:
    """True if the origin is that of the server which the Host header names."""
    return origin.lower() in [f"{scheme}://{host.lower()}" for scheme in DEFAULT_PORTS]
