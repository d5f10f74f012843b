"""Local trust: which requests need no token, and what ends that."""

import asyncio
import json
import os
import re
import socket
import stat
import subprocess
import sys

import httpx
import pytest
from click.testing import CliRunner
from graphs import plain_graph
from locations import SUPPORT
from proxies import caddy, nginx
from run_helpers import until
from server_helpers import HERE, PREFIX, bearer, client, log_lines, process, served_by

import threads
from threads.api import create_app
from threads.cli.group import threads as group

UNIX = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no Unix sockets here")
HEALTH = ["/healthz", "/readyz"]


def ask(server, head):
    """Status and body of the answer to a request that is sent as it stands."""
    host, _, port = server.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(head.replace("PORT", port).replace("\n", "\r\n").encode() + b"\r\n\r\n")
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2].decode()


def users(folder, *words):
    """`threads users` in a process of its own; what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "threads", "users", *words], cwd=folder, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of `threads serve` without users."""
    with process(tmp_path_factory.mktemp("server")) as found:
        yield found.url


# one request


ME = f"GET {PREFIX}/me HTTP/1.1\nHost: 127.0.0.1:PORT\nConnection: close"


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [
        ME,
        ME.replace("127.0.0.1", "localhost"),
        ME.replace("127.0.0.1", "LOCALHOST"),
        f"{ME}\nSec-Fetch-Site: none",
        f"{ME}\nSec-Fetch-Site: same-origin",
        ME.replace(PREFIX, f"http://127.0.0.1:PORT{PREFIX}"),
    ],
)
def test_request_from_this_machine_is_the_local_user(server, head):
    status, body = ask(server, head)
    assert (status, json.loads(body)) == (200, {"name": None, "is_admin": True})


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (ME.replace("HTTP/1.1", "HTTP/1.0"), "HTTP/1.0"),
        (ME.replace(":PORT", ""), "another port"),
        (ME.replace("PORT", "1"), "another port"),
        (f"{ME}\nForwarded: for=10.0.0.7", "a proxy (Forwarded)"),
        (f"{ME}\nX-Forwarded-For: 127.0.0.1", "a proxy (X-Forwarded-For)"),
        (f"{ME}\nx-forwarded-anything: x", "a proxy"),
        (f"{ME}\nX_Forwarded_For: x", "a proxy"),
        (f"{ME}\nX-Real-IP: 127.0.0.1", "a proxy (X-Real-Ip)"),
        (f"{ME}\nVia: 1.1 somewhere", "a proxy (Via)"),
        (f"{ME}\nSec-Fetch-Site: same-site", "a page of another site"),
        (f"{ME}\nSec-Fetch-Site: none\nSec-Fetch-Site: same-site", "a page of another site"),
    ],
)
def test_request_with_signs_of_a_proxy_needs_a_token(server, head, reason):
    status, body = until(lambda: (answer := ask(server, head))[0] != 429 and answer)
    assert (status, json.loads(body)["code"]) == (401, "Unauthorized")
    assert reason in json.loads(body)["error"] and "threads users add" in json.loads(body)["error"]


@pytest.mark.parametrize(
    "head",
    [
        f"{ME}\nHost: 127.0.0.1:PORT",
        f"{ME}\nHost: evil.example",
        ME.replace("127.0.0.1:PORT", "x@127.0.0.1:PORT"),
        ME.replace("127.0.0.1:PORT", "127.0.0.1:PORT:1"),
        ME.replace("127.0.0.1:PORT", "192.0.2.1:PORT"),
        f"GET {PREFIX}/me HTTP/1.0",
    ],
)
def test_foreign_host_or_two_host_headers_are_refused(server, head):
    status, body = ask(server, head)
    assert (status, json.loads(body)["code"], json.loads(body)["field"]) == (400, "UnknownHost", "Host")


@pytest.mark.parametrize(
    "target", ["http://evil.example", "http://127.0.0.1:1", "http://127.0.0.1", "ftp://x"]
)
def test_absolute_target_of_another_host_is_refused(server, target):
    for path in (f"{PREFIX}/me", "/healthz"):
        status, body = ask(server, f"GET {target}{path} HTTP/1.1\nHost: 127.0.0.1:PORT\nConnection: close")
        assert (status, json.loads(body)["code"]) == (400, "UnknownHost"), path


