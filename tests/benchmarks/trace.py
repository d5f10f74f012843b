"""What one message enters: modules, functions, calls and OS threads of `threads`.

    python tests/benchmarks/trace.py [--modules] [--functions]

Traces `runner.start(...)` with `result()`, `messages()` and `list()`, and a plain `invoke` with `list()`, each in a
warm process (the second of two equal messages). Comprehensions, lambdas and class bodies count as functions of
their module. Calls vary by a few between runs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from graphs import Plain, compiled, config, said
from langchain_core.messages import AIMessage

import threads

PACKAGE = str(Path(threads.__file__).parent)


class Trace:
    """Counts the calls into the package while it records; every thread that begins later reports to it."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.threads: set[str] = set()
        self._is_recording = False
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    def _profile(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and self._is_recording and frame.f_code.co_filename.startswith(PACKAGE):
            name = Path(frame.f_code.co_filename).relative_to(PACKAGE).as_posix()
            self.calls[name, frame.f_code.co_qualname] += 1
            self.threads.add(threading.current_thread().name)

    @contextmanager
    def recording(self) -> Iterator[None]:
        self.calls, self.threads, self._is_recording = Counter(), set(), True
        try:
            yield
            time.sleep(0.2)  # what is handed to other threads
        finally:
            self._is_recording = False

    @property
    def modules(self) -> dict[str, int]:
        found: Counter[str] = Counter()
        for (module, _), count in self.calls.items():
            found[module] += count
        return dict(sorted(found.items()))


def graph(saver: Any) -> Any:
    return compiled(Plain, lambda state: {"messages": [AIMessage("An answer.")]}, saver)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modules", action="store_true", help="print the modules and the calls into each")
    parser.add_argument("--functions", action="store_true", help="print the functions and the calls of each")
    options = parser.parse_args()
    trace = Trace()

    def report(name: str, flow: Callable[[str], None]) -> None:
        flow("first")
        time.sleep(0.5)
        with trace.recording():
            flow("second")
        print(
            f"{name}: {len(trace.modules)} modules, {len(trace.calls)} functions, "
            f"{sum(trace.calls.values())} calls, {len(trace.threads)} OS threads"
        )
        if options.modules:
            print(*(f"  {module} {count}" for module, count in trace.modules.items()), sep="\n")
        if options.functions:
            lines = [f"  {module} {name} {count}" for (module, name), count in sorted(trace.calls.items())]
            print(*lines, sep="\n")

    with tempfile.TemporaryDirectory() as folder:
        with (
            threads.open(Path(folder) / "run.db") as registry,
            threads.Runner(registry, graph(None)) as runner,
        ):

            def run(text: str) -> None:
                runner.start("a", text, if_not_exists="create").result()
                registry.messages("a")
                registry.list()

            report("runner.start, result, messages, list", run)
        with threads.open(Path(folder) / "invoke.db") as registry:
            agent = graph(registry.checkpointer)

            def invoke(text: str) -> None:
                agent.invoke(said(text), config("a"))
                registry.list()

            report("agent.invoke, list", invoke)
    sys.setprofile(None)


if __name__ == "__main__":
    main()
