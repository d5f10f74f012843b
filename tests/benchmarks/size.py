"""The bytes of a file by table and index, and by message.

    python tests/benchmarks/size.py [--messages 100000] [--by-turns 10000] [--kinds generated agent plain] [--quick] [--json]

`generated`: the threads of ten messages that `finding.py` makes, with what the registry stores of them and no
checkpoints. `agent` and `plain`: `--by-turns` messages in threads of ten, of `build_agent` and of a graph with
`add_messages`, written by turns and then listed, so with the checkpoints, too. Files are compact: what SQLite
would use again is not in the figures. Without `dbstat` in SQLite there is the whole file only.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from finding import MESSAGES, Words, fill
from graphs import config, said
from long_threads import BUILDERS, bytes_by_table

import threads

KINDS = ("generated", *BUILDERS)


def fill_by_turns(path: Path, kind: str, count: int) -> None:
    """Threads of ten messages, written by a graph; their questions are of a made-up language."""
    words = Words()
    with threads.open(path) as registry:
        graph = BUILDERS[kind](registry.checkpointer)
        for number in range(count // MESSAGES):
            for _ in range(MESSAGES // 2):
                graph.invoke(said(words.some(6, 30)), config(f"thread-{number}"))
            if number % 20 == 19:
                registry.list()
        registry.search("x", patience=None)  # all projections
        assert registry.list().total == count // MESSAGES


def measure(kind: str, count: int) -> dict[str, int]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "threads.db"
        if kind == "generated":
            fill(path, count // MESSAGES)
        else:
            fill_by_turns(path, kind, count)
        with threads.open(path) as registry:
            registry.compact()
        return bytes_by_table(path)


def report(kind: str, count: int, found: dict[str, int]) -> None:
    """Print the tables and indexes that take at least half a percent."""
    print(f"\n{f'{kind}, {count:,} messages':40}{'bytes':>16}{'by message':>12}{'share':>8}")
    for table, size in found.items():
        share = size / found["(file)"]
        if share >= 0.005:
            print(f"{table:40}{size:16,}{size / count:12.1f}{share:8.1%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000, help="generated ones")
    parser.add_argument("--by-turns", type=int, default=10_000, help="messages that a graph writes")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--quick", action="store_true", help="few messages")
    parser.add_argument("--json", action="store_true", help="print bytes by kind and table")
    options = parser.parse_args()
    if options.quick:
        options.messages, options.by_turns = 100, 20
    found = {}
    for kind in options.kinds:
        count = options.messages if kind == "generated" else options.by_turns
        found[kind] = measure(kind, count)
        if not options.json:
            report(kind, count, found[kind])
    if options.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
