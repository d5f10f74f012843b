"""The command `threads` in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def run_threads(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "threads", *map(str, words)],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=60,
        env={**os.environ, **environment},
    )  # fmt: skip


def ids_in(path: Path) -> set[str]:
    """The ids that `threads ls` lists."""
    done = run_threads("ls", "--json", "--limit", 1000, "--db", path)
    assert done.returncode == 0, done.stderr
    return {thread["id"] for thread in json.loads(done.stdout)["threads"]}
