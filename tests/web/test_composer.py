"""The field to write in: keys, drafts, limits, and a server that does not take the message."""

from collections.abc import Iterator
from typing import Any

import pytest
from browser import expect
from paced_agents import Pace, paced_agent
from run_helpers import until

WORDS = " ".join(f"w{n}" for n in range(40))


@pytest.fixture
def pace() -> Iterator[Pace]:
    found = Pace()
    yield found
    found.release()


@pytest.fixture
def agents(pace: Pace) -> dict[str, Any]:
    def answer(text: str) -> str:
        return WORDS if text == "words" else f"re: {text}"

    return {"support": paced_agent(answer, pace, name="Support")}


@pytest.fixture
def thread(site, page):
    """The page of a thread with one turn."""
    site.registry.create(id="a", agent_id="support", title="First")
    site.runner.start("a", "hello").result()
    page.goto("/t/a")
    expect(log(page)).to_contain_text("re: hello")
    return page


def field(page: Any) -> Any:
    return page.get_by_role("textbox", name="Message", exact=True)


def log(page: Any) -> Any:
    return page.get_by_role("log")


def said(site: Any, id: str = "a") -> list[str]:
    return [each.text for each in site.registry.messages(id) if each.role == "user"]


def test_enter_sends_and_shift_enter_breaks(site, thread):
    field(thread).press_sequentially("one")
    field(thread).press("Shift+Enter")
    field(thread).press_sequentially("two")
    expect(field(thread)).to_have_value("one\ntwo")
    field(thread).press("Enter")
    expect(log(thread)).to_contain_text("re: one")
    expect(field(thread)).to_have_value("")
    assert said(site) == ["hello", "one\ntwo"]


