"""Noninterference of users: Bob sends the same requests to two databases that differ only in what Alice has.

What Bob may send comes from the OpenAPI schema and from the signatures of `Registry`. Responses are compared byte
by byte, after ids, times and sealed values were replaced by the order in which they first appeared.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from graphs import Plain, compiled, config, plain_graph, stock_saver
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from langgraph.types import interrupt
from run_helpers import until
from server_helpers import PREFIX, bearer, client

import threads
from threads.api import Limits
from threads.api.openapi import openapi_schema
from threads.serialization import to_jsonable

WORDS = ("alpha", "alphabet", "bravo", "charlie", "x1", "東京", "größe")
"""Words in the messages of Alice and Bob."""
SEARCHES = (
    *WORDS, "alp", "al", "a", "x", "lph", "rav", "harli", "京", "grosse", '"alpha bravo"', "alpha bravo",
    "alpha role:user", "bravo tag:vip", "charlie owner:alice", "charlie owner:bob", "role:assistant",
    "alpha is:pinned", "tag:vip", "lph x1", "rav 京", "nowhere", "", "??", "is:nothing", "after:30d",
)  # fmt: skip
MESSAGES = (*WORDS, "alpha bravo", "bravo charlie alpha", "alphabet x1 東京", "ask alpha", "fail bravo", " ")
TAGS = ("vip", "red", "alices")
UNLIMITED = Limits(per_second=1e9, burst=10**9, streams=1000, stream_seconds=10, heartbeat=60)
CROWD = 450
"""Messages of Alice with each word: more than a search ranks."""


def reply_graph() -> Any:
    """Return a graph that repeats the message; "ask" makes it interrupt, "fail" raises."""

    def node(state: Any) -> Any:
        text = state["messages"][-1].text
        if "ask" in text:
            text = f"{text} and {interrupt('sure?')}"
        if "fail" in text:
            raise RuntimeError(f"no {text}")
        return {"messages": [AIMessage(f"re: {text}")]}

    return compiled(Plain, node, None)


# the two databases


@dataclass
class DatabasePair:
    """Two databases, one without and one with Alice's data, Bob's token, and ids that Bob may guess."""

    bare: Path
    crowded: Path
    token: str
    guessed: dict[str, list[str]]
    """Ids of Alice's data by kind."""

    @classmethod
    def create(cls, folder: Path) -> DatabasePair:
        bare, crowded = folder / "bare.db", folder / "crowded.db"
        with threads.open(bare) as registry:
            tokens = {}
            for name in ("alice", "bob"):
                registry.users.add(name)
                tokens[name] = registry.users.new_token(name)
            registry.create(id="bobs", owner="bob", title="bob", tags=["vip"])
            for number in range(5):
                registry.update("bobs", title=f"what bob said {number}")
            add_messages(registry, "bobs", [" ".join(WORDS)] * 398)
            registry.search("alpha", patience=None)
        shutil.copy(bare, crowded)
        return cls(bare, crowded, tokens["bob"], populate(crowded, tokens["alice"]))


def add_messages(registry: threads.Registry, id: str, texts: list[str]) -> None:
    messages = {"messages": [("user", text) for text in texts]}
    plain_graph(registry.checkpointer).update_state(config(id), messages, as_node="model")


