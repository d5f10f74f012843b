"""The benchmarks run to their end; the figures are not judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from locations import TESTS
from long_threads import KINDS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self/stat").exists(), reason="figures of a process are read from /proc"
    ),
]


def figures_of(benchmark: str, *words: str) -> dict[str, dict]:
    """Return what a quick run of the benchmark prints, by the kind of graph."""
    command = [sys.executable, str(TESTS / "benchmarks" / f"{benchmark}.py"), "--quick", "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", KINDS)
def test_reading_measures_reads_turns_and_branch_operations(kind):
    by_turns = figures_of("reading", "--kinds", kind)[kind]
    short, branched, long = (set(figures) for figures in by_turns.values())
    assert {"messages(limit=20)", "run.messages()", "HTTP reply, CPU", "bytes per message"} <= short
    assert {"undo", "rewind", "edit", "regenerate", "fork", "messages after edit"} <= branched
    assert long == short | branched


@pytest.mark.parametrize("kind", KINDS)
def test_soak_samples_a_server_while_its_threads_grow(kind):
    samples = figures_of("soak", "--kinds", kind)[kind]["samples"]
    assert [sample["turns"] for sample in samples] == list(range(2, 21, 2))
    assert all(sample["os_threads"] > 0 and sample["descriptors"] > 0 for sample in samples)


def test_size_accounts_for_the_whole_file():
    found = figures_of("size")
    assert found.keys() == {"generated", *KINDS}
    for tables in found.values():
        whole = tables.pop("(file)")
        assert not tables or sum(tables.values()) == whole
