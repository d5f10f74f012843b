"""A model that remembers, answers in well-formed sentences, and gets the very word wrong that was asked for.

A check that is content with it did not look for that word, or not in the answer.
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
SMALL = frozenset(
    re.findall(
        r"\w+",
        """a about again am an and are as at be but by call called can do does for from had has have
        hello her here hey hi his how i in is it ll m me my name no not now of on or our please re s so
        still t that the their there they this to ve was we were what who will with yes you your""",
    )
)
"""Words that a sentence has anyway, whatever was told."""


def words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"[\w-]+", text.casefold())}


class MisquotingModel(BaseChatModel):
    """The offline model, which takes every word that was told for another.

    A greeting repeats what was said in the same breath; it is right unless `from_the_start`.
    """

    from_the_start: bool = False
    _misquoted: list[str] = PrivateAttr(default_factory=list)

    @property
    def misquoted(self) -> list[str]:
        """The replies that were spoilt."""
        return self._misquoted

    @property
    def _llm_type(self) -> str:
        return "misquoting"

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None, **more: Any
    ) -> ChatResult:
        reply = OfflineChatModel().invoke(messages).text
        spoilt = self._spoilt(reply, [each.text for each in messages if isinstance(each, HumanMessage)])
        if spoilt != reply:
            self._misquoted.append(spoilt)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(spoilt))])

    def _spoilt(self, reply: str, said: list[str]) -> str:
        *earlier, now = said or [""]
        told = words(earlier) - words([now])
        if self.from_the_start and "?" not in now:
            told |= words([now])
        told -= SMALL
        return re.sub(r"[\w-]+", lambda found: WRONG if found[0].casefold() in told else found[0], reply)


class TerseModel(MisquotingModel):
    """The offline model, which gets every word right and leaves out the punctuation at the end of a reply."""

    @property
    def _llm_type(self) -> str:
        return "terse"

    def _spoilt(self, reply: str, said: list[str]) -> str:
        return reply.rstrip(".!?")