def populate(path: Path, token: str) -> dict[str, list[str]]:
    """Fill the file with Alice's data of every kind, written by our programs and by others."""
    guessed: dict[str, list[str]] = {
        "thread": ["alice-1", "ownerless"],
        "message": [],
        "run": [],
        "event": [],
    }
    with threads.open(path) as registry:
        for number in range(40):
            registry.create(
                id=f"alice-{number}", owner="alice", title=f"alpha {number}", tags=["vip", "alices"]
            )
        for number, word in enumerate(WORDS):
            add_messages(registry, f"alice-{number}", [f"{word} {n}" for n in range(CROWD)])
        registry.create(id="ownerless", title="bravo of nobody", tags=["red"])
        add_messages(registry, "ownerless", ["alpha bravo"] * 20)
        registry.bulk(["alice-10", "alice-11"], archived=True, metadata={"plan": "gold"})
        registry.trash("alice-12")
        registry.bulk(["alice-13"], pinned=True, tag=["red"])
        with client(registry, reply_graph(), limits=UNLIMITED) as api:
            api.headers.update(bearer(token))
            for number, text in enumerate(MESSAGES[:-1]):
                thread = api.post(
                    f"{PREFIX}/threads",
                    json={"initial_message": text},
                    headers={"idempotency-key": f"k{number}"},
                )
                guessed["thread"].append(thread.json()["id"])
                guessed["run"].append(thread.headers["x-run-id"])
            for id in guessed["thread"][2:]:
                guessed["message"] += [
                    message["id"] for message in api.get(f"{PREFIX}/threads/{id}/messages").json()
                ]
        for number in range(10):
            registry.update("alice-0", title=f"alpha again {number}")
        registry.search("alpha", patience=None)
        registry._database.write(_delete_old_events)
        guessed["checkpoint"] = [registry.history("alice-0")[0].id]
        guessed["event"] = [str(event.position) for event in registry.events(owner="alice", follow=False)][:5]
    saver = stock_saver(path)
    for number in range(30):  # not yet indexed
        plain_graph(saver).invoke(
            {"messages": [("user", f"alpha {n}") for n in range(3)]}, config(f"alice-{number}")
        )
    plain_graph(saver).invoke({"messages": [("user", "alpha")]}, config("last"))
    saver.conn.close()
    with threads.open(path) as registry:
        registry.update("last", owner="alice")
        registry.list(limit=1)[0]
        registry.get("last")
        registry.search("alpha", owner="alice", patience=None)
    saver = stock_saver(path)
    saver.delete_thread("last")  # its index rows stay until the next search
    for number in range(30):
        plain_graph(saver).invoke({"messages": [("user", "alpha again")]}, config(f"alice-{number}"))
    saver.conn.close()
    return guessed


def _delete_old_events(connection: Any) -> None:
    """Delete the oldest events of a thread, as trimming does."""
    connection.execute("DELETE FROM threads_event WHERE thread_id = 'alice-0' AND sequence < 5")


# normalization

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)|\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"
"""ISO 8601, or the date of a header, such as that of a cookie which is deleted now."""
LATENCY = r'"latency": ?[\d.e-]+'
NAMES = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|\b[0-9a-f]{32}\b|\b\d{16}\b|threads_session=[^;]+"
CHANGING = re.compile(f"({TIME}|{LATENCY})|({NAMES})")


@dataclass
class SeenValues:
    """Values that appeared in the responses of one database, in order, by kind."""

    tokens: dict[str, str] = field(default_factory=dict)
    pools: dict[str, list[str]] = field(default_factory=dict)

    def token(self, value: str) -> str:
        return self.tokens.setdefault(value, f"<{len(self.tokens)}, {len(value)} characters>")

    def normalize(self, text: str) -> str:
        return CHANGING.sub(lambda found: "<time>" if found[1] else self.token(found[2]), text)

    def add(self, kind: str, value: Any) -> None:
        pool = self.pools.setdefault(kind, [])
        if value is not None and str(value) not in pool:
            pool.append(str(value))

    def collect_ids(self, form: Any) -> None:
        """Collect the ids in a response."""
        if isinstance(form, list):
            for each in form:
                self.collect_ids(each)
        elif isinstance(form, dict):
            for mark, kind in (
                ("message_count", "thread"),
                ("role", "message"),
                ("attempts", "run"),
                ("step", "checkpoint"),
            ):
                if mark in form and "id" in form:
                    self.add(kind, form["id"])
            if "sequence" in form and form.get("position"):
                self.add("event", form["position"])
            for each in form.values():
                self.collect_ids(each)

    def resolve(self, asked: Any) -> Any:
        """Replace each `Ref` by its value in this database."""
        if isinstance(asked, Ref):
            pool = self.pools.get(asked.kind)
            return pool[-1 - asked.number % len(pool)] if pool else f"no {asked.kind}"
        if isinstance(asked, list):
            return [self.resolve(each) for each in asked]
        if isinstance(asked, Mapping):
            return {name: self.resolve(each) for name, each in asked.items()}
        return asked


@dataclass(frozen=True)
class Ref:
    """The n-th last value of a kind that appeared."""

    kind: str
    number: int


