"""Requests for approval as LangChain's `HumanInTheLoopMiddleware` makes them, and the answers that it takes.

deepagents' `interrupt_on` is the same middleware. In its mode `batched` one interrupt is about all calls of
a model's turn, and takes a list of decisions; in `per_call` each call has an interrupt of its own, and takes
one decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from threads.errors import InvalidValue
from threads.json_schema import constants

DECISIONS = ("approve", "edit", "reject", "respond")
"""All that the middleware knows; a tool may allow fewer."""


@dataclass(frozen=True, slots=True)
class ReviewedAction:
    """A tool call that waits for a decision."""

    name: str
    args: Mapping[str, Any]
    description: str
    decisions: tuple[str, ...]
    """The allowed decisions."""


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """Tool calls that wait for a decision each."""

    actions: tuple[ReviewedAction, ...]
    is_batched: bool
    """Whether the answer is a list of decisions, one for each action."""

    @property
    def choices(self) -> tuple[str, ...]:
        """The decisions that are allowed for every action."""
        first, *others = [action.decisions for action in self.actions]
        return tuple(each for each in first if all(each in other for other in others))

    def allowed(self) -> str:
        """Return the allowed decisions in words, by action."""
        return "; ".join(f"for {action.name}: {', '.join(action.decisions)}" for action in self.actions)

    def expected(self) -> str:
        """Return the form of an answer in words."""
        form = (
            '{"decisions": [{"type": ...}]}, a decision for each call' if self.is_batched else '{"type": ...}'
        )
        return f"pass {form}. Allowed {self.allowed()}"

    def answer(self, decision: str, **fields: Any) -> dict[str, Any]:
        """Return the answer that decides so about every action. Raises `InvalidValue` if one forbids it."""
        for action in self.actions:
            if decision not in action.decisions:
                allowed = ", ".join(action.decisions)
                raise InvalidValue(
                    "value", f"{decision!r} is not allowed for {action.name} (allowed: {allowed})"
                )
        made = {"type": decision, **fields}
        return {"decisions": [made] * len(self.actions)} if self.is_batched else made

    def edit(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer that runs the only action with these arguments changed. Raises `InvalidValue`."""
        if len(self.actions) != 1:
            raise InvalidValue(
                "value",
                f"an edit changes one call; {len(self.actions)} are pending. Pass one decision per call",
            )
        [action] = self.actions
        edited = {"name": action.name, "args": {**action.args, **args}}
        return self.answer("edit", edited_action=edited)

    def response_schema(self) -> dict[str, Any]:
        """Return the JSON schema of an answer to a batched request, which publishes none of its own."""
        number = len(self.actions)
        decisions = {
            "type": "array",
            "prefixItems": [_decision_schema(action) for action in self.actions],
            "minItems": number,
            "maxItems": number,
        }
        return {"type": "object", "properties": {"decisions": decisions}, "required": ["decisions"]}


def find_approval_request(value: Any, schema: Any) -> ApprovalRequest | None:
    """Return the request for approval that an interrupt of this value and schema is; None if it is none."""
    if not isinstance(value, Mapping):
        return None
    actions, configs = _mappings(value.get("action_requests")), _mappings(value.get("review_configs"))
    if actions is not None and configs is not None and all("name" in each for each in actions):
        allowed = {each.get("action_name"): _decisions_of(each.get("allowed_decisions")) for each in configs}
        found = tuple(_action(each, allowed.get(each["name"], DECISIONS)) for each in actions)
        return ApprovalRequest(found, is_batched=True) if found else None
    if value.get("type") == "tool_approval" and "name" in value:
        return ApprovalRequest((_action(value, _decisions_of(constants(schema, "type"))),), is_batched=False)
    return None


def _action(request: Mapping[str, Any], decisions: tuple[str, ...]) -> ReviewedAction:
    args, description = request.get("args"), request.get("description")
    return ReviewedAction(
        str(request["name"]),
        args if isinstance(args, Mapping) else {},
        description if isinstance(description, str) else "",
        decisions,
    )


def _mappings(value: Any) -> Sequence[Mapping[str, Any]] | None:
    is_list = isinstance(value, list | tuple) and all(isinstance(each, Mapping) for each in value)
    return value if is_list else None


def _decisions_of(given: Any) -> tuple[str, ...]:
    found = tuple(each for each in given if isinstance(each, str)) if isinstance(given, list | tuple) else ()
    return tuple(dict.fromkeys(found)) or DECISIONS


def _decision_schema(action: ReviewedAction) -> dict[str, Any]:
    text = {"type": "string"}
    edited = {
        "type": "object",
        "properties": {"name": text, "args": {"type": "object"}},
        "required": ["name", "args"],
    }
    fields: Mapping[str, dict[str, Any]] = {"edit": {"edited_action": edited}, "respond": {"message": text}}
    optional: Mapping[str, dict[str, Any]] = {"reject": {"message": text}}
    variants = []
    for decision in action.decisions:
        required = fields.get(decision, {})
        properties = {"type": {"const": decision}, **required, **optional.get(decision, {})}
        variants.append({"type": "object", "properties": properties, "required": ["type", *required]})
    return {"title": action.name, "oneOf": variants}
