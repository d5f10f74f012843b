"""Private names of LangGraph and pydantic that `threads.langgraph_internals` lists, one test for each.

They fail where a new version changes a name or its meaning: then that module is checked, and `CHECKED_ON` raised.
"""

import ast
import asyncio
import importlib.metadata
import operator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict
from uuid import UUID

import ormsgpack
import pydantic
import pydantic.v1
import pytest
from graphs import Case
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langchain_core.runnables import RunnableConfig
from langgraph._internal import _constants
from langgraph.channels import LastValue
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.base import get_checkpoint_metadata
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import START, StateGraph
from langgraph.types import Command, Overwrite, Send, interrupt
from locations import ROOT

import threads
from threads import langgraph_internals as internals
from threads.checkpoint.conflicts import LEASE_CONTEXT_KEY, HeadRead, is_in_run, run_identity
from threads.graphs import MessageChannel

CONFIG: Any = {"configurable": {"thread_id": "a"}}


class State(TypedDict, total=False):
    messages: MessageChannel
    log: Annotated[list, operator.add]


class Recorder(InMemorySaver):
    """A saver that records the calls of its methods with their configs."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, Any, Any]] = []

    def get_tuple(self, config):
        found = super().get_tuple(config)
        self.calls.append(("get_tuple", config, found))
        return found

    def put(self, config, checkpoint, metadata, new_versions):
        self.calls.append(("put", config, checkpoint))
        return super().put(config, checkpoint, metadata, new_versions)

    def put_writes(self, config, writes, task_id, task_path=""):
        self.calls.append(("put_writes", config, writes))
        super().put_writes(config, writes, task_id, task_path)

    def configs(self, method: str) -> list[Any]:
        return [config for name, config, _ in self.calls if name == method]


def graph_of(*nodes: Any, schema: Any = State, saver: Any = None) -> Any:
    """A graph of nodes one after another, called "0", "1" and so on."""
    builder = StateGraph(schema)
    for number, node in enumerate(nodes):
        builder.add_node(str(number), node)
    builder.add_edge(START, "0")
    for number in range(1, len(nodes)):
        builder.add_edge(str(number - 1), str(number))
    return builder.compile(checkpointer=saver)


def log(text: str) -> Any:
    return lambda state: {"log": [text]}


def test_constants():
    assert internals.RUNTIME_KEY == _constants.CONFIG_KEY_RUNTIME
    assert internals.REPLAY_STATE_KEY == _constants.CONFIG_KEY_REPLAY_STATE
    assert internals.TASKS_CHANNEL == _constants.TASKS
    assert internals.NULL_TASK_ID == _constants.NULL_TASK_ID
    assert internals.TASK_SEPARATOR == _constants.NS_END
    assert internals.NAMESPACE_SEPARATOR == _constants.NS_SEP


def test_each_object_can_be_imported_and_another_name_cannot():
    for name in internals._OBJECTS:
        assert getattr(internals, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Unknown'"):
        _ = internals.Unknown
    for distribution in internals.CHECKED_ON:
        assert importlib.metadata.version(distribution)


def test_runtime_key_is_in_the_configs_of_runs_only():
    graph = graph_of(log("x"), saver=(saver := Recorder()))
    graph.invoke({"log": []}, CONFIG)
    assert {name for name, _, _ in saver.calls} == {"get_tuple", "put", "put_writes"}
    assert all(is_in_run(config) for _, config, _ in saver.calls)
    saver.calls.clear()
    graph.get_state(CONFIG)
    graph.update_state(CONFIG, {"log": ["y"]})
    assert saver.calls and not any(is_in_run(config) for _, config, _ in saver.calls)


def test_runtime_key_has_one_control_for_a_run_and_its_subgraphs():
    graph = graph_of(graph_of(log("inner"), saver=True), saver=(saver := Recorder()))
    identities = []
    for _ in range(2):
        saver.calls.clear()
        graph.invoke({"log": []}, CONFIG)
        puts = saver.configs("put")
        assert len({config["configurable"]["checkpoint_ns"] for config in puts}) == 2
        assert len({id(run_identity(config)) for config in puts}) == 1
        identities.append(run_identity(puts[0]))
    assert None not in identities and identities[0] is not identities[1]


def test_replay_state_key_is_set_for_subgraphs_of_a_replay():
    graph = graph_of(graph_of(log("inner"), saver=True), log("outer"), saver=(saver := Recorder()))
    graph.invoke({"log": []}, CONFIG)

    def is_replay() -> set[bool]:
        inner = [
            each["configurable"] for each in saver.configs("put") if each["configurable"]["checkpoint_ns"]
        ]
        return {bool(each.get(internals.REPLAY_STATE_KEY)) for each in inner}

    assert is_replay() == {False}
    before = next(each for each in graph.get_state_history(CONFIG) if each.next == ("0",))
    saver.calls.clear()
    graph.invoke(None, before.config)
    assert is_replay() == {True}


def test_due_nodes_show_in_the_channels():
    saver = InMemorySaver()
    graph = graph_of(log("x"), lambda state: interrupt("sure?"), saver=saver)
    graph.invoke({"log": []}, CONFIG)
    history = [each.checkpoint["channel_values"] for each in saver.list(CONFIG)]
    due = [[name for name in values if name.startswith(internals.NODE_DUE_PREFIXES)] for values in history]
    assert due == [["branch:to:1"], ["branch:to:0"], ["__start__"]]

    builder = StateGraph(State)
    builder.add_node("target", lambda state: interrupt("sure?"))
    builder.add_conditional_edges(START, lambda state: [Send("target", {})], ["target"])
    builder.compile(checkpointer=saver).invoke({"log": []}, {"configurable": {"thread_id": "b"}})
    head = saver.get_tuple({"configurable": {"thread_id": "b"}})
    assert [each.node for each in head.checkpoint["channel_values"][internals.TASKS_CHANNEL]] == ["target"]


def test_the_checkpoint_id_that_a_run_reads_is_the_parent_of_what_it_writes_first():
    """The optimistic lock travels in it: `threads.checkpoint.conflicts`."""
    with threads.open(":memory:") as registry:
        graph = graph_of(log("x"), saver=registry.checkpointer)
        graph.invoke({"log": []}, CONFIG)
        saver, reads, parents = registry.checkpointer, [], []

        class Spy(type(saver)):
            def get_tuple(self, config):
                found = super().get_tuple(config)
                reads.append(found.checkpoint["id"])
                return found

            def put(self, config, *rest):
                parents.append(config["configurable"]["checkpoint_id"])
                return super().put(config, *rest)

        saver.__class__ = Spy
        graph.invoke({"log": []}, CONFIG)
        assert isinstance(reads[0], HeadRead) and parents[0] is reads[0]
        assert not any(isinstance(each, HeadRead) for each in parents[1:])


@pytest.mark.parametrize("durability", ["sync", "async"])
def test_delta_writes_are_stored_before_the_checkpoint_that_follows(durability):
    graph = graph_of(lambda state: {"messages": ["x"]}, saver=(saver := Recorder()))
    graph.invoke({"messages": ["hi"]}, CONFIG, durability=durability)
    order = [
        (name, config["configurable"].get("checkpoint_id"))
        for name, config, data in saver.calls
        if name == "put" or (name == "put_writes" and "messages" in dict(data))
    ]
    written = [id for name, id in order if name == "put_writes"]
    assert len(written) == 2
    assert all(order.index(("put_writes", id)) < order.index(("put", id)) for id in written)


def test_keys_with_two_underscores_are_not_stored():
    config: Any = {"configurable": {"thread_id": "a", "own": 1, LEASE_CONTEXT_KEY: object()}}
    assert get_checkpoint_metadata(config, {"step": 1}) == {"step": 1, "own": 1}


def test_interrupt_ids_count_the_resume_values_of_their_task():
    graph = graph_of(lambda state: {"log": [interrupt("1"), interrupt("2")]}, saver=InMemorySaver())
    for resumed in range(2):
        graph.invoke(Command(resume="yes") if resumed else {"log": []}, CONFIG)
        task = graph.get_state(CONFIG).tasks[0]
        namespace = f"{task.name}{internals.TASK_SEPARATOR}{task.id}"
        assert task.interrupts[0].id == internals.interrupt_id(namespace, resumed)


def test_a_delta_channel_is_stored_as_a_snapshot_with_its_value():
    class Frequent(TypedDict):
        log: Annotated[list, DeltaChannel(lambda state, writes: [*state, *writes], snapshot_frequency=1)]

    saver = InMemorySaver()
    graph_of(lambda state: {}, schema=Frequent, saver=saver).invoke({"log": "x"}, CONFIG)
    stored = saver.get_tuple(CONFIG).checkpoint["channel_values"]["log"]
    assert isinstance(stored, internals.DeltaSnapshot) and stored.value == ["x"]


@dataclass
class Point:
    x: int


class ModelV1(pydantic.v1.BaseModel):
    x: int


class ModelV2(pydantic.BaseModel):
    x: int


EXTENSIONS = {
    "EXT_CONSTRUCTOR_SINGLE_ARG": (0, UUID(int=1)),
    "EXT_CONSTRUCTOR_POS_ARGS": (1, Path("a")),
    "EXT_CONSTRUCTOR_KW_ARGS": (2, Point(1)),
    "EXT_METHOD_SINGLE_ARG": (3, datetime(2026, 1, 1, tzinfo=UTC)),
    "EXT_PYDANTIC_V1": (4, ModelV1(x=1)),
    "EXT_PYDANTIC_V2": (5, ModelV2(x=1)),
    "EXT_DELTA_SNAPSHOT": (7, internals.DeltaSnapshot([1])),
}


@pytest.mark.parametrize("name", EXTENSIONS)
def test_msgpack_extension_codes(name):
    """Stored files have these numbers."""
    code, value = EXTENSIONS[name]
    kind, stored = JsonPlusSerializer().dumps_typed(value)
    found = []
    ormsgpack.unpackb(stored, ext_hook=lambda code, data: found.append(code))
    assert (kind, found, getattr(internals, name)) == ("msgpack", [code], code)


def test_msgpack_extension_code_of_arrays():
    numpy = pytest.importorskip("numpy")
    stored = JsonPlusSerializer().dumps_typed(numpy.array([1, 2]))[1]
    found = []
    ormsgpack.unpackb(stored, ext_hook=lambda code, data: found.append(code))
    assert found == [internals.EXT_NUMPY_ARRAY] == [6]


def test_msgpack_hook_decodes_an_extension():
    stored = JsonPlusSerializer().dumps_typed({1, 2})[1]
    assert ormsgpack.unpackb(stored, ext_hook=internals.msgpack_ext_hook) == {1, 2}


def test_msgpack_safe_types_are_modules_with_names():
    assert ("langchain_core.messages.human", "HumanMessage") in internals.SAFE_MSGPACK_TYPES
    assert ("datetime", "datetime", "fromisoformat") in internals.SAFE_MSGPACK_METHODS


def test_send_is_made_of_its_stored_arguments():
    stored = JsonPlusSerializer().dumps_typed(Send("node", {"x": 1}))[1]
    found: list[Any] = []
    ormsgpack.unpackb(stored, ext_hook=lambda code, data: found.append(ormsgpack.unpackb(data)))
    ((module, name, arguments),) = found
    assert (module, name) == ("langgraph.types", "Send")
    assert internals.send_from_args(arguments) == Send("node", {"x": 1})


def test_types_of_schemas_and_channels_are_collected():
    class Inner(pydantic.BaseModel):
        number: int

    class Outer(pydantic.BaseModel):
        inner: Inner

    class State(TypedDict):
        outer: NotRequired[Annotated[Outer | None, "reducer"]]

    found = internals.build_serde_allowlist(
        schemas=[State, {"title": "a JSON schema"}], channels={"case": LastValue(list[Case])}
    )
    own = {each for each in found if not each[0].startswith("langchain_core.")}
    assert own == {(__name__, "Inner"), (__name__, "Outer"), (Case.__module__, "Case")}


def test_delta_reducer_of_messages_appends_replaces_and_removes():
    state = [HumanMessage("a", id="1"), HumanMessage("b", id="2")]
    writes = [
        [RemoveMessage(id="1"), HumanMessage("B", id="2")],
        AIMessage("c", id="3"),
        [RemoveMessage(id="?")],
    ]
    found = internals.messages_delta_reducer(state, writes)
    assert [(each.id, each.text) for each in found] == [("2", "B"), ("3", "c")]


def test_serializer_has_the_hooks_that_ours_overrides():
    """`threads.checkpoint.serde` replaces `_revive_lc2` and reads `_allowed_msgpack_modules`."""
    serializer = JsonPlusSerializer(allowed_msgpack_modules=[("a", "B")])
    assert serializer._allowed_msgpack_modules == {("a", "B")}
    document = (
        b'{"lc": 2, "type": "constructor", "id": ["uuid", "UUID"], "args": ["%s"]}'
        % str(UUID(int=1)).encode()
    )
    called = []

    class Spy(JsonPlusSerializer):
        def _check_allowed_json_modules(self, value):
            called.append("check")

        def _revive_lc2(self, value):
            called.append("revive")
            self._check_allowed_json_modules(value)

    Spy().loads_typed(("json", document))
    assert called == ["revive", "check"]


@pytest.mark.parametrize(
    "update",
    [Overwrite(["x"]), {"__overwrite__": ["x"]}, {"type": "__overwrite__", "value": ["x"]}],
    ids=repr,
)
def test_overwrites_have_these_three_forms(update):
    from threads.checkpoint.message_channel import replay

    channel = DeltaChannel(lambda state, writes: [*state, *writes], list).from_checkpoint(["before"])
    channel.update([update])
    assert channel.value == ["x"] == replay(lambda state, writes: [], ["before"], [update])
    assert (type(Overwrite([])).__name__, type(Overwrite([])).__module__) == ("Overwrite", "langgraph.types")


def test_pydantic_objects_consist_of_four_slots():
    message = HumanMessage("hi", id="1", other="extra")
    fields, names, extra, private = internals.pydantic_setters(HumanMessage)
    copy = object.__new__(HumanMessage)
    fields(copy, dict(message.__dict__))
    names(copy, set(message.__pydantic_fields_set__))
    extra(copy, dict(message.__pydantic_extra__))
    private(copy, None)
    assert copy == message and copy.model_dump() == message.model_dump()
    assert HumanMessage.__private_attributes__ == {} and message.__pydantic_private__ is None


def test_runnable_callable_has_a_sync_and_an_async_function():
    async def acall(input: Any) -> str:
        return f"async {input}"

    node = internals.RunnableCallable(lambda input: f"sync {input}", acall, name="x", trace=False)
    assert (node.invoke(1), asyncio.run(node.ainvoke(1)), node.name) == ("sync 1", "async 1", "x")


def test_nodes_have_writers_that_make_updates_of_what_they_returned():
    node = graph_of(log("x")).nodes["0"]
    assert isinstance(node, internals.PregelNode) and isinstance(node.writers[0], internals.ChannelWrite)
    entry = node.writers[0].writes[0]
    assert isinstance(entry, internals.ChannelWriteTupleEntry)
    assert entry.mapper({"log": ["x"], "unknown": 1}) == [("log", ["x"])]
    assert entry.mapper(Command(update={"log": ["x"]})) == [("log", ["x"])]
    assert node.copy({"writers": []}).writers == [] and node.writers


def test_channel_read_reads_the_stored_form_of_the_state():
    seen = []

    def node(state: State, config: RunnableConfig) -> State:
        seen.append(internals.ChannelRead.do_read(config, select="messages"))
        return {}

    graph_of(node, saver=InMemorySaver()).invoke({"messages": ["hi"]}, CONFIG)
    assert [message.text for message in seen[0]] == ["hi"]


def test_private_names_stand_in_one_module():
    found = set()
    for path in [
        each for folder in ("threads", "agent", "exercises") for each in (ROOT / folder).rglob("*.py")
    ]:
        if path.name.startswith("langgraph_internals"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                {f"{node.module}.{each.name}" for each in node.names}
                if isinstance(node, ast.ImportFrom)
                else set()
            )
            names |= {each.name for each in node.names} if isinstance(node, ast.Import) else set()
            found |= {
                f"{path.name}: {name}"
                for name in names
                if name.split(".")[0]
                in ("langgraph", "langchain_core", "langchain_openai", "pydantic", "ormsgpack")
                and any(part.startswith("_") for part in name.split("."))
            }
            if isinstance(node, ast.Constant) and str(node.value).startswith("__pregel"):
                found.add(f"{path.name}: {node.value}")
    assert found == set()
