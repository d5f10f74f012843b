"""What a run streams: where messages, tools and values come from, and whether they are the conversation's.

A message belongs to the conversation if it ends up in the graph's channel of messages, whatever streamed it:
a node, or an agent that is a subgraph (supervisor, swarm). What a model streams inside a tool does not, such
as a subagent that the tool calls; nor what a node uses for itself, such as a router's or a summary's model.
While it streams, this is foreseen; when its step is stored, it is known, and corrected where necessary.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, RemoveMessage
from langchain_core.messages.ai import add_ai_message_chunks

from threads.checkpoint.message_channel import CHANNEL
from threads.langgraph_internals import NAMESPACE_SEPARATOR, TASK_SEPARATOR
from threads.runs.tool_calls import NAMESPACE
from threads.serialization import to_jsonable

NODE = "langgraph_node"
"""The key in LangGraph's metadata of the node that runs a model."""
INTERNAL_KEYS = frozenset(("lc_source", "lc_internal_call"))
"""The keys by which LangChain's middleware marks that it calls a model for itself; that is no answer."""


class Foresight:
    """What is known of the nodes of an agent from its runs so far: whose messages reach the conversation."""

    def __init__(self) -> None:
        self._reaching: set[str] = set()
        self._straying: set[str] = set()

    def expects(self, path: str) -> bool:
        """Return whether what this node streams will probably reach the conversation."""
        return path not in self._straying or path in self._reaching

    def learn(self, path: str, *, reaches: bool) -> None:
        """Remember where a message of this node ended up."""
        (self._reaching if reaches else self._straying).add(path)


@dataclass(slots=True)
class StreamedMessage:
    """A message that a model streams, or a node returned."""

    id: str
    node: str | None
    namespace: tuple[str, ...]
    task: str
    """The namespace of its task."""
    in_conversation: bool
    """As it is foreseen, later as it is known."""
    text: str = ""
    """What was streamed of it by now."""
    complete: BaseMessage | None = None
    """All of it, once that is known."""
    chunks: list[AIMessageChunk] = field(default_factory=list)
    """Its parts, where it is not expected to reach the conversation, from which it would be read."""
    is_reported: bool = False
    """Whether it has its `message` event already."""

    @property
    def is_answer(self) -> bool:
        """Whether a model made it."""
        return bool(self.text) or isinstance(self.complete, AIMessage)

    @property
    def root_node(self) -> str:
        """The root graph's node that streams it."""
        return _node_of(self.task.partition(NAMESPACE_SEPARATOR)[0])

    @property
    def root_task(self) -> str:
        """The id of the root graph's task that streams it."""
        return self.task.partition(NAMESPACE_SEPARATOR)[0].rpartition(TASK_SEPARATOR)[2]

    @property
    def path(self) -> str:
        """The nodes that it is nested in, and its own."""
        return NAMESPACE_SEPARATOR.join(_node_of(each) for each in self.task.split(NAMESPACE_SEPARATOR))

    def finish(self) -> None:
        """Make it complete of what was streamed, if that is not known otherwise."""
        if self.complete is None and self.chunks:
            self.complete = add_ai_message_chunks(self.chunks[0], *self.chunks[1:])
            self.chunks.clear()
        elif self.complete is None and self.text:
            self.complete = AIMessage(self.text, id=self.id)

    def origin(self) -> dict[str, Any]:
        """Return the data that say where it comes from."""
        return origin(self.node, self.namespace, in_conversation=self.in_conversation)


@dataclass(slots=True)
class Strays:
    """Messages of a run that did not reach the conversation."""

    run_id: str
    unreported: list[StreamedMessage] = field(default_factory=list)
    """Those that have no `message` event yet."""
    message_ids: set[str] = field(default_factory=set)
    """Those that were expected to reach it."""
    tool_call_ids: set[str] = field(default_factory=set)
    """The tool calls that they make."""

    def add(self, message: StreamedMessage) -> None:
        """Add one."""
        message.finish()
        if message.complete is not None and not message.is_reported:
            self.unreported.append(message)
        if message.in_conversation:
            message.in_conversation = False
            self.message_ids.add(message.id)
            calls = message.complete.tool_calls if isinstance(message.complete, AIMessage) else ()
            self.tool_call_ids.update(str(call["id"]) for call in calls)


