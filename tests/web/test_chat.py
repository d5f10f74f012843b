"""The conversation: messages stream, can be stopped, retried, edited, read from the end upwards."""

from collections.abc import Iterator
from typing import Any

import pytest
from browser import expect
from paced_agents import Pace, paced_agent
from run_helpers import until

WORDS = " ".join(f"w{n}" for n in range(40))
FAILURES: list[Exception] = []


def answer(text: str) -> str:
    if FAILURES:
        raise FAILURES.pop()
    if text.startswith("say "):
        return text[4:]
    return WORDS if text == "words" else f"re: {text}"


@pytest.fixture
def pace() -> Iterator[Pace]:
    found = Pace()
    yield found
    found.release()


@pytest.fixture
def agents(pace: Pace) -> dict[str, Any]:
    return {"support": paced_agent(answer, pace, name="Support", description="Answers questions.")}


def field(page: Any) -> Any:
    return page.get_by_role("textbox", name="Message", exact=True)


def say(page: Any, text: str) -> None:
    field(page).fill(text)
    field(page).press("Enter")


def log(page: Any) -> Any:
    return page.get_by_role("log")


def open_thread(site: Any, page: Any, *texts: str, id: str = "a") -> None:
    site.registry.create(id=id, agent_id="support")
    for text in texts:
        site.runner.start(id, text).result()
    page.goto(f"/t/{id}")
    if texts:
        expect(log(page)).to_contain_text(f"re: {texts[-1]}")


def test_answer_streams_word_by_word(site, page, pace):
    open_thread(site, page, "hello")
    pace.hold()
    say(page, "words")
    expect(log(page)).to_contain_text("words")
    for n in (3, 7):
        pace.allow(4)
        expect(log(page)).to_contain_text(f"w{n}")
        assert f"w{n + 1} " not in log(page).inner_text()
    pace.release()
    expect(log(page)).to_contain_text("w39")
    expect(page.get_by_role("button", name="Answer again").last).to_be_visible()
    assert log(page).inner_text().count("w39") == 1
    expect(log(page).get_by_role("article").last.get_by_role("time")).to_be_visible()


def test_stop_keeps_partial_answer(site, page, pace):
    open_thread(site, page, "hello")
    pace.hold()
    say(page, "words")
    pace.allow(5)
    expect(log(page)).to_contain_text("w4")
    page.get_by_role("button", name="Stop the answer").click()
    expect(log(page)).to_contain_text("This answer is not complete")
    expect(log(page)).to_contain_text("w0 w1 w2 w3 w4")
    last = site.registry.messages("a")[-1]
    assert (last.text.split()[-1], last.stopped) == ("w4", True)
    page.reload()
    expect(log(page)).to_contain_text("w0 w1 w2 w3 w4")


def test_escape_stops_the_answer(site, page, pace):
    open_thread(site, page, "hello")
    pace.hold()
    say(page, "words")
    expect(page.get_by_role("button", name="Stop the answer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Stop the answer")).to_have_count(0)
    until(lambda: site.registry.get("a").status != "busy")


def test_failed_run_shows_its_reason_and_can_be_retried(site, page):
    open_thread(site, page, "hello")
    FAILURES.append(ConnectionError("the model provider is down"))
    say(page, "again")
    alert = log(page).get_by_role("alert")
    expect(alert).to_contain_text("the model provider is down")
    page.reload()
    expect(alert).to_contain_text("the model provider is down")
    alert.get_by_role("button", name="Retry").click()
    expect(log(page)).to_contain_text("re: again")
    expect(alert).to_have_count(0)
    assert [each.text for each in site.registry.messages("a")][-2:] == ["again", "re: again"]


def test_reload_and_other_tab_in_mid_answer_show_all_of_it_and_go_on(site, context, page, pace):
    open_thread(site, page, "hello")
    pace.hold()
    say(page, "words")
    pace.allow(10)
    expect(log(page)).to_contain_text("w9")
    page.reload()
    other = context.new_page()
    other.goto("/t/a")
    for tab in (page, other):
        expect(log(tab)).to_contain_text("w0 w1 w2 w3 w4 w5 w6 w7 w8 w9")
    pace.allow(5)
    for tab in (page, other):
        expect(log(tab)).to_contain_text("w10 w11 w12 w13 w14")
    pace.release()
    for tab in (page, other):
        expect(log(tab)).to_contain_text("w38 w39")
        expect(tab.get_by_role("button", name="Answer again").last).to_be_visible()
        assert log(tab).inner_text().count("w0 w1") == 1


