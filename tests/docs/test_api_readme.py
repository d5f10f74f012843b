"""`threads/api/README.md` names routes, parameters and events that exist."""

import re
from pathlib import Path
from typing import get_args

import pytest
from graphs import plain_graph
from server_helpers import PREFIX, client

import threads
from threads.api.openapi import openapi_schema
from threads.models import EventType

TEXT = (Path(threads.__file__).parent / "api" / "README.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(GET|POST|PUT|DELETE) ([^` ]+)`", TEXT)


@pytest.fixture(scope="module")
def schema():
    with threads.open(":memory:") as registry, client(registry, plain_graph(None)) as api:
        return openapi_schema(api.app)


def test_each_named_route_and_parameter_exists(schema):
    paths = {
        re.sub(r"\{\w+\}", "*", path).removeprefix(PREFIX): each for path, each in schema["paths"].items()
    }
    assert len(NAMED) > 25
    for method, target in NAMED:
        path, _, query = target.partition("?")
        path = re.sub(r"\{\w+\}", "*", path.replace("...", "/threads/{id}"))
        assert method.lower() in paths.get(path, {}), f"{method} {target}"
        known = {each["name"] for each in paths[path][method.lower()].get("parameters", ())}
        assert set(re.findall(r"(\w+)=", query)) <= known, f"{method} {target}"


def test_named_fields_exist(schema):
    schemas = schema["components"]["schemas"]
    for model, fields in {
        "Agent": ("id", "name", "description", "starters", "default"), "TemporaryReply": ("reply", "messages"),
        "Message": ("created_at", "model", "usage", "version", "versions"), "SendMessageRequest": ("if_not_exists",),
        "Interrupt": ("kind", "choices", "response_schema"),
    }.items():  # fmt: skip
        assert set(fields) <= set(schemas[model]["properties"]), model
        assert all(f"`{field}`" in TEXT or f'"{field}"' in TEXT for field in fields), model
    assert {"changed", "interrupted"} <= set(get_args(EventType))


def test_agent_of_the_example_has_its_card():
    [code] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names = {"builder": plain_graph(None).builder}
    exec(code, names)
    with threads.open(":memory:") as registry, threads.Runner(registry, names["graph"]) as runner:
        [agent] = runner.agents
    assert (agent.name, len(agent.starters)) == ("Support", 2)
