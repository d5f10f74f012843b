"""Keeping order among many threads: tags, changes to many at once, and what is unread."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args

from threads import ids as thread_ids
from threads.errors import InvalidValue
from threads.models import Report, Tag
from threads.registry.threads import Listing
from threads.store import bulk as bulk_changes
from threads.store import threads as thread_table
from threads.store import validation
from threads.store.filters import MOST_AT_ONCE, Filters
from threads.store.protocol import UNSET, Unset

MOST_CHANGED = 10_000


class Organising(Listing):
    """Puts threads in order."""

    def tags(
        self,
        *,
        agent_id: str | None = None,
        owner: str | None = None,
        archived: bool | None = False,
        trashed: bool | None = False,
    ) -> builtins.list[Tag]:
        """The tags of the threads that fit, and how many have each, the most used first; `InvalidValue`."""
        filters = Filters(agent_id=agent_id, owner=owner, archived=archived, trashed=trashed)
        with self._database.read() as connection:
            return bulk_changes.tags(connection, filters)

    def rename_tag(self, old: str, new: str) -> int:
        """Call a tag something else on every thread that has it; how many had it. `InvalidValue`."""
        [before], [after] = validation.checked_tags([old]), validation.checked_tags([new])
        return self._database.write(lambda connection: bulk_changes.rename_tag(connection, before, after))

    def bulk(
        self,
        ids: Sequence[str],
        *,
        tag: Sequence[str] = (),
        untag: Sequence[str] = (),
        pinned: bool | Unset = UNSET,
        archived: bool | Unset = UNSET,
        trashed: bool | Unset = UNSET,
        owner: str | Unset | None = UNSET,
        agent_id: str | Unset | None = UNSET,
        metadata: Mapping[str, Any] | Unset = UNSET,
        delete: bool = False,
    ) -> Report:
        """Change many threads in one transaction: all of it is done, or nothing.

        `tag` and `untag` add and remove tags; `delete` erases, and nothing else can be said with it. An id
        that is not there is reported, not an error, and so is a run in a thread that should go. Raises
        `InvalidValue`.
        """
        chosen = list(dict.fromkeys(map(thread_ids.text_of, _several(ids))))
        given = {
            "pinned": pinned, "archived": archived, "trashed": trashed, "owner": owner,
            "agent_id": agent_id, "metadata": metadata,
        }  # fmt: skip
        changes = _checked(thread_table.given(given), tag, untag, validation.checked_flag("delete", delete))
        return self._change(lambda _: chosen, changes)

    def _change(self, choose: Callable[[Any], Iterable[str]], changes: Mapping[str, Any]) -> Report:
        """Change all that `choose` names, in the transaction that it looks at."""
        changes, delete = {**changes, "now": self._now()}, changes.get("delete", False)

        def work(connection: Any) -> dict[str, bulk_changes.Outcome]:
            return {id: bulk_changes.change(connection, id, changes) for id in choose(connection)}

        if delete:
            self._flush()
        outcomes = self._database.write(work)
        report = {
            name: tuple(id for id, outcome in outcomes.items() if outcome == name)
            for name in get_args(bulk_changes.Outcome)
        }
        if delete:
            self._forget(report["changed"])
        return Report(**report)

    def mark_read(self, id: str, user: str, *, upto: str | None = None) -> int:
        """Note that `user` has read a thread up to message `upto`, or all of it; how many are unread still.

        Never goes back. Raises `ThreadNotFound`, `ThreadTrashed`, `InvalidValue`.
        """
        reader = validation.checked_name("user", user)
        if reader is None:
            raise InvalidValue("user", "it is needed")
        self._refresh([id])

        def work(connection: Any) -> int:
            row = self._visible(thread_table.get(connection, id))
            bulk_changes.mark_read(connection, row["thread_id"], reader, upto)
            return bulk_changes.unread(connection, [row["thread_id"]], reader)[row["thread_id"]]

        return self._database.write(work)

    def unread(self, ids: Sequence[str], user: str) -> dict[str, int]:
        """How many messages of these threads `user` has not read, by id; `InvalidValue`.

        Counted are the messages that a person would count, but for the user's own: user messages are those
        of the thread's owner, or of the local user (`"local user"`) in a thread without an owner. Threads
        that are not there are left out.
        """
        reader = validation.checked_name("user", user)
        if reader is None:
            raise InvalidValue("user", "it is needed")
        if len(_several(ids)) > MOST_AT_ONCE:
            raise InvalidValue("ids", f"at most {MOST_AT_ONCE} can be asked for at once")
        self._refresh(ids)
        with self._database.read() as connection:
            self._adopted(connection)
            return bulk_changes.unread(connection, ids, reader)

    def _refresh(self, ids: Sequence[str]) -> None:
        """Store the projections of these threads now, where they are stale and the file may be written."""
        with self._database.read() as connection:
            stale = bulk_changes.stale_of(connection, ids)
        if stale and not self._database.read_only:
            from threads.store import projection

            projection.refresh(self._database, stale, self._decoder())
            self._database.settle()


def _several(ids: Sequence[str]) -> Sequence[str]:
    if isinstance(ids, str) or not isinstance(ids, Sequence):
        raise InvalidValue("ids", f"a list of ids is needed, not {ids!r}")
    if len(ids) > MOST_CHANGED:
        raise InvalidValue("ids", f"there are {len(ids)}, at most {MOST_CHANGED} are allowed")
    return ids


def _checked(
    given: Mapping[str, Any], tag: Sequence[str], untag: Sequence[str], delete: bool
) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, value in given.items():
        if name in ("owner", "agent_id"):
            changes[name] = validation.checked_name(name, value)
        elif name == "metadata":
            changes[name] = validation.checked_metadata(value)
        else:
            changes[name] = validation.checked_flag(name, value)
    changes |= {"tag": validation.checked_tags(tag), "untag": validation.checked_tags(untag)}
    if delete and (given or changes["tag"] or changes["untag"]):
        raise InvalidValue("delete", "what is erased cannot be changed too")
    return changes | {"delete": delete}
