"""The conversation as the model sees it: the messages, read once into a table of facts.

Only what the *user* said becomes a fact, plus what a system prompt states about "the user" or "the customer"
(a summary of earlier messages, say). The assistant's own words are never evidence.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from threads.chat_models.offline.facts import (
    Fact,
    FactTable,
    find_changed_favourite,
    find_correction,
    make_fact,
)
from threads.chat_models.offline.statements import (
    bare_clause,
    find_bare_name,
    find_small_talk,
    find_stated_fact,
    rule_table,
)
from threads.chat_models.offline.text import (
    Clause,
    pattern,
    split_clauses,
    strip_opener,
    topics,
    word_map,
)

ASK_NAME = "What should I call you?"
UNKNOWN_THING = "I don't know {}. You haven't told me yet."
SPELLED_OUT = word_map("spelled_out")
_UNKNOWN_PLACE = re.compile(r"(?:where|when) your (.+) (is|are|was|were)")
_UNKNOWN = re.compile(r"I don't know (.+)\. You haven't told me yet\.")


@dataclass(frozen=True)
class Dialogue:
    """The conversation so far: everything a reply may be made from."""

    messages: Sequence[BaseMessage]
    user_texts: list[str] = field(default_factory=list)
    """The user's texts, oldest first, the one to answer last."""
    facts: FactTable = field(default_factory=FactTable)
    facts_before: FactTable = field(default_factory=FactTable)
    """The facts as they were before the last message."""
    has_pictures: bool = False
    """Whether the last message holds something that is not text."""

    @property
    def name(self) -> str | None:
        """The user's name, when given."""
        return self.facts.find_value("name")

    @property
    def last_text(self) -> str:
        """The text to answer."""
        return self.user_texts[-1] if self.user_texts else ""

    @property
    def newest_facts(self) -> list[Fact]:
        """The facts stated by the last message."""
        return [fact for fact in self.facts.all() if fact.turn == len(self.user_texts) - 1]


def is_human(message: BaseMessage) -> bool:
    """Return whether the user wrote this message."""
    return isinstance(message, HumanMessage) or (
        isinstance(message, ChatMessage) and message.role in {"user", "human"}
    )


def text_of(message: BaseMessage) -> str:
    """Return the text of a message, whether its content is a string or blocks."""
    return str(message.text).strip()


def last_answer(messages: Sequence[BaseMessage]) -> str:
    """Return the assistant's last answer in words, or an empty text."""
    return next((text_of(m) for m in reversed(messages) if isinstance(m, AIMessage) and text_of(m)), "")


def read_dialogue(messages: Sequence[BaseMessage]) -> Dialogue:
    """Read the messages, oldest first."""
    facts, facts_before, user_texts, has_pictures = FactTable(), FactTable(), list[str](), False
    last_reply = ""
    newest = next((message for message in reversed(messages) if is_human(message)), None)
    for message in messages:
        if isinstance(message, SystemMessage):
            _read_system_prompt(text_of(message), facts)
        elif is_human(message):
            facts_before = FactTable(facts.all()) if message is newest else facts_before
            user_texts.append(text_of(message))
            has_pictures = isinstance(message.content, list) and any(
                isinstance(block, dict) and block.get("type") not in {"text", None}
                for block in message.content
            )
            _read_text(user_texts[-1], facts, len(user_texts) - 1, last_reply)
        elif not isinstance(message, ToolMessage):
            last_reply = text_of(message)
    return Dialogue(messages, user_texts, facts, facts_before, has_pictures)


# What the user says

FORGET = pattern("{FORGET}")
_THAT = pattern(r"that|it|this|what I (?:just )?said")
_EVERYTHING = pattern(r"everything(?: .*)?|all(?: of (?:it|that|this))?|what I (?:have )?told you")
_STATE_VALUE = pattern(r"\d|(?:in|at|from|on|as|an?) ")
_YES_NO = pattern(r"(?:is|was|did|do|are)\b")
_ASKS_TO_REMEMBER = pattern("{ASKS_TO_REMEMBER}")
_CALL_ME = pattern(r"(?:can|could|will|would) you (?:please )?call me")
_NICKNAME = pattern(r"\b(?:calls?|called|nickname|go by|goes by|known as|for short|friends)\b")
_NAME_DENIED = pattern(r"(?:I am|my name is|do not call me|don't call me|not) (?:not )?(.+)")
_APPOSITION = pattern("{APPOSITION}")


