"""Events say which node and namespace they come from, and whether they belong to the conversation."""

import operator
import threading
from typing import Annotated, Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, Overwrite, Send
from run_helpers import texts, until
from server_helpers import PREFIX, client
from server_helpers import events as sent
from streaming_agents import (
    StreamingModel,
    deep_agent,
    model,
    routed,
    saying,
    summarizing,
    supervisor,
    swarm,
    with_model_in_tool,
    with_tools,
)

import threads


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        yield registry


class Pace:
    """Models stream a word when the subscriber has seen the one before it; call it with each event."""

    def __init__(self):
        self._credit = threading.Semaphore(1)

    def wait(self):
        self._credit.acquire(timeout=1)

    def __call__(self, event):
        if event.type == "message" and event.data["message"]["role"] == "assistant":
            while self._credit.acquire(blocking=False):
                pass
        elif event.type != "token":
            return
        self._credit.release()


@pytest.fixture
def pace():
    pace, field = Pace(), StreamingModel.model_fields["before_word"]
    before, field.default = field.default, pace.wait
    StreamingModel.model_rebuild(force=True)
    yield pace
    field.default = before
    StreamingModel.model_rebuild(force=True)


def live(run, inner, on_event=lambda event: None):
    """The run's events as a subscriber gets them."""
    found = []
    with run.events(inner=inner) as events:
        for event in events:
            on_event(event)
            found.append(event)
            if run.ends_with(event):
                break
    return found


def origins(events, *types):
    """Type, node, nodes of the namespace and whether it belongs to the conversation, of these events."""
    return [
        (event.type, event.data["node"], tuple(each.split(":")[0] for each in event.data["namespace"]),
         event.data["in_conversation"])
        for event in events if event.type in types
    ]  # fmt: skip


def words(events, in_conversation):
    """The texts of the tokens and messages of models."""
    tokens, messages = {}, {}
    for event in events:
        if event.in_conversation is not in_conversation:
            continue
        if event.type == "token":
            id = event.data["message_id"]
            tokens[id] = tokens.get(id, "") + event.data["text"]
        elif event.type == "message" and event.data["message"]["role"] == "assistant":
            messages[event.data["message"]["id"]] = event.data["message"]["text"]
    return [text for text in {**tokens, **messages}.values() if text]


def test_events_of_tools_and_custom_events_name_their_node(registry):
    with threads.Runner(registry, with_tools()) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        events = live(run, inner=False)
    assert origins(events, "message") == [
        ("message", None, (), True), ("message", "model", (), True), ("message", "tools", (), True),
        ("message", "model", (), True),
    ]  # fmt: skip
    of_tools = origins(events, "tool_started", "tool_finished", "custom")
    assert sorted(of_tools) == [
        (type, "tools", (), True) for type in ("custom", "tool_finished", "tool_started")
    ]


INNER = {
    "with_model_in_tool": (with_model_in_tool, {"an inner thought of the tool"}),
    "deep_agent": (deep_agent, {"Searching inside.", "The inner finding."}),
    "deep_agent, not streamed": (
        lambda: deep_agent(streams=False),
        {"Searching inside.", "The inner finding."},
    ),
}


@pytest.mark.parametrize("name", INNER)
def test_models_inside_a_tool_do_not_belong_to_the_conversation(registry, pace, name):
    build, inner = INNER[name]
    with threads.Runner(registry, build()) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        everything = live(run, True, pace)
        shown = live(run, False)
    assert set(words(everything, False)) == inner
    assert not inner & set(words(everything, True))
    assert [event for event in everything if event.in_conversation and event.type != "token"] == shown
    stored = list(registry.events("a", follow=False, inner=True))
    assert set(words(stored, False)) == inner, "they can be read later"
    assert list(registry.events("a", follow=False)) == [event for event in stored if event.in_conversation]
    if name.startswith("deep"):
        of_tools = origins(stored, "tool_started", "tool_finished", "custom")
        assert {origin for origin in of_tools if not origin[3]} == {
            (type, "tools", ("tools",), False) for type in ("tool_started", "tool_finished", "custom")
        }


def test_first_token_of_a_run_is_one_of_the_conversation(registry, pace):
    with threads.Runner(registry, with_model_in_tool()) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        events = live(run, True, pace)
    [ended] = [event.created_at for event in events if event.type == "tool_finished"]
    assert run.info.first_token_at >= ended


