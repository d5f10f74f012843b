"""Exercise 02, task 1: what must be true of a thread manager."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from checker.agents import config, noticed, said
from checker.desks import desk
from checker.findings import Wrong
from checker.learner import Learner, name_of
from checker.probing import check_agent


def check_manager(learner: Learner) -> None:
    before = set(Path().iterdir())
    with desk(learner) as (manager, agent):
        if left := sorted(set(Path().iterdir()) - before):
            raise Wrong("leaves-file", f"the file {left[0]} was made", learner.create_thread_manager)
        first = _new(learner, manager, "Ann")
        _check_ids(learner, manager, first)
        _check_lookup(learner, manager, first)
        with desk(learner) as (_, probed):  # of its own: no manager need list threads it never opened
            check_agent(probed, learner.create_multi_thread_agent)
        _check_activity(learner, manager, agent)
        _check_second_manager(learner, first)


def _new(learner: Learner, manager: Any, customer: str, thread_id: str | None = None) -> Any:
    method = learner.ThreadManager.create_thread
    arguments = (customer,) if thread_id is None else (customer, thread_id)
    thread = learner.made(manager.create_thread(*arguments), method)
    found = _id_of(thread, method)
    if not isinstance(found, str) or not found or found == "None":
        raise Wrong("no-id", f"create_thread({customer!r}) gave {name_of(thread)}", method)
    if getattr(thread, "customer", None) != customer:
        raise Wrong("wrong-customer", f"create_thread({customer!r}) gave {name_of(thread)}", method)
    return thread


def _id_of(thread: Any, method: Any) -> Any:
    if not hasattr(thread, "thread_id"):
        raise Wrong("no-thread-info", f"{method.__name__} gave {name_of(thread)}", method)
    return thread.thread_id


def _check_ids(learner: Learner, manager: Any, first: Any) -> None:
    method = learner.ThreadManager.create_thread
    try:
        other = _new(learner, manager, "Ben")
    except Wrong:
        raise
    except Exception as error:  # the first customer's id, refused to the second
        raise Wrong("constant-id", f"after one for Ann, one for Ben: {error}", method) from error
    if other.thread_id == first.thread_id:
        raise Wrong("constant-id", f"Ann and Ben both got {first.thread_id!r}", method)
    again = _new(learner, manager, "Ann")
    if again.thread_id == first.thread_id:
        raise Wrong("id-from-name", f"two conversations of Ann both got {first.thread_id!r}", method)
    named = _new(learner, manager, "Ann", "ann_session")
    if named.thread_id != "ann_session":
        raise Wrong("id-ignored", f"asked for 'ann_session', got {named.thread_id!r}", method)
    try:
        _new(learner, manager, "Ann", "ann_session")
    except Exception as error:
        raise Wrong("same-id-refused", f"asked again for 'ann_session': {error}", method) from error
    taken, returned = noticed(lambda: manager.create_thread("Ben", "ann_session"))
    if not taken:
        raise Wrong("taken-id", f"Ben asked for Ann's 'ann_session' and got {name_of(returned)}", method)


def _check_lookup(learner: Learner, manager: Any, first: Any) -> None:
    method = learner.ThreadManager.get_thread_info
    info = learner.made(manager.get_thread_info(first.thread_id), method)
    if (getattr(info, "thread_id", None), getattr(info, "customer", None)) != (first.thread_id, "Ann"):
        raise Wrong("wrong-info", f"asked for {first.thread_id!r} of Ann, got {name_of(info)}", method)
    refused, returned = noticed(lambda: manager.get_thread_info("nobody_opened_this"))
    if not refused:
        raise Wrong(
            "unknown-id-accepted", f"get_thread_info('nobody_opened_this') gave {name_of(returned)}", method
        )


def _check_activity(learner: Learner, manager: Any, agent: Any) -> None:
    opened = [_new(learner, manager, name).thread_id for name in ("Cleo", "Dan", "Eve")]
    agent.invoke(said("Good morning"), config(opened[0]))
    method = learner.ThreadManager.update_thread_activity
    info = learner.made(manager.update_thread_activity(opened[0]), method)
    if getattr(info, "last_active", None) is None:
        raise Wrong("no-activity", f"somebody spoke, and then: {name_of(info)}", method)
    if getattr(info, "message_count", None) not in (2, None):
        raise Wrong(
            "stale-count", f"one question, one answer, and message_count is {info.message_count}", method
        )
    method = learner.ThreadManager.list_active_threads
    listed = [_id_of(each, method) for each in learner.made(manager.list_active_threads(), method)]
    if missing := [each for each in opened if each not in listed]:
        raise Wrong("list-misses", f"{len(missing)} of 3 threads just opened are not in the list", method)
    if listed[0] != opened[0]:
        raise Wrong("list-order", f"spoken in last: {opened[0]!r}; first in the list: {listed[0]!r}", method)


def _check_second_manager(learner: Learner, first: Any) -> None:
    with desk(learner) as (manager, _):
        listed = [each.thread_id for each in manager.list_active_threads()]
    if first.thread_id in listed:
        got = f"a manager made a moment ago lists {len(listed)} threads of another one"
        raise Wrong("shared-between-managers", got, learner.ThreadManager)
