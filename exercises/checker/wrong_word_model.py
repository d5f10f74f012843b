"""A model that answers in well-formed sentences with a wrong word where the question asked for one.

A function that accepts its answers does not look for the word, or not in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from threads.chat_models.offline import OfflineChatModel

WRONG = "Mallory"
COMMON_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a about again am an and are as at be but by call called can do does for from had has have
        hello her here hey hi his how i in is it ll m me my name no not now of on or our please re s so
        still t that the their there they this to ve was we were what who will with yes you your""",
    )
)
"""Words that occur in any sentence."""


def words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"[\w-]+", text.casefold())}


class WrongWordModel(BaseChatModel):
    """The offline model, with every word of earlier messages replaced by a wrong one.

    A greeting that repeats words of the same message is correct unless `from_the_start`.
    """

    from_the_start: bool = False
    _wrong_replies: list[str] = PrivateAttr(default_factory=list)

    @property
    def wrong_replies(self) -> list[str]:
        """The replies that were changed."""
        return self._wrong_replies

    @property
    def _llm_type(self) -> str:
        return "wrong-word"

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **more: Any
    ) -> ChatResult:
        reply = OfflineChatModel().invoke(messages).text
        wrong_reply = self._with_wrong_words(
            reply, [each.text for each in messages if isinstance(each, HumanMessage)]
        )
        if wrong_reply != reply:
            self._wrong_replies.append(wrong_reply)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(wrong_reply))])

    def _with_wrong_words(self, reply: str, messages: list[str]) -> str:
        *earlier, latest = messages or [""]
        known = words(earlier) - words([latest])
        if self.from_the_start and "?" not in latest:
            known |= words([latest])
        known -= COMMON_WORDS
        return re.sub(r"[\w-]+", lambda found: WRONG if found[0].casefold() in known else found[0], reply)


class TerseModel(WrongWordModel):
    """The offline model without the punctuation at the end of a reply."""

    @property
    def _llm_type(self) -> str:
        return "terse"

    def _with_wrong_words(self, reply: str, messages: list[str]) -> str:
        return reply.rstrip(".!?")