def _read_text(text: str, facts: FactTable, turn: int, last_reply: str) -> None:
    parts = _complete_answer(list(split_clauses(text)), last_reply)
    previous = next((fact for fact in facts.newest_first() if fact.turn >= turn - 1), None)
    for clause in parts:
        if clause.is_question and not is_disguised_statement(clause.text):
            if not _YES_NO.match(clause.text):
                for fact in _find_incidental_facts(clause.text):
                    if "number" in fact.key and facts.find(fact.key) is None:
                        facts.add(replace(fact, turn=turn))
        elif find_small_talk(bare_clause(clause.text)):
            continue
        elif match := FORGET.fullmatch(clause.text):
            facts.forget(_list_facts_to_forget(match[1], facts, turn))
        else:
            for fact in _read_statement(clause.text, facts, previous):
                known = facts.find(("name",))
                if fact.kind == "name" and known and " " in known.value and _NICKNAME.search(clause.text):
                    # "Call me Lex" gives a nickname: the earlier full name stays valid as such
                    facts.add(replace(known, kind="full name", key=("full name",), topics=frozenset()))
                previous = replace(fact, turn=turn)
                facts.add(previous)


def _list_facts_to_forget(what: str, facts: FactTable, turn: int) -> list[Fact]:
    if _EVERYTHING.fullmatch(what):
        return facts.all()
    if _THAT.fullmatch(what):
        return [fact for fact in facts.all() if fact.turn == turn - 1]
    if re.fullmatch(r"(?i)(?:my |own |full )*name", what):
        return [fact for fact in facts.all() if fact.kind in {"name", "full name"}]
    wanted = topics(what)
    return [fact for fact in facts.all() if wanted and wanted <= fact.topics]


def _complete_answer(parts: list[Clause], last_reply: str) -> list[Clause]:
    """Return the clauses, with a bare "Alice" or "It's autumn" completed to a statement."""
    bare = bare_clause(parts[-1].text) if parts else ""
    is_question = any(part.is_question for part in parts)
    if (
        last_reply.endswith(ASK_NAME)
        and len(parts) <= 2
        and not is_question
        and (name := find_bare_name(bare))
    ):
        return [Clause(f"my name is {name}", False)]
    unknown = _UNKNOWN.fullmatch(last_reply)
    if not unknown or len(parts) != 1 or is_question or len(bare.split()) > 5:
        return parts
    if re.search(r"(?i)\b(?:please|name|and)\b", bare) or FORGET.fullmatch(bare):
        return parts
    if find_stated_fact(bare) or find_small_talk(bare):
        return parts
    thing = next((my for my, text in SPELLED_OUT.items() if text == unknown[1]), "")
    value = re.sub(r"(?i)^(?:(?:it|that|they) (?:is|are) )?", "", bare)
    if thing:
        if not (_STATE_VALUE.match(value) or find_bare_name(value)):
            return parts
        value = re.sub(r"(?i)^(?:in|at|from|on|as) ", "", value)
    elif located := _UNKNOWN_PLACE.fullmatch(unknown[1]):
        value = re.sub(r"^(?:In|At|On|From) ", lambda match: match[0].lower(), value)
        return [Clause(f"my {located[1]} {located[2]} {value}", False)]
    return [Clause(f"{thing or unknown[1].replace('your ', 'my ', 1)} is {value}", False)]


def is_disguised_statement(question: str) -> bool:
    """Return whether a question is a statement: "Can you call me Liz?", "Did you know that I have a dog?"."""
    bare = bare_clause(question)
    is_wrapped = bare != strip_opener(question)
    return bool(
        (is_wrapped and (find_stated_fact(bare) or _ASKS_TO_REMEMBER.match(question)))
        or _CALL_ME.match(question)
    )


def _read_statement(text: str, facts: FactTable, previous: Fact | None) -> list[Fact]:
    name = facts.find(("name",))
    denied = _NAME_DENIED.fullmatch(bare_clause(text)) if name and "not" in text else None
    if name and denied and re.sub(r"^not\s+", "", denied[1]).casefold() == name.value.casefold():
        return [replace(name, denied=True, sentence=f"your name is not {name.value}")]
    found = _read_clause(text, facts, previous)
    if found and found[0].kind == "name":
        for part in text.split(", ")[1:]:
            if _APPOSITION.fullmatch(part):
                found += _read_clause(f"I am {part}", facts, found[0])
    return found


