"""Which mistake a leak looks like, from what was seen in the fewest steps that show it.

First the ids that the graphs were really run with: where two users share one, that is the leak. Then the
way of the word: by the store, by a tool, by a cached answer, or by memory beside the state; for the last
two the steps are played once more with other words, and the program is asked where it keeps the word.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.base import BaseStore

from threads.isolation.callbacks import HANDED, MODEL, NODE, TOOL_CALL, TOOL_RESULT, text_of
from threads.isolation.canaries import found_in
from threads.isolation.driver import REPLY
from threads.isolation.object_graph import held
from threads.isolation.observations import Sighting
from threads.isolation.scenario import Script, Step
from threads.isolation.simulation import World

NOBODY = ("None", "null", "", "undefined")


@dataclass(frozen=True)
class Case:
    """A leak, with what is needed to find its cause."""

    whole: World
    """The play of the attack in which it was seen."""
    small: World
    """The play of the fewest steps."""
    leak: Sighting
    only_at_once: bool
    """Whether it is gone where the same steps are taken in turn."""
    leaks: Callable[[Script], bool]
    """Plays a script once more."""

    @property
    def owner(self) -> int:
        """Whose word it is."""
        return self.small.owners[self.leak.word]


def diagnose(case: Case) -> tuple[str, str | None]:
    """The code of the mistake, and where the program keeps the word if that is the point."""
    by_id = _by_ids(case)
    if by_id is not None:
        return by_id, None
    if case.only_at_once:
        return "current-thread", None
    by_inner_id = _by_inner_ids(case)
    if by_inner_id is not None:
        return by_inner_id, None
    if _is_cached(case):
        return "llm-cache" if _model_was_asked(case) else "input-cache", None
    place = held(_agent(case), _holds(case.leak.word))
    if place is None and _in_store(case):
        return "shared-store", None
    if _first_surface(case) in (TOOL_RESULT, TOOL_CALL):
        return "tool-state", place.label if place else None
    if place is not None:
        return f"{place.kind}-memory", place.label
    return ("none-thread-id" if _ran_without_id(case) else "shared-memory"), None


def _by_ids(case: Case) -> str | None:
    """What the thread ids alone tell."""
    ids = case.small.sightings.thread_ids
    shared = set(ids.get(case.owner, ())) & set(ids.get(case.leak.who, ()))
    if not shared or _is_heir(case):
        return None
    if case.only_at_once:
        return "current-thread"
    everybody = case.whole.sightings.thread_ids.values()
    if all(len(found) == 1 for found in everybody) and len(set().union(*everybody)) == 1:
        return "none-thread-id" if shared & {*NOBODY} else "constant-thread-id"
    has_moved = any(len(found) > 1 for found in (*everybody, *ids.values()))
    return "swapped-ids" if has_moved else "id-from-name"


def _is_heir(case: Case) -> bool:
    """Whether the audit itself gave one's id to the other, once the thread was deleted."""
    talks = case.small.talks
    return talks[case.owner].thread == talks[case.leak.who].thread


def _by_inner_ids(case: Case) -> str | None:
    """What the ids tell in a checkpointer of the agent's own, that of a graph which it calls itself.

    A run within a run is reported with the id of the outer one, so only what is stored tells its own.
    """
    found = held(_agent(case), lambda value: isinstance(value, InMemorySaver))
    if found is None:
        return None
    saver, told = found.value, dict[str, set[str]]()
    for thread in tuple(saver.storage):
        head = saver.get_tuple({"configurable": {"thread_id": thread}})  # a history may be long
        if head is not None:
            told[str(thread)] = set(found_in(text_of(head.checkpoint["channel_values"])))
    used = [words for words in told.values() if words & set(case.small.owners)]
    if len(used) != 1 or all(len(_speakers(world, used[0])) < 2 for world in (case.small, case.whole)):
        return None
    if any(words is used[0] for thread, words in told.items() if thread in NOBODY):
        return "none-thread-id"
    return "constant-thread-id" if len([words for words in told.values() if words]) == 1 else "id-from-name"


def _speakers(world: World, words: set[str]) -> set[int]:
    return {world.owners[word] for word in words if word in world.owners}


def _agent(case: Case) -> Any:
    return case.small.voice.graph or case.small.stage.target.made


def _ran_without_id(case: Case) -> bool:
    return not case.small.sightings.thread_ids and any(turn.began for _, turn in case.small.turns)


def _in_store(case: Case) -> bool:
    """Whether a store has the word, by which it came to another: its namespace or a search is too wide."""
    return any(case.leak.word in text for store in _stores(case) for text in _items(store))


def _stores(case: Case) -> Iterator[BaseStore]:
    graph = case.small.voice.graph
    if graph is not None and graph.store is not None:
        yield graph.store
    found = held(
        _agent(case),
        lambda value: isinstance(value, BaseStore) and value is not getattr(graph, "store", None),
    )
    if found is not None:
        yield found.value


def _items(store: BaseStore) -> Iterator[str]:
    for space in store.list_namespaces(limit=1000):
        for item in store.search(space, limit=1000):
            yield repr([item.key, item.value])


def _is_cached(case: Case) -> bool:
    """Whether the word came out of nothing, and nothing comes so if no two messages are the same."""
    reader = case.leak.who
    if case.small.sightings.has(reader, case.leak.word, HANDED) and _first_surface(case) in HANDED:
        return False
    script = case.small.script.only(tuple(step for step, _ in case.small.done))
    steps = tuple(map(_other, script.steps))
    return steps != script.steps and not case.leaks(script.only(steps)) and case.leaks(script)


def _other(step: Step) -> Step:
    """The same turn with a message that nobody else sends."""
    return replace(step, verb="tell") if step.verb in ("ask", "greet") else step


def _model_was_asked(case: Case) -> bool:
    [*_, last] = [turn for step, turn in case.small.turns if step.who == case.leak.who]
    return "model" in last.began


def _first_surface(case: Case) -> str:
    """Where the word was first seen in the reader's conversation."""
    order = (TOOL_RESULT, TOOL_CALL, MODEL, NODE, REPLY)
    mine = [each for each in case.small.sightings.seen.values() if each.who == case.leak.who]
    return next((each.surface for each in mine if each.word == case.leak.word and each.surface in order), "")


def _holds(word: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and word in value


def savers_alive(kind: type) -> list[Any]:
    """The objects of a kind that the process holds at this moment."""
    return [each for each in gc.get_objects() if issubclass(type(each), kind)]
