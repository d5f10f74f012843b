"""Agents of LangChain and deepagents whose tool calls wait for a decision: `--agents approval_agents:NAME`.

Their model follows a script, so nothing is sent anywhere. What the tools do is noted in `EFFECTS`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from graphs import Plain, compiled
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.types import interrupt
from pydantic import BaseModel, field_validator
from run_helpers import noting

EFFECTS = Path("effects")
"""What the tools have done, in the current folder."""
FAILURES: list[Exception] = []
"""What the next calls of `pay` raise."""
PAY = ("pay", {"amount": 10, "to": "Ann"})
BOOK = ("book", {"day": "Monday"})
INTERRUPT_ON: dict[str, Any] = {"pay": True, "book": {"allowed_decisions": ["approve", "reject"]}}


@tool
def pay(amount: int, to: str = "nobody") -> str:
    """Pay somebody."""
    if FAILURES:
        raise FAILURES.pop()
    noting(EFFECTS, f"pay:{amount}:{to}")
    return f"paid {amount} to {to}"


@tool
def book(day: str) -> str:
    """Book a table."""
    noting(EFFECTS, f"book:{day}")
    return f"booked {day}"


class ScriptedModel(BaseChatModel):
    """Calls tools when a user wrote, and repeats what the tools returned when they did."""

    calls: list[tuple[str, dict[str, Any]]]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **options: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **options: Any) -> ChatResult:
        results = []
        for message in reversed(messages):
            if not isinstance(message, ToolMessage):
                break
            results.insert(0, str(message.text))
        calls = [{"name": name, "args": args, "id": f"call-{n}"} for n, (name, args) in enumerate(self.calls)]
        answer = AIMessage("; ".join(results)) if results else AIMessage("", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=answer)])


def paying_agent(*calls: tuple[str, dict[str, Any]], mode: str = "batched") -> Any:
    """Return a `create_agent` whose model makes these calls."""
    review = HumanInTheLoopMiddleware(INTERRUPT_ON, interrupt_mode=mode)
    return create_agent(ScriptedModel(calls=list(calls)), [pay, book], middleware=[review])


def deep_paying_agent(*calls: tuple[str, dict[str, Any]]) -> Any:
    """Return a `create_deep_agent` whose model makes these calls."""
    from deepagents import create_deep_agent

    model = ScriptedModel(calls=list(calls))
    return create_deep_agent(model=model, tools=[pay, book], interrupt_on=INTERRUPT_ON)


def delegating_agent(*tasks: str) -> Any:
    """Return a `create_deep_agent` that gives each task to a subagent, which pays."""
    from deepagents import create_deep_agent

    payer: Any = {
        "name": "payer", "description": "Pays.", "system_prompt": "Pay.", "tools": [pay],
        "model": ScriptedModel(calls=[PAY]), "interrupt_on": INTERRUPT_ON,
    }  # fmt: skip
    calls = [("task", {"description": task, "subagent_type": "payer"}) for task in tasks]
    return create_deep_agent(model=ScriptedModel(calls=calls), tools=[], subagents=[payer])


class Choice(BaseModel):
    """The answer to a question that has a form."""

    colour: Literal["red", "green"]
    number: int = 1


class EvenNumber(BaseModel):
    """The same, with a rule that no JSON schema has."""

    number: int

    @field_validator("number")
    @classmethod
    def _is_even(cls, number: int) -> int:
        if number % 2:
            raise ValueError("it is odd")
        return number


def asking_with_schema(question: Any, schema: Any) -> Any:
    """Return a graph that asks for an answer of this form, and repeats it."""

    def ask(state: Any) -> Any:
        return {"messages": [AIMessage(repr(interrupt(question, response_schema=schema)))]}

    return compiled(Plain, ask, None)


one = paying_agent(PAY)
both = paying_agent(PAY, BOOK)
each = paying_agent(PAY, BOOK, mode="per_call")
form = asking_with_schema("Which one?", Choice)
colour = asking_with_schema("Which colour?", Literal["red", "green"])
