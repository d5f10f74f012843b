"""The isolation audit, run against the whole server."""

import threading

import httpx
import pytest
from server_helpers import PREFIX, bearer, listening

import threads
from agent import build_agent
from threads.api import Limits, create_app
from threads.chat_models.offline import OfflineChatModel
from threads.isolation import audit

SEEN = (
    "threads?archived=any&trashed=any",
    "search?text=code",
    "events?after=0&follow=false",
    "tags",
    "analytics?by=owner",
)


@pytest.mark.slow
def test_isolation_audit_of_the_http_api_is_clean(tmp_path):
    limits = Limits(per_second=10_000, burst=10_000)
    with (
        threads.open(tmp_path / "threads.db") as registry,
        threads.Runner(registry, build_agent(OfflineChatModel())) as runner,
        listening(create_app(registry, runner, limits=limits)) as url,
        httpx.Client(base_url=f"{url}{PREFIX}", timeout=60) as web,
    ):
        people, lock = {}, threading.Lock()

        def chat(user, text):
            """The reply, and behind it all that this user can see of anything."""
            with lock:
                if user not in people:
                    registry.users.add(user)
                    token = bearer(registry.users.new_token(user))
                    people[user] = token, web.post("/threads", json={}, headers=token).json()["id"]
            token, thread = people[user]
            body = {"message": text, "multitask_strategy": "enqueue"}
            reply = web.post(f"/threads/{thread}/messages", json=body, headers=token)
            assert reply.status_code == 200, reply.text
            return "\n".join(
                [reply.json()["reply"], *(web.get(f"/{path}", headers=token).text for path in SEEN)]
            )

        report = audit(chat, seed=1)
    assert report.verdict == "clean", report
    assert len(people) > 5
