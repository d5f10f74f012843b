"""Exercise 02, many threads: checks of the conversations, the test and the demonstration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from typing import Any

from checker.agents import (
    ForgettingAgent,
    LeakingAgent,
    PartlySilentAgent,
    RecordingAgent,
    SharedThreadAgent,
    stored_texts,
)
from checker.findings import CheckFailed
from checker.learner import Learner, name_of
from checker.managers import check_manager
from checker.trials import Trial, check_reply_is_used, must_fail, run_trial
from checker.watched_manager import WatchedManager, open_manager

Diagnosis = Callable[[Callable[..., Any], RecordingAgent, WatchedManager], None]


def _watch(
    learner: Learner,
    function: Callable[..., Any],
    reasons: Iterable[Diagnosis],
    others: Iterable[Diagnosis],
    of_failure: Iterable[Diagnosis] = (),
) -> Any:
    """Run the learner's function with a new manager, diagnose its calls, and return its result.

    If the function's own check fails, `reasons` are tried first, because then that failure is only a
    symptom, and then `of_failure`, which mean nothing without a failure. The `others` need a conversation
    that was completed.
    """
    with open_manager(learner) as (manager, agent):
        recorder, watched = RecordingAgent(agent), WatchedManager(manager)
        returned, failed = None, None
        try:
            returned = function(recorder, watched)
        except AssertionError as error:
            failed = error
        if not recorder.calls:
            raise CheckFailed("nobody-spoke", "the agent that was handed in was not asked anything", function)
        for each in recorder.calls:
            if each.thread_id not in watched.customers:
                got = f"somebody spoke in {each.thread_id!r}, which the manager did not open"
                raise CheckFailed("not-opened", got, function, each.call)
        for each in recorder.calls:
            if missing := set(each.texts) - set(stored_texts(agent, each.thread_id)):
                got = f"{min(missing)!r} is not in {each.thread_id!r}"
                raise CheckFailed("not-remembered", got, function, each.call)
        for diagnose in reasons:
            diagnose(function, recorder, watched)
        if failed:
            for diagnose in of_failure:
                diagnose(function, recorder, watched)
            raise failed
        for diagnose in others:
            diagnose(function, recorder, watched)
    return returned


def _once(learner: Learner, function: Callable[..., Any], kind: Callable[[Any], RecordingAgent]) -> Trial:
    """Run one trial with a broken agent and a new manager."""
    with open_manager(learner) as (manager, agent):
        return run_trial(function, kind, agent, manager)


def _once_for(
    learner: Learner, function: Callable[..., Any], kind: Callable[..., RecordingAgent], customer: str
) -> Trial:
    """Run one trial with an agent that is broken in the threads of this customer only."""
    with open_manager(learner) as (manager, agent):
        watched = WatchedManager(manager)
        partly_broken = partial(kind, reaches=lambda thread_id: watched.customers.get(thread_id) == customer)
        return run_trial(function, partly_broken, agent, watched)


def _must_check_each(
    learner: Learner,
    function: Callable[..., Any],
    kind: Callable[..., RecordingAgent],
    customers: Iterable[str],
) -> None:
    """Require a failure for an agent that is wrong with one customer, for each customer in turn."""
    for customer in customers:
        what = "forgotten" if kind is ForgettingAgent else 'told "I cannot say."'
        got = f"it was content although {customer} was {what}"
        must_fail(learner, function, _once_for(learner, function, kind, customer), "one-unchecked", got)


class _ReturningCustomers:
    """A diagnosis that finds nothing and records which customers used a thread again after another one."""

    def __init__(self) -> None:
        self.customers: dict[str, None] = {}

    def __call__(
        self, function: Callable[..., Any], recorder: RecordingAgent, watched: WatchedManager
    ) -> None:
        order = [each.thread_id for each in recorder.calls]
        for at, (before, here) in enumerate(pairwise(order)):
            if here != before and here in order[:at]:
                self.customers[watched.customers[here]] = None


def _texts_by_thread(recorder: RecordingAgent) -> dict[Any, list[str]]:
    """Return the user messages of each thread in lower case."""
    texts: dict[Any, list[str]] = {each.thread_id: [] for each in recorder.calls}
    for each in recorder.calls:
        texts[each.thread_id].append(each.text.casefold())
    return texts


def _check_own_threads(
    function: Callable[..., Any], recorder: RecordingAgent, watched: WatchedManager
) -> None:
    """Require that each customer uses their own thread."""
    for thread_id, texts in _texts_by_thread(recorder).items():
        own = watched.customers[thread_id]
        is_there = any(own.casefold() in text for text in texts)
        for other in set(watched.customers.values()) - {own}:
            calls = [
                each.call
                for each in recorder.calls
                if each.thread_id == thread_id and other.casefold() in each.text.casefold()
            ]
            if calls:
                got = f"{own} and {other} both spoke in {thread_id!r}"
                if not is_there:
                    got = f"{other} spoke in {thread_id!r}, which was opened for {own}"
                raise CheckFailed("two-in-one" if is_there else "swapped-ids", got, function, calls[0])


def _check_introductions(
    function: Callable[..., Any], recorder: RecordingAgent, watched: WatchedManager
) -> None:
    """Require that each customer says their name in their own thread."""
    for thread_id, texts in _texts_by_thread(recorder).items():
        own = watched.customers[thread_id]
        if not any(own.casefold() in text for text in texts):
            raise CheckFailed("no-introduction", f"in {thread_id!r}, {own} never said who they are", function)
    _check_several_threads(function, recorder, watched)


def _check_several_threads(
    function: Callable[..., Any], recorder: RecordingAgent, watched: WatchedManager
) -> None:
    """Require a second thread once there are more than two messages."""
    used = _texts_by_thread(recorder)
    if len(used) < 2 and len(recorder.calls) > 2:
        raise CheckFailed("one-thread-for-all", f"everything was said in {next(iter(used))!r}", function)


def _check_questions(function: Callable[..., Any], recorder: RecordingAgent, watched: WatchedManager) -> None:
    """Require a second message in each thread."""
    for thread_id, texts in _texts_by_thread(recorder).items():
        if len(texts) < 2:
            got = f"{watched.customers[thread_id]} spoke once in {thread_id!r}, and that was all"
            raise CheckFailed("never-asked", got, function)


def _check_alternation(
    function: Callable[..., Any], recorder: RecordingAgent, watched: WatchedManager
) -> None:
    """Require at least three changes of the speaker."""
    order = [each.thread_id for each in recorder.calls]
    if sum(here != before for before, here in pairwise(order)) < 3:
        shown = ", ".join(watched.customers[each] for each in order)
        raise CheckFailed("not-in-turns", f"they spoke in this order: {shown}", function)


def _check_returns(function: Callable[..., Any], recorder: RecordingAgent, watched: WatchedManager) -> None:
    """Require that a customer returns after another one, and that an unknown id is tried."""
    order = [each.thread_id for each in recorder.calls]
    came_back = any(
        here != before and here in order[:at] for at, (before, here) in enumerate(pairwise(order))
    )
    if not came_back and all(watched.opened.count(each) > 1 for each in watched.opened):
        got = f"{len(order)} messages in {len(set(order))} threads: each visit opened a new one"
        raise CheckFailed("new-thread-each-visit", got, function)
    if not came_back:
        raise CheckFailed("never-returns", "nobody came back after another customer had spoken", function)
    if not watched.refused:
        raise CheckFailed("no-invalid-id", "the manager was not asked for any id it does not know", function)


def _check_same_thread(
    function: Callable[..., Any], recorder: RecordingAgent, watched: WatchedManager
) -> None:
    """Find a returning customer who was given a new thread."""
    last = recorder.calls[-1].thread_id
    customer = watched.customers[last]
    before = {each.thread_id for each in recorder.calls if watched.customers[each.thread_id] == customer}
    if len(before) > 1 and [each.thread_id for each in recorder.calls].count(last) == 1:
        got = f"{customer} spoke in {len(before)} threads, the last time in a new one"
        raise CheckFailed("new-thread-each-visit", got, function)


def check_conversations(learner: Learner) -> None:
    function = learner.run_parallel_conversations
    _watch(
        learner,
        function,
        (_check_own_threads, _check_introductions),
        (_check_questions, _check_alternation, came_back := _ReturningCustomers()),
    )
    once = partial(_once, learner, function)
    got = "it was content with an agent that forgets everything at once"
    must_fail(learner, function, once(ForgettingAgent), "blind", got)
    must_fail(learner, function, once(SharedThreadAgent), "blind", "it was content with one memory for all")
    check_reply_is_used(learner, function, once)
    _must_check_each(learner, function, PartlySilentAgent, came_back.customers)


def check_isolation_test(learner: Learner) -> None:
    function = learner.test_thread_isolation
    returned = _watch(
        learner,
        function,
        (_check_own_threads, _check_introductions),
        (_check_questions, _check_alice_and_bob),
    )
    if returned is not None:
        raise CheckFailed("returns-verdict", f"with a good agent it returned {name_of(returned)}", function)
    once = partial(_once, learner, function)
    got = "it passed with an agent that forgets everything at once"
    must_fail(learner, function, once(ForgettingAgent), "always-passes", got)
    must_fail(
        learner, function, once(SharedThreadAgent), "always-passes", "it passed with one memory for all"
    )
    check_reply_is_used(learner, function, once)
    _must_check_each(learner, function, PartlySilentAgent, ("Alice", "Bob"))
    leaking = once(LeakingAgent)
    got = "it passed although the words of each were in the memory of the other's thread"
    must_fail(learner, function, leaking, "looks-past" if leaking.agent.state_reads else "answers-only", got)
    for reached, other in (("Alice", "Bob"), ("Bob", "Alice")):
        _try_leak_into(learner, function, reached, other)
    got = "it passed although the other's words stood inside of a message of each thread"
    must_fail(learner, function, once(partial(LeakingAgent, inside="latest")), "counts-only", got)
    tried = once(partial(LeakingAgent, inside="first"))
    if tried.agent.was_read_after_leak:
        got = "it passed although the other's words stood inside of the first message of each thread"
        must_fail(learner, function, tried, "counts-only", got)


def _try_leak_into(learner: Learner, function: Callable[..., Any], reached: str, other: str) -> None:
    """Require a failure for a leak into one thread: a proof may read the other thread only."""
    tried = _once_for(learner, function, LeakingAgent, reached)
    got = f"it passed although {other}'s words were in the memory of {reached}'s thread"
    must_fail(learner, function, tried, "one-sided", got)


def _check_alice_and_bob(
    function: Callable[..., Any], recorder: RecordingAgent, watched: WatchedManager
) -> None:
    if missing := {"Alice", "Bob"} - set(watched.customers.values()):
        raise CheckFailed("not-alice-and-bob", f"no thread was opened for {min(missing)}", function)


def check_switching(learner: Learner) -> None:
    function = learner.demonstrate_thread_switching
    _watch(
        learner,
        function,
        (_check_several_threads,),
        (_check_returns, came_back := _ReturningCustomers()),
        of_failure=(_check_same_thread,),
    )
    got = "it was content although nobody who came back was remembered"
    must_fail(learner, function, _once(learner, function, ForgettingAgent), "blind-switching", got)
    _must_check_each(learner, function, ForgettingAgent, came_back.customers)


CHECKS = (check_manager, check_conversations, check_isolation_test, check_switching)
