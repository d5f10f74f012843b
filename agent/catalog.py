"""The agents by id: a table, and functions that build from it.

LangGraph, the models and the tools are imported when an agent is built, so that importing this module and
reading the table stay instant. That is also why `build` names the type `AgentGraph` in its docstring only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

DEFAULT_AGENT = "support"
"""The agent to use where none is named."""


@dataclass(frozen=True)
class AgentCard:
    """The data that an agent is built from."""

    id: str
    title: str
    description: str
    system_prompt: str
    tools: tuple[str, ...] = ()
    """Names of tools in `agent.tools`."""
    starters: tuple[str, ...] = ()
    """Up to four messages that a conversation may begin with."""


class UnknownAgent(LookupError):
    """There is no agent with this id. `known` are the ids that there are."""

    def __init__(self, agent_id: str, known: tuple[str, ...]) -> None:
        super().__init__(f"There is no agent {agent_id!r}. Known agents: {', '.join(known)}.")
        self.agent_id = agent_id
        self.known = known


_SUPPORT = AgentCard(
    id="support",
    title="Customer support",
    description="Looks up orders and subscriptions and remembers what the customer said.",
    system_prompt=(
        "You are a customer support agent. Be brief and friendly. Use only what is said in this "
        "conversation and what your tools return; say so when you do not know."
    ),
    tools=("look_up_order", "look_up_subscription", "list_plans", "refund_policy"),
    starters=(
        "Where is order 1001?",
        "Which plans do you have?",
        "What is your refund policy?",
        "My name is Ada. What is my name?",
    ),
)

AGENTS: Mapping[str, AgentCard] = MappingProxyType(
    {
        card.id: card
        for card in (
            _SUPPORT,
            AgentCard(
                id="tutor",
                title="LangGraph tutor",
                description="Explains the words of LangGraph and does sums.",
                system_prompt=(
                    "You are a tutor for people learning LangGraph. Explain in plain words, one thing "
                    "at a time; say so when you do not know."
                ),
                tools=("explain_term", "calculate"),
                starters=("What is a checkpoint?", "What is a thread?", "What is 17 * 23?"),
            ),
            AgentCard(
                id="assistant",
                title="Plain assistant",
                description="Just talks; has no tools.",
                system_prompt="You are a helpful assistant. Use only what is said in this conversation.",
                starters=("My name is Ada. What is my name?", "What can you do?"),
            ),
            replace(_SUPPORT, id="my-agent", title="Customer support, by the id of the HTTP examples"),
        )
    }
)


def agent_ids() -> tuple[str, ...]:
    """Return the ids of all agents, the default first."""
    return tuple(AGENTS)


def card(agent_id: str) -> AgentCard:
    """Return the card of an agent. Raises `UnknownAgent`."""
    if agent_id not in AGENTS:
        raise UnknownAgent(agent_id, agent_ids())
    return AGENTS[agent_id]


def build(agent_id: str, *, model: Any = None, checkpointer: Any = None, store: Any = None) -> Any:
    """Build the agent with this id, an `AgentGraph`. The arguments are those of `build_agent`.

    Raises `UnknownAgent`.
    """
    chosen = card(agent_id)
    from agent import tools
    from agent.graph import build_agent

    graph = build_agent(
        model,
        tools=[getattr(tools, name) for name in chosen.tools],
        system_prompt=chosen.system_prompt,
        checkpointer=checkpointer,
        store=store,
        name=agent_id,
    )
    about = {"name": chosen.title, "description": chosen.description, "starters": list(chosen.starters)}
    return graph.with_config(metadata={"agent_card": about})


def build_all(*, model: Any = None, checkpointer: Any = None, store: Any = None) -> dict[str, Any]:
    """Build every agent, with a shared model and checkpointer, and return them by id."""
    return {each: build(each, model=model, checkpointer=checkpointer, store=store) for each in agent_ids()}
