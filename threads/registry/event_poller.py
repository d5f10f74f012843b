"""The end of the log of events: one thread reads what is new and hands it to all who listen.

It asks the database, so what another process stored is seen as well. Nobody waits for a listener: one
who is too slow is marked as behind and reads what he missed from the table.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Literal, Protocol

from threads.background import log_broken, start_thread
from threads.db.database import Database
from threads.db.queries import statements
from threads.errors import ThreadsError
from threads.models import Event
from threads.store import event_log
from threads.store.mapping import json_of

POLL = 0.02
"""Seconds between two looks at what other processes stored; what this one stores is told by `wake`."""
ROLL_CALL = 0.5
"""Seconds between two looks whether the threads are still there."""
AT_ONCE = 2000


Topic = tuple[Literal["thread", "owner", "all"], str | None]
"""What somebody listens to: a thread, the threads of an owner, or all."""


class Listener(Protocol):
    """Somebody who listens; called from the tail's thread, so nothing here may wait."""

    topic: Topic

    def take(self, happened: list[Event]) -> None:
        """These are new."""

    def end(self) -> None:
        """There will be no more: the thread is gone, or the registry was closed."""


class Tail:
    """Follows the log of `database` while somebody listens."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed = threading.Condition()
        self._listeners: set[Listener] = set()
        self._by_topic: dict[Topic, set[Listener]] = {}
        self._position = 0
        self._stirred = False
        self._running = False
        self._closed = False

    def subscribe(self, listener: Listener) -> None:
        """From now on nothing escapes this listener."""
        with self._changed:
            if self._closed:
                return listener.end()
            if not self._running:
                with self._database.read() as connection:
                    self._position = event_log.last_position(connection)
                start_thread(self._run, "threads-tail", lambda: self._closed)
                self._running = True
            self._listeners.add(listener)
            self._by_topic.setdefault(listener.topic, set()).add(listener)
            return None

    def unsubscribe(self, listener: Listener) -> None:
        """He has heard enough."""
        with self._changed:
            if listener in self._listeners:
                self._listeners.discard(listener)
                mine = self._by_topic[listener.topic]
                mine.discard(listener)
                if not mine:
                    del self._by_topic[listener.topic]

    def wake(self) -> None:
        """Events were stored here just now."""
        if self._running:
            with self._changed:
                self._stirred = True
                self._changed.notify()

    def close(self) -> None:
        """Tell all listeners that this is the end."""
        with self._changed:
            self._closed = True
            listeners = list(self._listeners)
            self._changed.notify()
        for listener in listeners:
            listener.end()

    def _run(self) -> None:
        called = time.monotonic()
        while True:
            with self._changed:
                if not self._stirred:
                    self._changed.wait(POLL)
                self._stirred = False
                if self._closed or not self._listeners:
                    self._running = False
                    return
            try:
                self._hand_out()
                if time.monotonic() - called > ROLL_CALL:
                    self._call_the_roll()
                    called = time.monotonic()
            except ThreadsError as error:  # closed, or locked for a moment: the next look finds it
                logging.getLogger(__name__).debug("the log cannot be read now: %s", error)

    def _hand_out(self) -> None:
        with self._changed:
            has_owners = any(kind == "owner" for kind, _ in self._by_topic)
        with self._database.read() as connection:
            new = event_log.read(connection, ("all", None), self._position, AT_ONCE)
            owners = event_log.owners(connection, {event.thread_id for event in new}) if has_owners else {}
        if not new:
            return
        self._position = new[-1].position
        self._stirred = self._stirred or len(new) == AT_ONCE
        by_topic: dict[Topic, list[Event]] = {("all", None): new}
        for event in new:
            by_topic.setdefault(("thread", event.thread_id), []).append(event)
            if owner := owners.get(event.thread_id):
                by_topic.setdefault(("owner", owner), []).append(event)
        with self._changed:
            told = [(each, found) for key, found in by_topic.items() for each in self._by_topic.get(key, ())]
        for listener, found in told:
            self._tell(listener, partial(listener.take, found))

    def _call_the_roll(self) -> None:
        with self._changed:
            wanted = [name for kind, name in self._by_topic if kind == "thread"]
        with self._database.read() as connection:
            rows = connection.execute(statements("events")["gone"], {"thread_ids": json_of(wanted)})
            gone = {row[0] for row in rows}
        with self._changed:
            told = [listener for id in gone for listener in self._by_topic.get(("thread", id), ())]
        for listener in told:
            self._tell(listener, listener.end)

    def _tell(self, listener: Listener, call: Callable[[], None]) -> None:
        """Call one who listens; if it raises, it hears no more, and the others do."""
        try:
            call()
        except BaseException as error:  # noqa: BLE001  it is one listener's affair
            log_broken("a subscriber of events raised, and gets no more", error)
            self.unsubscribe(listener)
