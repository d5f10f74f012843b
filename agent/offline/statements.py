"""What a clause states.

A clause is stripped of openers ("well, actually, please remember that"), compared with the `RULES` of
`agent.offline.shapes`, and searched for what is named in passing: an order number, a brother's name, an
email address. A negated clause is read as its opposite and marked as denied. What fits no shape is
kept whole as a note, which can still be found by its words.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from agent.offline.facts import Fact, Notebook
from agent.offline.names import introduced_name
from agent.offline.shapes import ALIASES, ATTRIBUTE_KINDS, RELATION, RULES, SINGLE, Rule
from agent.offline.text import broader, stem, to_second_person, topics, without_opener, words
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
_IDENTIFIER = re.compile(
    r"\b(?P<noun>order|invoice|ticket|case|booking|reservation|account|customer|flight|tracking|"
    r"contract|subscription|policy)"
    r"(?: (?:number|id|reference|code))?(?: is)?[ :]*#?\s?(?P<value>(?=[\w-]*\d)[A-Z]{0,4}[\w-]*\d[\w-]*)",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PRONOUN = re.compile(r"(?:his|her|its|their)\b", re.IGNORECASE)
_IT = re.compile(r"(?:it|he|she|they|his|her|its|their|that|this|one)\b", re.IGNORECASE)
_PERSONAL = frozenset({"pet", "family", "partner"})
_CAPITAL = re.compile(r"(?<=[a-z,] )(?!I\b)[A-Z]\w+")
_MEANT = re.compile(
    r"(?:(?:it is|I meant|I mean|make that|should be|it should be|rather)(?: actually| "
    r"now)* )(.+)",
    re.IGNORECASE,
)
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
    if fact := _correction(text, clause, previous):
        return [fact]
    said = stated(text, clause)
    passing = (*_relations(text), *identifiers(text), *_addresses(text))
    facts = [fact for fact in (said, *passing) if fact]
    if said is None and _worth_a_note(text):
        facts.insert(0, _fact("note", text, text))
    if previous and _IT.match(text):
        return [replace(fact, topics=fact.topics | previous.topics, about=previous.about) for fact in facts]
    return facts


def stated(text: str, whole: str = "") -> Fact | None:
    """The fact a clause states by its shape, or None; `whole` is the clause with its opener, if any."""
    if name := introduced_name(text) or introduced_name(whole):
        return _fact("name", f"my name is {name}", name)
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
    what, value = groups.get("what", ""), _without_tail(groups["value"])
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
    return _fact(kind, said, value, what)


def _is_occupation(value: str) -> bool:
    last = value.lower().split()[-1]
    return last in OCCUPATIONS or (last not in NOT_OCCUPATIONS and bool(_OCCUPATION.match(last)))


def _without_tail(value: str) -> str:
    return re.sub(
        r",? (?:not [^,]+|now|any ?more|actually|by the way|btw|though|please|these days|at "
        r"the moment|right now|thanks)$",
        "",
        value,
    )


def _fact(kind: str, said: str, value: str, what: str = "") -> Fact:
    key: tuple[str, ...] = (kind,)
    if kind in {"named", "attribute", "age of"}:
        key = (kind, *sorted(topics(what)))
    elif kind not in SINGLE:
        key = (kind, *(stem(word) for word in words(value) if word not in {"a", "an", "the", "my", "any"}))
    named = topics(said) | broader(said) | frozenset(stem(alias) for alias in ALIASES.get(kind, "").split())
    if _PERSONAL & named and _CAPITAL.search(said):
        named |= {stem("name")}
    return Fact(kind, key, value, to_second_person(said), named, about=_noun(kind, value, what))


def _noun(kind: str, value: str, what: str) -> str:
    if what:
        return what
    if kind not in {"have", "order", "want"}:
        return ""
    head = re.split(r"\b(?:and|with|who|that|which|from|for|of|last|yesterday|in|on|at)\b|,", value)[
        0
    ].split()
    return head[-1] if head else ""


def _correction(text: str, clause: str, previous: Fact | None) -> Fact | None:
    """ "No, it's 4712" after "my order number is 4711" corrects the number."""
    match = _MEANT.fullmatch(text) or _MEANT.search(clause)
    if not match or not previous or previous.kind not in SINGLE or previous.value not in previous.sentence:
        return None
    value = _without_tail(match[1])
    if previous.denied:
        return (
            stated(f"my {previous.about or 'name'} is {value}")
            if previous.about or previous.kind == "name"
            else None
        )
    unlike = previous.value[:1].isdigit() != value[:1].isdigit() or len(value.split()) > 4
    if unlike or (text == clause and not clause.lower().startswith("i mea")):
        return None
    return replace(previous, value=value, sentence=previous.sentence.replace(previous.value, value))


def _relations(text: str) -> Iterator[Fact]:
    for match in RELATION.finditer(text):
        yield _fact("named", f"my {match['what']}'s name is {match['value']}", match["value"], match["what"])


def identifiers(text: str) -> Iterator[Fact]:
    """The numbers a text names in passing: "my order 1234" states an order number."""
    for match in _IDENTIFIER.finditer(text):
        what = f"{match['noun'].lower()} number"
        yield _fact("attribute", f"my {what} is {match['value']}", match["value"], what)


def _addresses(text: str) -> Iterator[Fact]:
    if re.search(r"(?i)\b(?:I|me|my)\b", text) and (match := _EMAIL.search(text)):
        yield _fact("attribute", f"my email is {match[0]}", match[0], "email")


def _worth_a_note(text: str) -> bool:
    return len(text.split()) >= 3 and bool(topics(text)) and not re.match(r"(?i)you\b", text)
