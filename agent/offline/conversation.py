"""The conversation as the model sees it: the messages, read once into a notebook.

Only what the *user* said becomes a fact, plus what a system prompt states about "the user" or "the
customer" (a summary of earlier talk, say). The assistant's own words are never evidence.
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

from agent.offline.facts import Fact, Notebook
from agent.offline.names import bare_name
from agent.offline.passing import identifiers
from agent.offline.smalltalk import small_talk
from agent.offline.statements import bare_clause, read, stated
from agent.offline.text import Clause, clauses, topics, without_opener

ASK_NAME = "What should I call you?"
_DENIES_NAME = re.compile(
    r"(?:I am|my name is|do not call me|don't call me|not) (?:not )?(.+)", re.IGNORECASE
)
_APPOSITION = re.compile(
    r"an? .+|\d{1,3}(?: years old)?|from .+|(?:calling|writing|working|living|"
    r"looking|waiting) .+",
    re.IGNORECASE,
)
_TELLS = re.compile(
    r"(?:please |can you |could you |will you |would you )+(?:remember|note|keep in mind|"
    r"write down) that (?:I|my) ",
    re.I,
)
_NICKNAME = re.compile(
    r"\b(?:calls?|called|nickname|go by|goes by|known as|for short|"
    r"friends)\b",
    re.IGNORECASE,
)
_NOT_TOLD = re.compile(r"I don't know your (.+)\. You haven't told me yet\.")
_FORGET = re.compile(
    r"(?:please )?(?:forget|delete|erase) (?:about )?(?:what I (?:said|told you) "
    r"about |that )?(.+)",
    re.IGNORECASE,
)
_THE_USER = re.compile(
    r"\b(?:the|this|our) (?:user|customer|client|person|human|caller|student|"
    r"learner)\b",
    re.IGNORECASE,
)
_TALKING_TO = re.compile(
    r"you are (?:talking|speaking|chatting) (?:to|with) ((?-i:[A-Z][\w'-]+)(?: "
    r"(?-i:[A-Z][\w'-]+))*)",
    re.IGNORECASE,
)
_FIELD = re.compile(r"(?:user|customer|client)(?: name)?: ?((?-i:[A-Z])[\w' -]+)", re.IGNORECASE)
_VERBS = {"is": "am", "has": "have", "was": "was", "does": "do"}


@dataclass(frozen=True)
class Conversation:
    """Everything a reply may be made from."""

    messages: Sequence[BaseMessage]
    said: list[str] = field(default_factory=list)
    """The user's texts, oldest first, the one to answer last."""
    notebook: Notebook = field(default_factory=Notebook)
    before: Notebook = field(default_factory=Notebook)
    """The notebook as it was before the last message."""
    pictures: bool = False
    """Whether the last message holds something that is not text."""

    @property
    def name(self) -> str | None:
        """The user's name, when given."""
        return self.notebook.value("name")

    @property
    def last(self) -> str:
        """The text to answer."""
        return self.said[-1] if self.said else ""

    @property
    def fresh(self) -> list[Fact]:
        """The facts stated by the last message."""
        return [fact for fact in self.notebook.facts if fact.turn == len(self.said) - 1]


def is_human(message: BaseMessage) -> bool:
    """Whether the user wrote this message."""
    return isinstance(message, HumanMessage) or (
        isinstance(message, ChatMessage) and message.role in {"user", "human"}
    )


def spoken(message: BaseMessage) -> str:
    """The text of a message, whether its content is a string or blocks."""
    return str(message.text).strip()


def listen(messages: Sequence[BaseMessage]) -> Conversation:
    """Read the messages, oldest first."""
    notebook, before, said, pictures = Notebook(), Notebook(), list[str](), False
    answered = ""
    newest = next((message for message in reversed(messages) if is_human(message)), None)
    for message in messages:
        if isinstance(message, SystemMessage):
            _brief(spoken(message), notebook)
        elif is_human(message):
            before = Notebook(notebook.facts) if message is newest else before
            said.append(spoken(message))
            pictures = isinstance(message.content, list) and any(
                _not_text(block) for block in message.content
            )
            _take_in(said[-1], notebook, len(said) - 1, answered)
        elif not isinstance(message, ToolMessage):
            answered = spoken(message)
    return Conversation(messages, said, notebook, before, pictures)


def last_answer(messages: Sequence[BaseMessage]) -> str:
    """What the assistant said last in words, or an empty text."""
    return next((spoken(m) for m in reversed(messages) if isinstance(m, AIMessage) and spoken(m)), "")


def _not_text(block: object) -> bool:
    return isinstance(block, dict) and block.get("type") not in {"text", None}


