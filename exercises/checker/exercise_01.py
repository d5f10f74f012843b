"""Exercise 01, one conversation: an agent that remembers, and forgets when it is built anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from checker.agents import Forgetful, Silent, Wrapped, broken, config, noticed, remembered, said
from checker.findings import Wrong
from checker.learner import Learner, name_of
from checker.probing import check_agent


def new_agent(learner: Learner) -> Any:
    return learner.made(learner.create_memory_agent(), learner.create_memory_agent)


def check_memory_agent(learner: Learner) -> None:
    function = learner.create_memory_agent
    before = set(Path().iterdir())
    check_agent(new_agent(learner), function)
    if left := sorted(set(Path().iterdir()) - before):
        raise Wrong("leaves-file", f"the file {left[0]} was made", function)
    if held := remembered(new_agent(learner), "probe-1"):
        raise Wrong("agents-share-memory", f"a new agent knows already: {name_of(held)}", function)


def check_retention_test(learner: Learner) -> None:
    function = learner.test_context_retention
    agent = Wrapped(new_agent(learner))
    failed, returned = None, None
    try:
        returned = function(agent)
    except AssertionError as error:
        failed = error
    if not agent.said:
        raise Wrong("nobody-spoke", "the agent that was handed in was not asked anything", function)
    used = {each.thread_id for each in agent.said}
    if len(used) == len(agent.said) and (failed or len(used) > 1):
        got = f"{len(agent.said)} messages went to {len(used)} threads"
        raise Wrong("new-thread-each-turn", got, function)
    if failed:
        raise failed
    if returned is not None:
        raise Wrong("returns-verdict", f"with a good agent it returned {name_of(returned)}", function)
    raised, returned = noticed(lambda: function(broken(Forgetful, agent)))
    if not raised:
        got = "it passed with an agent that forgets everything at once"
        raise Wrong("returns-verdict" if returned is not None else "always-passes", got, function)
    if not noticed(lambda: function(broken(Silent, agent)))[0]:
        got = 'it passed with an agent whose every reply was "I cannot say."'
        raise Wrong("own-words", got, function)


def check_conversation(learner: Learner) -> None:
    function = learner.run_multi_turn_conversation
    agent = Wrapped(new_agent(learner))
    thread_id = function(agent)
    if not agent.said:
        raise Wrong("nobody-spoke", "the agent that was handed in was not asked anything", function)
    used = {each.thread_id for each in agent.said}
    if len(used) > 1:
        got = f"{len(agent.said)} messages went to {len(used)} threads"
        raise Wrong("new-thread-each-turn", got, function)
    if len(agent.said) < 3:
        times = "once" if len(agent.said) == 1 else "twice"
        raise Wrong("too-short", f"the user spoke {times}", function)
    if thread_id not in list(used):
        got = f"it spoke in {name_of(*used)} and returned {name_of(thread_id)}"
        raise Wrong("wrong-thread-returned", got, function)
    _check_not_resent(agent, thread_id, function)
    _check_needs_memory(learner, agent, function)


def _check_not_resent(agent: Wrapped, thread_id: str, function: Callable[..., Any]) -> None:
    """What was said before is not sent again, so it stands in the memory once."""
    held = remembered(agent, thread_id)
    for at, each in enumerate(agent.said):
        earlier = {text for before in agent.said[:at] for text in before.texts}
        again = [text for text in each.texts[:-1] if text in earlier and held.count(text) > 1]
        if again:
            got = f"{name_of(again[0])} was sent again and is in the memory {held.count(again[0])} times"
            raise Wrong("history-resent", got, function)


def _check_needs_memory(learner: Learner, agent: Wrapped, function: Callable[..., Any]) -> None:
    """A later message asks something, or is answered otherwise by an agent that forgets.

    Only who does neither is told: a real model's learner may ask what the offline model cannot know.
    """
    if any("?" in each.text for each in agent.said[1:]):
        return
    replies = []
    for kind in (Wrapped, Forgetful):
        with_it = broken(kind, new_agent(learner))
        function(with_it)
        replies.append(with_it.replies)
    if replies[0] and replies[0] == replies[1]:
        got = "an agent that forgets everything at once gave the same replies"
        raise Wrong("needs-no-memory", got, function)


def check_inspection(learner: Learner) -> None:
    function = learner.inspect_memory_state
    agent = new_agent(learner)
    spoken = {
        "inspected": ["My cat is called Figaro.", "My boat is called Tilda."],
        "other": ["Good evening"],
    }
    for thread_id, texts in spoken.items():
        for text in texts:
            agent.invoke(said(text), config(thread_id))
    for thread_id in spoken:
        lines = learner.made(function(agent, thread_id), function)
        held = remembered(agent, thread_id)
        if len(lines) != len(held):
            got = f"{len(lines)} lines for the {len(held)} messages of {thread_id!r}"
            raise Wrong("wrong-lines", got, function)
        for line, text in zip(lines, held, strict=True):
            if not isinstance(line, str):
                raise Wrong("lines-not-text", f"a {type(line).__name__}: {name_of(line)}", function)
            if text not in line:
                raise Wrong("wrong-lines", f"{name_of(line)} where {name_of(text)} was said", function)
    try:
        lines = learner.made(function(agent, "nobody spoke here"), function)
    except LookupError as error:
        got = f"in a thread without messages: {type(error).__name__}: {error}"
        raise Wrong("silent-thread", got, function) from error
    if lines:
        raise Wrong("wrong-lines", f"in a thread without messages: {name_of(lines)}", function)


CHECKS = (check_memory_agent, check_retention_test, check_conversation, check_inspection)
