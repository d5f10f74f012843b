"""The stretch goals: what must be true of lists, new conversations, notes and cleaning up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import threads
from agent import build_agent
from checker.agents import config, user_input
from checker.findings import CheckFailed
from checker.learner import Learner, name_of

MANY = 1_100
"""More than the longest page."""
LONG_AGO = datetime(2025, 1, 6, tzinfo=UTC)
NOW = datetime(2025, 6, 2, tzinfo=UTC)
BEFORE = NOW - timedelta(days=30)
COME_BACK = "old-0042"
"""Begun long ago, and spoken in a moment ago."""


@contextmanager
def registry_with_old_threads(count: int) -> Iterator[tuple[threads.Registry, list[datetime]]]:
    """A registry with so many silent threads of long ago, and its clock."""
    clock = [LONG_AGO]
    with threads.open(":memory:", clock=lambda: clock[0]) as registry:
        for number in range(count):
            registry.create(
                id=f"old-{number:04}", metadata={"customer": "Zoe" if number % 10 == 0 else "Max"}
            )
        yield registry, clock


def check_list(learner: Learner) -> None:
    function = learner.list_threads
    with registry_with_old_threads(MANY) as (registry, _):
        listed = [each.id for each in learner.made(function(registry), function)]
        if len(set(listed)) != MANY:
            raise CheckFailed("not-all", f"{len(set(listed))} of {MANY} threads", function)
        if len(listed) != MANY or listed != sorted(listed, reverse=True):
            raise CheckFailed("wrong-order", f"first {listed[:2]}, last {listed[-1:]}", function)
        found = learner.made(function(registry, "Zoe"), function)
        strangers = [each for each in found if each.metadata.get("customer") != "Zoe"]
        if strangers:
            got = f"for Zoe, also a thread of {strangers[0].metadata.get('customer')}"
            raise CheckFailed("strangers", got, function)
        if len(found) != MANY // 10:
            raise CheckFailed("not-all", f"{len(found)} of the {MANY // 10} threads of Zoe", function)


def check_new_conversation(learner: Learner) -> None:
    function = learner.start_new_conversation
    with registry_with_old_threads(0) as (registry, _):
        first = _new(learner, registry, "Ann")
        build_agent("offline", checkpointer=registry.checkpointer).invoke(
            user_input("Hello"), config(first.id)
        )
        second = _new(learner, registry, "Ann", first.id)
        _new(learner, registry, "Ben", first.id, second.id)
        if registry.get(first.id).message_count != 2 or registry.get(first.id).trashed_at:
            raise CheckFailed(
                "old-thread-changed", "the first conversation of Ann is not what it was", function
            )


def _new(learner: Learner, registry: threads.Registry, customer: str, *known: str) -> threads.Thread:
    function = learner.start_new_conversation
    try:
        thread = learner.made(function(registry, customer), function)
    except threads.ThreadExists as error:
        got = f"{customer} asked for a new one, and there is a thread {error.thread_id!r} already"
        raise CheckFailed("old-thread", got, function) from error
    if thread.id in known:
        raise CheckFailed(
            "old-thread", f"{customer} asked for a new one and got {thread.id!r} again", function
        )
    stored = registry.get(thread.id)
    if stored.metadata.get("customer") != customer:
        raise CheckFailed(
            "no-customer", f"{customer}'s new thread has the metadata {dict(stored.metadata)}", function
        )
    if stored.message_count:
        raise CheckFailed(
            "not-empty", f"the new thread has {stored.message_count} messages already", function
        )
    return stored


def check_note(learner: Learner) -> None:
    function = learner.note
    with registry_with_old_threads(0) as (registry, clock):
        thread = registry.create(metadata={"customer": "Ann"})
        learner.made(function(registry, thread.id, order="K-7", mood="calm"), function)
        card: Any = learner.made(function(registry, thread.id, mood="angry"), function)
        metadata = dict(registry.get(thread.id).metadata)
        noted = {"customer": "Ann", "order": "K-7", "mood": "angry"}
        if metadata.items() > noted.items():
            got = f"the metadata also has {', '.join(sorted(metadata.keys() - noted.keys()))}"
            raise CheckFailed("noted-too-much", got, function)
        if metadata != noted:
            raise CheckFailed("notes-lost", f"the thread's metadata is {metadata}", function)
        for name in ("customer", "order", "mood"):
            if card.get(name) != metadata[name]:
                raise CheckFailed("card-incomplete", f"{name!r} is {name_of(card.get(name))}", function)
        clock[0] = NOW
        build_agent("offline", checkpointer=registry.checkpointer).invoke(
            user_input("Hello"), config(thread.id)
        )
        card, now = function(registry, thread.id), registry.get(thread.id)
        times = {"created_at": now.created_at, "last_active": now.updated_at, "message_count": 2}
        for name, value in times.items():
            if card.get(name) != value:
                raise CheckFailed(
                    "card-incomplete", f"{name!r} is {name_of(card.get(name))}, not {value}", function
                )


def check_clean_up(learner: Learner) -> None:
    with registry_with_old_threads(150) as (registry, clock):
        pinned = ["old-0003", "old-0077", "old-0149"]
        for thread_id in pinned:
            registry.update(thread_id, pinned=True)
        clock[0] = BEFORE
        registry.create(id="new-0")  # at that very moment, so not before it
        clock[0] = NOW
        recent = ["new-0", *(registry.create(id=f"new-{number}").id for number in range(1, 5))]
        agent = build_agent("offline", checkpointer=registry.checkpointer)
        agent.invoke(user_input("Hello again"), config(COME_BACK))
        expected = {f"old-{number:04}" for number in range(150)} - {*pinned, COME_BACK}
        _check_trashed(learner, registry, expected, {*pinned, *recent, COME_BACK})
        _check_erased(learner, registry, clock, expected, recent)


def _check_trashed(
    learner: Learner, registry: threads.Registry, expected: set[str], spared: set[str]
) -> None:
    function = learner.clean_up
    reported = sorted(learner.made(function(registry, BEFORE), function))
    left = {each.id for each in registry.list(limit=1000)}
    trashed = {each.id for each in registry.list(limit=1000, trashed=True)}
    if wrong := sorted(spared - left):
        if wrong == [COME_BACK]:
            got = f"{COME_BACK!r} is gone; it was begun long ago, and somebody spoke in it a moment ago"
            raise CheckFailed("cleaned-by-age", got, function)
        why = "pinned" if wrong[0].startswith("old") else "not active before that moment"
        raise CheckFailed("cleaned-too-much", f"{wrong[0]!r} is gone, and it was {why}", function)
    if forgotten := expected & left:
        raise CheckFailed(
            "cleaned-too-little", f"{len(forgotten)} of {len(expected)} are still there", function
        )
    if gone := expected - trashed:
        raise CheckFailed("erased-at-once", f"{len(gone)} threads are not in the trash but erased", function)
    if reported != sorted(expected):
        raise CheckFailed(
            "ids-not-told", f"it told of {len(reported)} threads, {len(expected)} are in the trash", function
        )


def _check_erased(
    learner: Learner, registry: threads.Registry, clock: list[datetime], expected: set[str], recent: list[str]
) -> None:
    function = learner.empty_trash
    registry.trash(COME_BACK)  # which is listed first: it was spoken in last
    expected = expected | {COME_BACK}
    thrown = {recent[0]: NOW + timedelta(days=1), recent[1]: NOW + timedelta(days=3)}
    for thread_id, clock[0] in thrown.items():
        registry.trash(thread_id)
    reported = sorted(learner.made(function(registry, thrown[recent[0]]), function))
    trashed = {each.id for each in registry.list(limit=1000, trashed=True)}
    if gone := sorted(thrown.keys() - trashed):
        moment = "at that moment, not before it," if gone[0] == recent[0] else "later"
        got = f"{gone[0]!r} was thrown away {moment} and can no longer be restored"
        raise CheckFailed("cleaned-too-much", got, function)
    listed = {each.id for each in registry.list(limit=1000)}
    if back := expected & listed:
        raise CheckFailed("restored", f"{len(back)} threads of the trash are back in the list", function)
    if left := trashed - thrown.keys():
        raise CheckFailed(
            "cleaned-too-little", f"{len(left)} of {len(expected)} are still in the trash", function
        )
    if reported != sorted(expected):
        raise CheckFailed(
            "ids-not-told", f"it told of {len(reported)} threads, {len(expected)} were erased", function
        )
    if len(listed) != 3 + len(recent) - len(thrown):
        raise CheckFailed("cleaned-too-much", "threads that were not in the trash are gone", function)


CHECKS = (check_list, check_new_conversation, check_note, check_clean_up)
