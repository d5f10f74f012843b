"""Answers from what the user said.

A question is unwrapped ("do you remember …?"), brought to one form by the paraphrases ("how old am I" is
"what is my age"), and compared with the facts by topic: a fact answers when it covers *every* topic asked
about, so a question about a cat is never answered with the dog. A yes/no question is read back as the
statement it would confirm and compared with the fact under the same key. What is not known is said to be not
known; there is no guess.
"""

import re
from collections.abc import Iterator

from threads.chat_models.offline.dialogue import ASK_NAME, SPELLED_OUT, UNKNOWN_THING, Dialogue
from threads.chat_models.offline.facts import SINGLE_KINDS, Fact, RecallAnswer, is_same_value
from threads.chat_models.offline.statements import bare_clause, find_stated_fact
from threads.chat_models.offline.text import (
    broader_topics,
    pattern,
    pattern_table,
    sentence,
    stem,
    strip_opener,
    topics,
    word_map,
    word_set,
    words,
)

_PARTICLES = word_set("PARTICLES")
ONLY_THIS = "I only know what you have told me in this conversation."
_NO_NAME = RecallAnswer(f"I don't know your name yet. {ASK_NAME}", False)
_UNKNOWN = RecallAnswer(f"I don't know that; you haven't told me yet. {ONLY_THIS}", False)
_NOT_EXACTLY = "You haven't told me exactly that, but you did say that {}."

# The question

_TRAILER = pattern("{TRAILER}")
_WRAPPER = pattern("{WRAPPER}")
_PARAPHRASES = pattern_table("PARAPHRASES")
_THING = r"[\w-]+(?: (?!(?:and|called|do|did|is|are|have|like|in|on|at|to|named|again)\b)[\w-]+){0,2}"
_SEVERAL = pattern(
    rf"(?P<asks>(?:[\w',]+ ){{0,6}}?)my (?P<things>{_THING}(?:, (?:my )?{_THING})*,? and (?:my )?{_THING})"
)
_SHARED_NOUN = word_set("SHARED_NOUN")
"""Words that share a noun with the next: "my first and last name"."""


def trim_question(question: str) -> str:
    """Return the question without "and …", "so …" before it and "… then, bot" after it."""
    bare = strip_opener(question.strip())
    return _TRAILER.sub("", bare) or bare


def split_question(question: str) -> Iterator[str]:
    """Return the questions in "what's my name and age?", one by one; a single one as it is."""
    match = _SEVERAL.fullmatch(question)
    if match is None:
        yield question
        return
    split = re.split(r"(?i),? and |, ", match["things"])
    things = [re.sub(r"(?i)^(?:what is |what are )?(?:my )?", "", each) for each in split]
    noun = things[-1].split()[-1]
    for thing in things:
        is_shared = thing.lower() in _SHARED_NOUN and thing != things[-1]
        yield f"{match['asks']}my {thing}{' ' + noun if is_shared else ''}"


def _unwrap_question(question: str) -> tuple[str, bool]:
    """Return the question inside "can you tell me … again?", and whether "Do you know …?" needs a yes."""
    bare = trim_question(question)
    wrapper = _WRAPPER.match(bare)
    if wrapper and wrapper.end() == len(bare):
        wrapper = None
    inner = _TRAILER.sub("", bare[wrapper.end() :] if wrapper else bare)
    inner = re.sub(r"(?i)\bdid I (?:say|tell you|mention)(?: that)? (?=(?:my|I)\b)", "is it ", inner)
    return inner, bool(wrapper and wrapper["yes"])


def _canonical_question(question: str) -> str:
    """Return the canonical wording of a question."""
    return next(
        (m.expand(form) for shape, form in _PARAPHRASES if (m := shape.fullmatch(question))), question
    )


# The answer

_ABOUT_ME = pattern(r"\b(?:I|me|my|mine|myself|our|we)\b")
_MY_THING = pattern(r"^(?:(what|which|who|when|where) (is|was|are|were) )?(my (?!problem)[\w' -]{2,40})$")
_UNFINISHED = pattern(r" (?:from|in|at|on|to|due|born|made|sent|stolen|\w+ed)$")
_RELATED_KINDS = word_map("related_kinds")
_TOO_COMMON = frozenset(map(stem, word_set("TOO_COMMON")))


