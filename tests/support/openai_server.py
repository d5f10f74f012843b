"""A local server with OpenAI's chat interface that answers from a script, over real HTTP."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


@dataclass
class Text:
    """A reply in words; streamed one piece at a time."""

    pieces: list[str]

    @property
    def message(self) -> Body:
        return {"role": "assistant", "content": "".join(self.pieces)}

    def deltas(self) -> Iterator[Body]:
        yield {"role": "assistant", "content": ""}
        yield from ({"content": piece} for piece in self.pieces)

    finish = "stop"


@dataclass
class ToolCall:
    """A reply that asks for a tool; streamed with its arguments in pieces of three letters."""

    name: str
    arguments: Body
    id: str = "call-1"

    @property
    def message(self) -> Body:
        call = {"name": self.name, "arguments": json.dumps(self.arguments)}
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": self.id, "type": "function", "function": call}],
        }

    def deltas(self) -> Iterator[Body]:
        head = {
            "index": 0,
            "id": self.id,
            "type": "function",
            "function": {"name": self.name, "arguments": ""},
        }
        yield {"role": "assistant", "content": None, "tool_calls": [head]}
        text = json.dumps(self.arguments)
        for at in range(0, len(text), 3):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": text[at : at + 3]}}]}

    finish = "tool_calls"


@dataclass
class Refusal:
    """An HTTP error."""

    status: int
    message: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Cut:
    """Streams `pieces`, then the line goes dead; `politely`: closed as if that had been all."""

    pieces: list[str]
    politely: bool = False


Reply = Text | ToolCall | Refusal | Cut
Answerer = Callable[[Body], Reply]
"""Thinks of a reply to what was asked."""


@dataclass
class OpenAIServer:
    """What was asked of it, and what it will say next. After the script it repeats the last reply."""

    script: list[Reply | Answerer]
    requests: list[Body] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def next(self) -> Reply:
        reply = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return reply(self.requests[-1]) if callable(reply) else reply


def _chunk(choices: Iterable[Body], **more: Any) -> Body:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
    return {**head, "choices": list(choices), **more}


def _choice(delta: Body, finish: str | None = None) -> Body:
    return {"index": 0, "delta": delta, "finish_reason": finish}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.state.requests.append(body)
        self.server.state.headers.append({name.lower(): value for name, value in self.headers.items()})
        reply = self.server.state.next()
        if isinstance(reply, Refusal):
            self._json(reply.status, {"error": {"message": reply.message, "code": "refused"}}, reply.headers)
        elif isinstance(reply, Cut):
            self._cut(reply)
        elif body.get("stream"):
            self._stream(reply, usage=bool(body.get("stream_options", {}).get("include_usage")))
        else:
            choice = {"index": 0, "message": reply.message, "finish_reason": reply.finish}
            self._json(200, {**_chunk([choice], usage=USAGE), "object": "chat.completion"}, {})

    def _json(self, status: int, body: Body, headers: dict[str, str]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def _begin(self, chunked: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _event(self, data: str, chunked: bool = True) -> None:
        line = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line) if chunked else line)

    def _stream(self, reply: Text | ToolCall, usage: bool) -> None:
        self._begin(chunked=True)
        for delta in reply.deltas():
            self._event(json.dumps(_chunk([_choice(delta)])))
        self._event(json.dumps(_chunk([_choice({}, reply.finish)])))
        if usage:
            self._event(json.dumps(_chunk([], usage=USAGE)))
        self._event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _cut(self, reply: Cut) -> None:
        self._begin(chunked=not reply.politely)
        for piece in reply.pieces:
            self._event(json.dumps(_chunk([_choice({"content": piece})])), chunked=not reply.politely)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    state: OpenAIServer


@contextmanager
def serve(*script: Reply | Answerer) -> Iterator[OpenAIServer]:
    """The server on a free port of the loopback, until the block ends."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.state = OpenAIServer(list(script), url=f"http://127.0.0.1:{server.server_port}/v1")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.state
        finally:
            server.shutdown()
            thread.join()