@pytest.mark.parametrize("protocol", ["h11", "httptools"])
def test_absolute_target_of_this_server_is_served_by_any_uvicorn(tmp_path, protocol):
    with (
        threads.open(tmp_path / "t.db") as registry,
        threads.Runner(registry, plain_graph(None)) as runner,
        served_by(create_app(registry, runner), http=protocol) as url,
    ):
        head = "GET http://127.0.0.1:PORT/healthz HTTP/1.1\nHost: 127.0.0.1:PORT\nConnection: close"
        assert ask(url, head)[0] == 200
        if protocol == "h11":  # httptools keeps the host of the target to itself
            assert ask(url, head.replace("http://127.0.0.1", "http://evil.example"))[0] == 400


@pytest.mark.parametrize("path", HEALTH)
@pytest.mark.parametrize(
    "host", ["", "\nHost: 192.0.2.1", "\nHost: 10.0.0.7:80", "\nHost: [2001:db8::1]:8000", "\nHost:"]
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_health_checks_accept_an_address_or_no_host(server, path, host, version):
    assert ask(server, f"GET {path} HTTP/{version}{host}\nConnection: close")[0] == 200


def test_health_checks_by_another_name_are_refused(server):
    assert ask(server, "GET /healthz HTTP/1.1\nHost: evil.example\nConnection: close")[0] == 400


@pytest.mark.slow
def test_http_1_0_without_a_token_reaches_health_checks_only(server, tmp_path):
    for path, status in (("/healthz", 200), ("/readyz", 200), ("/docs", 401), ("/openapi.json", 401)):
        assert ask(server, f"GET {path} HTTP/1.0\nHost: 127.0.0.1:PORT")[0] == status, path
    assert ask(server, "GET /docs HTTP/1.1\nHost: 127.0.0.1:PORT\nConnection: close")[0] == 200
    with process(tmp_path) as other:
        token = users(tmp_path, "add", "alice")
        for path in (f"{PREFIX}/me", "/docs"):
            head = f"GET {path} HTTP/1.0\nHost: 127.0.0.1:PORT\nAuthorization: Bearer {token}"
            assert ask(other.url, head)[0] == 200


def test_foreign_origin_is_refused_with_any_credentials(tmp_path):
    with threads.open(tmp_path / "t.db") as registry, client(registry, plain_graph(None)) as api:
        site = {"sec-fetch-site": "cross-site"}
        answer = api.get(f"{PREFIX}/me", headers=site)
        assert (answer.status_code, answer.json()["code"]) == (403, "ForeignOrigin")
        assert api.get("/docs", headers=site).status_code == 200  # a link to it may stand anywhere
        registry.users.add("alice")
        token = bearer(registry.users.new_token("alice"))
        assert api.get(f"{PREFIX}/me", headers={**site, **token}).status_code == 403


def test_allowed_origin_needs_a_token(tmp_path):
    app = "https://app.example"
    with (
        threads.open(tmp_path / "t.db") as registry,
        client(registry, plain_graph(None), origins=[app]) as api,
    ):
        headers = {"origin": app, "sec-fetch-site": "cross-site"}
        assert api.get(f"{PREFIX}/me", headers=headers).status_code == 401
        assert (
            "(Origin)" in api.get(f"{PREFIX}/me", headers={"origin": app}).json()["error"]
        )  # an older browser
        two = api.get(
            f"{PREFIX}/me", headers=[("origin", "http://127.0.0.1:8000"), ("origin", "http://evil.example")]
        )
        assert (two.status_code, two.json()["code"]) == (403, "ForeignOrigin")
        registry.users.add("alice")
        token = bearer(registry.users.new_token("alice"))
        assert api.get(f"{PREFIX}/me", headers={**headers, **token}).status_code == 200


# behind a proxy


@pytest.mark.slow
@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_requests_through_a_proxy_need_a_token(tmp_path, proxy):
    with process(tmp_path) as server, proxy(tmp_path, server.url) as front:
        assert httpx.get(f"{server.url}{PREFIX}/me", timeout=60).status_code == 200
        port = server.url.rpartition(":")[2]
        for headers in ({}, {"host": f"127.0.0.1:{port}"}, {"host": f"localhost:{port}"}):
            answer = httpx.get(f"{front}{PREFIX}/me", headers=headers, timeout=60)
            assert answer.status_code == 401, answer.text
            assert "proxy" in answer.json()["error"]
        assert httpx.get(f"{front}/healthz", timeout=60).json() == {"status": "alive"}
        token = users(tmp_path, "add", "alice")
        made = httpx.post(
            f"{front}{PREFIX}/threads", json={"title": "by proxy"}, headers=bearer(token), timeout=60
        )
        assert (made.status_code, made.json()["owner"]) == (201, "alice")


# the start decides


STRICT = [["--name", "chat.example"], ["--https"], ["--require-login"], ["--name", "localhost"]]


@pytest.mark.slow
@pytest.mark.parametrize("options", STRICT)
def test_options_for_others_end_local_trust(tmp_path, options):
    with process(tmp_path, *options) as server:
        assert httpx.get(f"{server.url}{PREFIX}/me", timeout=60).status_code == 401
        first, *_ = until(lambda: log_lines(tmp_path))
        assert first["event"].startswith("Every request needs a token: ")
        assert "There are no users yet" in first["event"] and first["local_user"] is False
        token = users(tmp_path, "add", "alice")
        assert httpx.get(f"{server.url}{PREFIX}/me", headers=bearer(token), timeout=60).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--name", "chat.example", "--https"]])
def test_removing_the_last_user_does_not_restore_local_trust(tmp_path, options):
    token = users(tmp_path, "add", "alice")
    with process(tmp_path, *options) as server:
        hosts = [{}, {"host": "chat.example"}] if options else [{}]
        assert httpx.get(f"{server.url}{PREFIX}/me", headers=bearer(token), timeout=60).status_code == 200
        users(tmp_path, "rm", "alice", "--yes")
        until(
            lambda: (
                httpx.get(f"{server.url}{PREFIX}/me", headers=bearer(token), timeout=60).status_code == 401
            )
        )
        for host in hosts:
            assert httpx.get(f"{server.url}{PREFIX}/me", headers=host, timeout=60).status_code == 401
    assert "there are users" in log_lines(tmp_path)[0]["event"]


@pytest.mark.slow
def test_adding_users_ends_local_trust_until_restart(tmp_path):
    with process(tmp_path) as server:
        assert httpx.get(f"{server.url}{PREFIX}/me", timeout=60).status_code == 200
        users(tmp_path, "add", "alice")
        users(tmp_path, "rm", "alice", "--yes")  # no request came meanwhile
        assert httpx.get(f"{server.url}{PREFIX}/me", timeout=60).status_code == 401
    assert [line["local_user"] for line in log_lines(tmp_path) if "local_user" in line] == [True, False]


@pytest.mark.slow
def test_first_log_line_states_local_trust_and_its_limit(tmp_path):
    with process(tmp_path) as server:
        httpx.get(f"{server.url}/healthz", timeout=60)
    first, *rest = log_lines(tmp_path)
    assert first["local_user"] is True
    assert "--require-login" in first["event"] and "counts as this machine" in first["event"]
    assert [line for line in rest if "local_user" in line] == []


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({}, 200), ({"hosts": ["localhost", "127.0.0.1"]}, 200), ({"hosts": ["chat.example"]}, 401),
        ({"hosts": ["0.0.0.0"]}, 401), ({"is_https": True}, 401), ({"require_login": True}, 401),
    ],
)  # fmt: skip
def test_create_app_options_end_local_trust(tmp_path, options, status):
    with threads.open(tmp_path / "t.db") as registry, client(registry, plain_graph(None), **options) as api:
        assert api.get(f"{PREFIX}/me").status_code == status