class DatabaseView:
    """One database as Bob sees it."""

    def __init__(self, name: str, path: Path, databases: DatabasePair) -> None:
        self.name = name
        self.seen = SeenValues()
        for kind in ("thread", "message", "run", "checkpoint"):
            self.seen.add(kind, "bobs")
        self.path = path
        self.databases = databases
        self.opaque: set[str] = set()
        """Cursors that appeared in responses."""
        self.last: Any = None


# Bob over HTTP

MOMENTS = ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z")
NUMBERS = st.integers(0, 40)


def ids(kind: str, guessed: list[str] | tuple[str, ...] = ()) -> st.SearchStrategy[Any]:
    own = st.builds(Ref, st.just(kind), st.integers(0, 5))
    return st.one_of(own, own, own, st.sampled_from(["nothing", *guessed]))


def parameter_values(databases: DatabasePair) -> dict[str, st.SearchStrategy[Any]]:
    """Return a strategy for each parameter and field, by its name or by its place and name."""
    guessed = databases.guessed
    names = {
        kind: ids(kind, guessed.get(kind, ())) for kind in ("thread", "message", "run", "checkpoint", "event")
    }
    flag, which = st.booleans(), st.sampled_from(["true", "false", "any"])
    place = st.one_of(names["message"], names["checkpoint"])
    after = st.one_of(st.just(0), NUMBERS, names["event"], st.just(2**60))
    return {
        "thread_id": names["thread"], "message_id": names["message"], "run_id": names["run"], "id": st.lists(names["thread"], max_size=4),
        "ids": st.lists(names["thread"], max_size=4), "at": place, "to": place, "upto": names["message"], "before": names["message"],
        "cursor": st.builds(Ref, st.just("cursor"), st.integers(0, 3)), "owner": st.sampled_from(["alice", "bob", "nobody"]),
        "agent_id": st.sampled_from(["agent", "other"]), "status": st.sampled_from(["idle", "busy", "interrupted", "error"]),
        "query tag": st.lists(st.sampled_from(TAGS), max_size=2), "tag": st.sampled_from(TAGS), "bulk tag": st.lists(st.sampled_from(TAGS), max_size=2),
        "tags": st.lists(st.sampled_from(TAGS), max_size=2), "untag": st.lists(st.sampled_from(TAGS), max_size=2),
        "query pinned": flag, "pinned": flag, "query archived": which, "archived": flag, "query trashed": which, "trashed": flag, "set_rule trashed": st.just(60),
        "query metadata": st.sampled_from(['{"plan": "gold"}', "[]"]), "metadata": st.sampled_from([{"plan": "gold"}, {}, {"n": 1}]),
        "since": st.sampled_from(MOMENTS), "until": st.sampled_from(MOMENTS), "limit": st.integers(1, 30), "offset": st.integers(0, 5),
        "count": flag, "sort_by": st.sampled_from(["updated_at", "created_at", "title", "message_count", "thread_id"]),
        "sort_order": st.sampled_from(["asc", "desc"]), "text": st.sampled_from(SEARCHES), "title": st.sampled_from([None, "a title of alpha", "bravo"]),
        "initial_message": st.sampled_from(MESSAGES), "message": st.sampled_from(MESSAGES), "value": st.sampled_from(["yes", "fail", {"a": 1}]),
        "Idempotency-Key": st.sampled_from(["k1", "k2"]), "prefer": st.sampled_from(["wait=20", "respond-async"]),
        "accept": st.sampled_from(["text/event-stream", "application/json"]),
        "multitask_strategy": st.sampled_from(["reject", "enqueue", "interrupt", "rollback"]), "permanent": flag, "after": after,
        "if_not_exists": st.sampled_from(["reject", "create"]), "changes": flag, "messages": st.sampled_from(MESSAGES).map(lambda text: [{"role": "user", "content": text}]),
        "inner": flag,
        "Last-Event-ID": after.map(lambda asked: asked if isinstance(asked, Ref) else str(asked)), "follow": st.just(False),
        "by": st.sampled_from(["day", "agent", "owner", "tag", "all"]), "delete": st.sampled_from([False, False, True]),
        "name": st.sampled_from(TAGS), "action": st.just("trash"), "abandoned": flag, "inactive": st.just(60), "age": st.just(60), "dry_run": flag,
    }  # fmt: skip


