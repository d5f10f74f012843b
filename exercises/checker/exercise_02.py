"""Exercise 02, many threads: what must be true of the conversations, the test and the demonstration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from typing import Any

from checker.agents import Forgetful, Leaking, OneForAll, SilentTo, Wrapped, remembered
from checker.desks import WatchedManager, desk
from checker.findings import Wrong
from checker.learner import Learner, name_of
from checker.managers import check_manager
from checker.trying import Attempt, attempt, check_reply_is_read, must_fail

Diagnosis = Callable[[Callable[..., Any], Wrapped, WatchedManager], None]


def _watch(
    learner: Learner,
    function: Callable[..., Any],
    reasons: Iterable[Diagnosis],
    others: Iterable[Diagnosis],
    of_failure: Iterable[Diagnosis] = (),
) -> Any:
    """Run the learner's function at a desk of its own, diagnose what was said there; what it returned.

    If the function's own check fails, `reasons` go first: then the check is only a symptom; and then those
    `of_failure`, which mean nothing as long as it holds. The `others` can be told only of a conversation that
    came to its end.
    """
    with desk(learner) as (manager, agent):
        overheard, watched = Wrapped(agent), WatchedManager(manager)
        returned, failed = None, None
        try:
            returned = function(overheard, watched)
        except AssertionError as error:
            failed = error
        if not overheard.said:
            raise Wrong("nobody-spoke", "the agent that was handed in was not asked anything", function)
        for each in overheard.said:
            if each.thread_id not in watched.customers:
                got = f"somebody spoke in {each.thread_id!r}, which the manager did not open"
                raise Wrong("not-opened", got, function, each.call)
        for each in overheard.said:
            if missing := set(each.texts) - set(remembered(agent, each.thread_id)):
                got = f"{min(missing)!r} is not in {each.thread_id!r}"
                raise Wrong("not-remembered", got, function, each.call)
        for diagnose in reasons:
            diagnose(function, overheard, watched)
        if failed:
            for diagnose in of_failure:
                diagnose(function, overheard, watched)
            raise failed
        for diagnose in others:
            diagnose(function, overheard, watched)
    return returned


def _once(learner: Learner, function: Callable[..., Any], kind: Callable[[Any], Wrapped]) -> Attempt:
    """One call with a broken agent, at a desk of its own."""
    with desk(learner) as (manager, agent):
        return attempt(function, kind, agent, manager)


def _once_for(
    learner: Learner, function: Callable[..., Any], kind: Callable[..., Wrapped], customer: str
) -> Attempt:
    """One call with an agent that is broken in the threads of this customer only."""
    with desk(learner) as (manager, agent):
        watched = WatchedManager(manager)
        broken = partial(kind, reaches=lambda thread_id: watched.customers.get(thread_id) == customer)
        return attempt(function, broken, agent, watched)


def _must_check_each(
    learner: Learner, function: Callable[..., Any], kind: Callable[..., Wrapped], customers: Iterable[str]
) -> None:
    """The agent is wrong with one customer at a time, and right with all others."""
    for customer in customers:
        what = "forgotten" if kind is Forgetful else 'told "I cannot say."'
        got = f"it was content although {customer} was {what}"
        must_fail(learner, function, _once_for(learner, function, kind, customer), "one-unchecked", got)


class _CameBack:
    """A diagnosis that finds nothing: it notes who spoke in a thread again after another customer."""

    def __init__(self) -> None:
        self.customers: dict[str, None] = {}

    def __call__(self, function: Callable[..., Any], overheard: Wrapped, watched: WatchedManager) -> None:
        order = [each.thread_id for each in overheard.said]
        for at, (before, here) in enumerate(pairwise(order)):
            if here != before and here in order[:at]:
                self.customers[watched.customers[here]] = None


def _spoken(overheard: Wrapped) -> dict[Any, list[str]]:
    """What was said in each thread."""
    spoken: dict[Any, list[str]] = {each.thread_id: [] for each in overheard.said}
    for each in overheard.said:
        spoken[each.thread_id].append(each.text.casefold())
    return spoken


def _mixture(function: Callable[..., Any], overheard: Wrapped, watched: WatchedManager) -> None:
    """Nobody speaks in a thread that was opened for another."""
    for thread_id, texts in _spoken(overheard).items():
        own = watched.customers[thread_id]
        is_there = any(own.casefold() in text for text in texts)
        for other in set(watched.customers.values()) - {own}:
            calls = [
                each.call
                for each in overheard.said
                if each.thread_id == thread_id and other.casefold() in each.text.casefold()
            ]
            if calls:
                got = f"{own} and {other} both spoke in {thread_id!r}"
                if not is_there:
                    got = f"{other} spoke in {thread_id!r}, which was opened for {own}"
                raise Wrong("two-in-one" if is_there else "swapped-ids", got, function, calls[0])


def _introduced(function: Callable[..., Any], overheard: Wrapped, watched: WatchedManager) -> None:
    """Each says who they are, in the own thread."""
    for thread_id, texts in _spoken(overheard).items():
        own = watched.customers[thread_id]
        if not any(own.casefold() in text for text in texts):
            raise Wrong("no-introduction", f"in {thread_id!r}, {own} never said who they are", function)
    _several(function, overheard, watched)


def _several(function: Callable[..., Any], overheard: Wrapped, watched: WatchedManager) -> None:
    """There is more than one thread, once there was time for a second one."""
    used = _spoken(overheard)
    if len(used) < 2 and len(overheard.said) > 2:
        raise Wrong("one-thread-for-all", f"everything was said in {next(iter(used))!r}", function)


def _asked(function: Callable[..., Any], overheard: Wrapped, watched: WatchedManager) -> None:
    """Each speaks again."""
    for thread_id, texts in _spoken(overheard).items():
        if len(texts) < 2:
            got = f"{watched.customers[thread_id]} spoke once in {thread_id!r}, and that was all"
            raise Wrong("never-asked", got, function)


def _turns(function: Callable[..., Any], overheard: Wrapped, watched: WatchedManager) -> None:
    """They speak in turns."""
    order = [each.thread_id for each in overheard.said]
    if sum(here != before for before, here in pairwise(order)) < 3:
        shown = ", ".join(watched.customers[each] for each in order)
        raise Wrong("not-in-turns", f"they spoke in this order: {shown}", function)


def _returns(function: Callable[..., Any], overheard: Wrapped, watched: WatchedManager) -> None:
    """Somebody comes back after another one has spoken, and a wrong id is tried."""
    order = [each.thread_id for each in overheard.said]
    came_back = any(
        here != before and here in order[:at] for at, (before, here) in enumerate(pairwise(order))
    )
    if not came_back and all(watched.opened.count(each) > 1 for each in watched.opened):
        got = f"{len(order)} messages in {len(set(order))} threads: each visit opened a new one"
        raise Wrong("new-thread-each-visit", got, function)
    if not came_back:
        raise Wrong("never-returns", "nobody came back after another customer had spoken", function)
    if not watched.refused:
        raise Wrong("no-invalid-id", "the manager was not asked for any id it does not know", function)


def _new_again(function: Callable[..., Any], overheard: Wrapped, watched: WatchedManager) -> None:
    """Whoever came back last was heard in another thread before."""
    last = overheard.said[-1].thread_id
    customer = watched.customers[last]
    before = {each.thread_id for each in overheard.said if watched.customers[each.thread_id] == customer}
    if len(before) > 1 and [each.thread_id for each in overheard.said].count(last) == 1:
        got = f"{customer} spoke in {len(before)} threads, the last time in a new one"
        raise Wrong("new-thread-each-visit", got, function)


def check_conversations(learner: Learner) -> None:
    function = learner.run_parallel_conversations
    _watch(learner, function, (_mixture, _introduced), (_asked, _turns, came_back := _CameBack()))
    once = partial(_once, learner, function)
    got = "it was content with an agent that forgets everything at once"
    must_fail(learner, function, once(Forgetful), "blind", got)
    must_fail(learner, function, once(OneForAll), "blind", "it was content with one memory for all")
    check_reply_is_read(learner, function, once)
    _must_check_each(learner, function, SilentTo, came_back.customers)


def check_isolation_test(learner: Learner) -> None:
    function = learner.test_thread_isolation
    returned = _watch(learner, function, (_mixture, _introduced), (_asked, _alice_and_bob))
    if returned is not None:
        raise Wrong("returns-verdict", f"with a good agent it returned {name_of(returned)}", function)
    once = partial(_once, learner, function)
    got = "it passed with an agent that forgets everything at once"
    must_fail(learner, function, once(Forgetful), "always-passes", got)
    must_fail(learner, function, once(OneForAll), "always-passes", "it passed with one memory for all")
    check_reply_is_read(learner, function, once)
    _must_check_each(learner, function, SilentTo, ("Alice", "Bob"))
    leaking = once(Leaking)
    got = "it passed although the words of each were in the memory of the other's thread"
    must_fail(learner, function, leaking, "looks-past" if leaking.agent.looks else "answers-only", got)
    for reached, other in (("Alice", "Bob"), ("Bob", "Alice")):
        _try_leak_into(learner, function, reached, other)
    got = "it passed although the other's words stood inside of a message of each thread"
    must_fail(learner, function, once(partial(Leaking, inside="latest")), "counts-only", got)
    tried = once(partial(Leaking, inside="first"))
    if tried.agent.is_looked_at:
        got = "it passed although the other's words stood inside of the first message of each thread"
        must_fail(learner, function, tried, "counts-only", got)


def _try_leak_into(learner: Learner, function: Callable[..., Any], reached: str, other: str) -> None:
    """A proof that looks into one thread only does not see what has leaked into the other."""
    tried = _once_for(learner, function, Leaking, reached)
    got = f"it passed although {other}'s words were in the memory of {reached}'s thread"
    must_fail(learner, function, tried, "one-sided", got)


def _alice_and_bob(function: Callable[..., Any], overheard: Wrapped, watched: WatchedManager) -> None:
    if missing := {"Alice", "Bob"} - set(watched.customers.values()):
        raise Wrong("not-alice-and-bob", f"no thread was opened for {min(missing)}", function)


def check_switching(learner: Learner) -> None:
    function = learner.demonstrate_thread_switching
    _watch(learner, function, (_several,), (_returns, came_back := _CameBack()), of_failure=(_new_again,))
    got = "it was content although nobody who came back was remembered"
    must_fail(learner, function, _once(learner, function, Forgetful), "blind-switching", got)
    _must_check_each(learner, function, Forgetful, came_back.customers)


CHECKS = (check_manager, check_conversations, check_isolation_test, check_switching)
