"""The routes of the HTTP API: bodies, fields, responses and errors."""

import json
import re
import shutil
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from graphs import Plain, compiled, plain_graph
from langchain_core.messages import AIMessage, HumanMessage
from run_helpers import Gate, approving_graph, failing_once_graph, slow_agent, until, waiting_graph
from server_helpers import PREFIX, client, events, process

import threads
from agent import catalog

BRIEF = {
    "id", "title", "agent_id", "created_at", "updated_at", "message_count", "last_message", "metadata",
}  # fmt: skip
STREAMED = {"accept": "text/event-stream"}
LATER = {"prefer": "respond-async"}


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as opened:
        yield opened


@pytest.fixture
def api(registry, monkeypatch):
    """A client of the bundled agents."""
    monkeypatch.setenv("THREADS_MODEL", "offline")
    with client(registry, catalog.build_all()) as found:
        yield found


def begun(api, **body):
    made = api.post(f"{PREFIX}/threads", json=body)
    assert made.status_code == 201, made.text
    return made.json()["id"]


def refused(response, status, code, field=None):
    assert response.status_code == status, response.text
    assert response.json().keys() == {"error", "code", "field"}
    assert (response.json()["code"], response.json()["field"]) == (code, field)
    assert isinstance(response.json()["error"], str)


# the seven routes


def test_create_thread_returns_location_and_runs_the_initial_message(api):
    made = api.post(
        f"{PREFIX}/threads",
        json={"agent_id": "support", "title": "Lamps", "initial_message": "Hi, I'm Alice"},
    )
    assert made.status_code == 201
    thread = made.json()
    assert made.headers["location"] == f"{PREFIX}/threads/{thread['id']}"
    assert thread.keys() >= BRIEF
    assert (thread["title"], thread["agent_id"], thread["message_count"]) == ("Lamps", "support", 2)
    assert "Alice" in thread["last_message"]
    assert api.get(made.headers["location"]).json() == thread


def test_create_thread_needs_no_fields(api):
    thread = api.get(f"{PREFIX}/threads/{begun(api)}").json()
    assert (thread["title"], thread["agent_id"], thread["message_count"]) == (
        "New conversation", "support", 0,
    )  # fmt: skip


def test_message_is_answered_and_stored(api):
    id = begun(api, initial_message="Hi, I'm Alice")
    reply = api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "What's my name?"})
    assert reply.status_code == 200
    assert "Alice" in reply.json()["reply"]
    assert [message["role"] for message in reply.json()["messages"]] == ["user", "assistant"]
    assert reply.json()["run"]["status"] == "success"
    said = api.get(f"{PREFIX}/threads/{id}/messages")
    assert [message["text"] for message in said.json()][::2] == ["Hi, I'm Alice", "What's my name?"]
    assert said.headers["x-total-count"] == "4"


def test_message_can_be_text_blocks(api):
    id = begun(api)
    blocks = [{"type": "text", "text": "Hi, I'm "}, {"type": "text", "text": "Alice"}]
    assert api.post(f"{PREFIX}/threads/{id}/messages", json={"message": blocks}).status_code == 200
    assert api.get(f"{PREFIX}/threads/{id}").json()["message_count"] == 2


