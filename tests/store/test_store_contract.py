"""The contract of a thread store, run on each of ours."""

from pathlib import Path

import pytest

import threads
from threads.contract import ThreadStoreContract


class TestInAFile(ThreadStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path):
        with threads.open(tmp_path / "threads.db") as registry:
            yield registry


class TestInMemory(ThreadStoreContract):
    @pytest.fixture
    def store(self):
        with threads.open(":memory:") as registry:
            yield registry
