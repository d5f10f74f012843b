"""The README's table of agents that `tests/agents` tries; `python tests/support/agent_table.py --write` writes it."""

from __future__ import annotations

import re
import sys
import tomllib

from agent_interfaces import INTERFACES
from built_agents import BUILDERS
from locations import ROOT

README = ROOT / "README.md"
TABLE = re.compile(r"^\| agent \| package \|.*?\n(?=\n)", re.MULTILINE | re.DOTALL)
PACKAGES = {
    "deep_agent": "deepagents",
    "supervisor": "langgraph-supervisor",
    "swarm": "langgraph-swarm",
    "quickstart": "langgraph",
    "tutorial": "langgraph",
    "functional": "langgraph",
}
"""The package that builds an agent, where it is not `langchain`."""
DESCRIPTIONS = {
    "agent": "`create_agent`",
    "agent_with_tools": "`create_agent` with tools, one of which calls `interrupt`",
    "human_in_the_loop": "`create_agent` with `HumanInTheLoopMiddleware`",
    "summarization": "`create_agent` with `SummarizationMiddleware`",
    "structured_response": "`create_agent` with `response_format=ToolStrategy(...)`",
    "deep_agent": "`create_deep_agent` with a subagent",
    "supervisor": "`create_supervisor`",
    "swarm": "`create_swarm`",
    "quickstart": "the quickstart: messages joined by `operator.add`",
    "tutorial": "the tutorials: `add_messages`, a `ToolNode`",
    "functional": 'the functional API, returning `{"messages": [...]}`',
}
UNAVAILABLE = {
    ("quickstart", "invoke", "edit"): "its messages have no ids",
    ("quickstart", "adopted", "edit"): "its messages have no ids",
    **{
        ("functional", kind, "regenerate"): "no checkpoint of a call holds the message without its answer"
        for kind in INTERFACES
    },
}
"""What an agent's history does not allow, and why: refused, and nothing is changed."""


def make_table() -> str:
    """Return the table, in Markdown, with the lowest versions that `pyproject.toml` allows."""
    versions = lowest_versions()
    rows = [("agent", "package", *INTERFACES), ("---",) * (2 + len(INTERFACES))]
    for name in BUILDERS:
        package = PACKAGES.get(name, "langchain")
        cells = [_cell(name, kind) for kind in INTERFACES]
        rows.append((DESCRIPTIONS[name], f"{package} {versions[package]}", *cells))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def stored_table() -> str:
    """Return the table that the README has."""
    return TABLE.findall(README.read_text(encoding="utf-8"))[0]


def _cell(name: str, kind: str) -> str:
    missing = [operation for agent, where, operation in UNAVAILABLE if (agent, where) == (name, kind)]
    return f"all but {', '.join(missing)}" if missing else "all"


def lowest_versions() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    return dict(each.split(">=") for each in needed if ">=" in each)


if __name__ == "__main__" and "--write" in sys.argv:
    text = README.read_text(encoding="utf-8")
    README.write_text(TABLE.sub(lambda found: make_table(), text), encoding="utf-8")
