"""What a clause states: a fact, the speaker's name, or nothing but small talk.

A clause is stripped of openers ("well, actually, please remember that") and compared with the `_RULES`; the
first that fits wins, so their order is the logic, from the narrow to the wide. A negated clause is read as
its opposite and marked as denied.
"""

import re
from dataclasses import replace
from functools import lru_cache

from threads.chat_models.offline.facts import Fact, make_fact, strip_tail
from threads.chat_models.offline.text import (
    CACHE_SIZE,
    pattern,
    pattern_table,
    strip_opener,
    to_second_person,
    topics,
    word_map,
    word_set,
)

Rule = tuple[re.Pattern[str], str, str, str]
"""A pattern of a statement, the kind of fact it states, how it is repeated, and what it is about."""


def rule_table(name: str) -> tuple[Rule, ...]:
    """Return a table with results "kind | statement | thing"; the last two are optional."""
    rows = [(shape, [*result.split(" | "), "", ""]) for shape, result in pattern_table(name)]
    return tuple((shape, result[0], result[1], result[2]) for shape, result in rows)


_RULES = rule_table("STATEMENTS")
_ATTRIBUTE_KINDS = word_map("attribute_kinds")
_NOT_NAMES, _PARTICLES, _DEMONYMS = word_set("NOT_NAMES"), word_set("PARTICLES"), word_set("DEMONYMS")
_OCCUPATIONS, _NOT_OCCUPATIONS = word_set("OCCUPATIONS"), word_set("NOT_OCCUPATIONS")
_NAMES_LIKE_WORDS = word_set("NAMES_LIKE_WORDS")
_WRAPPER = pattern("{REMEMBER}")
_NOT = pattern(r"\b(am|is|are|was|were|have|has)? ?\b(?:do not|don't|does not|did not|no longer|not|never)\b")
_ANY_MORE = pattern(r"\s+(?:any ?more|any longer|at all)\b")
_WE = pattern(r"^We(?= (?:live|moved|come|have|own|bought|ordered)\b)")
_EMPHASIS = pattern(r"\b(is|are) (?:actually|definitely|really|in fact|now actually)(?= )")
_OCCUPATION_ENDING = pattern(r"\w{2,}(?:er|or|ist|eer|wright|smith)$")

_SMALL_TALK = pattern_table("SMALL_TALK")
ABILITIES = (
    "I can chat, remember what you tell me in this conversation and answer questions about it. "
    "I'm an offline model, so that is all I know."
)

_STATES = frozenset(
    ["home", "employer", "job", "origin", "nationality", "age", "like", "dislike", "name", "am"]
)
"""Kinds of which since when and for how long they hold is no part of the value; a flight keeps its time."""
_TIME_TAIL = pattern("(?:,? (?:{FILLER}|{TIME}))+$")
_STATE_TAIL = pattern("(?:,? (?:{FILLER}|{TIME}|{REASON}))+$")
_HOME_TAIL = pattern("{HOME_TAIL}")


def bare_clause(text: str) -> str:
    """Return the clause without "well, actually, please remember that"."""
    text = strip_opener(text)
    return _WRAPPER.sub("", text) if _WRAPPER.match(text) else text


def find_small_talk(clause: str, name: str | None = None, abilities: str = ABILITIES) -> str | None:
    """Return the answer to a clause of small talk ("thanks", "how are you"), or None."""
    for shape, answer in _SMALL_TALK:
        if shape.fullmatch(clause):
            return answer.format(name=f", {name}" if name else "", abilities=abilities)
    return None


@lru_cache(maxsize=CACHE_SIZE)
def find_stated_fact(text: str, whole: str = "") -> Fact | None:
    """Return the fact that a clause states, or None; `whole` is the clause with its opener, if any."""
    if name := find_introduced_name(text) or find_introduced_name(whole):
        return make_fact("name", f"my name is {name}", name)
    text = _WE.sub("I", _EMPHASIS.sub(r"\1", text))
    for shape, kind, say, _ in _RULES:
        if (match := shape.fullmatch(text)) and (fact := _from_rule(kind, say, match, text)):
            return fact
    return _find_denied_fact(text)


def _find_denied_fact(text: str) -> Fact | None:
    if not _NOT.search(text):
        return None
    positive = _ANY_MORE.sub("", _NOT.sub(lambda match: match[1] or "", text, count=1))
    fact = find_stated_fact(" ".join(positive.split()))
    return fact and replace(fact, denied=not fact.denied, sentence=to_second_person(text))


def _from_rule(kind: str, say: str, match: re.Match[str], text: str) -> Fact | None:
    groups = {name: (value or "").strip(" ,:") for name, value in match.groupdict().items()}
    what, value = groups.get("what", ""), groups["value"]
    if (
        kind in _STATES
        and not say
        and (timeless := _TIME_TAIL.sub("", text)) != text
        and (fact := find_stated_fact(timeless))
    ):
        return fact
    if kind in _STATES or (kind == "attribute" and what.lower().startswith("favo")):
        short = (_HOME_TAIL if kind == "home" else _STATE_TAIL).sub("", value)
        if short != value and text.endswith(value):
            return find_stated_fact(text.removesuffix(value) + short)
        value = short
    value = strip_tail(value)
    if not value or (kind != "problem" and re.match(r"not\b", value)):
        return None
    if kind == "job" and "became" not in text and " am " in f" {text[:12]} " and not _is_occupation(value):
        return None
    if kind == "attribute":
        kind = _ATTRIBUTE_KINDS.get(" ".join(sorted(topics(what))), kind)
    return make_fact(kind, say.format(**{**groups, "value": value}) if say else text, value, what)


