"""Listening to runs: whoever comes, leaves, lags or looks from another process reads the same story."""

import asyncio
import threading as threading_

import pytest
from graphs import config, plain_graph, said
from run_helpers import Gate, slow_agent, texts, told, types, until, waiting_graph
from runner_processes import heard, performing

import threads
from agent import build_agent
from threads import ThreadNotFound
from threads.db.database import Database
from threads.registry import subscription as listening
from threads.store import event_log as log

WORDS = 30


@pytest.fixture
def path(tmp_path):
    return tmp_path / "threads.db"


@pytest.fixture
def registry(path):
    with threads.open(path) as registry:
        yield registry


def reading(event, screen):
    """What a screen shows that puts words behind each other until the message takes their place."""
    if event.type == "token":
        screen[event.data["message_id"]] = screen.get(event.data["message_id"], "") + event.data["text"]
    elif event.type == "message":
        screen[event.data["message"]["id"]] = event.data["message"]["text"]


@pytest.mark.slow
def test_subscriber_that_reconnects_at_every_event_misses_nothing(registry):
    """Each listener leaves after its own number of events, and comes back with the last number it saw."""
    with threads.Runner(registry, slow_agent(WORDS, delay=0.03)) as runner:
        runner.start("a", "Talk", if_not_exists="create")
        seen = {}

        def listen(cut):
            numbers, screen, last = [], {}, 0
            for leave_after in (cut, None):
                with registry.events("a", after=last) as events:
                    for count, event in enumerate(events, start=1):
                        numbers.append(event.sequence)
                        reading(event, screen)
                        last = event.sequence
                        if event.is_end or count == leave_after:
                            break
                if event.is_end:
                    break
            seen[cut] = numbers, screen

        listeners = [threading_.Thread(target=listen, args=(cut,)) for cut in range(1, WORDS + 5)]
        for listener in listeners:
            listener.start()
        for listener in listeners:
            listener.join(30)
    whole = {message.id: message.text for message in registry.messages("a")}
    assert len(seen) == WORDS + 4
    for cut, (numbers, screen) in seen.items():
        assert screen == whole, f"cut after {cut}"
        assert numbers == sorted(set(numbers)), "no event twice, none out of order"
    stored = [event.sequence for event in registry.events("a", follow=False)]
    assert all(set(stored) <= set(numbers) for numbers, _ in seen.values()), "none is missing"


def test_async_subscribers_get_the_same_events(registry):
    async def main():
        async with threads.Runner(registry, slow_agent(10)) as runner:
            registry.create(id="a")

            async def listen():
                found = []
                async for event in registry.events("a"):
                    found.append(event)
                    if event.is_end:
                        break
                return found

            listeners = [asyncio.create_task(listen()) for _ in range(20)]
            await runner.start("a", "Talk")
            return await asyncio.gather(*listeners)

    stories = asyncio.run(main())
    assert types(stories[0])[0] == "started" and types(stories[0])[-1] == "finished"
    assert all([event.sequence for event in story] == [e.sequence for e in stories[0]] for story in stories)


def test_events_of_another_process_arrive_in_order(path, registry):
    process, said_there = performing(path, "talking", seconds=5.0)
    run_id = said_there.recv()
    screen, kinds = {}, []
    with registry.events("a") as events:
        for event in events:
            assert event.run_id == run_id
            reading(event, screen)
            kinds.append(event.type)
            if kinds.count("token") == 20:
                break
    assert kinds[:2] == ["started", "message"]
    answer = list(screen.values())[-1]
    assert answer == "".join(f"w{number} " for number in range(answer.count(" ")))
    with threads.Runner(registry, slow_agent(), recover=False) as runner:
        assert runner.stop("a"), "and it can be stopped from here"
        until(lambda: registry.runs("a")[0].status == "stopped")
    process.kill()
    process.join()
    assert heard(said_there) == ["ended"]
    said_there.close()
    assert registry.messages("a")[-1].text.startswith(answer)


def record(registry, count, type="custom"):
    happened = [log.NewEvent(type, "a", None, {"value": number}, 0) for number in range(count)]
    registry._database.write(lambda connection: log.EventTable(connection).append(happened))
    registry._context.events.wake()


def test_slow_subscriber_misses_nothing(registry, monkeypatch):
    monkeypatch.setattr(listening, "BUFFER_SIZE", 50)
    registry.create(id="a")
    with registry.events("a") as slow, registry.events("a") as quick:
        record(registry, 1)
        assert next(slow).sequence == next(quick).sequence == 1  # both receive live events from here on
        for _ in range(20):
            record(registry, 30)
            for _ in range(30):
                next(quick)
        assert [next(slow).sequence for _ in range(600)] == list(range(2, 602))


def test_subscriber_of_an_id_begun_anew_gets_a_gap_event(registry):
    """Its last number is one of the deleted thread, and larger than what the new one has."""
    with threads.Runner(registry, plain_graph(None)) as runner:
        runner.start("a", "Hi", if_not_exists="create").result(20)
        last = list(registry.events("a", follow=False))[-1].sequence
        registry.delete("a")
        registry.create(id="a")
        with registry.events("a", after=last) as events:
            gap = next(events)
            assert (gap.type, gap.data) == ("gap", {"after": last, "before": 0})
            runner.start("a", "Hi").result(20)
            assert [next(events).sequence for _ in range(2)] == [1, 2]