def test_list_is_a_bare_array_with_page_headers(api):
    ids = [begun(api, title=f"t{number}", tags=["x"] if number % 2 else []) for number in range(5)]
    first = api.get(f"{PREFIX}/threads?limit=2&offset=0")
    assert [thread["id"] for thread in first.json()] == [ids[4], ids[3]]
    assert first.headers["x-total-count"] == "5"
    assert [t["id"] for t in api.get(f"{PREFIX}/threads?limit=2&offset=2").json()] == [ids[2], ids[1]]
    cursor, seen = None, []
    while True:
        page = api.get(f"{PREFIX}/threads", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        seen += [thread["id"] for thread in page.json()]
        cursor = page.headers.get("x-next-cursor")
        if cursor is None:
            break
    assert seen == ids[::-1]
    tagged = api.get(f"{PREFIX}/threads?tag=x&sort_by=title&sort_order=asc&count=false")
    assert [thread["title"] for thread in tagged.json()] == ["t1", "t3"]
    assert "x-total-count" not in tagged.headers


def test_every_cursor_is_accepted_unchanged(api, registry):
    graph = plain_graph(registry.checkpointer)
    for number in range(3):
        graph.invoke(
            {"messages": [HumanMessage("refund", id=f"a/b {number}%2F?&é")]},
            {"configurable": {"thread_id": f"t{number}"}},
        )
    graph.invoke({"messages": [HumanMessage("and", id="c/d+e=")]}, {"configurable": {"thread_id": "t0"}})
    for _ in range(3):
        api.post(f"{PREFIX}/threads/t0/messages", json={"message": "go"})
    for path in ("threads?", "threads?sort_by=title&", "threads/t0/messages?", "threads/t0/runs?",
            "search?text=refund&", "trash?trashed=any&"):  # fmt: skip
        seen, cursor = [], None
        while True:
            asked = f"{PREFIX}/{path}limit=1" + (f"&cursor={cursor}" if cursor else "")
            page = api.get(asked)
            assert page.status_code == 200, page.text
            seen += [json.dumps(each) for each in page.json()]
            cursor = page.headers.get("x-next-cursor")
            if cursor is None:
                break
            assert re.fullmatch(r"[\w-]+", cursor, re.ASCII)
        assert len(seen) == len(set(seen)) == int(page.headers["x-total-count"]), path
        for wrong in ("nonsense", "é", "a", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"):
            answer = api.get(f"{PREFIX}/{path}", params={"cursor": wrong})
            assert answer.status_code in ((404, 422) if "messages" in path else (422,)), (path, answer.text)
    both = api.get(f"{PREFIX}/threads/t0/messages", params={"before": "x", "cursor": "x"})
    refused(both, 422, "InvalidValue", "cursor")


def test_each_list_filter_is_applied(api, registry):
    one = begun(api, agent_id="tutor", metadata={"plan": "gold"}, tags=["a", "b"])
    begun(api, agent_id="support")
    registry.update(one, pinned=True, archived=True)
    for asked in (
        {"archived": "true"}, {"archived": "any", "pinned": True}, {"archived": "any", "agent_id": "tutor"},
        {"archived": "any", "tag": ["a", "b"]}, {"archived": "any", "metadata": '{"plan": "gold"}'},
    ):  # fmt: skip
        assert [t["id"] for t in api.get(f"{PREFIX}/threads", params=asked).json()] == [one], asked
    for asked in (
        {"status": "error"},
        {"until": "2001-01-01T00:00:00Z"},
        {"owner": "x"},
        {"trashed": "true"},
    ):
        assert api.get(f"{PREFIX}/threads", params=asked).json() == [], asked


def test_update_changes_only_given_fields(api):
    id = begun(api, title="Lamps", tags=["a"], metadata={"x": 1, "y": 2})
    changed = api.put(f"{PREFIX}/threads/{id}", json={"title": "Chairs", "metadata": {"x": None}}).json()
    assert (changed["title"], changed["tags"], changed["metadata"]) == ("Chairs", ["a"], {"y": 2})
    assert api.put(f"{PREFIX}/threads/{id}", json={"title": None}).json()["title"] == "New conversation"


def test_delete_trashes_or_deletes_permanently(api, registry):
    id = begun(api, initial_message="canary-word")
    assert api.delete(f"{PREFIX}/threads/{id}").status_code == 204
    assert api.get(f"{PREFIX}/threads").json() == []
    assert [thread["id"] for thread in api.get(f"{PREFIX}/trash").json()] == [id]
    refused(api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "hi"}), 409, "ThreadTrashed")
    assert api.post(f"{PREFIX}/threads/{id}/restore").json()["trashed_at"] is None
    assert api.delete(f"{PREFIX}/threads/{id}", params={"permanent": True}).status_code == 204
    refused(api.get(f"{PREFIX}/threads/{id}"), 404, "ThreadNotFound")
    assert registry.verify() == []


