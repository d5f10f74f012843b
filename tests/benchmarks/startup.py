"""What `threads ls` costs as a process, against importing what it draws with.

    python tests/benchmarks/startup.py [--times 30]

Both run by turns; figures are medians in ms. Nothing is stale in the list, and all is compiled
already, as pip leaves it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import threads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "threads.db"
        with threads.open(path) as registry:
            for number in range(50):
                registry.create(title=f"Title {number}")
        script = str(Path(sys.executable).parent / "threads")
        commands = {
            "imports": [sys.executable, "-c", "import click, rich.table, sqlite3"],
            "threads ls": [script, "--db", str(path), "ls"],
            "threads ls --json": [script, "--db", str(path), "ls", "--json"],
        }
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        compiled = kept | {"PYTHONPYCACHEPREFIX": str(Path(folder) / "bytecode")}  # as pip installs it
        for command in commands.values():
            subprocess.run(command, check=True, capture_output=True, env=compiled)
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(asked.times):
            for name, command in commands.items():
                start = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True, env=compiled)
                taken[name].append((time.perf_counter() - start) * 1000)
        base = statistics.median(taken["imports"])
        for name, each in taken.items():
            middle = statistics.median(each)
            print(f"{name:18} {middle:6.0f} ms  {middle / base:.2f}x")


if __name__ == "__main__":
    main()
