"""What users say to the agents of `built_agents`, and what must be in the thread then: plain lists of turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

Line = tuple[str, str]
"""Role and text of a message, as `registry.messages` gives them."""

SUMMARY_LINE: Line = ("system", "Here is a summary of the conversation to date:\n\nwhat was said before")
HANDOVER: Line = ("tool", "Successfully transferred to bob")
APPROVAL = {"decisions": [{"type": "approve"}]}


@dataclass(frozen=True)
class Turn:
    """A user message and the lines that answer it.

    In a line `{n}` is the number of user messages so far, and `{active}` the agent of the swarm that speaks.

    `question` is what an interrupt of this turn asks, and `answer` the value that answers it.
    """

    user: str
    lines: tuple[Line, ...]
    question: Any = None
    answer: Any = None


@dataclass(frozen=True)
class Dialogue:
    """Three turns; one in place of the target; a fourth one; one that asks, if the agent can."""

    turns: tuple[Turn, Turn, Turn]
    edited: Turn
    next: Turn
    asking: Turn | None
    words: tuple[str, str, str]
    """A word that only the turn with the same number has."""
    target: int = 1
    """The index of the turn that is edited, forked from and rewound to."""
    is_stored_at_end: bool = False
    """Whether user messages are stored together with their answers."""
    summary_above: int | None = None
    """With so many messages the agent replaces all but two by a summary before it calls its model."""

    def lines(self, turns: Sequence[Turn]) -> list[Line]:
        """Return the lines of a thread in which these turns were spoken."""
        found: list[Line] = []
        for turn in turns:
            found.append(("user", turn.user))
            for role, text in turn.lines:
                if role == "assistant" and self.summary_above and len(found) >= self.summary_above:
                    found = [SUMMARY_LINE, *found[-2:]]
                users = sum(each == "user" for each, _ in found)
                active = "bob" if HANDOVER in found else "alice"
                found.append((role, text.replace("{n}", str(users)).replace("{active}", active)))
        return found


def count(lines: Sequence[Line]) -> int:
    """Return how many messages a person would count: user and assistant messages with text."""
    return sum(role in ("user", "assistant") and text != "" for role, text in lines)


def preview(lines: Sequence[Line]) -> str:
    """Return the last text that a user or an agent said."""
    return [text for role, text in lines if role in ("user", "assistant") and text][-1]


def answer(text: str, speaker: str = "agent") -> Turn:
    """Return a turn that the model answers by itself."""
    return Turn(text, (("assistant", f"{speaker}: {text} #{{n}}"),))


def tool_turn(text: str, result: str, speaker: str = "agent", **question: Any) -> Turn:
    """Return a turn in which a tool is called."""
    return Turn(text, (*called(result), ("assistant", f"{speaker}: {result} #{{n}}")), **question)


def called(result: str) -> tuple[Line, ...]:
    """Return the lines of a tool call."""
    return ("assistant", ""), ("tool", result)


def confirmation(speaker: str = "agent") -> Turn:
    """Return a turn in which a tool asks the user."""
    return tool_turn("confirm order", "they said yes", speaker, question="order?", answer="yes")


def supervised(text: str, *lines: Line, **question: Any) -> Turn:
    """Return a turn in which a supervisor hands over to its mathematician, who says `lines`."""
    transfer, back = (
        "Successfully transferred to mathematician",
        "Successfully transferred back to supervisor",
    )
    return Turn(
        text,
        (
            *called(transfer),
            *lines,
            ("assistant", "Transferring back to supervisor"),
            ("tool", back),
            ("assistant", f"supervisor: {back} #{{n}}"),
        ),
        **question,
    )


def structured(city: str) -> Turn:
    """Return a turn that ends with a structured response, which is no message."""
    return Turn(f"report {city}", called(f"Returning structured response: Report(city='{city}', degrees=20)"))


def _with_tools(asking: Turn, second: Turn | None = None) -> Dialogue:
    second = second or tool_turn("weather in Rome", "sunny in Rome")
    return Dialogue(
        (answer("hello one"), second, answer("hello three")),
        edited=tool_turn("weather in Oslo", "sunny in Oslo"),
        next=answer("hello four"),
        asking=asking,
        words=("one", second.user.split()[-1], "three"),
    )


_MAIL = tool_turn("mail Ann", "mailed Ann", question="send_mail", answer=APPROVAL)
_HELLOS = (answer("hello one"), answer("hello two"), answer("hello three"))

DIALOGUES = {
    "agent": Dialogue(_HELLOS, answer("hello deux"), answer("hello four"), None, ("one", "two", "three")),
    "agent_with_tools": _with_tools(confirmation()),
    "human_in_the_loop": _with_tools(_MAIL),
    "summarization": Dialogue(
        _HELLOS,
        answer("hello trois"),
        answer("hello four"),
        confirmation(),
        ("one", "two", "three"),
        2,
        summary_above=5,
    ),
    "structured_response": Dialogue(
        (structured("Rome"), structured("Oslo"), answer("hello three")),
        edited=structured("Bern"),
        next=structured("Paris"),
        asking=confirmation(),
        words=("Rome", "Oslo", "three"),
    ),
    "deep_agent": _with_tools(confirmation(), tool_turn("research fish", "researcher: fish #1")),
    "supervisor": Dialogue(
        (
            answer("hello one", "supervisor"),
            supervised("calculate five", ("assistant", "mathematician: calculate five #{n}")),
            supervised("calculate six", ("assistant", "mathematician: calculate six #{n}")),
        ),
        edited=answer("hello deux", "supervisor"),
        next=answer("hello four", "supervisor"),
        asking=supervised(
            "confirm order",
            ("assistant", "mathematician: they said yes #{n}"),
            question="order?",
            answer="yes",
        ),
        words=("one", "five", "six"),
    ),
    "swarm": Dialogue(
        (
            answer("hello one", "alice"),
            Turn(
                "bob please",
                (*called(HANDOVER[1]), ("assistant", "bob: bob please #{n}")),
            ),
            answer("hello three", "bob"),
        ),
        edited=tool_turn("weather in Oslo", "sunny in Oslo", "alice"),
        next=answer("hello four", "{active}"),
        asking=confirmation("bob"),
        words=("one", "please", "three"),
    ),
    "quickstart": _with_tools(confirmation()),
    "tutorial": _with_tools(confirmation()),
    "functional": replace(_with_tools(confirmation()), is_stored_at_end=True),
}
"""The dialogue of each agent in `built_agents.BUILDERS`."""
