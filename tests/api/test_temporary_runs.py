"""Temporary chats: an agent answers without a thread, and nothing of it is stored or seen by others."""

import asyncio
import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from graphs import Plain, compiled, counter_graph, plain_graph
from langchain_core.messages import AIMessage
from langgraph.config import get_store
from langgraph.graph import START, StateGraph
from langgraph.store.memory import InMemoryStore
from langgraph.types import interrupt
from run_helpers import until
from server_helpers import PREFIX, bearer, client, events, listening
from streaming_agents import StreamingModel, saying

import threads
from agent import catalog
from threads.api import Limits, create_app
from threads.chat_models.offline import OfflineChatModel

STREAMED = {"accept": "text/event-stream"}
RUNS = f"{PREFIX}/runs"
SECRET = "sk-123-of-the-server"


def conversation(*texts):
    """Return the body of a request: these texts in turn, the last one the user's."""
    roles = ["user", "assistant"][(len(texts) + 1) % 2 :] + ["user", "assistant"] * len(texts)
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]}


def stored(path):
    """Return the rows of all tables of a file."""
    with sqlite3.connect(path) as connection:
        tables = connection.execute(
            "select name from sqlite_master where type = 'table' and sql not like 'create virtual%'"
        ).fetchall()
        return {name: connection.execute(f'select * from "{name}"').fetchall() for (name,) in tables}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "threads.db"


@pytest.fixture
def registry(path):
    with threads.open(path) as opened:
        yield opened


@pytest.fixture
def users(registry):
    for name in ("alice", "bob"):
        registry.users.add(name)
    return {name: bearer(registry.users.new_token(name)) for name in ("alice", "bob")}


@contextmanager
def serving(registry, graph):
    with threads.Runner(registry, graph) as runner:
        app = create_app(registry, runner, limits=Limits(heartbeat=0.2))
        with listening(app) as url, httpx.Client(base_url=url, timeout=30) as http:
            yield app.state.threads, http


def streamed(api, body, **headers):
    with api.stream("POST", RUNS, json=body, headers={**STREAMED, **headers}) as answer:
        assert answer.status_code == 200, answer.read()
        return list(events(answer.iter_lines()))


def test_agent_answers_from_the_conversation_that_the_client_sends(registry, users):
    with client(registry, catalog.build_all(model=OfflineChatModel()), default_agent="support") as api:
        api.headers.update(users["bob"])
        first = api.post(RUNS, json=conversation("My name is Ada.")).json()
        assert "Ada" in first["reply"]
        asked = conversation("My name is Ada.", first["reply"], "What is my name?")
        second = api.post(RUNS, json={**asked, "agent_id": "tutor"})
        assert second.json()["reply"] == "Your name is Ada!"
        assert second.headers["cache-control"] == "no-store"
        assert [(each["role"], each["text"]) for each in second.json()["messages"]] == [
            ("assistant", "Your name is Ada!")
        ]
        blocks = {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is 12 * 9?"}]}]}
        assert "108" in api.post(RUNS, json=blocks).json()["reply"]
        tools = api.post(RUNS, json=conversation("Where is order 1001?")).json()["messages"]
        assert [each["role"] for each in tools] == ["assistant", "tool", "assistant"]


def comparable(found):
    """Return types and data of events, without ids, times, and tokens, which depend on the time."""
    ids = {}

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items() if key != "created_at"}
        if isinstance(value, list):
            return [plain(each) for each in value]
        is_id = isinstance(value, str) and len(value) >= 36
        return f"id {ids.setdefault(value, len(ids))}" if is_id else value

    def is_sent(type, event):
        return type == "message" and event["data"]["message"]["role"] == "user"

    return [
        (type, plain(event["data"]))
        for _, type, event in found
        if type not in ("title", "token") and not is_sent(type, event)
    ]


@pytest.mark.parametrize("text", ["Where is order 1001?", "Hello"])
def test_stream_has_the_events_of_a_run_in_a_thread(registry, text):
    model = StreamingModel(
        answer=saying(("Let me look. ", "look_up_order", {"order_id": "1001"}), "It is on its way.")
    )
    agents = {"support": catalog.build("support", model=model if "order" in text else OfflineChatModel())}
    with client(registry, agents) as api:
        here = streamed(api, conversation(text))
        with api.stream(
            "POST", f"{PREFIX}/threads", json={"initial_message": text}, headers=STREAMED
        ) as answer:
            there = list(events(answer.iter_lines()))
    assert comparable(here) == comparable(there)
    assert {"started", "message", "finished"} <= {type for _, type, _ in here}
    assert [id for id, _, _ in here] == [None] * len(here)
    assert [event["sequence"] for _, _, event in here] == list(range(1, len(here) + 1))
    assert {event["thread_id"] for _, _, event in here} == {""}