def test_create_app_keeps_requiring_tokens_when_users_are_removed(tmp_path):
    with threads.open(tmp_path / "t.db") as registry, threads.Runner(registry, plain_graph(None)) as runner:
        registry.users.add("alice")
        app = create_app(registry, runner)
        registry.users.remove("alice")
        assert asyncio.run(me(app, ("127.0.0.1", 1))) == 401


async def me(app, address):
    transport = httpx.ASGITransport(app, client=address)
    async with httpx.AsyncClient(transport=transport, base_url=HERE) as web:
        return (await web.get(f"{PREFIX}/me")).status_code


def test_create_app_logs_local_trust_with_the_first_request(tmp_path, caplog):
    caplog.set_level("INFO", "threads")
    with threads.open(tmp_path / "t.db") as registry, threads.Runner(registry, plain_graph(None)) as runner:
        app = create_app(registry, runner)
        assert [asyncio.run(me(app, ("127.0.0.1", 1))) for _ in "ab"] == [200, 200]
    assert [each.fields["local_user"] for each in caplog.records if "local_user" in each.fields] == [True]


@pytest.mark.slow
@pytest.mark.parametrize(
    "address", [None, ("", 0), ("10.0.0.7", 1), ("testclient", 1), ("::ffff:10.0.0.7", 1)]
)
def test_request_without_a_loopback_address_is_not_local(tmp_path, address):
    with threads.open(tmp_path / "t.db") as registry, threads.Runner(registry, plain_graph(None)) as runner:
        app = create_app(registry, runner)
        assert asyncio.run(me(app, address)) == 401
        for loopback in ("127.0.0.1", "127.8.8.8", "::1"):
            assert asyncio.run(me(app, (loopback, 1))) == 200


