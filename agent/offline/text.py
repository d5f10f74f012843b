"""Reading text: sentences, clauses, topics, and turning "my" into "your".

The model never understands a sentence as a whole. It cuts a message into clauses that each say or
ask one thing, compares the *topics* of two clauses (stems of their content words), and repeats a
statement in the second person. These four steps live here; what they mean lives elsewhere.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from agent.offline.kinds import BROADER
from agent.offline.languages import in_english
from agent.offline.spellings import spelled
from agent.offline.vocabulary import STOPWORDS, SYNONYMS

READ_AT_MOST = 6_000
"""Characters of one message that are read; a pasted novel is not searched for facts."""

READ_LATELY = 1_000
"""Texts whose reading is kept, of all conversations: what is read in one depends on nothing but its words."""

_PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "`": "'", "“": '"', "”": '"'}
    | {"\u00a0": " ", "？": "? ", "！": "! ", "。": ". "}
)
_WORD = re.compile(r"[^\W_]+(?:[-'.@][^\W_]+)*")
_SENTENCE_END = re.compile(
    r"(?i:(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bSt\.)(?<!\bMrs\.)(?<!\bProf\.)(?<!\bno\.))(?<!\b[A-Z]\.)"
    r"(?<=[.!?])\s+|\s*[\n;]+\s*"
)
_STARTS = (
    r"I|I'm|I've|I'd|I'll|my|it|it's|he|she|they|his|its|their|we|our|you|your|what|what's|who|who's|where|"
    r"where's|when|which|why|how|do|does|did|can|could|is|am|was|will|would|should|tell|remind|"
    r"remember|please|actually|call|everybody|everyone|nobody|people|"
    r"je|ich|me llamo|mi|mein|il mio|ik|mijn|eu|meu|jag"
)
_ACTIONS = (
    r"live|work|have|like|love|hate|enjoy|am|need|want|ordered|bought|moved|study|come|was born|"
    r"speak|own"
)
_CLAUSE_BREAK = re.compile(
    rf"\s*(?:,|\s-|\s–|—|:)\s*(?:(?:and|but|so|or|because|then|anyway)\s+)?(?=(?:{_STARTS}|the|this|"
    rf"that|there|her|not)\b)"
    rf"|\s*,\s+(?=(?:no|no wait|no sorry|sorry|oops|make that|or rather|correction|no actually|actually|"
    rf"wait),?"
    rf"\s+\w)|\s*,?\s+but\s+(?=\w+ \w)|\s+(?:and|but|so|because)\s+(?:now\s+|then\s+|also\s+|"
    rf"currently\s+)?(?=(?:{_STARTS})\b)"
    rf"|\s+and\s+(?=the [\w ]{{1,30}} (?:is|are)\b|(?-i:[A-Z])\w+ (?:is|has|was|lives|works|likes)\b)|"
    rf"\s*,\s+(?:and|but)\s+",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    r"\W*(?:please|then|thanks|pls|again|by the way|btw|(?:do|did|can) you (?:know|remember|recall|tell me)|"
    r"if you (?:can |still )?(?:know|remember|recall))?\W*",
    re.IGNORECASE,
)
_WERE = re.compile(r"\bwere(?= (?:do|did|am|is) (?:I|my|it)\b)", re.IGNORECASE)
_RELATIVE = re.compile(
    r"(?:who (?!am\b|are you|is (?:this|my|your))|whose\b|which (?!\w+ (?:do|did|am|is|are|was)\b)|when\b"
    r"(?! (?:is|are|was|did|do|will|does)\b)|where (?:I|we|he|she|it|they|my|the)\b)",
    re.IGNORECASE,
)
"""What goes on about something already named: "my neighbour, who I had not seen since April"."""
_ELIDED_I = re.compile(rf"\s*,?\s+and\s+(?=(?:also\s+|I\s+)?(?:{_ACTIONS})\b)|\s*,\s+(?=(?:{_ACTIONS})\b)")
_ELIDED_AM = re.compile(
    r"\s*,?\s+and\s+(?=(?:(?:now|also|very|currently|severely) )*(?:allergic|married|engaged|divorced|single|"
    r"vegan|vegetarian|diabetic|retired|pregnant|intolerant|lactose|from|based|living in|working (?:as|"
    r"at|for)|"
    r"learning|studying|\d{1,3}(?: years?| yo|$))\b)",
    re.IGNORECASE,
)
_I_AM = re.compile(r"(?:\W*\w+[,!]?\s+){0,2}I(?:'m| am)\b", re.IGNORECASE)
_ASKS = re.compile(
    r"(?:what(?! a\b)|who|whose|why|how(?! (?:nice|lovely|great|kind|funny)\b)|do(?! not\b)|does|did|"
    r"is|are|am|was|were"
    r"|can|could|will you|would|should|have (?:you|I)|has (?:my|the|it)|where(?:'s| is| do| did| am| "
    r"was| are| were)"
    r"|when(?:'s| is| do| did| am| was| are| were| will)|which|tell me|remind me|say my|spell|repeat|"
    r"summari[sz]e|recap|list|show|give me|guess|explain|define|describe|calculate|compute)\b",
    re.IGNORECASE,
)
_EXPANSIONS = (
    (re.compile(r"\bI'm\b"), "I am"),
    (re.compile(r"\bI've\b"), "I have"),
    (re.compile(r"\bI'll\b"), "I will"),
    (re.compile(r"\bI'd\b"), "I would"),
    (re.compile(r"\b(you|we|they)'re\b", re.I), r"\1 are"),
    (re.compile(r"\b(what|where|who|when|how|it|that|there|he|she|name|number)'s\b", re.I), r"\1 is"),
    (re.compile(r"(\w)'s (?=(?:called|named|not|now|currently|from|in|at)\b)"), r"\1 is "),
    (re.compile(r"\b(is|are|was|were|do|does|did|have|has)n't\b", re.I), r"\1 not"),
    (re.compile(r"\b(order|invoice|ticket|case|customer|account|booking|phone|tracking)\s+(?:no\b\.?|"
        r"nr\b\.?|num\b|#)"
                r"(?=\W|$)", re.I), r"\1 number"),
)  # fmt: skip
_PERSON = re.compile(r"(?<!\w)I was\b|\bwas I\b|(?<!\w)[^\W\d_]+(?:'[^\W\d_]+)?")
_DOES = re.compile(r" (?:can|could|will|would|should|may|might|must|were|did|had|know|said)\b", re.IGNORECASE)
_SHORT = (
    (re.compile(r"\byou are\b"), "you're"),
    (re.compile(r"\byou have (?=got|been|just|already|not)"), "you've "),
    (re.compile(r"\byou would\b"), "you'd"),
    (re.compile(r"\b(do|does|did|is|are|was|were|has|have) not\b"), r"\1n't"),
)
_SMALL_FIRST = re.compile(
    r"^(?:It|The|This|That|These|They|He|She|There|A|An|You|Your|You're|You've|"
    r"You'd|One|Today)\b"
)
_YOURS = {
    "i was": "you were", "was i": "were you",
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "we": "you", "us": "you",
    "our": "your", "ours": "yours", "am": "are", "your": "my", "yours": "mine", "yourself": "myself",
}  # fmt: skip


_OPENERS = re.compile(
    r"(?:(?:(?:hey|hi|hello|hiya|yo|good \w+) (?:there|again|everyone|everybody|all|team|guys|folks|"
    r"mate)|and|but|so|well|ok|okay|oh|um|uh|umm|hm+|er|erm|please|also|by the way|btw|actually|no|nope|"
    r"yes|yeah|"
    r"yep|sorry|oops|wait|lately|recently|hey|hi|hello|yo|"
    r"hiya|now|then|right|great|thanks|thank you|look|listen|fyi|for your information|just|anyway|"
    r"alright|cool|in fact|correction|"
    r"nowadays|these days|unfortunately|sadly|honestly|for the record|first of all|basically|"
    r"apparently|today|quick question|one more thing|another question|question|guten (?:tag|morgen|"
    r"abend)|good (?:morning|afternoon|evening|day)"
    r"|hola|bonjour|salut|hallo|ciao|greetings|dear \w+)\b[,.!:]*\s*)+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Clause:
    """One thing said or asked, contractions written out."""

    text: str
    asks: bool


def tidy(text: str) -> str:
    """The text with plain quotes and chat spellings written out; names and case stay."""
    plain = text[:READ_AT_MOST].translate(_PLAIN)
    return _WERE.sub("where", re.sub(r"[\w'-]+", lambda match: spelled(match[0]), plain))


@lru_cache(maxsize=READ_LATELY)  # the model reads a conversation from its beginning at each turn
def clauses(text: str) -> tuple[Clause, ...]:
    """Every clause of a message, in order; "I'm Alice, what's my name?" gives two."""
    sentences = _SENTENCE_END.split(tidy(text))
    return tuple(clause for sentence in sentences for clause in _clauses_of(sentence))


def _clauses_of(sentence: str) -> Iterator[Clause]:
    asks_at_end = sentence.rstrip(" \"')").endswith("?")
    parts = [part for part in _with_subjects(_CLAUSE_BREAK.split(sentence)) if not _EMPTY.fullmatch(part)]
    if not parts and re.search(r"\w", sentence):
        parts = [sentence]
    asked = False
    for position, part in enumerate(parts):
        text = _expand(part.strip().strip(',-"() ').rstrip(".!?").strip())
        last = position == len(parts) - 1
        text, foreign = in_english(text)
        goes_on = position > 0 and not (asks_at_end and last) and _RELATIVE.match(text)
        asks = foreign or bool(_ASKS.match(without_opener(text)))
        asked = (asks and not goes_on) or (asks_at_end and (last or asked))
        yield Clause(text, asked)


def without_opener(text: str) -> str:
    """The clause without "well, actually" and the like, unless it is nothing else."""
    match = _OPENERS.match(text)
    return text[match.end() :] if match and match.end() < len(text) else text


def _with_subjects(parts: list[str]) -> Iterator[str]:
    for part in parts:
        first, *rest = _ELIDED_I.split(part) if re.match(r"(?i)(?:\W*\w+[,!]?\s+){0,2}I\b", part) else [part]
        first, *states = _ELIDED_AM.split(first) if _I_AM.match(first) else [first]
        yield first
        yield from (f"I am {each}" for each in states)
        yield from (each if each.startswith("I ") else f"I {each}" for each in rest)


def _expand(text: str) -> str:
    for pattern, replacement in _EXPANSIONS:
        text = pattern.sub(replacement, text)
    return text


def words(text: str) -> list[str]:
    """The words of a text in lower case."""
    return [match.lower() for match in _WORD.findall(text)]


def stem(word: str) -> str:
    """A rough stem, the same for "lives", "living" and "live", with synonyms folded together."""
    word = word.lower().removesuffix("'s").removesuffix("'")
    word = SYNONYMS.get(word, word)
    base = _cut(word)
    base = SYNONYMS.get(base, SYNONYMS.get(base + "e", base))
    return base.removesuffix("e") if len(base) > 3 else base


def _cut(word: str) -> str:
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
    """The stems of the words that carry a meaning."""
    text = re.sub(r"(?i)\be-?mail address", "email", text)
    return frozenset(stem(word) for word in words(text) if word.removesuffix("'s") not in STOPWORDS)


def broader(text: str) -> frozenset[str]:
    """The stems of the broader words for what a text names: a dog is a pet and an animal."""
    named = {form for word in words(text) for form in (word, _cut(word))}
    return frozenset(stem(each) for word in named for each in BROADER.get(SYNONYMS.get(word, word), ()))


def to_second_person(text: str) -> str:
    """The clause as the listener repeats it: "I live with my dog" gives "you live with your dog"."""
    said = _PERSON.sub(_flip, text)
    for shape, short in _SHORT:
        said = shape.sub(short, said)
    return _SMALL_FIRST.sub(lambda match: match[0].lower(), said)


def _flip(match: re.Match[str]) -> str:
    phrase = match[0]
    if phrase in {"US", "ME", "AM"}:
        return phrase
    if phrase.lower() == "you":
        subject = not match.string[: match.start()].strip() or _DOES.match(match.string[match.end() :])
        return "I" if subject else "me"
    return _YOURS.get(phrase.lower(), phrase)


def sentence(text: str, mark: str = ".") -> str:
    """The text with a capital and a full stop."""
    text = text.strip()
    return (text[:1].upper() + text[1:]).rstrip(" .!") + mark


def shorten(text: str, limit: int = 200) -> str:
    """The text on one line, cut at a word when longer than `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[:limit].rsplit(" ", 1)[0] + " …"
