"""Responses to requests that start a run: refusals, the agent that runs, streams, and shutdown."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from graphs import config, plain_graph, said
from run_helpers import Gate, approving_graph, failing_once_graph, slow_agent, until, waiting_graph
from server_helpers import PREFIX, bearer, client, events, listening

import threads
from agent import build_agent
from threads.api import Limits, create_app
from threads.api.server import UvicornServer
from threads.chat_models.offline import OfflineChatModel

STREAMED = {"accept": "text/event-stream"}
SECRET = "sk-123-of-the-server"


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as opened:
        yield opened


@pytest.fixture
def api(registry):
    with client(registry, {"one": plain_graph(None), "two": plain_graph(None)}) as found:
        yield found


def begun(api, **body):
    made = api.post(f"{PREFIX}/threads", json=body)
    assert made.status_code == 201, made.text
    return made.json()["id"]


def sent(api, method, path, body):
    """A request whose body is not what the client's own encoder lets through."""
    headers = {"content-type": "application/json"}
    return api.request(method, f"{PREFIX}/{path}", content=body, headers=headers)


# what cannot be said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "threads/{id}/read", '{"upto": "\\ud800"}', "upto"),
        ("POST", "threads/{id}/resume", '{"value": "\\ud800"}', "value"),
        ("POST", "threads/{id}/resume", '{"value": [{"a": ["\\udfff"]}]}', "value"),
        ("POST", "threads/{id}/resume", '{"value": {"\\ud800": 1}}', "value"),
        ("POST", "threads/{id}/resume", '{"value": [NaN]}', "value"),
        ("POST", "threads/{id}/resume", '{"value": 1e999}', "value"),
        ("POST", "threads/{id}/resume", '{"value": 99999999999999999999}', "value"),
        ("POST", "threads/{id}/resume", '{"value": ' + "[" * 200 + "]" * 200 + "}", "value"),
        ("POST", "threads/{id}/rewind", '{"to": "\\ud800"}', "to"),
        ("POST", "threads/{id}/fork", '{"at": "\\ud800"}', "at"),
        ("POST", "threads/{id}/regenerate", '{"message_id": "\\ud800"}', "message_id"),
        ("PUT", "threads/{id}/messages/x", '{"message": "\\ud800"}', "message"),
        ("POST", "threads/{id}/messages", '{"message": [{"type": "text", "text": "\\ud800"}]}', "message"),
        ("POST", "threads/{id}/messages", '{"message": "x", "agent_id": "\\ud800"}', "agent_id"),
        ("PUT", "threads/{id}", '{"metadata": {"a": {"\\ud800": 1}}}', "metadata"),
        ("PUT", "threads/{id}", '{"tags": ["\\ud800"]}', "tags"),
        ("PUT", "threads/{id}", '{"title": "\\ud800"}', "title"),
        ("POST", "bulk", '{"ids": ["\\ud800"]}', "ids"),
        ("PUT", "tags/x", '{"name": "\\ud800"}', "name"),
        ("PUT", "rules/x", '{"action": "archive", "age": 1, "thread_id": "\\ud800"}', "thread_id"),
    ],
)  # fmt: skip
def test_value_that_cannot_be_stored_is_refused_by_field(api, method, path, body, field):
    answer = sent(api, method, path.format(id=begun(api)), body)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


def test_field_name_that_is_invalid_text_is_refused(api):
    answer = sent(api, "POST", "threads", '{"\\ud800": 1}')
    assert (answer.status_code, answer.json()["field"]) == (422, "body")


def test_resume_value_that_cannot_be_stored_leaves_the_interrupt_pending(registry, tmp_path):
    with client(registry, approving_graph(tmp_path / "effects")) as api:
        id = begun(api)
        api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "buy"})
        assert sent(api, "POST", f"threads/{id}/resume", '{"value": "\\ud800"}').status_code == 422
        assert (
            api.post(f"{PREFIX}/threads/{id}/resume", json={"value": "yes"}).json()["reply"] == "you said yes"
        )


@pytest.mark.parametrize(
    "message", ["", "  ", [], [{"type": "text", "text": " "}], [{"type": "text", "text": ""}]]
)
def test_refused_initial_message_creates_no_thread(api, registry, message):
    answer = api.post(f"{PREFIX}/threads", json={"initial_message": message})
    assert (answer.status_code, answer.json()["field"]) == (422, "initial_message")
    assert registry.list(trashed=None).total == 0