def test_enter_during_ime_composition_does_not_send(site, thread):
    session = thread.context.new_cdp_session(thread)
    field(thread).focus()
    session.send("Input.imeSetComposition", {"text": "とう", "selectionStart": 2, "selectionEnd": 2})
    enter = {"key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229}
    session.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    session.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    composing = """area => area.dispatchEvent(new KeyboardEvent("keydown",
        {key: "Enter", isComposing: true, bubbles: true, cancelable: true}))"""
    assert field(thread).evaluate(composing) is True
    session.send("Input.insertText", {"text": "東京"})
    expect(field(thread)).to_have_value("東京")
    assert said(site) == ["hello"]
    field(thread).press("Enter")
    expect(log(thread)).to_contain_text("re: 東京")


def test_arrow_up_edits_the_last_message(site, thread):
    field(thread).press("ArrowUp")
    editor = thread.get_by_role("textbox", name="Edited message")
    expect(editor).to_be_focused()
    expect(editor).to_have_value("hello")
    editor.press("Escape")
    expect(editor).to_have_count(0)
    expect(field(thread)).to_be_focused()
    field(thread).fill("a draft")
    field(thread).press("ArrowUp")
    expect(editor).to_have_count(0)


def test_drafts_are_kept_per_thread(site, thread):
    site.registry.create(id="b", agent_id="support", title="Second")
    site.runner.start("b", "hi").result()

    def look(path: str, draft: str) -> None:
        thread.goto(path)
        expect(thread.get_by_role("textbox", name="Message", exact=True)).to_have_value(draft)
        expect(thread.get_by_placeholder("Message Support")).to_be_visible()

    field(thread).fill("for the first")
    look("/t/b", "")
    field(thread).fill("for the second")
    look("/", "")
    field(thread).fill("for a new one")
    look("/t/a", "for the first")
    look("/t/b", "for the second")
    field(thread).press("Enter")
    expect(log(thread)).to_contain_text("re: for the second")
    look("/t/b", "")
    look("/", "for a new one")


def test_text_typed_before_the_session_is_known_stays(site, thread):
    held: list[Any] = []
    thread.route("**/api/v1/me", lambda route: held.append(route))
    thread.goto("/t/a")
    field(thread).fill("early")
    until(lambda: held or thread.wait_for_timeout(20))
    held[0].continue_()
    expect(log(thread)).to_contain_text("re: hello")
    expect(field(thread)).to_have_value("early")
    thread.unroute("**/api/v1/me")
    thread.reload()
    expect(field(thread)).to_have_value("early")


def test_message_while_it_answers_is_queued_and_can_be_taken_back(site, thread, pace):
    pace.hold()
    field(thread).fill("words")
    field(thread).press("Enter")
    pace.allow(3)
    expect(log(thread)).to_contain_text("w2")
    for text in ("second", "third"):
        field(thread).fill(text)
        field(thread).press("Enter")
    expect(log(thread).get_by_text("Waits for this answer")).to_have_count(2)
    third = log(thread).get_by_role("article", name="You").last
    third.get_by_role("button", name="Take back").click()
    expect(field(thread)).to_have_value("third")
    thread.reload()
    expect(log(thread)).to_contain_text("1 more message waits")
    pace.release()
    expect(log(thread)).to_contain_text("re: second")
    until(lambda: said(site) == ["hello", "words", "second"])
    assert said(site) == ["hello", "words", "second"]


def test_message_can_interrupt_the_answer(site, thread, pace):
    pace.hold()
    field(thread).fill("words")
    field(thread).press("Enter")
    pace.allow(3)
    expect(log(thread)).to_contain_text("w2")
    field(thread).fill("stop it")
    thread.get_by_role("button", name="Send now").click()
    expect(log(thread)).to_contain_text("This answer is not complete")
    pace.release()
    expect(log(thread)).to_contain_text("re: stop it")
    assert "w39" not in log(thread).inner_text()
    assert said(site) == ["hello", "words", "stop it"]


def test_too_long_message_is_told_before_sending(site, thread):
    requests: list[str] = []
    thread.on("request", lambda request: requests.append(request.method))
    field(thread).fill("x" * 1_100_000)
    expect(thread.get_by_text("Too long by")).to_be_visible()
    expect(thread.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    field(thread).press("Enter")
    assert "POST" not in requests
    assert len(field(thread).input_value()) == 1_100_000
    field(thread).fill("short")
    expect(thread.get_by_text("Too long by")).to_have_count(0)


def answer_with(page: Any, status: int, code: str, message: str, times: int, headers: Any = None) -> None:
    """Let the server refuse so many messages."""
    body = {"error": message, "code": code, "field": None}
    page.route(
        "**/messages",
        lambda route: (
            route.fulfill(status=status, json=body, headers=headers or {})
            if route.request.method == "POST"
            else route.fallback()
        ),
        times=times,
    )


@pytest.mark.parametrize(("status", "code"), [(429, "QueueFull"), (503, "DatabaseBusy")])
def test_passing_refusal_is_said_and_tried_again(site, thread, status, code):
    thread.context.problems.expect(str(status))
    answer_with(thread, status, code, "try again later", 1, {"Retry-After": "1"})
    field(thread).fill("once")
    field(thread).press("Enter")
    expect(log(thread)).to_contain_text("Not sent yet")
    expect(log(thread)).to_contain_text("re: once")
    expect(log(thread).get_by_text("Not sent yet")).to_have_count(0)
    assert said(site) == ["hello", "once"]


def test_refused_message_comes_back_with_the_reason(site, thread):
    thread.context.problems.expect("413")
    answer_with(thread, 413, "TooLarge", "the request body may have at most 1048576 bytes", 1)
    field(thread).fill("too much")
    field(thread).press("Enter")
    expect(thread.get_by_role("alert").first).to_contain_text("at most 1048576 bytes")
    expect(field(thread)).to_have_value("too much")
    field(thread).press("Enter")
    expect(log(thread)).to_contain_text("re: too much")
    expect(thread.get_by_text("at most 1048576 bytes")).to_have_count(0)


def test_server_that_is_gone_loses_nothing(site, thread):
    thread.context.problems.expect("ERR_INTERNET_DISCONNECTED", "Failed to load resource")
    thread.context.set_offline(True)
    field(thread).fill("from the cellar")
    field(thread).press("Enter")
    expect(log(thread)).to_contain_text("Not sent yet: The server cannot be reached")
    field(thread).fill("and more")
    thread.context.set_offline(False)
    thread.reload()
    expect(field(thread)).to_have_value("from the cellar\n\nand more")


def test_message_is_sent_once_when_the_server_is_back(site, thread):
    thread.context.problems.expect("ERR_INTERNET_DISCONNECTED", "Failed to load resource")
    thread.context.set_offline(True)
    field(thread).fill("from the cellar")
    field(thread).press("Enter")
    expect(log(thread)).to_contain_text("Not sent yet")
    thread.context.set_offline(False)
    log(thread).get_by_role("button", name="Try now").click()
    expect(log(thread)).to_contain_text("re: from the cellar")
    assert said(site) == ["hello", "from the cellar"]


def test_response_that_is_lost_does_not_send_twice(site, thread):
    """The server has stored the message, but its response does not arrive."""
    thread.context.problems.expect("ERR_FAILED", "Failed to load resource")

    def lose(route: Any) -> None:
        if route.request.method == "POST":
            route.fetch()
            route.abort()
        else:
            route.fallback()

    thread.route("**/messages", lose, times=1)
    field(thread).fill("only once")
    field(thread).press("Enter")
    expect(log(thread)).to_contain_text("re: only once")
    expect(log(thread).get_by_text("Not sent yet")).to_have_count(0)
    assert said(site) == ["hello", "only once"]
    assert log(thread).get_by_text("only once", exact=True).count() == 1


def test_unsent_message_can_be_taken_back(site, thread):
    thread.context.problems.expect("ERR_INTERNET_DISCONNECTED", "Failed to load resource")
    thread.context.set_offline(True)
    field(thread).fill("never mind")
    field(thread).press("Enter")
    log(thread).get_by_role("button", name="Take back").click()
    expect(field(thread)).to_have_value("never mind")
    expect(log(thread).get_by_text("Not sent yet")).to_have_count(0)
    thread.context.set_offline(False)
    assert said(site) == ["hello"]


def test_phone_keeps_enter_for_lines(site, new_context):
    site.registry.create(id="a", agent_id="support")
    context = new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto("/t/a")
    field(page).press_sequentially("one")
    field(page).press("Enter")
    field(page).press_sequentially("two")
    expect(field(page)).to_have_value("one\ntwo")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(log(page)).to_contain_text("re: one")


def test_message_that_is_on_its_way_survives_a_look_at_another_thread(site, thread):
    thread.context.problems.expect("ERR_INTERNET_DISCONNECTED", "Failed to load resource")
    site.registry.create(id="b", agent_id="support", title="Second")
    site.runner.start("b", "hi").result()
    thread.reload()
    links = thread.get_by_role("navigation")
    links.get_by_role("link", name="Second").click()
    expect(log(thread)).to_contain_text("re: hi")
    links.get_by_role("link", name="First").click()
    expect(log(thread)).to_contain_text("re: hello")
    thread.context.set_offline(True)
    field(thread).fill("from the cellar")
    field(thread).press("Enter")
    expect(log(thread)).to_contain_text("Not sent yet")
    field(thread).fill("more to say")
    links.get_by_role("link", name="Second").click()
    expect(field(thread)).to_have_value("")
    links.get_by_role("link", name="First").click()
    expect(log(thread)).to_contain_text("Not sent yet")
    expect(field(thread)).to_have_value("more to say")
    links.get_by_role("link", name="Second").click()
    thread.context.set_offline(False)
    until(lambda: said(site) == ["hello", "from the cellar"])
    links.get_by_role("link", name="First").click()
    expect(log(thread)).to_contain_text("re: from the cellar")
    expect(field(thread)).to_have_value("more to say")
