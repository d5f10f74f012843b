"""The HTTP section of the README: its examples run, and its table has the live routes."""

import re
import subprocess

import pytest
from locations import ROOT
from server_helpers import PREFIX, client, process

import threads
from agent import build_agent
from threads.api.openapi import openapi_schema
from threads.chat_models.offline import OfflineChatModel

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_route_table_matches_the_routes(tmp_path):
    rows = README.split("| route | what it does |", 1)[1].split("\n\n", 1)[0]
    named = re.findall(r"^\| `([A-Z]+) (\S+)` \| ", rows, re.MULTILINE)
    with threads.open(":memory:") as registry, client(registry, build_agent(OfflineChatModel())) as api:
        paths = openapi_schema(api.app)["paths"]
    there = {(method.upper(), path.removeprefix(PREFIX)) for path, found in paths.items() for method in found}
    assert set(named) == there and len(named) == len(there)


@pytest.mark.slow
def test_curl_session_runs_unchanged(tmp_path):
    [block] = [
        each
        for each in re.findall(r"^```bash\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
        if "curl" in each
    ]
    (tmp_path / ".curlrc").write_text("fail-with-body\nshow-error\n")
    with process(tmp_path) as server:
        script = block.replace("http://127.0.0.1:8000", server.url).replace("\ncurl", "\necho; curl")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, text=True,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin:/usr/local/bin"}, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    assert "Hello Alice" in done.stdout or "Alice" in done.stdout
    assert "event: finished" in done.stdout and '"pinned":true' in done.stdout