def test_tokens_arrive_while_the_agent_answers(registry):
    words = threading.Semaphore(0)
    model = StreamingModel(answer=saying("one two"), before_word=lambda: words.acquire(timeout=20))
    graph = catalog.build("assistant", model=model)
    with (
        serving(registry, graph) as (_, http),
        http.stream("POST", RUNS, json=conversation("x"), headers=STREAMED) as answer,
    ):
        found = []
        for _, type, event in events(answer.iter_lines()):
            found.append(type)
            if type in ("started", "token"):
                words.release()
            if type == "token":
                assert event["data"]["text"] in ("one ", "two")
    assert found[:2] == ["started", "token"]  # the second word waits for the first one's event
    assert found[-2:] == ["message", "finished"]


def failing(state):
    raise RuntimeError(SECRET)


def asking(state):
    return {"messages": [AIMessage(str(interrupt("sure?")))]}


def test_nothing_is_stored_however_the_run_ends(registry, path, users):
    def nested(state, config):
        """Calls a graph that has the registry's checkpointer."""
        return inner.invoke({"messages": state["messages"]}, config)

    inner = plain_graph(registry.checkpointer)
    agents = {
        "plain": plain_graph(None), "failing": compiled(Plain, failing, None), "nested": compiled(Plain, nested, None),
        "asking": compiled(Plain, asking, None), "support": catalog.build("support", model=OfflineChatModel()),
    }  # fmt: skip
    with client(registry, agents) as api:
        api.headers.update(users["bob"])
        before = stored(path)
        body = conversation("Where is order 1001?")
        statuses = {id: api.post(RUNS, json={**body, "agent_id": id}).status_code for id in agents}
        ends = {id: streamed(api, {**body, "agent_id": id})[-1][1] for id in agents}
        assert ends == {
            "plain": "finished", "failing": "failed", "nested": "finished", "asking": "interrupted", "support": "finished",
        }  # fmt: skip
        assert statuses == {"plain": 200, "failing": 502, "nested": 200, "asking": 409, "support": 200}
        assert stored(path) == before
        created = api.post(f"{PREFIX}/threads", json={"initial_message": "seen"})
        assert (created.status_code, stored(path) != before) == (201, True)  # the check can fail


def test_others_see_no_event_of_a_temporary_run(registry, users):
    with (
        client(registry, plain_graph(None), limits=Limits(stream_seconds=2)) as api,
        ThreadPoolExecutor() as pool,
    ):

        def followed(name):
            with api.stream("GET", f"{PREFIX}/events", headers=users[name] if name else {}) as answer:
                ready.release()
                return [event["data"] for _, _, event in events(answer.iter_lines())]

        ready = threading.Semaphore(0)
        found = [pool.submit(followed, name) for name in users]
        for _ in users:
            ready.acquire()
        assert api.post(RUNS, json=conversation("secret"), headers=users["bob"]).status_code == 200
        assert api.post(
            f"{PREFIX}/threads", json={"initial_message": "open"}, headers=users["bob"]
        ).status_code == 201  # fmt: skip
        seen = str([each.result() for each in found])
        assert "open" in seen
        assert "secret" not in seen


def remembering(state):
    """Answers with all that is in its long-term memory, and adds the message to that."""
    store = get_store()
    known = [each.value["text"] for each in store.search(("notes",))]
    store.put(("notes",), str(len(known)), {"text": state["messages"][-1].text})
    return {"messages": [AIMessage(f"known: {known}")]}


def test_long_term_memory_is_neither_read_nor_written(registry, users):
    store = InMemoryStore()
    store.put(("notes",), "0", {"text": "of Alice"})
    builder = StateGraph(Plain)
    builder.add_node("model", remembering)
    builder.add_edge(START, "model")
    with client(registry, builder.compile(store=store)) as api:
        for _ in range(2):
            answer = api.post(RUNS, json=conversation("of Bob"), headers=users["bob"])
            assert answer.json()["reply"] == "known: []"
        assert [each.value["text"] for each in store.search(("notes",))] == ["of Alice"]
        reply = api.post(f"{PREFIX}/threads", json={"initial_message": "x"}, headers=users["bob"])
        assert reply.json()["last_message"] == "known: ['of Alice']"


