"""What hangs on the end of a statement and is no part of its value.

"I live in Hamburg, since last month": how long or since when is no part of *where*. It is cut off where the
fact is a state (home, work, likes); where the time is the fact itself (a flight on Friday) it stays.
"""

import re

_STATES = frozenset(
    {"home", "employer", "job", "origin", "nationality", "age", "like", "dislike", "name", "am"}
)
_UNIT = r"(?:second|minute|hour|day|night|week|weekend|month|year|decade|summer|winter|spring|autumn|fall)s?"
_COUNT = (
    r"(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|forty|fifty|sixty|"
    r"many|some|several|a few|a couple of|the last \w+|the past \w+|almost \w+|about \w+|over \w+)"
)
_FILLERS = (
    r"now|right now|currently|at present|at the moment|at the minute|for now|for the moment|"
    r"for the time being|"
    r"these days|nowadays|recently|lately|actually|by the way|btw|though|please|thanks|too|as well|you know|"
    r"any ?more|instead|again|already|in fact|to be honest|tbh|honestly|I think|I guess|if that helps"
)
_TIME = (
    rf"(?:last|this|next) {_UNIT}|yesterday|today|tonight|(?:a (?:while|bit) |{_COUNT} {_UNIT} |"
    rf"not long |long )ago|"
    rf"since .+|(?:for|over|during) (?:{_COUNT} )?{_UNIT}(?: now)?|for (?:ages|ever|good|a while|"
    rf"a long time)|"
    r"(?:back )?in (?:19|20)\d\d|in (?:january|february|march|april|may|june|july|august|september|october|"
    r"november|december)(?: \d{4})?|all my life|from (?:19|20)\d\d|until .+"
)
_REASON = r"(?:because|as|since|so that|which|where|while|although) .+"
_WITH = r"with (?:(?-i:[A-Z])|(?:my|our|his|her|the|an?|one|two|three|four|five|six|\d+) ).+"
_PLAIN_TAIL = re.compile(rf",? (?:not [^,]+|{_FILLERS})$", re.IGNORECASE)
_STATE_TAIL = re.compile(rf"(?:,? (?:{_FILLERS}|{_TIME}|{_REASON}))+$", re.IGNORECASE)
_TIME_TAIL = re.compile(rf"(?:,? (?:{_FILLERS}|{_TIME}))+$", re.IGNORECASE)
_HOME_TAIL = re.compile(rf"(?:,? (?:{_FILLERS}|{_TIME}|{_REASON}|{_WITH}|together|alone))+$", re.IGNORECASE)


def timeless(kind: str, text: str) -> str:
    """A whole statement without since when and for how long it holds, if it states a state."""
    return _TIME_TAIL.sub("", text) if kind in _STATES else text


def without_tail(value: str) -> str:
    """The value without "…, not Bob" and "… by the way"."""
    return _PLAIN_TAIL.sub("", value)


def state_of(kind: str, value: str, what: str = "") -> str:
    """The value without since when and for how long it holds, if its kind is a state."""
    if kind == "attribute" and not what.lower().startswith("favo"):
        return value
    if kind == "home":
        return _HOME_TAIL.sub("", value)
    return _STATE_TAIL.sub("", value) if kind in _STATES or kind == "attribute" else value
