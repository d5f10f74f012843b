"""LangGraph's own conformance suite for checkpointers, on ours: all eight capabilities."""

import asyncio
import inspect
from pathlib import Path

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability

import threads
from threads.checkpoint.saver import Checkpointer

SYNC = {
    name: getattr(BaseCheckpointSaver, name)
    for name in (
        "aput",
        "aput_writes",
        "aget_tuple",
        "adelete_thread",
        "acopy_thread",
        "aprune",
        "adelete_for_runs",
    )
}


class Through(Checkpointer):
    """Takes the suite's async calls to the sync methods, so that these are tried as well."""


def through(name: str):
    async def call(self, *arguments, **named):
        return getattr(self, name[1:])(*arguments, **named)

    return call


async def alist(self, *arguments, **named):
    for item in self.list(*arguments, **named):
        yield item


for name in SYNC:
    setattr(Through, name, through(name))
Through.alist = alist


@pytest.mark.slow
@pytest.mark.parametrize("path", ["sync", "async"])
@pytest.mark.parametrize("place", ["file", "memory"])
def test_all_eight_capabilities_conform(tmp_path: Path, place: str, path: str):
    count = 0

    @checkpointer_test(name=f"threads-{place}-{path}")
    async def factory():
        nonlocal count
        count += 1
        where = tmp_path / f"{count}.db" if place == "file" else ":memory:"
        with threads.open(where) as registry:
            saver = registry.checkpointer
            if path == "sync":
                saver.__class__ = Through
            yield saver
            assert registry.verify() == []

    report = asyncio.run(validate(factory))
    assert {name: result.failures for name, result in report.results.items() if result.failures} == {}
    assert {name for name, result in report.results.items() if result.passed} == {c.value for c in Capability}


def test_every_method_has_its_async_form():
    for name, base in inspect.getmembers(BaseCheckpointSaver, inspect.isfunction):
        if (
            name.startswith("a") and hasattr(BaseCheckpointSaver, name[1:]) and name != "aget"
        ):  # goes by aget_tuple
            assert getattr(Checkpointer, name) is not base, name