@dataclass(frozen=True)
class Request:
    """One HTTP request of Bob."""

    operation: str
    method: str
    path: str
    parts: Mapping[str, Any]
    query: Mapping[str, Any]
    headers: Mapping[str, Any]
    body: Mapping[str, Any] | None


ALWAYS_GIVEN = {"follow", "text", "by"}
"""Parameters that every request sets."""


def requests(
    openapi: dict[str, Any], databases: DatabasePair, *, only: tuple[str, ...] = ()
) -> st.SearchStrategy[Request]:
    """Return a strategy for requests to all operations; fails for a parameter without values."""
    values = parameter_values(databases)
    return st.one_of(
        _requests(openapi, values, path, method, operation)
        for path, operations in openapi["paths"].items()
        for method, operation in operations.items()
        if not only or operation["operationId"] in only
    )


def _requests(
    openapi: dict[str, Any], values: dict[str, Any], path: str, method: str, operation: dict[str, Any]
) -> st.SearchStrategy[Request]:
    name = operation["operationId"]

    def some(where: str, fields: Mapping[str, bool]) -> st.SearchStrategy[dict[str, Any]]:
        given = {}
        for each in fields:
            known = [key for key in (f"{name} {each}", f"{where} {each}", each) if key in values]
            assert known, (
                f"add values for {each!r} of {name} to parameter_values in tests/support/noninterference.py"
            )
            given[each] = values[known[0]]
        needed = {each for each, is_needed in fields.items() if is_needed or each in ALWAYS_GIVEN}
        return st.fixed_dictionaries(
            {each: given[each] for each in given if each in needed},
            optional={each: given[each] for each in given if each not in needed},
        )

    parameters = operation.get("parameters", [])
    if (
        "text/event-stream" in str(operation["responses"]) and method != "get"
    ):  # selected by the Accept header
        parameters = [*parameters, {"in": "header", "name": "accept"}]
    where = {
        place: {p["name"]: p.get("required", False) for p in parameters if p["in"] == place}
        for place in ("path", "query", "header")
    }
    body: st.SearchStrategy[Any] = st.none()
    if "requestBody" in operation:
        [schema] = re.findall(r"schemas/(\w+)", json.dumps(operation["requestBody"]["content"]))
        found = openapi["components"]["schemas"][schema]
        body = some("body", {each: each in found.get("required", ()) for each in found["properties"]})
    return st.builds(
        Request, st.just(name), st.just(method), st.just(path), some("path", where["path"]),
        some("query", where["query"]), some("header", where["header"]), body,
    )  # fmt: skip


@dataclass(frozen=True)
class NextPage:
    """A request for the page after the last one."""


class HttpView(DatabaseView):
    """A database seen over HTTP."""

    def __init__(self, name: str, path: Path, databases: DatabasePair, api: Any) -> None:
        super().__init__(name, path, databases)
        self.api = api

    def perform(self, step: Request | NextPage) -> tuple[Any, ...]:
        """Send the request of a step; return its normalized response."""
        if isinstance(step, NextPage):
            if self.last is None:
                return ("no page to go on with",)
            asked, cursor = self.last
            return self._send({**asked, "params": {**asked["params"], "cursor": cursor}})
        parts = {each: quote(str(self.seen.resolve(value)), safe="") for each, value in step.parts.items()}
        asked = {
            "method": step.method, "url": step.path.format(**parts), "params": self.seen.resolve(step.query),
            "headers": {each: str(self.seen.resolve(value)) for each, value in step.headers.items()},
        }  # fmt: skip
        if step.body is not None:
            asked["json"] = self.seen.resolve(step.body)
        return self._send(asked)

    def _send(self, asked: dict[str, Any]) -> tuple[Any, ...]:
        answer = self.api.request(**asked)
        if asked["headers"].get("prefer") == "respond-async":
            return self._started(answer)
        shown = []
        for header, value in sorted(answer.headers.items()):
            if header in ("x-next-cursor",):
                self.last = (asked, value)
                self.opaque.add(value)
                self.seen.add("cursor", value)
                value = self.seen.token(value)
            if header not in ("x-request-id", "content-length", "date"):
                shown.append((header, self.seen.normalize(value)))
        if answer.headers["content-type"].startswith("text/event-stream") if answer.content else False:
            for line in answer.text.splitlines():
                if line.startswith("data: "):
                    self.seen.collect_ids(json.loads(line[6:]))
        elif answer.content:
            self.seen.collect_ids(answer.json())
        return (answer.status_code, *shown, self.seen.normalize(answer.text))

    def _started(self, answer: Any) -> tuple[Any, ...]:
        """Return what a 202 response has that does not depend on the speed of the run."""
        until(
            lambda: (
                not self.api.get(f"{PREFIX}/threads?status=busy&archived=any&trashed=any&count=false").json()
            )
        )
        return (
            answer.status_code,
            sorted(answer.headers) if answer.status_code < 300 else self.seen.normalize(answer.text),
        )


