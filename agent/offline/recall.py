"""Answering from what was said.

A question is unwrapped ("do you remember …?"), brought to a plain form by the `PARAPHRASES` ("how old
am I" is "what is my age"), and compared with the facts by topic: a fact answers when it covers *every*
topic asked about, so a question about a cat is never answered with the dog. A yes/no question is read
back as the statement it would confirm and compared with the fact under the same key. What is not
known is said to be not known; there is no guess.
"""

import re
from collections.abc import Callable

from agent.offline.conversation import Conversation
from agent.offline.facts import Answer, Fact, same_value
from agent.offline.naming import about_name, no_name
from agent.offline.questions import plain, unwrap
from agent.offline.shapes import SINGLE
from agent.offline.statements import bare_clause, stated
from agent.offline.text import sentence, stem, topics, words

ONLY_THIS = "I only know what you have told me in this conversation."
OFFLINE = "I don't know. I'm an offline model, so I only know what you tell me in this conversation."


_IS_MY = re.compile(r"(?:is|was|are|were) ((?:my|the|our) .+)", re.I)
_CHECKS = (
    (re.compile(r"(?:is|was) (?:it true|it right|it correct)(?: that)? (.+)", re.I), r"\1"),
    (re.compile(r"(?:am|was) I (.+)", re.I), r"I am \1"),
    (_IS_MY, r"\1"),
    (re.compile(r"(?:do|did) I (.+)", re.I), r"I \1"),
    (re.compile(r"(?:have|had) I (?:got )?(.+)", re.I), r"I have \1"),
    (re.compile(r"(?:has|have) (my .+)", re.I), r"\1"),
    (re.compile(r"(?:do|does|did) (my .+)", re.I), r"\1"),
    (re.compile(r"((?:I|my) .+)", re.I), r"\1"),
)
_BE = re.compile(r"^((?:my|the|our) [\w' ]+?) (called |named |in |from |at )?([^ ]+(?: [A-Z0-9][^ ]*)*)$")
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
_KIN = {
    "what is my home": ("origin",),
    "what is my origin": ("nationality", "home"),
    "what is my age": ("birthday",),
    "what is my job": ("employer",),
    "what is my employer": ("job",),
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
    "how many": lambda fact: bool(re.search(r"(?i)\b(?:\d+|an?|one|two|three|four|five|six|seven|eight|"
        r"nine|ten|twelve|no|some|several|many)\b", fact.sentence)),
    "how much": lambda fact: bool(re.search(r"\d", fact.sentence)),
}  # fmt: skip


def recall(question: str, talk: Conversation) -> Answer | None:
    """The answer to a question about the user or what they said; None when it asks about neither."""
    asked, wants_yes = (unwrapped := unwrap(question)).text, unwrapped.wants_yes
    yes = "Yes, " if wants_yes else ""
    if answer := about_name(asked, talk, yes):
        return answer
    if answer := _check(asked, talk, wants_yes):
        return answer
    asked = plain(asked)
    facts = covering(asked, talk)
    if facts:
        said = sentence(". ".join(sentence(fact.sentence, "") for fact in facts))
        return Answer(yes + said[:1].lower() + said[1:] if yes else said, True)
    return _near(asked, talk) or _unknown(asked) if _ABOUT_ME.search(asked) else None


def covering(asked: str, talk: Conversation) -> list[Fact]:
    """The facts that cover every topic of a question, best first, at most four."""
    wanted = _wanted(asked)
    if not wanted:
        return []
    mine = bool(re.search(r"\b(?:I|me|my|mine)\b", asked, re.IGNORECASE))
    denied = bool(re.search(r"(?i)\bnot\b|n't\b", asked))
    found = [
        fact
        for fact in talk.notebook.facts
        if wanted <= fact.topics
        and (fact.negative if denied else not fact.denied)
        and _fits(fact, asked)
        and not (mine and _of_another(fact))
    ]
    found = [fact for fact in found if "favourit" not in fact.key or "favourit" in wanted]
    if not found:
        return []
    best = max(found, key=lambda fact: (fact.kind in wanted, *_closeness(fact, wanted), fact.turn))
    if best.kind in SINGLE:
        return [best]
    return [fact for fact in found if fact.kind == best.kind][-4:]


def _wanted(asked: str) -> frozenset[str]:
    wanted = topics(re.sub(r"(?i)^how (?:many|much|often|long)\b|\bhave got\b", "", asked))
    if not wanted and re.search(r"(?i)\bI (?:have|own|got)\b", asked):
        return frozenset({"have"})
    return wanted - {stem("have")} or wanted


