"""Diagnosis of a leak: which mistake explains the observations of the fewest steps that leak.

First come the thread ids that graphs were run with: if two users share one, that is the mistake. Otherwise
the path of the word decides: a store, a tool, a cache, or state outside of the graph's. For caches the
steps are played again with other messages; for state the objects of the program are searched for the word.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.base import BaseStore

from threads.isolation.callbacks import (
    INPUT_SURFACES,
    MODEL_INPUT,
    NODE_INPUT,
    TOOL_ARGUMENTS,
    TOOL_RESULT,
    extract_text,
)
from threads.isolation.canaries import find_canaries
from threads.isolation.driver import REPLY
from threads.isolation.object_graph import find_reference
from threads.isolation.observations import Observation
from threads.isolation.scenario import Scenario, Step, Verb
from threads.isolation.simulation import Simulation

MISSING_IDS = ("None", "null", "", "undefined")
STORE_LIMIT = 1000
"""Namespaces, and items of each, that are read from a store."""


@dataclass(frozen=True)
class LeakCase:
    """A leak, with what is needed to find its cause."""

    full: Simulation
    """The simulation of the attack in which the leak was observed."""
    minimal: Simulation
    """The simulation of the fewest steps that leak."""
    leak: Observation
    needs_concurrency: bool
    """Whether the same steps taken in turn do not leak."""
    leaks_again: Callable[[Scenario], bool]
    """Plays a scenario and returns whether it leaks."""

    @property
    def owner(self) -> int:
        """The index of the participant whose word leaked."""
        return self.minimal.word_owners[self.leak.word]

    @property
    def agent(self) -> Any:
        """The graph, or the application."""
        return self.minimal.driver.graph or self.minimal.setup.target.value


def diagnose(case: LeakCase) -> tuple[str, str | None]:
    """Return the code of the mistake, and the place in the program that keeps the word if one was found."""
    by_id = _diagnose_thread_ids(case)
    if by_id is not None:
        return by_id, None
    if case.needs_concurrency:
        return "current-thread", None
    by_inner_id = _diagnose_inner_ids(case)
    if by_inner_id is not None:
        return by_inner_id, None
    if _is_cached(case):
        return "llm-cache" if _model_was_called(case) else "input-cache", None
    place = find_reference(case.agent, _contains(case.leak.word))
    if place is None and _is_in_store(case):
        return "shared-store", None
    if _first_surface(case) in (TOOL_RESULT, TOOL_ARGUMENTS):
        return "tool-state", place.label if place else None
    if place is not None:
        return f"{place.kind}-memory", place.label
    return ("none-thread-id" if _ran_without_id(case) else "shared-memory"), None


def _diagnose_thread_ids(case: LeakCase) -> str | None:
    """Return the mistake that the thread ids alone show, if any."""
    ids = case.minimal.observations.thread_ids
    shared = set(ids.get(case.owner, ())) & set(ids.get(case.leak.speaker, ()))
    if not shared or _reuses_deleted_id(case):
        return None
    if case.needs_concurrency:
        return "current-thread"
    all_ids = case.full.observations.thread_ids.values()
    if all(len(each) == 1 for each in all_ids) and len(set().union(*all_ids)) == 1:
        return "none-thread-id" if shared & {*MISSING_IDS} else "constant-thread-id"
    has_changed = any(len(each) > 1 for each in (*all_ids, *ids.values()))
    return "swapped-ids" if has_changed else "id-from-name"


def _reuses_deleted_id(case: LeakCase) -> bool:
    """Return whether the attack itself gave both participants the same id, one after a deletion."""
    participants = case.minimal.participants
    return participants[case.owner].thread_id == participants[case.leak.speaker].thread_id


def _diagnose_inner_ids(case: LeakCase) -> str | None:
    """Return the mistake shown by the ids in the checkpointer of a graph that the agent calls itself.

    Callbacks report a nested run with the id of the outer one, so only the stored checkpoints have the
    inner id.
    """
    found = find_reference(case.agent, lambda value: isinstance(value, InMemorySaver))
    if found is None:
        return None
    saver, words_by_thread = found.value, dict[str, set[str]]()
    for thread_id in tuple(saver.storage):
        head = saver.get_tuple({"configurable": {"thread_id": thread_id}})  # a history may be long
        if head is not None:
            text = extract_text(head.checkpoint["channel_values"])
            words_by_thread[str(thread_id)] = set(find_canaries(text))
    used = [words for words in words_by_thread.values() if words & set(case.minimal.word_owners)]
    if len(used) != 1 or all(len(_owners(each, used[0])) < 2 for each in (case.minimal, case.full)):
        return None
    if any(words is used[0] for thread_id, words in words_by_thread.items() if thread_id in MISSING_IDS):
        return "none-thread-id"
    return (
        "constant-thread-id"
        if len([each for each in words_by_thread.values() if each]) == 1
        else "id-from-name"
    )


def _owners(simulation: Simulation, words: set[str]) -> set[int]:
    return {simulation.word_owners[word] for word in words if word in simulation.word_owners}


def _ran_without_id(case: LeakCase) -> bool:
    return not case.minimal.observations.thread_ids and any(turn.started for _, turn in case.minimal.turns)


def _is_in_store(case: LeakCase) -> bool:
    """Return whether a store contains the word: then its namespace or a search is too wide."""
    return any(case.leak.word in text for store in _stores(case) for text in _items(store))


def _stores(case: LeakCase) -> Iterator[BaseStore]:
    graph = case.minimal.driver.graph
    if graph is not None and graph.store is not None:
        yield graph.store
    found = find_reference(
        case.agent,
        lambda value: isinstance(value, BaseStore) and value is not getattr(graph, "store", None),
    )
    if found is not None:
        yield found.value


def _items(store: BaseStore) -> Iterator[str]:
    for namespace in store.list_namespaces(limit=STORE_LIMIT):
        for item in store.search(namespace, limit=STORE_LIMIT):
            yield repr([item.key, item.value])


def _is_cached(case: LeakCase) -> bool:
    """Return whether the word is in no input of the reader, and leaks only where messages are equal."""
    reader, first = case.leak.speaker, _first_surface(case)
    if case.minimal.observations.contains(reader, case.leak.word, INPUT_SURFACES) and first in INPUT_SURFACES:
        return False
    scenario = case.minimal.scenario.with_steps(tuple(step for step, _ in case.minimal.completed))
    steps = tuple(map(_with_unique_message, scenario.steps))
    if steps == scenario.steps:
        return False
    return not case.leaks_again(scenario.with_steps(steps)) and case.leaks_again(scenario)


def _with_unique_message(step: Step) -> Step:
    """Return the step with a message that no other participant sends."""
    return replace(step, verb=Verb.TELL) if step.verb in (Verb.ASK, Verb.GREET) else step


def _model_was_called(case: LeakCase) -> bool:
    [*_, last] = [turn for step, turn in case.minimal.turns if step.speaker == case.leak.speaker]
    return "model" in last.started


def _first_surface(case: LeakCase) -> str:
    """Return the surface of a turn on which the reader's conversation first shows the word, or ''."""
    surfaces = (TOOL_RESULT, TOOL_ARGUMENTS, MODEL_INPUT, NODE_INPUT, REPLY)
    for each in case.minimal.observations.first_seen.values():
        if (each.speaker, each.word) == (case.leak.speaker, case.leak.word) and each.surface in surfaces:
            return each.surface
    return ""


def _contains(word: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and word in value


def live_instances(kind: type) -> list[Any]:
    """Return the instances of a class that exist in this process now."""
    return [each for each in gc.get_objects() if issubclass(type(each), kind)]
