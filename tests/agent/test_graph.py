"""`build_agent`: the tool loop, the memory, what is refused, and the picture of it."""

import asyncio
import socket
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    ToolMessage,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Overwrite, interrupt
from pydantic import Field

from agent import build_agent
from agent.state import AgentState, MessageRefused

ALICE: Any = {"configurable": {"thread_id": "alice"}}
BOB: Any = {"configurable": {"thread_id": "bob"}}

Answer = Callable[[Sequence[BaseMessage]], AIMessage]


class Scripted(BaseChatModel):
    """Answers by a function of the messages; streams word by word."""

    answer: Answer
    seen: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self.bind(offered=[each.name for each in tools])

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self.seen.append(list(messages))
        return ChatResult(generations=[ChatGeneration(message=self.answer(messages))])

    def _stream(
        self,
        messages: Any,
        stop: Any = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        self.seen.append(list(messages))
        whole = self.answer(messages)
        calls = [
            {"name": c["name"], "args": str(c["args"]).replace("'", '"'), "id": c["id"], "index": n}
            for n, c in enumerate(whole.tool_calls)
        ]
        for text in [*whole.text.split(" "), None]:
            chunk = AIMessageChunk(f"{text} " if text else "", tool_call_chunks=[] if text else calls)
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=ChatGenerationChunk(message=chunk))
            yield ChatGenerationChunk(message=chunk)


def echo(messages: Sequence[BaseMessage]) -> AIMessage:
    return AIMessage(f"You said {messages[-1].text}")


def scripted(answer: Answer = echo) -> Scripted:
    return Scripted(answer=answer, seen=[])


