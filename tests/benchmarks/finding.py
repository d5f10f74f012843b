"""What finding, filtering, counting and measuring cost among ever more threads.

    python tests/benchmarks/finding.py [--most 100000]

A generator fills a file with threads of ten messages each, over 400 days: a thousand owners, three
agents, tags and metadata rare and common, words as rare and common as in a language. Figures are in
ms, by the clock / of the processor: a busy machine shows in the first only. `p95` is that of 300
searches of all kinds, the others are medians.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any
from uuid import UUID

import threads
from threads.db.queries import moment
from threads.ids import UUID_EPOCH_MS
from threads.models import Message, Usage
from threads.search import index
from threads.search.index import IndexedMessage
from threads.store.message_rows import StoredMessage
from threads.store.messages import MessageTable

MESSAGES = 10
DAYS = 400
DAY = 86_400_000
SYLLABLES = [a + b + c for a in "bcdfghjklmnprstvwz" for b in "aeiou" for c in ("", "n", "r", "s", "t", "l")]
COMMON = [
    "the",
    "order",
    "a",
    "is",
    "to",
    "refund",
    "my",
    "what",
    "number",
    "please",
    "arrived",
    "hello",
    "can",
    "help",
    "with",
    "name",
    "i",
    "have",
    "for",
    "you",
]
TAGS = ("common", "often", "vip", "seldom")
SHARES = (0.3, 0.1, 0.01, 0.001)
SHOWN = {"p50": 0.5, "p95": 0.95, "most": 1}
Cost = tuple[float, float]


class Words:
    """Texts of a made-up language: few words are said often, most seldom."""

    def __init__(self, seed: int = 1) -> None:
        self.random, self.ids = random.Random(seed), random.Random(seed)
        made = [
            "".join(self.random.choices(SYLLABLES, k=self.random.choice((1, 2, 2, 2, 3, 3))))
            for _ in range(30_000)
        ]
        self.words = list(dict.fromkeys([*COMMON, *made]))
        self.weights = list(accumulate(1 / (rank + 1) ** 0.9 for rank in range(len(self.words))))

    def some(self, least: int, most: int) -> str:
        return " ".join(
            self.random.choices(self.words, cum_weights=self.weights, k=self.random.randint(least, most))
        )


def fill(path: Path, count: int) -> None:
    """Threads as the ledger and the projection leave them, with their index, tags and days."""
    threads.open(path).close()
    words = Words()
    now = round(time.time() * 1000)
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous=OFF")
        for start in range(0, count, 1000):
            connection.execute("BEGIN")
            for number in range(start, min(count, start + 1000)):
                one(connection, words, number, now - round((count - number) / count * DAYS * DAY))
            connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def one(connection: sqlite3.Connection, words: Words, number: int, at: int) -> None:
    chance = words.random.random
    id = f"thread-{number:08}"
    connection.execute(
        "INSERT INTO threads_thread (position, thread_id, activity, created_at, updated_at, is_out_of_order, branch_count, head_id, projected_id, "
        "auto_title, preview, message_count, owner, agent_id, pinned, archived, trashed_at, status, metadata) "
        "VALUES (?, ?, ?, ?, ?, 0, 1, 'x', 'x', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (number + 1, id, number + 1, at, at + DAY, words.some(3, 8), words.some(5, 15), MESSAGES,
         f"owner-{number * 7919 % 1000}", ("support", "tutor", "assistant")[number % 3], chance() < 0.02, chance() < 0.1,
         at if chance() < 0.02 else None, "interrupted" if chance() < 0.01 else "idle",
         json.dumps({"plan": "gold" if chance() < 0.01 else "free"}, separators=(",", ":"))),
    )  # fmt: skip
    tags = [tag for tag, share in zip(TAGS, SHARES, strict=True) if chance() < share]
    tags += [f"tag-{int(chance() ** 3 * 500)}"] if chance() < 0.3 else []
    connection.executemany(
        "INSERT INTO threads_tag (thread_id, tag) VALUES (?, ?)", [(id, tag) for tag in tags]
    )
    messages = [
        IndexedMessage(f"{number}-{place}", ("user", "assistant")[place % 2], words.some(6, 30), True, 20, 10)
        for place in range(MESSAGES)
    ]
    times = {message.message_id or "": at + place * DAY // MESSAGES for place, message in enumerate(messages)}
    text_ids = index.sync(connection, number + 1, messages, times, at)
    stored = [stored_message(words, each, times[each.message_id or ""]) for each in messages]
    MessageTable(connection).replace(number + 1, stored, text_ids)


def stored_message(words: Words, indexed: IndexedMessage, written_at: int) -> StoredMessage:
    """What a run of a plain graph stores of a text: the checkpoint is dated, an answer has its tokens."""
    ticks = (written_at + UUID_EPOCH_MS) * 10_000
    bits = words.ids.getrandbits
    checkpoint = ticks >> 12 << 80 | 6 << 76 | (ticks & 0xFFF) << 64 | 0b10 << 62 | bits(62)
    message = Message(
        id=indexed.message_id, role=indexed.role, text=indexed.text, content=({"type": "text", "text": indexed.text},),
        created_at=moment(written_at), run_id=str(UUID(int=bits(128), version=4)),
        usage=Usage(20, 10, 30) if indexed.role == "assistant" else None,
    )  # fmt: skip
    return StoredMessage(message, str(UUID(int=checkpoint)), bits(63))


def searches(words: Words) -> Iterator[tuple[str, dict[str, Any]]]:
    """What people look for: common words and rare ones, beginnings, phrases, parts, with and without filters."""
    chance = words.random
    for number in range(300):
        text, filters = words.some(1, 3), {}
        if number % 5 == 1:
            text = text[: max(2, len(text) - 2)]  # as it is typed
        elif number % 5 == 2:
            text = f'"{chance.choice(COMMON)} {chance.choice(COMMON)}"'
        elif number % 5 == 3:
            text += chance.choice(
                (" tag:vip", " tag:common", " role:user", " after:30d", " agent:tutor", " is:pinned")
            )
        elif number % 5 == 4:
            filters = {"owner": f"owner-{chance.randrange(1000)}"}
        if number % 20 == 0:
            text = text.split()[0][1:] or "a"  # inside of words
        yield text, filters


def spent(work: Callable[[], Any]) -> Cost:
    wall, processor = time.perf_counter(), time.thread_time()
    work()
    return (time.perf_counter() - wall) * 1000, (time.thread_time() - processor) * 1000


def median(work: Callable[[], Any], times: int = 21) -> Cost:
    return at([spent(work) for _ in range(times)], 0.5)


def at(costs: list[Cost], share: float) -> Cost:
    """What so many of the costs stay under, by the clock and of the processor."""
    wall, processor = map(sorted, zip(*costs, strict=True))
    place = min(int(len(costs) * share), len(costs) - 1)
    return wall[place], processor[place]


def lists(registry: threads.Registry) -> dict[str, Cost]:
    now = datetime.now(UTC)
    cursor = registry.list(offset=registry.list().total // 2, limit=1).next_cursor
    asked: dict[str, dict[str, Any]] = {
        "nothing": {}, "middle": {"cursor": cursor}, "owner": {"owner": "owner-7"}, "agent": {"agent_id": "tutor"},
        "tag common": {"tag": "common"}, "tag vip": {"tag": "vip"}, "tag seldom": {"tag": "seldom"},
        "no such tag": {"tag": "none"}, "two tags": {"tag": ["common", "often"]}, "pinned": {"pinned": True},
        "archived": {"archived": True}, "trashed": {"trashed": True}, "status": {"status": "interrupted"},
        "busy": {"status": "busy"}, "plan free": {"metadata": {"plan": "free"}},
        "plan gold": {"metadata": {"plan": "gold"}}, "no such plan": {"metadata": {"plan": "none"}},
        "since 1d": {"since": now - timedelta(days=1)}, "until 200d": {"until": now - timedelta(days=200)},
        "until 390d": {"until": now - timedelta(days=390)}, "since none": {"since": now + timedelta(days=9)},
        "by title": {"sort_by": "title"}, "by count": {"sort_by": "message_count"},
        "by creation": {"sort_by": "created_at"}, "by id": {"sort_by": "thread_id"},
        "vip by title": {"tag": "vip", "sort_by": "title"},
        "owner and tag": {"owner": "owner-7", "tag": "often"}, "agent and gold": {"agent_id": "tutor", "metadata": {"plan": "gold"}},
    }  # fmt: skip
    return {name: median(partial(registry.list, **ask)) for name, ask in asked.items()}


def measures(registry: threads.Registry) -> dict[str, Cost]:
    year = datetime.now(UTC) - timedelta(days=365)
    figures = {
        "tag counts": median(registry.tags),
        "tags of one": median(partial(registry.tags, owner="owner-7")),
    }
    for by in ("day", "agent", "owner", "tag", None):
        figures[f"year by {by}"] = median(partial(registry.stats, by=by, since=year))
    figures["year of owner"] = median(partial(registry.stats, owner="owner-7", since=year))
    figures["unread of 20"] = median(partial(registry.unread, [t.id for t in registry.list()], "alice"))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="fill this file and keep it, or take it as it is")
    asked = parser.parse_args()
    table: dict[str, list[str]] = {}
    sizes = [size for size in (1000, 10_000, 100_000, 1_000_000) if size <= asked.most]
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes if asked.keep is None else sizes[-1:]:
            path = asked.keep or Path(folder) / f"{size}.db"
            if not path.exists():
                fill(path, size)
            with threads.open(path) as registry:
                taken = sorted(
                    (spent(partial(registry.search, text, **rest)), text, rest)
                    for text, rest in searches(Words(2))
                )
                costs = [each[0] for each in taken]
                figures = {f"search {name}": at(costs, share) for name, share in SHOWN.items()}
                if asked.keep:
                    print(*taken[-20:], sep="\n")
                figures |= {f"list {name}": value for name, value in lists(registry).items()} | measures(
                    registry
                )
            table.setdefault("threads", []).append(f"{size:,}")
            table.setdefault("messages", []).append(f"{size * MESSAGES:,}")
            for name, value in figures.items():
                table.setdefault(f"{name}, ms", []).append(f"{value[0]:.2f} / {value[1]:.2f}")
            table.setdefault("file, MB", []).append(f"{path.stat().st_size / 1e6:.0f}")
            if asked.keep is None:
                path.unlink()
    for name, cells in table.items():
        print(f"{name:24}" + "".join(f"{cell:>18}" for cell in cells))


if __name__ == "__main__":
    main()
