"""uvicorn's protocol on httptools, with the request target as it was sent.

Checked on uvicorn 0.54: `on_headers_complete` parses `self.url` and keeps only its path, so an application
cannot see that `GET http://other.example/ HTTP/1.1` named another host. Pinned by
`test_an_absolute_target_of_another_host_is_refused`.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class TargetProtocol(HttpToolsProtocol):
    """Stores the target in the scope, where `threads.api.hosts` reads it."""

    def on_headers_complete(self) -> None:
        """Pass the request to the application."""
        self.scope["threads.target"] = self.url  # type: ignore[typeddict-unknown-key]
        super().on_headers_complete()
