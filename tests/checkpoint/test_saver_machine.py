"""The checkpointer does what LangGraph's own InMemorySaver does, whatever is asked in whatever order.

What the InMemorySaver lacks (copy, prune, delete runs) is written down by hand in `Model`; so are the
two refusals that are ours: an update from a place where the thread no longer stands, and a
checkpoint whose parent was deleted with its thread.
"""

import asyncio
import tempfile
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from graphs import Plain, compiled, config, said, stock_saver
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME, SCHEDULED
from langgraph.errors import EmptyInputError, InvalidUpdateError
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.types import Overwrite

import threads
from agent import build_agent

pytestmark = pytest.mark.slow

Place = tuple[str, str, str]
"""Thread, namespace, checkpoint."""

IDS = st.sampled_from(("a", "a", "b"))
SPACES = st.sampled_from(("", "", "memory", "helper:task"))
RUNS = ("one", "two", None)
VALUES = st.one_of(
    st.none(), st.integers(-9, 2**40), st.text(max_size=5), st.binary(max_size=3),
    st.builds(HumanMessage, st.text(max_size=5), id=st.just("m")), st.lists(st.integers(0, 3), max_size=3),
)  # fmt: skip
ORDINARY = st.lists(
    st.tuples(st.sampled_from(("messages", "count", "branch:to:x")), VALUES), min_size=1, max_size=3
)
SPECIAL = st.lists(
    st.tuples(st.sampled_from((ERROR, INTERRUPT, RESUME, SCHEDULED)), VALUES), min_size=1, max_size=2
)


