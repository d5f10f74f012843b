"""`Interrupt`: what a paused run waits for, and the answers that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from threads.approvals import ApprovalRequest, find_approval_request
from threads.errors import InvalidValue
from threads.json_schema import allowed_values, find_violation
from threads.models.types import InterruptKind

BREAKPOINT_ID = "breakpoint:"
"""How the ids of breakpoints begin; the run's id follows."""
RECOVERY_ID = "recovery:"
"""How the ids of recovery's interrupts begin; the run's id follows."""
RECOVERY_SCHEMA: Mapping[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]
}


@dataclass(frozen=True, slots=True)
class Interrupt:
    """A pending interrupt: a paused graph's question, answered by `Runner.resume`."""

    id: str
    value: Any
    """What the graph passed to `interrupt`; of a breakpoint `{"next": nodes that are due}`."""
    kind: InterruptKind = "value"
    """`text`: a question in words. `value`: anything else. `approval`: tool calls that wait for decisions, as
    LangChain's `HumanInTheLoopMiddleware` asks for them. `breakpoint`: a run that was paused there, and takes
    no answer. `recovery`: tool calls whose outcome is unknown."""
    choices: tuple[Any, ...] = ()
    """The possible answers, where they are known; of an approval the decisions allowed for every call."""
    response_schema: Mapping[str, Any] | None = None
    """The JSON schema of an answer; None where that is unknown."""

    @classmethod
    def from_langgraph(cls, interrupt: Any) -> Self:
        """Return an interrupt of LangGraph, or of recovery, with what is known of its answers."""
        return cls.of(interrupt.id, interrupt.value, getattr(interrupt, "response_schema", None))

    @classmethod
    def of(cls, id: str, value: Any, response_schema: Any = None) -> Self:
        """Return an interrupt with what is known of its answers."""
        schema = response_schema if isinstance(response_schema, Mapping) else None
        if isinstance(id, str) and id.startswith(RECOVERY_ID):
            return cls(id, value, "recovery", ("again",), RECOVERY_SCHEMA)
        if request := find_approval_request(value, schema):
            known = request.response_schema() if request.is_batched else schema
            return cls(id, value, "approval", request.choices, known)
        is_text = isinstance(value, str) and (schema is None or schema.get("type") == "string")
        return cls(id, value, "text" if is_text else "value", allowed_values(schema), schema)

    @classmethod
    def at_breakpoint(cls, run_id: str, due: list[str] | None) -> Self:
        """Return the breakpoint that a run ended at. `due`: the nodes behind it, None where unknown."""
        return cls(f"{BREAKPOINT_ID}{run_id}", {"next": due}, "breakpoint")

    @property
    def approval_request(self) -> ApprovalRequest | None:
        """The tool calls that wait for decisions, with what is allowed for each; None for other kinds."""
        return find_approval_request(self.value, self.response_schema) if self.kind == "approval" else None

    def approve(self) -> dict[str, Any]:
        """Return the answer that approves all tool calls. Raises `InvalidValue` where that is not allowed."""
        return self._approval().answer("approve")

    def reject(self, reason: str = "") -> dict[str, Any]:
        """Return the answer that rejects all tool calls, for a reason. Raises `InvalidValue`."""
        return self._approval().answer("reject", **({"message": reason} if reason else {}))

    def edit(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer that runs the one tool, with these of its arguments changed.

        Raises `InvalidValue`, also where there are several tool calls.
        """
        return self._approval().edit(args)

    def respond(self, text: str) -> dict[str, Any]:
        """Return the answer that stands for the results of the tools. Raises `InvalidValue`."""
        return self._approval().answer("respond", message=text)

    def check_answer(self, value: Any) -> None:
        """Raise `InvalidValue` where an answer does not have the form that is known of it."""
        violation = None if self.response_schema is None else find_violation(self.response_schema, value)
        if violation is None:
            return
        if request := self.approval_request:
            raise InvalidValue("value", f"{violation}; {request.expected()}")
        if self.kind == "recovery":
            raise InvalidValue(
                "value", f"{violation}; pass 'again', or a text to use as the answer of the tools"
            )
        raise InvalidValue("value", f"{violation}. See the interrupt's response_schema.")

    def _approval(self) -> ApprovalRequest:
        if request := self.approval_request:
            return request
        raise InvalidValue("value", f"the interrupt is of the kind {self.kind!r}, and asks for no approval")