def test_interrupt_is_shown_and_needs_a_thread(registry):
    with client(registry, compiled(Plain, asking, None)) as api:
        answer = api.post(RUNS, json=conversation("refund"))
        assert (answer.status_code, answer.json()["code"]) == (409, "ThreadRequired")
        _, type, event = streamed(api, conversation("refund"))[-1]
        assert (type, event["data"]["interrupts"][0]["value"]) == ("interrupted", "sure?")


def test_words_of_an_agents_error_are_for_admins(registry, users):
    registry.users.add("root", admin=True)
    users["root"] = bearer(registry.users.new_token("root"))
    with client(registry, compiled(Plain, failing, None)) as api:
        for name, is_shown in (("bob", False), ("root", True)):
            answer = api.post(RUNS, json=conversation("x"), headers=users[name])
            assert (answer.status_code, answer.json()["code"]) == (502, "RunFailed")
            assert (SECRET in answer.text, "RuntimeError" in answer.text) == (is_shown, True)
            found = streamed(api, conversation("x"), **users[name])[-1]
            assert found[1] == "failed"
            assert (SECRET in str(found), "RuntimeError" in str(found)) == (is_shown, True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages"),
        ({"messages": [{"role": "user", "content": []}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "url": "x"}]}]}, "messages"),
        ({"messages": [{"role": "system", "content": "obey"}]}, "messages"),
        ({"messages": [{"role": "tool", "content": "42"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "x", "id": "1"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "x"}] * 1001}, "messages"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages"),
        ({**conversation("x"), "agent_id": "nobody"}, "agent_id"),
        ({**conversation("x"), "agent_id": "counter"}, "message"),
        ({**conversation("x"), "thread_id": "a"}, "thread_id"),
        ({**conversation("x"), "context": {}}, "context"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_invalid_conversation_is_refused_by_field(registry, body, field, accept):
    with client(
        registry, {"plain": plain_graph(None), "counter": counter_graph(None)}, default_agent="plain"
    ) as api:
        headers = {"accept": accept, "content-type": "application/json"}
        answer = api.post(RUNS, content=json.dumps(body), headers=headers)
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


def test_temporary_runs_count_as_open_streams(registry, users):
    with client(registry, plain_graph(None), limits=Limits(streams=0)) as api:
        for headers in ({}, STREAMED):
            answer = api.post(RUNS, json=conversation("x"), headers={**users["bob"], **headers})
            assert (answer.status_code, answer.json()["code"]) == (429, "TooManyStreams")


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
def test_run_ends_when_its_client_leaves(registry, users, accept):
    ended = threading.Event()
    begun = threading.Event()

    async def waiting(state):
        begun.set()
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()

    with serving(registry, compiled(Plain, waiting, None)) as (state, http):
        headers = {**users["bob"], "accept": accept}
        with httpx.Client(base_url=http.base_url, timeout=30) as leaving:
            request = leaving.build_request("POST", RUNS, json=conversation("x"), headers=headers, timeout=1)
            if accept == "text/event-stream":
                answer = leaving.send(request, stream=True)
                assert begun.wait(20)
                assert state.runner._under_way() == 1  # a server that ends waits for it
                answer.close()
            else:
                with pytest.raises(httpx.ReadTimeout):
                    leaving.send(request)
                assert begun.wait(20)
        assert ended.wait(20)
        until(lambda: len(state.streams) == state.runner._under_way() == 0)


def test_runs_at_the_same_time_do_not_mix(registry, users):
    together = threading.Barrier(4, timeout=20)

    def node(state):
        together.wait()
        return {"messages": [AIMessage(" ".join(message.text for message in state["messages"]))]}

    with client(registry, compiled(Plain, node, None)) as api, ThreadPoolExecutor(4) as pool:
        bodies = [conversation(f"first {name}", "noted", f"second {name}") for name in "abcd"]
        posts = [pool.submit(api.post, RUNS, json=body, headers=users["bob"]) for body in bodies]
        replies = [each.result().json()["reply"] for each in posts]
    assert replies == [f"first {name} noted second {name}" for name in "abcd"]
