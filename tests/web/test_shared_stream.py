"""One event stream per browser: shared by its tabs, taken over, resumed, and without Web Locks."""

import pytest
from browser import expect, module, wait_for_connection
from run_helpers import until

RECORD = """(events) => {
  window.seen = [];
  events.subscribe(null, (event) => window.seen.push([event.thread_id, event.sequence, event.type]));
  return events.ready();
}"""
BLOCK = """() => setTimeout(() => {
  const end = performance.now() + 6000;
  while (performance.now() < end);
})"""
"""Lets a tab do nothing for a while, as one that the browser froze."""
LEADS = "(events) => events.isLeader()"


def record(page):
    """Open the page and record in `seen` what it is sent from now on."""
    page.goto("/")
    page.wait_for_function("() => document.querySelector('script[type=module]')")
    handle = module(page, "events")
    wait_for_connection(page, "open")
    handle.evaluate(RECORD)
    return handle


def seen(page, kind="message"):
    return [
        (thread, sequence) for thread, sequence, type in page.evaluate("() => window.seen") if type == kind
    ]


def streams(site):
    return len(site.app.state.threads.streams)


def say(site, thread, text):
    site.runner.start(thread, text).result()


def wait_for_messages(page, count):
    page.wait_for_function(f"() => window.seen.filter((each) => each[2] === 'message').length >= {count}")


def test_ten_tabs_have_one_stream_and_all_send(site, context):
    tabs = [context.new_page() for _ in range(10)]
    for number, tab in enumerate(tabs):
        site.registry.create(id=f"t{number}", agent_id="assistant")
        tab.goto(f"/t/t{number}")
    for number, tab in enumerate(tabs):
        field = tab.get_by_role("textbox", name="Message")
        field.fill(f"hello {number}")
        field.press("Enter")
    for number, tab in enumerate(tabs):
        expect(tab.get_by_role("log")).to_contain_text(f"re: hello {number}")
    until(lambda: streams(site) == 1)
    leaders = [module(tab, "events").evaluate(LEADS) for tab in tabs]
    assert leaders.count(True) == 1


def test_each_tab_gets_each_event_once(site, context):
    first, second = context.new_page(), context.new_page()
    record(first)
    record(second)
    site.registry.create(id="a")
    say(site, "a", "one")
    say(site, "a", "two")
    for tab in (first, second):
        wait_for_messages(tab, 4)
        assert len(set(seen(tab))) == len(seen(tab)) == 4
    assert streams(site) == 1


def test_what_a_tab_that_takes_over_repeats_is_dropped(site, context):
    first, second = context.new_page(), context.new_page()
    record(first)
    record(second)
    event = {"id": "1", "thread_id": "a", "sequence": 5, "type": "message", "data": {}}
    for sequence in (5, 5, 4, 6):
        source = "([tabs, event]) => tabs.broadcast('stream-event', event)"
        first.evaluate(source, [module(first, "tabs"), {**event, "sequence": sequence}])
    second.wait_for_function("() => window.seen.some((each) => each[1] === 6)")
    assert seen(second) == [("a", 5), ("a", 6)]


def test_another_tab_takes_over_when_the_leading_one_is_closed(site, context):
    first, second = context.new_page(), context.new_page()
    assert record(first).evaluate(LEADS)
    events = record(second)
    assert not events.evaluate(LEADS)
    site.registry.create(id="a")
    say(site, "a", "one")
    wait_for_messages(second, 2)
    first.close()
    say(site, "a", "two")
    wait_for_messages(second, 4)
    assert len(set(seen(second))) == len(seen(second)) == 4
    assert events.evaluate(LEADS)


def test_events_of_a_broken_connection_are_read_again(site, page):
    record(page)
    site.registry.create(id="a")
    say(site, "a", "one")
    wait_for_messages(page, 2)
    page.context.problems.expect("ERR_")
    page.route("**/api/v1/events*", lambda route: route.abort())
    state = site.app.state.threads
    state.streams.close_open()
    wait_for_connection(page, "lost")
    say(site, "a", "two")
    page.unroute("**/api/v1/events*")
    wait_for_messages(page, 4)
    assert len(set(seen(page))) == len(seen(page)) == 4


def test_a_connection_that_broke_before_the_first_event_misses_none(site, page):
    site.registry.create(id="a")
    say(site, "a", "before")
    record(page)
    site.app.state.threads.streams.close_open()
    say(site, "a", "one")
    wait_for_messages(page, 2)
    assert len(seen(page)) == 2


def test_lists_are_true_again_after_an_outage(site, page):
    site.registry.create(id="a", title="Thread a")
    page.context.problems.expect("ERR_")
    record(page)
    expect(page.get_by_role("link", name="Thread a")).to_be_visible()
    page.route("**/api/v1/events*", lambda route: route.abort())
    site.app.state.threads.streams.close_open()
    wait_for_connection(page, "lost")
    site.registry.update("a", pinned=True)  # no event of the log, so not replayed
    page.unroute("**/api/v1/events*")
    expect(page.get_by_role("navigation").get_by_text("Pinned")).to_be_visible()


def test_a_lost_connection_is_said_and_can_be_tried_at_once(site, page):
    page.context.problems.expect("ERR_")
    record(page)
    page.route("**/api/v1/events*", lambda route: route.abort())
    site.app.state.threads.streams.close_open()
    status = page.get_by_role("status").filter(has_text="cannot be reached")
    expect(status).to_be_visible()
    page.unroute("**/api/v1/events*")
    status.get_by_role("button", name="Try now").click()
    expect(status).to_be_hidden()


def test_a_tab_takes_the_stream_of_one_that_does_not_answer(site, context):
    first, second = context.new_page(), context.new_page()
    record(first)
    events = record(second)
    first.evaluate(BLOCK)
    second.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    second.wait_for_function(LEADS, arg=events)
    site.registry.create(id="a")
    say(site, "a", "one")
    wait_for_messages(second, 2)
    first.wait_for_function("(events) => !events.isLeader()", arg=module(first, "events"))
    wait_for_messages(first, 2)
    until(lambda: streams(site) == 1)


def test_without_web_locks_each_tab_has_a_stream(site, context):
    context.add_init_script("delete Navigator.prototype.locks;")
    tabs = [context.new_page(), context.new_page()]
    for tab in tabs:
        record(tab)
    site.registry.create(id="a")
    say(site, "a", "one")
    for tab in tabs:
        wait_for_messages(tab, 2)
    assert streams(site) == 2


@pytest.mark.parametrize("id", ["a.b", "0", "x" * 255])
def test_events_of_one_thread_are_for_its_subscribers_alone(site, page, id):
    events = record(page)
    site.registry.create(id=id)
    site.registry.create(id="other")
    events.evaluate(
        "(events, id) => { window.one = []; events.subscribe(id, (event) => window.one.push(event.thread_id)); }",
        id,
    )
    say(site, "other", "x")
    say(site, id, "x")
    wait_for_messages(page, 4)
    assert set(page.evaluate("() => window.one")) == {id}