def recall(question: str, dialogue: Dialogue) -> RecallAnswer | None:
    """Return the answer to a question about the user or what they said; None when it asks about neither."""
    question, wants_yes = _unwrap_question(question)
    yes = "Yes, " if wants_yes else ""
    if person := next((fact.about for fact in dialogue.facts.newest_first() if fact.kind == "named"), None):
        question = re.sub(r"(?i)\b(?:his|her)(?= \w)", f"my {person}'s", question)
    if answer := _answer_name_question(question, dialogue, yes) or _answer_yes_or_no(
        question, dialogue, wants_yes
    ):
        return answer
    question = _canonical_question(question)
    if facts := _find_covering_facts(question, dialogue):
        statement = sentence(". ".join(sentence(fact.sentence, "") for fact in facts))
        return RecallAnswer(yes + statement[:1].lower() + statement[1:] if yes else statement, True)
    if not _ABOUT_ME.search(question):
        return None
    if near := _find_nearest_fact(question, dialogue):
        return RecallAnswer(_NOT_EXACTLY.format(near.sentence), False)
    if match := _MY_THING.match(question):
        thing = SPELLED_OUT.get(match[3].lower()) or re.sub(r"(?i)^my ", "your ", match[3])
        if thing.startswith("your ") and re.match(r"(?i)when|where", question):
            if _UNFINISHED.search(thing):
                return _UNKNOWN
            thing = f"{match[1].lower()} {thing} {match[2]}"
        return RecallAnswer(UNKNOWN_THING.format(thing), False)
    return _UNKNOWN


def _find_nearest_fact(question: str, dialogue: Dialogue) -> Fact | None:
    """Return a fact about the same thing that does not quite answer the question."""
    wanted = _wanted_topics(question) - _TOO_COMMON
    valid = dialogue.facts.valid()
    related = _RELATED_KINDS.get(question, "").split()
    near = [fact for fact in valid if fact.kind in related] or [
        fact for fact in valid if fact.turn < len(dialogue.user_texts) - 1 and wanted & topics(fact.sentence)
    ]
    near = [
        fact
        for fact in near
        if not _is_of_another(fact) and not (fact.kind == "note" and question in _RELATED_KINDS)
    ]
    return max(near, key=lambda fact: (len(wanted & fact.topics), fact.turn), default=None)


# Facts that cover a question

_QUESTION_WORD = pattern(r"^(?:and )?(where|when|why|how many|how much)\b")
_EVIDENCE = {word: shape for shape, word in pattern_table("EVIDENCE")}
"""By question word, what a sentence must hold to answer it."""
_EVIDENT_KINDS = {
    "where": {"home", "origin", "employer"},
    "when": {"birthday"},
    "why": {"problem", "want"},
}
_OF_ANOTHER = re.compile(r"(?!(?:your|the|you|it|I|he|she|they)\b)\w+'s ")
_RELATIVE = pattern(r"your (?:\w+ )??(?P<noun>{RELATION})\b(?! (?:is|are) (?:called|named))")
_OWNS = pattern(r" (?:has|have|had|owns?|got|wants?|needs?|bought) ")
_I_SUBJECT = pattern(r"(?:and )?I\b|.*\b(?:do|did|am|was|have|had|can|could|will|would|should|must) I\b")


def _find_covering_facts(question: str, dialogue: Dialogue) -> list[Fact]:
    """Return the facts that cover every topic of a question, at most four."""
    wanted = _wanted_topics(question)
    if not wanted:
        return []
    is_mine = re.search(r"(?i)\b(?:I|me|my|mine)\b", question)
    is_i = _I_SUBJECT.match(question)
    is_denied = re.search(r"(?i)\bnot\b|n't\b", question)
    found = [
        fact
        for fact in dialogue.facts.all()
        if wanted <= fact.topics
        and not (fact.kind == "note" and question in _RELATED_KINDS)
        and (fact.is_negative if is_denied else not fact.denied)
        and _has_evidence(fact, question)
        and not (is_mine and _is_of_another(fact))
        and not (is_i and _is_of_relative(fact, wanted))
        and _has_right_owner(fact, wanted)
        and ("favourit" not in fact.key or "favourit" in wanted)
    ]
    if question.lower().startswith("how many"):
        found = [fact for fact in found if fact.kind != "named"] or found
    if not found:
        return []
    best = max(found, key=lambda fact: (fact.kind in wanted, *_closeness(fact, wanted), fact.turn))
    return [best] if best.kind in SINGLE_KINDS else [fact for fact in found if fact.kind == best.kind][-4:]


def _wanted_topics(question: str) -> frozenset[str]:
    """Return the topics a fact must cover to answer a question."""
    wanted = topics(re.sub(r"(?i)^how (?:many|much|often|long)\b|\bhave got\b", "", question))
    if not wanted and re.search(r"(?i)\bI (?:have|own|got)\b", question):
        return frozenset({stem("have")})
    return wanted - {stem("have")} or wanted