def test_messages_of_other_clients_appear_by_themselves(site, page):
    open_thread(site, page, "hello")
    site.runner.start("a", "from a script").result()
    expect(log(page)).to_contain_text("re: from a script")


def test_messages_that_a_plain_graph_adds_appear_by_themselves(site, page):
    site.registry.create(id="a", agent_id="support")
    fill(site, "a", 2)
    page.goto("/t/a")
    expect(log(page)).to_contain_text("reply 1")
    fill(site, "a", 3)
    expect(log(page)).to_contain_text("reply 2")


def test_rewind_elsewhere_is_shown(site, page):
    open_thread(site, page, "first", "second")
    site.registry.undo("a")
    expect(log(page)).not_to_contain_text("second")
    expect(log(page)).to_contain_text("re: first")


def test_thread_erased_elsewhere_is_noticed(site, page):
    page.context.problems.expect("404", "410")
    open_thread(site, page, "hello")
    field(page).fill("half a thought")
    site.registry.delete("a")
    expect(log(page)).to_contain_text("This conversation is gone")
    expect(field(page)).to_have_value("half a thought")


def is_at_end(page: Any) -> bool:
    return bool(log(page).evaluate("log => log.scrollHeight - log.scrollTop - log.clientHeight < 4"))


def test_it_scrolls_only_while_the_reader_is_at_the_end(site, page, pace):
    open_thread(site, page, *(f"message {n}" for n in range(12)))
    assert is_at_end(page)
    pace.hold()
    say(page, "say " + "\n\n".join(f"line{n}" for n in range(60)))
    pace.allow(30)
    expect(log(page)).to_contain_text("line28")
    until(lambda: is_at_end(page))
    log(page).hover()
    page.mouse.wheel(0, -400)
    latest = page.get_by_role("button", name="Latest")
    expect(latest).to_be_visible()
    place = log(page).evaluate("log => log.scrollTop")
    pace.release()
    expect(log(page)).to_contain_text("line59")
    assert log(page).evaluate("log => log.scrollTop") == place
    latest.click()
    until(lambda: is_at_end(page))
    expect(latest).to_be_hidden()


def fill(site: Any, id: str, turns: int) -> None:
    """Store a long history in one checkpoint."""
    from langchain_core.messages import AIMessage, HumanMessage

    graph = site.runner._agents["support"]
    messages = [
        kind(f"{word} {n}", id=f"{word}-{n}")
        for n in range(turns)
        for word, kind in (("ask", HumanMessage), ("reply", AIMessage))
    ]
    graph.update_state({"configurable": {"thread_id": id}}, {"messages": messages}, as_node="respond")


def test_long_history_loads_from_the_end_upwards_without_a_jump(site, page):
    site.registry.create(id="a", agent_id="support")
    fill(site, "a", 200)
    page.goto("/t/a")
    expect(log(page)).to_contain_text("reply 199")
    expect(log(page).get_by_text("ask 150", exact=True)).to_have_count(0)
    top = page.locator("#message-ask-175")
    place = """element => {
      const log = element.closest("[role=log]");
      log.scrollTop = 30;
      return element.getBoundingClientRect().top;
    }"""
    before = top.evaluate(place)
    expect(page.locator("#message-ask-150")).to_be_attached()
    assert abs(top.evaluate("element => element.getBoundingClientRect().top") - before) < 2
    for n in (125, 100, 75, 50, 25, 0):
        log(page).evaluate("log => { log.scrollTop = 0; }")
        expect(page.locator(f"#message-ask-{n}")).to_be_attached()
    expect(log(page).get_by_text("Earlier messages")).to_have_count(0)
    assert page.locator("#chat article").count() == 400


def test_link_to_an_old_message_finds_and_marks_it(site, page):
    site.registry.create(id="a", agent_id="support")
    fill(site, "a", 200)
    page.goto("/t/a#ask-20")
    target = page.locator("#message-ask-20")
    expect(target).to_be_in_viewport()
    expect(target).to_have_class("user is-target")
    expect(target).to_be_focused()


