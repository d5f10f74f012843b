"""Exercise 02, task 1: what must be true of a thread manager."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import threads
from checker.agent_check import check_agent
from checker.agents import config, run_and_catch, user_input
from checker.findings import CheckFailed
from checker.learner import Learner, name_of
from checker.watched_manager import find_registry_path, open_manager

MANY = 120
"""More than one page, and more than a page that somebody made a little longer."""


def check_manager(learner: Learner) -> None:
    before = set(Path().iterdir())
    with open_manager(learner) as (manager, agent):
        if left := sorted(set(Path().iterdir()) - before):
            raise CheckFailed("leaves-file", f"the file {left[0]} was made", learner.create_thread_manager)
        first = _new(learner, manager, "Ann")
        _check_ids(learner, manager, first)
        _check_lookup(learner, manager, first)
        with open_manager(learner) as (
            other,
            probed,
        ):  # of its own: no manager need list threads it never opened
            _check_apart(learner, manager, other)
            check_agent(probed, learner.create_multi_thread_agent)
        _check_activity(learner, manager, agent)
        _check_all_listed(learner, manager, first)
        _check_second_manager(learner, first)
        place = find_registry_path(manager)
    if place and place.exists():
        raise CheckFailed("leaves-file", f"the file {place} is left behind", learner.create_thread_manager)


def _new(
    learner: Learner, manager: Any, customer: str, thread_id: str | None = None, strangers: Any = None
) -> Any:
    """A new thread; without an id, it must not be the one that is the `strangers`' already."""
    method = learner.ThreadManager.create_thread
    arguments = (customer,) if thread_id is None else (customer, thread_id)
    thread = learner.made(manager.create_thread(*arguments), method)
    found = _id_of(thread, method)
    if not isinstance(found, str) or not found or found == "None":
        raise CheckFailed("no-id", f"create_thread({customer!r}) gave {name_of(thread)}", method)
    if strangers is not None and found == strangers.thread_id:
        raise CheckFailed("constant-id", f"{strangers.customer} and {customer} both got {found!r}", method)
    if getattr(thread, "customer", None) != customer:
        raise CheckFailed("wrong-customer", f"create_thread({customer!r}) gave {name_of(thread)}", method)
    return thread


def _id_of(thread: Any, method: Any) -> Any:
    if not hasattr(thread, "thread_id"):
        raise CheckFailed("no-thread-info", f"{method.__name__} gave {name_of(thread)}", method)
    return thread.thread_id


def _check_ids(learner: Learner, manager: Any, first: Any) -> None:
    method = learner.ThreadManager.create_thread
    try:
        _new(learner, manager, "Ben", strangers=first)
    except CheckFailed:
        raise
    except Exception as error:  # the first customer's id, refused to the second
        raise CheckFailed("constant-id", f"after one for Ann, one for Ben: {error}", method) from error
    try:
        again = _new(learner, manager, "Ann")
    except threads.ThreadExists as error:
        got = f"a second conversation of Ann is refused: there is a thread {error.thread_id!r}"
        raise CheckFailed("id-from-name", got, method) from error
    if again.thread_id == first.thread_id:
        raise CheckFailed("id-from-name", f"two conversations of Ann both got {first.thread_id!r}", method)
    named = _new(learner, manager, "Ann", "ann_session")
    if named.thread_id != "ann_session":
        raise CheckFailed("id-ignored", f"asked for 'ann_session', got {named.thread_id!r}", method)
    try:
        _new(learner, manager, "Ann", "ann_session")
    except Exception as error:
        raise CheckFailed("same-id-refused", f"asked again for 'ann_session': {error}", method) from error
    taken, returned = run_and_catch(lambda: manager.create_thread("Ben", "ann_session"))
    if not taken:
        raise CheckFailed(
            "taken-id", f"Ben asked for Ann's 'ann_session' and got {name_of(returned)}", method
        )


