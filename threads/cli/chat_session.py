"""Talking in one registry: picks who answers, lets a message through, and shows the answer.

Each message is a run: it is answered also when this program ends in the middle, and a thread in
which another program speaks is waited for. A person sees the tokens as they come. A program gets the
answer whole, as it was stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from threads import (
    LOCAL,
    Interrupt,
    Message,
    MessagesUnknown,
    Registry,
    Run,
    Runner,
    Thread,
    ThreadsError,
    ThreadTrashed,
)
from threads.cli.agent_loader import Agents, load
from threads.cli.answer_stream import Chunk, stream_answer
from threads.cli.interrupts import last_run, pending_interrupts, print_interrupts, resume_command
from threads.cli.output import on_terminal, print_json, print_text
from threads.cli.sanitize import escape_block, escape_line


class ChatSession:
    """Threads of one registry and the agents that answer in them; close it by `with`."""

    def __init__(
        self, registry: Registry, spec: str | None, said: str | None, *, offline_delay: float = 0.0
    ) -> None:
        self._registry = registry
        self._agents: Agents = load(spec, registry, offline_delay=offline_delay)
        self._said = said
        self._runners: dict[str, Runner] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for runner in self._runners.values():
            runner.close()

    def prepare(self, thread: Thread | None, *, title: str | None = None) -> Thread:
        """The thread ready to be spoken in, made if it is None: somebody is there who answers."""
        if thread is not None and thread.trashed_at is not None:
            raise ThreadTrashed(thread.id)
        agent_id = self._agents.chosen(self._said, thread)
        self._runner(agent_id)  # first, so that an agent that cannot be had leaves no empty thread
        if thread is None:
            return self._registry.create(agent_id=agent_id, title=title)
        if thread.agent_id is None:
            return self._registry.update(thread.id, agent_id=agent_id)
        return thread

    def send(self, thread: Thread, text: str) -> Run:
        """A run that answers the message `text`, which drops a question that is open."""
        agent_id = self._agents.chosen(self._said, thread)
        runner = self._runner(agent_id)
        return runner.start(thread.id, text, agent_id=agent_id, multitask_strategy="enqueue")

    def resume(self, thread: Thread, value: Any = None) -> Run:
        """A run of the agent that asked, which continues with this answer; at a breakpoint there is none."""
        if thread.agent_id is None:
            thread = self.prepare(thread)
        last = last_run(self._registry, thread.id)
        asked_by = None if last is None or self._said is not None else last.agent_id
        known = asked_by is not None and asked_by in self._agents.ids
        agent_id = str(asked_by) if known else self._agents.chosen(self._said, thread)
        return self._runner(agent_id).resume(thread.id, value)

    def regenerate_or_retry(self, thread: Thread) -> Run:
        """A run that answers the last message anew; one that failed goes on where it broke."""
        runner = self._runner(self._agents.chosen(self._said, thread))
        last = last_run(self._registry, thread.id)
        if last is not None and last.status == "error":
            return runner.retry(thread.id)
        return runner.regenerate(thread.id)

    def retry(self, thread: Thread) -> Run:
        """The last run, which failed, going on where it broke; `NothingToResume` if it did not fail."""
        return self._runner(self._agents.chosen(self._said, thread)).retry(thread.id)

    def print_answer(self, run: Run, *, json: bool = False, how: str | None = None) -> None:
        """Show the answer, to a person while it comes, to a program whole, and then what the agent asks.

        `how`: how to answer that, if not by a command.
        """
        if on_terminal() and not json:
            _print_chunks(stream_answer(run))
            self._print_interrupts(run.thread_id, how)
        else:
            reply, message = self._complete_answer(run)
            questions = self._print_interrupts(run.thread_id, how)
            told = {"thread_id": run.thread_id, "reply": reply, "message": message, "interrupts": questions}
            print_json(told) if json else print_text(escape_block(reply))
        with suppress(ThreadsError):  # the answer is shown: what cannot be noted now is unread, no more
            run.mark_read(LOCAL.reader)

    def _complete_answer(self, run: Run) -> tuple[str, Message | None]:
        """The answer once it is complete, and the last message that it consists of."""
        heard = "".join(piece.text for piece in stream_answer(run) if not piece.is_call)
        try:
            messages = self._registry.messages(run.thread_id).items
        except MessagesUnknown:
            return heard, None
        asked = max((place for place, each in enumerate(messages) if each.role == "user"), default=-1)
        since = [each for each in messages[asked + 1 :] if each.run_id in (run.id, None)]
        stored = [each for each in since if each.role == "assistant"]
        return "\n\n".join(each.text for each in stored if each.text), stored[-1] if stored else None

    def _runner(self, agent_id: str) -> Runner:
        if agent_id not in self._runners:
            self._runners[agent_id] = Runner(self._registry, {agent_id: self._agents.graph(agent_id)})
        return self._runners[agent_id]

    def _print_interrupts(self, thread_id: str, how: str | None) -> tuple[Interrupt, ...]:
        """Show the questions that the agent asks, if it does."""
        questions = pending_interrupts(self._registry, thread_id)
        print_interrupts(questions, how or resume_command(thread_id, questions))
        return questions


def _print_chunks(pieces: Iterable[Chunk]) -> None:
    """Every piece at once when it comes; whatever happens, the line is ended."""
    inside = False
    try:
        for piece in pieces:
            if inside and (piece.is_call or piece.begins):
                print_text()
                inside = False
            if piece.is_call:
                print_text(f"calls {escape_line(piece.text)}", dim=True)
            else:
                print_text(escape_block(piece.text), end=False)
                inside = not piece.text.endswith("\n")
    finally:
        if inside:
            print_text()
