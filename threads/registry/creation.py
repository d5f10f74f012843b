"""Threads that requests with a key begin: however often such a request comes, it is done once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from threads import ids
from threads.db.queries import statements
from threads.errors import KeyReused, ThreadNotFound
from threads.models import Thread
from threads.registry.threads import Listing


class Beginning(Listing):
    """Begins threads once."""

    def begin_once(
        self,
        id: str,
        *,
        key: str,
        asked: str,
        title: str | None = None,
        agent_id: str | None = None,
        owner: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
    ) -> Thread:
        """The thread that this request begins, or began: the same for the same, whatever became of it since.

        `id` follows from the key and from whose it is; `asked`, kept as a hash as long as the thread is
        there, tells the request from others. Raises `KeyReused` for another request with the key, and
        `ThreadNotFound` where the thread was deleted since.
        """
        thread_id, digest = ids.check_new(id), hashlib.sha256(asked.encode()).digest()
        found = {"thread_id": thread_id, "digest": digest}
        with self._database.read() as connection:
            begun = connection.execute(statements("access")["begun"], found).fetchone()
        if begun is None:
            self.create(
                id=thread_id, title=title, agent_id=agent_id, owner=owner, metadata=metadata, tags=tags,
                if_exists="do_nothing",
            )  # fmt: skip
            begun = self._database.write(lambda connection: _noted(connection, found))
        if begun["digest"] is None:
            raise ThreadNotFound(thread_id)
        if begun["digest"] != digest:
            raise KeyReused(thread_id, key)
        return self.get(thread_id)


def _noted(connection: Any, found: dict[str, Any]) -> Any:
    connection.execute(statements("access")["note_begun"], found)
    return connection.execute(statements("access")["begun"], found).fetchone()
