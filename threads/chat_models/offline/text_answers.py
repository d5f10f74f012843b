"""Replies in words: answers to questions, about the conversation too, and acknowledgments."""

import re
from collections.abc import Sequence

from langchain_core.messages import SystemMessage

from threads.chat_models.offline.dialogue import (
    ASK_NAME,
    FORGET,
    Dialogue,
    last_answer,
    text_of,
)
from threads.chat_models.offline.facts import SINGLE_KINDS, Fact, select_distinct
from threads.chat_models.offline.recall import ONLY_THIS, recall, trim_question
from threads.chat_models.offline.statements import bare_clause, find_small_talk
from threads.chat_models.offline.text import pattern, pattern_table, sentence, shorten, strip_opener
from threads.chat_models.offline.tool_selection import sum_in_words

CANNOT = "I'm afraid I can't do that: I'm an offline model. I can talk, and remember what you tell me here."
_UNKNOWN = "I don't know. I'm an offline model, so I only know what you tell me in this conversation."
_NOT_UNDERSTOOD = "I'm not sure I understood that. Could you put it in other words?"
_NOTHING_EARLIER = "This is the first thing you've said in this conversation."
_COMMAND = pattern("{COMMAND}", re.IGNORECASE | re.DOTALL)
_OTHERS = pattern("{OTHERS}")
_GREETING = pattern("{GREETING}")
_PERSON = pattern("{PERSON}")
_DO_YOU_KNOW = pattern(r"(?:do|have) you (?:know|remember|met)\b")


def answer_question(question: str, dialogue: Dialogue, abilities: str) -> tuple[str, bool]:
    """Return the answer to one question, and whether it is small talk, which yields to statements."""
    bare = trim_question(bare_clause(question))
    if answer := find_small_talk(bare, dialogue.name, abilities):
        return answer, True
    if _GREETING.fullmatch(bare):
        return " ".join(_greet(bare, dialogue.name)), True
    if answer := answer_about_dialogue(bare, dialogue):
        return answer, False
    recalled = recall(question, dialogue)
    if recalled and recalled.known:
        return recalled.text, False
    if answer := sum_in_words(bare):
        return answer, False
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


def answer_about_dialogue(question: str, dialogue: Dialogue) -> str | None:
    """Return the answer to "Are you a robot?" or "What did I say first?", or None."""
    for shape, answer in _ABOUT_ITSELF:
        if shape.fullmatch(question):
            return _identity(dialogue) if answer == "{identity}" else answer
    return next(
        (_look_back(what, dialogue) for shape, what in _ABOUT_CONVERSATION if shape.fullmatch(question)),
        None,
    )


def _identity(dialogue: Dialogue) -> str:
    """Who the assistant is, by the name or the role that its system prompt gives it."""
    prompt = "\n".join(
        text_of(message) for message in dialogue.messages if isinstance(message, SystemMessage)
    )
    if name := _OWN_NAME.search(prompt):
        return f"I'm {name[1]}, your assistant."
    if (role := _ROLE.search(prompt)) and re.match(r"[A-Z]|(?:an?|the) ", role[1]):
        return f"I'm {role[1].strip().rstrip(',')}."
    return "I'm your assistant, an offline model. I only know what you tell me in this conversation."


def _look_back(what: str, dialogue: Dialogue) -> str:
    earlier = dialogue.user_texts[:-1]
    if what == "count":
        count = len(dialogue.user_texts)
        return f"You've sent {count} message{'' if count == 1 else 's'}, this one included."
    if what == "answer":
        answer = last_answer(dialogue.messages)
        return f"I said: “{shorten(answer)}”" if answer else "I haven't said anything yet."
    if what == "summary":
        known = [shorten(fact.sentence, 120) for fact in select_distinct(dialogue.facts.all())]
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


def acknowledge(dialogue: Dialogue, parts: Sequence[str], abilities: str) -> str:
    """Return a reply to a message that asks nothing, showing what was taken in."""
    if not dialogue.last_text:
        if dialogue.has_pictures:
            return "I can't see pictures or files, only text."
        return "I didn't get any text. What would you like to say?"
    stated = [fact for fact in dialogue.newest_facts if fact.kind != "note"]
    if name := next((fact for fact in stated if fact.kind == "name"), None):
        return _meet(dialogue, name, [fact for fact in stated if fact is not name])
    if stated:
        greeting = (
            f"{_greet(dialogue.last_text, dialogue.name)[0]} " if _GREETING.match(dialogue.last_text) else ""
        )
        return greeting + _repeat(dialogue, stated, "" if greeting else dialogue.name)
    for part in reversed(parts):
        if answer := find_small_talk(part, dialogue.name, abilities) or find_small_talk(
            bare_clause(part), dialogue.name, abilities
        ):
            return answer
    if (match := _GREETING.match(dialogue.last_text)) and len(dialogue.last_text) - match.end() < 25:
        return " ".join(_greet(dialogue.last_text, f"again, {dialogue.name}" if dialogue.name else None))
    if _COMMAND.match(strip_opener(dialogue.last_text)):
        return CANNOT
    if dialogue.newest_facts:
        return f"I see{', ' + dialogue.name if dialogue.name else ''}. I'll keep that in mind."
    has_forgotten = any(FORGET.fullmatch(part) for part in parts)
    return "All right, I won't bring that up again." if has_forgotten else _NOT_UNDERSTOOD


def add_greeting(dialogue: Dialogue, answer: str) -> str:
    """Return an answer, after a hello when the message also introduced its sender by name."""
    name = next(
        (fact.value for fact in dialogue.newest_facts if fact.kind == "name" and not fact.denied), None
    )
    if name is None or name in answer or dialogue.facts_before.find_value("name") == name:
        return answer
    return f"{_greet(dialogue.last_text, name)[0]} {answer}"


def _greet(text: str, name: str | None) -> tuple[str, str]:
    """Return a greeting in the user's tone, and an offer: "Hey" is answered more casually than "Hi"."""
    address = f" {name}!" if name else "!"
    return (
        (f"Hi{address}", "What can I do for you?")
        if _CASUAL.match(text)
        else (f"Hello{address}", "How can I help?")
    )


def _meet(dialogue: Dialogue, name: Fact, others: Sequence[Fact]) -> str:
    if name.denied:
        return f"Thanks for telling me, I won't call you {name.value}. {ASK_NAME}"
    greeting, offer = _greet(dialogue.last_text, name.value)
    if dialogue.facts_before.find_value("name") not in {None, name.value}:
        greeting, offer = f"Thanks, I'll call you {name.value} from now on.", ""
    return " ".join(filter(None, (greeting, _repeat(dialogue, others) if others else "", offer)))


def _repeat(dialogue: Dialogue, facts: Sequence[Fact], name: str | None = None) -> str:
    """Return the facts just stated, in the second person."""
    to = f", {name}" if name else ""
    what = " and ".join(shorten(fact.sentence, 160) for fact in select_distinct(facts)[:4])
    kinds = {fact.kind for fact in facts}
    if "problem" in kinds:
        return sentence(f"I'm sorry to hear that{to}. I've noted that {what}")
    if kinds & {"want", "reason"}:
        return sentence(f"I understand{to}: {what}. I've noted it")
    for fact in facts:
        old = dialogue.facts_before.find(fact.key)
        if old and fact.kind in SINGLE_KINDS and old.value != fact.value:
            return sentence(f"thanks{to}, I've changed that: {what}")
    return sentence(f"thanks{to}, I'll remember that {what}")
