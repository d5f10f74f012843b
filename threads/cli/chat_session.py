"""Runs of `send`, `resume`, `retry` and `chat`: the agent is chosen, the run started, its answer printed.

A message is queued if another program runs the thread, and a run is recovered by others if this program
ends during it. On a terminal the tokens are printed as they arrive, otherwise the complete answer as it was
stored.
"""

from __future__ import annotations

import signal
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Any, NamedTuple, Self

from threads import (
    LOCAL,
    Event,
    Interrupt,
    Message,
    MessagesUnknown,
    Registry,
    Run,
    RunFailed,
    Runner,
    Thread,
    ThreadsError,
    ThreadTrashed,
)
from threads.cli.agent_loader import LoadedAgents, load_agents
from threads.cli.answers import Answer
from threads.cli.errors import AgentCliError
from threads.cli.interrupts import last_run, print_interrupts, resume_command, waiting_for
from threads.cli.output import on_terminal, print_json, print_note, print_text
from threads.cli.sanitize import escape_block, escape_line

STOP_TIMEOUT = 10.0
"""Seconds that a stopped run may take to store its partial output."""
POLL_INTERVAL = 0.1
"""Seconds between checks for Ctrl+C."""


class Chunk(NamedTuple):
    """A part of a streamed answer."""

    text: str
    """Text of the answer; if `is_call`, the name of the tool that is called."""
    is_call: bool = False
    is_first: bool = False
    """Whether it is the first chunk of its message."""


class ChatSession:
    """Starts runs in the threads of one registry, with one runner per agent; a context manager.

    `agent_id`: the agent that the user named; None for that of each thread.
    """

    def __init__(
        self, registry: Registry, spec: str | None, agent_id: str | None, *, offline_delay: float = 0.0
    ) -> None:
        self._registry = registry
        self._agents: LoadedAgents = load_agents(spec, offline_delay=offline_delay)
        self._agent_id = agent_id
        self._runners: dict[str, Runner] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for runner in self._runners.values():
            runner.close()

    def prepare(
        self, thread: Thread | None, *, title: str | None = None, for_message: bool = False
    ) -> Thread:
        """Return the thread with an agent that can be built; create it if it is None.

        `for_message`: the agent must take messages.
        """
        if thread is not None and thread.trashed_at is not None:
            raise ThreadTrashed(thread.id)
        agent_id = self._agents.choose(self._agent_id, thread)
        runner = self._runner(agent_id)  # first, so that an agent that is refused leaves no empty thread
        if for_message:
            runner._check_takes_messages(agent_id)
        if thread is None:
            return self._registry.create(agent_id=agent_id, title=title)
        if thread.agent_id is None:
            return self._registry.update(thread.id, agent_id=agent_id)
        return thread

    def send(self, thread: Thread, text: str) -> Run:
        """Start a run with the message `text`, which discards a pending interrupt."""
        agent_id = self._agents.choose(self._agent_id, thread)
        runner = self._runner(agent_id)
        return runner.start(thread.id, text, agent_id=agent_id, multitask_strategy="enqueue")

    def resume(self, thread: Thread, answer: Answer | None) -> Run:
        """Start a run that continues the interrupted agent with this answer; at a breakpoint with None."""
        if thread.agent_id is None:
            thread = self.prepare(thread)
        agent_id = self._interrupted_agent(thread)
        value = () if answer is None else (answer,)
        return self._runner(agent_id).resume(thread.id, *value, agent_id=agent_id)

    def regenerate_or_retry(self, thread: Thread) -> Run:
        """Continue the last run if it failed, otherwise answer the last message again."""
        last = last_run(self._registry, thread.id)
        if last is not None and last.status == "error":
            return self.retry(thread)
        return self._runner(self._agents.choose(self._agent_id, thread)).regenerate(thread.id)

    def retry(self, thread: Thread) -> Run:
        """Continue the failed last run. Raises `NothingToResume` if it did not fail."""
        agent_id = self._interrupted_agent(thread)
        return self._runner(agent_id).retry(thread.id, agent_id=agent_id)

    def print_answer(self, run: Run, *, json: bool = False, command: str | None = None) -> None:
        """Print the answer, streamed on a terminal, otherwise complete, and then what the agent waits for.

        `command`: what answers that, if not `threads resume`.
        """
        if on_terminal() and not json:
            _print_chunks(stream_answer(run))
            self._print_interrupts(run.thread_id, command)
        else:
            reply, message = self._complete_answer(run)
            questions = self._print_interrupts(run.thread_id, command)
            result = {"thread_id": run.thread_id, "reply": reply, "message": message, "interrupts": questions}
            print_json(result) if json else print_text(escape_block(reply))
        if run.status == "stopped":
            print_note("The run was stopped before it finished; its partial output is stored.")
        with suppress(ThreadsError):  # the answer was printed; it merely stays unread
            run.mark_read(LOCAL.reader)

    def _complete_answer(self, run: Run) -> tuple[str, Message | None]:
        """Wait for the answer; return its text and its last message, as they were stored."""
        streamed = "".join(chunk.text for chunk in stream_answer(run) if not chunk.is_call)
        try:
            messages = self._registry.messages(run.thread_id).items
        except MessagesUnknown:
            return streamed, None
        question = max((place for place, each in enumerate(messages) if each.role == "user"), default=-1)
        since = [each for each in messages[question + 1 :] if each.run_id in (run.id, None)]
        stored = [each for each in since if each.role == "assistant"]
        return "\n\n".join(each.text for each in stored if each.text), stored[-1] if stored else None

    def _interrupted_agent(self, thread: Thread) -> str:
        """Return the agent that the user named, else that of the last run, else the thread's own."""
        last = last_run(self._registry, thread.id)
        interrupted = None if last is None or self._agent_id is not None else last.agent_id
        is_loaded = interrupted is not None and interrupted in self._agents.ids
        return str(interrupted) if is_loaded else self._agents.choose(self._agent_id, thread)

    def _runner(self, agent_id: str) -> Runner:
        if agent_id not in self._runners:
            self._runners[agent_id] = self._agents.runner(self._registry, [agent_id])
        return self._runners[agent_id]

    def _print_interrupts(self, thread_id: str, command: str | None) -> tuple[Interrupt, ...]:
        """Print and return the pending interrupts and breakpoints."""
        questions = waiting_for(self._registry, thread_id)
        how = resume_command(thread_id, questions, command or "threads resume", with_id=command is None)
        print_interrupts(questions, how)
        return questions


