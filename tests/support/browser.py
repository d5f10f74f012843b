"""Chromium for tests of the page: where it is, and what may not happen while a page is open."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

try:
    from playwright.sync_api import expect, sync_playwright
except ModuleNotFoundError:
    expect = sync_playwright = None  # type: ignore[assignment]

__all__ = [
    "CHROMIUM",
    "PageProblems",
    "expect",
    "module",
    "require_chromium",
    "sync_playwright",
    "wait_for_connection",
]
CHROMIUM = Path("/usr/bin/chromium")
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP report: ${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""


def require_chromium() -> None:
    """Skip the test where Chromium or its driver is missing; fail instead with THREADS_TEST_REQUIRE=1."""
    missing = []
    if not CHROMIUM.exists():
        missing.append(f"no {CHROMIUM} (apt-get install chromium)")
    if sync_playwright is None:
        missing.append("no playwright (pip install playwright)")
    if missing:
        give_up = pytest.fail if os.environ.get("THREADS_TEST_REQUIRE") == "1" else pytest.skip
        give_up("; ".join(missing))


def module(page: Any, name: str) -> Any:
    """Return a handle of a module of the page, the same object that its components use."""
    source = """(name) => {
        const loaded = performance.getEntriesByType("resource").map((entry) => new URL(entry.name).pathname);
        return import(loaded.find((path) => path.endsWith("/app.js")).replace("app.js", `${name}.js`));
    }"""  # not by the script's `src`, which is relative: it changes with the address of the page
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some((entry) => entry.name.endsWith('/app.js'))"
    )
    return page.evaluate_handle(source, name)


def wait_for_connection(page: Any, connection: str) -> None:
    """Wait until the event stream of a page is `open` or `lost`."""
    test = "([store, connection]) => store.get().connection === connection"
    page.wait_for_function(test, arg=[module(page, "store"), connection])


class PageProblems:
    """What went wrong in the pages of a browser context: console errors, exceptions, CSP reports, other origins.

    A response with an error status is reported by Chromium on the console; a test that provokes it names a part
    of the message with `expect`.
    """

    def __init__(self, context: Any, url: str) -> None:
        self._origin = urlsplit(url)[:2]
        self._expected: list[str] = []
        self._found: list[str] = []
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._note_console)
        context.on("weberror", lambda error: self._found.append(f"exception: {error.error}"))
        context.on("request", self._note_request)

    def expect(self, *parts: str) -> None:
        """Accept problems that hold one of these texts."""
        self._expected += parts

    @property
    def found(self) -> list[str]:
        """The problems that no test expects."""
        return [each for each in self._found if not any(part in each for part in self._expected)]

    def _note_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self._found.append(f"console {message.type}: {message.text}")

    def _note_request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "about") and parts[:2] != self._origin:
            self._found.append(f"request to another origin: {request.url}")
