"""Agents that leak between threads by one common mistake each, and similar agents that do not leak.

The tests of `threads audit` and `exercises/isolation_demo.py` use them. The mistakes are written as
they are found in real programs, module-level state included: do not copy from `leaks` and `hidden_leaks`.
In a clone:

    cd exercises && threads audit isolation_gallery.leaks:constant_thread_id
"""

from __future__ import annotations

from dataclasses import dataclass

LEAKS = "isolation_gallery.leaks"
HIDDEN_LEAKS = "isolation_gallery.hidden_leaks"
NO_MEMORY = "isolation_gallery.no_memory"
NO_LEAK = "isolation_gallery.no_leak"


@dataclass(frozen=True)
class GalleryAgent:
    """An agent by its `spec`, with the code of the mistake that the audit must find, or None."""

    name: str
    spec: str
    mistake: str | None
    surface: str = "replies"
    """A surface on which the audit must find the leak."""
    alternative: str | None = None
    """Another code that the audit may report in addition."""


def _agents(module: str, **mistakes: str | None) -> tuple[GalleryAgent, ...]:
    return tuple(
        GalleryAgent(name.replace("_", " "), f"{module}:{name}", code) for name, code in mistakes.items()
    )


LEAKING_AGENTS = (
    *_agents(
        LEAKS,
        constant_thread_id="constant-thread-id",
        id_from_first_name="id-from-name",
        none_id="none-thread-id",
        swapped_ids="swapped-ids",
        global_current_thread="current-thread",
        module_level_list="module-memory",
        closure_memory="closure-memory",
        tool_with_shared_state="tool-state",
        shared_store_namespace="shared-store",
        node_cached_by_its_input="input-cache",
        replies_cached_by_text="input-cache",
        model_cached_by_its_prompt="llm-cache",
    ),
    GalleryAgent("progress of all threads", f"{LEAKS}:progress_of_all_threads", "module-memory", "events"),
    *_agents(
        HIDDEN_LEAKS,
        default_argument="closure-memory",
        class_attribute="module-memory",
        context_variable="module-memory",
        private_attribute="closure-memory",
        in_an_error="closure-memory",
        after_a_delete="module-memory",
        helper_with_one_thread="constant-thread-id",
        search_in_all_namespaces="shared-store",
        id_cut_short="id-from-name",
        yields_its_reply="module-memory",
        returns_an_object="module-memory",
    ),
    GalleryAgent(
        "after a failure", f"{HIDDEN_LEAKS}:after_a_failure", "shared-memory", alternative="current-thread"
    ),
    GalleryAgent("draft in pieces", f"{HIDDEN_LEAKS}:draft_in_pieces", "closure-memory", "events"),
)
AGENTS_WITHOUT_MEMORY = _agents(
    NO_MEMORY,
    saver_per_call="saver-per-call",
    no_checkpointer="no-checkpointer",
    checkpointer_not_handed_on="no-checkpointer",
)
AGENTS_WITHOUT_LEAK = _agents(
    NO_LEAK,
    plain_messages=None,
    without_messages=None,
    only_echoes_its_state=None,
    store_by_user=None,
    slow=None,
    refuses=None,
    sometimes_fails=None,
    greets_by_common_words=None,
    trims_its_messages=None,
    only_async=None,
    application_with_ids_of_its_own=None,
    cache_keyed_by_thread=None,
    cache_of_common_answers=None,
    counts_its_calls=None,
    fails_every_other_time=None,
    application_with_objects=None,
    keyed_by_its_context=None,
)
"""None of these leaks; some resemble agents that do."""
