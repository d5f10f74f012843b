"""Names, descriptions and starters of agents: from a graph's config, from `langgraph.json`, by HTTP."""

import json

import pytest
from graphs import config, plain_graph, stock_saver
from server_helpers import PREFIX, client

import threads
from agent import catalog
from threads import AgentInfo, assistant
from threads.chat_models.offline import OfflineChatModel

CARD = {"name": "Support", "description": "Looks up orders.", "starters": ["Where is order 1001?", "Hi"]}


def described(card, saver=None):
    return plain_graph(saver).with_config(metadata={"agent_card": card, "team": "b"})


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as opened:
        yield opened


def infos(registry, agents):
    with threads.Runner(registry, agents) as runner:
        return runner.agents


def test_agent_card_of_a_config_describes_an_agent(registry):
    agents = {"one": described(CARD), "two": plain_graph(None), "three": described({"starters": ()})}
    assert infos(registry, agents) == (
        AgentInfo("one", "Support", "Looks up orders.", ("Where is order 1001?", "Hi")),
        AgentInfo("two", "two"),
        AgentInfo("three", "three"),
    )


def test_agent_card_is_stored_in_no_checkpoint(registry, tmp_path):
    with threads.Runner(registry, {"one": described(CARD)}) as runner:
        runner.start("a", "hi", if_not_exists="create").result()
    saved = registry.checkpointer.get_tuple(config("a"))
    assert saved.metadata["team"] == "b"
    assert "agent_card" not in saved.metadata
    saver = stock_saver(tmp_path / "stock.db")
    described(CARD, saver).invoke({"messages": [("user", "hi")]}, config("a"))
    assert "agent_card" not in saver.get_tuple(config("a")).metadata
    saver.conn.close()


@pytest.mark.parametrize(
    "card",
    ["Support", {"title": "Support"}, {"name": 1}, {"name": " "}, {"description": "x" * 1001}, {"starters": "Hi"},
     {"starters": ["1", "2", "3", "4", "5"]}, {"starters": [""]}, {"starters": {"Hi": 1}}],
)  # fmt: skip
def test_agent_card_of_another_form_is_refused(registry, card):
    with pytest.raises(threads.InvalidValue, match="'one'"):
        threads.Runner(registry, {"one": described(card)})


def test_description_of_langgraph_json_is_that_of_the_agent(registry, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "described_graphs.py").write_text(
        "from graphs import plain_graph\n"
        "plain = plain_graph(None)\n"
        "own = plain.with_config(metadata={'agent_card': {'description': 'Its own.', 'starters': ['Hi']}})\n"
    )
    file = tmp_path / "langgraph.json"
    entry = {"path": "./described_graphs.py:plain", "description": "Of the file."}
    own = {**entry, "path": "./described_graphs.py:own"}
    graphs = {"one": entry, "two": own, "three": entry["path"]}
    file.write_text(json.dumps({"dependencies": [], "graphs": graphs}))
    assert infos(registry, file) == (
        AgentInfo("one", "one", "Of the file."),
        AgentInfo("two", "two", "Its own.", ("Hi",)),
        AgentInfo("three", "three"),
    )
    file.write_text(json.dumps({"dependencies": [], "graphs": {"one": {**entry, "description": 1}}}))
    with pytest.raises(threads.InvalidValue, match=r"graphs\.one\.description: 1 is not a text"):
        threads.Runner(registry, file)


def test_each_bundled_agent_has_a_description_and_starters(registry):
    model = OfflineChatModel()
    agents = {**catalog.build_all(model=model), "built-in": assistant.build("built-in", model=model)}
    with threads.Runner(registry, agents) as runner:
        found = runner.agents
        assert all(each.name and each.description and 1 < len(each.starters) <= 4 for each in found)
        for each in found:  # the offline model answers each of them
            for number, starter in enumerate(each.starters):
                thread = f"{each.id} {number}"
                runner.start(thread, starter, agent_id=each.id, if_not_exists="create").result()
                assert "I don't know" not in registry.messages(thread)[-1].text


def test_agents_are_listed_with_what_they_say_about_themselves(registry):
    with client(registry, {"one": described(CARD), "two": plain_graph(None)}, default_agent="two") as api:
        assert api.get(f"{PREFIX}/agents").json() == [
            {"id": "one", **CARD, "default": False},
            {"id": "two", "name": "two", "description": None, "starters": [], "default": True},
        ]
