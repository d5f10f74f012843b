"""Which facts cover a question: every topic asked about, the right kind of word, the right person."""

import re
from collections.abc import Callable

from agent.offline.conversation import Conversation
from agent.offline.facts import Fact
from agent.offline.shapes import SINGLE
from agent.offline.text import stem, topics

KIN = {
    "what is my home": ("origin",),
    "what is my origin": ("nationality", "home", "birthday"),
    "what is my age": ("birthday",),
    "what is my job": ("employer",),
    "what is my employer": ("job",),
}
"""Questions in plain form about a state, and the kinds of fact that come near to an answer."""
_QUESTION_WORD = re.compile(r"^(?:and )?(where|when|why|how many|how much)\b", re.IGNORECASE)
_EVIDENCE: dict[str, Callable[[Fact], bool]] = {
    "where": lambda fact: (
        fact.kind in {"home", "origin", "employer"}
        or bool(re.search(r"\b(?:in|at|from|near|to|on|under)\b", fact.sentence))
    ),
    "when": lambda fact: fact.kind == "birthday" or bool(re.search(r"(?i)\d|\b(?:on|yesterday|today|"
        r"tomorrow|last|next|ago|morning|"
        r"monday|tuesday|wednesday|thursday|"
        r"friday|saturday|sunday|week|month|"
        r"year|january|february|march|april|"
        r"june|july|august|september|"
        r"october|november|december)\b", fact.sentence)),
    "why": lambda fact: fact.kind in {"problem", "want"} or "because" in fact.sentence,
    "how many": lambda fact: bool(
        (fact.kind == "named" and " and " in fact.value)
        or re.search(r"(?i)\b(?:\d+|an?|one|two|three|four|five|six|seven|eight|"
        r"nine|ten|twelve|no|some|several|many)\b", fact.sentence)
    ),
    "how much": lambda fact: bool(re.search(r"\d", fact.sentence)),
}  # fmt: skip


def covering(asked: str, talk: Conversation) -> list[Fact]:
    """The facts that cover every topic of a question, best first, at most four."""
    wanted = wanted_by(asked)
    if not wanted:
        return []
    mine = bool(re.search(r"\b(?:I|me|my|mine)\b", asked, re.IGNORECASE))
    denied = bool(re.search(r"(?i)\bnot\b|n't\b", asked))
    found = [
        fact
        for fact in talk.notebook.facts
        if wanted <= fact.topics
        and not (fact.kind == "note" and asked in KIN)
        and (fact.negative if denied else not fact.denied)
        and _fits(fact, asked)
        and not (mine and of_another(fact))
        and whose(fact, wanted)
    ]
    found = [fact for fact in found if "favourit" not in fact.key or "favourit" in wanted]
    if not found:
        return []
    if asked.lower().startswith("how many"):
        found = [fact for fact in found if fact.kind != "named"] or found
    best = max(found, key=lambda fact: (fact.kind in wanted, *_closeness(fact, wanted), fact.turn))
    if best.kind in SINGLE:
        return [best]
    return [fact for fact in found if fact.kind == best.kind][-4:]


def wanted_by(asked: str) -> frozenset[str]:
    """The topics a fact must cover to answer a question."""
    wanted = topics(re.sub(r"(?i)^how (?:many|much|often|long)\b|\bhave got\b", "", asked))
    if not wanted and re.search(r"(?i)\bI (?:have|own|got)\b", asked):
        return frozenset({"have"})
    return wanted - {stem("have")} or wanted


def _closeness(fact: Fact, wanted: frozenset[str]) -> tuple[bool, int]:
    keyed = frozenset(fact.key[1:])
    return wanted <= keyed or (fact.kind in SINGLE and not keyed), -len(keyed - wanted) if keyed else 0


def whose(fact: Fact, wanted: frozenset[str]) -> bool:
    """Whether a fact about somebody else's age, wife or number is about somebody the question names."""
    if fact.kind == "age of":
        return bool(wanted - topics("age old"))
    if "number" in fact.key and fact.kind == "attribute" and not wanted & topics("number order reference"):
        return wanted <= topics(fact.value) or (wanted <= frozenset(fact.key) and "number" in wanted)
    owner, owned, _ = fact.about.partition("'s ")
    return not owned or bool((topics(owner) | topics(fact.value)) & wanted)


def _fits(fact: Fact, asked: str) -> bool:
    match = _QUESTION_WORD.match(asked)
    return not match or _EVIDENCE[match[1].lower()](fact)


def of_another(fact: Fact) -> bool:
    """Whether a fact is about somebody named: "Tom's address is …"."""
    return bool(re.match(r"(?!(?:your|the|you|it|I|he|she|they)\b)\w+'s ", fact.sentence))
