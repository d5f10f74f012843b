"""A learner's test or demonstration, tried with agents that are broken: it has to fail with each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from checker.agents import Deaf, Misquoting, Silent, Terse, Wrapped, broken, noticed
from checker.findings import Wrong
from checker.learner import Learner, name_of, short


@dataclass(frozen=True)
class Attempt:
    """How the function ended with this agent: whether it raised, and what; or else what it returned."""

    raised: bool
    outcome: Any
    agent: Any


Try = Callable[[Callable[[Any], Wrapped]], Attempt]
"""Calls the learner's function with a broken agent of this kind, which has not met anybody."""


def attempt(function: Callable[..., Any], kind: Callable[[Any], Wrapped], agent: Any, *more: Any) -> Attempt:
    """One call of `function`, with an agent of this kind that has the memory of `agent`."""
    tried = broken(kind, agent)
    return Attempt(*noticed(lambda: function(tried, *more)), tried)


def must_fail(learner: Learner, function: Callable[..., Any], tried: Attempt, id: str, got: str) -> None:
    """It has to raise; and what it raises of its own accord is an AssertionError, which `main` waits for."""
    if not tried.raised:
        if tried.outcome is not None:
            raise Wrong("returns-verdict", f"{got}, and it returned {name_of(tried.outcome)}", function)
        raise Wrong(id, got, function)
    if not isinstance(tried.outcome, AssertionError) and learner.raised_by_hand(tried.outcome):
        shown = f"{type(tried.outcome).__name__}: {tried.outcome}"
        raise Wrong("not-assertion", f"with an agent that is broken: {short(shown)}", function)


def check_reply_is_read(learner: Learner, function: Callable[..., Any], once: Try) -> None:
    """The words that were told are looked for, in the whole reply to the question, and nowhere else."""
    silent = once(Silent)
    if not silent.raised:
        nobody_reads = silent.outcome is None and not once(Deaf).raised
        got = 'it was content with an agent whose every reply was "I cannot say."'
        must_fail(learner, function, silent, "names-nothing" if nobody_reads else "own-words", got)
    misquoting = once(Misquoting)
    if not misquoting.raised and (spoilt := misquoting.agent.model.misquoted):
        from_the_start = once(partial(Misquoting, from_the_start=True))
        id = "earlier-reply" if from_the_start.raised else "names-nothing"
        got = f"it was content although the agent, when asked, said: {name_of(spoilt[0])}"
        must_fail(learner, function, misquoting, id, got)
    _check_word_is_enough(function, once)


def _check_word_is_enough(function: Callable[..., Any], once: Try) -> None:
    """A right reply is right without its full stop; asked for a real model, a function may fail with both."""
    terse = once(Terse)
    if terse.raised and not once(Wrapped).raised:
        shown = short(f"{type(terse.outcome).__name__}: {terse.outcome}")
        got = f"with an agent that only leaves out the last punctuation: {shown}"
        raise Wrong("too-strict", got, function)
