"""Answering from what was said.

A question is unwrapped ("do you remember …?"), brought to a plain form by the `PARAPHRASES` ("how old
am I" is "what is my age"), and compared with the facts by topic: a fact answers when it covers *every*
topic asked about, so a question about a cat is never answered with the dog. A yes/no question is read
back as the statement it would confirm and compared with the fact under the same key. What is not
known is said to be not known; there is no guess.
"""

import re

from agent.offline.confirming import ONLY_THIS, check
from agent.offline.conversation import Conversation
from agent.offline.covering import KIN, covering, of_another, wanted_by
from agent.offline.facts import Answer
from agent.offline.naming import about_name
from agent.offline.questions import plain, unwrap
from agent.offline.text import sentence, stem, topics

OFFLINE = "I don't know. I'm an offline model, so I only know what you tell me in this conversation."
_ABOUT_ME = re.compile(r"\b(?:I|me|my|mine|myself|our|we)\b", re.IGNORECASE)
_MY_THING = re.compile(
    r"^(?:(?:what|which|who|when|where) (?:is|was|are|were) )?(my (?!problem)[\w' "
    r"-]{2,40})$",
    re.IGNORECASE,
)
_SPELLED_OUT = {
    "my home": "where you live",
    "my origin": "where you're from",
    "my age": "how old you are",
    "my job": "what you do for a living",
    "my employer": "where you work",
    "my birthday": "when your birthday is",
}
_TOO_COMMON = frozenset(
    stem(word)
    for word in [
        "name",
        "number",
        "favourite",
        "have",
        "like",
        "want",
        "day",
        "good",
        "first",
        "last",
        "people",
    ]
)


def recall(question: str, talk: Conversation) -> Answer | None:
    """The answer to a question about the user or what they said; None when it asks about neither."""
    asked, wants_yes = (unwrapped := unwrap(question)).text, unwrapped.wants_yes
    yes = "Yes, " if wants_yes else ""
    asked = _named_owner(asked, talk)
    if answer := about_name(asked, talk, yes):
        return answer
    if answer := check(asked, talk, wants_yes):
        return answer
    asked = plain(asked)
    facts = covering(asked, talk)
    if facts:
        said = sentence(". ".join(sentence(fact.sentence, "") for fact in facts))
        return Answer(yes + said[:1].lower() + said[1:] if yes else said, True)
    return _near(asked, talk) or _unknown(asked) if _ABOUT_ME.search(asked) else None


def _named_owner(asked: str, talk: Conversation) -> str:
    """The question with "his" and "her" replaced by the person spoken of last."""
    person = next((fact.about for fact in talk.notebook.newest_first() if fact.kind == "named"), None)
    return re.sub(r"(?i)\b(?:his|her)(?= \w)", f"my {person}'s", asked) if person else asked


def _near(asked: str, talk: Conversation) -> Answer | None:
    """What was said about the same thing, when it does not quite answer the question."""
    kin = {kind: fact for kind in KIN.get(asked, ()) for fact in talk.notebook.holding() if fact.kind == kind}
    wanted = wanted_by(asked) - _TOO_COMMON
    earlier = [fact for fact in talk.notebook.holding() if fact.turn < len(talk.said) - 1]
    near = list(kin.values()) or [fact for fact in earlier if wanted & topics(fact.sentence)]
    near = [fact for fact in near if not of_another(fact) and not (fact.kind == "note" and asked in KIN)]
    if not near:
        return None
    best = max(near, key=lambda fact: (len(wanted & fact.topics), fact.turn))
    return Answer(f"You haven't told me exactly that, but you did say that {best.sentence}.", False)


def _unknown(asked: str) -> Answer:
    if match := _MY_THING.match(asked):
        thing = _SPELLED_OUT.get(match[1].lower()) or re.sub(r"(?i)^my ", "your ", match[1])
        return Answer(f"I don't know {thing}. You haven't told me yet.", False)
    return Answer(f"I don't know that; you haven't told me yet. {ONLY_THIS}", False)
