"""One thread of an agent, spoken to in five ways: plain `invoke`, Runner, command line, HTTP, an adopted file.

What comes back is in JSON form everywhere, so the tests compare all of them with the same expected values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from built_agents import BUILDERS
from click.testing import CliRunner
from graphs import config, stock_saver
from langchain_core.messages import HumanMessage
from langgraph.types import Command
from server_helpers import PREFIX, client

import threads
from threads.cli.group import threads as command_group
from threads.serialization import to_jsonable

THREAD = "a"
"""The id of the thread."""


class InvokeInterface:
    """Messages by `graph.invoke`; all else by the registry and a runner that has the agent."""

    def __init__(self, graph: Any, registry: Any = None, runner: Any = None) -> None:
        self.graph, self.registry, self.runner = graph, registry, runner

    def send(self, text: str, id: str = THREAD) -> None:
        """Send a message; the agent may ask something then. Raises if the agent fails."""
        self.graph.invoke({"messages": [HumanMessage(text)]}, config(id))

    def answer(self, value: Any) -> None:
        """Answer the agent's question."""
        self.graph.invoke(Command(resume=value), config(THREAD))

    def retry(self) -> None:
        """Continue after a failure."""
        self.graph.invoke(None, config(THREAD))

    def thread(self) -> Any:
        """Return the fields of the thread."""
        return to_jsonable(self.registry.get(THREAD))

    def messages(self, id: str = THREAD) -> list[Any]:
        """Return all messages."""
        return list(map(to_jsonable, self.registry.messages(id)))

    def search(self, word: str) -> set[tuple[str, str]]:
        """Return the hits in messages: role and text."""
        found = to_jsonable(list(self.registry.search(word)))
        return {(hit["message"]["role"], hit["message"]["text"]) for hit in found if hit["message"]}

    def questions(self) -> list[Any]:
        """Return the values of the pending interrupts."""
        return [each.value for each in self.registry.interrupts(THREAD)]

    def undo(self) -> None:
        """Take the last user message back, and what followed it."""
        self.registry.undo(THREAD)

    def regenerate(self, message_id: str | None = None) -> None:
        """Answer anew."""
        self.runner.regenerate(THREAD, message_id).result()

    def edit(self, message_id: str, text: str) -> None:
        """Replace a user message."""
        self.runner.edit(THREAD, message_id, text).result()

    def fork(self, at: str | None = None) -> str:
        """Return the id of a new thread that begins with this one."""
        return str(self.registry.fork(THREAD, at=at).id)

    def rewind(self, to: str) -> None:
        """Go back to a message."""
        self.registry.rewind(THREAD, to=to)

    def problems(self) -> list[Any]:
        """Return what `verify` finds."""
        return list(self.registry.verify())


class RunnerInterface(InvokeInterface):
    """All by the registry and a runner."""

    def send(self, text: str, id: str = THREAD) -> None:
        self.runner.start(id, text, if_not_exists="create").result()

    def answer(self, value: Any) -> None:
        self.runner.resume(THREAD, value).result()

    def retry(self) -> None:
        self.runner.retry(THREAD).result()


class CommandInterface(InvokeInterface):
    """The command line, in this process. What it lacks is done as its user would: by `threads chat`."""

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(None)
        self._agents = ("--agents", f"built_agents:{name}")
        self._path, self._file = path, ("--db", str(path))

    def call(self, *words: str, input: str | None = None) -> str:
        """Return what a command prints."""
        done = CliRunner().invoke(command_group, [*words, *self._file], input=input)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.stdout

    def read(self, *words: str) -> Any:
        """Return what a command prints as JSON."""
        return json.loads(self.call(*words, "--json"))

    def send(self, text: str, id: str = THREAD) -> None:
        if not self._path.exists():
            self.call("new", "--id", id)
        self.call("send", id, text, *self._agents)

    def answer(self, value: Any) -> None:
        self.call("resume", THREAD, "--json", json.dumps(value), *self._agents)

    def retry(self) -> None:
        self.call("retry", THREAD, *self._agents)

    def thread(self) -> Any:
        [found] = self.read("ls")["threads"]
        return found

    def messages(self, id: str = THREAD) -> list[Any]:
        return list(self.read("show", id)["messages"])

    def search(self, word: str) -> set[tuple[str, str]]:
        hits = self.read("search", word)["hits"]
        return {(hit["message"]["role"], hit["message"]["text"]) for hit in hits if hit["message"]}

    def questions(self) -> list[Any]:
        return [each["value"] for each in self.read("show", THREAD)["interrupts"]]

    def undo(self) -> None:
        self._chat("/undo")

    def regenerate(self, message_id: str | None = None) -> None:
        self._chat("/retry")

    def edit(self, message_id: str, text: str) -> None:
        messages = self.messages()
        [number] = [n for n, message in enumerate(messages) if message["id"] == message_id]
        turns = sum(message["role"] == "user" for message in messages[number:])
        self._chat(*["/undo"] * turns, text)

    def fork(self, at: str | None = None) -> str:
        return str(self.read("fork", THREAD, *(("--at", at) if at else ()))["id"])

    def rewind(self, to: str) -> None:
        self.call("rewind", THREAD, "--to", to, "--types", "built_agents:Report")

    def problems(self) -> list[Any]:
        return list(self.read("verify")["problems"])

    def _chat(self, *lines: str) -> None:
        self.call("chat", THREAD, *self._agents, input="".join(f"{line}\n" for line in lines))


