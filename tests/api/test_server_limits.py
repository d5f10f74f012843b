"""Connection limits of the server: sizes, times and number of connections."""

import asyncio
import contextlib
import http.client
import json
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import uvicorn
from run_helpers import until
from server_helpers import PREFIX, process
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from threads.api.connection_limits import ConnectionLimits, limits_for
from threads.api.protocol import (
    LimitedProtocol,
    check_connections,
    limited_protocol,
)

QUICK = ConnectionLimits(
    head_seconds=0.5, body_seconds=0.5, body_rate=100_000, idle_seconds=0.5, unread_seconds=0.5
)


class Ticking(uvicorn.Server):
    """Looks after its connections, as `threads serve` does."""

    async def on_tick(self, counter):
        check_connections(self.server_state.connections)
        return await super().on_tick(counter)


async def answering(scope, receive, send):
    """Reads the body and says how long it was; at `/slow` it talks for a while, at `/much` it says a lot."""
    if scope["type"] != "http":
        return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/wait":
        await answering.opened.wait()
    for _ in range({"/slow": 8, "/much": 4096}.get(scope["path"], 0)):
        await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        if scope["path"] == "/slow":
            await answering.pause()
    await send({"type": "http.response.body", "body": b"%d" % size, "more_body": False})


@pytest.fixture
def limited():
    """Serves `answering` with these limits; gives the port."""
    with contextlib.ExitStack() as stack:

        def served(limits):
            answering.opened = asyncio.Event()
            answering.pause = lambda: asyncio.sleep(0.25)
            config = uvicorn.Config(
                answering, port=0, log_config=None, lifespan="off", ws="none", http=limited_protocol(limits),
                timeout_graceful_shutdown=1,
            )  # fmt: skip
            listening = config.bind_socket()
            server = Ticking(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
            thread.start()
            stack.callback(thread.join, 30)
            stack.callback(setattr, server, "should_exit", True)
            until(lambda: server.started)
            return listening.getsockname()[1]

        yield served


def connected(port, *pieces):
    client = socket.create_connection(("127.0.0.1", port), timeout=30)
    for piece in pieces:
        client.sendall(piece)
    return client


def heard(client):
    """All that comes until the server closes the connection."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while piece := client.recv(65_536):
            said += piece
    return said


def status(said):
    return int(said.split()[1]) if said else None


def head(path="/", *lines, method="GET", host="localhost"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"host: {host}", *lines, "", ""]).encode()


def memory(server):
    """Megabytes that the process has in memory."""
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) // 1024


# sizes


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with process(tmp_path_factory.mktemp("served")) as server:
        server.port = int(server.url.rpartition(":")[2])
        yield server


def flood(port, first, piece=b"a" * 1_000_000, times=150):
    """Sends `first`, then `piece` again and again until the server closes; what it said."""
    with connected(port, first) as client:
        said = []
        reader = threading.Thread(target=lambda: said.append(heard(client)))
        reader.start()
        with contextlib.suppress(OSError):
            for _ in range(times):
                client.sendall(piece)
        reader.join(30)
        return said[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ", 431),
        (b"GET /", 431),
        (b"GET / HTTP/1.1\r\nhost: localhost\r\n", 431),
        (head("/healthz", "transfer-encoding: chunked", method="POST") + b"0\r\nx: ", None),
        (head("/healthz", "transfer-encoding: chunked", method="POST") + b"1;", None),
    ],
    ids=["value", "address", "name", "trailer", "chunk extension"],
)
def test_endless_head_is_refused_without_using_memory(server, first, expected):
    before = memory(server)
    said = flood(server.port, first)
    assert memory(server) - before < 40
    assert expected is None or status(said) == expected
    assert httpx.get(f"{server.url}/healthz", timeout=60).status_code == 200


def test_head_of_just_below_64_kilobytes_is_read(server):
    for size, expected in ((60_000, 200), (90_000, 431)):
        with connected(server.port, head("/healthz", "connection: close", f"x: {'a' * size}")) as client:
            assert status(heard(client)) == expected


def test_more_than_256_header_lines_are_refused(server):
    for count, expected in ((200, 200), (300, 431)):
        lines = [f"x{number}: a" for number in range(count)]
        with connected(server.port, head("/healthz", "connection: close", *lines)) as client:
            assert status(heard(client)) == expected


@pytest.mark.slow
def test_endless_chunked_body_is_refused_and_closed(server):
    before = memory(server)
    said = flood(
        server.port,
        head(
            f"{PREFIX}/threads",
            "transfer-encoding: chunked",
            "content-type: application/json",
            method="POST",
            host=server.url.removeprefix("http://"),
        ),
        b"40000\r\n" + b" " * 0x40000 + b"\r\n",
    )
    assert status(said) == 413
    assert memory(server) - before < 40


def test_protocol_error_has_the_error_body(server):
    with connected(server.port, b"what is this\r\n\r\n") as client:
        said = heard(client)
    assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == "BadRequest" and status(said) == 400


def test_pipelined_requests_are_answered_in_order_up_to_a_limit(server):
    one, last = head("/healthz"), head("/healthz", "connection: close")
    with connected(server.port, one * 9 + last) as client:
        assert heard(client).count(b"HTTP/1.1 200") == 10
    with connected(server.port, one * 500 + last) as client:
        assert heard(client).count(b"HTTP/1.1 200") < 500


# times


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([], None),
        ([b"GET / HT"], 408),
        ([head("/", "content-length: 10", method="POST"), b"123"], 408),
        ([head("/", "transfer-encoding: chunked", method="POST"), b"3\r\nabc\r\n"], 408),
    ],
    ids=["nothing", "head", "body", "chunks"],
)
def test_incomplete_request_times_out(limited, pieces, expected):
    with connected(limited(QUICK), *pieces) as client:
        assert status(heard(client)) == expected


def test_head_that_drips_times_out(limited):
    with connected(limited(QUICK), b"GET / HTTP/1.1\r\n") as client:
        said = []
        reader = threading.Thread(target=lambda: said.append(heard(client)))
        reader.start()
        with contextlib.suppress(OSError):
            for _ in range(300):
                client.sendall(b"x")
                reader.join(0.1)
                if said:
                    break
        assert status(said[0]) == 408


@pytest.mark.slow
def test_slow_but_steady_body_is_read(limited):
    size, limits = 300_000, replace(QUICK, body_rate=10_000)  # each piece is worth three seconds
    with connected(
        limited(limits), head("/", f"content-length: {size}", "connection: close", method="POST")
    ) as client:
        for _ in range(10):
            client.sendall(b"a" * (size // 10))
            threading.Event().wait(0.12)
        assert heard(client).endswith(b"%d\r\n0\r\n\r\n" % size)


@pytest.mark.slow
def test_idle_connection_is_closed_and_a_busy_one_is_not(limited):
    port = limited(QUICK)
    with connected(port, head("/"), head("/")) as client:
        assert heard(client).count(b"HTTP/1.1 200") == 2
    begun = time.monotonic()
    answer = httpx.get(f"http://127.0.0.1:{port}/slow", timeout=30)
    assert len(answer.content) > 8 * 65_536 and time.monotonic() - begun > 4 * QUICK.idle_seconds


@pytest.mark.slow
def test_client_that_reads_nothing_is_disconnected(limited):
    port = limited(QUICK)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    with client:
        client.sendall(head("/much"))
        threading.Event().wait(3)
        client.settimeout(30)
        assert len(heard(client)) < 4096 * 65_536


@pytest.mark.slow
def test_response_before_the_end_of_the_body_leaves_the_connection_usable(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.putrequest("POST", "/nothing/here")
    connection.putheader("content-length", "10")
    connection.endheaders()
    threading.Event().wait(0.3)
    connection.send(b"0123456789")
    with connection.getresponse() as answer:
        assert answer.read() and answer.status == 404
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
    connection.close()


# connections


def test_idle_connections_make_room_for_others(limited):
    port = limited(ConnectionLimits(connections=4, spare=2))
    idle = [connected(port) for _ in range(20)] + [connected(port, b"GET / HT") for _ in range(20)]
    for _ in range(10):
        with connected(port, head("/", "connection: close")) as client:
            assert status(heard(client)) == 200
    for client in idle:
        client.close()


@pytest.mark.slow
def test_busy_connections_leave_room_for_health_checks_alone(limited):
    port = limited(ConnectionLimits(connections=3, spare=2))
    busy = [connected(port, head("/wait")) for _ in range(3)]
    for client in busy:
        assert client.recv(15)
    with connected(port, head("/")) as client:
        said = heard(client)
    assert status(said) == 503 and b"retry-after" in said.lower()
    with connected(port, head("/healthz", "connection: close")) as client:
        assert status(heard(client)) == 200
    for client in busy:
        client.close()
    until(lambda: httpx.get(f"http://127.0.0.1:{port}/", timeout=60).status_code == 200)


@pytest.mark.slow
def test_unread_connections_make_room_for_others(limited):
    port = limited(ConnectionLimits(connections=3, spare=2))
    unread = [connected(port, head("/much")) for _ in range(3)]
    for client in unread:
        assert client.recv(15)

    def is_served():
        with connected(port, head("/", "connection: close")) as client:
            return status(heard(client)) == 200

    until(is_served)
    for client in unread:
        client.close()


def test_connection_limit_follows_the_descriptor_limit():
    assert limits_for(None) == ConnectionLimits()
    assert limits_for(1_000_000) == ConnectionLimits()
    few = limits_for(64)
    assert few == replace(ConnectionLimits(), connections=21, spare=5)


@pytest.mark.slow
def test_descriptor_limit_is_raised_to_the_hard_limit(tmp_path):
    with process(tmp_path, descriptors=(128, 512)) as server:
        lines = Path(f"/proc/{server.pid}/limits").read_text().splitlines()
        [line] = [line for line in lines if line.startswith("Max open files")]
        assert line.split()[3:5] == ["512", "512"]


def test_protocol_is_built_on_what_uvicorn_has():
    callbacks = {
        "connection_made", "data_received", "on_message_begin", "on_header", "on_headers_complete", "on_body",
        "on_message_complete", "on_response_complete", "send_400_response", "_unset_keepalive_if_required",
    }  # fmt: skip
    assert callbacks - vars(HttpToolsProtocol).keys() == set()
    config = uvicorn.Config(answering, http=limited_protocol(QUICK))
    config.load()

    async def made():
        protocol = config.http_protocol_class(config, uvicorn.server.ServerState(), {})
        assert isinstance(protocol, LimitedProtocol) and protocol.limits == QUICK
        for name in ("app", "connections", "cycle", "flow", "loop", "pipeline", "server_state", "transport"):
            assert hasattr(protocol, name)

    asyncio.run(made())
    told = RequestResponseCycle.__init__.__annotations__
    assert {"message_event", "on_response"} <= told.keys()