def said(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def told(state: Any) -> list[tuple[str, str]]:
    return [(message.type, message.text.strip()) for message in state["messages"]]


@tool
def double(number: int) -> str:
    """Twice a number."""
    return str(number * 2)


@tool
def broken(number: int) -> str:
    """Fails."""
    raise RuntimeError("the pump is dry")


def calls(name: str) -> Answer:
    """First asks for a tool, then says what came of it."""

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        if isinstance(messages[-1], ToolMessage):
            return AIMessage(f"It is {messages[-1].text}")
        return AIMessage("", tool_calls=[{"name": name, "args": {"number": 21}, "id": "call-1"}])

    return answer


@pytest.fixture(params=["memory", "file"])
def saver(request, tmp_path):
    if request.param == "memory":
        yield InMemorySaver()
    else:
        with SqliteSaver.from_conn_string(str(tmp_path / "memory.db")) as saver:
            yield saver


def test_agent_is_a_compiled_state_graph_and_stays_one():
    agent = build_agent(scripted(), name="support")
    assert isinstance(agent, CompiledStateGraph)
    assert type(agent.copy(update={"checkpointer": InMemorySaver()})) is type(agent)
    assert type(agent.with_config(tags=["x"])) is type(agent)
    assert agent.name == "support"


def test_threads_are_isolated(saver):
    agent = build_agent(scripted(), checkpointer=saver)
    agent.invoke(said("I am Alice"), ALICE)
    agent.invoke(said("I am Bob"), BOB)
    state = agent.invoke(said("Who am I?"), ALICE)
    assert told(state) == [
        ("human", "I am Alice"),
        ("ai", "You said I am Alice"),
        ("human", "Who am I?"),
        ("ai", "You said Who am I?"),
    ]
    assert len(agent.get_state(BOB).values["messages"]) == 2


def test_stored_state_equals_the_state_of_the_run(saver):
    agent = build_agent(scripted(calls("double")), tools=[double], checkpointer=saver)
    for turn in range(4):
        live = agent.invoke(said(f"turn {turn}"), ALICE)
    assert agent.get_state(ALICE).values == live
    assert len(live["messages"]) == 16


def test_model_gets_the_tools_and_their_results():
    model = scripted(calls("double"))
    state = build_agent(model, tools=[double]).invoke(said("twice 21"))
    assert told(state) == [("human", "twice 21"), ("ai", ""), ("tool", "42"), ("ai", "It is 42")]


def test_plain_function_is_a_tool():
    def double(number: int) -> str:
        """Twice a number."""
        return str(number * 2)

    assert told(build_agent(scripted(calls("double")), tools=[double]).invoke(said("x")))[-1][1] == "It is 42"


def test_tool_error_is_its_result_and_the_thread_stays_usable(saver):
    agent = build_agent(scripted(calls("broken")), tools=[broken], checkpointer=saver)
    state = agent.invoke(said("x"), ALICE)
    assert told(state)[-2:] == [
        ("tool", "The tool failed: the pump is dry"),
        ("ai", "It is The tool failed: the pump is dry"),
    ]
    assert state["messages"][-2].status == "error"
    assert len(agent.invoke(said("y"), ALICE)["messages"]) == 8


def test_tool_can_interrupt_and_resume(where):
    @tool
    def ask(number: int) -> str:
        """Asks."""
        return str(interrupt("May I?"))

    def step(given: Any) -> Any:
        return on_file(where, lambda agent: agent.invoke(given, ALICE), calls("ask"), [ask])

    assert step(said("x"))["__interrupt__"][0].value == "May I?"
    assert told(step(Command(resume="yes")))[-1] == ("ai", "It is yes")


def test_agent_works_as_a_subgraph(saver):
    part = build_agent(scripted(calls("double")), tools=[double], name="part")
    whole = StateGraph(AgentState)
    whole.add_node("part", part)
    whole.add_edge(START, "part")
    graph = whole.compile(checkpointer=saver)
    for turn in range(2):
        live = graph.invoke(said("x"), ALICE)
        assert len(live["messages"]) == 4 * (turn + 1)
    assert graph.get_state(ALICE).values == live


def test_call_of_an_unknown_tool_gets_an_error_result():
    state = build_agent(scripted(calls("unknown")), tools=[double]).invoke(said("x"))
    assert state["messages"][-2].status == "error"


def test_system_prompt_is_sent_with_each_call_and_not_stored(saver):
    model = scripted()
    agent = build_agent(model, system_prompt="Be brief.", checkpointer=saver)
    agent.invoke(said("a"), ALICE)
    state = agent.invoke(said("b"), ALICE)
    assert [(m.type, m.text) for m in model.seen[-1]][:2] == [("system", "Be brief."), ("human", "a")]
    assert sum(m.type == "system" for m in model.seen[-1]) == 1
    assert {m.type for m in state["messages"]} == {"human", "ai"}
    assert not any(b"Be brief" in bytes(str(c.checkpoint), "utf-8") for c in saver.list(ALICE))


def test_stream_gives_single_tokens():
    agent = build_agent(scripted())
    tokens = [chunk.text for chunk, _ in agent.stream(said("a b"), stream_mode="messages") if chunk.text]
    assert tokens == ["You ", "said ", "a ", "b "]


def test_astream_gives_single_tokens():
    async def listen() -> list[str]:
        stream = build_agent(scripted()).astream(said("a b"), stream_mode="messages")
        return [chunk.text async for chunk, _ in stream if chunk.text]

    assert asyncio.run(listen()) == ["You ", "said ", "a ", "b "]


def test_ainvoke_runs_the_tool_loop():
    agent = build_agent(scripted(calls("double")), tools=[double], checkpointer=InMemorySaver())
    state = asyncio.run(agent.ainvoke(said("x"), ALICE))
    assert told(state)[-1] == ("ai", "It is 42")


def test_async_model_call_occupies_no_os_thread():
    """A hundred at once: the pool of a small machine has six threads."""
    arrived = 0
    everybody: asyncio.Event

    class Slow(Scripted):
        def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
            raise AssertionError("called in a way that holds a thread")

        async def _agenerate(self, messages: Any, *args: Any, **kwargs: Any) -> ChatResult:
            nonlocal arrived
            arrived += 1
            if arrived == 100:
                everybody.set()
            await everybody.wait()
            return ChatResult(generations=[ChatGeneration(message=echo(messages))])

    async def all_at_once() -> list[Any]:
        nonlocal everybody
        everybody = asyncio.Event()
        agent = build_agent(Slow(answer=echo))
        return await asyncio.wait_for(asyncio.gather(*(agent.ainvoke(said("x")) for _ in range(100))), 30)

    assert len(asyncio.run(all_at_once())) == 100


EVERY_WAY = ["invoke", "stream", "ainvoke", "astream", "update_state"]


@pytest.mark.parametrize("way", EVERY_WAY)
def test_checkpoint_metadata_has_the_reducer_and_the_agent_id(way):
    saver = InMemorySaver()
    agent = build_agent(scripted(calls("double")), tools=[double], name="support")
    agent = agent.copy(update={"checkpointer": saver})

    async def astream() -> None:
        async for _ in agent.astream(said("x"), ALICE):
            pass

    if way == "invoke":
        agent.invoke(said("x"), {**ALICE, "metadata": {"own": 1}})
    elif way == "stream":
        list(agent.stream(said("x"), ALICE))
    elif way == "ainvoke":
        asyncio.run(agent.ainvoke(said("x"), ALICE))
    elif way == "astream":
        asyncio.run(astream())
    else:
        agent.update_state(ALICE, said("x"), as_node=START)
    stored = [checkpoint.metadata for checkpoint in saver.list(ALICE)]
    assert stored
    assert all(each["messages_reducer"] == "add_messages" for each in stored)
    assert all(each["agent_id"] == "support" for each in stored)
    if way == "invoke":
        assert all(each["own"] == 1 for each in stored)


def test_agent_without_a_name_has_no_agent_id():
    saver = InMemorySaver()
    build_agent(scripted(), checkpointer=saver).invoke(said("x"), ALICE)
    assert not any("agent_id" in checkpoint.metadata for checkpoint in saver.list(ALICE))


NO_MESSAGE = {
    "an unknown role": [{"role": "nobody", "content": "x"}],
    "nothing": None,
    "nothing in a list": [None],
    "a bare tuple": ("user", "hi"),
    "a number": 7,
    "a dict without content": [{"role": "user"}],
    "a good one and a bad one": [HumanMessage("good"), {"role": "nobody", "content": "x"}],
}
POISON = NO_MESSAGE | {
    "an unknown id to remove": [RemoveMessage(id="unknown")],
    "an unknown id to remove, as a dict": [{"role": "remove", "content": "", "id": "unknown"}],
    "a good one and an unknown id": [HumanMessage("good"), RemoveMessage(id="unknown")],
    "a removal after remove all": [RemoveMessage(id=REMOVE_ALL_MESSAGES), RemoveMessage(id="a")],
    "an overwrite that is no list": Overwrite(("user", "hi")),
    "an overwrite with an unknown role": Overwrite([{"role": "nobody", "content": "x"}]),
}
FIRST = [("human", "one"), ("ai", "You said one")]
BOTH = [*FIRST, ("human", "two"), ("ai", "You said two")]


@pytest.fixture(params=["sync", "async", "exit"])
def durability(request) -> Any:
    return request.param


@pytest.fixture
def where(tmp_path):
    return str(tmp_path / "memory.db")


def on_file(where: str, work: Callable[[Any], Any], answer: Answer = echo, tools: Any = ()) -> Any:
    """Each step opens the file anew, as another process would."""
    with SqliteSaver.from_conn_string(where) as saver:
        return work(build_agent(scripted(answer), tools=tools, checkpointer=saver))


def stored(where: str) -> int:
    with SqliteSaver.from_conn_string(where) as saver:
        saver.setup()
        tables = ("checkpoints", "writes")
        return sum(saver.conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables)


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_refused_input_leaves_the_thread_unchanged(where, poison, durability):
    on_file(where, lambda agent: agent.invoke(said("one"), ALICE))
    with pytest.raises(MessageRefused):
        on_file(where, lambda agent: agent.invoke({"messages": poison}, ALICE, durability=durability))
    assert told(on_file(where, lambda agent: agent.get_state(ALICE).values)) == FIRST
    live = on_file(where, lambda agent: agent.invoke(said("two"), ALICE, durability=durability))
    assert told(live) == BOTH
    assert on_file(where, lambda agent: agent.get_state(ALICE).values) == live
    history = on_file(
        where, lambda agent: [told(s.values) for s in agent.get_state_history(ALICE) if s.values]
    )
    assert all(each == BOTH[: len(each)] for each in history)


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_refused_first_input_leaves_the_thread_usable(where, poison, durability):
    with pytest.raises(MessageRefused):
        on_file(where, lambda agent: agent.invoke({"messages": poison}, ALICE, durability=durability))
    assert not on_file(where, lambda agent: agent.get_state(ALICE).values.get("messages"))
    live = on_file(where, lambda agent: agent.invoke(said("one"), ALICE))
    assert told(live) == FIRST
    assert on_file(where, lambda agent: agent.get_state(ALICE).values) == live


@pytest.mark.parametrize("poison", NO_MESSAGE.values(), ids=NO_MESSAGE)
def test_input_that_is_no_message_stores_nothing(where, poison):
    on_file(where, lambda agent: agent.invoke(said("one"), ALICE))
    before = stored(where)
    with pytest.raises(MessageRefused):
        on_file(where, lambda agent: agent.invoke({"messages": poison}, ALICE))
    assert stored(where) == before


@pytest.mark.parametrize("as_node", ["model", START])
@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
def test_refused_update_state_stores_nothing(where, poison, as_node):
    on_file(where, lambda agent: agent.invoke(said("one"), ALICE))
    before = stored(where)
    with pytest.raises(MessageRefused):
        on_file(where, lambda agent: agent.update_state(ALICE, {"messages": poison}, as_node=as_node))
    assert stored(where) == before


def test_tool_with_an_invalid_update_leaves_the_thread_readable(where):
    @tool
    def forget(number: int) -> Command[Any]:
        """Removes what is not there."""
        done = ToolMessage("done", tool_call_id="call-1")
        return Command(update={"messages": [done, RemoveMessage(id="unknown")]})

    on_file(where, lambda agent: agent.invoke(said("one"), ALICE))
    with pytest.raises(MessageRefused):
        on_file(where, lambda agent: agent.invoke(said("x"), ALICE), calls("forget"), [forget])
    assert told(on_file(where, lambda agent: agent.get_state(ALICE).values))[:2] == FIRST
    assert told(on_file(where, lambda agent: agent.invoke(said("two"), ALICE)))[-1] == ("ai", "You said two")


def test_async_calls_refuse_the_same_updates():
    agent = build_agent(scripted(), checkpointer=InMemorySaver())

    async def story() -> Any:
        for poison in POISON.values():
            with pytest.raises(MessageRefused):
                await agent.ainvoke({"messages": poison}, ALICE)
        return await agent.ainvoke(said("one"), ALICE)

    assert told(asyncio.run(story())) == FIRST


def test_update_state_repairs_a_thread_after_a_refused_command():
    """The one poison that LangGraph stores before we are asked, in a thread it does not wait for."""
    written = threading.Event()

    class Saver(InMemorySaver):
        def put_writes(self, *args: Any, **kwargs: Any) -> None:
            super().put_writes(*args, **kwargs)
            written.set()

    agent = build_agent(scripted(), checkpointer=Saver())
    agent.invoke(said("one"), ALICE)
    written.clear()
    with pytest.raises(MessageRefused):
        agent.invoke(Command(update={"messages": [RemoveMessage(id="unknown")]}), ALICE)
    assert written.wait(30)
    agent.update_state(ALICE, {"messages": []}, as_node="model")
    live = agent.invoke(said("two"), ALICE)
    assert told(live) == BOTH
    assert agent.get_state(ALICE).values == live


def test_messages_are_replaced_and_removed_through_the_graph(where):
    first = on_file(where, lambda agent: agent.invoke(said("one"), ALICE))["messages"]
    edited = [HumanMessage("ONE", id=first[0].id), RemoveMessage(id=first[1].id)]
    on_file(where, lambda agent: agent.update_state(ALICE, {"messages": edited}, as_node=START))
    assert told(on_file(where, lambda agent: agent.get_state(ALICE).values)) == [("human", "ONE")]
    assert told(on_file(where, lambda agent: agent.invoke(None, ALICE)))[-1] == ("ai", "You said ONE")
    wipe = [RemoveMessage(id=REMOVE_ALL_MESSAGES), HumanMessage("new")]
    assert told(on_file(where, lambda agent: agent.invoke({"messages": wipe}, ALICE)))[0] == ("human", "new")


def test_texts_and_pairs_have_stable_message_ids(where):
    live = on_file(where, lambda agent: agent.invoke({"messages": ["a", "a", ("user", "b")]}, ALICE))
    again = on_file(where, lambda agent: agent.invoke({"messages": "a"}, ALICE))
    assert again["messages"][: len(live["messages"])] == live["messages"]
    assert on_file(where, lambda agent: agent.get_state(ALICE).values) == again
    assert len({m.id for m in again["messages"]}) == len(again["messages"])


def test_model_error_leaves_the_user_message_and_invoke_none_resumes(where):
    def fail(messages: Sequence[BaseMessage]) -> AIMessage:
        raise RuntimeError("no answer today")

    with pytest.raises(RuntimeError, match="no answer today"):
        on_file(where, lambda agent: agent.invoke(said("one"), ALICE), fail)
    assert told(on_file(where, lambda agent: agent.get_state(ALICE).values)) == [("human", "one")]
    assert told(on_file(where, lambda agent: agent.invoke(None, ALICE))) == FIRST


def test_notebook_image_is_rendered_without_network(monkeypatch):
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a picture asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    bundle = build_agent(scripted(), tools=[double])._repr_mimebundle_(include=None, exclude=None)
    root = ElementTree.fromstring(bundle["image/svg+xml"])
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert sorted(texts) == ["end", "model", "start", "tools"]
    assert "currentColor" in bundle["image/svg+xml"]
    assert bundle["text/plain"]


def test_names_in_the_image_are_escaped():
    from langchain_core.runnables.graph import Graph

    from agent.graph_svg import graph_to_svg

    graph = Graph()
    one, other = (graph.add_node(scripted(), id=name) for name in ("<script>", "b&c"))
    graph.add_edge(one, other)
    graph.add_edge(other, one)
    assert "<script>" not in graph_to_svg(graph)
    ElementTree.fromstring(graph_to_svg(graph))


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"tools": [double, double]}, ValueError, "double"),
        ({"name": 7}, TypeError, "name"),
        ({"name": ""}, TypeError, "name"),
        ({"system_prompt": ["x"]}, TypeError, "system_prompt"),
        ({"model": 7}, TypeError, "model"),
        ({"model": "nobody:x"}, ValueError, "openai:NAME"),
    ],
)
def test_invalid_arguments_of_build_agent_raise(wrong, error, words):
    with pytest.raises(error, match=words):
        build_agent(**({"model": scripted()} | wrong))
