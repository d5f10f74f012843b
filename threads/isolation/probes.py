"""Where foreign words are searched for after the turns. A new surface is one line in `PROBES`.

What happens during a turn (replies, prompts, tools) is observed by `threads.isolation.callbacks`. The
probes read what is stored: every row with a `thread_id` in any table is searched as raw bytes, so a new
table is covered at once.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threads import Event, MessagesUnknown, Registry, ThreadNotFound
from threads.db.raw_values import thread_values
from threads.isolation.callbacks import INPUT_SURFACES, extract_text
from threads.isolation.driver import EVENTS, REPLY, Participant
from threads.isolation.scenario import COMMON_PHRASE

MAX_STATES = 40
"""States of a thread's history that are decoded; the rows of all states are searched raw."""
MAX_HITS = 1000


@dataclass(frozen=True)
class ProbeContext:
    """One conversation after its turns, with everything needed to read it."""

    participant: Participant
    registry: Registry
    graph: Any
    path: Path
    hits: Mapping[str, Sequence[str]]
    """The search hits for the phrase that all participants send, by thread id."""

    @property
    def thread_id(self) -> str:
        return self.participant.thread_id


@dataclass(frozen=True)
class Probe:
    """`read` yields the texts and blobs of a conversation on `surface`, which may contain its words alone."""

    surface: str
    read: Callable[[ProbeContext], Iterator[str | bytes]]


def _state(context: ProbeContext) -> Iterator[str]:
    if context.graph.checkpointer:
        state = context.graph.get_state(context.participant.config)
        yield extract_text([state.values, [repr(task) for task in state.tasks]])


def _history(context: ProbeContext) -> Iterator[str]:
    if context.graph.checkpointer:
        states = context.graph.get_state_history(context.participant.config)
        for state in itertools.islice(states, MAX_STATES):
            yield extract_text(state.values)


def _rows(context: ProbeContext) -> Iterator[bytes]:
    yield from thread_values(context.path, context.thread_id)


def _thread_row(context: ProbeContext) -> Iterator[str]:
    try:
        thread = context.registry.get(context.thread_id)
    except ThreadNotFound:
        return
    yield extract_text([thread.title, thread.last_message, dict(thread.metadata), thread.tags])


def _messages(context: ProbeContext) -> Iterator[str]:
    try:
        for message in context.registry.messages(context.thread_id):
            yield extract_text([message.text, message.content, [call.args for call in message.tool_calls]])
    except (ThreadNotFound, MessagesUnknown):
        return


def _events(context: ProbeContext) -> Iterator[str]:
    try:
        with context.registry.events(context.thread_id, follow=False, inner=True) as events:
            yield from event_texts(events)
    except ThreadNotFound:
        return


def event_texts(events: Iterable[Event]) -> Iterator[str]:
    """Yield the text of each event, then each message joined from its tokens: they may split a word."""
    streamed: defaultdict[str, str] = defaultdict(str)
    for event in events:
        yield extract_text([event.thread_id, event.type, event.data])
        if event.type == "token":
            streamed[event.data["message_id"]] += event.data["text"]
    yield from streamed.values()


def _runs(context: ProbeContext) -> Iterator[str]:
    try:
        for run in context.registry.runs(context.thread_id):
            yield extract_text([run.thread_id, run.key, run.error])
    except ThreadNotFound:
        return


def _interrupts(context: ProbeContext) -> Iterator[str]:
    try:
        for interrupt in context.registry.interrupts(context.thread_id):
            yield extract_text(interrupt.value)
    except ThreadNotFound:
        return


def _search(context: ProbeContext) -> Iterator[str]:
    yield from context.hits.get(context.thread_id, ())


def search_hits(registry: Registry) -> dict[str, list[str]]:
    """Return the text and snippet of each hit for the phrase that all participants send, by thread id."""
    hits: dict[str, list[str]] = {}
    for hit in registry.search(f'"{COMMON_PHRASE}"', limit=MAX_HITS, patience=None):
        text = hit.message.text if hit.message is not None else hit.thread.title
        hits.setdefault(hit.thread.id, []).append(f"{text}\n{hit.snippet}")
    return hits


PROBES = (
    Probe("state", _state),
    Probe("history", _history),
    Probe("rows of the database", _rows),
    Probe("titles and previews", _thread_row),
    Probe("messages", _messages),
    Probe("search", _search),
    Probe(EVENTS, _events),
    Probe("runs", _runs),
    Probe("questions", _interrupts),
)
"""In the order in which they run."""
TURN_SURFACES = (REPLY, *INPUT_SURFACES)
"""The surfaces of a turn. An application has these alone; a graph also has what a run returns."""