def test_edit_makes_a_version_beside_the_old_one(site, page):
    open_thread(site, page, "first", "second")
    user = log(page).get_by_role("article", name="You").first
    user.hover()
    user.get_by_role("button", name="Edit").click()
    editor = page.get_by_role("textbox", name="Edited message")
    expect(editor).to_have_value("first")
    editor.fill("changed")
    editor.press("Enter")
    expect(log(page)).to_contain_text("re: changed")
    expect(log(page)).not_to_contain_text("second")
    versions = log(page).get_by_role("group", name="Versions").first
    expect(versions).to_contain_text("2 / 2")
    versions.get_by_role("button", name="Previous version").press("Enter")
    expect(log(page)).to_contain_text("re: second")
    expect(versions).to_contain_text("1 / 2")
    expect(log(page).get_by_role("article").first).to_be_focused()  # there is no previous one
    versions.get_by_role("button", name="Next version").click()
    expect(log(page)).to_contain_text("re: changed")


def test_regenerated_answer_is_a_version(site, page):
    open_thread(site, page, "hello")
    page.get_by_role("button", name="Answer again").click()
    expect(field(page)).to_be_focused()
    versions = log(page).get_by_role("group", name="Versions")
    expect(versions).to_contain_text("2 / 2")
    assert [each.text for each in site.registry.messages("a")] == ["hello", "re: hello"]


def test_fork_continues_in_a_new_thread(site, page):
    open_thread(site, page, "first", "second")
    answer = log(page).get_by_role("article", name="Support").first
    answer.hover()
    answer.get_by_role("button", name="Fork from here").click()
    page.wait_for_url(lambda url: not url.endswith("/t/a"))
    expect(log(page)).to_contain_text("re: first")
    expect(log(page)).not_to_contain_text("second")
    assert len(site.registry.messages("a")) == 4


def test_undo_takes_back_a_message_and_what_followed(site, page):
    open_thread(site, page, "first", "second", "third")
    user = log(page).get_by_role("article", name="You").nth(1)
    user.hover()
    user.get_by_role("button", name="Undo from here").click()
    expect(log(page)).not_to_contain_text("second")
    expect(field(page)).to_have_value("second")
    assert [each.text for each in site.registry.messages("a")] == ["first", "re: first"]


def test_message_and_code_are_copied(site, new_context):
    context = new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    open_thread(site, page, "hello")
    say(page, "say Look:\n```python\nprint(1)\n```")
    page.get_by_role("button", name="Copy code").click()
    clipboard = "navigator.clipboard.readText()"
    until(lambda: page.evaluate(clipboard) == "print(1)")
    expect(page.get_by_role("button", name="Copy code")).to_have_text("Copied")
    log(page).get_by_role("article", name="Support").last.get_by_role(
        "button", name="Copy", exact=True
    ).click()
    until(lambda: page.evaluate(clipboard) == "Look:\n```python\nprint(1)\n```")


def test_empty_answer_is_said(site, page):
    open_thread(site, page, "hello")
    say(page, "say ")
    expect(log(page)).to_contain_text("The answer is empty")


def test_answer_of_5_mb_can_be_read_and_does_not_block(site, page):
    open_thread(site, page, "hello")
    site.registry.create(id="big", agent_id="support")
    from langchain_core.messages import AIMessage, HumanMessage

    text = "word " * 1_000_000
    graph = site.runner._agents["support"]
    messages = [HumanMessage("much", id="q"), AIMessage(text, id="r")]
    graph.update_state({"configurable": {"thread_id": "big"}}, {"messages": messages}, as_node="respond")
    page.goto("/t/big")
    more = page.get_by_role("button", name="Show all 5,000,000 characters")
    expect(more).to_be_visible()
    more.click()
    expect(more).to_have_count(0)
    assert len(page.locator(".markdown").text_content()) == len(text)
    field(page).fill("still here")


def test_thread_erased_elsewhere_is_said_and_the_text_stays(site, context, page):
    context.problems.expect("404", "410")
    open_thread(site, page, "hello")
    site.registry.delete("a")
    say(page, "are you there?")
    expect(page.get_by_role("alert").first).to_contain_text("This conversation is gone")
    expect(field(page)).to_have_value("are you there?")


