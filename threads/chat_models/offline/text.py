"""Text as the model reads it: sentences, clauses, stems and topics, and the change from "my" to "your".

The model never understands a sentence as a whole. It cuts a message into clauses that each say or ask one
thing, compares the *topics* of two clauses (stems of their content words), and repeats a statement in the
second person. The words and patterns it knows stand in language.toml.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

MAX_READ_CHARS = 6_000
"""Characters of one message that are read; a pasted novel is not searched for facts."""

CACHE_SIZE = 1_000
"""Texts whose reading is cached, over all conversations: it depends on nothing but their words."""

PatternTable = tuple[tuple[re.Pattern[str], str], ...]
_LANGUAGE: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("language.toml").read_text(encoding="utf-8")
)


def word_set(name: str) -> frozenset[str]:
    """Return a list of words from language.toml."""
    return frozenset(_LANGUAGE["words"][name].split())


def word_map(name: str) -> dict[str, str]:
    """Return a section of language.toml whose keys are words."""
    return dict(_LANGUAGE[name])


def pattern(text: str, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str]:
    """Compile a pattern; {NAME} stands for a pattern in language.toml, where line breaks do not count."""
    while (expanded := re.sub(r"\{([A-Z_]+)\}", lambda match: _named_pattern(match[1]), text)) != text:
        text = expanded
    return re.compile(text, flags)


def _named_pattern(name: str) -> str:
    if name == "DEMONYM":
        return "|".join(sorted(word_set("DEMONYMS")))
    return "".join(_LANGUAGE["patterns"][name].splitlines())


def pattern_table(name: str, flags: re.RegexFlag = re.IGNORECASE) -> PatternTable:
    """Return a table from language.toml as (pattern, result)."""
    rows, lines = [], ""
    for line in _LANGUAGE["tables"][name].splitlines():
        part, arrow, result = line.partition("=>")
        lines += part.strip()
        if arrow:
            rows.append((pattern(lines, flags), result.strip()))
            lines = ""
    return tuple(rows)


_STOPWORDS = word_set("STOPWORDS")
_SYNONYMS = {
    word: group.split()[0] for group in _LANGUAGE["lists"]["SYNONYMS"].split(",") for word in group.split()
}
_SPELLINGS = dict(each.split(maxsplit=1) for each in _LANGUAGE["lists"]["SPELLINGS"].split(","))
_KEY_WORDS = {(word[0], "".join(sorted(word))): word for word in word_set("KEY_WORDS")}
_BROADER_TERMS: dict[str, list[str]] = {}
for _kinds, _members in _LANGUAGE["kinds"].items():
    for _member in _members.split():
        _BROADER_TERMS.setdefault(_member, []).extend(_kinds.split())

_PLAIN = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "“": '"', "”": '"', "\u00a0": " ",
                        "？": "? ", "！": "! ", "。": ". "})  # fmt: skip
_WORD = re.compile(r"[^\W_]+(?:[-'.@][^\W_]+)*")
_SENTENCE_END = pattern("{SENTENCE_END}", re.NOFLAG)
_CLAUSE_BREAK = pattern("{CLAUSE_BREAK}")
_EMPTY = pattern("{EMPTY}")
_WERE = pattern(r"\bwere(?= (?:do|did|am|is) (?:I|my|it)\b)")
_RELATIVE = pattern("{RELATIVE}")
_ACTION = pattern(r"(?:also )?{ACTION}\b", re.NOFLAG)
_ELIDED_I = pattern(r"\s*,?\s+(?:and|but)\s+(?=(?:also\s+|I\s+)?{ACTION}\b)|\s*,\s+(?={ACTION}\b)", re.NOFLAG)
_ELIDED_AM = pattern("{ELIDED_AM}")
_CHECK = pattern(r", ?(?:okay|ok|alright|got it|you know|understood)\?\s*$")
_RUN_ON = pattern("{RUN_ON}")
_INTRODUCTION = pattern(r"(?:\W*\w+[,!]?\s+){0,2}(?:I'm|I am|my name is) ")
_I_SUBJECT = pattern(r"(?:\W*\w+[,!]?\s+){0,2}I\b")
_I_AM = pattern(r"(?:\W*\w+[,!]?\s+){0,2}I(?:'m| am)\b")
_ASKS = pattern("{ASKS}")
_OPENER = pattern("{OPENER}")
_CONTRACTIONS = pattern_table("CONTRACTIONS")
_NAME_QUESTIONS_ABROAD = pattern_table("NAME_QUESTIONS_ABROAD")
_SHORT_FORMS = pattern_table("SHORT_FORMS", re.NOFLAG)
_SECOND_PERSON = word_map("second_person")
_PERSON = re.compile(r"(?<!\w)I was\b|\bwas I\b|(?<!\w)[^\W\d_]+(?:'[^\W\d_]+)?")
_AUXILIARY = pattern(r" (?:can|could|will|would|should|may|might|must|were|did|had|know|said)\b")
_LOWER_START = re.compile(
    r"^(?:It|The|This|That|These|They|He|She|There|A|An|You|Your|You're|You've|You'd|One|Today)\b"
)


@dataclass(frozen=True)
class Clause:
    """One thing said or asked, contractions written out."""

    text: str
    is_question: bool


@lru_cache(maxsize=CACHE_SIZE)  # the model reads a conversation from its beginning at each turn
def split_clauses(text: str) -> tuple[Clause, ...]:
    """Split a message into its clauses, in order; "I'm Alice, what's my name?" gives two."""
    plain = text[:MAX_READ_CHARS].translate(_PLAIN)
    plain = _WERE.sub("where", re.sub(r"[\w'-]+", lambda match: _correct_spelling(match[0]), plain))
    return tuple(clause for sentence in _SENTENCE_END.split(plain) for clause in _clauses_of(sentence))


def _correct_spelling(word: str) -> str:
    """Write out chat spellings, and key words with their letters in another order ("waht", "naem")."""
    lower = word.lower()
    if lower in _SPELLINGS:
        return _SPELLINGS[lower]
    if len(lower) < 4 or word[1:] != lower[1:]:
        return word
    meant = _KEY_WORDS.get((lower[0], "".join(sorted(lower))), word)
    return meant if word == lower or meant.startswith("wh") else word


def _clauses_of(sentence: str) -> Iterator[Clause]:
    sentence = _CHECK.sub("", sentence)
    ends_as_question = sentence.rstrip(" \"')").endswith("?")
    parts = [part for part in _repeat_subjects(_CLAUSE_BREAK.split(sentence)) if not _EMPTY.fullmatch(part)]
    if not parts and re.search(r"\w", sentence):
        parts = [sentence]
    is_question = False
    for position, part in enumerate(parts):
        text = _replace_all(_CONTRACTIONS, _strip_punctuation(part.strip()))
        last = position == len(parts) - 1
        text = next((english for shape, english in _NAME_QUESTIONS_ABROAD if shape.fullmatch(text)), text)
        continued = position > 0 and not (ends_as_question and last) and _RELATIVE.match(text)
        is_question = (bool(_ASKS.match(strip_opener(text))) and not continued) or (
            ends_as_question and (last or is_question)
        )
        yield Clause(text, is_question)


def strip_opener(text: str) -> str:
    """Return the clause without "well, actually" and the like, unless it is nothing else."""
    match = _OPENER.match(text)
    return text[match.end() :] if match and match.end() < len(text) else text


def _strip_punctuation(part: str) -> str:
    is_sum = re.fullmatch(r"[\d\s.,()+*/^×÷-]+[.!?]?", part)
    text = (part if is_sum else part.strip(',-"() ')).rstrip(".!?").strip()
    return f"{text})" if text.count("(") > text.count(")") else text


def _repeat_subjects(parts: list[str]) -> Iterator[str]:
    """Repeat the subject that a clause left out: "I live here and work there"."""
    is_i = False
    for part in parts:
        part = f"I {part}" if is_i and _ACTION.match(part) else part
        is_i = bool(_I_SUBJECT.match(part))
        first, *actions = _ELIDED_I.split(part) if _I_SUBJECT.match(part) else [part]
        first, *states = _ELIDED_AM.split(first) if _I_AM.match(first) else [first]
        yield from _RUN_ON.split(first) if _INTRODUCTION.match(first) else [first]
        yield from (f"I am {each}" for each in states)
        yield from (each if each.startswith("I ") else f"I {each}" for each in actions)


def _replace_all(table: PatternTable, text: str) -> str:
    """Apply every substitution of a table, in order."""
    for shape, replacement in table:
        text = shape.sub(replacement, text)
    return text


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return [match.lower() for match in _WORD.findall(text)]


def stem(word: str) -> str:
    """Return a rough stem, the same for "lives", "living" and "live", with synonyms folded together."""
    word = word.lower().removesuffix("'s").removesuffix("'")
    word = _SYNONYMS.get(word, word)
    base = _strip_ending(word)
    base = _SYNONYMS.get(base, _SYNONYMS.get(base + "e", base))
    return base.removesuffix("e") if len(base) > 3 else base


def _strip_ending(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending, shortest in (("ing", 6), ("ed", 5)):
        if word.endswith(ending) and len(word) >= shortest:
            base = word[: -len(ending)]
            return base[:-1] if base[-1] == base[-2] and base[-1] not in "ls" else base
    return word


def topics(text: str) -> frozenset[str]:
    """Return the stems of the words that carry a meaning."""
    text = re.sub(r"(?i)\be-?mail address", "email", text)
    return frozenset(stem(word) for word in words(text) if word.removesuffix("'s") not in _STOPWORDS)


def broader_topics(text: str) -> frozenset[str]:
    """Return the stems of the broader words for what a text names: a dog is a pet and an animal."""
    named = {form for word in words(text) for form in (word, _strip_ending(word))}
    return frozenset(
        stem(each) for word in named for each in _BROADER_TERMS.get(_SYNONYMS.get(word, word), ())
    )


def to_second_person(text: str) -> str:
    """Return the clause as the listener repeats it: "I live with my dog" gives "you live with your dog"."""
    repeated = _replace_all(_SHORT_FORMS, _PERSON.sub(_flip_person, text))
    return _LOWER_START.sub(lambda match: match[0].lower(), repeated)


def _flip_person(match: re.Match[str]) -> str:
    phrase = match[0]
    if phrase in {"US", "ME", "AM"}:
        return phrase
    if phrase.lower() == "you":
        subject = not match.string[: match.start()].strip() or _AUXILIARY.match(match.string[match.end() :])
        return "I" if subject else "me"
    return _SECOND_PERSON.get(phrase.lower(), phrase)


def sentence(text: str, mark: str = ".") -> str:
    """Return the text with a capital and a full stop."""
    text = text.strip()
    return (text[:1].upper() + text[1:]).rstrip(" .!") + mark


def shorten(text: str, limit: int = 200) -> str:
    """Return the text on one line, cut at a word when longer than `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[:limit].rsplit(" ", 1)[0] + " …"