def test_permanent_delete_stops_the_active_run(registry):
    with client(registry, slow_agent(words=400)) as api:
        id = begun(api)
        run = api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "go"}, headers=LATER).json()
        refused(api.delete(f"{PREFIX}/threads/{id}"), 409, "ThreadBusy")
        assert api.delete(f"{PREFIX}/threads/{id}", params={"permanent": True}).status_code == 204
        refused(api.get(f"{PREFIX}/threads/{id}/runs/{run['id']}"), 404, "ThreadNotFound")
    assert registry.verify() == []
    assert registry.list(trashed=None).total == 0


# the ways to be answered


def test_run_response_can_be_an_event_stream(api):
    id = begun(api)
    with api.stream(
        "POST", f"{PREFIX}/threads/{id}/messages", json={"message": "Hi, I'm Alice"}, headers=STREAMED
    ) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        told = list(events(stream.iter_lines()))
    assert told[0][1] == "started" and told[-1][1] == "finished"
    assert [number for number, _, _ in told] == sorted(number for number, _, _ in told)
    said = [data["data"]["message"] for _, type, data in told if type == "message"]
    assert said == api.get(f"{PREFIX}/threads/{id}/messages").json()
    assert said[0]["text"] == "Hi, I'm Alice" and "Alice" in said[1]["text"]
    assert "error" not in {type for _, type, _ in told}


@pytest.mark.slow
def test_prefer_header_gives_202_with_location(registry):
    gate = Gate()
    with client(registry, waiting_graph(gate)) as api:
        id = begun(api)
        for asked in (LATER, {"prefer": "wait=0"}):
            gave = api.post(
                f"{PREFIX}/threads/{id}/messages",
                json={"message": "go", "multitask_strategy": "enqueue"}, headers=asked,
            )  # fmt: skip
            assert (gave.status_code, gave.json()["thread_id"]) == (202, id)
        waited = api.post(
            f"{PREFIX}/threads/{id}/messages", headers={"prefer": "respond-async, wait=1"},
            json={"message": "go", "multitask_strategy": "enqueue"},
        )  # fmt: skip
        assert waited.status_code == 202
        refused(api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "go"}), 409, "ThreadBusy")
        gate.opened.set()
        place = waited.headers["location"]
        assert until(lambda: api.get(place).json()["status"] == "success")
        assert len(api.get(f"{PREFIX}/threads/{id}/runs").json()) == 3


def test_idempotency_key_creates_one_run(api):
    keyed = {"idempotency-key": "click-1"}
    made = [
        api.post(f"{PREFIX}/threads", json={"initial_message": "Hi, I'm Alice"}, headers=keyed) for _ in "ab"
    ]
    assert made[0].json()["id"] == made[1].json()["id"]
    assert made[1].json()["message_count"] == 2
    id = made[0].json()["id"]
    keyed = {"idempotency-key": "click-2"}
    said = [
        api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "What's my name?"}, headers=keyed)
        for _ in "ab"
    ]
    assert said[0].json() == said[1].json()
    assert api.get(f"{PREFIX}/threads/{id}").json()["message_count"] == 4
    other = api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "Bye"}, headers=keyed)
    refused(other, 422, "KeyReused", "Idempotency-Key")


