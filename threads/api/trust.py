"""Which requests need no token: decided when the server starts, and only ever tightened while it runs.

A request without a token is the local user's only if everything about it says that it was made on this
machine. A proxy makes requests on this machine, too. Most show themselves by a header or by HTTP/1.0; one
that shows neither cannot be detected, so the first line in the log says so.
"""

from __future__ import annotations

import logging
from typing import Any

from starlette.datastructures import Headers

from threads import Registry
from threads.api.hosts import DEFAULT_PORTS, is_loopback, is_own_origin, split_host

FORWARDING_HEADERS = ("forwarded", "x-real-ip", "via")
"""Headers by which proxies show themselves, besides `X-Forwarded-*`."""
OWN_FETCH_SITES = ("none", "same-origin")
"""Values of `Sec-Fetch-Site` that browsers send for the user's own input and for the server's own pages."""
OPEN_MESSAGE = (
    "Requests from this machine need no token and have full access. A proxy on this machine that adds no "
    "forwarding header counts as this machine: behind one, use --require-login (create_app: "
    "require_login=True)."
)
USERS_ADDED_MESSAGE = (
    "There are users now: every request needs a token until the server ends, also once they are removed."
)


class LocalTrust:
    """Whether requests without a token may be the local user's: a latch that closes and never opens again."""

    def __init__(self, registry: Registry, reasons: list[str]) -> None:
        """`reasons`: why every request needs a token, in words; existing users are one more."""
        self._registry = registry
        self._added = registry.users.count_added()
        self._has_users = bool(registry.users)
        self._reasons = [*reasons, "there are users"] if self._has_users else reasons
        self._socket: str | None = None
        self._is_decided = False

    @property
    def is_open(self) -> bool:
        """True while a request can be the local user's, as far as is known without reading the file."""
        return not self._reasons

    def decide(self, socket: str | None = None) -> None:
        """Fix what is trusted, and log it; later calls do nothing.

        `socket`: the path of the Unix socket that this server made for its own user alone.
        """
        if self._is_decided:
            return
        self._is_decided, self._socket = True, socket
        hint = "" if self._has_users else " There are no users yet: threads users add NAME."
        message = f"Every request needs a token: {', '.join(self._reasons)}.{hint}"
        fields = {"local_user": self.is_open, "reasons": list(self._reasons), "socket": socket}
        level = logging.WARNING if self.is_open else logging.INFO  # a warning is shown by any application
        logging.getLogger("threads.api").log(
            level, OPEN_MESSAGE if self.is_open else message, extra={"fields": fields}
        )

    def check_users(self) -> bool:
        """Read whether users were added, and close the latch if so; return whether it is still open."""
        if self.is_open and self._registry.users.count_added() > self._added:
            self._reasons = ["there are or were users"]
            logging.getLogger("threads.api").info(
                USERS_ADDED_MESSAGE, extra={"fields": {"local_user": False}}
            )
        return self.is_open

    def refusal_reason(self, scope: Any) -> str | None:
        """Return why this request is not the local user's, as the end of a sentence; None if it may be."""
        if not self.is_open:
            return "this server takes no request without one"
        headers = Headers(scope=scope)
        return (
            self._reason_in_sender(scope)
            or _reason_in_headers(headers)
            or self._reason_in_host(headers, scope)
        )

    def _uses_own_socket(self, scope: Any) -> bool:
        """True if the request came by the server's own Unix socket, which a client cannot claim."""
        return self._socket is not None and tuple(scope.get("server") or ()) == (self._socket, None)

    def _reason_in_sender(self, scope: Any) -> str | None:
        if self._uses_own_socket(scope):
            return None
        client = scope.get("client")
        if not client or not client[0]:
            return "this request has no client address (threads serve --uds makes a socket that is trusted)"
        return None if is_loopback(client[0]) else "this request comes from another machine"

    def _reason_in_host(self, headers: Headers, scope: Any) -> str | None:
        version = scope.get("http_version")
        if version != "1.1":
            return f"this request came by HTTP/{version}, as from a proxy"
        named = split_host(headers.get("host", ""))
        if named is None or not is_loopback(named[0]):
            return "its Host is not localhost or a loopback address, as from a proxy"
        if self._uses_own_socket(scope):
            return None
        port = (scope.get("server") or (None, None))[1]
        if port is None or (named[1] or DEFAULT_PORTS.get(scope.get("scheme", ""))) != port:
            return "its Host names another port than the server's, as from a proxy or tunnel"
        return None


def _reason_in_headers(headers: Headers) -> str | None:
    for name in headers:
        plain = name.replace("_", "-")
        if plain in FORWARDING_HEADERS or plain.startswith("x-forwarded-"):
            return f"this request came through a proxy ({name.title()})"
    origin = headers.get("origin")
    if origin is not None and not is_own_origin(origin, headers.get("host", "")):
        return "a page of another site made this request (Origin)"
    for site in headers.getlist("sec-fetch-site"):
        if site.strip().lower() not in OWN_FETCH_SITES:
            return "a page of another site made this request (Sec-Fetch-Site)"
    return None
