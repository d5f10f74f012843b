"""The OpenAPI is true: schemathesis tries all of it, single requests and chains of them."""

import os
import subprocess
import sys

from serving import listening

import threads
from agent import build_agent
from agent.offline import OfflineChatModel
from threads.api import Limits, create_app

EXAMPLES = os.environ.get("THREADS_TEST_EXAMPLES", "2")
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_schema_conformance", "response_headers_conformance", "unsupported_method",
)  # fmt: skip


def test_nothing_breaks_and_nothing_is_answered_that_is_not_documented(tmp_path):
    with (
        threads.open(tmp_path / "threads.db") as registry,
        threads.Runner(registry, {"offline": build_agent(OfflineChatModel())}) as runner,
    ):
        registry.create(title="one", tags=["a"])
        app = create_app(registry, runner, limits=Limits(stream_seconds=0.05))
        with listening(app) as url:
            done = subprocess.run(
                [
                    sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json",
                    "--checks", ",".join(CHECKS), "--max-examples", EXAMPLES, "--seed", "7",
                    "--phases", "examples,coverage,fuzzing,stateful", "--request-timeout", "20",
                    "--no-color", "--continue-on-failure",
                ],
                cwd=tmp_path, capture_output=True, text=True, timeout=1800, check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert registry.verify() == []