def _is_occupation(value: str) -> bool:
    last = value.lower().split()[-1]
    return last in _OCCUPATIONS or (last not in _NOT_OCCUPATIONS and bool(_OCCUPATION_ENDING.match(last)))


_NAME_GIVEN = pattern("{NAME_GIVEN}")
_NAME_ON_ARRIVAL = pattern("{NAME_ON_ARRIVAL}")
_NAME_HERE = pattern(r"(?:(?:it|this) is )?(.+?) (?:here|speaking|on the line)(?: again)?(?:, [^,]+)?")
_I_AM = pattern(r"(?:I am|it is me,?|me is)(?: actually| really| in fact| just| still)* (.+)|我是(.+)")
_THIS_IS = pattern(r"(?:this|it) is (.+)")
_TITLE = pattern(r"(?:dr|mr|mrs|ms|miss|prof|professor|doctor|sir|lady|madam)\.?$")
_NAME_TAIL = pattern("{NAME_TAIL}")
_NAME_TWICE = re.compile(r"(\w+), (\w+ \1)")  # "Bond, James Bond"
_NAME_TOKEN = re.compile(r"[^\W\d_](?:[^\W_]|['.\-])*")
_DESCRIPTION = re.compile(
    r"\w{3,}ing$|\w{3,}ed$|\w{3,}ly$|\w+(?:ful|less|ous|able|ible|ish|ive|ied)$"  # tired, friendly, hopeful
)


def find_introduced_name(clause: str) -> str | None:
    """Return the name a clause introduces its speaker by, tidied; None when it does not.

    "I'm Alice" and "I'm tired" have the same form, so a bare "I am X" counts only when X can be a name:
    written like one, or at least not a word that describes people. "My name is X" is believed almost whatever
    X is.
    """
    if match := _NAME_GIVEN.fullmatch(clause):
        return _clean_name(_first_group(match))
    if (match := _NAME_ON_ARRIVAL.fullmatch(clause)) and _can_be_name(match[1]):
        return _clean_name(match[1])
    if (
        (match := _NAME_HERE.fullmatch(clause))
        and (name := _clean_name(match[1]))
        and _looks_like_name(match[1])
    ):
        return name
    match = _I_AM.fullmatch(clause)
    if match is None:
        match = _THIS_IS.fullmatch(clause)
        if match is None or not _looks_like_name(match[1]) or re.search(r"\d", match[1]):
            return None
    given = _first_group(match)
    return _clean_name(given) if _can_be_name(_strip_name_tail(given)) else None


def find_bare_name(text: str) -> str | None:
    """Return the name when a text is nothing but one: the answer to "What should I call you?"."""
    text = text.strip(" .!,")
    return _clean_name(text) if 0 < len(text.split()) <= 3 and _can_be_name(text) else None


def _first_group(match: re.Match[str]) -> str:
    return next((group for group in match.groups() if group), "")


def _strip_name_tail(text: str) -> str:
    return _NAME_TAIL.sub("", text.strip(" \"'")).strip(" \"'!?,")


def _looks_like_name(text: str) -> bool:
    first = text.strip(" \"'")[:1]
    return first.isupper() or (first.isalpha() and first.lower() == first.upper())


def _can_be_name(text: str) -> bool:
    tokens = text.split()
    if not tokens or len(tokens) > 5:
        return False
    if _TITLE.fullmatch(tokens[0]) and len(tokens) > 1:
        return True
    is_small = (text.isupper() and len(text) > 3) or not _looks_like_name(text)
    if is_small and len(tokens) > 2 and not _PARTICLES & {token.lower() for token in tokens}:
        return False
    return not any(token.endswith("'s") or _is_word(token.lower().rstrip("."), is_small) for token in tokens)


def _is_word(token: str, is_small: bool) -> bool:
    if token in _NAMES_LIKE_WORDS or token in _PARTICLES:
        return False
    if token in _NOT_NAMES or token in _DEMONYMS:
        return True
    return is_small and (bool(_DESCRIPTION.match(token)) or token in _OCCUPATIONS or "'" in token[-3:])


def _clean_name(text: str) -> str | None:
    if twice := _NAME_TWICE.fullmatch(text):
        text = twice[2]
    tokens = _strip_name_tail(text).split()
    if not tokens or len(tokens) > 6 or not all(_NAME_TOKEN.fullmatch(token) for token in tokens):
        return None
    if tokens[0].lower() in _NOT_NAMES:
        return None
    given = " ".join(tokens)
    if given.islower() or (given.isupper() and len(given) > 3):
        given = " ".join(_capitalize(token.lower()) for token in tokens)
    return given.rstrip(".")


def _capitalize(token: str) -> str:
    if token in _PARTICLES:
        return token
    return re.sub(r"(?:^|(?<=[-']))[^\W\d_]", lambda match: match[0].upper(), token)