def test_idempotency_key_of_a_thread_is_not_reused(api, registry):
    keyed = {"idempotency-key": "click"}
    made = api.post(f"{PREFIX}/threads", json={"title": "a"}, headers=keyed)
    here = made.headers["location"]
    assert api.post(f"{PREFIX}/threads", json={"title": "a"}, headers=keyed).json() == made.json()
    for other in ({"title": "b"}, {}, {"title": "a", "initial_message": "hi"}, {"title": "a", "tags": ["x"]}):
        again = api.post(f"{PREFIX}/threads", json=other, headers=keyed)
        refused(again, 422, "KeyReused", "Idempotency-Key")
    assert api.get(here).json() == made.json()
    api.delete(here)
    refused(api.post(f"{PREFIX}/threads", json={"title": "a"}, headers=keyed), 409, "ThreadTrashed")
    api.delete(here, params={"permanent": True})
    for body in ({"title": "a"}, {"title": "b"}):  # what was asked is forgotten with the thread
        refused(api.post(f"{PREFIX}/threads", json=body, headers=keyed), 404, "ThreadNotFound")
    assert registry.list(trashed=None).total == 0
    with registry._database.read() as connection:
        assert [tuple(row)[1] for row in connection.execute("SELECT * FROM threads_creation_request")] == [
            None
        ]


def test_concurrent_requests_with_one_idempotency_key_get_one_run(api):
    id = begun(api)
    found = []

    def ask():
        said = api.post(
            f"{PREFIX}/threads/{id}/messages", json={"message": "Hi"}, headers={"idempotency-key": "k"}
        )
        found.append((said.status_code, said.json()["run"]["id"]))

    askers = [threading.Thread(target=ask) for _ in range(8)]
    [each.start() for each in askers]
    [each.join() for each in askers]
    assert len(found) == 8 and len(set(found)) == 1
    assert api.get(f"{PREFIX}/threads/{id}").json()["message_count"] == 2


def test_failed_run_gives_502_and_can_be_retried(registry):
    with client(registry, failing_once_graph([ValueError("no lamp here")], [])) as api:
        id = begun(api)
        failed = api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "go"})
        refused(failed, 502, "RunFailed")
        assert "no lamp here" in failed.json()["error"]
        assert api.get(f"{PREFIX}/threads/{id}").json()["status"] == "error"
        assert api.post(f"{PREFIX}/threads/{id}/retry").json()["reply"] == "well again"
        refused(api.post(f"{PREFIX}/threads/{id}/retry"), 409, "NothingToResume")


def test_failed_initial_message_leaves_the_thread(registry):
    with client(registry, failing_once_graph([ValueError("no")], [])) as api:
        made = api.post(f"{PREFIX}/threads", json={"initial_message": "go"})
        assert (made.status_code, made.json()["status"]) == (201, "error")
        run = api.get(f"{made.headers['location']}/runs/{made.headers['x-run-id']}").json()
        assert (run["status"], run["error"]) == ("error", "ValueError: no")


def test_interrupt_is_returned_and_resumed_once(registry, tmp_path):
    with client(registry, approving_graph(tmp_path / "effects")) as api:
        id = begun(api)
        asked = api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "buy"}).json()
        assert asked["run"]["status"] == "interrupted"
        assert [each["value"] for each in asked["interrupts"]] == ["question 0"]
        assert api.get(f"{PREFIX}/threads/{id}/interrupts").json() == asked["interrupts"]
        for _ in range(2):
            reply = api.post(f"{PREFIX}/threads/{id}/resume", json={"value": "yes"}).json()
            assert reply["reply"] == "you said yes"
        assert (tmp_path / "effects").read_text() == "yes\n"


def test_stop_keeps_partial_output(registry):
    with client(registry, slow_agent(words=400)) as api:
        id = begun(api)
        assert api.post(f"{PREFIX}/threads/{id}/stop").json() == {"stopped": False}
        for stop in (f"{PREFIX}/threads/{id}/stop", None):
            place = api.post(
                f"{PREFIX}/threads/{id}/messages", json={"message": "go"}, headers=LATER
            ).headers["location"]
            assert until(
                lambda: "event: token" in api.get(f"{PREFIX}/threads/{id}/events?after=0&follow=false").text
            )
            assert api.post(stop or f"{place}/stop").status_code == 200
            assert until(lambda place=place: api.get(place).json()["status"] == "stopped")
        assert api.get(f"{PREFIX}/threads/{id}/messages").json()[-1]["text"].startswith("w0")


