"""Trials of a learner's test or demonstration with broken agents: it must fail with each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from checker.agents import (
    DeafAgent,
    RecordingAgent,
    SilentAgent,
    TerseAgent,
    WrongWordAgent,
    make_broken_agent,
    run_and_catch,
)
from checker.findings import CheckFailed
from checker.learner import Learner, name_of, short


@dataclass(frozen=True)
class Trial:
    """The outcome of the function with this agent: the exception that it raised, or what it returned."""

    raised: bool
    outcome: Any
    agent: Any


Try = Callable[[Callable[[Any], RecordingAgent]], Trial]
"""Calls the learner's function with a new broken agent of this kind."""


def run_trial(
    function: Callable[..., Any], kind: Callable[[Any], RecordingAgent], agent: Any, *more: Any
) -> Trial:
    """Call `function` with an agent of this kind that has the checkpointer of `agent`."""
    tried = make_broken_agent(kind, agent)
    return Trial(*run_and_catch(lambda: function(tried, *more)), tried)


def must_fail(learner: Learner, function: Callable[..., Any], tried: Trial, id: str, got: str) -> None:
    """Require an exception, which must be an AssertionError if the learner's own code raised it."""
    if not tried.raised:
        if tried.outcome is not None:
            raise CheckFailed("returns-verdict", f"{got}, and it returned {name_of(tried.outcome)}", function)
        raise CheckFailed(id, got, function)
    if not isinstance(tried.outcome, AssertionError) and learner.raised_by_hand(tried.outcome):
        shown = f"{type(tried.outcome).__name__}: {tried.outcome}"
        raise CheckFailed("not-assertion", f"with an agent that is broken: {short(shown)}", function)


def check_reply_is_used(learner: Learner, function: Callable[..., Any], once: Try) -> None:
    """Require that the function looks for the word in the whole reply to the question, and nowhere else."""
    silent = once(SilentAgent)
    if not silent.raised:
        reads_no_reply = silent.outcome is None and not once(DeafAgent).raised
        got = 'it was content with an agent whose every reply was "I cannot say."'
        must_fail(learner, function, silent, "names-nothing" if reads_no_reply else "own-words", got)
    misquoting = once(WrongWordAgent)
    if not misquoting.raised and (wrong_reply := misquoting.agent.model.wrong_replies):
        from_the_start = once(partial(WrongWordAgent, from_the_start=True))
        id = "earlier-reply" if from_the_start.raised else "names-nothing"
        got = f"it was content although the agent, when asked, said: {name_of(wrong_reply[0])}"
        must_fail(learner, function, misquoting, id, got)
    _check_word_is_enough(function, once)


def _check_word_is_enough(function: Callable[..., Any], once: Try) -> None:
    """Require that a reply without its full stop passes. With a real model, a function may fail with both."""
    terse = once(TerseAgent)
    if terse.raised and not once(RecordingAgent).raised:
        shown = short(f"{type(terse.outcome).__name__}: {terse.outcome}")
        got = f"with an agent that only leaves out the last punctuation: {shown}"
        raise CheckFailed("too-strict", got, function)
