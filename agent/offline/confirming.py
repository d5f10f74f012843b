"""Answering yes or no: the question is read back as the statement it would confirm."""

import re

from agent.offline.conversation import Conversation
from agent.offline.covering import covering, whose
from agent.offline.facts import Answer, Fact, same_value
from agent.offline.naming import no_name
from agent.offline.shapes import SINGLE
from agent.offline.statements import bare_clause, stated
from agent.offline.text import sentence, stem, topics, words

ONLY_THIS = "I only know what you have told me in this conversation."

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
_FOOD = re.compile(
    r"\b(?:eat|have|like)\b.*\b(?:meat|beef|pork|chicken|steak|fish|ham|bacon|cheese|eggs?)\b", re.I
)
_DIET = re.compile(r"\b(?:vegan|vegetarian|veggie|pescatarian|halal|kosher)\b", re.I)
_LOST = re.compile(r"\b(?:died|passed away|lost|sold|gave (?:away|up)|given away|ran away|stolen)\b", re.I)


def check(asked: str, talk: Conversation, told: bool) -> Answer | None:
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
    if claim and claim.kind == "have" and (gone := _gone(claim, talk)):
        return gone
    if claim and not re.fullmatch(r"(?:any|some)?\s*(?:pets?|child\w*|kids?|animals?)", claim.value):
        return _compare(claim, talk)
    if claim is None and said == asked:
        return None
    facts = covering(re.sub(r"(?i)^I (?:am|have) ", lambda m: m[0] if "have" in m[0] else "I ", said), talk)
    if facts and (told or " any" in said or said.lower().startswith(("i ", "my "))):
        agrees = all(fact.negative for fact in facts) == bool(re.search(r"(?i)\bnot\b|n't\b", asked))
        because = " and ".join(fact.sentence for fact in facts)
        return Answer(sentence(f"{'yes' if agrees else 'no'}, {because}"), True)
    if diet := _diet(asked, talk):
        return diet
    return None if told else Answer(f"I don't know; you haven't told me. {ONLY_THIS}", False)


def _diet(asked: str, talk: Conversation) -> Answer | None:
    """What was said about a diet, for a question about eating meat or fish, which it only bears on."""
    if not _FOOD.search(asked):
        return None
    diet = next((fact for fact in talk.notebook.newest_first() if _DIET.search(fact.sentence)), None)
    if diet is None:
        return None
    return Answer(f"You haven't told me exactly that, but you did say that {diet.sentence}.", False)


def _gone(claim: Fact, talk: Conversation) -> Answer | None:
    """What became of a thing asked about, when it died or was lost, sold or given away."""
    wanted = topics(claim.value)
    facts = [
        fact
        for fact in talk.notebook.newest_first()
        if wanted and wanted <= fact.topics and whose(fact, wanted)
    ]
    if facts and _LOST.search(facts[0].sentence):
        return Answer(sentence(f"you told me that {facts[0].sentence}"), True)
    return None


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