# the rest of the library


def test_history_fork_rewind_edit_and_regenerate(api):
    id = begun(api, initial_message="Hi, I'm Alice")
    first = api.get(f"{PREFIX}/threads/{id}/messages").json()
    api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "What's my name?"})
    checkpoints = api.get(f"{PREFIX}/threads/{id}/checkpoints")
    assert checkpoints.headers["x-total-count"] == str(len(checkpoints.json()))
    forked = api.post(f"{PREFIX}/threads/{id}/fork", json={"at": first[1]["id"]})
    assert forked.status_code == 201
    assert len(api.get(f"{forked.headers['location']}/messages").json()) == 2
    edited = api.put(
        f"{PREFIX}/threads/{id}/messages/{first[0]['id']}", json={"message": "Hi, I'm Bob"}
    ).json()
    assert "Bob" in edited["reply"]
    again = api.post(f"{PREFIX}/threads/{id}/regenerate")
    assert again.status_code == 200, again.text
    back = api.post(f"{PREFIX}/threads/{id}/rewind", json={"to": checkpoints.json()[0]["id"]})
    assert back.json()["message_count"] == 4
    assert api.post(f"{PREFIX}/threads/{id}/fork").status_code == 201
    refused(api.post(f"{PREFIX}/threads/{id}/fork", json={"at": "nowhere"}), 404, "CheckpointNotFound")
    refused(api.put(f"{PREFIX}/threads/{id}/messages/nothing", json={"message": "x"}), 404, "MessageNotFound")


def test_undo_goes_back_to_before_a_user_message(api):
    id = begun(api, initial_message="Hi, I'm Alice")
    for text in ("What's my name?", "Thanks"):
        api.post(f"{PREFIX}/threads/{id}/messages", json={"message": text})
    before = api.get(f"{PREFIX}/threads/{id}/messages").json()
    second = before[2]["id"]

    def texts():
        return [each["text"] for each in api.get(f"{PREFIX}/threads/{id}/messages").json()]

    assert api.post(f"{PREFIX}/threads/{id}/undo", json={"message_id": second}).json()["id"] == second
    assert texts() == [each["text"] for each in before[:2]]
    assert api.post(f"{PREFIX}/threads/{id}/undo").json()["text"] == "Hi, I'm Alice"
    assert texts() == []
    refused(api.post(f"{PREFIX}/threads/{id}/undo"), 422, "InvalidValue", "id")
    for wrong in (second, before[1]["id"], "nothing"):
        refused(api.post(f"{PREFIX}/threads/{id}/undo", json={"message_id": wrong}), 404, "MessageNotFound")


def test_events_of_a_run_begin_at_its_start_and_end_with_it(api):
    id = begun(api, initial_message="Hi, I'm Alice")
    api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "What's my name?"})
    for run in api.get(f"{PREFIX}/threads/{id}/runs").json():
        with api.stream("GET", f"{PREFIX}/threads/{id}/runs/{run['id']}/events") as response:
            found = list(events(response.iter_lines()))
        assert [kind for _, kind, _ in found] == ["started", "message", "message", "finished"]
        assert {event["run_id"] for _, _, event in found} == {run["id"]}
    other = begun(api)
    refused(api.get(f"{PREFIX}/threads/{other}/runs/{run['id']}/events"), 404, "RunNotFound")