class Model(InMemorySaver):
    """The InMemorySaver, with an order of writing, and with the methods that it lacks."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[Place] = []
        self.deleted: set[str] = set()
        self.listed: set[str] = set()

    def put(self, config, checkpoint, metadata, new_versions):
        stored = super().put(config, checkpoint, metadata, new_versions)
        self.note(
            (config["configurable"]["thread_id"], config["configurable"]["checkpoint_ns"], checkpoint["id"])
        )
        return stored

    def note(self, place: Place) -> None:
        if place not in self.order:
            self.order.append(place)
        if not place[1] or place[0] not in self.deleted:
            self.listed.add(place[0])

    def at(self, thread_id: str, space: str | None = None) -> list[Place]:
        return [p for p in self.order if p[0] == thread_id and space in (None, p[1])]

    def newest(self, thread_id: str, space: str) -> str | None:
        return max((p[2] for p in self.at(thread_id, space)), default=None)

    def metadata(self, place: Place) -> dict[str, Any]:
        return self.get_tuple(config_of(*place)).metadata

    def told(self, asked, *, filter=None, before=None, limit=None):
        """As `list`, across all threads in the order of writing."""
        found = {place_of(t): t for t in self.list(asked, filter=filter, before=before)}
        return [found[place] for place in reversed(self.order) if place in found][: limit and max(limit, 0)]

    def drop(self, places: list[Place]) -> None:
        for place in places:
            del self.storage[place[0]][place[1]][place[2]]
            self.writes.pop(place, None)
            self.order.remove(place)
            if not place[1] and not self.at(place[0], ""):
                self.deleted.add(place[0])
                self.listed.discard(place[0])

    def is_deleted(self, thread_id: str) -> bool:
        return thread_id in self.deleted and not self.at(thread_id, "")

    def is_unknown(self, thread_id: str) -> bool:
        written = any(stored for key, stored in self.writes.items() if key[0] == thread_id)
        return not self.at(thread_id) and not written and thread_id not in self.listed

    def delete_thread(self, thread_id: str) -> None:
        self.drop(self.at(thread_id))
        self.listed.discard(thread_id)
        super().delete_thread(thread_id)

    def delete_for_runs(self, run_ids) -> None:
        gone = [place for place in self.order if self.metadata(place).get("run_id") in run_ids]
        self.drop(gone)
        for thread_id in {place[0] for place in gone}:
            if self.is_deleted(thread_id):
                self.delete_thread(thread_id)

    def copy_thread(self, source: str, target: str) -> None:
        for space, stored in self.storage[source].items():
            self.storage[target][space] = dict(stored)
        for kept in (self.writes, self.blobs):
            kept.update({(target, *key[1:]): copy(value) for key, value in kept.items() if key[0] == source})
        head = (source, "", self.newest(source, ""))
        for place in sorted(self.at(source), key=head.__eq__):  # the head is written last
            self.note((target, *place[1:]))

    def prune(self, thread_ids, *, strategy="keep_latest", n=1) -> None:
        for thread_id in thread_ids:
            if strategy == "delete":
                self.delete_thread(thread_id)
                continue
            keep = 1 if strategy == "keep_latest" else n
            roots = {p[2] for p in self.at(thread_id, "")[-keep:]}
            for space in {p[1] for p in self.at(thread_id)}:
                places = self.at(thread_id, space)
                of = self.metadata(places[-1]).get("parents", {}).get("")
                spent = ":" in space and of is not None and of not in roots
                self.drop(places if spent else places[:-keep])


def config_of(thread_id: str, space: str | None = None, id: str | None = None) -> dict[str, Any]:
    given = {"thread_id": thread_id, "checkpoint_ns": space, "checkpoint_id": id}
    return {"configurable": {name: value for name, value in given.items() if value is not None}}


def place_of(found) -> Place:
    at = found.config["configurable"]
    return at["thread_id"], at.get("checkpoint_ns", ""), str(at["checkpoint_id"])


def seen(found: Any, model: Model) -> Any:
    """What two savers must agree on. A copy need not name a parent that is gone."""
    if found is None:
        return None
    parent = found.parent_config and place_of(found._replace(config=found.parent_config))
    writes = sorted(found.pending_writes, key=lambda write: (write[0], write[1], repr(write[2])))
    return (
        place_of(found),
        found.checkpoint,
        found.metadata,
        parent if parent in model.order else None,
        writes,
    )


class Saver(RuleBasedStateMachine):
    """Ours beside the model; half of the time through the async methods."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.registry = threads.open(self.where())
        self.saver, self.model = self.registry.checkpointer, Model()
        self.loop = asyncio.new_event_loop()
        self.count = 0

    def where(self) -> str | Path:
        return ":memory:"

    @initialize(by_async=st.booleans())
    def begin(self, by_async: bool) -> None:
        self.by_async = by_async

    def seen(self, found: Any) -> Any:
        return seen(found, self.model)

    def ours(self, name: str, *arguments: Any, **named: Any) -> Any:
        if not self.by_async:
            return getattr(self.saver, name)(*arguments, **named)
        return self.loop.run_until_complete(getattr(self.saver, f"a{name}")(*arguments, **named))

    def ours_list(self, *arguments: Any, **named: Any) -> list[Any]:
        async def collected():
            return [item async for item in self.saver.alist(*arguments, **named)]

        if self.by_async:
            return self.loop.run_until_complete(collected())
        return list(self.saver.list(*arguments, **named))

    def both(self, name: str, *arguments: Any, **named: Any) -> None:
        self.ours(name, *arguments, **named)
        getattr(self.model, name)(*arguments, **named)

    @rule(
        data=st.data(), thread_id=IDS, space=SPACES, source=st.sampled_from(("input", "loop", "loop", "fork", "update")),
        run_id=st.sampled_from(RUNS), changed=st.dictionaries(st.sampled_from(("messages", "count")), VALUES),
        note=st.text(max_size=4), begin_from=st.sampled_from(("newest", "newest", "newest", "any", "gone", "none")),
        named=st.booleans(),
    )  # fmt: skip
    def put(self, data, thread_id, space, source, run_id, changed, note, begin_from, named) -> None:
        """From the newest checkpoint, from any other (a fork), from one that is gone, or from none."""
        stored = [place[2] for place in self.model.at(thread_id, space)]
        parent = {"newest": self.model.newest(thread_id, space), "gone": "000000"}.get(begin_from)
        if begin_from == "any" and stored:
            parent = data.draw(st.sampled_from(stored), label="parent")
        asked = config_of(thread_id, space, parent)
        before = self.model.get_tuple(asked) if parent else None
        named = named and before is not None
        if named:  # the config of a read, as time travel hands it on
            asked = self.ours("get_tuple", asked).config
        self.count += 1
        values = {**(before.checkpoint["channel_values"] if before else {}), **changed}
        versions = {
            **(before.checkpoint["channel_versions"] if before else {}),
            **dict.fromkeys(changed, self.count),
        }
        checkpoint = {
            "v": 4, "id": f"{self.count:06}", "ts": "2025-01-01", "channel_values": values, "channel_versions": versions,
            "versions_seen": {"model": dict(versions)}, "updated_channels": sorted(changed),
        }  # fmt: skip
        metadata = {"source": source, "step": self.count % 3, "parents": {}, "note": note, "thread_id": "no"}
        if run_id:
            metadata["run_id"] = run_id
        if space and data.draw(st.booleans(), label="of a root"):
            metadata["parents"] = {"": self.model.newest(thread_id, "") or "000000"}
        arguments = asked, checkpoint, metadata, {name: versions[name] for name in changed}
        head = self.model.newest(thread_id, "")
        if source == "update" and not space and not named and head != parent:
            with pytest.raises(threads.ThreadMoved if head else threads.ThreadDeleted):
                self.ours("put", *arguments)
        elif parent not in (None, *stored) and thread_id in self.model.deleted:
            with pytest.raises(threads.ThreadDeleted):
                self.ours("put", *arguments)
        else:
            assert self.ours("put", *arguments) == self.model.put(*arguments)

    @precondition(lambda self: self.model.order)
    @rule(data=st.data(), value=VALUES)
    def put_again(self, data, value) -> None:
        """An id that is stored already: its content changes, its place does not."""
        place = data.draw(st.sampled_from(self.model.order))
        found = self.model.get_tuple(config_of(*place))
        self.count += 1
        checkpoint = found.checkpoint
        checkpoint["channel_values"]["count"], checkpoint["channel_versions"]["count"] = value, self.count
        asked = found.parent_config or config_of(*place[:2])
        gone = found.parent_config and self.model.get_tuple(found.parent_config) is None
        arguments = asked, checkpoint, {**found.metadata, "source": "loop"}, {"count": self.count}
        if gone and place[0] in self.model.deleted:
            with pytest.raises(threads.ThreadDeleted):
                self.ours("put", *arguments)
        else:
            self.both("put", *arguments)

    @rule(
        data=st.data(), thread_id=IDS, space=SPACES, batches=st.lists(st.one_of(ORDINARY, SPECIAL), min_size=1, max_size=3), early=st.booleans(),
        task_id=st.sampled_from(("t1", "t1", "t2")), task_path=st.sampled_from(("", "~__pregel_pull, x")),
    )  # fmt: skip
    def put_writes(self, data, thread_id, space, batches, early, task_id, task_path) -> None:
        """At a checkpoint that is stored, or before the next one is."""
        place = (thread_id, space, f"{self.count + 1:06}")
        if self.model.order and not early:
            place = data.draw(st.sampled_from(self.model.order[-2:]))
        for writes in batches:  # of one task: special ones are replaced, ordinary ones stay as they were
            self.both("put_writes", config_of(*place), writes, task_id, task_path)

    @rule(thread_id=IDS)
    def delete_thread(self, thread_id) -> None:
        self.both("delete_thread", thread_id)

    @rule(run_ids=st.lists(st.sampled_from(("one", "two", "none such")), max_size=2))
    def delete_for_runs(self, run_ids) -> None:
        self.both("delete_for_runs", run_ids)

    @rule(
        thread_ids=st.lists(IDS, max_size=2),
        strategy=st.sampled_from(("keep_latest", "keep_n", "delete")),
        n=st.integers(1, 3),
    )
    def prune(self, thread_ids, strategy, n) -> None:
        self.both("prune", thread_ids, strategy=strategy, n=n)

    @rule(source=IDS, to=st.sampled_from(("a", "b", "copy", "copy")))
    def copy_thread(self, source, to) -> None:
        if self.model.is_unknown(source):
            with pytest.raises(threads.ThreadNotFound):
                self.ours("copy_thread", source, to)
            return
        if self.model.is_deleted(to):  # what is left there is nobody's
            self.model.delete_thread(to)
        if self.model.at(to) or any(stored for key, stored in self.model.writes.items() if key[0] == to):
            with pytest.raises(threads.ThreadExists):
                self.ours("copy_thread", source, to)
        else:
            self.both("copy_thread", source, to)

    @rule()
    def read_the_newest(self) -> None:
        for thread_id in ("a", "b", "copy"):
            for space in (None, "", "memory", "helper:task"):
                asked = config_of(thread_id, space)
                assert self.seen(self.ours("get_tuple", asked)) == self.seen(self.model.get_tuple(asked))

    @rule()
    def read_each_by_its_id(self) -> None:
        for place in [*self.model.order, ("a", "", "none such")]:
            found = self.ours("get_tuple", config_of(*place))
            assert self.seen(found) == self.seen(self.model.get_tuple(config_of(*place)))

    @rule()
    def read_all(self) -> None:
        assert [self.seen(t) for t in self.ours_list(None)] == [self.seen(t) for t in self.model.told(None)]
        listed = {thread.id for thread in self.registry.list(limit=100)}
        assert listed == self.model.listed

    @rule(
        data=st.data(), thread_id=IDS, space=st.sampled_from((None, "", "memory")), limit=st.sampled_from((None, -1, 0, 1, 2)),
        filter=st.fixed_dictionaries({}, optional={
            "source": st.sampled_from(("input", "loop")), "step": st.integers(0, 3), "run_id": st.sampled_from(RUNS),
        }),
    )  # fmt: skip
    def read_some(self, data, thread_id, space, limit, filter) -> None:
        asked = config_of(thread_id, space)
        stored = self.model.at(thread_id, space)
        before = None
        if stored and data.draw(st.booleans(), label="before"):
            before = config_of(*data.draw(st.sampled_from(stored)))
            asked = config_of(*place_of(self.model.get_tuple(before))[:2])
        named = {"filter": filter, "before": before, "limit": limit}
        assert [self.seen(t) for t in self.ours_list(asked, **named)] == [
            self.seen(t) for t in self.model.told(asked, **named)
        ]

    def teardown(self) -> None:
        try:
            if hasattr(self, "by_async"):
                self.read_all()
                self.read_the_newest()
        finally:
            self.registry.close()
            self.loop.close()
            self.folder.cleanup()


