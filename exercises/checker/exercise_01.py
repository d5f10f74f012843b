"""Exercise 01, one conversation: an agent that remembers, and forgets when it is built anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from checker.agent_check import check_agent
from checker.agents import ForgettingAgent, RecordingAgent, stored_texts
from checker.conversations import check_conversation
from checker.findings import CheckFailed
from checker.inspection import check_inspection
from checker.learner import Learner, name_of
from checker.trials import Trial, check_reply_is_used, must_fail, run_trial


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
    if held := stored_texts(second, "probe-1"):
        raise CheckFailed("agents-share-memory", f"a new agent knows already: {name_of(held)}", function)


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


CHECKS = (check_memory_agent, check_retention_test, check_conversation, check_inspection)