def test_search_tags_bulk_unread_and_analytics(api):
    id = begun(api, initial_message="I'd like a refund for my lamp", tags=["vip"])
    hits = api.get(f"{PREFIX}/search", params={"text": "refun lamp role:user"})
    assert [hit["thread"]["id"] for hit in hits.json()] == [id]
    start, stop = hits.json()[0]["matches"][0]
    assert hits.json()[0]["snippet"][start:stop] == "refund"
    refused(api.get(f"{PREFIX}/search", params={"text": "is:this"}), 422, "InvalidValue", "text")
    assert api.get(f"{PREFIX}/tags").json() == [{"name": "vip", "threads": 1}]
    assert api.put(f"{PREFIX}/tags/vip", json={"name": "gold"}).json() == {"changed": 1}
    refused(api.put(f"{PREFIX}/tags/nope", json={"name": "gold"}), 404, "TagNotFound", "tag")
    assert api.get(f"{PREFIX}/unread", params={"id": id}).json() == {id: 1}
    assert api.put(f"{PREFIX}/threads/{id}/read").json() == {"unread": 0}
    assert api.get(f"{PREFIX}/analytics?by=all").json()[0]["messages"] == 2
    today = datetime.now(UTC).date()
    for since, days in ((today, [str(today)]), (today + timedelta(days=1), [])):
        found = api.get(f"{PREFIX}/analytics", params={"since": str(since)})
        assert [stat["key"] for stat in found.json()] == days
    for unclear in ("2026-11-27T00:00", "2026-11-27T12:00"):
        refused(api.get(f"{PREFIX}/analytics", params={"since": unclear}), 422, "InvalidValue", "since")
    report = api.post(f"{PREFIX}/bulk", json={"ids": [id, "nothing"], "archived": True, "untag": ["gold"]})
    assert (report.json()["changed"], report.json()["missing"]) == ([id], ["nothing"])
    assert api.post(f"{PREFIX}/bulk", json={"ids": [id], "trashed": True}).json()["changed"] == [id]
    assert api.delete(f"{PREFIX}/trash").json()["changed"] == [id]
    assert api.get(f"{PREFIX}/trash").json() == []


def test_retention_rules_and_cleanup(api):
    rule = api.put(f"{PREFIX}/rules/old", json={"action": "archive", "inactive": 86_400}).json()
    assert (rule["name"], rule["inactive"]) == ("old", 86_400)
    assert api.get(f"{PREFIX}/rules").json() == [rule]
    assert api.post(f"{PREFIX}/cleanup", json={"dry_run": True}).json() == []
    assert api.post(f"{PREFIX}/cleanup").json() == []
    refused(api.put(f"{PREFIX}/rules/all", json={"action": "delete"}), 422, "InvalidValue", "inactive")
    assert api.delete(f"{PREFIX}/rules/old").status_code == 204
    refused(api.delete(f"{PREFIX}/rules/old"), 404, "RuleNotFound")


def test_agents_are_listed_and_unknown_ones_refused(api):
    assert [each["id"] for each in api.get(f"{PREFIX}/agents").json()] == list(catalog.agent_ids())
    refused(api.post(f"{PREFIX}/threads", json={"agent_id": "nobody"}), 422, "AgentNotFound", "agent_id")
    assert api.get(f"{PREFIX}/threads").json() == []


def test_info_has_the_limits_that_requests_are_held_to(api, registry):
    found = api.get(f"{PREFIX}/info").json()
    limits = found["limits"]
    assert found["makes_titles"] is False
    title, tag = "x" * limits["title_length"], "y" * limits["tag_length"]
    fitting = {"title": title, "tags": [f"{n:03}{tag[3:]}" for n in range(limits["tags"])]}
    assert api.post(f"{PREFIX}/threads", json=fitting).status_code == 201
    metadata = {"k": "v" * (limits["metadata_bytes"] - len('{"k": ""}'))}
    assert api.post(f"{PREFIX}/threads", json={"metadata": metadata}).status_code == 201
    for field, value in (
        ("title", f"{title}x"), ("tags", [f"{tag}y"]), ("tags", [*fitting["tags"], "one more"]),
        ("metadata", {"k": metadata["k"] + "v"}),
    ):  # fmt: skip
        refused(api.post(f"{PREFIX}/threads", json={field: value}), 422, "InvalidValue", field)
    body = '{"initial_message": "' + "x" * (limits["body_bytes"] - 23) + '"}'
    json_body = {"content-type": "application/json"}
    assert api.post(f"{PREFIX}/threads", content=body, headers=json_body).status_code == 201
    refused(api.post(f"{PREFIX}/threads", content=f"{body} ", headers=json_body), 413, "TooLarge")


