"""What is lost when harm is done: the fault tests in their long form, told as a table.

    python tests/benchmarks/harm.py [--short]

Each row is a fault, how often it was done, and how many acknowledged messages were looked for afterwards.
After each of them `PRAGMA integrity_check` or `verify()` had to be clean. Takes about ten minutes; the
short form, which is what the test suite does, two.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
FILES = (
    "checkpoint/test_agreement.py",
    "checkpoint/test_injected_faults.py",
    "checkpoint/test_overtaken_runs.py",
    "registry/test_invalid_input.py",
)


class Table:
    """A pytest plugin: adds up what tests record of the faults they did."""

    def __init__(self) -> None:
        self.done: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)
        if report.when == "call":
            for name, (times, messages) in report.user_properties:
                self.done[name][0] += times
                self.done[name][1] += messages

    def tell(self, seconds: float) -> None:
        print("\n| fault | times | acknowledged messages looked for | lost |\n|---|---:|---:|---|")
        for name, (times, messages) in self.done.items():
            print(f"| {name} | {times:,} | {messages:,} | {'see above' if self.failed else 'none'} |")
        print(f"\n{len(self.failed)} tests failed; {seconds:.0f} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="as often as in the test suite")
    if not parser.parse_args().short:
        os.environ.update(THREADS_TEST_LONG="1", THREADS_TEST_KILLS="500")
    begun, table = time.monotonic(), Table()
    outcome = pytest.main(["-q", "-p", "no:cacheprovider", *(str(TESTS / name) for name in FILES)], [table])
    table.tell(time.monotonic() - begun)
    return int(outcome)


if __name__ == "__main__":
    sys.exit(main())