def _take_in(text: str, notebook: Notebook, turn: int, answered: str) -> None:
    parts = list(clauses(text))
    if (
        answered.endswith(ASK_NAME)
        and len(parts) <= 2
        and not any(part.asks for part in parts)
        and (name := bare_name(bare_clause(parts[-1].text if parts else "")))
    ):
        parts = [Clause(f"my name is {name}", False)]
    elif (asked := _NOT_TOLD.fullmatch(answered)) and len(parts) == 1 and (value := _bare_value(parts[0])):
        parts = [Clause(f"my {asked[1]} is {value}", False)]
    previous = next((fact for fact in notebook.newest_first() if fact.turn >= turn - 1), None)
    for clause in parts:
        if clause.asks and not _tells(clause.text):
            for fact in identifiers(clause.text):
                if notebook.find(fact.key) is None and not re.match(
                    r"(?i)(?:is|was|did|do|are)\b", clause.text
                ):
                    notebook.add(replace(fact, turn=turn))
            continue
        if small_talk(bare_clause(clause.text), None):
            continue
        if match := _FORGET.fullmatch(clause.text):
            wanted = topics(match[1]) | ({"name"} if "name" in match[1] else set())
            notebook.forget([fact for fact in notebook.facts if wanted and wanted <= fact.topics])
            continue
        for fact in _facts(clause.text, notebook, previous):
            _keep_full_name(fact, clause.text, notebook)
            previous = replace(fact, turn=turn)
            notebook.add(previous)


def _keep_full_name(new: Fact, text: str, notebook: Notebook) -> None:
    """ "Call me Lex" gives a nickname: the full name told before still holds as such."""
    known = notebook.find(("name",))
    if new.kind == "name" and known and " " in known.value and _NICKNAME.search(text):
        notebook.add(replace(known, kind="full name", key=("full name",), topics=frozenset()))


def _bare_value(clause: Clause) -> str:
    """What a short clause gives as an answer: "It's autumn" gives "autumn"; empty when it states a fact."""
    bare = bare_clause(clause.text)
    if (
        re.search(r"(?i)\b(?:please|name|and)\b", bare)
        or clause.asks
        or len(bare.split()) > 5
        or stated(bare)
        or small_talk(bare, None)
    ):
        return ""
    return re.sub(r"(?i)^(?:it|that|they) (?:is|are) ", "", bare)


def _tells(question: str) -> bool:
    """Whether a question is really a statement: "Can you call me Liz?", "Did you know that I have a dog?"."""
    bare = bare_clause(question)
    wrapped = bare != without_opener(question) and (
        stated(bare) is not None or _TELLS.match(question) is not None
    )
    return wrapped or (
        re.match(r"(?i)(?:can|could|will|would) you (?:please )?call me", question) is not None
    )


def _facts(text: str, notebook: Notebook, previous: Fact | None) -> list[Fact]:
    name = notebook.find(("name",))
    if (match := _DENIES_NAME.fullmatch(bare_clause(text))) and name:
        words_left = re.sub(r"^not\s+", "", match[1])
        if words_left.casefold() == name.value.casefold() and "not" in text:
            return [replace(name, denied=True, sentence=f"your name is not {name.value}")]
    found = read(text, notebook, previous)
    if found and found[0].kind == "name" and (rest := text.partition(", ")[2]):
        for part in rest.split(", "):
            if _APPOSITION.fullmatch(part):
                found += read(f"I am {part}", notebook, found[0])
    return found


def _brief(prompt: str, notebook: Notebook) -> None:
    """Take in what a system prompt says about the user."""
    about_user = False
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", prompt):
        if match := _TALKING_TO.search(sentence) or _FIELD.search(sentence):
            _take_in(f"My name is {match[1]}", notebook, -1, "")
        if _THE_USER.search(sentence):
            about_user = True
        elif not (about_user and re.match(r"(?:She|He|They|Her|His|Their)\b", sentence)):
            continue
        _take_in(_first_person(sentence), notebook, -1, "")


def _first_person(sentence: str) -> str:
    sentence = re.sub(rf"(?i)(?:{_THE_USER.pattern}|\b(?:user|customer))'s\b", "my", sentence)
    sentence = re.sub(r"\b(?:His|Her|Their|his|her|their)\b", "my", sentence)
    return re.sub(rf"(?i)(?:{_THE_USER.pattern}|\b(?:she|he|they)\b)(?: (\w+))?", _with_verb, sentence)


def _with_verb(match: re.Match[str]) -> str:
    verb = (match[1] or "").lower()
    plain = _VERBS.get(verb, verb.removesuffix("s") if not verb.endswith("ss") else verb)
    return f"I {plain}".strip()