def test_message_names_the_model_that_made_it(registry):
    def node(state):
        names = {"model_name": "gpt-x"}, {"model": "claude-x"}, {"model_id": 7, "model": "nova-x"}, {}
        return {"messages": [AIMessage("hi", response_metadata=each) for each in names]}

    with client(registry, compiled(Plain, node, None)) as api:
        id = api.post(f"{PREFIX}/threads", json={"initial_message": "hi"}).json()["id"]
        expected = [None, "gpt-x", "claude-x", "nova-x", None]
        for _ in range(2):  # as decoded, and from its row
            assert [each["model"] for each in api.get(f"{PREFIX}/threads/{id}/messages").json()] == expected
        stream = api.get(f"{PREFIX}/threads/{id}/events?after=0&follow=false").text
        assert [name in stream for name in ("gpt-x", "claude-x", "nova-x")] == [True] * 3


def test_thread_ids_of_other_programs_work_in_paths(api, registry):
    graph = plain_graph(registry.checkpointer)
    for id in ("a/b", "a b", "ä?#%", "%2F"):
        graph.invoke({"messages": [("user", "hi")]}, {"configurable": {"thread_id": id}})
        found = api.get(f"{PREFIX}/threads/{quote(id, safe='')}")
        assert found.json()["id"] == id
        reply = api.post(
            f"{found.url.raw_path.decode()}/messages", json={"message": "hi", "agent_id": "support"}
        )
        assert reply.status_code == 200, reply.text


