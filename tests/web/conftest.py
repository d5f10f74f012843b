"""A real server over a real file, and Chromium that looks at it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, PageProblems, expect, require_chromium, sync_playwright
from graphs import plain_graph
from server_helpers import listening

import threads
from threads.api import create_app
from threads.web.tools.libraries import install

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PATIENCE = 60_000
"""Milliseconds to wait for what is to be seen; a busy machine may need more than the driver's five seconds."""


@dataclass
class Site:
    """A served registry: what tests write with, and where the page is."""

    url: str
    app: Any
    registry: threads.Registry
    runner: threads.Runner
    path: Path


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, one for all tests of a process."""
    require_chromium()
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def node_folder() -> Path:
    """A folder in which npm installed what `package-lock.json` names."""
    folder = os.environ.get("THREADS_TEST_NODE_MODULES")
    if folder is None:
        give_up = pytest.fail if os.environ.get("THREADS_TEST_REQUIRE") == "1" else pytest.skip
        give_up("THREADS_TEST_NODE_MODULES names no folder for npm; see threads/web/README.md")
    install(Path(str(folder)))
    return Path(str(folder))


@pytest.fixture
def agents() -> dict[str, Any]:
    """The agents of the site; a module overrides it with its own."""
    return {"assistant": plain_graph(None)}


@pytest.fixture
def app_options() -> dict[str, Any]:
    """Options of `create_app`; a module overrides it with its own."""
    return {}


@pytest.fixture
def site(tmp_path: Path, agents: dict[str, Any], app_options: dict[str, Any]) -> Iterator[Site]:
    """The page of a new file, served on a port of this machine."""
    path = tmp_path / "threads.db"
    with (
        threads.open(path) as registry,
        threads.Runner(registry, agents) as runner,
        listening(app := create_app(registry, runner, **app_options)) as url,
    ):
        yield Site(url, app, registry, runner, path)


@pytest.fixture
def new_context(browser: Any, site: Site) -> Iterator[Callable[..., Any]]:
    """A function that opens a browser context, as one browser of one user, and fails the test on its problems."""
    with ExitStack() as stack:
        watched: list[PageProblems] = []

        def open_context(**options: Any) -> Any:
            context = browser.new_context(
                base_url=site.url,
                **{"viewport": DESKTOP, "locale": "en-GB", "reduced_motion": "reduce"} | options,
            )
            context.set_default_timeout(PATIENCE)
            stack.callback(context.close)
            context.problems = PageProblems(context, site.url)
            watched.append(context.problems)
            return context

        yield open_context
        found = [problem for each in watched for problem in each.found]
    assert found == []


@pytest.fixture
def context(new_context: Callable[..., Any]) -> Any:
    """One browser; `context.problems.expect(...)` names what a test provokes."""
    return new_context()


@pytest.fixture
def page(context: Any) -> Any:
    """One tab of it; `page.goto("/")` opens the page."""
    return context.new_page()