def _closeness(fact: Fact, wanted: frozenset[str]) -> tuple[bool, int]:
    keyed = frozenset(fact.key[1:])
    return wanted <= keyed or (fact.kind in SINGLE_KINDS and not keyed), -len(keyed - wanted) if keyed else 0


def _has_evidence(fact: Fact, question: str) -> bool:
    match = _QUESTION_WORD.match(question)
    if not match:
        return True
    word = match[1].lower()
    is_list = word == "how many" and fact.kind == "named" and " and " in fact.value
    return is_list or fact.kind in _EVIDENT_KINDS.get(word, ()) or bool(_EVIDENCE[word].search(fact.sentence))


def _has_right_owner(fact: Fact, wanted: frozenset[str]) -> bool:
    """Return whether a fact about another person's age, wife or number is about one the question names."""
    if fact.kind == "age of":
        return bool(wanted - topics("age old"))
    if "number" in fact.key and fact.kind == "attribute" and not wanted & topics("number order reference"):
        return wanted <= topics(fact.value) or (wanted <= frozenset(fact.key) and "number" in wanted)
    owner, owned, _ = fact.about.partition("'s ")
    return not owned or bool((topics(owner) | topics(fact.value)) & wanted)


def _is_of_another(fact: Fact) -> bool:
    """Return whether a fact is about a person by name: "Tom's address is …"."""
    return bool(_OF_ANOTHER.match(fact.sentence))


def _is_of_relative(fact: Fact, wanted: frozenset[str]) -> bool:
    """Return whether a fact says what the user's brother or dog does, and the question does not name them.

    It may still tell that there is a brother, so only what he has is no answer to what the user has.
    """
    match = _RELATIVE.match(fact.sentence) if fact.kind in {"note", "attribute", "problem"} else None
    if match is None or stem(match["noun"]) in wanted:
        return False
    return not wanted & broader_topics(match["noun"]) or bool(_OWNS.search(fact.sentence))


# Yes or no

_CLAIMS = pattern_table("CLAIMS")
_IS_MY = pattern(r"(?:is|was|are|were) (?:my|the|our) .+")
_SUBJECT_AND_VALUE = pattern("{SUBJECT_AND_VALUE}", re.NOFLAG)
_ANY_PET_OR_CHILD = re.compile(r"(?:any|some)?\s*(?:pets?|child\w*|kids?|animals?)")
_FOOD = pattern(r"\b(?:eat|have|like)\b.*\b(?:meat|beef|pork|chicken|steak|fish|ham|bacon|cheese|eggs?)\b")
_DIET = pattern(r"\b(?:vegan|vegetarian|veggie|pescatarian|halal|kosher)\b")
_LOST = pattern("{LOST}")


def _answer_yes_or_no(question: str, dialogue: Dialogue, needs_yes: bool) -> RecallAnswer | None:
    """Answer a yes/no question by reading it back as a statement; `needs_yes` if only a yes is an answer."""
    question = question.removeprefix("is it ")
    if question.lower().startswith(("what", "who", "where", "which", "how", "why")):
        return None
    statement = next((m.expand(form) for shape, form in _CLAIMS if (m := shape.fullmatch(question))), None)
    if statement is None:
        return None
    claim = find_stated_fact(bare_clause(statement))
    if claim is None and _IS_MY.fullmatch(question):
        claim = find_stated_fact(_SUBJECT_AND_VALUE.sub(lambda m: f"{m[1]} is {m[2] or ''}{m[3]}", statement))
    thing = _find_newest_covering(topics(claim.value), dialogue) if claim and claim.kind == "have" else None
    if thing and _LOST.search(thing.sentence):
        return RecallAnswer(sentence(f"you told me that {thing.sentence}"), True)
    if claim and not _ANY_PET_OR_CHILD.fullmatch(claim.value):
        return _compare_claim(claim, dialogue)
    if claim is None and statement == question:
        return None
    facts = _find_covering_facts(re.sub(r"(?i)^I am ", "I ", statement), dialogue)
    if not facts and claim and claim.kind == "have":
        facts = _find_covering_facts(f"{statement} not", dialogue)
    if facts and (needs_yes or " any" in statement or statement.lower().startswith(("i ", "my "))):
        agrees = all(fact.is_negative for fact in facts) == bool(re.search(r"(?i)\bnot\b|n't\b", question))
        because = " and ".join(fact.sentence for fact in facts)
        return RecallAnswer(sentence(f"{'yes' if agrees else 'no'}, {because}"), True)
    if _FOOD.search(question):  # a diet bears on a question about eating meat without answering it
        for fact in dialogue.facts.newest_first():
            if _DIET.search(fact.sentence):
                return RecallAnswer(_NOT_EXACTLY.format(fact.sentence), False)
    return None if needs_yes else RecallAnswer(f"I don't know; you haven't told me. {ONLY_THIS}", False)


