"""The mistakes that the audit can tell apart, each with a description and a remedy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """`code` identifies the mistake in reports; `what` and `remedy` are for people."""

    code: str
    what: str
    remedy: str


MISTAKES = (
    Mistake(
        "constant-thread-id",
        "every user speaks in the same thread: its thread_id is constant",
        "give each conversation an id of its own: registry.create() makes one, thread.config carries it",
    ),
    Mistake(
        "none-thread-id",
        "the thread_id is None for every user, and LangGraph takes that for a thread called 'None'",
        "look the id up with [...] instead of .get(...), so that a missing one is an error; create it first",
    ),
    Mistake(
        "id-from-name",
        "users with similar names share a thread: the thread_id is made from the name",
        "make ids with registry.create() or uuid4 and keep whose they are; never cut, fold or trim a name",
    ),
    Mistake(
        "swapped-ids",
        "users are led to each other's threads: the thread_id of a user changes",
        "keep the thread_id with its user in one place, by key; never by a position that moves",
    ),
    Mistake(
        "current-thread",
        "turns at once are mixed up: what a turn works on is kept where another turn overwrites it",
        "hand the thread's config down as an argument, or keep it in a ContextVar; no global 'current' one",
    ),
    Mistake(
        "module-memory",
        "the agent keeps words in its module, which all threads and all graphs of the process share",
        "keep what is remembered in the graph's state; then the checkpointer keeps it by thread",
    ),
    Mistake(
        "closure-memory",
        "the agent keeps words in a closure or an object that was made once for all threads",
        "keep what is remembered in the graph's state, or make the object anew in each turn",
    ),
    Mistake(
        "tool-state",
        "a tool keeps state that all threads share: it gave one user what another had brought",
        "let the tool read and write the thread's state (InjectedState, Command), or key it by thread_id",
    ),
    Mistake(
        "shared-store",
        "users share a namespace of the store",
        "put the user into the namespace: store.put(('memories', user_id), ...), and search there only",
    ),
    Mistake(
        "input-cache",
        "a cached result of one user was given to another: the cache's key is the input alone",
        "put the thread_id or the user into the key (CachePolicy(key_func=...)), or do not cache",
    ),
    Mistake(
        "llm-cache",
        "a cached answer of the model was given to another user: the prompt was the same, the rest was not",
        "do not cache a model whose answer depends on more than its prompt; put all of it into the prompt",
    ),
    Mistake(
        "shared-memory",
        "words of one user reach another, by a way that could not be told from outside",
        "look for what outlives a turn and is not keyed by the thread_id",
    ),
    Mistake(
        "saver-per-call",
        "it does not remember: a new checkpointer is made for each call",
        "make the checkpointer once, when the program starts, and hand it to the graph",
    ),
    Mistake(
        "no-checkpointer",
        "it does not remember: the graph has no checkpointer",
        "compile it with one: builder.compile(checkpointer=registry.checkpointer)",
    ),
    Mistake(
        "forgets",
        "it does not remember: what a user said in one turn is not there in the next",
        "hand the same checkpointer and the same thread_id to every turn of a conversation",
    ),
)
"""Every mistake a finding can name."""


def get_mistake(code: str) -> Mistake:
    """Return the mistake with this code; StopIteration if there is none."""
    return next(each for each in MISTAKES if each.code == code)