def _print_chunks(chunks: Iterable[Chunk]) -> None:
    """Print each chunk as it arrives; the line is ended even after an error."""
    inside = False
    try:
        for chunk in chunks:
            if inside and (chunk.is_call or chunk.is_first):
                print_text()
                inside = False
            if chunk.is_call:
                print_text(f"calls {escape_line(chunk.text)}", dim=True)
            else:
                print_text(escape_block(chunk.text), end=False)
                inside = not chunk.text.endswith("\n")
    finally:
        if inside:
            print_text()


def stream_answer(run: Run) -> Iterator[Chunk]:
    """Yield the run's answer as it arrives. Raises `AgentCliError` for errors of the agent.

    Ctrl+C stops the run, which stores its partial output, and then raises `KeyboardInterrupt`.
    """
    try:
        with _deferred_interrupt() as interrupted:
            yield from _chunks(_events(run, interrupted))
            run.result(STOP_TIMEOUT if interrupted.is_set() else None)
            if interrupted.is_set():
                raise KeyboardInterrupt
    except RunFailed as error:
        cause = error.__cause__
        raise (AgentCliError(cause) if isinstance(cause, Exception) else error) from error


def _events(run: Run, interrupted: threading.Event) -> Iterator[Event]:
    """Yield the run's events until it ends, or none after it was stopped."""
    is_stopped = False
    with run.events() as subscription:
        while True:
            event = subscription.wait(POLL_INTERVAL)
            if event is None and subscription.is_over:
                return
            if interrupted.is_set() and not is_stopped:
                is_stopped = True
                run.stop()
            if event is not None and event.run_id == run.id:
                if not is_stopped:
                    yield event
                if run.ends_with(event):
                    return


@contextmanager
def _deferred_interrupt() -> Iterator[threading.Event]:
    """Set an event at Ctrl+C instead of raising, which could happen anywhere, for instance with a lock held.

    Pressed a second time it raises.
    """
    interrupted = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def set_or_raise(number: int, frame: FrameType | None) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    signal.signal(signal.SIGINT, set_or_raise)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _chunks(events: Iterator[Event]) -> Iterator[Chunk]:
    last: Any = None
    streamed: defaultdict[Any, str] = defaultdict(str)
    """What was streamed of messages that are not complete."""
    for event in events:
        if event.type == "token":
            id, text = event.data["message_id"], event.data["text"]
        elif event.type == "tool_started":
            yield Chunk(event.data["name"], is_call=True)
            continue
        elif event.type == "message" and event.data["message"]["role"] == "assistant":
            message = event.data["message"]
            id, text = message["id"], message["text"]
            if id not in streamed:  # a node may make a message of its own of what the model streamed
                id = next((each for each, begun in streamed.items() if text.startswith(begun)), id)
            # the complete message follows its tokens: print only what they did not contain
            begun = streamed.pop(id, "")
            text = text[len(begun) :] if text.startswith(begun) else text
        else:
            continue
        if text:
            yield Chunk(text, is_first=id != last)
            last = id
            if event.type == "token":
                streamed[id] += text
