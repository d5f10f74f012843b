"""The OpenAPI schema matches the responses: schemathesis tries requests and chains of them."""

import os
import subprocess
import sys

import jsonschema
import pytest
from graphs import plain_graph
from server_helpers import client, listening

import threads
from agent import build_agent
from threads.api import Limits, create_app
from threads.api.openapi import openapi_schema
from threads.chat_models.offline import OfflineChatModel

EXAMPLES = os.environ.get("THREADS_TEST_EXAMPLES", "2")
PHASES = "examples,fuzzing,stateful" + (",coverage" if "THREADS_TEST_EXAMPLES" in os.environ else "")
"""The edges of all values are a minute more."""
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_schema_conformance", "response_headers_conformance", "unsupported_method",
)  # fmt: skip


@pytest.mark.slow
def test_schemathesis_finds_no_undocumented_response(tmp_path):
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
                    "--phases", PHASES, "--request-timeout", "20",
                    "--no-color", "--continue-on-failure",
                ],
                cwd=tmp_path, capture_output=True, text=True, timeout=1800, check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        assert registry.verify() == []


def test_every_body_and_response_has_a_valid_example():
    with threads.open(":memory:") as registry, client(registry, plain_graph(None)) as api:
        openapi = openapi_schema(api.app)
    seen = 0
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            contents = [("asked", operation["requestBody"])] if "requestBody" in operation else []
            for what, answer in [*contents, *operation["responses"].items()]:
                for content in answer.get("content", {}).values():
                    schema = content["schema"]
                    found = openapi["components"]["schemas"].get(
                        schema.get("$ref", "").rpartition("/")[2], schema
                    )
                    examples = [content["example"]] if "example" in content else found.get("examples")
                    assert examples and examples != [{}], (method, path, what)
                    for example in examples:
                        whole = {"components": openapi["components"], **schema}
                        jsonschema.Draft202012Validator(whole).validate(example)
                        seen += 1
    assert seen > 100
