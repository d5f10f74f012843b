"""The Host header and the request target: how they are read, and which of their names are this machine's."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/?#@\[\]\\]+)(?::([0-9]{1,5}))?", re.IGNORECASE)
PORTS = {"http": 80, "https": 443}


def split_host(text: str) -> tuple[str, int | None] | None:
    """Name and port of a Host header, the name in lower case and without brackets; None if it is none."""
    found = HOST.fullmatch(text)
    if found is None:
        return None
    return found[1].strip("[]").lower(), None if found[2] is None else int(found[2])


def is_address(name: str) -> bool:
    """Whether the name is an IP address, which no DNS server can point elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Whether the name or address is reached from this machine only."""
    return name == "localhost" or (is_address(name) and ipaddress.ip_address(name).is_loopback)


def absolute_target(scope: Any) -> str | None:
    """The target of a request in absolute form (`GET http://host/path`), None for one of the usual form.

    uvicorn with h11 gives it as the path. With httptools it is gone; `threads.api.protocol` keeps it.
    """
    raw = scope.get("threads.target") or scope.get("raw_path") or b""
    return None if raw.startswith(b"/") or b"://" not in raw else raw.decode("ascii", errors="replace")


def host_of_target(target: str) -> str:
    """Host and port of an absolute target, as they were sent."""
    return re.split(r"[/?#]", target.partition("://")[2], maxsplit=1)[0]


def is_same_host(target: str, host: str) -> bool:
    """Whether an absolute target names the host and port that the Host header names."""
    default = PORTS.get(target.partition("://")[0].lower())
    named = [split_host(text) for text in (host_of_target(target), host)]
    ends = [None if each is None else (each[0], each[1] or default) for each in named]
    return ends[0] is not None and ends[0] == ends[1]


def is_own_origin(origin: str, host: str) -> bool:
    """Whether a page of the server that the Host header names made the request."""
    return origin.lower() in [f"{scheme}://{host.lower()}" for scheme in PORTS]


def path_of_target(target: str) -> str:
    """The path of an absolute target, as it was sent."""
    return urlsplit(target).path or "/"
