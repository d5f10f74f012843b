"""The log of `threads serve`: JSON lines, rate limits, and a reader that blocks no one."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import textwrap

import httpx
import pytest
from server_helpers import PREFIX, process

from threads.api.log import JsonFormatter, LogRateLimit


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def line(event="out of descriptors", level=logging.ERROR, name="threads.runs", **fields):
    record = logging.LogRecord(name, level, __file__, 1, event, (), None)
    record.fields = fields
    return record


def written(record):
    return json.loads(JsonFormatter().format(record))


def test_log_rate_limit_passes_one_line_per_second_and_counts_the_rest():
    clock = Clock()
    limit = LogRateLimit(clock=clock)
    assert [limit.filter(line()) for _ in range(5)] == [True, False, False, False, False]
    assert limit.filter(line("something else")) and limit.filter(line(level=logging.INFO))
    clock.now = 1.0
    record = line()
    assert limit.filter(record) and written(record)["suppressed"] == 4


def test_log_reports_suppressed_lines_without_a_successor():
    clock = Clock()
    limit = LogRateLimit(clock=clock)
    for number in range(5):
        limit.filter(line(number=number))
    assert limit.overdue() == []
    clock.now = 1.5
    [record] = limit.overdue()
    assert (written(record)["number"], written(record)["suppressed"]) == (4, 3)
    assert limit.overdue() == [] and not limit.filter(line())


@pytest.mark.parametrize(
    ("is_authenticated", "status", "count"),
    [(True, 200, 3), (True, 404, 3), (False, 401, 1), (False, 200, 1)],
)
def test_authenticated_requests_are_all_logged(is_authenticated, status, count):
    limit, records = (
        LogRateLimit(clock=Clock()),
        [line("request", logging.INFO, "threads.api", status=status) for _ in range(3)],
    )
    for record in records:
        record.is_authenticated = is_authenticated
    assert sum(map(limit.filter, records)) == count


@pytest.mark.slow
def test_health_checks_are_rate_limited_in_the_log(tmp_path):
    with process(tmp_path) as server, httpx.Client(base_url=server.url, timeout=60) as web:
        for _ in range(200):
            assert web.get("/healthz").status_code == 200
        for _ in range(3):
            assert web.get(f"{PREFIX}/me").status_code == 200
    lines = [json.loads(each) for each in (tmp_path / "serve.log").read_text().splitlines() if each[0] == "{"]
    routes = [each["route"] for each in lines if each["event"] == "request"]
    assert routes.count("/healthz") < 100 and routes.count("/me") == 3


def test_asyncio_errors_are_rate_limited_together():
    limit = LogRateLimit(clock=Clock())
    kept, loop = [], asyncio.new_event_loop()
    handler = logging.Handler()
    handler.emit = kept.append
    handler.addFilter(limit)
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    try:
        for number in range(100):
            context = {
                "message": "socket.accept() out of system resource",
                "exception": OSError(24),
                "socket": number,
            }
            loop.default_exception_handler(context)
    finally:
        logger.removeHandler(handler)
        loop.close()
    assert len(kept) == 1 and written(kept[0])["error"] == "OSError"


@pytest.mark.slow
def test_unread_log_blocks_no_logger(tmp_path):
    program = """
        import logging, os, sys
        from threads.api.log import ServerLog
        log = ServerLog()
        log.start()
        for number in range(20_000):
            logging.getLogger("threads.api").info("line %s", number, extra={"fields": {"status": number}})
        print(log.stop(), flush=True)
        os._exit(0)
    """
    reading, writing = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, stderr=writing, text=True,
            timeout=60, check=True,
        )  # fmt: skip
    finally:
        os.close(reading)
        os.close(writing)
    assert done.stdout.strip() == "False"
