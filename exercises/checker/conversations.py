"""Exercise 01, task 3: one conversation, in one thread, in which a later question needs an earlier answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from agent.models import load_model
from checker.agents import ForgettingAgent, RecordingAgent, make_broken_agent, stored_texts
from checker.findings import CheckFailed
from checker.learner import Learner, name_of
from checker.wrong_word_model import COMMON_WORDS, words
from threads.chat_models.offline import OfflineChatModel

OF_ONESELF = re.compile(r"\b(i|me|my|mine|we|us|our)\b")


def check_conversation(learner: Learner) -> None:
    function = learner.run_multi_turn_conversation
    agent = RecordingAgent(learner.made(learner.create_memory_agent(), learner.create_memory_agent))
    thread_id = function(agent)
    if not agent.calls:
        raise CheckFailed("nobody-spoke", "the agent that was handed in was not asked anything", function)
    used = {each.thread_id for each in agent.calls}
    if len(used) > 1:
        got = f"{len(agent.calls)} messages went to {len(used)} threads"
        raise CheckFailed("new-thread-each-turn", got, function)
    if len(agent.calls) < 3:
        times = "once" if len(agent.calls) == 1 else "twice"
        raise CheckFailed("too-short", f"the user spoke {times}", function)
    if str(thread_id) not in map(str, used):  # a UUID is as good as its text
        got = f"it spoke in {name_of(*used)} and returned {name_of(thread_id)}"
        raise CheckFailed("wrong-thread-returned", got, function)
    _check_not_resent(agent, thread_id, function)
    _check_needs_memory(learner, agent, function)


def _check_not_resent(agent: RecordingAgent, thread_id: str, function: Callable[..., Any]) -> None:
    """What was said before is not sent again, also where the memory knows it by its id and keeps it once."""
    held = stored_texts(agent, thread_id)
    for at, each in enumerate(agent.calls):
        earlier = {text for before in agent.calls[:at] for text in before.texts}
        if again := [text for text in each.texts[:-1] if text in earlier]:
            times = held.count(again[0])
            got = f"{name_of(again[0])} was sent again with message {at + 1} of the user"
            got += f", and is in the memory {times} times" if times > 1 else ""
            raise CheckFailed("history-resent", got, function)


def _check_needs_memory(learner: Learner, agent: RecordingAgent, function: Callable[..., Any]) -> None:
    """An agent that forgets answers otherwise; or there is a question that another model may know."""
    if asks_for_more([each.text.casefold() for each in agent.calls]):
        return
    replies = []
    for kind in (RecordingAgent, ForgettingAgent):
        with_it = make_broken_agent(kind, learner.create_memory_agent())
        function(with_it)
        replies.append(with_it.replies)
    if replies[0] and replies[0] == replies[1]:
        got = "an agent that forgets everything at once gave the same replies"
        raise CheckFailed("needs-no-memory", got, function)


def asks_for_more(texts: list[str]) -> bool:
    """Whether something is told, and a later question may be about it.

    That is a guess, and a kind one: it is about the user, or has a word of what was told. A real model may
    be spoken to in any language; there each later question will do.
    """
    is_offline = isinstance(load_model(), OfflineChatModel)
    told: list[str] = []
    for text in texts:
        if "?" not in text:
            told += [text] if len(text.split()) > 2 else []
        elif told and (
            not is_offline or OF_ONESELF.search(text) or (words([text]) & words(told)) - COMMON_WORDS
        ):
            return True
    return False
