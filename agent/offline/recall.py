"""Answering from what was said.

A question is unwrapped ("do you remember …?"), brought to a plain form by the `PARAPHRASES` ("how old
am I" is "what is my age"), and compared with the facts by topic: a fact answers when it covers *every*
topic asked about, so a question about a cat is never answered with the dog. A yes/no question is read
back as the statement it would confirm and compared with the fact under the same key. What is not
known is said to be not known; there is no guess.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from agent.offline.conversation import ASK_NAME, Conversation
from agent.offline.facts import Fact, same_value
from agent.offline.statements import SINGLE, bare_clause, stated
from agent.offline.text import sentence, stem, topics, words

ONLY_THIS = "I only know what you have told me in this conversation."
OFFLINE = "I don't know. I'm an offline model, so I only know what you tell me in this conversation."


@dataclass(frozen=True)
class Answer:
    """An answer in words, and whether the conversation really held it."""

    text: str
    known: bool


_WRAPPER = re.compile(
    r"(?:(?:and|but|so|ok|okay|well|now|then|hey|hi|hello|sorry|please|also|actually|alright|great|"
    r"thanks|thank you|um|hmm|quick question|again)[ ,:]+)*"
    r"(?:(?P<yes>(?:do|can|could|would|will) you (?:please |still |even |really |happen to |perhaps |maybe )*"
    r"(?:know|remember|recall|recogni[sz]e|say|guess|have)|have I (?:already )?(?:told you|mentioned|"
    r"said)|did I (?:already |ever |just )?(?:tell you|mention|say|give you)|"
    r"(?:any|got any|have you any|do you have any) idea|did you (?:note|save|remember|catch|get|"
    r"forget)|have you (?:forgotten|noted|got)|you (?:still )?(?:know|remember))(?: about)?(?: to you| "
    r"already| if| whether| that)* "
    r"|(?P<tell>(?:(?:can|could|would|will) you (?:please |kindly |maybe )?|please |I (?:want|would "
    r"like|need) you to )?(?:tell|remind|show|give) (?:me|us)(?: again| please)?(?: about| of| if| "
    r"whether| that)? "
    r"|I (?:forgot|have forgotten|don't remember|can't remember|wonder|want to know|would like to "
    r"know),? (?:if |whether |that )?"
    r"|(?:repeat|recall|guess|say|state) (?:again )?(?=(?:what|where|who|my|how)\b)))",
    re.IGNORECASE,
)  # fmt: skip
_TRAILER = re.compile(
    r"(?:,? (?:again|please|now|by the way|btw|then|right now|these days|exactly|at the moment|at all|"
    r"today|currently|do you (?:know|remember)|"
    r"can you (?:remember|tell me)|if you (?:remember|know)|already|anyway|though|right|correct|yes|no|"
    r"isn't it|is it not|is not it|am I not|don't I|do I not|do not I|or not|mate|dude|bro))+$",
    re.IGNORECASE,
)  # fmt: skip
PARAPHRASES = tuple(
    (re.compile(shape, re.IGNORECASE), plain)
    for shape, plain in (
        (r"how old (?:am I|I am)", "what is my age"),
        (r"what (?:do|did) I do(?: for (?:a living|work|money))?|what I do(?: for (?:a living|work))?|"
         r"how do I (?:earn|make) (?:my )?.+", "what is my job"),
        (r"what (?:is|was) my (?:line of work|work|profession|role|position|job title)|what (?:kind|"
         r"sort) of (?:work|job) .+|what am I (?:working as|by profession)|what do I work as", "what is my job"),
        (r"where (?:do I work|am I (?:working|employed)|I work)|who (?:do I work for|employs me|is my "
         r"employer)|(?:which|what) company .*work.*", "what is my employer"),
        (r"where (?:am I|do I come|I am|I come|are my roots)(?: originally)? from|what is my "
         r"(?:nationality|country of origin|home ?town)|where (?:did I grow up|was I born)", "what is my origin"),
        (r"where (?:do I (?:live|stay|reside|dwell)|am I(?: (?:living|based|located|staying|at))?|is "
         r"my (?:home|house|place)|I live|I am|did I (?:move|relocate)(?: to)?)", "what is my home"),
        (r"(?:in )?(?:which|what) (city|town|country|place|village|area|region)\b(?:.*\b(?:live|in|"
         r"based|home|from|moved?|reside|to)\b.*|)", r"what is my home"),
        (r"(?:which|what) (.+?) do I (?:like|love|prefer|enjoy) (?:the )?(?:best|most)|(?:which|what) "
         r"(.+?) do I prefer", r"what is my favourite \1\2"),
        (r"when (?:was I born|were you born me|is my b-?day|do I (?:celebrate|turn) .+|I was born)", "what is my birthday"),
        (r"(?:what (?:is|was)|tell) (?:my |the )?(?:problem|issue|matter|wrong|trouble|complaint)(?: "
         r"with me| I had)?"
         r"|why (?:did I|am I|I) (?:contact|write|call|come|here|reach|message|text|get in touch|"
         r"contacting|writing|calling)\b.*"
         r"|what (?:do|did) I need help with|what (?:did|do) I complain about|what (?:am I|was I) "
         r"(?:having )?(?:problems?|trouble) with", "what was the problem"),
        (r"what (?:is |are )?(.+?) (?:is |are )?called", r"what is the name of \1"),
        (r"what (?:is|was) (?:broken|not working|wrong|the matter|up)|what does not work|what doesn't "
         r"work|what (?:happened|went wrong)(?: to me)?", "what was the problem"),
        (r"how old (?:is|are) (.+)", r"what is the age of \1"),
        (r"what (?:(?:have|did) I (?:tell|told|say|said|mention) (?:to )?(?:you )?|do you (?:know|"
         r"remember) )(?:about|on|regarding) (.+)", r"what is \1"),
        (r"what am I looking for|what did I want|what do I want", "what want"),
    )
)  # fmt: skip
_MY_NAME = re.compile(
    r"\bmy (?:own |full |real |actual |given |user)?name\b(?! of)|^(?:your guess at "
    r")?my name$|^name$",
    re.IGNORECASE,
)
_NAME_OF_MINE = re.compile(r"\b(?:first|last|family|middle|sur)-? ?name\b", re.IGNORECASE)
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
_CHECKS = (
    (re.compile(r"(?:is|was) (?:it true|it right|it correct)(?: that)? (.+)", re.I), r"\1"),
    (re.compile(r"(?:am|was) I (.+)", re.I), r"I am \1"),
    (re.compile(r"(?:is|was|are|were) ((?:my|the|our) .+)", re.I), r"\1"),
    (re.compile(r"(?:do|did) I (.+)", re.I), r"I \1"),
    (re.compile(r"(?:have|had) I (?:got )?(.+)", re.I), r"I have \1"),
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
    stem(word) for word in ["name", "number", "favourite", "have", "like", "want", "day", "good", "first", "last", "people"]
)
_QUESTION_WORD = re.compile(r"^(?:and )?(where|when|why|how many|how much)\b", re.IGNORECASE)
_EVIDENCE: dict[str, Callable[[Fact], bool]] = {
    "where": lambda fact: fact.kind in {"home", "origin", "employer"} or bool(re.search(r"\b(?:in|at|from|near|to|on|under)\b", fact.sentence)),
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
    bare = _TRAILER.sub("", question.strip())
    wrapper = _WRAPPER.match(bare)
    asked = _TRAILER.sub("", bare[wrapper.end() :] if wrapper and wrapper.end() < len(bare) else bare)
    yes = "Yes, " if wrapper and wrapper["yes"] else ""
    asked = re.sub(r"(?i)\bdid I (?:say|tell you|mention)(?: that)? (?=(?:my|I)\b)", "is it ", asked)
    if answer := _about_name(asked, talk, yes):
        return answer
    if answer := _check(asked, talk, bool(yes)):
        return answer
    for shape, plain in PARAPHRASES:
        if match := shape.fullmatch(asked):
            asked = match.expand(plain)
            break
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


def _about_name(asked: str, talk: Conversation, yes: str) -> Answer | None:
    name = talk.name
    if re.fullmatch(
        r"(?:how (?:do you|to|is) )?spell(?:ed)? (?:out )?my name.*|how (?:do you|would "
        r"you|is) (?:spell )?my name(?: is)?(?: spelled| spelt| written)?",
        asked,
        re.I,
    ):
        return (
            Answer(f"You spell it {'-'.join(name.replace(' ', '').upper())}.", True) if name else _no_name()
        )
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
    if not (who or called or mine):
        return None
    if not name:
        return _no_name()
    subject = "your name is" if mine else "you're"
    return Answer(sentence(f"{yes}{subject} {name}", "!"), True)


def _no_name() -> Answer:
    return Answer(f"I don't know your name yet. {ASK_NAME}", False)


def _part_of_name(part: str, asked: str, talk: Conversation) -> Answer | None:
    parts = [
        each for each in (talk.name or "").split() if not re.fullmatch(r"(?i)(?:dr|mrs?|ms|prof)\.?", each)
    ]
    if re.search(r"'s|\bof my\b", asked) or not re.search(r"(?i)\bmy\b", asked):
        return None
    first = part.startswith("first")
    if first and parts:
        return Answer(f"Your first name is {parts[0]}!", True)
    if known := talk.notebook.find(("attribute", *sorted(topics(part)))):
        return Answer(sentence(known.sentence), True)
    if not first and len(parts) > 1 and not part.startswith("middle"):
        return Answer(f"Your {part} is {' '.join(parts[1:])}!", True)
    return None


def _check(asked: str, talk: Conversation, told: bool) -> Answer | None:
    """Answer a yes/no question by reading it back as a statement."""
    asked = asked.removeprefix("is it ")
    if asked.lower().startswith(("what", "who", "where", "which", "how", "why")):
        return None
    for shape, statement in _CHECKS:
        if not (match := shape.fullmatch(asked)):
            continue
        said = match.expand(statement)
        claim = stated(bare_clause(said)) or (
            stated(_BE.sub(_as_statement, said)) if _BE.match(said) else None
        )
        if claim and not re.fullmatch(r"(?:any|some)?\s*(?:pets?|child\w*|kids?|animals?)", claim.value):
            return _compare(claim, talk)
        facts = covering(
            re.sub(r"(?i)^I (?:am|have) ", lambda m: "I have " if "have" in m[0] else "I ", said), talk
        )
        if facts and (told or " any" in said or statement == r"I \1" or statement == r"I have \1"):
            agrees = all(fact.negative for fact in facts) == bool(re.search(r"(?i)\bnot\b|n't\b", asked))
            return Answer(
                sentence(("yes, " if agrees else "no, ") + " and ".join(fact.sentence for fact in facts)),
                True,
            )
        return None if told else Answer(f"I don't know; you haven't told me. {ONLY_THIS}", False)
    return None


def _as_statement(match: re.Match[str]) -> str:
    return f"{match[1]} is {match[2] or ''}{match[3]}"


def _compare(claim: Fact, talk: Conversation) -> Answer:
    known = talk.notebook.find(claim.key) or (_by_words(claim, talk) if claim.kind not in SINGLE else None)
    if known is None:
        facts = [fact for fact in talk.notebook.facts if topics(claim.sentence) <= fact.topics]
        known = facts[-1] if facts else None
    if known is None:
        return _no_name() if claim.kind == "name" else Answer(f"You haven't told me that. {ONLY_THIS}", False)
    agrees = (
        known.kind not in SINGLE or known.kind != claim.kind or _agree(claim.value, known.value)
    ) and known.denied == claim.denied
    return Answer(sentence(f"{'yes' if agrees else 'no'}, {known.sentence}"), True)


def _by_words(claim: Fact, talk: Conversation) -> Fact | None:
    wanted = frozenset(stem(word) for word in words(claim.value)) & topics(claim.value) | (
        frozenset({stem(claim.kind)}) - {stem("have"), "am"}
    )
    return next((fact for fact in reversed(talk.notebook.facts) if wanted and wanted <= fact.topics), None)


def _agree(claimed: str, known: str) -> bool:
    return same_value(claimed, known) or set(words(claimed)) <= set(words(known))


def _near(asked: str, talk: Conversation) -> Answer | None:
    """What was said about the same thing, when it does not quite answer the question."""
    kin = {
        kind: fact for kind in _KIN.get(asked, ()) for fact in talk.notebook.holding() if fact.kind == kind
    }
    wanted = _wanted(asked) - _TOO_COMMON
    near = list(kin.values()) or [fact for fact in talk.notebook.holding() if wanted & topics(fact.sentence)]
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
