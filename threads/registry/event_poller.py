"""`EventPoller`: one thread reads new events from the event log and hands them to all subscribers.

It polls the table, so events that another process stored are seen too. It never waits for a subscriber: one
that is too slow reads what it missed from the table.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from threads.background import log_failure, start_thread
from threads.errors import ThreadsError
from threads.models import Event
from threads.store.changes import ListChange
from threads.store.event_log import Topic
from threads.store.transaction import Store

POLL_INTERVAL = 0.02
"""Seconds between two reads of the log, for events of other processes; `wake` announces those of this one."""
DELETION_CHECK_INTERVAL = 0.5
"""Seconds between two checks whether the threads that are subscribed to still exist."""
BATCH_SIZE = 2000
"""Events that one read returns at most."""
MANY_CHANGES = 100
"""Changes between two polls from which on a subscriber is notified once to read the whole list again."""


class Subscriber(Protocol):
    """Receives events. Its methods run on the poller thread and must not block."""

    topic: Topic
    wants_changes: bool
    """Whether it receives `changed` events, too."""

    def receive(self, events: list[Event]) -> None:
        """Take new events of the topic, in order."""

    def end(self) -> None:
        """Take note that no more events will come: the thread was deleted or the registry closed."""


class EventPoller:
    """Polls the event log of `store` while there are subscribers."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changed = threading.Condition()
        self._subscribers: set[Subscriber] = set()
        self._by_topic: dict[Topic, set[Subscriber]] = {}
        self._position = 0
        self._change_serial = 0
        self._is_due = False
        self._is_running = False
        self._is_closed = False

    def subscribe(self, subscriber: Subscriber) -> None:
        """Hand all events from now on to the subscriber; end it at once if the registry is closed."""
        with self._changed:
            if self._is_closed:
                return subscriber.end()
            if not self._is_running:
                with self._store.read() as tx:
                    self._position = tx.events.last_position()
                start_thread(self._run, "threads-event-poller", lambda: self._is_closed)
                self._is_running = True
            if subscriber.wants_changes and not self._has_change_reader():
                with self._store.read() as tx:
                    self._change_serial = tx.changes.last_serial()
            self._subscribers.add(subscriber)
            self._by_topic.setdefault(subscriber.topic, set()).add(subscriber)
            return None

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Hand no more events to the subscriber."""
        with self._changed:
            if subscriber in self._subscribers:
                self._subscribers.discard(subscriber)
                of_topic = self._by_topic[subscriber.topic]
                of_topic.discard(subscriber)
                if not of_topic:
                    del self._by_topic[subscriber.topic]

    def wake(self) -> None:
        """Poll now: events were stored by this process."""
        if self._is_running:
            with self._changed:
                self._is_due = True
                self._changed.notify()

    def close(self) -> None:
        """Stop polling and end all subscribers."""
        with self._changed:
            self._is_closed = True
            subscribers = list(self._subscribers)
            self._changed.notify()
        for subscriber in subscribers:
            subscriber.end()

    def _run(self) -> None:
        checked_at = time.monotonic()
        while True:
            with self._changed:
                if not self._is_due:
                    self._changed.wait(POLL_INTERVAL)
                self._is_due = False
                if self._is_closed or not self._subscribers:
                    self._is_running = False
                    return
            try:
                self._poll()
                if self._has_change_reader():
                    self._poll_changes()
                if time.monotonic() - checked_at > DELETION_CHECK_INTERVAL:
                    self._end_deleted()
                    checked_at = time.monotonic()
            except ThreadsError as error:  # closed, or locked for a moment: the next poll reads them
                logging.getLogger(__name__).debug("the event log cannot be read now: %s", error)

    def _poll(self) -> None:
        """Read the events after the last position and hand them to the subscribers of their topics."""
        with self._changed:
            has_owners = any(kind == "owner" for kind, _ in self._by_topic)
        with self._store.read() as tx:
            new = tx.events.list_after(("all", None), self._position, BATCH_SIZE)
            owners = tx.events.list_owners({event.thread_id for event in new}) if has_owners else {}
        if not new:
            return
        self._position = new[-1].position
        self._is_due = self._is_due or len(new) == BATCH_SIZE
        by_topic: dict[Topic, list[Event]] = {("all", None): new}
        for event in new:
            by_topic.setdefault(("thread", event.thread_id), []).append(event)
            if owner := owners.get(event.thread_id):
                by_topic.setdefault(("owner", owner), []).append(event)
        with self._changed:
            deliveries = [
                (subscriber, events)
                for topic, events in by_topic.items()
                for subscriber in self._by_topic.get(topic, ())
            ]
        for subscriber, events in deliveries:
            self._call(subscriber, partial(subscriber.receive, events))

    def _has_change_reader(self) -> bool:
        return any(subscriber.wants_changes for subscriber in list(self._subscribers))

    def _poll_changes(self) -> None:
        """Read the changes of lists since the last ones and hand them to the subscribers that want them."""
        with self._store.read() as tx:
            new = tx.changes.list_after(self._change_serial, BATCH_SIZE)
        if not new:
            return
        self._change_serial = new[-1].serial
        with self._changed:
            self._is_due = True  # there may be more; an empty read is quick
            readers = [each for each in self._subscribers if each.wants_changes]
        for subscriber in readers:
            name = subscriber.topic[1]
            concerned = [each for each in new if name is None or each.concerns(name)]
            if concerned:
                self._call(subscriber, partial(subscriber.receive, changed_events(concerned)))

    def _end_deleted(self) -> None:
        """End the subscribers of threads that were deleted."""
        with self._changed:
            thread_ids = [name for kind, name in self._by_topic if kind == "thread" and name is not None]
        with self._store.read() as tx:
            deleted = tx.events.list_deleted_threads(thread_ids)
        with self._changed:
            ended = [each for id in deleted for each in self._by_topic.get(("thread", id), ())]
        for subscriber in ended:
            self._call(subscriber, subscriber.end)

    def _call(self, subscriber: Subscriber, method: Callable[[], None]) -> None:
        """Call a subscriber's method. One that raises is unsubscribed; the others are not affected."""
        try:
            method()
        except BaseException as error:  # noqa: BLE001  any error of one subscriber is its own
            log_failure("a subscriber of events raised and was unsubscribed", error)
            self.unsubscribe(subscriber)


def changed_events(changes: Sequence[ListChange]) -> list[Event]:
    """Return the `changed` events of these changes; one for all threads where they are many."""
    if len(changes) > MANY_CHANGES:
        return [changed_event("", "many")]
    last = {each.thread_id: each for each in changes if each.change != "read"}
    return [  # a thread that was given to another owner is not removed for those who see both
        changed_event(each.thread_id, each.change)
        for each in changes
        if each.change != "removed" or last[each.thread_id] is each
    ]


def changed_event(thread_id: str, change: str) -> Event:
    """Return an event that is not in the log, so it has no number."""
    return Event(thread_id, 0, 0, "changed", None, {"change": change}, None)
