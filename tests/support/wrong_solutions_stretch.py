"""Wrong solutions of the stretch goals."""

from __future__ import annotations

from mistakes import Mistake

MISTAKES: dict[str, Mistake] = {
    "stretch: threads for ids": Mistake(4, "wrong-kind", (("registry.trash(thread.id).id for", "registry.trash(thread.id) for"),), "stretch"),
    "stretch: one page": Mistake(1, "not-all", (("    while page.next_cursor:", "    while False:"),), "stretch"),
    "stretch: turned round": Mistake(1, "wrong-order", (("    return found\n", "    return found[::-1]\n"),), "stretch"),
    "stretch: everybody's threads": Mistake(1, "strangers", (("    return pages(registry, metadata=wanted)", "    return pages(registry)"),), "stretch"),
    "stretch: conditions for the first page only": Mistake(1, "strangers", (("    page = registry.list(limit=100, **conditions)", "    page = registry.list(limit=10, **conditions)"), ("cursor=page.next_cursor, **conditions)", "cursor=page.next_cursor)")), "stretch"),
    "stretch: an id from the name": Mistake(2, "old-thread", (('registry.create(metadata={"customer": customer})', 'registry.create(id=customer, metadata={"customer": customer}, if_exists="do_nothing")'),), "stretch"),
    "stretch: an id from the name, refused": Mistake(2, "old-thread", (('registry.create(metadata={"customer": customer})', 'registry.create(id=customer, metadata={"customer": customer})'),), "stretch"),
    "stretch: no customer": Mistake(2, "no-customer", (('registry.create(metadata={"customer": customer})', "registry.create()"),), "stretch"),
    "stretch: notes replaced": Mistake(3, "notes-lost", (("metadata=facts)", "metadata={**dict.fromkeys(registry.get(thread_id).metadata), **facts})"),), "stretch"),
    "stretch: times written down": Mistake(3, "noted-too-much", (("    thread = registry.update(thread_id, metadata=facts)\n", "    old = registry.get(thread_id)\n    facts |= {'created_at': old.created_at.isoformat(), 'last_active': old.updated_at.isoformat(), 'message_count': 0}\n    thread = registry.update(thread_id, metadata=facts)\n"),), "stretch"),
    "stretch: half a card": Mistake(3, "card-incomplete", (('        "last_active": thread.updated_at,\n', ""),), "stretch"),
    "stretch: pinned ones, too": Mistake(4, "cleaned-too-much", (("until=before, pinned=False", "until=before"),), "stretch"),
    "stretch: by the day they were begun": Mistake(4, "cleaned-by-age", (("    forgotten = pages(registry, until=before, pinned=False)\n", "    forgotten = [t for t in pages(registry, pinned=False) if t.created_at < before]\n"),), "stretch"),
    "stretch: the moment itself, too": Mistake(4, "cleaned-too-much", (("thread.trashed_at < before", "thread.trashed_at <= before"),), "stretch"),
    "stretch: the first in the trash left behind": Mistake(4, "cleaned-too-little", (("for thread in pages(registry, trashed=True)", "for thread in pages(registry, trashed=True)[1:]"),), "stretch"),
    "stretch: new ones, too": Mistake(4, "cleaned-too-much", (("until=before, pinned=False", "pinned=False"),), "stretch"),
    "stretch: erased at once": Mistake(4, "erased-at-once", (("[registry.trash(thread.id).id for thread in forgotten]", "[registry.delete(thread.id) or thread.id for thread in forgotten]"),), "stretch"),
    "stretch: one page of old ones": Mistake(4, "cleaned-too-little", (("forgotten = pages(registry, until=before, pinned=False)", "forgotten = registry.list(until=before, pinned=False)"),), "stretch"),
    "stretch: pages that move": Mistake(4, "cleaned-too-little", (("    forgotten = pages(registry, until=before, pinned=False)\n    return [registry.trash(thread.id).id for thread in forgotten]", "    gone = []\n    for offset in (0, 50, 100):\n        gone += [registry.trash(t.id).id for t in registry.list(until=before, pinned=False, limit=50, offset=offset)]\n    return gone"),), "stretch"),
    "stretch: nothing told": Mistake(4, "returns-nothing", (("    return [registry.trash(thread.id).id for thread in forgotten]", "    [registry.trash(thread.id).id for thread in forgotten]"),), "stretch"),
    "stretch: what was thrown away just now, too": Mistake(4, "cleaned-too-much", (("thread.trashed_at is not None and thread.trashed_at < before", "True"),), "stretch"),
    "stretch: restored for erased": Mistake(4, "restored", (("        registry.delete(thread_id)", "        registry.restore(thread_id)"),), "stretch"),
}  # fmt: skip
