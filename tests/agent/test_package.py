"""The names that copies of the exercises import from `agent`."""

import subprocess
import sys

import pytest

import agent
import agent.models
from threads import chat_models


@pytest.mark.parametrize("module", [agent, agent.models])
@pytest.mark.parametrize("name", ["load_model", "ModelUnavailable"])
def test_agent_exports_the_names_of_threads_chat_models(module, name):
    assert getattr(module, name) is getattr(chat_models, name)
    assert name in module.__all__


def test_import_agent_does_not_import_langgraph():
    code = "import agent, sys; print([m for m in sys.modules if m.startswith('lang')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_name_in_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = agent.no_such_thing
