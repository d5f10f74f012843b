"""Speaking through `threads.Runner`: turns as runs, failing, going on, stopped, edited, asked twice.

Each runner has the file open by a registry of its own, as another process would, and a conversation goes
to one after the other. Events are looked at as they come, too: tokens are gone when their message is stored.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import threads
from threads.isolation.callbacks import Watcher, watching
from threads.isolation.driver import EVENTS, Conversation, Voice
from threads.isolation.probes import texts_of
from threads.isolation.scenario import Verb
from threads.isolation.target_io import asked_for
from threads.runs import Run, Runner


class RunningVoice(Voice):
    """Speaks with a graph through several runners."""

    def __init__(self, plain: Voice, runners: Sequence[Runner]) -> None:
        super().__init__(plain.target, plain.graph, plain.loop, plain.sightings)
        self._turns: defaultdict[str, Iterator[Runner]] = defaultdict(partial(itertools.cycle, runners))
        self._serving: dict[str, Runner] = {}
        """The runner that each thread went to last."""
        self._said: dict[str, tuple[str, str]] = {}
        """The last message of each thread, and its key."""
        self._number = itertools.count()

    def meddling(self, talk: Conversation, verb: Verb) -> Callable[[], None] | None:
        if verb == "stop":
            return lambda: self._stop(talk)
        return super().meddling(talk, verb)

    def answer(self, talk: Conversation, text: str, verb: Verb, watcher: Watcher) -> Any:
        with watching(watcher):
            run = self._begun(talk, text, verb)
        for told in texts_of(run):
            self.sightings.look(talk.who, EVENTS, told)
        return run.result()

    def _begun(self, talk: Conversation, text: str, verb: Verb) -> Run:
        runner = self._serving[talk.thread] = next(self._turns[talk.thread])
        if verb == "retry":
            return runner.retry(talk.thread)
        if verb == "again" and talk.thread in self._said:
            return self._start(runner, talk, *self._said[talk.thread])
        if verb == "edit" and (said := _last_said(runner.registry, talk.thread)):
            return runner.edit(talk.thread, said, text)
        key = str(next(self._number))
        self._said[talk.thread] = text, key
        return self._start(runner, talk, text, key)

    def _start(self, runner: Runner, talk: Conversation, text: str, key: str) -> Run:
        asked = asked_for(self.input(text), text) | self.context(talk)
        return runner.start(
            talk.thread, **asked, key=key, multitask_strategy="enqueue", if_not_exists="create"
        )

    def _stop(self, talk: Conversation) -> None:
        self._serving[talk.thread].stop(talk.thread)


@contextmanager
def running(voice: Voice, registry: threads.Registry, path: Path, types: Any, number: int) -> Iterator[Voice]:
    """A voice that speaks through so many runners on the file; with none, the voice itself."""
    if not number:
        yield voice
        return
    with ExitStack() as stack:
        others = [stack.enter_context(threads.open(path, types=types)) for _ in range(number - 1)]
        runners = [stack.enter_context(Runner(each, voice.graph)) for each in (registry, *others)]
        yield RunningVoice(voice, runners)


def _last_said(registry: threads.Registry, thread_id: str) -> str | None:
    """The id of what the user said last, where the graph has messages."""
    try:
        said = registry.messages(thread_id)
    except (threads.ThreadNotFound, threads.MessagesUnknown):
        return None
    return next((each.id for each in reversed(said.items) if each.role == "user"), None)