class SaverInAFile(Saver):
    """The same, in a file."""

    def where(self) -> Path:
        return Path(self.folder.name) / "threads.db"


TestSaver = Saver.TestCase
TestSaver.settings = settings(max_examples=150, stateful_step_count=30)
TestSaverInAFile = SaverInAFile.TestCase
TestSaverInAFile.settings = settings(max_examples=15, stateful_step_count=20)


class Echo(BaseChatModel):
    """Says what it heard, and how much that was; catches fire at `fire`; may change what it was given."""

    meddles: bool = False

    @property
    def _llm_type(self) -> str:
        return "echo"

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        heard = messages[-1].text if messages else "nothing"
        if heard == "fire":
            raise OSError("the model is on fire")
        if self.meddles:
            messages[0].content += "!"
            messages[-1].additional_kwargs["read"] = True
        return ChatResult(generations=[ChatGeneration(message=AIMessage(f"{len(messages)}: {heard}"))])


def tutorial(checkpointer: Any, model: BaseChatModel) -> Any:
    return compiled(Plain, lambda state: {"messages": [model.invoke(state["messages"])]}, checkpointer)


def agent(checkpointer: Any, model: BaseChatModel) -> Any:
    return build_agent(model, checkpointer=checkpointer)


def told(messages: Any) -> list[Any]:
    """Messages, with their ids where these were given by us."""
    return [
        (m.type, m.text, m.additional_kwargs, m.id if m.id and m.id.startswith("given") else None)
        for m in messages
    ]


