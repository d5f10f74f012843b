"""Errors: the fact and the remedy as fields, and the text that is made of them."""

from __future__ import annotations

import pytest

import threads
from threads.errors import ThreadsError

ONE_OF_EACH = [
    threads.InvalidThreadId(1, "it is an int"),
    threads.InvalidValue("owner", "it is empty", "None stands for no owner"),
    threads.InvalidCursor("it is damaged"),
    threads.ThreadNotFound("alise", ["alice", "bob; carol"]),
    threads.CheckpointNotFound("a; b", None),
    threads.ThreadMoved("a"),
    threads.ThreadDeleted(),
    threads.ThreadBusy("a"),
    threads.QueueFull("a", 8),
    threads.LeaseLost("a"),
    threads.RunFailed("a", "r", "it failed; try again"),
    threads.KeyReused("a", "k"),
    threads.AlreadyAnswered("a", "r", "running"),
    threads.AlreadyAnswered("a", "r", "error"),
    threads.AgentNotFound(None, ["a"]),
    threads.StateDamaged("a; b"),
    threads.TypeNotAllowed(["shop.Order"]),
    threads.KindNotAllowed("a; b"),
    threads.NewerDatabase("a.db", 9, 1),
    threads.DatabaseNotFound("there is no file a; b.db", "name another"),
    threads.ReadOnly("a; b.db cannot be written", "open it read-only"),
]


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: type(error).__name__)
def test_error_text_is_its_summary_and_its_hint(error: ThreadsError) -> None:
    assert str(error) == "; ".join(filter(None, (error.summary, error.hint)))
    assert error.args == (str(error),)
    assert error.summary


def test_summary_and_hint_may_contain_the_separator() -> None:
    error = threads.ReadOnly("a; b.db cannot be written", "open it; look only")
    assert (error.summary, error.hint) == ("a; b.db cannot be written", "open it; look only")
    assert threads.DatabaseBusy("a; b").summary == "a; b"


def test_unknown_thread_id_carries_the_suggestions() -> None:
    error = threads.ThreadNotFound("alise", ["alice", "alicia"])
    assert error.suggestions == ("alice", "alicia")
    assert error.hint == "did you mean 'alice' or 'alicia'?"
    assert threads.ThreadNotFound("zzz").hint == ""


@pytest.mark.parametrize(
    "error", [threads.StateDamaged("x"), threads.TypeNotAllowed(["a.B"]), threads.KindNotAllowed("x")]
)
def test_unreadable_state_names_its_thread_once(error: threads.StateUnreadable) -> None:
    summary, hint = error.summary, error.hint
    assert error.with_thread("a") is error and error.with_thread("b") is error
    assert error.thread_id == "a"
    assert (error.summary, error.hint) == (f"thread 'a': {summary}", hint)
    assert str(error) == f"thread 'a': {summary}; {hint}" == error.args[0]


def test_errors_of_subclasses_have_the_attributes_of_their_bases() -> None:
    assert threads.KindNotAllowed("x").blocked == ()
    answered = threads.AlreadyAnswered("a", "r", "running")
    assert (answered.thread_id, answered.key, answered.is_under_way) == ("a", None, True)