@pytest.mark.parametrize("id", ["a/b", "50%", 'it\'s "quoted"', "Grüße 👋", "#top?x=1"])
def test_odd_ids_work(site, page, id):
    site.registry.create(id=id, agent_id="support", title="Odd")
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Odd").click()
    say(page, "hello")
    expect(log(page)).to_contain_text("re: hello")
    page.reload()
    expect(log(page)).to_contain_text("re: hello")
    assert site.registry.get(id).message_count == 2


def test_log_does_not_announce_each_word(site, page, pace):
    open_thread(site, page, "hello")
    expect(log(page)).to_have_attribute("aria-live", "off")
    status = page.locator(".chat-status")
    pace.hold()
    say(page, "words")
    expect(status).to_have_text("Support is answering.")
    pace.allow(5)
    expect(log(page)).to_contain_text("w4")
    expect(status).to_have_text("Support is answering.")
    pace.release()
    expect(status).to_contain_text("Support: w0 w1")


def test_keys_do_what_the_buttons_beside_messages_do(site, page):
    open_thread(site, page, "first", "second")
    log(page).focus()
    page.keyboard.press("k")
    expect(log(page).get_by_role("article").last).to_be_focused()
    page.keyboard.press("k")
    expect(log(page).get_by_role("article").nth(2)).to_be_focused()
    page.keyboard.press("j")
    expect(log(page).get_by_role("article").last).to_be_focused()
    page.keyboard.press("r")
    expect(log(page).get_by_role("group", name="Versions")).to_contain_text("2 / 2")
    log(page).focus()
    page.keyboard.press("e")
    expect(page.get_by_role("textbox", name="Edited message")).to_have_value("second")


def test_ten_tabs_all_send(site, context):
    tabs = []
    for n in range(10):
        site.registry.create(id=f"t{n}", agent_id="support")
        tabs.append(context.new_page())
        tabs[-1].goto(f"/t/t{n}")
    for n, tab in enumerate(tabs):
        say(tab, f"message {n}")
    for n, tab in enumerate(tabs):
        expect(log(tab)).to_contain_text(f"re: message {n}")


def test_time_model_and_tokens_of_an_answer_are_shown(site, page):
    from langchain_core.messages import AIMessage, HumanMessage

    usage = {"input_tokens": 12, "output_tokens": 200, "total_tokens": 212}
    reply = AIMessage("It comes.", id="r", usage_metadata=usage, response_metadata={"model_name": "small-1"})
    site.registry.create(id="a", agent_id="support")
    graph = site.runner._agents["support"]
    messages = {"messages": [HumanMessage("where?", id="q"), reply]}
    graph.update_state({"configurable": {"thread_id": "a"}}, messages, as_node="respond")
    page.goto("/t/a")
    details = log(page).locator(".details")
    expect(details).to_contain_text("small-1")
    expect(details).to_contain_text("212 tokens")
    expect(details.get_by_title("12 read, 200 written")).to_be_visible()


def test_thread_moved_to_the_trash_elsewhere_is_said_and_restored(site, context, page):
    open_thread(site, page, "hello")
    other = context.new_page()
    other.goto("/t/a")
    other.get_by_role("button", name="Actions for this conversation").click()
    other.get_by_role("menuitem", name="Delete").click()
    for tab in (other, page):
        expect(log(tab)).to_contain_text("in the trash")
    log(page).get_by_role("button", name="Restore").click()
    expect(log(page)).not_to_contain_text("in the trash")
    say(page, "back")
    expect(log(page)).to_contain_text("re: back")


def test_switching_threads_leaves_no_nodes_or_listeners_behind(site, page):
    for n in range(4):
        site.registry.create(id=f"t{n}", agent_id="support", title=f"Thread {n}")
        site.runner.start(f"t{n}", f"message {n}").result()
    page.goto("/t/t0")
    session = page.context.new_cdp_session(page)

    def counts(switches: int) -> tuple[int, int]:
        for n in range(switches):
            page.get_by_role("navigation").get_by_role("link", name=f"Thread {n % 4}").click()
            expect(log(page)).to_contain_text(f"re: message {n % 4}")
        session.send("HeapProfiler.collectGarbage")
        found = session.send("Memory.getDOMCounters")
        return found["nodes"], found["jsEventListeners"]

    few, many = counts(8), counts(40)
    assert many[0] < few[0] + 50
    assert many[1] < few[1] + 10
