"""The README's table of agents is the matrix that is tried, with the versions that are installed or lower ones."""

from importlib.metadata import version

import pytest
from agent_dialogues import DIALOGUES
from agent_table import DESCRIPTIONS, UNAVAILABLE, lowest_versions, make_table, stored_table
from built_agents import BUILDERS


def test_table_in_the_readme_is_the_matrix():
    assert stored_table() == make_table(), "run python tests/support/agent_table.py --write"
    assert BUILDERS.keys() == DIALOGUES.keys() == DESCRIPTIONS.keys() >= {name for name, *_ in UNAVAILABLE}


@pytest.mark.parametrize(
    "package", ["langchain", "deepagents", "langgraph-supervisor", "langgraph-swarm", "langgraph"]
)
def test_installed_version_is_one_that_the_table_allows(package):
    lowest = lowest_versions()[package]
    assert [*map(int, version(package).split(".")[:3])] >= [*map(int, lowest.split("."))]
