"""Who somebody says they are.

"I'm Alice" and "I'm tired" have the same shape, so a bare "I am X" is taken for an introduction only
when X can be a name: written like one, or at least not a word, ending or phrase that describes people.
"My name is X" and its kin are believed almost whatever X is.
"""

import re

from agent.offline.vocabulary import DEMONYMS, NAMES_LIKE_WORDS, NOT_NAMES, OCCUPATIONS, PARTICLES

_SAID = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:hi |hello |hey )?my (?:full |first |real |actual |given |proper |new |user ?)?name(?: is|"
        r":| =|'s)(?: now| actually| really| in fact| still)* (.+)",
        r"I am (?:his|her|their|\w+'s) \w+,? ((?-i:[A-Z])\w+)",
        r"my name (?P<bare>(?-i:[A-Z])\w+)",
        r"(?:the )?name(?: is|:| =|'s) (.+)",
        r"(?:can you |could you |please |just |you (?:can|may|could|should) (?:just |also )?)*(?:call|"
        r"name) me (?!back\b)(.+)",
        r"(?:my friends|friends|people|everyone|everybody|they|most people|my family) (?:all |just |"
        r"usually )?calls? me (.+)",
        r"I (?:am|was|have been) (?:now |actually |usually )?(?:called|named|known as) (.+)",
        r"I (?:now |would |would rather )*(?:go by|prefer to be called|be called|like to be called|"
        r"like to go by|prefer to go by|want to be called|would like to be "
        r"called|would rather be called) (.+)",
        r"I (?:have )?changed my name (?:from .+ )?to (.+)",
        r"I prefer (?!to\b)(.+) as my name",
        r"(?:my )?name changed to (.+)",
        r"je m'appelle (.+)|me llamo (.+)|mi nombre es (.+)|ich hei(?:ß|ss)e (.+)|mein name ist (.+)",
        r"mi chiamo (.+)|il mio nome è (.+)|(?:eu )?me chamo (.+)|meu nome é (.+)|ik heet (.+)|mijn "
        r"naam is (.+)",
        r"我叫(.+)|我的名字是(.+)|меня зовут (.+)|私の名前は(.+?)(?:です)?$|nazywam się (.+)|jag heter (.+)",
    )
)  # fmt: skip
_HERE = re.compile(
    r"(?:(?:it|this) is )?(.+?) (?:here|speaking|on the line)(?: again)?(?:, [^,]+)?", re.IGNORECASE
)
_GREETED = re.compile(
    r"(?:hi+|hey+|hello|yo|hiya)(?: there)?,? (?:it is|its|it's|this is) (?:me,? "
    r")?(\w+)",
    re.IGNORECASE,
)
_THIS_IS = re.compile(r"(?:this|it) is (.+)", re.IGNORECASE)
_I_AM = re.compile(
    r"(?:I am|it is me,?|me is)(?: actually| really| in fact| just| still)* (.+)|我是(.+)", re.IGNORECASE
)
_TITLE = re.compile(r"(?:dr|mr|mrs|ms|miss|prof|professor|doctor|sir|lady|madam)\.?$", re.IGNORECASE)
_TAIL = re.compile(
    r"\s*(?:[,(;:]|\s-)\s*.*|\s+(?:not|and|but|from|here|speaking|by the way|btw|please|again|if|for "
    r"short|instead|"
    r"now|the|at|with|of|in|on|who|actually|though|too|already|still|so|because|as|or|calling|writing|"
    r"working|"
    r"living|looking|trying|y|und|et|having|is|who's|your|my|today|then|thanks|thank|right|ok|okay|"
    r"sorry|nice|"
    r"pleased|to|for)\b.*",
    re.IGNORECASE,
)
_BOND = re.compile(r"(\w+), (\w+ \1)")
_TOKEN = re.compile(r"[^\W\d_](?:[^\W_]|['.\-])*")
_DESCRIBES = re.compile(
    r"(?:\w{3,}ing|\w{3,}ed|\w{3,}ly|\w+ful|\w+less|\w+ous|\w+able|\w+ible|\w+ish|"
    r"\w+ive|\w+ied)$"
)


def introduced_name(clause: str) -> str | None:
    """The name a clause introduces its speaker by, tidied; None when it does not."""
    for pattern in _SAID:
        if match := pattern.fullmatch(clause):
            return _name(_group(match))
    if (match := _GREETED.fullmatch(clause)) and _can_be_one(match[1]):
        return _name(match[1])
    if (match := _HERE.fullmatch(clause)) and (name := _name(match[1])) and _written_like_one(match[1]):
        return name
    if match := _I_AM.fullmatch(clause):
        return _name(_group(match)) if _can_be_one(_cut(_group(match))) else None
    if (match := _THIS_IS.fullmatch(clause)) and _written_like_one(match[1]):
        return _name(match[1]) if _can_be_one(_cut(match[1])) else None
    return None


def bare_name(text: str) -> str | None:
    """The name when a text is nothing but one: the answer to "What should I call you?"."""
    text = text.strip(" .!,")
    return _name(text) if 0 < len(text.split()) <= 3 and _can_be_one(text) else None


def _group(match: re.Match[str]) -> str:
    return next((group for group in match.groups() if group), "")


def _cut(text: str) -> str:
    return _TAIL.sub("", text.strip(" \"'")).strip(" \"'!?,") if text else ""


def _written_like_one(text: str) -> bool:
    first = text.strip(" \"'")[:1]
    return first.isupper() or (first.isalpha() and first.lower() == first.upper())


def _can_be_one(text: str) -> bool:
    tokens = text.split()
    if not tokens or len(tokens) > 5:
        return False
    if _TITLE.fullmatch(tokens[0]) and len(tokens) > 1:
        return True
    shouted = text.isupper() and len(text) > 3
    small = shouted or not _written_like_one(text)
    if small and len(tokens) > 2 and not PARTICLES & {token.lower() for token in tokens}:
        return False
    if any(token.endswith("'s") for token in tokens):
        return False
    return not any(_is_a_word(token.lower().rstrip("."), small) for token in tokens)


def _is_a_word(token: str, small: bool) -> bool:
    if token in NAMES_LIKE_WORDS or token in PARTICLES:
        return False
    if token in NOT_NAMES or token in DEMONYMS:
        return True
    return small and (bool(_DESCRIBES.match(token)) or token in OCCUPATIONS or "'" in token[-3:])


def _name(text: str) -> str | None:
    if twice := _BOND.fullmatch(text):
        text = twice[2]
    tokens = _cut(text).split()
    if not tokens or len(tokens) > 6 or not all(_TOKEN.fullmatch(token) for token in tokens):
        return None
    if tokens[0].lower() in NOT_NAMES:
        return None
    given = " ".join(tokens)
    if given.islower() or (given.isupper() and len(given) > 3):
        given = " ".join(_capital(token.lower()) for token in tokens)
    return given if given[-1] != "." else given.rstrip(".")


def _capital(token: str) -> str:
    if token in PARTICLES:
        return token
    return re.sub(r"(?:^|(?<=[-']))[^\W\d_]", lambda match: match[0].upper(), token)
