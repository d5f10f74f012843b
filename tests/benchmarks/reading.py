"""What reading a thread costs at 5 to 2,000 turns, as milliseconds and as ratio to the shortest.

    python tests/benchmarks/reading.py [--turns 5 50 400 2000] [--folder FOLDER] [--least] [--cpu] [--quick] [--json]

One thread in a file of its own, of a plain `add_messages` graph (each of its checkpoints holds all messages) and
of `build_agent`, whose models answer at once. Figures are medians; on a busy machine `--least` and `--cpu` say
more. What changes the thread is measured on copies of the file, so that each begins in the same state. A turn
alone and one with what is read after it take turns; `costs` is the difference of the two. CPU is that of a
`threads serve` process. Beside a figure stands the limit that it is held to. Stock is LangGraph's `SqliteSaver` on
a copy of the same file.

The files are built once and kept in `--folder`; another version of the code should have a folder of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from long_threads import KINDS
from reading_costs import QUICK, Figures, Plan, measure


class Bound(NamedTuple):
    """The most that a figure may be, at any length: in ms, and as ratio to the shortest thread."""

    ms: float | None = None
    ratio: float | None = None


BOUNDS = {
    "messages(limit=20)": Bound(3, 1.3),
    "messages(limit=20, before=middle)": Bound(ms=3),
    "list() after a turn costs": Bound(ms=1.5),
    "run.messages()": Bound(ms=1.5),
    "HTTP reply, CPU": Bound(ratio=1.3),
    "undo": Bound(ratio=3),
    "rewind": Bound(ratio=3),
    "edit": Bound(ratio=3),
    "regenerate": Bound(ratio=3),
    "messages after undo": Bound(ratio=3),
    "messages after edit": Bound(ratio=3),
}


def ratio_of(values: list[float]) -> float | None:
    """The greatest of the figures against that of the shortest thread."""
    return max(values) / values[0] if values[0] > 0 else None


def verdict(values: list[float], bound: Bound) -> str:
    ratio = ratio_of(values)
    parts = [f"{bound.ms:g} ms" if bound.ms else "", f"{bound.ratio:g}x" if bound.ratio else ""]
    is_met = (bound.ms is None or max(values) <= bound.ms) and (
        bound.ratio is None or ratio is None or ratio <= bound.ratio
    )
    return f"  at most {', '.join(filter(None, parts))}: {'met' if is_met else 'MISSED'}"


def report(kind: str, found: dict[int, Figures]) -> None:
    """Print a line for each figure, first those that have a bound."""
    measured = dict.fromkeys(name for figures in found.values() for name in figures)
    names = [
        *(name for name in BOUNDS if name in measured),
        *(name for name in measured if name not in BOUNDS),
    ]
    print(f"\n{kind + ', ms':36}" + "".join(f"{turns:>10,}" for turns in found) + f"{'ratio':>9}")
    for name in names:
        cells = [f"{figures[name]:.2f}" if name in figures else "" for figures in found.values()]
        values = [figures[name] for figures in found.values() if name in figures]
        ratio = ratio_of(values)
        print(
            f"{name:36}" + "".join(f"{cell:>10}" for cell in cells),
            f"{ratio:8.2f}" if ratio is not None else " " * 8,
            verdict(values, BOUNDS[name]) if name in BOUNDS else "",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, nargs="+", default=[5, 50, 400, 2000])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--folder", type=Path, help="keep the built files here, and take those that are here")
    parser.add_argument(
        "--least", action="store_true", help="print the least of the rounds, not their median"
    )
    parser.add_argument("--cpu", action="store_true", help="time of the processor in place of the clock's")
    parser.add_argument("--quick", action="store_true", help="short threads, few rounds")
    parser.add_argument("--json", action="store_true", help="print figures by kind, turns and name")
    options = parser.parse_args()
    turns = tuple(sorted(options.turns))
    served = (turns[0], 400 if 400 in turns else turns[-1])
    plan = QUICK if options.quick else Plan(turns, (20, turns[-1]), served)
    if options.least:
        plan = replace(plan, typical=min)
    if options.cpu:
        plan = replace(plan, clock=time.process_time)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        found = {}
        for kind in options.kinds:
            found[kind] = measure(folder, kind, plan)
            if not options.json:
                report(kind, found[kind])
    if options.json:
        print(json.dumps(found))
    elif load is not None:
        print(f"\nload average: {load:.1f} before, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
