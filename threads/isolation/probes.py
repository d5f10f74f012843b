"""Where foreign words are looked for once the turns are over. A new surface is one line in `SURFACES`.

What goes on during a turn (replies, prompts, tools) is seen by `threads.isolation.callbacks`. Here is what
stays: every row with a `thread_id` in any table of the database is searched as raw bytes, so that a table
that comes later is covered from its first day.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threads import Event, MessagesUnknown, Registry, ThreadNotFound
from threads.isolation.callbacks import HANDED, text_of
from threads.isolation.driver import EVENTS, REPLY, Conversation
from threads.isolation.scenario import COMMON

STATES = 40
"""How many states of a thread's history are decoded; the rows behind all of them are searched raw."""
HITS = 1000


@dataclass(frozen=True)
class Place:
    """One conversation, after its turns, with all that gives access to it."""

    talk: Conversation
    registry: Registry
    graph: Any
    path: Path
    hits: Mapping[str, Sequence[str]]
    """What a search for the words that all users say finds, by thread."""


@dataclass(frozen=True)
class Surface:
    """`look` yields the texts and blobs that belong to the conversation, and should hold its words alone."""

    name: str
    look: Callable[[Place], Iterator[str | bytes]]


def _state(place: Place) -> Iterator[str]:
    if place.graph.checkpointer:
        state = place.graph.get_state(place.talk.config)
        yield text_of([state.values, [repr(task) for task in state.tasks]])


def _history(place: Place) -> Iterator[str]:
    if place.graph.checkpointer:
        for state in itertools.islice(place.graph.get_state_history(place.talk.config), STATES):
            yield text_of(state.values)


def _rows(place: Place) -> Iterator[str | bytes]:
    with closing(sqlite3.connect(f"{place.path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        tables = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        for (table,) in connection.execute(tables).fetchall():
            quoted = '"' + table.decode().replace('"', '""') + '"'
            columns = {column[1] for column in connection.execute(f"PRAGMA table_info({quoted})")}
            if b"thread_id" in columns:
                rows = connection.execute(f"SELECT * FROM {quoted} WHERE thread_id = ?", (place.talk.thread,))
                yield from (value for row in rows for value in row if isinstance(value, bytes))


def _titles(place: Place) -> Iterator[str]:
    try:
        row = place.registry.get(place.talk.thread)
    except ThreadNotFound:
        return
    yield text_of([row.title, row.last_message, dict(row.metadata), row.tags])


def _messages(place: Place) -> Iterator[str]:
    try:
        for message in place.registry.messages(place.talk.thread):
            yield text_of([message.text, message.content, [call.args for call in message.tool_calls]])
    except (ThreadNotFound, MessagesUnknown):
        return


def _events(place: Place) -> Iterator[str]:
    try:
        with place.registry.events(place.talk.thread, follow=False) as events:
            yield from texts_of(events)
    except ThreadNotFound:
        return


def texts_of(events: Iterable[Event]) -> Iterator[str]:
    """The text of each event, and of each message that came in pieces: a word may be cut in two."""
    pieces: defaultdict[str, str] = defaultdict(str)
    for event in events:
        yield text_of([event.thread_id, event.type, event.data])
        if event.type == "token":
            pieces[event.data["message_id"]] += event.data["text"]
    yield from pieces.values()


def _runs(place: Place) -> Iterator[str]:
    try:
        for run in place.registry.runs(place.talk.thread):
            yield text_of([run.thread_id, run.key, run.error])
    except ThreadNotFound:
        return


def _questions(place: Place) -> Iterator[str]:
    try:
        for question in place.registry.interrupts(place.talk.thread):
            yield text_of(question.value)
    except ThreadNotFound:
        return


def _found(place: Place) -> Iterator[str]:
    yield from place.hits.get(place.talk.thread, ())


def hits_of(registry: Registry) -> dict[str, list[str]]:
    """Messages and titles that are found by what every user says, by the thread they are found in."""
    found: dict[str, list[str]] = {}
    for hit in registry.search(f'"{COMMON}"', limit=HITS, patience=None):
        said = hit.message.text if hit.message is not None else hit.thread.title
        found.setdefault(hit.thread.id, []).append(f"{said}\n{hit.snippet}")
    return found


SURFACES = (
    Surface("state", _state),
    Surface("history", _history),
    Surface("rows of the database", _rows),
    Surface("titles and previews", _titles),
    Surface("messages", _messages),
    Surface("search", _found),
    Surface(EVENTS, _events),
    Surface("runs", _runs),
    Surface("questions", _questions),
)
"""In the order of looking."""
IN_TURNS = (REPLY, *HANDED)
"""The surfaces of a turn; an application has these alone, a graph also has what a run returns."""