Leak = Callable[[Any], Any]


@contextmanager
def http_views(
    databases: DatabasePair, leak: Leak = lambda registry: registry
) -> Iterator[tuple[HttpView, HttpView]]:
    """Yield HTTP views of fresh copies of both databases; `leak` may wrap the registry."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _web(databases.bare, Path(folder), databases, leak) as bare,
        _web(databases.crowded, Path(folder), databases, leak) as crowded,
    ):
        yield bare, crowded


@contextmanager
def _web(file: Path, folder: Path, databases: DatabasePair, leak: Leak) -> Iterator[HttpView]:
    path = Path(shutil.copy(file, folder / file.name))
    with (
        threads.open(path) as registry,
        client(leak(registry), {"agent": reply_graph()}, limits=UNLIMITED) as api,
    ):
        api.headers.update(bearer(databases.token))
        yield HttpView(file.stem, path, databases, api)


# Bob in Python

BOB = threads.Actor("bob")
SETTERS = {"set_rule", "begin_once"}
"""Methods of the registry that store an owner; they are for admins and for the application."""


@dataclass(frozen=True)
class Call:
    """One call of a registry method that a program makes for Bob."""

    operation: str
    given: Mapping[str, Any]


def _calls(databases: DatabasePair) -> dict[str, dict[str, st.SearchStrategy[Any]]]:
    """Return a strategy for the arguments of each method."""
    thread, message = ids("thread", databases.guessed["thread"]), ids("message")
    tags, patience = st.lists(st.sampled_from(TAGS), max_size=2), st.sampled_from([0, None])
    page = {"limit": st.integers(1, 30), "offset": st.integers(0, 5)}
    sight = {
        "archived": st.sampled_from([None, True, False]),
        "trashed": st.sampled_from([None, True, False]),
    }
    verb = st.sampled_from(["read", "write", "delete", "administer"])
    return {
        "search": {"text": st.sampled_from(SEARCHES), "patience": patience, **page, **sight},
        "list": {**page, **sight, "sort_by": st.sampled_from(["updated_at", "title", "message_count"])},
        "tags": sight,
        "stats": {"by": st.sampled_from(["day", "agent", "owner", "tag", None]), "patience": patience},
        "events": {"after": st.one_of(st.just(0), NUMBERS, ids("event", databases.guessed["event"]))},
        "runs": {"id": thread},
        "messages": {"id": thread},
        "history": {"id": thread},
        "admit": {"id": thread, "verb": verb},
        "admitted": {"ids": st.lists(thread, max_size=5), "verb": verb},
        "unread": {"ids": st.lists(thread, max_size=5)},
        "mark_read": {"id": thread, "upto": st.one_of(st.none(), message)},
        "create": {"id": st.sampled_from([None, "mine", "mine too"]), "title": st.sampled_from([None, *WORDS]), "tags": tags},
        "update": {"id": thread, "title": st.sampled_from([None, *WORDS]), "pinned": st.booleans()},
        "bulk": {"ids": st.lists(thread, max_size=5), "tag": tags, "archived": st.booleans()},
        "trash": {"id": thread},
        "restore": {"id": thread},
        "delete": {"id": thread},
        "fork": {"id": thread},
        "speak": {"id": thread, "text": st.sampled_from(MESSAGES)},
        "next page": {},
    }  # fmt: skip


CALLS = ("search", "list", "tags", "stats", "events", "runs", "messages", "history", "admit", "admitted", "unread",
    "mark_read", "create", "update", "bulk", "trash", "restore", "delete", "fork", "speak", "next page")  # fmt: skip
SCOPED = ("search", "list", "tags", "stats", "events")


def calls(databases: DatabasePair, *, only: tuple[str, ...] = CALLS) -> st.SearchStrategy[Call]:
    """Return a strategy for calls of these methods."""
    found = _calls(databases)
    assert tuple(found) == CALLS
    return st.one_of(_call(name, given) for name, given in found.items() if name in only)


def _call(name: str, given: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Call]:
    needed = {
        each: value
        for each, value in given.items()
        if each in ("text", "id", "ids", "verb") and name != "create"
    }
    optional = {each: value for each, value in given.items() if each not in needed}
    return st.builds(Call, st.just(name), st.fixed_dictionaries(needed, optional=optional))


class PythonView(DatabaseView):
    """A database seen through `Registry`. Messages are stored by another program, so projections are stale."""

    def __init__(self, name: str, path: Path, databases: DatabasePair, registry: Any) -> None:
        super().__init__(name, path, databases)
        self.registry = registry

    def perform(self, call: Call) -> tuple[Any, ...]:
        """Perform the call; return its normalized result or error."""
        given = dict(self.seen.resolve(call.given))
        try:
            form = self._form(self._called(call.operation, given))
        except threads.ThreadsError as error:
            return type(error).__name__, self.seen.normalize(str(error))
        self.registry._database.wait_for_writes()
        self.seen.collect_ids(form)
        return (self.seen.normalize(json.dumps(form, ensure_ascii=False)),)

    def _called(self, name: str, given: dict[str, Any]) -> Any:
        registry = self.registry
        if name == "next page":
            if self.last is None:
                return None
            name, given, cursor = self.last
            return self._page(name, {**given, "cursor": cursor})
        if name == "events":
            after = given.get("after", 0)
            return list(
                registry.events(owner="bob", after=int(after) if str(after).isdecimal() else 7, follow=False)
            )
        if name in SCOPED:
            return self._page(name, given)
        if name in ("admit", "admitted"):
            return getattr(registry, name)(BOB, given.get("id", given.get("ids")), given["verb"])
        if name == "create":
            return registry.create(owner="bob", **given)
        if "ids" in given:
            given["ids"] = registry.admitted(BOB, given["ids"], "write")
        if "id" in given:
            registry.admit(BOB, given["id"], "write")
        if name in ("unread", "mark_read"):
            given["user"] = "bob"
        if name == "speak":
            return self._speak(**given)
        return getattr(registry, name)(**given)

    def _page(self, name: str, given: dict[str, Any]) -> Any:
        found = getattr(self.registry, name)(owner="bob", **given)
        if getattr(found, "next_cursor", None):
            self.last = (name, given, found.next_cursor)
        return found

    def _speak(self, id: str, text: str) -> None:
        saver = stock_saver(self.path)
        try:
            plain_graph(saver).invoke({"messages": [("user", text)]}, config(id))
        finally:
            saver.conn.close()

    def _form(self, found: Any) -> Any:
        if not isinstance(found, threads.Page):
            return to_jsonable(found)
        cursor = found.next_cursor and self.seen.token(found.next_cursor)
        return [to_jsonable(found.items), cursor, found.total, getattr(found, "unindexed", None)]


@contextmanager
def python_views(
    databases: DatabasePair, leak: Leak = lambda registry: registry
) -> Iterator[tuple[PythonView, PythonView]]:
    """Yield registry views of fresh copies of both databases."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        views = []
        for file in (databases.bare, databases.crowded):
            path = Path(shutil.copy(file, Path(folder) / file.name))
            registry = stack.enter_context(threads.open(path))
            views.append(PythonView(file.stem, path, databases, leak(registry)))
        yield views[0], views[1]


def assert_same(views: tuple[Any, Any], steps: list[Any]) -> list[str]:
    """Perform the steps on both databases; return the operations. Raises AssertionError where results differ."""
    done = []
    for step in steps:
        bare, crowded = (view.perform(step) for view in views)
        assert bare == crowded, f"{step}\n{bare}\n{crowded}"
        done.append(getattr(step, "operation", "next page"))
    return done


def openapi() -> dict[str, Any]:
    with threads.open(":memory:") as registry, client(registry, plain_graph(None)) as api:
        return openapi_schema(api.app)
