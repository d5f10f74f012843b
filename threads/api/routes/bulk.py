"""Many threads at once: search, tags, bulk changes, the trash, what is unread, analytics."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from threads import Hit, Report, Stat, Tag, Thread
from threads.api.dependencies import Admin, Calling, Serving, in_path, owner_for
from threads.api.errors import Refused
from threads.api.routes.threads import narrowed
from threads.api.schemas.queries import WHICH, AnalyticsQuery, ListQuery, SearchQuery, TagsQuery, UnreadQuery
from threads.api.schemas.requests import BulkRequest, TagRequest
from threads.api.schemas.responses import PAGED, Found, answer, page, told

router = APIRouter(tags=["many threads"])


@router.get("/search", response_model=list[Found], responses={200: {"headers": PAGED}, **told()})
def search(server: Serving, caller: Calling, query: Annotated[SearchQuery, Query()]) -> Response:
    """What is found in titles and messages, the best first; see Finding in the README for operators."""
    found = server.registry.search(query.text, **narrowed(caller, query))
    return page(found, count=query.count, of=_hit)


@router.get("/tags", response_model=list[Tag], responses=told())
def list_tags(server: Serving, caller: Calling, query: Annotated[TagsQuery, Query()]) -> Response:
    """The tags, and how many threads have each."""
    found = server.registry.tags(
        agent_id=query.agent_id, owner=owner_for(caller.actor, query.owner),
        archived=WHICH[query.archived], trashed=WHICH[query.trashed],
    )  # fmt: skip
    return answer(found)


@router.put("/tags/{tag}", responses=told(404))
def rename_tag(
    server: Serving, admin: Admin, tag: Annotated[str, Path()], body: TagRequest
) -> dict[str, int]:
    """Call a tag something else on every thread; for admins."""
    changed = server.registry.rename_tag(in_path(tag), body.name)
    if not changed:
        raise Refused(404, "TagNotFound", "no thread has this tag", field="tag")
    return {"changed": changed}


@router.post("/bulk", response_model=Report, responses=told(409))
def bulk(server: Serving, caller: Calling, body: BulkRequest) -> Response:
    """Change many threads, all or none; ids that are not there, or not yours, are `missing`."""
    given = body.model_dump(include=body.model_fields_set - {"ids"})
    verb: Any = "delete" if body.delete or body.trashed else "write"
    mine = server.registry.admitted(caller.actor, body.ids, verb)
    report = server.registry.bulk(mine, **given)
    missing = [id for id in dict.fromkeys(body.ids) if id not in set(mine)]
    return answer(Report(report.changed, report.unchanged, (*report.missing, *missing), report.busy))


@router.get("/trash", response_model=list[Thread], responses={200: {"headers": PAGED}, **told()})
def list_trash(server: Serving, caller: Calling, query: Annotated[ListQuery, Query()]) -> Response:
    """The threads in the trash."""
    asked = {**narrowed(caller, query), "trashed": True, "archived": None}
    found = server.registry.list(**asked, sort_by=query.sort_by, sort_order=query.sort_order)
    return page(found, count=query.count)


@router.delete("/trash", response_model=Report, responses=told(409))
def empty_trash(server: Serving, caller: Calling) -> Response:
    """Erase for good what is in your trash, up to 1,000 threads at once."""
    found = server.registry.list(owner=owner_for(caller.actor, None), trashed=True, archived=None, limit=1000)
    mine = server.registry.admitted(caller.actor, [thread.id for thread in found], "delete")
    return answer(server.registry.bulk(mine, delete=True))


@router.get("/unread", response_model=dict[str, int], responses=told())
def unread(server: Serving, caller: Calling, query: Annotated[UnreadQuery, Query()]) -> Response:
    """How many messages of these threads you have not read; your own and replies that you got are read."""
    mine = server.registry.admitted(caller.actor, query.id, "read")
    return answer(server.registry.unread(mine, caller.reader))


@router.get("/analytics", response_model=list[Stat], responses=told())
def analytics(server: Serving, caller: Calling, query: Annotated[AnalyticsQuery, Query()]) -> Response:
    """How much went on, by day, agent, owner or tag. Days are UTC days."""
    found = server.registry.stats(
        by=None if query.by == "all" else query.by, agent_id=query.agent_id,
        owner=owner_for(caller.actor, query.owner), tag=query.tag, since=query.since, until=query.until,
    )  # fmt: skip
    return answer(found.items)


def _hit(hit: Hit) -> dict[str, Any]:
    return {"thread": hit.thread, "message": hit.message, "snippet": hit.snippet, "matches": hit.matches}
