"""Bringing a question to a plain form.

People wrap questions ("do you happen to remember …?", "… again, please") and ask the same thing in many
ways. `unwrap` takes the wrapping off and says whether a yes was asked for; `plain` replaces the ways
by one, so that "how old am I" and "what's my age" are the same question.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.offline.text import without_opener

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
    r"(?:,? (?:once (?:again|more)|for me|again|please|now|by the way|btw|then|right now|these days|"
    r"exactly|at the moment|at all|"
    r"today|currently|do you (?:know|remember)|"
    r"can you (?:remember|tell me)|if you (?:remember|know)|already|anyway|though|right|correct|yes|no|"
    r"if you (?:can |still )?(?:recall|can)|please tell me|may I ask|"
    r"(?:my )?(?:dear|bot|assistant|sir|madam|pal|buddy|friend|robot|computer|love|man|honey|sweetie)|"
    r"isn't it|is it not|is not it|am I not|don't I|do I not|do not I|or not|mate|dude|bro))+$",
    re.IGNORECASE,
)  # fmt: skip
_AND = re.compile(r",? and |, ", re.IGNORECASE)
_THING = r"[\w-]+(?: (?!(?:and|called|do|did|is|are|have|like|in|on|at|to|named|again)\b)[\w-]+){0,2}"
_SEVERAL = re.compile(
    rf"(?P<asks>(?:[\w',]+ ){{0,6}}?)my (?P<things>{_THING}(?:, (?:my )?{_THING})*,? and (?:my )?{_THING})",
    re.IGNORECASE,
)
_ADJECTIVES = frozenset(
    ("first", "last", "middle", "family", "home", "work", "mobile", "billing", "delivery", "shipping")
)
PARAPHRASES = tuple(
    (re.compile(shape, re.IGNORECASE), plain)
    for shape, plain in (
        (r"how old (?:am I|I am)", "what is my age"),
        (r"what (?:do|did) I do(?: for (?:a living|work|money))?|what I do(?: for (?:a living|work))?|"
         r"how do I (?:earn|make) (?:my )?.+", "what is my job"),
        (r"what (?:is|was) my (?:line of work|work|profession|role|position|job title)|what (?:kind|"
         r"sort) of (?:work|job) .+|what am I (?:working as|by profession)|what do I work as",
         "what is my job"),
        (r"(?:from )?where (?:from )?(?:I am|am I)(?: come)? from|from where (?:I am|am I|do I come|"
         r"I come)(?: from)?",
         "what is my origin"),
        (r"(?:how much|what) did I pay for (.+)", r"how much did I buy \1"),
        (r"where (?:do I work|am I (?:working|employed)|I work)|who (?:do I work for|employs me|is my "
         r"employer)|(?:which|what) company .*work.*", "what is my employer"),
        (r"where (?:am I|do I come|I am|I come|are my roots)(?: originally)? from|what is my "
         r"(?:nationality|country of origin|home ?town)|where (?:did I grow up|was I born)",
         "what is my origin"),
        (r"where(?:abouts)? (?:do I (?:live|stay|reside|dwell)|am I(?: (?:living|based|located|staying|"
         r"at))?|is "
         r"my (?:home|house|place)|I live|I am|did I (?:move|relocate)(?: to)?)", "what is my home"),
        (r"(?:in )?(?:which|what) (city|town|country|place|village|area|region)\b(?:.*\b(?:live|in|"
         r"based|home|from|moved?|reside|to)\b.*|)", r"what is my home"),
        (r"(?:which|what) (.+?) do I (?:like|love|prefer|enjoy) (?:the )?(?:best|most)|(?:which|what) "
         r"(.+?) do I prefer", r"what is my favourite \1\2"),
        (r"when (?:was I born|were you born me|is my b-?day|do I (?:celebrate|turn) .+|I was born)",
         "what is my birthday"),
        (r"(?:what (?:is|was)|tell) (?:my |the )?(?:problem|issue|matter|wrong|trouble|complaint)(?: "
         r"with me| I had)?"
         r"|why (?:did I|am I|I) (?:contact|write|call|come|here|reach|message|text|get in touch|"
         r"contacting|writing|calling)\b.*"
         r"|what am I (?:complaining|calling|writing|upset|angry) about"
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


@dataclass(frozen=True)
class Question:
    """A question without its wrapping."""

    text: str
    wants_yes: bool
    """True for "Do you know …?", which is answered with a yes first."""


def trimmed(question: str) -> str:
    """The question without "and …", "so …" before it and "… then, bot" after it."""
    bare = without_opener(question.strip())
    return _TRAILER.sub("", bare) or bare


def parts(question: str) -> Iterator[str]:
    """The questions in "what's my name and age?", one by one; a single one as it is."""
    match = _SEVERAL.fullmatch(question)
    if match is None:
        yield question
        return
    things = [
        re.sub(r"(?i)^(?:what is |what are )?(?:my )?", "", each) for each in _AND.split(match["things"])
    ]
    head = things[-1].split()[-1]
    for thing in things:
        shared = thing.lower() in _ADJECTIVES and thing != things[-1]
        yield f"{match['asks']}my {thing}{' ' + head if shared else ''}"


def unwrap(question: str) -> Question:
    """The question inside "can you tell me … again, please?"."""
    bare = trimmed(question)
    wrapper = _WRAPPER.match(bare)
    inner = bare[wrapper.end() :] if wrapper and wrapper.end() < len(bare) else bare
    inner = re.sub(
        r"(?i)\bdid I (?:say|tell you|mention)(?: that)? (?=(?:my|I)\b)", "is it ", _TRAILER.sub("", inner)
    )
    return Question(inner, bool(wrapper and wrapper["yes"]))


def plain(asked: str) -> str:
    """The one way in which this model asks what may be asked in many."""
    for shape, form in PARAPHRASES:
        if match := shape.fullmatch(asked):
            return match.expand(form)
    return asked
