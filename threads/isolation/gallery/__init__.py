"""Agents that leak, each by one mistake that people make, and agents that do not although they look it.

The audit is tested on them, and they are shown to an audience by `python -m threads.isolation.demo`. Each
is written the way it is found in the wild, module-level state and all; do not copy from `leaking`.
"""

from __future__ import annotations

from dataclasses import dataclass

LEAKING = "threads.isolation.gallery.leaking"
HIDDEN = "threads.isolation.gallery.hidden"
FORGETFUL = "threads.isolation.gallery.forgetful"
INNOCENT = "threads.isolation.gallery.innocent"


@dataclass(frozen=True)
class Exhibit:
    """An agent by its `spec`, with the code of the mistake that the audit has to name; None: innocent."""

    name: str
    spec: str
    mistake: str | None
    surface: str = "replies"
    """Where the leak shows at the latest."""
    also: str | None = None
    """Another mistake that it may be found by as well."""


def _exhibits(module: str, **mistakes: str | None) -> tuple[Exhibit, ...]:
    return tuple(Exhibit(name.replace("_", " "), f"{module}:{name}", code) for name, code in mistakes.items())


LEAKERS = (
    *_exhibits(
        LEAKING,
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
    Exhibit("progress of everybody", f"{LEAKING}:progress_of_everybody", "module-memory", "events"),
    *_exhibits(
        HIDDEN,
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
    Exhibit("after a failure", f"{HIDDEN}:after_a_failure", "shared-memory", also="current-thread"),
    Exhibit("draft in pieces", f"{HIDDEN}:draft_in_pieces", "closure-memory", "events"),
)
FORGETFULS = _exhibits(
    FORGETFUL,
    saver_per_call="saver-per-call",
    no_checkpointer="no-checkpointer",
    checkpointer_not_handed_on="no-checkpointer",
)
INNOCENTS = _exhibits(
    INNOCENT,
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
"""None of these leaks; some do what looks like it from afar."""
