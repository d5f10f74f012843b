"""Where messages came into their branch, by their rows: no conversation of a checkpoint is decoded for it.

A row names the checkpoint with which its message was stored, and that is where the message first stood,
unless it was removed and written again later. Here this is verified by what the steps of the branch wrote.
Where a row knows no checkpoint, or anything does not fit, the conversations are compared (`BranchTrace`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeVar

from langchain_core.messages import BaseMessage

from threads.checkpoint.branch_line import BranchLine, OriginRows, UnknownOrigin
from threads.checkpoint.branch_steps import trace_branch
from threads.checkpoint.message_conversion import StoredWith, to_message
from threads.checkpoint.origins import TOGETHER, BranchTrace
from threads.checkpoint.serde import Undecodable, raise_unreadable
from threads.checkpoint.transcript import Transcripts
from threads.errors import MessageNotFound
from threads.models import Message

T = TypeVar("T")


class FoundOrigin(NamedTuple):
    """Where a message came into its branch."""

    step: int
    """The first step of the branch that holds it, counted from the tip back."""
    message: BaseMessage
    """As it was written."""
    is_by_task: bool
    has_answer: bool
    """Whether an assistant message was written after it for the same step."""


class MessageOrigins:
    """The origins of the messages of one branch, by position, with the answers of `BranchTrace`.

    Its methods raise `MessageNotFound` where the stored history does not show the origin.
    """

    def __init__(
        self,
        transcripts: Transcripts,
        connection: sqlite3.Connection,
        thread_id: str,
        tip: str | None,
        rows: OriginRows,
    ) -> None:
        self.thread_id = thread_id
        self._rows = rows
        self._line = BranchLine(transcripts, connection, thread_id, tip or "")
        self._trace_branch = partial(trace_branch, transcripts, connection, thread_id, tip)
        self.trace: BranchTrace | None = None
        """The conversations of the branch, if the rows were not enough for an answer."""
        self._found: dict[int, FoundOrigin] = {}

    def find_question(self, before: int) -> int | None:
        """Return the position of the last user message before a position that began a turn; None if none did.

        What a node wrote in the user's name belongs to the turn that it was written in.
        """
        for position, message in self._rows.read_backward(before):
            if message.role == "user" and not self.is_by_node(position):
                return position
        return None

    def not_found(self, position: int, why: str) -> MessageNotFound:
        """Return the error for a message whose origin cannot be used."""
        [message] = self._rows.read(position, position + 1)
        return MessageNotFound(self.thread_id, message.id or "", why)

    def first_checkpoint(self, position: int) -> str:
        """Return the first checkpoint that holds the message.

        Of a user message that is not the one that holds the answer, too.
        """
        return self._answer(self._first_checkpoint, BranchTrace.first_checkpoint, position)

    def is_by_node(self, position: int) -> bool:
        """Whether a node wrote the message, and no client."""
        return self._answer(self._is_by_node, BranchTrace.is_by_node, position)

    def input_checkpoint(self, position: int) -> str | None:
        """Return the checkpoint from which the input of the message's turn can be replaced by another.

        None if the turn's messages are in the thread's first checkpoint.
        """
        return self._answer(self._input_checkpoint, BranchTrace.input_checkpoint, position)

    def base(self, position: int) -> str | None:
        """Return the last checkpoint before the message's turn; None if the thread begins with the turn."""
        return self._answer(self._base, BranchTrace.base, position)

    def _answer(
        self, by_rows: Callable[[int], T], by_trace: Callable[[BranchTrace, int], T], position: int
    ) -> T:
        if self.trace is None:
            with suppress(UnknownOrigin, Undecodable):
                return by_rows(position)
            self.trace = self._trace_branch()
        return by_trace(self.trace, position)

    def _first_checkpoint(self, position: int) -> str:
        found = self._origin(position)
        is_update = self._line.metadata(found.step).get("source") == "update"
        if found.message.type == "human" and not is_update and self._is_whole_turn(position):
            raise self.not_found(position, TOGETHER)
        return self._line.id(found.step)

    def _is_whole_turn(self, position: int) -> bool:
        """Whether one step added the message and its answer, so that no checkpoint is between them."""
        found = self._origin(position)
        if self._line.is_input(found.step + 1) or self._is_by_node(position):
            return False
        if found.has_answer:  # unless that was removed since
            raise UnknownOrigin
        return False

    def _is_by_node(self, position: int) -> bool:
        found = self._origin(position)
        if self._line.is_input(found.step + 1):
            return False
        return found.is_by_task and self._line.metadata(found.step).get("source") != "update"

    def _input_checkpoint(self, position: int) -> str | None:
        start = self._turn_start(position)
        return None if start is None else self._line.id(start)

    def _base(self, position: int) -> str | None:
        start = self._turn_start(position)
        if start is None or not self._line.is_input(start):
            return None if start is None else self._line.id(start)
        return self._line.id(start + 1) if self._line.has(start + 1) else None

    def _turn_start(self, position: int) -> int | None:
        """The step that the message's turn began from: what a node wrote belongs to the last input."""
        step = self._origin(position).step + 1
        if self._is_by_node(position):
            while self._line.has(step) and not self._line.is_input(step):
                step += 1
        return step if self._line.has(step) else None

    def _origin(self, position: int) -> FoundOrigin:
        if position not in self._found:
            self._found[position] = self._find(position)
        return self._found[position]

    def _find(self, position: int) -> FoundOrigin:
        known, [message] = self._rows.origin(position), self._rows.read(position, position + 1)
        if known.checkpoint_id is None or message.id is None:
            raise UnknownOrigin
        step = self._line.find(known.checkpoint_id)
        written = self._line.written(step + 1)
        found = [each for each in written if is_of_row(each.message, message)]
        if not found or not (
            known.is_appended
            or self._line.is_written_once(step, message.id)
            or self._line.is_added(step, position, known.digest, self._rows)
        ):
            raise UnknownOrigin
        later = written[written.index(found[0]) + 1 :]
        return FoundOrigin(
            step,
            found[0].message,
            any(each.is_by_task for each in found),
            any(each.message.type == "ai" for each in later),
        )


def is_of_row(written: BaseMessage, row: Message) -> bool:
    """Whether a written message is the one of this row: by its id, or if it had none yet by its content."""
    if written.id:
        return written.id == row.id
    with raise_unreadable():
        message = to_message(written, StoredWith())
    return (message.role, message.content) == (row.role, row.content)