WORDS = st.sampled_from(("one", "two", "three", "four", "fire"))
WHICH = st.integers(0, 7)
"""Counted from the end, as far as there are any."""


class Conversation(RuleBasedStateMachine):
    """One conversation by a graph on our checkpointer and by the same graph on the InMemorySaver."""

    build: Any = staticmethod(tutorial)

    @initialize(turns=st.integers(0, 3))
    def begin(self, turns: int) -> None:
        self.registry = threads.open(":memory:")
        self.graphs = [self.build(saver, Echo()) for saver in (self.registry.checkpointer, InMemorySaver())]
        self.given = 0
        for number in range(turns):
            self.run(said(f"turn {number}"))

    def both(self, work: Any) -> None:
        """Do it on either side; both come to the same, be it an error."""
        outcomes = []
        for graph in self.graphs:
            try:
                outcomes.append(work(graph))
            except (
                OSError,
                ValueError,
                TypeError,
                LookupError,
                InvalidUpdateError,
                EmptyInputError,
            ) as error:
                outcomes.append(type(error))
        ours, stock = outcomes
        assert ours == stock

    def run(self, given: Any, back: int = 0) -> None:
        self.both(lambda graph: told(graph.invoke(given, self.moment(graph, back))["messages"]))

    def change(self, messages: Any, back: int = 0, by: str | None = None) -> None:
        def work(graph: Any) -> None:
            graph.update_state(self.moment(graph, back), {"messages": messages}, as_node=by)

        self.both(work)

    def give(self, graph: Any, message: Any, by_invoke: bool) -> Any:
        if by_invoke:
            return told(graph.invoke({"messages": [message]}, config("a"))["messages"])
        graph.update_state(config("a"), {"messages": [message]})
        return None

    def moment(self, graph: Any, back: int) -> Any:
        """The thread, or a state of it so far back."""
        states = list(graph.get_state_history(config("a"))) if back else []
        return states[min(back, len(states)) - 1].config if states else config("a")

    def new(self, kind: Any, text: str) -> Any:
        self.given += 1
        return kind(text, id=f"given {self.given}")

    def message_id(self, graph: Any, which: int) -> str:
        messages = graph.get_state(config("a")).values.get("messages", [])
        return messages[-1 - which % len(messages)].id if messages else "none such"

    @rule(text=WORDS, with_id=st.booleans())
    def say(self, text, with_id) -> None:
        self.run({"messages": [self.new(HumanMessage, text)]} if with_id else said(text))

    @rule(text=WORDS, back=WHICH)
    def say_it_from_an_old_checkpoint(self, text, back) -> None:
        self.run(said(text), back)

    @rule(back=WHICH)
    def go_on_from(self, back) -> None:
        self.run(None, back)

    @rule(text=WORDS, back=WHICH, by=st.sampled_from((None, "model", "__start__")))
    def put_words_in_its_mouth(self, text, back, by) -> None:
        self.change([self.new(AIMessage, text)], back, by)

    @rule(text=WORDS, which=WHICH, by_invoke=st.booleans())
    def reword(self, text, which, by_invoke) -> None:
        def work(graph: Any) -> Any:
            return self.give(graph, HumanMessage(text, id=self.message_id(graph, which)), by_invoke)

        self.both(work)

    @rule(which=WHICH, by_invoke=st.booleans(), all_of_them=st.booleans())
    def remove(self, which, by_invoke, all_of_them) -> None:
        def work(graph: Any) -> Any:
            id = REMOVE_ALL_MESSAGES if all_of_them else self.message_id(graph, which)
            return self.give(graph, RemoveMessage(id), by_invoke)

        self.both(work)

    @rule(texts=st.lists(WORDS, max_size=2), by_invoke=st.booleans(), back=WHICH)
    def overwrite(self, texts, by_invoke, back) -> None:
        messages = Overwrite([self.new(HumanMessage, text) for text in texts])
        if by_invoke:
            self.run({"messages": messages}, back)
        else:
            self.change(messages, back, "model")

    @rule()
    def look(self) -> None:
        self.both(lambda graph: [
            (s.next, told(s.values.get("messages", [])), s.metadata["source"], s.metadata["step"],
             [(task.name, str(task.error)) for task in s.tasks])
            for s in graph.get_state_history(config("a"))
        ])  # fmt: skip
        self.both(lambda graph: told(graph.get_state(config("a")).values.get("messages", [])))

    def teardown(self) -> None:
        if hasattr(self, "registry"):
            self.look()
            assert self.registry.verify() == []
            self.registry.close()


