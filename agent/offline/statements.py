"""What a clause states: a table of shapes, from the narrow to the wide.

Each `Rule` is a shape of English sentence with the kind of fact it states. The first that fits wins, so
the order of the table is the logic. `say` rewords a statement that would sound odd repeated ("I moved to
Paris" is remembered as "I live in Paris"). What fits no shape is kept whole as a note, which can
still be found by its words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent.offline.facts import Fact, Notebook
from agent.offline.names import introduced_name
from agent.offline.text import broader, stem, to_second_person, topics, without_opener, words
from agent.offline.vocabulary import DEMONYMS, NOT_OCCUPATIONS, OCCUPATIONS

ALIASES = {
    "name": "name",
    "nationality": "nationality origin from country come",
    "age of": "age old",
    "home": "live home city town country place reside base locate stay village where area region",
    "origin": "from origin originally hometown country born grow nationality come where",
    "age": "age old",
    "birthday": "birthday date year",
    "job": "job work role position",
    "employer": "company work job employer where",
    "named": "name",
    "have": "have",
    "order": "order item product thing",
    "problem": "problem",
    "want": "want help",
    "like": "like",
    "dislike": "dislike",
}
"""Words a question may use for a kind of fact without the statement having used them."""

SINGLE = frozenset(
    {
        "name",
        "home",
        "origin",
        "age",
        "birthday",
        "job",
        "employer",
        "named",
        "attribute",
        "nationality",
        "age of",
    }
)
"""Kinds of which there is one at a time; of the others there are many."""

_ATTRIBUTE_KINDS = {
    "age": "age", "birthday": "birthday", "date birthday": "birthday", "job": "job", "city": "home", "town": "home",
    "home town": "origin", "hometown": "origin", "company": "employer", "current job": "job",
}  # fmt: skip
_NUMBER = (
    r"(?:\d{1,3}|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[- ]?(?:one|two|three|"
    r"four|five|six|"
    r"seven|eight|nine))?|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen)"
)
_SOON = (
    r"(?:now |currently |still |actually |just |recently |also |have |only |really |even |usually |"
    r"mostly |always |already )*"
)
_WHAT = r"(?P<what>[\w' -]{1,60}?)"
_VALUE = r"(?P<value>.+)"
_RELATION_WORDS = (
    r"wife|husband|partner|boyfriend|girlfriend|fiancée?|son|daughter|"
    r"brother|sister|mother|mum|mom|father|dad|boss|manager|colleague|friend|neighbour|neighbor|dog|cat|"
    r"uncle|aunt|cousin|teacher|grandmother|grandfather|rabbit|hamster|horse|parrot|flatmate|roommate|"
    r"doctor|twin|nephew|niece"
)
_RELATION = re.compile(
    rf"\b(?i:my) (?P<what>(?i:(?:older |younger |elder |little |big |best |new |old "
    rf")?(?:{_RELATION_WORDS}))),? (?P<value>[A-Z]\w+)"
)


@dataclass(frozen=True)
class Rule:
    """A shape of statement and the kind of fact it states."""

    kind: str
    shape: re.Pattern[str]
    say: str | None = None


def _rule(kind: str, shape: str, say: str | None = None) -> Rule:
    return Rule(kind, re.compile(shape, re.IGNORECASE), say)


_FAULTS = (
    r"problem|issues?|trouble|broken?|broke|damaged|defective|faulty|missing|late|delayed|wrong|stuck|"
    r"failed|fails|failing|"
    r"crash\w*|errors?|(?:does not|do not|did not|is not|are not|will not|won't|can't|cannot|can not|"
    r"could not|couldn't) "
    r"(?:\w+ )?(?:work\w*|start|load\w*|open|turn|charge|fit|arrive|connect\w*|respond\w*|print|log|"
    r"access|sign|see|find|reset|download|pay|install|play|sync)|"
    r"(?:has not|have not|never|not) (?:yet |been )?(?:arrived|come|received|delivered|shipped|working|"
    r"charging)|"
    r"stopped working|cracked|leak\w*|overcharged|charged (?:\w+ )?(?:twice|double|too much)|double "
    r"charged|too (?:big|small|late|expensive|long)|frozen|freezes|keeps \w+ing"
)
RULES = (
    _rule("named", rf"my {_WHAT}(?:'s name is| is called| is named| are called| are named| name is| "
        rf"goes by) {_VALUE}"),
    _rule("named", rf"the name of my {_WHAT} is {_VALUE}"),
    _rule("named", rf"I {_SOON}(?:have|got|own) (?:got )?(?:an? |one )?{_WHAT},? (?:called|named|whose "
        rf"name is|by the name of) {_VALUE}"),
    _rule("attribute", rf"my (?P<what>favou?rite [\w' -]{{1,50}}?) (?:is|are|was|would be) (?:now |"
        rf"actually |definitely )*{_VALUE}",
          "my {what} is {value}"),
    _rule("attribute", r"(?P<value>[^,]+?) (?:is|are) my (?P<what>favou?rite [\w' -]{1,50})", "my {what} is {value}"),
    _rule("attribute", rf"I {_SOON}(?:changed|updated|switched|corrected) my {_WHAT} (?:from .+ )?to "
        rf"{_VALUE}", "my {what} is {value}"),
    _rule("attribute", rf"my {_WHAT} (?:has |was |is )?(?:changed|updated|switched)(?: from .+)? to "
        rf"{_VALUE}", "my {what} is {value}"),
    _rule("problem", rf"(?:my |the )?(?:issue|problem|complaint)(?: is|:) {_VALUE}", "my problem is {value}"),
    _rule("problem", rf"(?P<value>(?!you\b).*\b(?:{_FAULTS})\b.*)"),
    _rule("home", rf"I {_SOON}(?:live|reside|am living|am based|am located|am staying|stay|live|am) "
        rf"{_SOON}(?P<place>in|at|near|outside) "
          r"(?P<value>(?!(?:a|an|my|your|need|trouble|charge|love|touch|doubt|pain|bed|work|home|"
          r"school)\b)[^\W\d].*)",
          "I live {place} {value}"),
    _rule("home", rf"I {_SOON}(?:moved|relocated|am moving|live) (?:from .+? )?(?:here )?(?:to|into|"
        rf"over to) {_VALUE}", "I live in {value}"),
    _rule("birthday", r"I was born (?:on|in) (?P<value>.*(?:\d|january|february|march|april|may|june|"
        r"july|august|september|october|november|december).*)"),
    _rule("birthday", rf"my (?:birthday|bday|date of birth|birth ?date|dob) is {_VALUE}"),
    _rule("origin", rf"I {_SOON}(?:am|come|hail)(?: originally| actually)* from {_VALUE}"),
    _rule("origin", rf"I {_SOON}(?:grew up|was raised|was born(?: and raised)?) in {_VALUE}"),
    _rule("age", rf"I {_SOON}(?:am|turned|have turned)(?: now| already)? (?P<value>{_NUMBER})(?: "
        rf"?(?:years?(?: old| of age)?|yo|y/?o))?(?: now)?",
          "I am {value} years old"),
    _rule("age", rf"my age is (?P<value>{_NUMBER})", "I am {value} years old"),
    _rule("job", rf"I {_SOON}(?:work|am working|am employed|worked) as (?:an? |the )?{_VALUE}"),
    _rule("job", rf"my (?:current |new )?(?:job|profession|occupation|work) is (?:an? )?(?:to be |"
        rf"being )?{_VALUE}"),
    _rule("job", rf"I {_SOON}(?:am|became) {_SOON}(?:an? |the )(?P<value>(?:[\w-]+ "
        rf"){{0,2}}?[\w-]+?)(?: (?:at|in|for|by|from|of) .+)?"),
    _rule("nationality", rf"I {_SOON}am (?:half )?(?P<value>(?:{'|'.join(sorted(DEMONYMS))})\b.*)"),
    _rule("age of", rf"(?P<what>(?-i:[A-Z])\w+|my (?:[\w']+ )?(?:{_RELATION_WORDS})) is "
        rf"(?P<value>{_NUMBER})(?: years? old)?"),
    _rule("age of", rf"(?P<what>[\w' ]+) is (?P<value>{_NUMBER}) years? old"),
    _rule("employer", rf"I {_SOON}(?:work|am working|am employed) (?:at|for|with|by|in) {_VALUE}"),
    _rule("order", rf"I {_SOON}(?:ordered|bought|purchased|placed an order for) {_VALUE}"),
    _rule("like", rf"I {_SOON}(?:really )?(?:like|love|enjoy|adore|prefer|am (?:very |really )?(?:fond "
        rf"of|into|keen on)|am a (?:big |huge )?fan of) {_VALUE}"),
    _rule("dislike", rf"I {_SOON}(?:really )?(?:dislike|hate|detest|loathe|can't stand|cannot stand) "
        rf"{_VALUE}"),
    _rule("have", rf"I {_SOON}(?:have|own|got) (?:got )?(?!to\b|not\b|been\b|a (?:question|request|"
        rf"doubt)\b|questions\b|no idea\b|\w+ed\b){_VALUE}"),
    _rule("want", rf"I {_SOON}(?:want|need|would like|am looking|wish|hope|am trying|plan|have|am "
        rf"going) (?:to |for ){_VALUE}"),
    _rule("want", rf"I {_SOON}(?:want|need|would like|require) {_VALUE}"),
    _rule("attribute", rf"(?:and |that )?my {_WHAT} (?:is|are|was|were|=|is:) (?:now |actually |"
        rf"currently |still |called )*{_VALUE}"),
    _rule("attribute", rf"my {_WHAT}(?:: ?| = ?|= ){_VALUE}", "my {what} is {value}"),
    _rule("attribute", rf"(?:the|our) {_WHAT} (?:is|are|=) (?:now |actually |currently )*{_VALUE}"),
    _rule("attribute", rf"(?P<what>(?-i:[A-Z])\w+'s [\w ]+?) (?:is|are) {_VALUE}"),
    _rule("am", rf"I {_SOON}am (?!\w+ing\b|still\b|not\b|sure\b|afraid\b|here\b|going\b){_VALUE}"),
    _rule("attribute", r"(?:my |the )?(?P<what>(?:[a-z]+ )?(?:number|code|id|e-?mail|address|phone|"
        r"password|pin|city|birthday|age|job|budget))(?::| =)? "
          r"(?P<value>[\w.@#+-]*\d[\w.@#+-]*|\S+@\S+)", "my {what} is {value}"),
)  # fmt: skip
_WRAPPERS = re.compile(
    r"(?:(?:can|could|will|would) you (?:please )?(?:remember|note|keep in mind|write down)|(?:please "
    r")?(?:remember|note|memori[sz]e|"
    r"write down|save|don't forget|keep in mind)|did you know|you should know|I (?:just )?(?:said|told "
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
    facts = [
        fact
        for fact in (stated(text, clause), *_relations(text), *identifiers(text), *_addresses(text))
        if fact
    ]
    if not facts and _worth_a_note(text):
        facts = [_fact("note", text, text)]
    if previous and _IT.match(text):
        return [replace(fact, topics=fact.topics | previous.topics, about=previous.about) for fact in facts]
    return facts


def stated(text: str, whole: str = "") -> Fact | None:
    """The fact a clause states by its shape, or None; `whole` is the clause with its opener, if it had one."""
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
        _ATTRIBUTE_KINDS.get(" ".join(sorted(topics(what))), rule.kind)
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
    for match in _RELATION.finditer(text):
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