_PRONOUN = pattern(r"(?:his|her|its|their)\b")
_SHE = pattern(r"(?:he|she)(?= \w)")
_NOT_IT = pattern(r"(?:it|that|this) is not (.+)")
_RELATIVE = pattern(r"(?:[\w-]+ )?{RELATION}")
_IT = pattern(r"(?:it|he|she|they|his|her|its|their|that|this|one)\b")


def _read_clause(clause: str, facts: FactTable, previous: Fact | None) -> list[Fact]:
    """Return the facts a clause states; `previous` is what "it" and "his" may point to."""
    text = bare_clause(clause)
    if previous and previous.about and _PRONOUN.match(text):
        text = _PRONOUN.sub(f"my {previous.about}'s", text, count=1)
    elif previous and _SHE.match(text) and (previous.kind == "named" or _RELATIVE.fullmatch(previous.about)):
        text = _SHE.sub(f"my {previous.about}", text, count=1)
    denied = _NOT_IT.fullmatch(text)
    if denied and previous and denied[1].casefold() == previous.value.casefold():
        return [replace(previous, denied=True, sentence=previous.sentence.replace(" is ", " is not ", 1))]
    found = find_stated_fact(text, clause)
    meant = find_correction(text, clause, previous)
    if fact := find_stated_fact(meant) if isinstance(meant, str) else meant:
        return [fact]
    if found and found.kind == "like" and (better := find_changed_favourite(found, clause, facts)):
        return [better]
    stated = [fact for fact in (found, *_find_incidental_facts(text)) if fact]
    if found is None and len(text.split()) >= 3 and topics(text) and not re.match(r"(?i)you\b", text):
        stated.insert(0, make_fact("note", text, text))
    if previous and _IT.match(text):
        return [replace(fact, topics=fact.topics | previous.topics, about=previous.about) for fact in stated]
    return stated


_INCIDENTAL = rule_table("INCIDENTAL")
_OF_ANOTHER = pattern(r"(?:'s|\b(?:his|her|their)) (?:\w+ )?$")


def _find_incidental_facts(text: str) -> list[Fact]:
    """Return the incidental facts: people and pets with their names, numbers, addresses, a workplace."""
    found: list[Fact] = []
    for shape, kind, say, thing in _INCIDENTAL:
        for match in shape.finditer(text):
            if _OF_ANOTHER.search(text[: match.start()]) or (kind == "have" and found):
                continue
            groups = match.groupdict()
            if kind == "attribute":
                groups["what"] = groups.get("what", "").lower()
            what = thing.format(**groups) if thing else groups.get("what", "")
            found.append(make_fact(kind, say.format(**groups), match["value"], what))
    return found


# What a system prompt says about the user

_THE_USER = r"\b(?:the|this|our) (?:user|customer|client|person|human|caller|student|learner)\b"
_USERS_NAME = pattern("{USERS_NAME}")
_VERBS = {"is": "am", "has": "have", "was": "was", "does": "do"}


def _read_system_prompt(prompt: str, facts: FactTable) -> None:
    is_about_user = False
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", prompt):
        if match := _USERS_NAME.search(sentence):
            _read_text(f"My name is {match[1] or match[2]}", facts, -1, "")
        if re.search(rf"(?i){_THE_USER}", sentence):
            is_about_user = True
        elif not (is_about_user and re.match(r"(?:She|He|They|Her|His|Their)\b", sentence)):
            continue
        _read_text(_to_first_person(sentence), facts, -1, "")


def _to_first_person(sentence: str) -> str:
    sentence = re.sub(rf"(?i)(?:{_THE_USER}|\b(?:user|customer))'s\b", "my", sentence)
    sentence = re.sub(
        r"\band (?=(?:is|has|likes|loves|lives|works|wants|needs|owns)\b)", "and they ", sentence
    )
    sentence = re.sub(r"\b(?:His|Her|Their|his|her|their)\b", "my", sentence)
    return re.sub(rf"(?i)(?:{_THE_USER}|\b(?:she|he|they)\b)(?: (\w+))?", _conjugate, sentence)


def _conjugate(match: re.Match[str]) -> str:
    verb = (match[1] or "").lower()
    plain = _VERBS.get(verb, verb.removesuffix("s") if not verb.endswith("ss") else verb)
    return f"I {plain}".strip()
