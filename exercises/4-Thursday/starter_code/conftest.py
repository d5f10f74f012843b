"""What `pytest pair_exercise_02_….py` hands to the functions named `test_…`."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def thread_manager(request: pytest.FixtureRequest) -> Iterator[Any]:
    manager = request.module.create_thread_manager()
    yield manager
    manager.close()


@pytest.fixture
def agent(request: pytest.FixtureRequest) -> Any:
    """Exercise 01 makes an agent by itself, exercise 02 one on its manager."""
    if hasattr(request.module, "create_memory_agent"):
        return request.module.create_memory_agent()
    return request.module.create_multi_thread_agent(request.getfixturevalue("thread_manager"))