class RunStreams:
    """The messages, tasks and tools of a run that are under way."""

    def __init__(self, run_id: str, foresight: Foresight, *, has_channel: bool) -> None:
        """`has_channel`: whether the graph has the channel of messages; without it nothing is known."""
        self._run_id = run_id
        self._has_channel = has_channel
        self.messages: dict[str, StreamedMessage] = {}
        """What is streamed and was not stored by the last step that ended, by message; several may stream."""
        self._foresight = foresight
        self._tasks: defaultdict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
        """The nodes of the tasks under way, by namespace and id."""
        self._nodes: dict[str, str] = {}
        """The nodes of the root graph's tasks, by id."""
        self._running_tools: Counter[str] = Counter()
        """How many tools run now, by task."""
        self._tool_tasks: set[str] = set()
        """The tasks in which tools ran; what is nested in one may be seen here after its tool has ended."""
        self._ended: defaultdict[str | None, dict[str, set[str | None] | None]] = defaultdict(dict)
        """The root graph's tasks that ended at a checkpoint, and the ids of the messages they wrote.

        None where that is not known.
        """

    # what is streamed

    def on_task(self, namespace: tuple[str, ...], task: Mapping[str, Any]) -> None:
        """A task begins, or ends."""
        if "input" not in task:
            self._tasks[namespace].pop(task["id"], None)
            return
        self._tasks[namespace][task["id"]] = task["name"]
        if not namespace:
            self._nodes[task["id"]] = task["name"]

    def on_tool(self, task: str, *, begins: bool) -> None:
        """A tool begins in this task, or ends."""
        self._running_tools[task] += 1 if begins else -1
        self._tool_tasks.add(task)

    def on_message(
        self, namespace: tuple[str, ...], message: BaseMessage, metadata: Mapping[str, Any]
    ) -> StreamedMessage | None:
        """Return the message that this is, or a part of; None if it is none of a conversation."""
        if not message.id or isinstance(message, RemoveMessage):
            return None
        found = self.messages.get(message.id)
        if found is None:
            task = str(metadata.get(NAMESPACE, ""))
            found = StreamedMessage(message.id, metadata.get(NODE), namespace, task, True)
            found.in_conversation = (
                INTERNAL_KEYS.isdisjoint(metadata)
                and not self.is_in_tool(task)
                and self._foresight.expects(found.path)
            )
            self.messages[message.id] = found
        if not isinstance(message, AIMessageChunk):
            found.complete = message
        elif not found.in_conversation:
            found.chunks.append(message)
            if message.chunk_position == "last":
                found.finish()
        return found

    def on_update(self, update: Any) -> Iterator[StreamedMessage]:
        """Yield the messages that a subgraph's node wrote, of those that were streamed."""
        values = update.values() if isinstance(update, Mapping) else ()
        for value in values:
            messages = value.get(CHANNEL) if isinstance(value, Mapping) else None
            for message in messages if isinstance(messages, list) else [messages]:
                found = self.messages.get(message.id or "") if isinstance(message, BaseMessage) else None
                if found is not None and found.complete is None:
                    found.complete = message
                    yield found

    # where it belongs

    def is_in_tool(self, task: str) -> bool:
        """Return whether this task runs a tool now, or is nested in one that did."""
        return self._running_tools[task] > 0 or self._is_nested_in_tool(task.split(NAMESPACE_SEPARATOR)[:-1])

    def origin_of_tool(self, task: str) -> dict[str, Any]:
        """Return where a tool comes from that runs in this task."""
        *namespace, own = task.split(NAMESPACE_SEPARATOR)
        return origin(_node_of(own), namespace, in_conversation=not self._is_nested_in_tool(namespace))

    def origin_of_value(self, namespace: tuple[str, ...]) -> dict[str, Any]:
        """Return where a value comes from; LangGraph says of its node only the namespace.

        So the node is None where tasks of several are under way in that.
        """
        nodes = set(self._tasks[namespace].values())
        node = nodes.pop() if len(nodes) == 1 else None
        return origin(node, namespace, in_conversation=not self._is_nested_in_tool(namespace))

    def _is_nested_in_tool(self, namespace: Sequence[str]) -> bool:
        return bool(self._tool_tasks) and any(
            NAMESPACE_SEPARATOR.join(namespace[:depth]) in self._tool_tasks
            for depth in range(1, len(namespace) + 1)
        )

    # where it ended up

    def on_task_written(
        self, at: str | None, task_id: str | None, message_ids: Iterable[str | None] | None
    ) -> None:
        """A task of the root graph ended at this checkpoint, and wrote these messages to the conversation.

        None: it is not known which.
        """
        if task_id is not None:
            before = self._ended[at].get(task_id, set())
            unknown = before is None or message_ids is None
            self._ended[at][task_id] = None if unknown else {*(before or ()), *(message_ids or ())}

    def origin_of_written(self, at: str | None, message_id: str | None) -> dict[str, Any]:
        """Return where a message comes from that a task wrote to the conversation at this checkpoint."""
        streamed = self.messages.get(message_id or "")
        if streamed is not None:
            return origin(streamed.node, streamed.namespace, in_conversation=True)
        writers = [id for id, written in self._ended[at].items() if message_id in (written or ())]
        return origin(self._nodes.get(writers[0]) if writers else None, (), in_conversation=True)

    def settle(self, at: str | None, stored: Collection[str | None]) -> Strays:
        """Forget what the step at this checkpoint streamed; return what did not reach the conversation."""
        ended, strays = self._ended.pop(at, {}), Strays(self._run_id)
        for message in [each for each in self.messages.values() if each.root_task in ended]:
            del self.messages[message.id]
            written = ended[message.root_task]
            if written is None or not self._has_channel:
                continue
            reaches = message.id in stored or message.id in written
            if message.is_answer:
                self._foresight.learn(message.path, reaches=reaches)
            if not reaches:
                strays.add(message)
        return strays