def test_agents_that_hand_over_speak_in_the_conversation(registry, pace):
    with threads.Runner(registry, swarm()) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        events = live(run, True, pace)
    assert all(event.in_conversation for event in events)
    assert words(events, True) == ["Bob knows that.", "It is sunny says Bob."]
    namespaces = {(node, *namespace) for _, node, namespace, _ in origins(events, "token")}
    assert namespaces == {("model", "alice"), ("model", "bob")}
    assert ("message", "model", ("bob",), True) in origins(events, "message")


def test_what_a_supervisors_agent_keeps_to_itself_is_marked_when_it_ends(registry, pace):
    """Of an agent's messages the last one gets to the conversation; that shows only at its end."""
    with threads.Runner(registry, supervisor()) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        live(run, True, pace)
    stored = list(registry.events("a", follow=False, inner=True))
    assert words(stored, False) == ["Inside I look."]
    assert [
        each.data["name"] for each in stored if each.type == "tool_started" and not each.in_conversation
    ] == ["weather"]
    spoken = [message.text for message in registry.messages("a") if message.role == "assistant"]
    assert words(stored, True) == spoken
    assert {"I ask.", "Sunny says the expert.", "All is settled."} < set(spoken)


def test_messages_whose_id_came_later_are_reported_once(registry):
    """A supervisor's tool message gets its id from the reducer, and is returned again with the whole list."""
    with threads.Runner(registry, supervisor()) as runner:
        events = live(runner.start("a", "Hi", if_not_exists="create"), False)
    told = [event.data["message"]["text"] for event in events if event.type == "message"]
    assert sorted(told) == sorted(texts(registry, "a"))


def test_model_of_middleware_does_not_speak_in_the_conversation(registry, pace):
    with threads.Runner(registry, summarizing()) as runner:
        for text in ("one", "two"):
            events = live(runner.start("a", text, if_not_exists="create"), True, pace)
    assert [event for event in events if event.type == "token" and "summary" in event.data["text"]] == []
    assert words(events, True) == ["An answer."]


def test_node_whose_answers_never_arrive_is_learned(registry, pace):
    """What a router's model streams is shown the first time only, and marked once its step is stored."""
    with threads.Runner(registry, routed()) as runner:
        first = runner.start("a", "one", if_not_exists="create")
        live(first, True, pace)
        assert words(registry.events("a", follow=False), True) == ["Here you are."]
        assert words(registry.events("a", follow=False, inner=True), False) == ["the route"]
        second = live(runner.start("a", "two"), True, pace)
    assert "the route" in words(second, False)
    assert words(second, True) == ["Here you are."]


def test_node_that_answers_sometimes_is_shown(registry, pace):
    class Silent(MessagesState):
        silent: bool

    async def respond(state: Silent) -> Any:
        answer = await model("An answer.").ainvoke(state["messages"])
        return {"messages": [] if state["silent"] else [answer]}

    builder = StateGraph(Silent).add_node("respond", respond)
    graph = builder.add_edge(START, "respond").add_edge("respond", END).compile()
    with threads.Runner(registry, graph) as runner:
        for silent in (False, True):
            given = {"messages": [("user", "Hi")], "silent": silent}
            live(runner.start("a", input=given, if_not_exists="create"), True, pace)
        given = {"messages": [("user", "Hi")], "silent": False}
        events = live(runner.start("a", input=given), True, pace)
    assert origins(events, "token")
    assert all(origin == ("token", "respond", (), True) for origin in origins(events, "token"))


def test_graph_without_a_channel_of_messages_is_shown(registry, pace):
    class Notes(TypedDict):
        notes: Annotated[list, operator.add]

    async def respond(state: Notes) -> Any:
        return {"notes": [(await model("A long note.").ainvoke("Hi")).text]}

    graph = StateGraph(Notes).add_node("respond", respond).add_edge(START, "respond").compile()
    with threads.Runner(registry, graph) as runner:
        for _ in range(2):
            events = live(runner.start("a", input={"notes": []}, if_not_exists="create"), True, pace)
            assert {origin for *_, origin in origins(events, "token")} == {True}


def test_nodes_that_overwrite_the_conversation_are_shown(registry, pace):
    """Which messages such a node wrote is not known, so nothing is learned of it."""

    async def respond(state: MessagesState) -> Any:
        answer = await model("An answer.").ainvoke("Hi")
        return {"messages": Overwrite([*state["messages"], answer])}

    graph = StateGraph(MessagesState).add_node("respond", respond).add_edge(START, "respond").compile()
    with threads.Runner(registry, graph) as runner:
        for _ in range(2):
            events = live(runner.start("a", "Hi", if_not_exists="create"), True, pace)
            assert {origin for *_, origin in origins(events, "token")} == {True}


