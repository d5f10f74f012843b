"""Replies in words: answers to questions, about the conversation too, and acknowledgments."""

import re
from collections.abc import Sequence

from langchain_core.messages import SystemMessage

from agent.offline.conversation import ASK_NAME, FORGET, Conversation, last_answer, text_of
from agent.offline.facts import SINGLE_KINDS, Fact, distinct
from agent.offline.recall import ONLY_THIS, recall, trimmed_question
from agent.offline.statements import bare_clause, small_talk
from agent.offline.text import pattern, pattern_table, sentence, shorten, without_opener
from agent.offline.tools import sum_in_words

CANNOT = "I'm afraid I can't do that: I'm an offline model. I can talk, and remember what you tell me here."
_UNKNOWN = "I don't know. I'm an offline model, so I only know what you tell me in this conversation."
_NOT_UNDERSTOOD = "I'm not sure I understood that. Could you put it in other words?"
_NOTHING_EARLIER = "This is the first thing you've said in this conversation."
_COMMAND = pattern("{COMMAND}", re.IGNORECASE | re.DOTALL)
_OTHERS = pattern("{OTHERS}")
_GREETING = pattern("{GREETING}")
_PERSON = pattern("{PERSON}")
_DO_YOU_KNOW = pattern(r"(?:do|have) you (?:know|remember|met)\b")


def answer_question(question: str, talk: Conversation, abilities: str) -> tuple[str, bool]:
    """The answer to one question, and whether it is but small talk, which gives way to what else was said."""
    bare = trimmed_question(bare_clause(question))
    if said := small_talk(bare, talk.name, abilities):
        return said, True
    if _GREETING.fullmatch(bare):
        return " ".join(_greet(bare, talk.name)), True
    if said := answer_about_talk(bare, talk):
        return said, False
    recalled = recall(question, talk)
    if recalled and recalled.known:
        return recalled.text, False
    if said := sum_in_words(bare):
        return said, False
    if _COMMAND.fullmatch(bare):
        return CANNOT, False
    if _OTHERS.fullmatch(bare):
        return f"I can't see any other conversation. {ONLY_THIS}", False
    if recalled:
        return recalled.text, False
    if _PERSON.fullmatch(bare):
        refusal = "No" if _DO_YOU_KNOW.match(bare) else "I don't know"
        return f"{refusal}. {ONLY_THIS}", False
    return _UNKNOWN, False


# The assistant and the conversation

_ABOUT_ITSELF = pattern_table("ABOUT_ITSELF")
_ABOUT_CONVERSATION = pattern_table("ABOUT_CONVERSATION")
_MAX_SHOWN = 12
"""Facts or messages named in a summary; a longer list is not read."""
_ROLE = re.compile(r"(?:^|[.!?\n]\s*)You(?: are|'re) (?!talking|speaking|chatting)([^.!?\n]{2,120})")
_OWN_NAME = re.compile(r"(?i:your name is) ([A-Z][\w'-]*)")


def answer_about_talk(question: str, talk: Conversation) -> str | None:
    """The answer to "Are you a robot?" or "What did I say first?", or None."""
    for shape, answer in _ABOUT_ITSELF:
        if shape.fullmatch(question):
            return _identity(talk) if answer == "{identity}" else answer
    return next(
        (_look_back(what, talk) for shape, what in _ABOUT_CONVERSATION if shape.fullmatch(question)), None
    )


def _identity(talk: Conversation) -> str:
    """Who the assistant is, by the name or the role that its system prompt gives it."""
    prompt = "\n".join(text_of(message) for message in talk.messages if isinstance(message, SystemMessage))
    if name := _OWN_NAME.search(prompt):
        return f"I'm {name[1]}, your assistant."
    if (role := _ROLE.search(prompt)) and re.match(r"[A-Z]|(?:an?|the) ", role[1]):
        return f"I'm {role[1].strip().rstrip(',')}."
    return "I'm your assistant, an offline model. I only know what you tell me in this conversation."


