"""A file in which every kind of blob names types that must be neither imported nor called, as do the metadata."""

from __future__ import annotations

import json
import pickle
import sqlite3
import sys
import types
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ormsgpack
from graphs import asking_graph, config, counter_graph, plain_graph, said, stock_saver, trimming_graph

ABSENT, PRESENT = "planted_absent", "planted_present"
"""A module that can be imported, and one that is imported already."""
CALLED: list[str] = []
"""What was imported or called."""
METHOD = 3
"""The extension type of LangGraph's msgpack that names a method, too."""
SNAPSHOT = 7
"""The extension type of a delta channel's snapshot."""


@contextmanager
def planted_modules(folder: Path) -> Iterator[None]:
    """Let both modules be there in this block: each says in `CALLED` when it is imported, or a type called."""
    code = "from planted_types import CALLED\nCALLED.append('{0} is imported')\n"
    (folder / f"{ABSENT}.py").write_text(code.format(ABSENT) + "def reducer(*_): CALLED.append('reducer')\n")
    present: Any = types.ModuleType(PRESENT)
    made = type("Canary", (), {"__module__": PRESENT, "__init__": _called, "__call__": _called})
    present.Canary = dataclass(init=False)(made)  # LangGraph allows the dataclasses of a graph's state
    present.reducer = present.build = lambda *_: CALLED.append("reducer")
    sys.path.insert(0, str(folder))
    sys.modules[PRESENT] = present
    CALLED.clear()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop(ABSENT, None)
        del sys.modules[PRESENT]


def _called(self: Any, *_: Any, **__: Any) -> None:
    CALLED.append(type(self).__name__)


def _extension(code: int, module: str) -> ormsgpack.Ext:
    arguments: Any = {"x": 1} if code in (2, 4, 5) else ([1] if code == 1 else 1)
    named = [module, "Canary", arguments, *(["__call__"] if code == METHOD else [])]
    return ormsgpack.Ext(code, ormsgpack.packb(named))


CANARIES = [_extension(code, module) for code in range(6) for module in (ABSENT, PRESENT)]
"""A value of each extension type that names what is called."""
LC_CANARIES = [
    {"lc": version, "type": "constructor", "id": [module, "Canary"], "kwargs": {}, "args": []}
    for version in (1, 2)
    for module in (ABSENT, PRESENT)
]
"""The same in JSON."""


def metadata(module: str) -> dict[str, Any]:
    """Return checkpoint metadata with names of types and functions under every key that may mean one."""
    names = {
        "messages_reducer": "reducer",
        "messages_channel": "reducer",
        "reducer": "reducer",
        "types": "Canary",
        "state_schema": "Canary",
        "context_schema": "Canary",
        "response_format": "Canary",
        "agent_id": "build",
        "agent_name": "build",
        "graph_id": "build",
        "assistant_id": "build",
        "ls_integration": "build",
    }
    listed = {"allowed_msgpack_modules": [[module, "Canary"]], "all_types": [f"{module}:Canary"]}
    return {key: f"{module}:{name}" for key, name in names.items()} | listed | {"lc": LC_CANARIES}


def _raw(blob: bytes) -> Any:
    """Return a stored value with its extension types as they are."""
    return ormsgpack.unpackb(blob, ext_hook=ormsgpack.Ext, option=ormsgpack.OPT_NON_STR_KEYS)


def _packed(value: Any) -> bytes:
    return ormsgpack.packb(value, option=ormsgpack.OPT_NON_STR_KEYS)


def _in_channels(**channels: Any) -> Any:
    return lambda head: {**head, "channel_values": {**head["channel_values"], **channels}}


_SNAPSHOT = ormsgpack.Ext(SNAPSHOT, _packed(CANARIES))
CHECKPOINTS = {
    "messages": _in_channels(messages=CANARIES),
    "one message": _in_channels(messages=CANARIES[0]),
    "beside": _in_channels(beside=CANARIES),
    "below": _in_channels(beside={"a": [{"b": CANARIES}]}),
    "input": _in_channels(__start__={"messages": CANARIES}),
    "functional": lambda head: {**head, "channel_values": {"__previous__": CANARIES, "__end__": CANARIES}},
    "sent": _in_channels(__pregel_tasks=CANARIES),
    "snapshot": _in_channels(messages=_SNAPSHOT),
    "versions": lambda head: {**head, "versions_seen": {"model": CANARIES}},
    "whole": lambda head: CANARIES[0],
}
"""Threads whose newest checkpoint holds the canaries in this place."""
WRITES = ("messages", "beside", "__interrupt__", "__resume__", "__error__", "__pregel_tasks", "__return__")
"""Channels of writes to the newest checkpoint that hold them."""
FILES = {
    "JSON": ("json", json.dumps({"id": "x", "channel_values": {"messages": LC_CANARIES}}).encode()),
    "pickle": ("pickle", pickle.dumps({"id": "x", "channel_values": {"messages": []}})),
}
"""Checkpoints of other kinds."""


def write_planted_file(path: Path) -> list[str]:
    """Write a file of the stock saver with the canaries in all places; return the ids of its threads."""
    saver = stock_saver(path)
    with closing(saver.conn) as connection:
        delta = trimming_graph(saver)
        for id in (*CHECKPOINTS, *FILES, *(f"write {name}" for name in WRITES)):
            plain_graph(saver).invoke(said("hello"), config(id))
        for id in ("delta", "delta write", "delta beside"):
            delta.invoke(said("hello"), config(id))
        asking_graph(saver).invoke(said("hello"), config("question"))
        counter_graph(saver).invoke({"number": 1}, config("no messages"))
        for id, plant in CHECKPOINTS.items():
            _plant(connection, id, plant)
        _plant(connection, "delta beside", _in_channels(beside=CANARIES))
        for id, (kind, blob) in FILES.items():
            connection.execute(
                "UPDATE checkpoints SET type = ?, checkpoint = ? WHERE thread_id = ?", (kind, blob, id)
            )
        for name in WRITES:
            connection.execute(
                "INSERT INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value) "
                "SELECT thread_id, '', max(checkpoint_id), 'task', 9, ?, 'msgpack', ? FROM checkpoints "
                "WHERE thread_id = ?", (name, _packed(CANARIES), f"write {name}"),
            )  # fmt: skip
        for id in ("delta write", "question"):
            connection.execute("UPDATE writes SET value = ? WHERE thread_id = ?", (_packed(CANARIES), id))
        for n, (rowid, stored) in enumerate(
            connection.execute("SELECT rowid, metadata FROM checkpoints").fetchall()
        ):
            planted = json.loads(stored) | metadata((ABSENT, PRESENT)[n % 2])
            connection.execute(
                "UPDATE checkpoints SET metadata = ? WHERE rowid = ?", (json.dumps(planted).encode(), rowid)
            )
        connection.commit()
        return [row[0] for row in connection.execute("SELECT DISTINCT thread_id FROM checkpoints")]


def _plant(connection: sqlite3.Connection, id: str, plant: Any) -> None:
    rowid, blob = connection.execute(
        "SELECT rowid, checkpoint FROM checkpoints WHERE thread_id = ? ORDER BY checkpoint_id DESC", (id,)
    ).fetchone()
    connection.execute(
        "UPDATE checkpoints SET checkpoint = ? WHERE rowid = ?", (_packed(plant(_raw(blob))), rowid)
    )