def test_subscriber_gets_a_gap_event_for_trimmed_events(registry, monkeypatch):
    monkeypatch.setattr(log, "MAX_EVENTS", 10)
    registry.create(id="a")
    with registry.events("a") as lagging:
        record(registry, 5)
        assert [next(lagging).sequence for _ in range(5)] == [1, 2, 3, 4, 5]
        with threads.Runner(registry, build_agent()) as runner:
            record(registry, 30)
            runner.start("a", "Hi").result(20)
        story = list(registry.events("a", follow=False))
        assert story[0].type == "gap"
        assert story[0].data == {"after": 0, "before": story[1].sequence}
        assert 5 < len(story) <= 11  # the numbers of dropped tokens count
        assert list(registry.events("a", after=story[1].sequence, follow=False)) == story[2:]


def test_subscription_replays_or_starts_now(registry):
    plain_graph(registry.checkpointer).invoke(said("x"), config("a"))
    record(registry, 3)
    assert [event.sequence for event in registry.events("a", after=1, follow=False)] == [2, 3]
    with registry.events("a", after=None) as events:
        record(registry, 1)
        assert next(events).sequence == 4
    with pytest.raises(ThreadNotFound):
        registry.events("nobody")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["deleted", "deleted elsewhere", "closed", "registry closed"])
def test_subscription_without_follow_ends(path, how):
    registry = threads.open(path)
    registry.create(id="a")
    events = registry.events("a")
    ended = threading_.Event()

    def listen():
        for _ in events:
            raise AssertionError("there is nothing to hear")
        ended.set()

    async def alisten():
        async for _ in registry.events("a", after=0):
            raise AssertionError("there is nothing to hear")

    listener = threading_.Thread(target=listen)
    alistener = threading_.Thread(target=asyncio.run, args=(alisten(),))
    listener.start()
    alistener.start()
    until(lambda: len(registry._context.events._subscribers) == 2)
    if how == "deleted":
        registry.delete("a")
    elif how == "deleted elsewhere":
        with threads.open(path) as elsewhere:
            elsewhere.delete("a")
    elif how == "closed":
        for each in list(registry._context.events._subscribers):
            each.close()
    else:
        registry.close()
    assert ended.wait(20)
    alistener.join(20)
    assert not alistener.is_alive()
    registry.close()


def test_subscription_of_a_run_ends_when_its_thread_is_deleted(path, registry):
    gate = Gate()
    with threads.Runner(registry, waiting_graph(gate)) as runner:
        run = runner.start("a", "Hi", if_not_exists="create")
        assert gate.reached.wait(20)
        found = []
        listener = threading_.Thread(target=lambda: found.extend(run))
        listener.start()
        registry._database.write(
            lambda connection: connection.execute("UPDATE threads_run SET expires_at = 0")
        )
        registry.delete("a")
        listener.join(20)
        assert not listener.is_alive()
        gate.opened.set()
        with pytest.raises((threads.ThreadDeleted, threads.LeaseLost)):  # whichever it met first
            run.result(20)
    assert len(registry.list()) == 0
    assert registry.verify() == []


def test_subscription_to_all_threads_has_one_order(registry):
    with threads.Runner(registry, build_agent()) as runner:
        for id in ("a", "b", "a"):
            runner.start(id, f"Hi from {id}", if_not_exists="create").result(20)
        whole = list(registry.events(follow=False))
        assert [event.position for event in whole] == sorted({event.position for event in whole})
        assert {event.thread_id for event in whole} == {"a", "b"}
        middle = whole[5].position
        with registry.events(after=middle) as events:
            rest = [next(events) for _ in whole[6:]]
            assert rest == whole[6:]
            runner.start("c", "Hi", if_not_exists="create")
            assert next(events).thread_id == "c"


def test_subscription_gets_events_of_its_thread_only(registry):
    with threads.Runner(registry, build_agent()) as runner:
        runner.start("a", "the word is marzipan", if_not_exists="create").result(20)
        runner.start("b", "Hi", if_not_exists="create").result(20)
    assert {event.thread_id for event in registry.events("b", follow=False)} == {"b"}
    assert "marzipan" not in str(list(registry.events("b", follow=False)))


def test_tokens_are_deleted_once_the_message_is_stored(registry):
    with threads.Runner(registry, slow_agent(20)) as runner:
        run = runner.start("a", "Talk", if_not_exists="create")
        until(lambda: "token" in types(registry.events("a", follow=False)))
        run.result(20)
    story = list(registry.events("a", follow=False))
    assert types(story) == ["started", "message", "message", "finished"]
    assert told(story, "message", "message")[-1]["text"] == texts(registry, "a")[-1]


def test_closed_event_loop_does_not_affect_other_subscribers(registry):
    registry.create(id="a")

    async def impatient():
        events = registry.events("a")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 0.05)

    asyncio.run(impatient())
    with registry.events("a") as patient:
        record(registry, 1)
        record(registry, 1)
        assert [next(patient).sequence for _ in range(2)] == [1, 2]


def test_title_event_reaches_subscribers(registry):
    registry.create(id="a")
    with registry.events("a") as events:
        registry.update("a", title="Given by hand")
        assert (event := next(events)).type == "title"
        assert event.data["title"] == "Given by hand"


def test_read_only_registry_can_subscribe(path, registry):
    registry.create(id="a")
    with threads.open(path, read_only=True) as reader, reader.events("a") as events:
        assert isinstance(reader._database, Database)
        record(registry, 2)
        assert [next(events).sequence for _ in range(2)] == [1, 2]


def test_iterating_a_run_whose_end_event_was_trimmed_ends(registry, monkeypatch):
    monkeypatch.setattr(log, "MAX_EVENTS", 3)
    with threads.Runner(registry, build_agent()) as runner:
        first = runner.start("a", "Hi", if_not_exists="create")
        first.result(20)
        runner.start("a", "Hi again").result(20)
        assert list(runner.run(first.id)) == []