def origin(node: str | None, namespace: Sequence[str], *, in_conversation: bool) -> dict[str, Any]:
    """Return the data of an event that say where it comes from."""
    return {"node": node, "namespace": list(namespace), "in_conversation": in_conversation}


def content_of(chunk: AIMessageChunk) -> list[Any] | None:
    """Return a chunk's content in standard blocks, with their indices; None if it is text alone."""
    if isinstance(chunk.content, str) and not chunk.tool_call_chunks and not chunk.additional_kwargs:
        return None
    try:
        blocks = to_jsonable(chunk.content_blocks)
    except Exception:  # noqa: BLE001  the translator of a provider's blocks, for a block it does not know
        blocks = to_jsonable(chunk.content)
    return [block for block in blocks if block != {"type": "text", "text": ""}]


def joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of two tokens of a message in one."""
    data = {**second, "text": first["text"] + second["text"]}
    if "content" in first or "content" in second:
        data["content"] = _joined_blocks([*_blocks(first), *_blocks(second)])
    return data


def _blocks(token: Mapping[str, Any]) -> list[Any]:
    return token["content"] if "content" in token else [{"type": "text", "text": token["text"]}]


def _joined_blocks(blocks: list[Any]) -> list[Any]:
    """Return blocks in which neighbours are one that differ in their text alone."""
    joined: list[Any] = []
    for block in blocks:
        key = block.get("type") if isinstance(block, dict) else None
        last = joined[-1] if joined else None
        if key in ("text", "reasoning") and isinstance(last, dict) and _rest(last, key) == _rest(block, key):
            joined[-1] = {**block, key: last.get(key, "") + block.get(key, "")}
        else:
            joined.append(block)
    return joined


def _rest(block: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in block.items() if name != key}


def _node_of(segment: str) -> str:
    return segment.rpartition(TASK_SEPARATOR)[0]
