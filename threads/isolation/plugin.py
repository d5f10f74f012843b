"""The pytest plugin: the fixture `threads_isolation` gives a suite one test of its agent for each attack.

    def test_isolation(threads_isolation): threads_isolation("my_app:build")

pytest loads this module in every suite, so it imports pytest alone. The attacks are imported for the first
test that uses the fixture, the audit and LangGraph when that test runs. It is a fixture, not a function to
import, because then an agent that needs fixtures is built from them in the same test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

FIXTURE = "threads_isolation"
REMEMBERS = "remembers"
"""The id of the test that the agent remembers its last turn."""


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
    """Return a function that audits an agent and fails the test if it leaks under this test's attack.

    It takes the arguments of `threads.isolation.audit` and returns its `Report`. The test is skipped if the
    attack cannot be tried, for example because other processes cannot import the agent.
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