def test_refused_idempotency_key_creates_no_thread(api, registry):
    for key in (b"", b"a\tb", b"\x85"):
        answer = api.post(
            f"{PREFIX}/threads", json={"initial_message": "x"}, headers={"idempotency-key": key}
        )
        assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key"), key
    assert registry.list(trashed=None).total == 0


def test_request_over_the_stream_limit_starts_no_run(registry):
    registry.users.add("alice")
    token = bearer(registry.users.new_token("alice"))
    id = registry.create(owner="alice").id
    with (
        threads.Runner(registry, plain_graph(None)) as runner,
        listening(create_app(registry, runner, limits=Limits(streams=1))) as url,
        httpx.Client(base_url=url, headers=token, timeout=20) as web,
    ):
        say = f"{PREFIX}/threads/{id}/messages"
        with web.stream("GET", f"{PREFIX}/events"):
            refused = web.post(say, json={"message": "hi"}, headers=STREAMED)
            assert (refused.status_code, refused.json()["code"]) == (429, "TooManyStreams")
            assert not registry.runs(id).items
        until(lambda: web.post(say, json={"message": "hi"}, headers=STREAMED).status_code == 200)
        unknown = web.post(say, json={"message": "hi", "agent_id": "nobody"}, headers=STREAMED)
        assert unknown.status_code == 422  # and its place is free again
        assert web.post(say, json={"message": "hi"}, headers=STREAMED).status_code == 200


@pytest.mark.parametrize(
    ("prefer", "status"),
    [
        (["respond-async"], 202), (["handling=lenient", "Wait = 0"], 202), (["handling=lenient, respond-async"], 202),
        (["wait=20", "respond-async"], 200), (["handling=lenient"], 200), (["respond-asynchronously"], 200),
    ],
)  # fmt: skip
def test_prefer_header_may_have_several_lines(api, prefer, status):
    answer = api.post(
        f"{PREFIX}/threads/{begun(api)}/messages", json={"message": "hi"},
        headers=[("prefer", each) for each in prefer],
    )  # fmt: skip
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("accept", "is_streamed"),
    [
        ("Text/Event-Stream", True), ("text/event-stream;q=0", False), ("application/json, */*", False),
        ("application/json;q=0.5, text/event-stream", True), ("text/event-stream;q=0.1, application/json", False),
        ("text/event-stream; charset=utf-8; q=0.0", False), ("x/text/event-stream", False),
    ],
)  # fmt: skip
def test_accept_header_selects_the_event_stream(api, accept, is_streamed):
    answer = api.post(
        f"{PREFIX}/threads/{begun(api)}/messages", json={"message": "hi"}, headers={"accept": accept}
    )
    assert answer.headers["content-type"].startswith("text/event-stream") == is_streamed


# who answers


def test_default_agent_runs_in_a_thread_of_a_plain_invoke(registry):
    graph = build_agent(OfflineChatModel(), checkpointer=registry.checkpointer)
    with client(registry, {"one": graph, "two": graph}) as api:
        _check_first_agent(api, registry, graph)


def _check_first_agent(api, registry, graph):
    for verb in ("message", "edit", "regenerate"):
        graph.invoke(said("hi"), config(verb))
        first, *_ = registry.messages(verb).items
        assert registry.get(verb).agent_id is None
        where = f"{PREFIX}/threads/{verb}"
        answer = {
            "message": lambda where=where: api.post(f"{where}/messages", json={"message": "and?"}),
            "edit": lambda where=where, id=first.id: api.put(
                f"{where}/messages/{id}", json={"message": "ho"}
            ),
            "regenerate": lambda where=where: api.post(f"{where}/regenerate", json={}),
        }[verb]()
        assert answer.status_code == 200, answer.text
        assert answer.json()["run"]["agent_id"] == "one"


def test_default_agent_resumes_an_interrupt_of_a_plain_invoke(registry, tmp_path):
    graph = approving_graph(tmp_path / "effects")
    with client(registry, {"buyer": graph, "other": plain_graph(None)}) as api:
        graph.copy(update={"checkpointer": registry.checkpointer}).invoke(said("buy"), config("t"))
        answer = api.post(f"{PREFIX}/threads/t/resume", json={"value": "yes"})
        assert (answer.status_code, answer.json()["reply"]) == (200, "you said yes")


def test_resumed_interrupt_refuses_another_value(registry, tmp_path):
    with client(registry, approving_graph(tmp_path / "effects")) as api:
        id = begun(api)
        api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "buy"})
        assert api.post(f"{PREFIX}/threads/{id}/resume", json={"value": "yes"}).status_code == 200
        other = api.post(f"{PREFIX}/threads/{id}/resume", json={"value": "no"})
        assert (other.status_code, other.json()["code"], other.json()["field"]) == (
            409,
            "AlreadyAnswered",
            None,
        )


