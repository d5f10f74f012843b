"""What a clause states.

A clause is stripped of openers ("well, actually, please remember that"), compared with the `RULES` of
`agent.offline.shapes`, and searched for what is named in passing: an order number, a brother's name, an
email address. A negated clause is read as its opposite and marked as denied. What fits no shape is
kept whole as a note, which can still be found by its words.
"""

import re
from dataclasses import replace
from functools import lru_cache

from agent.offline.amending import correction, preferred
from agent.offline.facts import Fact, Notebook
from agent.offline.names import introduced_name
from agent.offline.noting import note
from agent.offline.passing import in_passing
from agent.offline.shapes import ATTRIBUTE_KINDS, RULES, Rule
from agent.offline.tails import state_of, timeless, without_tail
from agent.offline.text import READ_LATELY, to_second_person, topics, without_opener
from agent.offline.vocabulary import NOT_OCCUPATIONS, OCCUPATIONS

_WRAPPERS = re.compile(
    r"(?:(?:can|could|will|would) you (?:please )?(?:remember|note|keep in mind|write down)|(?:please "
    r")?(?:remember|note|memori[sz]e|"
    r"write down|save|don't forget|do not forget|keep in mind)|did you know|you should know|I (?:just "
    r")?(?:said|told "
    r"you|think|believe|guess|mean|meant|"
    r"mentioned|forgot to say|should (?:add|mention|say)|wanted to (?:say|tell you)|want you to "
    r"(?:know|remember))|let me tell you|"
    r"the thing is|just so you know|let us say|it is true) (?:that |this: )?(?=\w+ )",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"\b(am|is|are|was|were|have|has)? ?\b(?:do not|don't|does not|did not|no longer|not|"
    r"never)\b",
    re.IGNORECASE,
)
_ANY_MORE = re.compile(r"\s+(?:any ?more|any longer|at all)\b", re.IGNORECASE)
_SHE = re.compile(r"(?:he|she)(?= \w)", re.IGNORECASE)
_PRONOUN = re.compile(r"(?:his|her|its|their)\b", re.IGNORECASE)
_IT = re.compile(r"(?:it|he|she|they|his|her|its|their|that|this|one)\b", re.IGNORECASE)
_WE = re.compile(r"^We(?= (?:live|moved|come|have|own|bought|ordered)\b)", re.IGNORECASE)
_EMPHASIS = re.compile(r"\b(is|are) (?:actually|definitely|really|in fact|now actually)(?= )", re.IGNORECASE)
_OCCUPATION = re.compile(r"\w{2,}(?:er|or|ist|eer|wright|smith)$")


def bare_clause(text: str) -> str:
    """The clause without "well, actually, please remember that"."""
    text = without_opener(text)
    return _WRAPPERS.sub("", text) if _WRAPPERS.match(text) else text


def read(clause: str, notebook: Notebook, previous: Fact | None = None) -> list[Fact]:
    """The facts a clause states; `previous` is what "it" and "his" may point to."""
    text = bare_clause(clause)
    if previous and previous.about and _PRONOUN.match(text):
        text = _PRONOUN.sub(f"my {previous.about}'s", text, count=1)
    elif previous and previous.kind == "named" and _SHE.match(text):
        text = _SHE.sub(f"my {previous.about}", text, count=1)
    said = stated(text, clause)
    meant = correction(text, clause, previous)
    if fact := stated(meant) if isinstance(meant, str) else meant:
        return [fact]
    if said and said.kind == "like" and (better := preferred(said, clause, notebook)):
        return [better]
    facts = [fact for fact in (said, *in_passing(text)) if fact]
    if said is None and _worth_a_note(text):
        facts.insert(0, note("note", text, text))
    if previous and _IT.match(text):
        return [replace(fact, topics=fact.topics | previous.topics, about=previous.about) for fact in facts]
    return facts


@lru_cache(maxsize=READ_LATELY)
def stated(text: str, whole: str = "") -> Fact | None:
    """The fact a clause states by its shape, or None; `whole` is the clause with its opener, if any."""
    if name := introduced_name(text) or introduced_name(whole):
        return note("name", f"my name is {name}", name)
    text = _WE.sub("I", _EMPHASIS.sub(r"\1", text))
    for rule in RULES:
        if (match := rule.shape.fullmatch(text)) and (fact := _from_rule(rule, match, text)):
            return fact
    return _denied(text)


def _denied(text: str) -> Fact | None:
    if not _NOT.search(text):
        return None
    positive = _ANY_MORE.sub("", _NOT.sub(lambda match: match[1] or "", text, count=1))
    fact = stated(" ".join(positive.split()))
    return fact and replace(fact, denied=not fact.denied, sentence=to_second_person(text))


def _from_rule(rule: Rule, match: re.Match[str], text: str) -> Fact | None:
    groups = {name: (value or "").strip(" ,:") for name, value in match.groupdict().items()}
    if (timed := timeless(rule.kind, text)) != text and (fact := stated(timed)):
        return fact
    if (short := state_of(rule.kind, groups["value"], groups.get("what", ""))) != groups["value"]:
        shorter = text.removesuffix(groups["value"]) + short
        if text.endswith(groups["value"]) and shorter != text:
            return stated(shorter)
        groups["value"] = short
    what, value = groups.get("what", ""), without_tail(groups["value"])
    if not value or (rule.kind != "problem" and re.match(r"not\b", value)):
        return None
    if (
        rule.kind == "job"
        and "became" not in text
        and " am " in f" {text[:12]} "
        and not _is_occupation(value)
    ):
        return None
    said = rule.say.format(**{**groups, "value": value}) if rule.say else text
    kind = (
        ATTRIBUTE_KINDS.get(" ".join(sorted(topics(what))), rule.kind)
        if rule.kind == "attribute"
        else rule.kind
    )
    return note(kind, said, value, what)


def _is_occupation(value: str) -> bool:
    last = value.lower().split()[-1]
    return last in OCCUPATIONS or (last not in NOT_OCCUPATIONS and bool(_OCCUPATION.match(last)))


def _worth_a_note(text: str) -> bool:
    return len(text.split()) >= 3 and bool(topics(text)) and not re.match(r"(?i)you\b", text)