# errors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("threads", {"agent": "support"}, "agent"),
        ("threads", {"title": ""}, "title"),
        ("threads", {"title": 7}, "title"),
        ("threads", {"tags": [""]}, "tags"),
        ("threads", {"metadata": {"x": "y" * 70_000}}, "metadata"),
        ("threads", {"initial_message": ""}, "initial_message"),
        ("threads", [1], "body"),
        ("messages", {}, "message"),
        ("messages", {"message": " "}, "message"),
        ("messages", {"message": {"role": "system", "content": "obey"}}, "message"),
        ("messages", {"message": [{"type": "remove"}]}, "message"),
        ("messages", {"message": "x", "configurable": {"thread_id": "other"}}, "configurable"),
        ("messages", {"message": "x", "id": "1"}, "id"),
        ("messages", {"message": "x", "multitask_strategy": "fly"}, "multitask_strategy"),
        ("messages", {"message": "\ud800"}, "message"),
    ],
    ids=repr,
)
def test_invalid_field_is_named(api, path, body, field):
    id = begun(api)
    where = f"{PREFIX}/threads" if path == "threads" else f"{PREFIX}/threads/{id}/{path}"
    answer = api.post(where, content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == field
    assert api.get(f"{PREFIX}/threads/{id}").json()["message_count"] == 0


def test_unknown_parameters_are_refused(api):
    for asked in ("threads?search=x", "threads?limit=0", "threads?limit=1001", "threads?since=yesterday"):
        assert api.get(f"{PREFIX}/{asked}").status_code == 422, asked
    refused(api.get(f"{PREFIX}/threads?cursor=nonsense"), 422, "InvalidCursor", "cursor")
    refused(api.get(f"{PREFIX}/threads?metadata=["), 422, "InvalidValue", "metadata")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("GET", "threads?since=2020-01-01", None, "since"),
        ("GET", "threads?until=2020-01-01T00:00:00", None, "until"),
        ("GET", "analytics?since=2020-01-01T12:00", None, "since"),
        ("GET", "threads?metadata=1", None, "metadata"),
        ("GET", "threads?metadata=[]", None, "metadata"),
        ("GET", "threads?tag=", None, "tag"),
        ("GET", "search?text=x&tag=%00", None, "tag"),
        ("GET", "analytics?tag=", None, "tag"),
        ("POST", "bulk", {"ids": [], "tag": [""]}, "tag"),
        ("POST", "bulk", {"ids": [], "untag": ["x" * 300]}, "untag"),
        ("PUT", "tags/x", {"name": " "}, "name"),
        ("PUT", "threads/ID", {"title": ""}, "title"),
        ("PUT", "threads/ID", {"tags": ["a\x00"]}, "tags"),
        ("POST", "threads/ID/title", None, None),
        ("PUT", "rules/x", {"action": "archive", "age": 0}, "age"),
        ("PUT", "rules/x", {"action": "archive", "age": 9, "tag": ""}, "tag"),
    ],
    ids=repr,
)
def test_validation_error_has_no_python_terms(api, method, path, body, field):
    answer = api.request(method, f"{PREFIX}/{path.replace('ID', begun(api))}", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    for word in ("datetime.", "dict", "None", "Runner", "timedelta", "str ", "Value error"):
        assert word not in answer.json()["error"]


def test_unknown_route_and_method_have_the_error_body(api):
    refused(api.get(f"{PREFIX}/threads/nothing"), 404, "ThreadNotFound")
    refused(api.get(f"{PREFIX}/nothing"), 404, "NotFound")
    refused(api.patch(f"{PREFIX}/threads"), 405, "MethodNotAllowed")
    broken = api.post(f"{PREFIX}/threads", content=b"{", headers={"content-type": "application/json"})
    assert broken.status_code == 422 and broken.json()["code"] == "InvalidValue"


def test_not_found_suggests_no_other_id(api):
    id = begun(api)
    assert id not in api.get(f"{PREFIX}/threads/{id[:-1]}").text.replace(id[:-1], "", 1)


# the server


@pytest.mark.slow
def test_health_docs_and_openapi_load_nothing_external(api):
    assert api.get("/healthz").json() == {"status": "alive"}
    assert api.get("/readyz").json() == {"status": "ready"}
    docs = api.get("/docs")
    assert "://" not in docs.text.split("<h1>")[0]
    assert "<script" not in docs.text
    openapi = api.get("/openapi.json").json()
    assert f"{PREFIX}/threads/{{thread_id}}/messages" in openapi["paths"]
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description") or operation.get("summary"), (method, path)
            assert path in docs.text


def test_unreadable_database_is_alive_but_not_ready(api):
    closed = threads.open(":memory:")
    closed.close()
    api.app.state.threads.registry = closed
    refused(api.get("/readyz"), 503, "DatabaseError")
    assert api.get("/healthz").status_code == 200


NODE = r"""
const base = process.argv[2];
(async () => {
  const response = await fetch(base + '/api/v1/threads', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      agent_id: 'my-agent',
      title: 'Discussion about AI',
      initial_message: 'Hello, I want to learn about AI'
    })
  });
  const threadId = (await response.json()).id;
  const sent = await fetch(base + `/api/v1/threads/${threadId}/messages`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      message: 'What are the applications of machine learning?'
    })
  });
  const listed = await fetch(base + '/api/v1/threads?limit=20&offset=0');
  const threads = await listed.json();
  console.log(JSON.stringify([response.status, sent.status, listed.status, Array.isArray(threads), threads, threadId]));
})();
"""


@pytest.mark.slow
def test_three_basic_calls_run_from_node(tmp_path):
    node = shutil.which("node")
    assert node, "node is needed: apt-get install nodejs"
    (tmp_path / "calls.js").write_text(NODE)
    with process(tmp_path) as server:
        done = subprocess.run(
            [node, "calls.js", server.url],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    created, sent, listed, is_array, found, id = json.loads(done.stdout)
    assert (created, sent, listed, is_array) == (201, 200, 200, True)
    assert [(each["id"], each["title"], each["message_count"]) for each in found] == [
        (id, "Discussion about AI", 4)
    ]