def test_custom_event_of_one_of_several_nodes_has_no_node(registry):
    def write(state):
        get_stream_writer()("a value")

    def dispatch(state):
        return (
            [Send("left", state), Send("left", state)]
            if state["messages"][-1].text == "one"
            else ["left", "right"]
        )

    both = threading.Barrier(2)

    def write_together(state):
        both.wait(20)
        write(state)
        both.wait(20)

    builder = StateGraph(MessagesState)
    for name in ("left", "right"):
        builder.add_node(name, write_together)
    builder.add_conditional_edges(START, dispatch, ["left", "right"])
    with threads.Runner(registry, builder.compile()) as runner:
        same = live(runner.start("a", "one", if_not_exists="create"), False)
        other = live(runner.start("a", "two"), False)
    assert origins(same, "custom") == [("custom", "left", (), True)] * 2
    assert origins(other, "custom") == [("custom", None, (), True)] * 2


def test_nostream_tag_keeps_a_model_out(registry, pace):
    async def respond(state: MessagesState) -> Any:
        await model("a hidden thought").with_config(tags=["nostream"]).ainvoke("Hi")
        return {"messages": [await model("An answer.").ainvoke("Hi")]}

    graph = StateGraph(MessagesState).add_node("respond", respond).add_edge(START, "respond").compile()
    with threads.Runner(registry, graph) as runner:
        events = live(runner.start("a", "Hi", if_not_exists="create"), True, pace)
    assert words(events, True) == ["An answer."] and words(events, False) == []


@pytest.mark.parametrize("key", ["lc_source", "lc_internal_call"])
def test_model_that_middleware_calls_for_itself_is_not_shown(registry, pace, key):
    async def respond(state: MessagesState) -> Any:
        await model("a choice of tools").with_config(metadata={key: "tool_selection"}).ainvoke("Hi")
        return {"messages": [await model("An answer.").ainvoke("Hi")]}

    graph = StateGraph(MessagesState).add_node("respond", respond).add_edge(START, "respond").compile()
    with threads.Runner(registry, graph) as runner:
        events = live(runner.start("a", "Hi", if_not_exists="create"), True, pace)
    assert words(events, True) == ["An answer."] and words(events, False) == ["a choice of tools"]


def test_message_of_a_subagent_that_a_tool_adds_belongs_to_the_conversation(registry):
    """It was reported as an inner one while the tool ran; the one of the conversation takes its place."""
    from langchain_core.messages import ToolMessage
    from langchain_core.tools import InjectedToolCallId, tool

    @tool
    def consult(tool_call_id: Annotated[str, InjectedToolCallId]) -> Any:
        """Consult an agent, and pass on what it says."""
        answer = create_agent(model("The agent's own words."), []).invoke({"messages": [("user", "Hi")]})
        said = ToolMessage("It answered.", tool_call_id=tool_call_id)
        return Command(update={"messages": [said, answer["messages"][-1]]})

    agent = create_agent(model(("", "consult", {}), "Done."), [consult])
    with threads.Runner(registry, agent) as runner:
        runner.start("a", "Hi", if_not_exists="create").result(20)
    stored = list(registry.events("a", follow=False, inner=True))
    assert words(stored, False) == []
    assert words(stored, True) == ["The agent's own words.", "Done."]


def test_stop_keeps_nothing_of_a_model_inside_a_tool(registry):
    """The partial words of a subagent are not the assistant's answer."""
    reached, opened = threading.Event(), threading.Event()

    def wait():
        if reached.is_set():
            opened.wait(20)
        reached.set()

    inner = StreamingModel(answer=saying("an inner thought"), before_word=wait)

    def think(subject: str) -> str:
        """Ask another model."""
        return str(inner.invoke(subject).text)

    agent = create_agent(model(("I think.", "think", {"subject": "x"}), "Done."), [think])
    with threads.Runner(registry, agent) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        until(
            lambda: any(
                e.type == "token"
                for e in registry.events("a", follow=False, inner=True)
                if not e.in_conversation
            )
        )
        run.stop()
        opened.set()
        run.result(20)
    spoken = [message.text for message in registry.messages("a") if message.role == "assistant"]
    assert spoken == ["I think."]


