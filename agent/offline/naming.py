"""Answering what the user is called."""

import re

from agent.offline.conversation import ASK_NAME, Conversation
from agent.offline.facts import Answer
from agent.offline.text import sentence, topics
from agent.offline.vocabulary import PARTICLES

_MY_NAME = re.compile(
    r"\bmy (?:own |real |actual |given |user)?name\b(?! of)|^(?:your guess at "
    r")?my name$|^name$",
    re.IGNORECASE,
)
_NAME_OF_MINE = re.compile(r"\b(?:first|last|family|middle|full|whole|sur)-? ?name\b", re.IGNORECASE)
_WHO_AM_I = re.compile(
    r"who (?:am I|I am|I was|is this|is here|is talking|is speaking)(?: to you)?|me|who (?:are you|you "
    r"are) (?:talking|speaking|chatting) (?:to|with)|"
    r"who (?:is )?(?:your|the) (?:user|customer)(?: is)?|(?:who am I|whom are you) .*(?:talking|"
    r"speaking) (?:to|with).*",
    re.IGNORECASE,
)
_CALLED = re.compile(r"(?:what|how) (?:am I|I am) (?:called|named)|what (?:do|should|can|would|will) "
    r"(?:you|people|others) call me|how (?:should|do|will) you (?:call|address) me|"
    r"what did I (?:say|tell you) I (?:am|was) called", re.I)  # fmt: skip


def about_name(asked: str, talk: Conversation, yes: str) -> Answer | None:
    """The answer to a question about the user's name, or None; `yes` goes in front."""
    name = talk.name
    if re.fullmatch(
        r"(?:how (?:do you|to|is) )?spell(?:ed)? (?:out )?my name.*|how (?:do you|would "
        r"you|is) (?:spell )?my name(?: is)?(?: spelled| spelt| written)?",
        asked,
        re.I,
    ):
        return Answer(f"You spell it {'-'.join(name.replace(' ', '').upper())}.", True) if name else no_name()
    if (
        re.search(r"(?i)\bwho (?:am I|are you) (?:talking|speaking|chatting) (?:to|with)", asked)
        and "am I" in asked
    ):
        return None
    who = bool(_WHO_AM_I.fullmatch(asked))
    called = bool(_CALLED.fullmatch(asked))
    mine = bool(_MY_NAME.search(asked)) and not _NAME_OF_MINE.search(asked)
    if mine and re.match(
        r"(?i)(?:is|was|isn't) my|my name (?:is|was) \S|(?:is it )my name (?:is|was) "
        r"\S",
        asked,
    ):
        return None
    if part := _NAME_OF_MINE.search(asked):
        return _part_of_name(part[0].lower(), asked, talk)
    if "username" in asked.lower() and talk.notebook.find(("attribute", *topics("username"))):
        return None
    if not (who or called or mine):
        return None
    if not name:
        return no_name()
    subject = "your name is" if mine else "you're"
    return Answer(sentence(f"{yes}{subject} {name}", "!"), True)


def no_name() -> Answer:
    """That the name is not known, and a question for it."""
    return Answer(f"I don't know your name yet. {ASK_NAME}", False)


def _part_of_name(part: str, asked: str, talk: Conversation) -> Answer | None:
    parts = [
        each
        for each in (talk.notebook.value("full name") or talk.name or "").split()
        if not re.fullmatch(r"(?i)(?:dr|mrs?|ms|prof)\.?", each)
    ]
    if re.search(r"'s|\bof my\b", asked) or not re.search(r"(?i)\bmy\b", asked):
        return None
    if part.startswith(("full", "whole")):
        full = talk.notebook.value("full name") or talk.name
        return Answer(f"Your {part} is {full}!", True) if full and " " in full else None
    first = part.startswith("first")
    if first and parts:
        return Answer(f"Your first name is {parts[0]}!", True)
    if known := talk.notebook.find(("attribute", *sorted(topics(part)))):
        return Answer(sentence(known.sentence), True)
    if not first and len(parts) > 1 and not part.startswith("middle"):
        particle = next((place for place, each in enumerate(parts) if place and each in PARTICLES), -1)
        return Answer(f"Your {part} is {' '.join(parts[particle:])}!", True)
    return None
