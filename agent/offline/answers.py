"""Answering one question, from whatever part of the model knows."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from agent.offline.acknowledge import CANNOT, COMMAND
from agent.offline.arguments import expression
from agent.offline.arithmetic import NotASum, work_out
from agent.offline.confirming import ONLY_THIS
from agent.offline.conversation import Conversation
from agent.offline.looking_back import look_back
from agent.offline.persona import about_itself
from agent.offline.questions import trimmed
from agent.offline.recall import OFFLINE, recall
from agent.offline.smalltalk import small_talk
from agent.offline.statements import bare_clause

_SOMEBODY = re.compile(
    r"(?:do you (?:know|remember) (?:who )?|who is |(?:what|who|where|when|how|did|does|is|has|which|"
    r"tell me)\b.*?\b)(?P<who>(?-i:[A-Z])[\w-]+)(?:'s)?\b.*",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r".*\b(?:other|another|previous|earlier|next|someone else|anyone else|somebody|else)\b.*\b(?:users?|"
    r"customers?|people|"
    r"conversations?|chats?|threads?|said|say|talk\w*|told|tell|name)\b.*|"
    r".*\b(?:users?|customers?|people|who)\b.*\b(?:else|other|before me|talk\w* to (?:before|today))\b.*",
    re.IGNORECASE,
)
ELSEWHERE = f"I can't see any other conversation. {ONLY_THIS}"


@dataclass(frozen=True)
class Said:
    """An answer in words."""

    text: str
    chat: bool = False
    """True for small talk, which gives way to what else the message said."""


def answer(question: str, talk: Conversation, abilities: str) -> Said:
    """The answer to one question; when nothing fits, that it is not known."""
    bare = trimmed(bare_clause(question))
    if said := small_talk(bare, talk.name, abilities):
        return Said(said, chat=True)
    recalled = recall(question, talk)
    steps: tuple[Callable[[], str | None], ...] = (
        lambda: about_itself(bare, talk),
        lambda: look_back(bare, talk),
        lambda: recalled.text if recalled and recalled.known else None,
        lambda: _sum(bare),
        lambda: CANNOT if COMMAND.fullmatch(bare) else None,
        lambda: ELSEWHERE if _OTHERS.fullmatch(bare) else None,
        lambda: recalled.text if recalled else None,
        lambda: _others(bare),
    )
    return Said(next((found for step in steps if (found := step())), OFFLINE))


def _sum(question: str) -> str | None:
    sum_ = expression(question)
    if not sum_ or not re.match(
        r"(?:what|how much|calculate|compute|can you|could you|tell|\W*\d|do "
        r"you)",
        question,
        re.IGNORECASE,
    ):
        return None
    try:
        return f"{sum_.replace('**', '^')} = {work_out(sum_)}"
    except NotASum:
        return None
    except ZeroDivisionError:
        return "That would divide by zero."


def _others(question: str) -> str | None:
    if not _SOMEBODY.fullmatch(question):
        return None
    return (
        f"No. {ONLY_THIS}"
        if re.match(r"(?i)(?:do|have) you (?:know|remember|met)\b", question)
        else f"I don't know. {ONLY_THIS}"
    )