# Unix sockets


def by_socket(path):
    return httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://localhost", timeout=20)


@pytest.mark.slow
@UNIX
def test_unix_socket_is_private_and_trusted(tmp_path):
    path = tmp_path / "chat.sock"
    before = os.umask(0)
    try:
        with process(tmp_path, "--uds", str(path), port=None) as server, by_socket(path) as web:
            assert server.url == f"unix:{path}"
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert web.get(f"{PREFIX}/me").json() == {"name": None, "is_admin": True}
            assert web.get(f"{PREFIX}/me", headers={"x-forwarded-for": "10.0.0.7"}).status_code == 401
            assert until(lambda: log_lines(tmp_path))[0]["socket"] == str(path)
            users(tmp_path, "add", "alice")
            until(lambda: web.get(f"{PREFIX}/me").status_code == 401)
    finally:
        os.umask(before)
    assert not path.exists()


@pytest.mark.slow
@UNIX
def test_stale_unix_socket_is_replaced_and_one_in_use_is_not(tmp_path):
    path = tmp_path / "chat.sock"
    with process(tmp_path, "--uds", str(path), port=None) as server:
        server.kill()
        server.wait(20)
    assert stat.S_ISSOCK(path.stat().st_mode)
    with process(tmp_path, "--uds", str(path), port=None), by_socket(path) as web:
        asked = ["serve", "--uds", str(path), "--db", str(tmp_path / "other.db")]
        result = CliRunner().invoke(group, asked)
        assert result.exit_code == 1 and f"another server listens on {path}" in result.output
        assert web.get("/healthz").status_code == 200


@UNIX
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("a-file", "exists and is no socket"),
        ("no/such/folder", "cannot listen on"),
        ("x" * 200, "cannot listen on"),
    ],
)
def test_invalid_unix_socket_path_is_reported(tmp_path, place, message):
    (tmp_path / "a-file").write_text("mine")
    asked = ["serve", "--uds", str(tmp_path / place), "--db", str(tmp_path / "t.db")]
    result = CliRunner().invoke(group, asked)
    assert (
        result.exit_code == 1
        and message in result.output
        and "choose another path with --uds" in result.output
    )
    assert (tmp_path / "a-file").read_text() == "mine"


def test_unix_socket_excludes_host_and_port(tmp_path):
    for option in (["--port", "8000"], ["--host", "127.0.0.1"]):
        result = CliRunner().invoke(group, ["serve", "--uds", str(tmp_path / "s"), *option])
        assert result.exit_code == 2 and "--uds cannot be combined with --host or --port" in result.output


@UNIX
def test_unix_socket_of_another_uvicorn_is_not_trusted(tmp_path):
    path = tmp_path / "own.sock"
    with (
        threads.open(tmp_path / "t.db") as registry,
        threads.Runner(registry, plain_graph(None)) as runner,
        served_by(create_app(registry, runner), uds=str(path)),
        by_socket(path) as web,
    ):
        answer = web.get(f"{PREFIX}/me")
        assert answer.status_code == 401 and "--uds" in answer.json()["error"]
        assert web.get("/healthz").status_code == 200


OWN_SERVER = """
import threads
from threads.api import create_app
from graphs import plain_graph
registry = threads.open("own.db")
app = create_app(registry, threads.Runner(registry, {"echo": plain_graph(None)}))
"""


@pytest.mark.slow
def test_embedded_application_logs_local_trust(tmp_path):
    (tmp_path / "own.py").write_text(OWN_SERVER)
    path = os.pathsep.join([str(tmp_path), str(SUPPORT)])
    words = [sys.executable, "-m", "uvicorn", "own:app", "--port", "0"]
    with (tmp_path / "own.log").open("w") as log:
        server = subprocess.Popen(words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, stderr=log)
    try:
        until(lambda: "Application startup complete" in (tmp_path / "own.log").read_text(), 60)
        assert "have full access" in (tmp_path / "own.log").read_text()
    finally:
        server.terminate()
        server.wait(30)


def test_help_of_serve_describes_local_trust():
    said = re.sub(r"\s+", " ", CliRunner().invoke(group, ["serve", "--help"]).output)
    assert "--require-login" in said and "--uds PATH" in said
    assert (
        "A proxy on this machine that adds no forwarding header cannot be distinguished from a local client"
        in said
    )