class AgentConversation(Conversation):
    """The same with the agent, whose messages are a delta channel."""

    build = staticmethod(agent)


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=40, stateful_step_count=10)
TestAgentConversation = AgentConversation.TestCase
TestAgentConversation.settings = TestConversation.settings


def test_a_list_of_all_threads_shows_what_was_just_written():
    with threads.open(":memory:") as registry:
        saver = registry.checkpointer
        stored = saver.put(
            config_of("a", ""), {**empty_checkpoint(), "id": "1"}, {"source": "loop", "step": 0}, {}
        )
        saver.put_writes(stored, [("count", 1)], "task")
        assert [found.pending_writes for found in saver.list(None)] == [[("task", "count", 1)]]


def test_a_refused_checkpoint_takes_no_results_of_others_with_it():
    def put(thread_id: str, parent: str | None, id: str, source: str = "loop") -> None:
        checkpoint = {**empty_checkpoint(), "id": id}
        registry.checkpointer.put(
            config_of(thread_id, "", parent), checkpoint, {"source": source, "step": 0}, {}
        )

    with threads.open(":memory:") as registry:
        put("a", None, "1")
        put("a", "1", "2")
        put("b", None, "3")
        results = config_of("a", "", "1"), config_of("b", "", "3")
        for place in results:
            registry.checkpointer.put_writes(place, [("count", 1)], "task")
        with pytest.raises(threads.ThreadMoved):
            put("a", "1", "3", source="update")
        for place in results:
            assert registry.checkpointer.get_tuple(place).pending_writes == [("task", "count", 1)]


