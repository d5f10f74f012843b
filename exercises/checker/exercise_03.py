"""Exercise 03, a thread outlives the process: what has to be in the file when a program has ended."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import Any

import threads
from agent import build_agent
from checker.agents import config, run_and_catch, user_input
from checker.findings import CheckFailed
from checker.learner import Learner, name_of
from checker.trials import Trial, must_fail

MANY = 120
"""More than one page, and more than a page that somebody made a little longer."""


@contextmanager
def folder() -> Iterator[Path]:
    """A folder of its own. What a learner left open may still be in it, which Windows does not like."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        yield Path(place)


def words_in(path: Path, thread_id: str) -> list[str]:
    """The texts in the file's thread, whoever wrote them."""
    if not path.exists():
        return []
    with threads.open(path) as registry:
        try:
            return [message.text for message in registry.messages(thread_id)]
        except threads.ThreadNotFound:
            return []


def ids_in(path: Path) -> list[str]:
    """The threads in the file; none if there is no file."""
    if not path.exists():
        return []
    with threads.open(path) as registry:
        return [thread.id for thread in registry.list()]


def speak(registry: threads.Registry, thread_id: str, text: str) -> None:
    build_agent("offline", checkpointer=registry.checkpointer).invoke(user_input(text), config(thread_id))


def check_registry(learner: Learner) -> None:
    function = learner.open_registry
    with folder() as place:
        path = place / "shop.db"
        registry = learner.made(function(path), function)
        if not isinstance(registry, threads.Registry):
            raise CheckFailed("no-registry", name_of(registry), function)
        speak(registry, "probe", "My code word is kingfisher.")
        registry.close()
        if not words_in(path, "probe"):
            there = sorted(each.name for each in place.iterdir())
            raise CheckFailed(
                "not-in-the-file", f"shop.db was asked for; there is {there or 'no file'}", function
            )
        again = learner.made(function(path), function)
        again.close()
        if not words_in(path, "probe"):
            raise CheckFailed("file-emptied", "opened again, the file holds nothing of before", function)


def check_visit(learner: Learner) -> None:
    function = learner.visit
    with folder() as place:
        path = place / "shop.db"
        reply = learner.made(function(path, "first", "My code word is kingfisher."), function)
        if (place / "shop.db-wal").exists():
            raise CheckFailed("left-open", "the file was still open when visit had returned", function)
        stored = words_in(path, "first")
        if not stored and (elsewhere := ids_in(path)):
            raise CheckFailed(
                "visits-mixed", f"it went to the thread {elsewhere[0]!r}, not to 'first'", function
            )
        if not stored or "kingfisher" not in stored[0]:
            raise CheckFailed(
                "not-in-the-file", f"in the thread that was spoken in: {stored or 'nothing'}", function
            )
        if reply != stored[-1]:
            raise CheckFailed(
                "wrong-reply", f"{name_of(reply)}, and the agent said {name_of(stored[-1])}", function
            )
        reply = _visit_again(learner, path)
        if reply != (last := words_in(path, "first")[-1]):
            got = f"at the second visit {name_of(reply)}, and the agent said {name_of(last)}"
            raise CheckFailed("wrong-reply", got, function)
        function(path, "second", "What is my code word?")
        counts = [len(words_in(path, thread_id)) for thread_id in ("first", "second")]
        if counts != [4, 2]:
            got = f"after two visits in one thread and one in another they hold {counts} messages"
            raise CheckFailed("visits-mixed", got, function)


def _visit_again(learner: Learner, path: Path) -> Any:
    """As a process of its own would do; it names the exit code and the last line of the error."""
    try:
        return learner.visit_in_new_process(path, "first", "What is my code word?")
    except AssertionError as error:
        raise CheckFailed("second-visit-fails", str(error), learner.visit) from error


@contextmanager
def replaced_function(learner: Learner, name: str, function: Callable[..., Any]) -> Iterator[None]:
    """The learner's program with another function under this name."""
    names: Any = learner.names
    before = names[name]
    names[name] = function
    try:
        yield
    finally:
        names[name] = before


def check_restart_test(learner: Learner) -> None:
    """With visits that are noted, with visits that forget, and with visits to one thread for all."""
    function = learner.test_thread_survives_a_restart
    visits: list[tuple[Path, str]] = []
    replies: list[str] = []

    def visit(path: Path, thread_id: str, text: str) -> Any:
        visits.append((Path(path), thread_id))
        return learner.visit(path, thread_id, text)

    def visit_new_file(path: Path, thread_id: str, text: str) -> Any:
        with folder() as place:
            return learner.visit(place / "new.db", thread_id, text)

    def visit_one_thread(path: Path, thread_id: str, text: str) -> Any:
        """Each reply in other words, so that nobody finds the mixture by comparing whole replies."""
        replies.append(learner.visit(path, "everybody", text))
        return f"{replies[-1]} ({len(replies)})"

    with folder() as place, replaced_function(learner, "visit_in_new_process", visit):
        failed, returned = None, None
        try:
            returned = function(place)
        except AssertionError as error:
            failed = error
    if len(visits) < 2:
        raise CheckFailed("no-restart", f"visits by visit_in_new_process: {len(visits)}", function)
    if len(set(visits)) == len(visits):
        _check_one_file(visits, function)
        raise CheckFailed("never-returns", "no thread was visited twice", function)
    if failed:
        raise failed
    if len({thread_id for _, thread_id in visits}) < 2:
        raise CheckFailed("one-thread-only", f"all visits were in {visits[0][1]!r}", function)
    if returned is not None:
        raise CheckFailed("returns-verdict", f"it returned {name_of(returned)}", function)
    for replacement, got in (
        (visit_new_file, "it passed although the file was new at each visit"),
        (visit_one_thread, "it passed although all visits went to one thread"),
    ):
        with folder() as place, replaced_function(learner, "visit_in_new_process", replacement):
            tried = Trial(*run_and_catch(lambda place=place: function(place)), None)  # type: ignore[misc]
        if not tried.raised:
            _check_one_file(visits, function)
        id = "always-passes" if replacement is visit_new_file else "others-unasked"
        must_fail(learner, function, tried, id, got)


def _check_one_file(visits: list[tuple[Path, str]], function: Callable[..., Any]) -> None:
    """Two files share no thread, whatever the agent does."""
    if len(files := {path.name for path, _ in visits}) > 1:
        raise CheckFailed("two-files", f"the visits were made to {' and '.join(sorted(files))}", function)


def check_list(learner: Learner) -> None:
    function = learner.list_after_restart
    with folder() as place:
        path = place / "shop.db"
        with threads.open(path) as registry:
            silent = [registry.create(title=f"Number {number}") for number in range(MANY)]
            speak(registry, "ann", "Good morning")
            speak(registry, "ben", "Where is my parcel?")
            speak(registry, "ann", "Good bye")
            registry.update("ben", title="A parcel")
        expected = [("ann", "Good morning", 4), ("ben", "A parcel", 2)]
        expected += [(each.id, each.title, 0) for each in reversed(silent)]
        listed = [tuple(each) for each in learner.made(function(path), function)]
        if not listed:
            raise CheckFailed(
                "list-empty", f"an empty list, and there are {len(expected)} threads in the file", function
            )
        if listed == expected[: len(listed)] != expected:
            got = f"{len(listed)} threads, and there are {len(expected)} in the file"
            raise CheckFailed("list-short", got, function)
        for here, there in zip_longest(listed, expected):
            if here != there:
                raise CheckFailed("list-wrong", f"{name_of(here)} where {name_of(there)} belongs", function)


CHECKS = (check_registry, check_visit, check_restart_test, check_list)
