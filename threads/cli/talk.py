"""Talking in one registry: picks who answers, lets a message through, and shows the answer.

A person sees the tokens as they come. A program gets the answer whole, as it was stored: what a
graph takes back or rewrites after its model spoke is not told then.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from threads import Message, MessagesUnknown, Registry, Thread, ThreadTrashed
from threads.cli.agents import Agents, load
from threads.cli.answering import Piece, answer, questions
from threads.cli.output import note, say
from threads.cli.text import block, field


class Talk:
    """Threads of one registry and the agents that answer in them."""

    def __init__(self, registry: Registry, spec: str | None, said: str | None) -> None:
        self._registry = registry
        self._agents: Agents = load(spec, registry)
        self._said = said
        self._graphs: dict[str, Any] = {}

    def begin(self, thread: Thread | None, *, title: str | None = None) -> Thread:
        """The thread ready to be spoken in, made if it is None: somebody is there who answers."""
        if thread is not None and thread.trashed_at is not None:
            raise ThreadTrashed(thread.id)
        agent_id = self._agents.chosen(self._said, thread)
        self._graph(agent_id)  # first, so that an agent that cannot be had leaves no empty thread
        if thread is None:
            return self._registry.create(agent_id=agent_id, title=title)
        if thread.agent_id is None:
            return self._registry.update(thread.id, agent_id=agent_id)
        return thread

    def stream(self, thread: Thread, text: str) -> None:
        """Show the answer to `text` while it comes."""
        graph = self._graph(self._agents.chosen(self._said, thread))
        _show(answer(graph, thread, text))
        self._ask(graph, thread)

    def whole(self, thread: Thread, text: str) -> tuple[str, Message | None]:
        """The answer to `text`, and the last message that it consists of."""
        graph = self._graph(self._agents.chosen(self._said, thread))
        heard = "".join(piece.text for piece in answer(graph, thread, text) if not piece.is_call)
        self._ask(graph, thread)
        try:
            messages = self._registry.messages(thread.id).items
        except MessagesUnknown:
            return heard, None
        asked = max((place for place, each in enumerate(messages) if each.role == "user"), default=-1)
        stored = [each for each in messages[asked + 1 :] if each.role == "assistant"]
        return "\n\n".join(each.text for each in stored if each.text), stored[-1] if stored else None

    def _graph(self, agent_id: str) -> Any:
        if agent_id not in self._graphs:
            self._graphs[agent_id] = self._agents.graph(agent_id)
        return self._graphs[agent_id]

    def _ask(self, graph: Any, thread: Thread) -> None:
        for question in questions(graph, thread):
            note(f"the agent waits for an answer to: {question}")


def _show(pieces: Iterable[Piece]) -> None:
    """Every piece at once when it comes; whatever happens, the line is ended."""
    inside = False
    try:
        for piece in pieces:
            if inside and (piece.is_call or piece.begins):
                say()
                inside = False
            if piece.is_call:
                say(f"calls {field(piece.text)}", dim=True)
            else:
                say(block(piece.text), end=False)
                inside = not piece.text.endswith("\n")
    finally:
        if inside:
            say()