def _closeness(fact: Fact, wanted: frozenset[str]) -> tuple[bool, int]:
    keyed = frozenset(fact.key[1:])
    return wanted <= keyed or (fact.kind in SINGLE and not keyed), -len(keyed - wanted) if keyed else 0


def _fits(fact: Fact, asked: str) -> bool:
    match = _QUESTION_WORD.match(asked)
    return not match or _EVIDENCE[match[1].lower()](fact)


def _of_another(fact: Fact) -> bool:
    return bool(re.match(r"(?!(?:your|the|you|it|I|he|she|they)\b)\w+'s ", fact.sentence))


def _check(asked: str, talk: Conversation, told: bool) -> Answer | None:
    """Answer a yes/no question by reading it back as a statement."""
    asked = asked.removeprefix("is it ")
    if asked.lower().startswith(("what", "who", "where", "which", "how", "why")):
        return None
    for shape, statement in _CHECKS:
        if match := shape.fullmatch(asked):
            return _confirm(asked, match.expand(statement), shape is _IS_MY, told, talk)
    return None


def _confirm(asked: str, said: str, is_my: bool, told: bool, talk: Conversation) -> Answer | None:
    """Whether what `said` states is so; `told` when only a yes would be an answer."""
    claim = stated(bare_clause(said)) or (stated(_BE.sub(_as_statement, said)) if is_my else None)
    if claim and not re.fullmatch(r"(?:any|some)?\s*(?:pets?|child\w*|kids?|animals?)", claim.value):
        return _compare(claim, talk)
    if claim is None and said == asked:
        return None
    facts = covering(re.sub(r"(?i)^I (?:am|have) ", lambda m: m[0] if "have" in m[0] else "I ", said), talk)
    if facts and (told or " any" in said or said.lower().startswith(("i ", "my "))):
        agrees = all(fact.negative for fact in facts) == bool(re.search(r"(?i)\bnot\b|n't\b", asked))
        because = " and ".join(fact.sentence for fact in facts)
        return Answer(sentence(f"{'yes' if agrees else 'no'}, {because}"), True)
    return None if told else Answer(f"I don't know; you haven't told me. {ONLY_THIS}", False)


def _as_statement(match: re.Match[str]) -> str:
    return f"{match[1]} is {match[2] or ''}{match[3]}"


def _compare(claim: Fact, talk: Conversation) -> Answer:
    known = talk.notebook.find(claim.key) or (_by_words(claim, talk) if claim.kind not in SINGLE else None)
    if known is None:
        facts = [fact for fact in talk.notebook.facts if topics(claim.sentence) <= fact.topics]
        known = facts[-1] if facts else None
    if known is None:
        return no_name() if claim.kind == "name" else Answer(f"You haven't told me that. {ONLY_THIS}", False)
    agrees = (
        known.kind not in SINGLE or known.kind != claim.kind or _agree(claim.value, known.value)
    ) and known.denied == claim.denied
    return Answer(sentence(f"{'yes' if agrees else 'no'}, {known.sentence}"), True)


def _by_words(claim: Fact, talk: Conversation) -> Fact | None:
    wanted = frozenset(stem(word) for word in words(claim.value)) & topics(claim.value) | (
        frozenset({stem(claim.kind)}) - {stem("have"), "am"}
    )
    return next((fact for fact in talk.notebook.newest_first() if wanted and wanted <= fact.topics), None)


def _agree(claimed: str, known: str) -> bool:
    return same_value(claimed, known) or set(words(claimed)) <= set(words(known))


def _near(asked: str, talk: Conversation) -> Answer | None:
    """What was said about the same thing, when it does not quite answer the question."""
    kin = {
        kind: fact for kind in _KIN.get(asked, ()) for fact in talk.notebook.holding() if fact.kind == kind
    }
    wanted = _wanted(asked) - _TOO_COMMON
    earlier = [fact for fact in talk.notebook.holding() if fact.turn < len(talk.said) - 1]
    near = list(kin.values()) or [fact for fact in earlier if wanted & topics(fact.sentence)]
    near = [fact for fact in near if not _of_another(fact)]
    if not near:
        return None
    best = max(near, key=lambda fact: (len(wanted & fact.topics), fact.turn))
    return Answer(f"You haven't told me exactly that, but you did say that {best.sentence}.", False)


def _unknown(asked: str) -> Answer:
    if match := _MY_THING.match(asked):
        thing = _SPELLED_OUT.get(match[1].lower()) or re.sub(r"(?i)^my ", "your ", match[1])
        return Answer(f"I don't know {thing}. You haven't told me yet.", False)
    return Answer(f"I don't know that; you haven't told me yet. {ONLY_THIS}", False)
