"""Answering when nothing was asked: greeting people, and showing what was taken in."""

import re
from collections.abc import Sequence

from agent.offline.conversation import ASK_NAME, Conversation
from agent.offline.facts import Fact, distinct
from agent.offline.shapes import SINGLE
from agent.offline.smalltalk import GREETING, greet, small_talk
from agent.offline.statements import bare_clause
from agent.offline.text import sentence, shorten, without_opener

COMMAND = re.compile(
    r"(?:(?:please|kindly|can you|could you|will you|would you) )*(?:write|translate|book|send|cancel|"
    r"order|open|close|delete|create|make|play|sing|"
    r"draw|generate|compose|buy|fix|search|find|show|google|call|email|print|run|change|update|"
    r"transfer|connect|refund|return|set|turn|track|check)\b(?! me (?!an? )).+",
    re.IGNORECASE | re.DOTALL,
)
CANNOT = "I'm afraid I can't do that: I'm an offline model. I can talk, and remember what you tell me here."
_NOT_UNDERSTOOD = "I'm not sure I understood that. Could you put it in other words?"


def acknowledge(talk: Conversation, parts: Sequence[str], abilities: str) -> str:
    """A reply to a message that asks nothing."""
    if not talk.last:
        return (
            "I can't see pictures or files, only text."
            if talk.pictures
            else "I didn't get any text. What would you like to say?"
        )
    stated = [fact for fact in talk.fresh if fact.kind != "note"]
    new_name = next((fact for fact in stated if fact.kind == "name"), None)
    if new_name:
        return _meet(talk, new_name, [fact for fact in stated if fact is not new_name])
    chat = _chat(talk, parts, abilities)
    if stated:
        return _taken_in(talk, stated)
    return chat or _noted(talk)


def with_hello(talk: Conversation, answer: str) -> str:
    """An answer, after a hello when the message also introduced its sender by name."""
    name = next((fact.value for fact in talk.fresh if fact.kind == "name" and not fact.denied), None)
    if name is None or name in answer or talk.before.value("name") == name:
        return answer
    return f"{greet(talk.last, name).split('! ', 1)[0]}! {answer}"


def _meet(talk: Conversation, name: Fact, others: Sequence[Fact]) -> str:
    before = talk.before.value("name")
    if name.denied:
        return f"Thanks for telling me, I won't call you {name.value}. {ASK_NAME}"
    if before and before != name.value:
        greeting = f"Thanks, I'll call you {name.value} from now on."
        return f"{greeting} {_details(others)}" if others else greeting
    greeting = greet(talk.last, name.value)
    if not others:
        return greeting
    hello, question = greeting.split("! ", 1)
    return f"{hello}! {_details(others)} {question}"


def _taken_in(talk: Conversation, stated: Sequence[Fact]) -> str:
    hello = greet(talk.last, talk.name).split("! ", 1)[0] + "! " if GREETING.match(talk.last) else ""
    return hello + _details(stated, "" if hello else talk.name or "", _changed(talk, stated))


def _changed(talk: Conversation, stated: Sequence[Fact]) -> bool:
    return any(
        (old := talk.before.find(fact.key)) and fact.kind in SINGLE and old.value != fact.value
        for fact in stated
    )


def _details(facts: Sequence[Fact], name: str = "", changed: bool = False) -> str:
    to = f", {name}" if name else ""
    what = " and ".join(shorten(fact.sentence, 160) for fact in distinct(facts)[:4])
    if any(fact.kind == "problem" for fact in facts):
        return sentence(f"I'm sorry to hear that{to}. I've noted that {what}")
    if any(fact.kind == "want" for fact in facts):
        return sentence(f"I understand{to}: {what}. I've noted it")
    if changed:
        return sentence(f"thanks{to}, I've changed that: {what}")
    return sentence(f"thanks{to}, I'll remember that {what}")


def _chat(talk: Conversation, parts: Sequence[str], abilities: str) -> str | None:
    for part in reversed(parts):
        if said := small_talk(part, talk.name, abilities) or small_talk(
            bare_clause(part), talk.name, abilities
        ):
            return said
    if (match := GREETING.match(talk.last)) and len(talk.last) - match.end() < 25:
        return greet(talk.last, talk.name, again=bool(talk.name))
    return None


def _noted(talk: Conversation) -> str:
    if COMMAND.match(without_opener(talk.last)):
        return CANNOT
    if talk.fresh:
        return f"I see{', ' + talk.name if talk.name else ''}. I'll keep that in mind."
    forgot = len(talk.notebook.facts) < len(talk.before.facts)
    return "All right, I won't bring that up again." if forgot else _NOT_UNDERSTOOD
