"""The pytest plugin: one line gives a suite a test of its agent for each attack.

    def test_isolation(threads_isolation): threads_isolation("my_app:build")

pytest loads this file in every suite, so it imports pytest alone. The names of the attacks come with the
first test that asks for the fixture; the audit and LangGraph when that test runs. A fixture rather than a
function to import: an agent that needs fixtures of its own is built from them in the same test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

FIXTURE = "threads_isolation"
REMEMBERS = "remembers"
"""The test that what is said in one turn is known in the next."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("isolation").addoption(
        "--isolation-thorough",
        action="store_true",
        help="audit agents with more users, turns and processes; takes minutes",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if FIXTURE in metafunc.fixturenames:
        from threads.isolation.attacks import ATTACKS

        names = [REMEMBERS, *(attack.name for attack in ATTACKS)]
        metafunc.parametrize(FIXTURE, names, indirect=True, ids=[name.replace(" ", "-") for name in names])


@pytest.fixture
def threads_isolation(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Call it with your agent: the test fails where the agent leaks under this test's attack.

    The agent and the options are those of `threads.isolation.audit`, whose `Report` is returned. Of an
    attack that cannot be tried, such as processes that cannot import the agent, the test is skipped.
    """
    name = request.param

    def check(target: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        from threads.errors import InvalidValue
        from threads.isolation import audit

        options.setdefault("thorough", request.config.getoption("--isolation-thorough"))
        try:
            report = audit(target, attacks=() if name == REMEMBERS else (name,), **options)
        except InvalidValue as error:
            pytest.fail(str(error), pytrace=False)
        if report.verdict == ("forgets" if name == REMEMBERS else "leaks"):
            pytest.fail(str(report), pytrace=False)
        if reason := next((each.skipped for each in report.tried if not each.is_tried), None):
            pytest.skip(reason)
        return report

    return check