def _check_lookup(learner: Learner, manager: Any, first: Any) -> None:
    method = learner.ThreadManager.get_thread_info
    info = learner.made(manager.get_thread_info(first.thread_id), method)
    if (getattr(info, "thread_id", None), getattr(info, "customer", None)) != (first.thread_id, "Ann"):
        raise CheckFailed("wrong-info", f"asked for {first.thread_id!r} of Ann, got {name_of(info)}", method)
    refused, returned = run_and_catch(lambda: manager.get_thread_info("nobody_opened_this"))
    if not refused:
        raise CheckFailed(
            "unknown-id-accepted", f"get_thread_info('nobody_opened_this') gave {name_of(returned)}", method
        )


def _check_activity(learner: Learner, manager: Any, agent: Any) -> None:
    opened = [_new(learner, manager, name).thread_id for name in ("Cleo", "Dan", "Eve")]
    before = manager.get_thread_info(opened[0])
    agent.invoke(user_input("Good morning"), config(opened[0]))
    method = learner.ThreadManager.update_thread_activity
    info = learner.made(manager.update_thread_activity(opened[0]), method)
    _check_times(before, info, manager.get_thread_info(opened[0]), method)
    if getattr(info, "message_count", None) not in (2, None):
        raise CheckFailed(
            "stale-count", f"one question, one answer, and message_count is {info.message_count}", method
        )
    method = learner.ThreadManager.list_active_threads
    listed = [_id_of(each, method) for each in learner.made(manager.list_active_threads(), method)]
    if missing := [each for each in opened if each not in listed]:
        raise CheckFailed(
            "list-misses", f"{len(missing)} of 3 threads just opened are not in the list", method
        )
    if listed[0] != opened[0]:
        raise CheckFailed(
            "list-order", f"spoken in last: {opened[0]!r}; first in the list: {listed[0]!r}", method
        )


def _check_times(before: Any, info: Any, again: Any, method: Any) -> None:
    """Only relations between them: who keeps a book may keep it by a clock of its own.

    `before` somebody spoke, the `info` when it was asked for, and what is told `again` a moment later.
    """
    created, active = (getattr(info, name, None) for name in ("created_at", "last_active"))
    if active is None:
        raise CheckFailed("no-activity", "somebody spoke, and then last_active is None", method)
    if active != again.last_active:
        got = f"nobody spoke in between: {method.__name__} says {active}, get_thread_info {again.last_active}"
        raise CheckFailed("activity-invented", got, method)
    if created is None or created != before.created_at:
        got = f"created_at was {before.created_at} before somebody spoke, and {created} afterwards"
        raise CheckFailed("times-mixed", got, method)
    if active == before.last_active:
        got = f"last_active was {active} before somebody spoke, and is the same afterwards"
        raise CheckFailed("no-activity", got, method)


def _check_all_listed(learner: Learner, manager: Any, first: Any) -> None:
    method = learner.ThreadManager.list_active_threads
    opened = {first.thread_id} | {
        _new(learner, manager, f"Customer {number}").thread_id for number in range(MANY)
    }
    listed = [_id_of(each, method) for each in manager.list_active_threads()]
    if missing := opened.difference(listed):
        got = f"{len(listed)} threads, and {len(missing)} of those that were opened are not among them"
        raise CheckFailed("list-short", got, method)


def _check_apart(learner: Learner, manager: Any, other: Any) -> None:
    """Before the other one is closed: what they share would be closed for both."""
    here, there = (getattr(each, "registry", None) for each in (manager, other))
    if other is manager or (here is not None and here is there):
        shared = "manager" if other is manager else "registry"
        got = f"called twice, create_thread_manager gave the same {shared} twice"
        raise CheckFailed("shared-between-managers", got, learner.create_thread_manager)


def _check_second_manager(learner: Learner, first: Any) -> None:
    with open_manager(learner) as (manager, _):
        listed = [each.thread_id for each in manager.list_active_threads()]
    if first.thread_id in listed:
        got = f"a manager made a moment ago lists {len(listed)} threads of another one"
        raise CheckFailed("shared-between-managers", got, learner.ThreadManager)