def _compare_claim(claim: Fact, dialogue: Dialogue) -> RecallAnswer:
    known = dialogue.facts.find(claim.key)
    named = frozenset(map(stem, words(claim.value))) & topics(claim.value)
    if known is None and claim.kind not in SINGLE_KINDS:
        known = _find_newest_covering(named | ({stem(claim.kind)} - {stem("have"), "am"}), dialogue)
    is_taste = known is None and claim.kind in {"like", "dislike"}
    liked = _find_newest_covering(named, dialogue) if is_taste else None
    if liked and (liked.kind in {"like", "dislike"} or stem("favourite") in liked.key):
        # a favourite is liked, what is hated is not: "do I like pizza?" after "pizza is my favourite food"
        agrees = (liked.kind == "dislike") == (claim.kind == "dislike") and not liked.denied
        return RecallAnswer(sentence(f"{'yes' if agrees else 'no'}, {liked.sentence}"), True)
    if known is None:
        known = _find_newest_covering(topics(claim.sentence), dialogue)
    if known is None:
        return (
            _NO_NAME
            if claim.kind == "name"
            else RecallAnswer(f"You haven't told me that. {ONLY_THIS}", False)
        )
    agrees = (
        known.kind not in SINGLE_KINDS
        or known.kind != claim.kind
        or is_same_value(claim.value, known.value)
        or set(words(claim.value)) <= set(words(known.value))
    ) and known.denied == claim.denied
    return RecallAnswer(sentence(f"{'yes' if agrees else 'no'}, {known.sentence}"), True)


def _find_newest_covering(wanted: frozenset[str], dialogue: Dialogue) -> Fact | None:
    """Return the latest fact about all that is wanted, of the right person."""
    for fact in dialogue.facts.newest_first():
        is_right = _has_right_owner(fact, wanted) and not _is_of_relative(fact, wanted)
        if wanted and wanted <= fact.topics and is_right:
            return fact
    return None


# The user's name

_WHO_AM_I = pattern("{WHO_AM_I}")
_MY_NAME = pattern("{MY_NAME}")
_NAME_CLAIM = pattern(r"(?:is|was|isn't) my|my name (?:is|was) \S|(?:is it )my name (?:is|was) \S")
_NAME_PART = pattern(r"\b(?:first|last|family|middle|full|whole|sur)-? ?name\b")
_SPELL = pattern("{SPELL}")


def _answer_name_question(question: str, dialogue: Dialogue, yes: str) -> RecallAnswer | None:
    """Return the answer to a question about the user's name, or None; `yes` goes in front."""
    name = dialogue.name
    if _SPELL.fullmatch(question):
        return (
            RecallAnswer(f"You spell it {'-'.join(name.replace(' ', '').upper())}.", True)
            if name
            else _NO_NAME
        )
    if part := _NAME_PART.search(question):
        if re.search(r"(?i)'s|\bof my\b", question) or not re.search(r"(?i)\bmy\b", question):
            return None
        return _answer_name_part(part[0].lower(), dialogue)
    is_mine = bool(_MY_NAME.search(question))
    if is_mine and _NAME_CLAIM.match(question):
        return None
    if not is_mine and not _WHO_AM_I.fullmatch(question):
        return None
    if "username" in question.lower() and dialogue.facts.find(("attribute", *topics("username"))):
        return None
    if not name:
        return _NO_NAME
    subject = "your name is" if is_mine else "you're"
    return RecallAnswer(sentence(f"{yes}{subject} {name}", "!"), True)


_LAST_NAMES = ("last name", "family name", "surname")


def _answer_name_part(part: str, dialogue: Dialogue) -> RecallAnswer | None:
    full = dialogue.facts.find_value("full name") or dialogue.name or ""
    parts = [each for each in full.split() if not re.fullmatch(r"(?i)(?:dr|mrs?|ms|prof)\.?", each)]
    if part.startswith(("full", "whole")):
        return RecallAnswer(f"Your {part} is {full}!", True) if " " in full else None
    if part.startswith("first") and parts:
        return RecallAnswer(f"Your first name is {parts[0]}!", True)
    for alias in _LAST_NAMES if part in _LAST_NAMES else (part,):
        if known := dialogue.facts.find(("attribute", *sorted(topics(alias)))):
            return RecallAnswer(sentence(known.sentence), True)
    if len(parts) > 1 and not part.startswith(("first", "middle")):
        particle = next((place for place, each in enumerate(parts) if place and each in _PARTICLES), -1)
        return RecallAnswer(f"Your {part} is {' '.join(parts[particle:])}!", True)
    return None
