"""Chat spellings and slips of the fingers, written out.

A short list holds what people write on purpose or by habit; beyond it a word with the letters of a
key word in another order ("waht", "naem") is read as that word.
"""

from types import MappingProxyType

SHORTHAND = MappingProxyType(
    {
        "i": "I", "im": "I'm", "iam": "I am", "ive": "I've", "i'm": "I'm", "i've": "I've", "i'll": "I'll",
        "i'd": "I'd", "whats": "what's", "wats": "what's", "wat": "what", "wut": "what",
        "wheres": "where's", "whos": "who's", "hows": "how's", "u": "you", "ur": "your", "r": "are",
        "pls": "please", "plz": "please", "thx": "thanks", "ty": "thanks", "dont": "don't", "cant": "can't",
        "wont": "won't", "doesnt": "doesn't", "didnt": "didn't", "isnt": "isn't", "hasnt": "hasn't",
        "havent": "haven't", "mi": "my", "teh": "the", "taht": "that",
        "wot": "what", "rember": "remember", "remeber": "remember", "rememeber": "remember",
        "adress": "address",
        "gonna": "going to", "wanna": "want to", "bday": "birthday", "b-day": "birthday", "abt": "about",
        "thats": "that's", "its'": "it's", "yr": "year", "yrs": "years", "favrite": "favourite",
        "favourit": "favourite", "favorit": "favorite", "freind": "friend", "recieve": "receive",
        "liv": "live", "werent": "weren't", "wasnt": "wasn't", "havnt": "haven't", "arent": "aren't",
        "wich": "which", "whre": "where", "hte": "the", "shud": "should", "cud": "could", "nd": "and",
        "gimme": "give me", "lemme": "let me", "dunno": "don't know", "cos": "because", "coz": "because",
    }
)  # fmt: skip
"""Chat spellings and common slips, written out."""

_MEANT = """
    what where when who which name live work order number favourite favorite colour color remember birthday
    address email phone called food know about
"""
_KEY_WORDS = MappingProxyType({(word[0], "".join(sorted(word))): word for word in _MEANT.split()})


def spelled(word: str) -> str:
    """The word as it was meant."""
    low = word.lower()
    if low in SHORTHAND:
        return SHORTHAND[low]
    if len(low) < 4 or word[1:] != low[1:]:
        return word
    meant = _KEY_WORDS.get((low[0], "".join(sorted(low))), word)
    return meant if word == low or meant.startswith("wh") else word
