"""What a run costs over a bare `ainvoke`, and how fast its words reach those who listen.

    python tests/benchmarks/runs.py [runs]

Bare and runner take turns on one registry, thread by thread, with the same graph, so that a busy machine
is busy for both. The last part has a thousand listeners that wait and fifty that hear a run each, begun within a second.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from graphs import Plain, compiled, config, said
from langchain_core.messages import AIMessage
from run_helpers import Talking

import threads
from agent import build_agent
from threads.chat_models.offline import OfflineChatModel

TURNS = 5
"""Turns a thread."""


def silent_graph() -> Any:
    """A model that does not stream, and takes no time."""
    return compiled(Plain, lambda state: {"messages": [AIMessage("An answer of a few words.")]}, None)


def waiting_graph() -> Any:
    """A model that takes 50 ms, and does not stream."""

    async def node(state: Any) -> Any:
        await asyncio.sleep(0.05)
        return {"messages": [AIMessage("An answer of a few words.")]}

    return compiled(Plain, node, None)


class Slow(OfflineChatModel):
    """The offline model with 50 ms before its first word."""

    async def _astream(self, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0.05)
        async for chunk in super()._astream(*args, **kwargs):
            yield chunk

    async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0.05)
        return await super()._agenerate(*args, **kwargs)


GRAPHS = {
    "a graph whose model takes no time": silent_graph,
    "the offline agent": build_agent,
    "a graph whose model takes 50 ms": waiting_graph,
    "the offline agent, its model 50 ms": lambda: build_agent(Slow()),
}


async def overhead(name: str, graph: Any, count: int) -> None:
    """Medians of a bare turn and of a run, and their ratio."""
    times: dict[str, list[float]] = {"bare": [], "streamed": [], "run": []}
    with tempfile.TemporaryDirectory() as folder, threads.open(Path(folder) / "t.db") as registry:
        bare = graph.copy(update={"checkpointer": registry.checkpointer})
        with threads.Runner(registry, graph) as runner:
            for number in range(count + 3):
                for how, spent in times.items():
                    id = f"{how} {number // TURNS}"
                    began = time.perf_counter()
                    if how == "bare":
                        await bare.ainvoke(said("Hi, I'm Alice"), config(id))
                    elif how == "streamed":
                        modes = ["messages", "values"]
                        async for _ in bare.astream(said("Hi, I'm Alice"), config(id), stream_mode=modes):
                            pass
                    else:
                        await runner.start(id, "Hi, I'm Alice", if_not_exists="create")
                    spent.append(time.perf_counter() - began)
    bare_ms, streamed_ms, run_ms = (statistics.median(spent[3:]) * 1000 for spent in times.values())
    print(
        f"{name}: ainvoke {bare_ms:.1f} ms, astream {streamed_ms:.1f} ms, run {run_ms:.1f} ms: "
        f"{run_ms / bare_ms:.2f} of ainvoke, {run_ms / streamed_ms:.2f} of astream"
    )


class Stamped(Talking):
    """Says, every 50 ms, when it says it."""

    async def _astream(self, *_: Any, **__: Any) -> Any:
        from langchain_core.messages import AIMessageChunk
        from langchain_core.outputs import ChatGenerationChunk

        for _ in range(self.words):
            await asyncio.sleep(self.delay)
            yield ChatGenerationChunk(message=AIMessageChunk(f"{time.perf_counter():.6f} "))


async def listening(idle: int, active: int) -> None:
    """Seconds from a word to its listener; what the idle ones cost."""
    late: list[float] = []

    async def hear(run: Any) -> None:
        async for event in run:
            if event.type == "token":
                now = time.perf_counter()
                late.extend(now - float(stamp) for stamp in event.data["text"].split())

    async def wait(events: Any) -> None:
        async for _ in events:
            pass

    with tempfile.TemporaryDirectory() as folder, threads.open(Path(folder) / "t.db") as registry:
        for number in range(idle):
            registry.create(id=f"idle {number}")
        before = resource.getrusage(resource.RUSAGE_SELF)
        waiting = [asyncio.create_task(wait(registry.events(f"idle {number}"))) for number in range(idle)]
        await asyncio.sleep(2)
        began = resource.getrusage(resource.RUSAGE_SELF)
        await asyncio.sleep(5)
        ended = resource.getrusage(resource.RUSAGE_SELF)
        cpu = (ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime) / 5
        memory = (ended.ru_maxrss - before.ru_maxrss) / 1024
        print(f"{idle} idle listeners: {cpu:.1%} of a core, {memory:.0f} MB")
        with threads.Runner(registry, build_agent(Stamped(words=60, delay=0.05))) as runner:
            for among in (1, active):
                late.clear()
                started = []
                for number in range(among):
                    run = runner.start(f"{among} {number}", "Go", if_not_exists="create")
                    started.append(asyncio.create_task(hear(run)))
                    await asyncio.sleep(1 / among)
                await asyncio.gather(*started)
                told = sorted(late)
                print(
                    f"from the model's word to its listener, {among} runs at once beside {idle} idle: "
                    f"p50 {told[len(told) // 2] * 1000:.0f} ms, p99 {told[len(told) * 99 // 100] * 1000:.0f} ms"
                )
        for task in waiting:
            task.cancel()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    for name, build in GRAPHS.items():
        asyncio.run(overhead(name, build(), count))
    asyncio.run(listening(idle=1000, active=50))


if __name__ == "__main__":
    main()
