"""The shapes of statements: which sentences state which kind of fact.

The first shape that fits a clause wins, so the order of `RULES` is the logic, from the narrow to the
wide. `say` rewords a statement that would sound odd repeated ("I moved to Paris" is remembered as "I
live in Paris").
"""

import re
from dataclasses import dataclass

from agent.offline.vocabulary import DEMONYMS

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

ATTRIBUTE_KINDS = {
    "age": "age", "birthday": "birthday", "date birthday": "birthday", "job": "job", "city": "home",
    "town": "home",
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
    r"doctor|twin|nephew|niece|grandson|granddaughter|grandma|grandpa|stepson|stepdaughter|son-in-law|"
    r"daughter-in-law|lawyer|landlord|coach|puppy|kitten"
)
RELATION = re.compile(
    rf"\b(?i:my) (?P<what>(?i:(?:older |younger |elder |little |big |best |new |old "
    rf")?(?:{_RELATION_WORDS}))),? (?P<value>(?:(?:Mrs|Mr|Ms|Dr|Prof)\b\.? )?[A-Z]\w+(?: [A-Z]\w+)?)"
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
    r"problem|issues?|trouble|broken?|broke|slow|dead|torn|scratched|disconnect\w*|declined|damaged|"
    r"defective|faulty|missing|late(?! (?:wife|husband|partner|mother|father|mum|mom|dad|brother|sister|son|"
    r"daughter|grand\w+|friend|uncle|aunt)\b)|died|passed away|stolen|delayed|wrong|stuck|"
    r"failed|fails|failing|"
    r"crash\w*|errors?|(?:does not|do not|did not|is not|are not|will not|won't|can't|cannot|can not|"
    r"could not|couldn't) "
    r"(?:\w+ )?(?:work\w*|start|load\w*|open|turn|charge|fit|arrive|connect\w*|respond\w*|print|log|"
    r"access|sign|see|find|reset|download|pay|install|play|sync)|"
    r"(?:has not|have not|never|not) (?:yet |been )?(?:arrived|come|received|delivered|shipped|working|"
    r"charging)|"
    r"stopped working|(?:still |is )?(?:not|nowhere) (?:here|to be found)|(?:was|were) supposed to|"
    r"cracked|leak\w*|overcharged|charged (?:\w+ )?(?:twice|double|too much)|double "
    r"charged|too (?:big|small|late|expensive|long)|frozen|freezes|keeps \w+ing"
)
RULES = (
    _rule("named", rf"(?:my|our) {_WHAT}(?:'s name is| is called| is named| are called| are named| name is| "
        rf"goes by) {_VALUE}"),
    _rule("named", rf"the name of (?:my|our) {_WHAT} is {_VALUE}"),
    _rule("named", rf"I {_SOON}(?:have|got|own) (?:got )?(?:an? |one )?{_WHAT},? (?:called|named|whose "
        rf"name is|by the name of) {_VALUE}"),
    _rule("attribute", rf"my (?P<what>favou?rite [\w' -]{{1,50}}?) (?:is|are|was|would be) (?:now |"
        rf"actually |definitely )*{_VALUE}",
          "my {what} is {value}"),
    _rule("attribute", r"(?P<value>[^,]+?) (?:is|are) my (?P<what>favou?rite [\w' -]{1,50})",
    "my {what} is {value}"),
    _rule("attribute", rf"I {_SOON}(?:changed|updated|switched|corrected) my {_WHAT} (?:from .+ )?to "
        rf"{_VALUE}", "my {what} is {value}"),
    _rule("attribute", rf"(?:my|our) {_WHAT} (?:has |was |is )?(?:changed|updated|switched)(?: from .+)? to "
        rf"{_VALUE}", "my {what} is {value}"),
    _rule("like", rf"I {_SOON}(?:really )?(?:like|love|enjoy|adore|prefer|am (?:very |really )?(?:fond "
        rf"of|into|keen on)|am a (?:big |huge )?fan of) {_VALUE}"),
    _rule("dislike", rf"I {_SOON}(?:really )?(?:dislike|hate|detest|loathe|can't stand|cannot stand) "
        rf"{_VALUE}"),
    _rule("problem", rf"(?:my |the )?(?:issue|problem|complaint)(?: is|:) {_VALUE}", "my problem is {value}"),
    _rule("problem", rf"(?P<value>(?!you\b).*\b(?:{_FAULTS})\b.*)"),
    _rule("home", rf"(?!I (?:\w+ )?am at\b)I {_SOON}(?:live|reside|have lived|lived(?= .* (?:since|"
    rf"for) )|been living|"
    rf"been based|been staying|am living|am based|am located|am staying|stay|live|am) "
        rf"{_SOON}(?P<place>in|at|near|outside) "
          r"(?P<value>(?!(?:a|an|my|your|need|trouble|charge|love|touch|doubt|pain|bed|work|home|"
          r"school)\b)[^\W\d].*)",
          "I live {place} {value}"),
    _rule("home", rf"I {_SOON}(?:moved|relocated|am moving|live) (?:from .+? )?(?:here )?(?:to|into|"
        rf"over to) {_VALUE}", "I live in {value}"),
    _rule("birthday", r"I was born (?:on|in) (?P<value>.*(?:\d|january|february|march|april|may|june|"
        r"july|august|september|october|november|december).*)"),
    _rule("birthday", rf"my (?:birthday|bday|date of birth|birth ?date|dob) is {_VALUE}"),
    _rule("origin", rf"I (?:am )?(?:come|coming) from {_VALUE}", "I come from {value}"),
    _rule("origin", rf"I {_SOON}(?:am|come|hail)(?: originally| actually)* from {_VALUE}"),
    _rule("origin", rf"I {_SOON}(?:grew up|was raised|was born(?: and raised)?) in {_VALUE}"),
    _rule("age", rf"I {_SOON}(?:am|turned|have turned)(?: now| already)? (?P<value>{_NUMBER})(?: "
        rf"?(?:years?(?: old| of age)?|yo|y/?o))?(?: now)?",
          "I am {value} years old"),
    _rule("age", rf"I have (?P<value>{_NUMBER}) years?(?: old)?", "I am {value} years old"),
    _rule("age", rf"my age is (?P<value>{_NUMBER})", "I am {value} years old"),
    _rule("job", rf"I {_SOON}(?:am )?(?:work|working|employed|worked|been working) as (?:an? |"
    rf"the )?{_VALUE}"),
    _rule("job", rf"I {_SOON}(?:am )?(?:work|working) like (?:an? )?{_VALUE}", "I work as {value}"),
    _rule("job", rf"my (?:current |new )?(?:job|profession|occupation|work) is (?:an? )?(?:to be |"
        rf"being )?{_VALUE}"),
    _rule("job", rf"I {_SOON}(?:am|became) {_SOON}(?:an? |the )(?P<value>(?:[\w-]+ "
        rf"){{0,2}}?[\w-]+?)(?: (?:at|in|for|by|from|of) .+)?"),
    _rule("nationality", rf"I {_SOON}am (?:half )?(?P<value>(?:{'|'.join(sorted(DEMONYMS))})\b.*)"),
    _rule("age of", rf"(?P<what>(?-i:[A-Z])\w+|my (?:[\w']+ )?(?:{_RELATION_WORDS})(?: (?-i:[A-Z])\w+)?) is "
        rf"(?P<value>{_NUMBER})(?: years? old)?"),
    _rule("age of", rf"(?P<what>[\w' ]+) is (?P<value>{_NUMBER}) years? old"),
    _rule("employer", rf"I {_SOON}(?:work|am working|am employed|been working|have worked) (?:at|for|"
    rf"with|by|in) {_VALUE}"),
    _rule("order", rf"I {_SOON}(?:ordered|bought|purchased|placed an order for) {_VALUE}"),
    _rule("have", rf"I {_SOON}(?:have|own|got) (?:got )?(?!to\b|not\b|been\b|a (?:question|request|"
        rf"doubt)\b|questions\b|no idea\b|\w+ed\b){_VALUE}"),
    _rule("want", rf"I {_SOON}(?:want|need|would like|am looking|wish|hope|am trying|plan|have|am "
        rf"going) (?:to |for ){_VALUE}"),
    _rule("want", rf"I {_SOON}(?:want|need|would like|require) {_VALUE}"),
    _rule("attribute", rf"(?:and |that )?(?:my|our) {_WHAT} (?:is|are|was|were|=|is:) (?:now |actually |"
        rf"currently |still |called )*{_VALUE}"),
    _rule("attribute", rf"(?:my|our) {_WHAT}(?:: ?| = ?|= ){_VALUE}", "my {what} is {value}"),
    _rule("attribute", rf"the {_WHAT} (?:is|are|=) (?:now |actually |currently )*{_VALUE}"),
    _rule("attribute", rf"(?P<what>(?-i:[A-Z])\w+'s [\w ]+?) (?:is|are) {_VALUE}"),
    _rule("am", rf"I {_SOON}am (?!\w+ing\b|still\b|not\b|sure\b|afraid\b|here\b|going\b){_VALUE}"),
    _rule("attribute", r"(?:my |the )?(?P<what>(?:[a-z]+ )?(?:number|code|id|e-?mail|address|phone|"
        r"password|pin|city|birthday|age|job|budget))(?::| =)? "
          r"(?P<value>[\w.@#+-]*\d[\w.@#+-]*|\S+@\S+)", "my {what} is {value}"),
)  # fmt: skip
