"""Unread counts over HTTP: own messages and delivered replies are read."""

import httpx
import pytest
from graphs import Plain, compiled, echo, plain_graph
from run_helpers import Gate, approving_graph, until
from server_helpers import PREFIX, bearer, client, events, listening

import threads
from threads.api import create_app

STREAMED = {"accept": "text/event-stream"}
LATER = {"prefer": "respond-async"}


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as opened:
        opened.users.add("alice")
        opened.users.add("boss", admin=True)
        yield opened


@pytest.fixture
def conversation(registry, tmp_path):
    """A thread of Alice on a server, and requests of Alice and an admin."""
    agents = {"echo": plain_graph(None), "asking": approving_graph(tmp_path / "effects")}
    with client(registry, agents) as api:
        yield Conversation(api, registry)


class Conversation:
    def __init__(self, api, registry):
        self.api, self.registry = api, registry
        self.users = {name: bearer(registry.users.new_token(name)) for name in ("alice", "boss")}
        made = api.post(f"{PREFIX}/threads", json={}, headers=self.users["alice"])
        self.thread = made.json()["id"]

    def ask(self, name, method, path, json=None, **headers):
        answer = self.api.request(
            method,
            f"{PREFIX}/threads/{self.thread}/{path}",
            json=json,
            headers={**self.users[name], **headers},
        )
        assert answer.status_code < 300, answer.text
        return answer

    def send(self, name, text, **headers):
        return self.ask(name, "POST", "messages", {"message": text}, **headers)

    def unread(self, name):
        params = {"id": self.thread}
        answer = self.api.get(f"{PREFIX}/unread", params=params, headers=self.users[name])
        return answer.json()[self.thread]


def test_delivered_reply_is_read(conversation):
    conversation.send("alice", "one")
    assert conversation.unread("alice") == 0
    assert conversation.unread("boss") == 2
    assert (
        list(events(iter(conversation.send("alice", "two", **STREAMED).text.splitlines())))[-1][1]
        == "finished"
    )
    assert conversation.unread("alice") == 0
    conversation.ask("alice", "POST", "regenerate", {})
    assert conversation.unread("alice") == 0


def test_later_messages_of_others_are_unread(conversation):
    conversation.send("alice", "one")
    conversation.send("boss", "two")
    assert (conversation.unread("boss"), conversation.unread("alice")) == (0, 1)
    assert conversation.ask("alice", "PUT", "read", {}).json() == {"unread": 0}


@pytest.mark.parametrize("prefer", ["respond-async", "wait=0"])
def test_reply_behind_202_is_unread(conversation, prefer):
    conversation.send("alice", "one")
    assert conversation.send("alice", "two", prefer=prefer).status_code == 202
    until(lambda: conversation.registry.runs(conversation.thread)[0].status == "success")
    assert conversation.unread("alice") == 1
    conversation.send("alice", "three")  # who is given the reply to a later message has read up to there
    assert conversation.unread("alice") == 0


def test_reply_delivered_by_its_idempotency_key_is_read(conversation):
    key = {"idempotency-key": "once"}
    conversation.send("alice", "one", **LATER, **key)
    until(lambda: conversation.registry.runs(conversation.thread)[0].status == "success")
    assert conversation.unread("alice") == 1
    assert conversation.send("alice", "one", **key).json()["reply"] == "re: one"
    assert conversation.unread("alice") == 0


def test_reply_marks_only_messages_of_its_own_run_as_read(registry):
    gate = Gate()

    def node(state):
        if "slow" in state["messages"][-1].text:
            gate.wait()
        return echo(state)

    with client(registry, {"echo": compiled(Plain, node, None)}) as api:
        conversation = Conversation(api, registry)
        conversation.send("alice", "slow", **LATER)
        assert gate.reached.wait(20)
        run = registry.runs(conversation.thread)[0]
        conversation.ask(
            "boss", "POST", "messages", {"message": "behind", "multitask_strategy": "enqueue"}, **LATER
        )
        gate.opened.set()
        until(lambda: registry.runs(conversation.thread)[0].status == "success")
        assert conversation.unread("alice") == 2
        api.app.state.threads.runner.run(run.id).mark_read("alice")
        assert conversation.unread("alice") == 1


def test_unread_counts_for_the_local_user_without_users(tmp_path):
    with threads.open(tmp_path / "local.db") as registry, client(registry, plain_graph(None)) as api:
        id = api.post(f"{PREFIX}/threads", json={"initial_message": "one"}).json()["id"]
        assert api.get(f"{PREFIX}/unread", params={"id": id}).json() == {id: 1}  # only its thread was shown
        api.post(f"{PREFIX}/threads/{id}/messages", json={"message": "two"})
        assert api.get(f"{PREFIX}/unread", params={"id": id}).json() == {id: 0}
        assert registry.unread([id], "carol") == {id: 4}


@pytest.mark.slow
@pytest.mark.parametrize("headers", [{}, STREAMED], ids=["json", "stream"])
def test_reply_to_a_disconnected_client_is_unread(tmp_path, headers):
    gate = Gate()

    def node(state):
        gate.wait()
        return echo(state)

    with (
        threads.open(tmp_path / "local.db") as registry,
        threads.Runner(registry, {"echo": compiled(Plain, node, None)}) as runner,
        listening(create_app(registry, runner)) as url,
    ):
        registry.create(id="a")
        with httpx.Client(base_url=url) as leaving:
            with pytest.raises(httpx.ReadTimeout):
                leaving.post(
                    f"{PREFIX}/threads/a/messages", json={"message": "one"}, headers=headers, timeout=1
                )
            assert gate.reached.wait(20)
        httpx.get(
            f"{url}/healthz", timeout=60
        ).raise_for_status()  # the server has seen by now that the first one left
        gate.opened.set()
        until(lambda: registry.runs("a")[0].status == "success")
        unread = httpx.get(f"{url}{PREFIX}/unread", params={"id": "a"}, timeout=60).json()
        assert unread == {"a": 1}


def test_delivered_interrupt_is_read(conversation):
    conversation.registry.update(conversation.thread, agent_id="asking")
    assert conversation.send("alice", "buy").json()["interrupts"]
    assert conversation.unread("alice") == 0
    conversation.ask("alice", "POST", "resume", {"value": "yes"})
    assert conversation.unread("alice") == 0


def test_unread_counts_no_thread_of_another_user(conversation, registry):
    conversation.send("alice", "one")
    registry.users.add("bob")
    bob = bearer(registry.users.new_token("bob"))
    answer = conversation.api.get(f"{PREFIX}/unread", params={"id": conversation.thread}, headers=bob)
    assert (answer.status_code, answer.json()) == (200, {})
