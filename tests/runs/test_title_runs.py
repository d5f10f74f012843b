"""Titles by a model: beside the conversation, after the first exchange, never over a hand's."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from graphs import config, plain_graph, said
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from run_helpers import until

import threads


class Titles(BaseChatModel):
    """Gives titles, when it may."""

    answer: str = '"A broken lamp".'
    may: Any = None
    asked: list[str]

    @property
    def _llm_type(self) -> str:
        return "titles"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        self.asked.append(messages[-1].text)
        if self.may is not None:
            assert self.may.wait(20)
        if self.answer == "fail":
            raise RuntimeError("no titles today")
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self.answer))])


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        yield registry


def titled(registry: threads.Registry) -> str:
    """The title that the next `title` event tells."""
    with registry.events("a") as events:
        return next(event.data["title"] for event in events if event.type == "title")


def test_first_exchange_gets_a_model_title_without_delay(registry):
    model = Titles(may=threading.Event(), asked=[])
    with threads.Runner(registry, plain_graph(None), title_model=model) as runner:
        runner.start("a", "my lamp is broken", if_not_exists="create").result(20)
        runner.start("a", "are you there?").result(20)  # the title is still being made
        assert registry.get("a").title == "my lamp is broken"
        model.may.set()
        assert titled(registry) == "A broken lamp"
        assert registry.get("a").title == "A broken lamp"
    assert model.asked == ["user: my lamp is broken\n\nassistant: re: my lamp is broken"]
    assert registry.verify() == []


def test_slow_title_run_can_be_stopped_and_does_not_block_close(registry):
    model = Titles(may=threading.Event(), asked=[])
    plain_graph(registry.checkpointer).invoke(said("my lamp is broken"), config("a"))
    with threads.Runner(registry, plain_graph(None), title_model=model) as runner:
        run = runner.make_title("a")
        until(lambda: model.asked)
        run.stop()
        assert run.result(30) is None
        assert run.status == "stopped"
        left = runner.make_title("a")
        until(lambda: len(model.asked) == 2)
        runner.close(timeout=0)
        assert left.status == "running"
        with threads.Runner(registry, plain_graph(None)) as other, pytest.raises(threads.InvalidValue):
            other.run(left.id).result(30)  # the thread's agent is not loaded, and there is no model here
        model.may.set()
    assert registry.get("a").title == "my lamp is broken"


def test_title_set_by_hand_is_never_replaced(registry):
    model = Titles(may=threading.Event(), asked=[])
    with threads.Runner(registry, plain_graph(None), title_model=model) as runner:
        runner.start("a", "my lamp is broken", if_not_exists="create").result(20)
        registry.update("a", title="mine")
        model.may.set()
        runner.start("a", "more").result(20)
        with pytest.raises(threads.InvalidValue, match="set by hand"):
            runner.make_title("a")
    assert registry.get("a").title == "mine"
    assert registry.update("a", title=None).title in ("my lamp is broken", "A broken lamp")


def test_make_title_makes_a_title(registry):
    with threads.Runner(registry, plain_graph(None)) as runner:
        runner.start("a", "my lamp is broken", if_not_exists="create").result(20)
        with pytest.raises(threads.InvalidValue, match="title_model"):
            runner.make_title("a")
    with threads.Runner(registry, plain_graph(None), title_model=Titles(answer="Lamps", asked=[])) as runner:
        run = runner.make_title("a")
        assert (run.result(20), run.info.kind, run.status) == ("Lamps", "title", "success")
        assert registry.get("a").title == "Lamps"
        assert [hit.snippet for hit in registry.search("lamps")][:1] == ["Lamps"]


@pytest.mark.parametrize("answer", ["fail", "   ", "x" * 9999])
def test_invalid_model_title_fails_only_the_title_run(registry, answer):
    with threads.Runner(registry, plain_graph(None), title_model=Titles(answer=answer, asked=[])) as runner:
        runner.start("a", "my lamp is broken", if_not_exists="create").result(20)
        run = runner.make_title("a")
        if answer.startswith("x"):
            assert len(run.result(20)) <= 500
        else:
            with pytest.raises(threads.ThreadsError):
                run.result(20)
            assert registry.get("a").title == "my lamp is broken"
        assert registry.get("a").status == "idle"
