"""Exercise 01, one conversation: checks of an agent that remembers until it is built again."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage

from agent.models import load_model
from checker.agent_check import check_agent
from checker.agents import (
    ForgettingAgent,
    RecordingAgent,
    config,
    make_broken_agent,
    stored_texts,
    user_input,
)
from checker.findings import CheckFailed
from checker.learner import Learner, name_of
from checker.trials import Trial, check_reply_is_used, must_fail, run_trial
from checker.wrong_word_model import COMMON_WORDS, words
from threads.chat_models.offline import OfflineChatModel

FIRST_PERSON = re.compile(r"\b(i|me|my|mine|we|us|our)\b")
MESSAGES = {
    "inspected": ["My cat is called Figaro.", "My boat is called Tilda."],
    "other": ["Good evening"],
}
PREFIX_LENGTH = 8
"""The first characters of a message that identify it."""


def new_agent(learner: Learner) -> Any:
    return learner.made(learner.create_memory_agent(), learner.create_memory_agent)


def check_memory_agent(learner: Learner) -> None:
    function = learner.create_memory_agent
    before = set(Path().iterdir())
    agent = new_agent(learner)
    if isinstance(given := getattr(agent, "checkpointer", None), bool):
        raise CheckFailed(
            "no-checkpointer", f"the agent's checkpointer is {given}, which is no place", function
        )
    check_agent(agent, function)
    if left := sorted(set(Path().iterdir()) - before):
        raise CheckFailed("leaves-file", f"the file {left[0]} was made", function)
    second = new_agent(learner)
    if second is agent:
        raise CheckFailed("same-agent", "called twice, it gave the same agent twice", function)
    if stored := stored_texts(second, "probe-1"):
        raise CheckFailed("agents-share-memory", f"a new agent knows already: {name_of(stored)}", function)


def check_retention_test(learner: Learner) -> None:
    function = learner.test_context_retention
    agent = RecordingAgent(new_agent(learner))
    failed, returned = None, None
    try:
        returned = function(agent)
    except AssertionError as error:
        failed = error
    if not agent.calls:
        raise CheckFailed("nobody-spoke", "the agent that was handed in was not asked anything", function)
    used = {each.thread_id for each in agent.calls}
    if len(used) == len(agent.calls) and (failed or len(used) > 1):
        got = f"{len(agent.calls)} messages went to {len(used)} threads"
        raise CheckFailed("new-thread-each-turn", got, function)
    if failed:
        raise failed
    if returned is not None:
        raise CheckFailed("returns-verdict", f"with a good agent it returned {name_of(returned)}", function)

    def once(kind: Callable[[Any], RecordingAgent]) -> Trial:
        return run_trial(function, kind, new_agent(learner))

    got = "it passed with an agent that forgets everything at once"
    must_fail(learner, function, once(ForgettingAgent), "always-passes", got)
    check_reply_is_used(learner, function, once)


# Task 3: the conversation


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
    """Require that earlier messages are not sent again, even where the state stores them once by their id."""
    stored = stored_texts(agent, thread_id)
    for at, each in enumerate(agent.calls):
        earlier = {text for before in agent.calls[:at] for text in before.texts}
        if again := [text for text in each.texts[:-1] if text in earlier]:
            times = stored.count(again[0])
            got = f"{name_of(again[0])} was sent again with message {at + 1} of the user"
            got += f", and is in the memory {times} times" if times > 1 else ""
            raise CheckFailed("history-resent", got, function)


def _check_needs_memory(learner: Learner, agent: RecordingAgent, function: Callable[..., Any]) -> None:
    """Require that an agent without memory replies differently, or that a question refers to a statement."""
    if may_need_memory([each.text.casefold() for each in agent.calls]):
        return
    replies = []
    for kind in (RecordingAgent, ForgettingAgent):
        with_it = make_broken_agent(kind, learner.create_memory_agent())
        function(with_it)
        replies.append(with_it.replies)
    if replies[0] and replies[0] == replies[1]:
        got = "an agent that forgets everything at once gave the same replies"
        raise CheckFailed("needs-no-memory", got, function)


def may_need_memory(texts: list[str]) -> bool:
    """Return whether a later question may refer to an earlier statement.

    This is a generous guess: the question is about the user or shares a word with a statement. A real
    model may be used in any language, so there any later question is accepted.
    """
    is_offline = isinstance(load_model(), OfflineChatModel)
    statements: list[str] = []
    for text in texts:
        if "?" not in text:
            statements += [text] if len(text.split()) > 2 else []
        elif statements and (
            not is_offline or FIRST_PERSON.search(text) or (words([text]) & words(statements)) - COMMON_WORDS
        ):
            return True
    return False


# Task 4: the inspection


def check_inspection(learner: Learner) -> None:
    function = learner.inspect_memory_state
    agent = learner.made(learner.create_memory_agent(), learner.create_memory_agent)
    for thread_id, texts in MESSAGES.items():
        for text in texts:
            agent.invoke(user_input(text), config(thread_id))
    for thread_id in MESSAGES:
        lines = learner.made(function(agent, thread_id), function)
        _check_kind(lines, function)
        _check_texts(lines, stored_texts(agent, thread_id), thread_id, function)
        _check_speakers(lines, agent.get_state(config(thread_id)).values["messages"], function)
    try:
        lines = learner.made(function(agent, "nobody spoke here"), function)
    except LookupError as error:
        got = f"in a thread without messages: {type(error).__name__}: {error}"
        raise CheckFailed("silent-thread", got, function) from error
    if lines:
        raise CheckFailed("silent-lines", f"in a thread without messages: {name_of(lines)}", function)


def _check_kind(lines: Any, function: Callable[..., Any]) -> None:
    if isinstance(lines, str):
        raise CheckFailed("lines-not-text", f"one text: {name_of(lines)}", function)
    for line in lines:
        if not isinstance(line, str):
            raise CheckFailed("lines-not-text", f"a {type(line).__name__}: {name_of(line)}", function)


def _check_texts(
    lines: Sequence[str], stored: list[str], thread_id: str, function: Callable[..., Any]
) -> None:
    if len(lines) != len(stored):
        got = f"{len(lines)} lines for the {len(stored)} messages of {thread_id!r}"
        raise CheckFailed("wrong-lines", got, function)
    pairs = list(zip(lines, stored, strict=True))
    for line, text in pairs:
        if text in line:
            continue
        if all(there in here for here, there in zip(reversed(lines), stored, strict=True)):
            raise CheckFailed("lines-order", f"first comes {name_of(lines[0])}", function)
        is_cut = all(there[:PREFIX_LENGTH] in here for here, there in pairs)
        got = f"{name_of(line)} where {name_of(text)} was said"
        raise CheckFailed("lines-cut" if is_cut else "wrong-lines", got, function)


def _check_speakers(lines: Sequence[str], stored: list[BaseMessage], function: Callable[..., Any]) -> None:
    """Require a different label for user and agent; numbers, blanks and the text itself are no label."""
    beside: dict[str, set[str]] = defaultdict(set)
    for line, message in zip(lines, stored, strict=True):
        beside[message.type].add(re.sub(r"[\s\d]", "", line.replace(message.text, "")))
    if both := beside["human"] & beside["ai"]:
        shown = f"only {name_of(min(both))} beside it" if any(both) else "only its text"
        raise CheckFailed(
            "no-speaker", f"of what the user said and of what the agent said, {shown}", function
        )


CHECKS = (check_memory_agent, check_retention_test, check_conversation, check_inspection)