class BlockModel(BaseChatModel):
    """Streams content in blocks, as providers do."""

    chunks: list[Any]

    @property
    def _llm_type(self) -> str:
        return "blocks"

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("whole"))])

    def _stream(self, *_: Any, **__: Any) -> Any:
        for chunk in self.chunks:
            yield ChatGenerationChunk(message=chunk.model_copy())


def anthropic(*content):
    return AIMessageChunk([*content], response_metadata={"model_provider": "anthropic"})


STREAMS = {
    "anthropic": (
        [
            anthropic({"type": "thinking", "thinking": "Let me ", "index": 0}),
            anthropic({"type": "thinking", "thinking": "see.", "index": 0}),
            anthropic({"type": "thinking", "signature": "c2ln", "index": 0}),
            anthropic({"type": "text", "text": "It is ", "index": 1}),
            anthropic({"type": "text", "text": "four.", "index": 1}),
        ],
        [("reasoning", 0, "Let me see."), ("text", 1, "It is four.")],
    ),
    "standard": (
        [
            AIMessageChunk([{"type": "reasoning", "reasoning": "Hm. ", "index": "lc_rs_0"}]),
            AIMessageChunk([{"type": "reasoning", "reasoning": "Yes.", "index": "lc_rs_0"}]),
            AIMessageChunk([{"type": "text", "text": "Four.", "index": "lc_txt_1"}]),
        ],
        [("reasoning", "lc_rs_0", "Hm. Yes."), ("text", "lc_txt_1", "Four.")],
    ),
    "openai": (
        [
            AIMessageChunk("", additional_kwargs={"reasoning_content": "Two and two. "}),
            AIMessageChunk("Fo"), AIMessageChunk("ur."),
        ],
        [("reasoning", None, "Two and two. "), ("text", None, "Four.")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
def test_reasoning_and_indices_of_content_blocks_are_in_tokens(registry, name):
    chunks, expected = STREAMS[name]
    with threads.Runner(registry, create_agent(BlockModel(chunks=chunks), [])) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        events = live(run, False)
    joined: dict[Any, str] = {}
    for event in events:
        for block in event.data["content"] if event.type == "token" else ():
            key = block["type"], block.get("index")
            joined[key] = joined.get(key, "") + block.get(block["type"], "")
    [message] = [
        e.data["message"] for e in events if e.type == "message" and e.data["message"]["role"] == "assistant"
    ]
    blocks = [(block["type"], block.get("index"), block[block["type"]]) for block in message["content"]]
    assert blocks == expected
    if joined:  # else the message was stored before its tokens
        assert joined.items() <= {(type, index): text for type, index, text in expected}.items()


def test_tool_call_chunks_are_in_tokens(registry, pace):
    with threads.Runner(registry, swarm()) as runner:
        events = live(runner.start("a", "Hi", if_not_exists="create"), False, pace)
    blocks = [block for event in events if event.type == "token" for block in event.data["content"]]
    calls = [block["name"] for block in blocks if block["type"] == "tool_call_chunk"]
    assert "transfer_to_bob" in calls
    assert all(isinstance(event.data["text"], str) for event in events if event.type == "token")


@pytest.mark.parametrize("build", [with_model_in_tool, deep_agent])
def test_http_streams_send_the_conversation_unless_all_is_wanted(registry, build):
    def stream(method, path, **options):
        with api.stream(method, f"{PREFIX}/{path}", **options) as response:
            assert response.status_code == 200
            found = list(sent(response.iter_lines()))
        return [data for _, type, data in found if type != "token"]

    def has_inner(found):
        return any("inner" in str(data["data"].get("message")) for data in found if not of_conversation(data))

    def of_conversation(data):
        return data["data"].get("in_conversation", True)

    with client(registry, build()) as api:
        id = api.post(f"{PREFIX}/threads", json={}).json()["id"]
        for query, wants_all in (("", False), ("?inner=true", True)):
            started = {"json": {"message": "Hi"}, "headers": {"accept": "text/event-stream"}}
            found = stream("POST", f"threads/{id}/messages{query}", **started)
            assert has_inner(found) is wants_all
        everything = stream("GET", f"threads/{id}/events?after=0&follow=false&inner=true")
        assert has_inner(everything)
        shown = [data for data in everything if of_conversation(data)]
        assert stream("GET", f"threads/{id}/events?after=0&follow=false") == shown
        assert stream("GET", "events?after=0&follow=false") == shown
        assert stream("GET", "events?after=0&follow=false&inner=true") == everything
