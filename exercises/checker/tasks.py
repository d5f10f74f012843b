"""The exercises and their tasks: what there is to judge, without the checks, which take seconds to load."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One task of an exercise."""

    title: str
    minutes: int
    functions: tuple[str, ...]
    """What the learner fills in, by name; where to look when nothing better is known."""


EXERCISES: dict[str, tuple[Task, ...]] = {
    "01": (
        Task("An agent that remembers", 15, ("create_memory_agent",)),
        Task("Proof that it does", 20, ("test_context_retention",)),
        Task("A conversation of several turns", 15, ("run_multi_turn_conversation",)),
        Task("A look into the memory", 10, ("inspect_memory_state",)),
    ),
    "02": (
        Task("Thread manager setup", 25, ("ThreadManager", "create_thread_manager")),
        Task("Parallel conversations", 30, ("run_parallel_conversations",)),
        Task("Thread isolation test", 25, ("test_thread_isolation",)),
        Task("Thread switching", 20, ("demonstrate_thread_switching",)),
    ),
    "03": (
        Task("A registry on disk", 15, ("open_registry",)),
        Task("One visit", 20, ("visit",)),
        Task("Proof that a thread outlives the process", 25, ("test_thread_survives_a_restart",)),
        Task("What was there before", 15, ("list_after_restart",)),
    ),
    "stretch": (
        Task("List them all", 15, ("list_threads",)),
        Task("A new conversation for the same customer", 15, ("start_new_conversation",)),
        Task("Notes on a thread", 15, ("note",)),
        Task("Clean up", 25, ("clean_up", "empty_trash")),
    ),
}