def test_what_was_pruned_can_be_copied_and_forked_to_an_id_that_was_deleted():
    with threads.open(":memory:") as registry:
        graph = tutorial(registry.checkpointer, Echo())
        for id in ("a", "a", "copy", "fork"):
            graph.invoke(said("hello"), config(id))
        old_run = registry.checkpointer.get_tuple(config("copy"))
        registry.delete("copy")
        registry.delete("fork")
        registry.prune()
        registry.checkpointer.copy_thread("a", "copy")
        registry.fork("a", new_id="fork")
        for id in ("copy", "fork"):
            assert told(graph.invoke(said("bye"), config(id))["messages"])[-1][1] == "5: bye"
        with pytest.raises(threads.ThreadDeleted):  # as before
            later = {**old_run.checkpoint, "id": "f"}
            registry.checkpointer.put(old_run.config, later, {"source": "loop", "step": 2}, {})
        assert registry.verify() == []


# Not with durability "async": there the stock saver stores what the node makes of a message, or not, as it happens.
@pytest.mark.slow
@pytest.mark.parametrize("durability", ["sync", "exit"])
@pytest.mark.parametrize("build", [tutorial, agent])
def test_what_a_node_changes_in_place_is_remembered_as_by_the_stock_saver(tmp_path, build, durability):
    stock = stock_saver(tmp_path / "stock.db")
    with threads.open(tmp_path / "threads.db") as registry:
        graphs = [build(saver, Echo(meddles=True)) for saver in (registry.checkpointer, stock)]
        for number in range(60):  # past a snapshot of the agent's delta channel
            answers = [
                graph.invoke(said(f"turn {number}"), config("a"), durability=durability) for graph in graphs
            ]
            states = [graph.get_state(config("a")).values for graph in graphs]
            for ours, theirs in (answers, states):
                assert told(ours["messages"]) == told(theirs["messages"])
    stock.conn.close()