# how it ends


def test_error_message_of_an_agent_is_visible_to_admins_only(registry):
    tokens = {}
    for name in ("alice", "root"):
        registry.users.add(name, admin=name == "root")
        tokens[name] = bearer(registry.users.new_token(name))
    id = registry.create(owner="alice").id
    failures = [RuntimeError(f"secret: {SECRET}")] * 4
    with client(registry, failing_once_graph(failures, [])) as api:
        for name, is_told in (("alice", False), ("root", True)):
            api.headers.update(tokens[name])
            failed = api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "go"})
            assert failed.status_code == 502
            run = registry.runs(id)[0]
            assert "RuntimeError" in failed.json()["error"] and run.id in failed.json()["error"]
            streamed = api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "go"}, headers=STREAMED)
            *_, (_, last, data) = events(iter(streamed.text.splitlines()))
            assert last == "failed" and "RuntimeError" in data["data"]["reason"]
            looks = [
                failed, streamed, api.get(f"{PREFIX}/threads/{id}/runs"),
                api.get(f"{PREFIX}/threads/{id}/runs/{run.id}"),
                api.get(f"{PREFIX}/threads/{id}/events?after=0&follow=false"),
                api.get(f"{PREFIX}/events?after=0&follow=false"), api.post(f"{PREFIX}/threads/{id}/runs/{run.id}/stop"),
            ]  # fmt: skip
            for number, look in enumerate(looks):
                assert (SECRET in look.text) == is_told, number


@contextmanager
def ending(app, grace):
    """The application served until the event that it gives is set; gives the address, too."""
    config = uvicorn.Config(app, port=0, log_config=None, ws="none", timeout_graceful_shutdown=grace)
    socket, started = config.bind_socket(), threading.Event()
    server = UvicornServer(config, app, started.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, daemon=True)
    thread.start()
    assert started.wait(20)
    yield f"http://127.0.0.1:{socket.getsockname()[1]}", lambda: server.handle_exit(signal.SIGTERM, None)
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.slow
@pytest.mark.parametrize("headers", [{}, STREAMED])
def test_shutdown_answers_waiting_clients_with_the_location(registry, headers):
    gate = Gate()
    id = registry.create().id
    with threads.Runner(registry, waiting_graph(gate)) as runner:
        with ending(create_app(registry, runner), grace=2) as (url, end), ThreadPoolExecutor() as pool:
            say = {"json": {"message": "go"}, "headers": headers, "timeout": 20}
            waiting = pool.submit(httpx.post, f"{url}{PREFIX}/threads/{id}/messages", **say)
            assert gate.reached.wait(20)
            end()
            answer = waiting.result(20)
        gate.opened.set()
    [run] = registry.runs(id)
    assert answer.headers["location"].endswith(run.id)
    if headers:
        assert answer.text.endswith(": the run continues without this stream; see Location\n\n")
    else:
        assert (answer.status_code, answer.json()["status"]) == (202, "running")


@pytest.mark.slow
def test_shutdown_completes_an_active_event_stream(registry):
    id = registry.create().id
    with (
        threads.Runner(registry, slow_agent(words=20, delay=0.05)) as runner,
        ending(create_app(registry, runner), grace=10) as (url, end),
        httpx.stream(
            "POST",
            f"{url}{PREFIX}/threads/{id}/messages",
            json={"message": "go"},
            headers=STREAMED,
            timeout=20,
        ) as stream,
    ):
        lines = stream.iter_lines()
        told = [next(events(lines))]
        end()
        told += events(lines)
    assert told[-1][1] == "finished"
    [_, reply] = [data["data"]["message"] for _, type, data in told if type == "message"]
    assert reply["text"].split()[-1] == "w19"


@pytest.mark.slow
def test_shutdown_during_an_initial_message_leaves_the_thread(registry):
    gate = Gate()
    with threads.Runner(registry, waiting_graph(gate)) as runner:
        with ending(create_app(registry, runner), grace=2) as (url, end), ThreadPoolExecutor() as pool:
            body = {"initial_message": "go"}
            waiting = pool.submit(httpx.post, f"{url}{PREFIX}/threads", json=body, timeout=20)
            assert gate.reached.wait(20)
            end()
            answer = waiting.result(20)
        gate.opened.set()
    assert (answer.status_code, answer.json()["status"]) == (201, "busy")
