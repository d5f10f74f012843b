"""Agents that shorten their conversation: what is shown, counted, found, and whose turn it is."""

import json

import pytest
from click.testing import CliRunner
from graphs import config, stock_saver
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, SystemMessage
from run_helpers import texts
from server_helpers import PREFIX, client
from summarizing_agents import SUMMARY, summarizing_agent, trimming_agent, window_agent

import threads
from threads.checkpoint.message_conversion import StoredWith, to_message
from threads.cli.group import threads as group
from threads.search import index

TURNS = 5
SHOWN = [
    ("system", SUMMARY),
    ("assistant", "re: question 4"),
    ("user", "question 5"),
    ("assistant", "re: question 5"),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "threads.db"


@pytest.fixture
def registry(path):
    with threads.open(path) as opened:
        yield opened


def invoke(graph, count=TURNS, start=1, id="a"):
    for number in range(start, start + count):
        graph.invoke({"messages": [HumanMessage(f"question {number}")]}, config(id))


def by_invoke(path):
    with threads.open(path) as registry:
        invoke(summarizing_agent(registry.checkpointer))


def by_stock_saver(path):
    invoke(summarizing_agent(stock_saver(path)))


def by_runner(path):
    with threads.open(path) as registry, threads.Runner(registry, summarizing_agent()) as runner:
        for number in range(1, TURNS + 1):
            runner.start("a", f"question {number}", if_not_exists="create").result(30)


def by_command(path):
    call(path, "new", "--id", "a")
    for number in range(1, TURNS + 1):
        call(path, "send", "a", f"question {number}", "--agents", "summarizing_agents:GRAPHS")


def by_http(path):
    with threads.open(path) as registry, client(registry, summarizing_agent()) as api:
        id = api.post(f"{PREFIX}/threads", json={}).json()["id"]
        for number in range(1, TURNS + 1):
            body = {"message": f"question {number}"}
            api.post(f"{PREFIX}/threads/{id}/messages", json=body).raise_for_status()


def call(path, *words):
    result = CliRunner().invoke(group, [*words, "--db", str(path)])
    assert result.exit_code == 0, (result.stdout, result.stderr, result.exception)
    return result.stdout


@pytest.mark.parametrize("write", [by_invoke, by_stock_saver, by_runner, by_command, by_http])
def test_a_summary_is_no_message_of_the_user(path, write):
    write(path)
    with threads.open(path) as registry:
        thread = registry.list()[0]
        assert (thread.title, thread.message_count) == ("question 1", 3)
        assert thread.last_message == "re: question 5"
        messages = registry.messages(thread.id).items
        assert [
            (message.role, message.text.rpartition(" ")[0] if message.source else message.text)
            for message in messages
        ] == SHOWN
        assert [message.source for message in messages] == ["summarization", None, None, None]
        assert [message.label for message in messages] == ["summary", "assistant", "user", "assistant"]
        assert registry.search("recap role:user").total == 0
        assert registry.search("recap").total == 1  # the summary in view, none that it replaced
        for number in range(1, TURNS + 1):
            assert registry.search(f'"question {number}"').total == 2
        assert registry.verify() == []


def test_interfaces_show_a_summary_as_one(path):
    by_invoke(path)
    lines = [line.split("\t")[1:3] for line in call(path, "show", "a").splitlines() if "recap" in line]
    [(role, text)] = lines
    assert (role, text.rpartition(" ")[0]) == ("summary", SUMMARY.replace("\n", "\\n"))
    shown = json.loads(call(path, "show", "a", "--json"))["messages"]
    assert [(each["role"], each["source"]) for each in shown][:2] == [
        ("system", "summarization"), ("assistant", None),
    ]  # fmt: skip
    with threads.open(path) as registry, client(registry, summarizing_agent()) as api:
        answer = api.get(f"{PREFIX}/threads/a/messages").json()
        assert [(each["role"], each["source"]) for each in answer][:2] == [
            ("system", "summarization"), ("assistant", None),
        ]  # fmt: skip
        assert "summary" in registry.messages("a")[0]._repr_mimebundle_()["text/html"]


def test_only_new_messages_are_unread_while_old_ones_are_summarized(registry):
    graph = summarizing_agent(registry.checkpointer)
    for number in range(1, TURNS + 3):
        invoke(graph, 1, number)
        assert registry.unread(["a"], "bob") == {"a": 2}
        registry.mark_read("a", "bob")
        assert registry.unread(["a"], "bob") == {"a": 0}


def test_a_trimmed_message_is_read_at_the_checkpoint_that_held_it(registry, path):
    invoke(summarizing_agent(registry.checkpointer))
    [hit] = [each for each in registry.search("question 1") if each.message.role == "user"]
    found = registry.messages("a", at=hit.message.id).items
    assert found[0].id == hit.message.id and found[-1].text == "question 3"
    held = [each.id for each in registry.history("a") if registry.messages("a", at=each.id).items == found]
    assert len(held) == 1
    with pytest.raises(threads.CheckpointNotFound):
        registry.messages("a", at="elsewhere")
    shown = json.loads(call(path, "show", "a", "--at", hit.message.id, "--json"))["messages"]
    assert [each["id"] for each in shown] == [each.id for each in found]
    with client(registry, summarizing_agent()) as api:
        answer = api.get(f"{PREFIX}/threads/a/messages", params={"at": hit.message.id})
        assert [each["id"] for each in answer.json()] == [each.id for each in found]


def test_undo_takes_the_turn_and_not_the_summary(registry):
    with threads.Runner(registry, summarizing_agent()) as runner:
        for number in range(1, TURNS + 1):
            runner.start("a", f"question {number}", if_not_exists="create").result(30)
    assert registry.undo("a").text == "question 5"
    assert [message.text for message in registry.messages("a")][-2:] == ["question 4", "re: question 4"]
    assert registry.search('"question 5"').total == 0
    assert registry.undo("a").text == "question 4"
    assert registry.get("a").title == "question 1"
    assert registry.verify() == []


def test_regenerate_and_edit_concern_the_users_own_message(registry):
    with threads.Runner(registry, summarizing_agent()) as runner:
        for number in range(1, TURNS + 1):
            runner.start("a", f"question {number}", if_not_exists="create").result(30)
        runner.regenerate("a").result(30)
        assert texts(registry, "a")[-2:] == ["question 5", "re: question 5"]
        summary = registry.messages("a")[0]
        with pytest.raises(threads.MessageNotFound):
            runner.edit("a", summary.id, "mine")
        runner.edit("a", registry.messages("a")[-2].id, "another").result(30)
        assert texts(registry, "a")[-2:] == ["another", "re: another"]
        assert registry.get("a").title == "question 1"
        assert registry.search('"question 5"').total == 0
        assert registry.verify() == []


@pytest.mark.parametrize("make", [trimming_agent, window_agent])
def test_what_a_node_or_a_reducer_trims_is_found(registry, make):
    graph = make(registry.checkpointer)
    for number in range(1, TURNS + 1):
        invoke(graph, 1, number)
        assert registry.get("a").title == "question 1"
    assert registry.get("a").message_count == len(registry.messages("a")) < 2 * TURNS
    assert registry.search('"question 1"').total == 2
    assert registry.search("question").total == 2 * TURNS
    assert registry.verify() == []


def test_trimmed_messages_are_found_without_the_rows_of_before(registry):
    graph = trimming_agent(registry.checkpointer)
    invoke(graph)
    found = registry.search("question").total
    assert found == 2 * TURNS
    read_anew(registry)
    assert registry.search("question").total == found
    assert registry.get("a").title == "question 1"


def test_trimmed_messages_are_found_in_the_oldest_checkpoint_of_a_pruned_history(registry):
    invoke(trimming_agent(registry.checkpointer))
    registry.prune(["a"], keep=5)
    oldest = registry.history("a").items[-1].id
    read_anew(registry)
    for message in [*registry.messages("a", at=oldest), *registry.messages("a")]:
        assert message.id in {hit.message.id for hit in registry.search("question", limit=100)}
    assert registry.verify() == []


def read_anew(registry):
    """Empty the index, as after a repair."""
    registry._database.write(index.rebuild)


@pytest.mark.parametrize("remove", ["update_state", "invoke"])
@pytest.mark.parametrize("listed", [True, False])
def test_what_an_application_deletes_is_gone(registry, remove, listed):
    graph = trimming_agent(registry.checkpointer)
    invoke(graph, 1)
    first = registry.messages("a")[0]
    if listed:
        registry.list()
    messages = [RemoveMessage(first.id)]
    if remove == "update_state":
        graph.update_state(config("a"), {"messages": messages})
    else:
        graph.invoke({"messages": [*messages, HumanMessage("question 1b")]}, config("a"))
    invoke(graph, 3, start=2)
    assert registry.search('"question 1"').total == 1  # the answer repeats it
    assert registry.get("a").title == ("question 2" if remove == "update_state" else "question 1b")
    assert registry.verify() == []


def test_pruning_keeps_the_title_and_deletes_trimmed_text(registry):
    graph = trimming_agent(registry.checkpointer)
    invoke(graph)
    assert registry.search('"question 1"').total == 2
    registry.prune(["a"])
    assert registry.search('"question 1"').total == 0
    assert registry.get("a").title == "question 1"
    invoke(graph, 3, start=TURNS + 1)
    assert registry.get("a").title == "question 1"
    assert registry.search('"question 6"').total == 2
    assert registry.verify() == []
    registry.repair()
    assert registry.get("a").title == "question 1"


@pytest.mark.parametrize(
    ("message", "role", "source"),
    [
        (HumanMessage("hi"), "user", None),
        (HumanMessage("hi", name="alice"), "user", None),
        (HumanMessage("hi", additional_kwargs={"lc_source": ""}), "user", None),
        (HumanMessage("hi", additional_kwargs={"lc_source": 3}), "user", None),
        (HumanMessage("s", additional_kwargs={"lc_source": "summarization"}), "system", "summarization"),
        (HumanMessage("s", additional_kwargs={"lc_source": "pinned_skill"}), "system", "pinned_skill"),
        (HumanMessage("s", additional_kwargs={"read_file_media_result": True}), "system", "read_file"),
        (HumanMessage("s", name="nemotron_progress_budget"), "system", "nemotron_progress_budget"),
        (SystemMessage("s", additional_kwargs={"lc_source": "summarization"}), "system", "summarization"),
        (AIMessage("a", additional_kwargs={"lc_source": "summarization"}), "assistant", None),
    ],
)
def test_a_message_marked_by_middleware_is_not_the_users(message, role, source):
    found = to_message(message, StoredWith())
    assert (found.role, found.source) == (role, source)
