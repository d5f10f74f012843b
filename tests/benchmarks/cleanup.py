"""What abandoned threads cost, and what cleaning them up costs and gives back.

    python tests/benchmarks/cleanup.py [--threads 2000] [--turns 6]

So many conversations are held with the offline model. Then all but the last tenth go to the trash, as the stretch
goals' `clean_up` does it, are erased, and the file is made as small as it can be. Times in seconds, sizes in MB.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import threads
from agent import build_agent


def fill(registry: threads.Registry, count: int, turns: int) -> None:
    agent = build_agent("offline", checkpointer=registry.checkpointer)
    for number in range(count):
        for turn in range(turns):
            text = f"Message {turn} of customer {number}, about a parcel that did not arrive."
            config = {"configurable": {"thread_id": f"customer-{number:06}"}}
            agent.invoke({"messages": [{"role": "user", "content": text}]}, config)


def old(registry: threads.Registry, keep: int, **conditions: Any) -> list[str]:
    """The ids that fit, page by page, without the `keep` latest."""
    page = registry.list(limit=1000, **conditions)
    found = [thread.id for thread in page]
    while page.next_cursor:
        page = registry.list(limit=1000, cursor=page.next_cursor, **conditions)
        found += [thread.id for thread in page]
    return found[keep:]


def timed(name: str, path: Path, work: Callable[[], Any]) -> Any:
    begun = time.perf_counter()
    result = work()
    took = time.perf_counter() - begun
    size = sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*")) / 1e6
    print(f"{name:<38} {took:7.2f} s   file {size:7.2f} MB", flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=6)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "support.db"
        with threads.open(path) as registry:
            timed(
                f"{asked.threads} threads of {asked.turns} turns",
                path,
                lambda: fill(registry, asked.threads, asked.turns),
            )
            keep = asked.threads // 10
            ids = timed("find the forgotten", path, lambda: old(registry, keep))
            timed(f"{len(ids)} to the trash", path, lambda: [registry.trash(id) for id in ids])
            timed(f"{len(ids)} erased", path, lambda: [registry.delete(id) for id in ids])
            timed("compact", path, registry.compact)
            print(f"left: {len(registry.list(limit=1000))} threads; disagreements: {len(registry.verify())}")


if __name__ == "__main__":
    main()