class HttpInterface(InvokeInterface):
    """The HTTP API. It has no undo: its client goes back to the message before."""

    def __init__(self, client: Any, registry: Any) -> None:
        super().__init__(None, registry)
        self._client = client

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON of a response."""
        response = self._client.request(method, f"{PREFIX}{path}", json=body)
        assert response.is_success, response.text
        return response.json()

    def send(self, text: str, id: str = THREAD) -> None:
        if id not in {thread.id for thread in self.registry.list()}:
            self.registry.create(id=id)
        self.call("POST", f"/threads/{id}/messages", {"message": text})

    def answer(self, value: Any) -> None:
        self.call("POST", f"/threads/{THREAD}/resume", {"value": value})

    def retry(self) -> None:
        self.call("POST", f"/threads/{THREAD}/retry")

    def thread(self) -> Any:
        return self.call("GET", f"/threads/{THREAD}")

    def messages(self, id: str = THREAD) -> list[Any]:
        return list(self.call("GET", f"/threads/{id}/messages?limit=1000"))

    def search(self, word: str) -> set[tuple[str, str]]:
        hits = self.call("GET", f"/search?text={word}")
        return {(hit["message"]["role"], hit["message"]["text"]) for hit in hits if hit["message"]}

    def questions(self) -> list[Any]:
        return [each["value"] for each in self.call("GET", f"/threads/{THREAD}/interrupts")]

    def undo(self) -> None:
        messages = self.messages()
        last = max(n for n, message in enumerate(messages) if message["role"] == "user")
        self.rewind(messages[last - 1]["id"])

    def regenerate(self, message_id: str | None = None) -> None:
        self.call("POST", f"/threads/{THREAD}/regenerate", {"message_id": message_id})

    def edit(self, message_id: str, text: str) -> None:
        self.call("PUT", f"/threads/{THREAD}/messages/{message_id}", {"message": text})

    def fork(self, at: str | None = None) -> str:
        return str(self.call("POST", f"/threads/{THREAD}/fork", {"at": at})["id"])

    def rewind(self, to: str) -> None:
        self.call("POST", f"/threads/{THREAD}/rewind", {"to": to})


INTERFACES = ("invoke", "Runner", "command line", "HTTP", "adopted")


@contextmanager
def open_interface(kind: str, name: str, path: Path) -> Iterator[InvokeInterface]:
    """Yield the interface to the thread of agent `name` in this file; an adopted file is adopted here."""
    if kind == "command line":
        yield CommandInterface(name, path)
        return
    graph = BUILDERS[name]()
    with threads.open(path) as registry:
        if kind == "HTTP":
            with client(registry, {name: graph}) as http:
                yield HttpInterface(http, registry)
            return
        with threads.Runner(registry, {name: graph}) as runner:
            bound = graph.copy(update={"checkpointer": registry.checkpointer})
            yield (RunnerInterface if kind == "Runner" else InvokeInterface)(bound, registry, runner)


@contextmanager
def open_for_writing(kind: str, name: str, path: Path) -> Iterator[InvokeInterface]:
    """Yield the interface by which messages are sent: for a file to adopt, `invoke` and the stock saver."""
    if kind != "adopted":
        with open_interface(kind, name, path) as interface:
            yield interface
        return
    saver = stock_saver(path)
    with closing(saver.conn):
        yield InvokeInterface(BUILDERS[name]().copy(update={"checkpointer": saver}))
