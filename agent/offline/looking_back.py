"""Questions about the conversation itself: what was said, first, last, how often, in sum."""

import re
from collections.abc import Callable

from agent.offline.confirming import ONLY_THIS
from agent.offline.conversation import Conversation, last_answer
from agent.offline.facts import distinct
from agent.offline.text import sentence, shorten

_SHOWN = 12
"""Facts named in a summary; a longer list nobody reads."""


def _summary(talk: Conversation) -> str:
    known = [fact.sentence for fact in distinct(talk.notebook.facts)]
    if not known:
        return f"You haven't told me anything about yourself yet. {ONLY_THIS}"
    return sentence(
        "here is what you've told me: " + "; ".join(shorten(each, 120) for each in known[-_SHOWN:])
    )


def _quote(talk: Conversation, position: int) -> str:
    earlier = talk.said[:-1]
    if not earlier:
        return "This is the first thing you've said in this conversation."
    index = position if -len(earlier) <= position < len(earlier) else 0
    return f"You said: “{shorten(earlier[index])}”"


def _own_words(talk: Conversation) -> str:
    said = last_answer(talk.messages)
    return f"I said: “{shorten(said)}”" if said else "I haven't said anything yet."


def _count(talk: Conversation) -> str:
    count = len(talk.said)
    return f"You've sent {count} message{'' if count == 1 else 's'}, this one included."


def _everything_said(talk: Conversation) -> str:
    earlier = talk.said[:-1]
    if not earlier:
        return "This is the first thing you've said in this conversation."
    return "So far you've said: " + " ".join(f"“{shorten(each, 100)}”" for each in earlier[-_SHOWN:])


_TABLE: tuple[tuple[re.Pattern[str], Callable[[Conversation], str]], ...] = tuple(
    (re.compile(shape, re.IGNORECASE), answer)
    for shape, answer in (
        (r".*\bhow many (?:messages?|times|questions?|things)\b.*\b(?:I|we|sent?|asked?|wr[io]te\w*|"
         r"said?)\b.*", _count),
        (r".*\b(?:what (?:did|have) I (?:just )?(?:say|said|write|written|ask|asked|type|typed|tell "
         r"you|told you)(?: to you)?|what I (?:just )?(?:said|wrote|asked)|my (?:last|previous) "
         r"(?:message|question|sentence)|what (?:is|was) (?:my|the) (?:last|previous) (?:message|"
         r"question|thing I \w+))"
         r"(?! (?:first|about))(?: just now| now| last| before| before that| a (?:moment|minute|"
         r"second) ago| previously| earlier)?", lambda talk: _quote(talk, -1)),
        (r".*\b(?:what (?:did|have) I (?:say|said|write|ask|asked|tell you) (?:first|at the (?:start|"
         r"beginning)|in the beginning|initially)|my (?:very )?first (?:message|question|sentence)|"
         r"first thing (?:that )?I (?:said|told you|wrote|asked)|how did (?:this|the|our) "
         r"(?:conversation|chat) (?:start|begin)|what did I start with)\b.*", lambda talk: _quote(talk, 0)),
        (r".*\bwhat (?:did|have) you (?:just )?(?:say|said|answer|reply|tell me)\b.*|.*\byour (?:last|"
         r"previous) (?:message|answer|reply)\b.*|(?:can you |please |could you )*(?:repeat|say) "
         r"(?:that|it)(?: again)?(?: please)?|come again|pardon|(?:say|what) again|what did you say",
         _own_words),
        (r".*\bwhat (?:do|did|have) you (?:actually |really )?(?:know|learn|learned|learnt|remember|"
         r"remembered|noted?|stored?|got|have)(?: so far)?(?: (?:about|of|on) (?:me|us|myself|my "
         r"(?:situation|case)))?(?: so far| until now| by now| now)?", _summary),
        (r".*\b(?:what (?:have I (?:already |so far )?(?:told|said to|shared with|mentioned to)|did I "
         r"(?:already )?tell|do you remember|I (?:have )?told) (?:you|me)?(?: about (?:me|myself))?(?: "
         r"so far| about me| about myself| until now| up to now)?)(?: so far)?", _summary),
        (r".*\b(?:summari[sz]e|summary|recap|sum up|wrap up|overview)\b.*", _summary),
        (r".*\b(?:everything|all|what(?:ever)?|anything|things?|something) (?:that )?(?:you (?:know|"
         r"remember|have)|I (?:have )?(?:told|said to|shared)(?: with)?(?: you)?)(?: about me| of me| "
         r"so far)?\b.*|(?:tell me |say something )?about (?:me|myself)|describe me|who am I to you",
         _summary),
        (r"(?:what (?:were|are|did|have) we (?:been )?(?:talk\w*|discuss\w*|chat\w*|speak\w*)(?: "
         r"about)?\b.*|where were we|what (?:is|was) (?:this|the|our) (?:conversation|chat|discussion) "
         r"about|what was (?:I|this) (?:saying|talking about|about)|what (?:is|was) (?:the|our) "
         r"(?:topic|subject)|what happened so far|remind me where we were)", _summary),
        (r"(?:show|list|repeat) (?:me )?(?:all )?(?:my messages|the (?:conversation|history|chat)|our "
         r"(?:conversation|chat))(?: history)?", _everything_said),
    )
)  # fmt: skip


def look_back(question: str, talk: Conversation) -> str | None:
    """The answer to a question about the conversation itself, or None."""
    for shape, answer in _TABLE:
        if shape.fullmatch(question):
            return answer(talk)
    return None