def _look_back(what: str, talk: Conversation) -> str:
    earlier = talk.said[:-1]
    if what == "count":
        count = len(talk.said)
        return f"You've sent {count} message{'' if count == 1 else 's'}, this one included."
    if what == "answer":
        said = last_answer(talk.messages)
        return f"I said: “{shorten(said)}”" if said else "I haven't said anything yet."
    if what == "summary":
        known = [shorten(fact.sentence, 120) for fact in distinct(talk.notebook.facts)]
        if not known:
            return f"You haven't told me anything about yourself yet. {ONLY_THIS}"
        return sentence("here is what you've told me: " + "; ".join(known[-_MAX_SHOWN:]))
    if not earlier:
        return _NOTHING_EARLIER
    if what == "all":
        return "So far you've said: " + " ".join(f"“{shorten(each, 100)}”" for each in earlier[-_MAX_SHOWN:])
    return f"You said: “{shorten(earlier[0 if what == 'first' else -1])}”"


# Greetings and acknowledgments

_CASUAL = pattern(r"\W*(?:hey+|yo|hiya|sup|what's up|howdy)\b")


def acknowledge(talk: Conversation, parts: Sequence[str], abilities: str) -> str:
    """A reply to a message that asks nothing, showing what was taken in."""
    if not talk.last:
        if talk.has_pictures:
            return "I can't see pictures or files, only text."
        return "I didn't get any text. What would you like to say?"
    stated = [fact for fact in talk.new_facts if fact.kind != "note"]
    if name := next((fact for fact in stated if fact.kind == "name"), None):
        return _meet(talk, name, [fact for fact in stated if fact is not name])
    if stated:
        greeting = f"{_greet(talk.last, talk.name)[0]} " if _GREETING.match(talk.last) else ""
        return greeting + _repeat(talk, stated, "" if greeting else talk.name)
    for part in reversed(parts):
        if said := small_talk(part, talk.name, abilities) or small_talk(
            bare_clause(part), talk.name, abilities
        ):
            return said
    if (match := _GREETING.match(talk.last)) and len(talk.last) - match.end() < 25:
        return " ".join(_greet(talk.last, f"again, {talk.name}" if talk.name else None))
    if _COMMAND.match(without_opener(talk.last)):
        return CANNOT
    if talk.new_facts:
        return f"I see{', ' + talk.name if talk.name else ''}. I'll keep that in mind."
    has_forgotten = any(FORGET.fullmatch(part) for part in parts)
    return "All right, I won't bring that up again." if has_forgotten else _NOT_UNDERSTOOD


def with_greeting(talk: Conversation, answer: str) -> str:
    """An answer, after a hello when the message also introduced its sender by name."""
    name = next((fact.value for fact in talk.new_facts if fact.kind == "name" and not fact.denied), None)
    if name is None or name in answer or talk.before.find_value("name") == name:
        return answer
    return f"{_greet(talk.last, name)[0]} {answer}"


def _greet(text: str, name: str | None) -> tuple[str, str]:
    """A greeting in the tone of the user's, and an offer: "Hey" is answered more casually than "Hi"."""
    who = f" {name}!" if name else "!"
    return (
        (f"Hi{who}", "What can I do for you?") if _CASUAL.match(text) else (f"Hello{who}", "How can I help?")
    )


def _meet(talk: Conversation, name: Fact, others: Sequence[Fact]) -> str:
    if name.denied:
        return f"Thanks for telling me, I won't call you {name.value}. {ASK_NAME}"
    greeting, offer = _greet(talk.last, name.value)
    if talk.before.find_value("name") not in {None, name.value}:
        greeting, offer = f"Thanks, I'll call you {name.value} from now on.", ""
    return " ".join(filter(None, (greeting, _repeat(talk, others) if others else "", offer)))


def _repeat(talk: Conversation, facts: Sequence[Fact], name: str | None = None) -> str:
    """The facts just stated, in the second person."""
    to = f", {name}" if name else ""
    what = " and ".join(shorten(fact.sentence, 160) for fact in distinct(facts)[:4])
    kinds = {fact.kind for fact in facts}
    if "problem" in kinds:
        return sentence(f"I'm sorry to hear that{to}. I've noted that {what}")
    if kinds & {"want", "reason"}:
        return sentence(f"I understand{to}: {what}. I've noted it")
    for fact in facts:
        old = talk.before.find(fact.key)
        if old and fact.kind in SINGLE_KINDS and old.value != fact.value:
            return sentence(f"thanks{to}, I've changed that: {what}")
    return sentence(f"thanks{to}, I'll remember that {what}")
