"""Usage statistics."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from graphs import Plain, compiled, config, in_stock_process, plain_graph, said, three_turns
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import empty_checkpoint

import threads

TODAY = datetime.now(UTC).date().isoformat()


@pytest.fixture(params=["memory", "file"])
def registry(request, tmp_path):
    where = ":memory:" if request.param == "memory" else tmp_path / "threads.db"
    with threads.open(where) as registry:
        yield registry


def counting(state):
    usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    return {"messages": [AIMessage("fine", usage_metadata=usage)]}


def sums(stats):
    return {stat.key: (stat.threads, stat.messages, stat.input_tokens, stat.output_tokens) for stat in stats}


def agree(registry):
    """Every way to add up gives what the threads themselves say."""
    listed = registry.list(limit=1000, archived=None, trashed=None)
    spoken = [thread for thread in listed if thread.message_count]
    for by, key in (
        ("agent", lambda t: [t.agent_id]),
        ("owner", lambda t: [t.owner]),
        ("tag", lambda t: t.tags),
    ):
        expected: dict = {}
        for thread in spoken:
            for each in key(thread):
                began, messages = expected.get(each, (0, 0))
                expected[each] = (began + 1, messages + thread.message_count)
        assert {s.key: (s.threads, s.messages) for s in registry.stats(by=by)} == expected, by
    whole = registry.stats(by=None)
    assert [(s.threads, s.messages) for s in whole] == (
        [(len(spoken), sum(t.message_count for t in spoken))] if spoken else []
    )
    assert sum(s.messages for s in registry.stats()) == sum(t.message_count for t in spoken)


def test_stats_by_day_agent_owner_and_tag_follow_all_changes(registry):
    graph = compiled(Plain, counting, registry.checkpointer)
    for number in range(6):
        registry.create(
            id=f"t{number}", owner=f"o{number % 2}", agent_id=f"a{number % 3}", tags=["all", f"g{number % 2}"]
        )
        graph.invoke(said("hello"), config(f"t{number}"))
    graph.invoke(said("again"), config("t0"))
    assert sums(registry.stats()) == {TODAY: (6, 14, 70, 35)}
    assert sums(registry.stats(by="owner")) == {"o0": (3, 8, 40, 20), "o1": (3, 6, 30, 15)}
    assert sums(registry.stats(by="agent", owner="o0")) == {
        "a0": (1, 4, 20, 10),
        "a1": (1, 2, 10, 5),
        "a2": (1, 2, 10, 5),
    }
    assert sums(registry.stats(owner="o0", agent_id="a0", tag="all")) == {TODAY: (1, 4, 20, 10)}
    assert sums(registry.stats(by=None, tag="g1")) == {None: (3, 6, 30, 15)}
    agree(registry)
    steps = [
        lambda: registry.update("t0", owner="o1", agent_id=None),
        lambda: registry.update("t1", tags=["other"]),
        lambda: registry.rename_tag("g0", "g1"),
        lambda: registry.trash("t2"),
        lambda: registry.delete("t3"),
        lambda: registry.checkpointer.delete_thread("t4"),
        lambda: graph.invoke(said("more"), config("t5")),
        lambda: registry.fork("t5", new_id="t6"),
        lambda: registry.bulk(["t0", "t1"], delete=True),
        lambda: plain_graph(registry.checkpointer).invoke(said("new"), config("t0")),
    ]
    for step in steps:
        step()
        agree(registry)
    assert registry.verify() == []


def test_stats_include_changes_of_other_programs(tmp_path):
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        three_turns(plain_graph(registry.checkpointer), "a")
        agree(registry)
        in_stock_process(path, "graph.invoke(said('x'), config('b')); saver.delete_thread('a')")
        agree(registry)
        assert sums(registry.stats()) == {TODAY: (1, 2, 0, 0)}


def test_stats_filter_days_and_count_messages_on_their_day(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        three_turns(plain_graph(registry.checkpointer), "a")
        now = datetime.now(UTC)
        assert sums(registry.stats(since=now)) == {TODAY: (1, 6, 0, 0)}
        assert list(registry.stats(until=now)) == []
        assert list(registry.stats(since=now + timedelta(days=1))) == []
        tomorrow = now + timedelta(days=1)
        assert sums(registry.stats(by=None, since=now - timedelta(days=3), until=tomorrow)) == {
            None: (1, 6, 0, 0)
        }


NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
BERLIN, ANGELES = "Europe/Berlin", "America/Los_Angeles"


def speak_at(registry, thread_id, when):
    """Store a thread with one message, with the checkpoint ids (UUIDv6) that this time would have given it."""
    place, message = config(thread_id), HumanMessage("hello", id=thread_id)
    place["configurable"]["checkpoint_ns"] = ""
    for step, values in ((-1, {}), (0, {"messages": [message]})):
        ticks = int((when - datetime(1582, 10, 15, tzinfo=UTC)) / timedelta(microseconds=1)) * 10 + step
        id = UUID(int=ticks >> 12 << 80 | 6 << 76 | (ticks & 0xFFF) << 64 | 2 << 62)
        versions = dict.fromkeys(values, 1)
        checkpoint = {
            **empty_checkpoint(),
            "id": str(id),
            "channel_values": values,
            "channel_versions": versions,
        }
        metadata = {"source": "input", "step": step, "parents": {}}
        place = registry.checkpointer.put(place, checkpoint, metadata, versions)
        if not values:
            registry.checkpointer.put_writes(place, [("messages", [message])], "input")


@pytest.fixture
def three_days(tmp_path):
    """A file in which threads were begun at noon (UTC) of three days in a row, one more each day."""
    path = tmp_path / "threads.db"
    with threads.open(path) as registry:
        for number in range(3):
            for each in range(number + 1):
                speak_at(registry, f"t{number}{each}", NOON + timedelta(days=number - 1))
    return path


def answers(path, zone, *commands):
    """What these commands of the command line say as JSON in a process that lives in this time zone."""
    code = (
        "import json, sys\nfrom click.testing import CliRunner\nfrom threads.cli.group import threads\n"
        "for words in json.loads(sys.argv[2]):\n"
        "    done = CliRunner().invoke(threads, ['--db', sys.argv[1], *words, '--json'])\n"
        "    print(json.dumps(json.loads(done.stdout)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), json.dumps(commands)],
        env={**os.environ, "TZ": zone}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def days_of(path, zone, *asked):
    found = answers(path, zone, *(("stats", *words) for words in asked))
    assert {answer["time_zone"] for answer in found} == {"UTC"}
    return [{stat["key"]: stat["threads"] for stat in answer["stats"]} for answer in found]


@pytest.mark.parametrize("zone", ["UTC", BERLIN, ANGELES, "Pacific/Kiritimati"])
def test_stats_days_are_utc_in_every_time_zone(three_days, zone):
    asked = {
        ("--since", "2026-11-27", "--until", "2026-11-28"): {"2026-11-27": 2},
        ("--since", "2026-11-28"): {"2026-11-28": 3},
        ("--until", "2026-11-27"): {"2026-11-26": 1},
        ("--since", "2026-11-27T23:59", "--until", "2026-11-28T00:00"): {"2026-11-27": 2},
        ("--since", "2026-11-28T00:30+01:00", "--until", "2026-11-27T18:00-08:00"): {"2026-11-27": 2},
    }
    assert days_of(three_days, zone, *asked) == list(asked.values())


@pytest.mark.parametrize("zone", [BERLIN, ANGELES])
def test_stats_days_are_utc_during_clock_changes(tmp_path, zone):
    path = tmp_path / "threads.db"
    changes = [date(2026, 3, 8), date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 1)]
    with threads.open(path) as registry:
        for day in changes:
            midnight = datetime.combine(day, time(), UTC)
            for minutes in (-1, 0, 24 * 60 - 1, 24 * 60):
                speak_at(registry, f"{day} {minutes}", midnight + timedelta(minutes=minutes))
    asked = [("--since", str(day), "--until", str(day + timedelta(days=1))) for day in changes]
    assert days_of(path, zone, *asked) == [{str(day): 2} for day in changes]


def test_stats_accept_dates_and_aware_datetimes(three_days):
    def keys(since, until):
        return [stat.key for stat in registry.stats(since=since, until=until)]

    with threads.open(three_days) as registry:
        assert keys(date(2026, 11, 27), date(2026, 11, 28)) == ["2026-11-27"]
        berlin = datetime(2026, 11, 27, 0, 30, tzinfo=ZoneInfo(BERLIN))
        assert keys(berlin, berlin + timedelta(days=1)) == [
            "2026-11-26"
        ]  # half past eleven the evening before
        kiritimati = datetime(2026, 11, 28, 13, tzinfo=timezone(timedelta(hours=14)))
        assert keys(kiritimati, kiritimati + timedelta(days=1)) == ["2026-11-27"]
        last = datetime.max.replace(tzinfo=timezone(timedelta(hours=-8)))
        assert keys(datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), last) == keys(None, None)


def test_date_of_list_filter_is_local(tmp_path):
    path, clock = tmp_path / "threads.db", [NOON]
    with threads.open(path, clock=lambda: clock[0]) as registry:
        for number in range(3):
            clock[0] = NOON + timedelta(days=number - 1)
            registry.create(id=f"{clock[0]:%d}")

    def listed(zone):
        [answer] = answers(path, zone, ("ls", "--since", "2026-11-28", "--until", "2026-11-29"))
        return [thread["id"] for thread in answer["threads"]]

    assert listed("UTC") == listed(BERLIN) == listed(ANGELES) == ["28"]
    assert listed("Pacific/Kiritimati") == ["27"]  # there, noon of the 27th is two o'clock of the 28th


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"by": "week"}, "by"),
        ({"since": datetime(2026, 1, 1)}, "since"),
        ({"owner": ""}, "owner"),
        ({"until": 3}, "until"),
    ],
)
def test_invalid_stats_filter_is_refused_with_field_name(registry, asked, field):
    with pytest.raises(threads.InvalidValue) as caught:
        registry.stats(**asked)
    assert caught.value.field == field


def test_read_only_file_without_registry_is_refused(tmp_path):
    path = tmp_path / "stock.db"
    in_stock_process(path, "graph.invoke(said('x'), config('b'))")
    with threads.open(path, read_only=True) as registry:
        assert registry.tags() == []
        for ask in (registry.stats, registry.rules, registry.cleanup, lambda: registry.unread(["b"], "me")):
            with pytest.raises(threads.ReadOnly, match="without read_only"):
                ask()


def test_stats_count_runs_failures_and_latency(registry):
    def node(state):
        if "fail" in state["messages"][-1].text:
            raise RuntimeError("broken")
        return counting(state)

    graph = compiled(Plain, node, None)
    with threads.Runner(registry, {"tutor": graph}) as runner:
        runner.start("a", "hello", if_not_exists="create", agent_id="tutor").result()
        with pytest.raises(threads.RunFailed):
            runner.start("a", "fail").result()
    [stat] = registry.stats(by="agent")
    assert (stat.key, stat.runs, stat.failures) == ("tutor", 2, 1)
    assert stat.latency is not None and 0 <= stat.latency < 60
    assert [s.runs for s in registry.stats()] == [2]
    registry.delete("a")
    assert list(registry.stats()) == []


def test_bulk_reports_busy_thread_and_leaves_it_unchanged(registry):
    def node(state):
        reports.append(registry.bulk(["a", "b"], delete=True))
        reports.append(registry.bulk(["a"], trashed=True))
        return counting(state)

    reports: list = []
    registry.create(id="b")
    with threads.Runner(registry, compiled(Plain, node, None)) as runner:
        runner.start("a", "hello", if_not_exists="create").result()
    assert reports == [threads.Report(changed=("b",), busy=("a",)), threads.Report(busy=("a",))]
    assert registry.get("a").message_count == 2
