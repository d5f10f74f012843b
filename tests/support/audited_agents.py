"""Agents of other packages to audit: `FAMILIES` build them clean, or with one of the mistakes in `LEAKS`.

`audited_agents:deep_agent_tool` names a factory for `threads audit`: a family and a leak, or a family alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

from deepagents import create_deep_agent
from isolation_gallery.fake_model import FakeModel
from langchain.agents import create_agent
from langchain.tools import InjectedStore
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from langgraph.warnings import LangGraphDeprecatedSinceV10
from langgraph_supervisor import create_supervisor
from langgraph_swarm import create_handoff_tool, create_swarm
from scripted_model import HANDOVER

NOTES: list[str] = []
HEARD: list[str] = []
REPLIES: dict[tuple[tuple[str, ...], str], ChatResult] = {}
LAST = 50
"""Entries that a leaking agent repeats."""


class CallingModel(FakeModel):
    """Calls the first of its tools that it likes, and then repeats the code words in its prompt."""

    tool_names: tuple[str, ...] = ()

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        liked = ("note", "task", "transfer_to_worker")
        names = {getattr(each, "name", "") for each in tools}
        return self.model_copy(update={"tool_names": tuple(name for name in liked if name in names)})

    def _generate(self, messages: list[BaseMessage], *rest: Any, **options: Any) -> ChatResult:
        last = messages[-1]
        begins = not isinstance(last, ToolMessage) or str(last.text).startswith(HANDOVER)
        if not begins or not self.tool_names:
            return self._reply(messages)
        text = next(str(each.text) for each in reversed(messages) if isinstance(each, HumanMessage))
        arguments = {"note": {"text": text}, "task": {"description": text, "subagent_type": "worker"}}
        name = self.tool_names[0]
        call = {"name": name, "args": arguments.get(name, {}), "id": f"call-{len(messages)}"}
        return ChatResult(generations=[ChatGeneration(message=AIMessage("", tool_calls=[call]))])

    def _reply(self, messages: list[BaseMessage]) -> ChatResult:
        return FakeModel._generate(self, messages)


class HistoryModel(CallingModel):
    """Keeps what it heard in its module."""

    def _reply(self, messages: list[BaseMessage]) -> ChatResult:
        HEARD.extend(str(each.text) for each in messages if isinstance(each, HumanMessage))
        return super()._reply([HumanMessage("\n".join(HEARD[-LAST:]))])


class CachedModel(CallingModel):
    """Caches its replies by the last user message alone."""

    def _reply(self, messages: list[BaseMessage]) -> ChatResult:
        last = [str(each.text) for each in messages if isinstance(each, HumanMessage)][-1]
        key = (self.tool_names, last)  # of an agent and its subagent
        if key not in REPLIES:
            REPLIES[key] = super()._reply(messages)
        return REPLIES[key].model_copy(deep=True)


def _note(text: str) -> str:
    """Note a text."""
    return "noted"


def _note_in_module(text: str) -> str:
    """Note a text."""
    NOTES.append(text)
    return "\n".join(NOTES[-LAST:])


def _note_in_store(text: str, store: Annotated[BaseStore, InjectedStore()]) -> str:
    """Note a text."""
    store.put(("notes",), text, {"text": text})
    return "\n".join(item.value["text"] for item in store.search(("notes",), limit=LAST))


TOOLS = {"tool": _note_in_module, "store": _note_in_store}
MODELS = {"model": HistoryModel, "cache": CachedModel}
LEAKS = ("tool", "model", "store", "cache")
"""A list in a tool's module, one in a model's, a store without the user, a cache of answers by the message."""


def agent(model: Any, note: Any, **places: Any) -> Any:
    """LangChain's agent with a tool."""
    return create_agent(model, [note], **places)


def deep_agent(model: Any, note: Any, **places: Any) -> Any:
    """A deep agent whose subagent has the tool."""
    worker = {
        "name": "worker",
        "description": "Notes things.",
        "system_prompt": "Note it.",
        "model": model,
        "tools": [note],
    }
    return create_deep_agent(model, subagents=[worker], **places)


def supervisor(model: Any, note: Any, **places: Any) -> Any:
    """A supervisor whose worker has the tool."""
    worker = create_agent(model, [note], name="worker")
    with warnings.catch_warnings():  # it calls create_react_agent, which moved to langchain
        warnings.simplefilter("ignore", LangGraphDeprecatedSinceV10)
        return create_supervisor([worker], model=model).compile(**places)


def swarm(model: Any, note: Any, **places: Any) -> Any:
    """A swarm in which the second agent has the tool."""
    first = create_agent(model, [create_handoff_tool(agent_name="worker")], name="first")
    worker = create_agent(model, [note], name="worker")
    return create_swarm([first, worker], default_active_agent="first").compile(**places)


FAMILIES: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (agent, deep_agent, supervisor, swarm)
}


def _build(family: Callable[..., Any], leak: str, checkpointer: Any = None, store: Any = None) -> Any:
    note = tool("note")(TOOLS.get(leak, _note))
    model = MODELS.get(leak, CallingModel)()
    places = {"store": store or InMemoryStore()} if leak == "store" else {}
    return family(model, note, checkpointer=checkpointer, **places)


def clear() -> None:
    """Forget what the leaking agents keep."""
    for kept in (NOTES, HEARD, REPLIES):
        kept.clear()


def __getattr__(name: str) -> Any:
    family, _, leak = name.rpartition("_")
    if leak in LEAKS and family in FAMILIES:
        return partial(_build, FAMILIES[family], leak)
    if name.startswith("clean_") and name[6:] in FAMILIES:
        return partial(_build, FAMILIES[name[6:]], "")
    raise AttributeError(name)
