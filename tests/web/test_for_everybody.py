"""Narrow and wide screens, right-to-left texts, reduced motion, and everything by the keyboard."""

import pytest
from browser import expect
from graphs import config, plain_graph
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

SIZES = {"small phone": (320, 568), "phone": (390, 844), "tablet": (768, 1024), "desktop": (1280, 800)}
LONG = "Donaudampfschifffahrtsgesellschaft" * 12
TABLE = "|" + "column of a wide table|" * 12 + "\n|" + "-|" * 12 + "\n|" + "a cell|" * 12
WIDE = f"{LONG}\n\nhttps://example.com/{LONG}\n\n`{LONG}`\n\n```python\n{LONG}\n```\n\n{TABLE}\n\n# {LONG}\n\n- {LONG}\n\n> {LONG}"
ARABIC, HEBREW = "مرحبا، كيف حالك اليوم؟", "שלום, מה שלומך?"
STICKING_OUT = """() => {
  const width = document.documentElement.clientWidth;
  const clips = (element) => {
    for (let each = element.parentElement; each; each = each.parentElement) {
      if (!["visible"].includes(getComputedStyle(each).overflowX)) return true;
    }
    return false;
  };
  const found = [...document.querySelectorAll("body *")].filter((element) => {
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    if (box.width === 0 || box.height === 0 || style.visibility === "hidden" || element.closest("[inert], [hidden]")) return false;
    return (box.right > width + 1 || box.left < -1) && !clips(element) && style.position !== "fixed";
  });
  const overflow = document.scrollingElement.scrollWidth - width;
  return [...found.map((each) => `${each.localName}.${each.className}`), ...(overflow > 0 ? [`page by ${overflow} px`] : [])];
}"""
FOCUSED = """async () => {
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const element = document.activeElement;
  const box = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  const name = element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent;
  const hasRing = (each) => {
    const found = getComputedStyle(each);
    return (found.outlineStyle !== "none" && parseFloat(found.outlineWidth) > 0) || found.boxShadow !== "none";
  };
  let holder = element;
  let isMarked = hasRing(element);
  for (let depth = 0; depth < 3 && !isMarked && holder.parentElement; depth += 1) {
    holder = holder.parentElement;
    isMarked = hasRing(holder);
  }
  return {
    what: `${element.localName}.${element.className}`, isBody: element === document.body, name: (name ?? "").trim(),
    isInView: box.width > 0 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth,
    isShown: style.visibility !== "hidden" && !element.closest("[hidden], [inert]"), isMarked,
  };
}"""
MOVING = """() => [...document.querySelectorAll("*")].flatMap((element) => {
  const style = getComputedStyle(element);
  const seconds = (list) => Math.max(...list.split(",").map((each) => parseFloat(each) * (each.trim().endsWith("ms") ? 0.001 : 1)));
  const moves = (style.animationName !== "none" && seconds(style.animationDuration) > 0.02)
    || (style.transitionProperty !== "none" && seconds(style.transitionDuration) > 0.02) || style.scrollBehavior === "smooth";
  return moves ? [`${element.localName}.${element.className}`] : [];
})"""


@pytest.fixture
def agents():
    card = {"name": "Assistant", "description": f"Repeats. {LONG}", "starters": [LONG, "Hello", ARABIC]}
    return {"assistant": plain_graph(None).with_config(metadata={"agent_card": card})}


@pytest.fixture
def filled(site):
    """A thread with texts that are wider than any screen, and threads in all lists."""
    call = {"id": "c", "name": LONG, "args": {LONG: LONG}}
    messages = [
        HumanMessage(WIDE, id="q1"), AIMessage(WIDE, id="a1", tool_calls=[call]),
        ToolMessage(LONG, tool_call_id="c", id="t1"), AIMessage(WIDE, id="a2", response_metadata={"model": LONG}),
    ]  # fmt: skip
    site.registry.create(id="a", title=LONG, tags=[LONG[:200], "b"], agent_id="assistant")
    site.runner._agents["assistant"].update_state(config("a"), {"messages": messages}, as_node="model")
    for number in range(3):
        site.registry.create(id=f"archived {number}", title=LONG)
        site.registry.create(id=f"trashed {number}", title=LONG)
    site.registry.bulk([f"archived {number}" for number in range(3)], archived=True)
    site.registry.bulk([f"trashed {number}" for number in range(3)], trashed=True)
    return site


def log(page):
    return page.get_by_role("log")


def start_at_the_top(page):
    """Let the next Tab go to the first control of the page."""
    page.evaluate("""() => {
        document.body.tabIndex = -1;
        document.body.focus();
        document.body.removeAttribute("tabindex");
    }""")


@pytest.mark.parametrize("size", SIZES)
def test_no_view_scrolls_sideways(filled, new_context, size):
    width, height = SIZES[size]
    context = new_context(viewport={"width": width, "height": height}, has_touch=width < 600)
    page = context.new_page()
    for address in ("/", "/t/a", "/archive", "/trash", "/analytics", "/settings"):
        page.goto(address)
        if address == "/t/a":
            expect(log(page).locator("article.answer").first).to_be_visible()
            page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        elif address in ("/archive", "/trash"):
            expect(page.locator("#view").get_by_text(LONG).first).to_be_visible()
        else:
            expect(page.locator("#main").get_by_role("heading").first).to_be_attached()
        assert (address, page.evaluate(STICKING_OUT)) == (address, [])
    page.goto("/t/a")
    if width < 760:
        page.get_by_role("button", name="Conversations").click()
    expect(page.get_by_role("navigation").get_by_role("link", name=LONG)).to_be_visible()
    assert page.evaluate(STICKING_OUT) == []
    page.keyboard.press("Control+k")
    expect(page.get_by_role("option").first).to_be_visible()
    assert page.evaluate(STICKING_OUT) == []


def test_check_for_sideways_scrolling_can_fail(site, page):
    page.goto("/")
    expect(page.get_by_role("textbox")).to_be_visible()
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('p'), { textContent: 'x'.repeat(5000) }))"
    )
    assert page.evaluate(STICKING_OUT) != []


def test_right_to_left_texts_run_right_to_left(site, page):
    site.registry.create(id="a", title=ARABIC, tags=[HEBREW], agent_id="assistant")
    texts = f"{HEBREW}\n\n- {ARABIC}\n\n| {HEBREW} |\n|-|\n| {ARABIC} |\n\n# {ARABIC}\n\nplain English"
    messages = [HumanMessage(ARABIC, id="q"), AIMessage(texts, id="r"), HumanMessage("English", id="s")]
    site.runner._agents["assistant"].update_state(config("a"), {"messages": messages}, as_node="model")
    page.goto("/t/a")

    def direction(locator):
        return locator.first.evaluate("(element) => getComputedStyle(element).direction")

    users = log(page).locator("article.user .plain-text")
    expect(users).to_have_count(2)
    assert [direction(users.nth(0)), direction(users.nth(1))] == ["rtl", "ltr"]
    answer = log(page).locator("article.answer")
    for element in ("p", "li", "td", "th", ":is(h1, h2, h3, h4)"):
        assert (element, direction(answer.locator(element))) == (element, "rtl")
    assert direction(answer.get_by_text("plain English")) == "ltr"
    assert direction(page.locator("#header h1")) == "rtl"
    row = page.get_by_role("navigation").get_by_text(ARABIC).first
    assert direction(row) == "rtl"
    field = page.get_by_role("textbox", name="Message", exact=True)
    field.fill(ARABIC)
    assert direction(field) == "rtl"
    field.fill("English")
    assert direction(field) == "ltr"
    page.evaluate("document.documentElement.dir = 'rtl'")  # a page in such a language is mirrored
    sidebar, main = (page.locator(each).bounding_box() for each in ("#sidebar", "#main"))
    assert sidebar["x"] > main["x"]
    assert page.evaluate(STICKING_OUT) == []


def test_nothing_moves_where_motion_is_reduced(filled, new_context):
    for preference, moves in (("reduce", False), ("no-preference", True)):
        page = new_context(reduced_motion=preference).new_page()
        page.goto("/t/a")
        expect(log(page).locator("article.answer").first).to_be_visible()
        page.get_by_role("textbox", name="Message", exact=True).fill("hello")
        page.keyboard.press("Control+k")
        expect(page.get_by_role("option").first).to_be_visible()
        assert (preference, page.evaluate(MOVING) != []) == (preference, moves)


def test_each_control_can_be_reached_and_seen_by_tab(site, page):
    for number in range(3):
        site.registry.create(id=f"t{number}", title=f"Thread {number}", agent_id="assistant")
        site.runner.start(f"t{number}", "hello").result()
    page.goto("/t/t1")
    expect(log(page)).to_contain_text("re: hello")
    start_at_the_top(page)
    reached = []
    for _ in range(120):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused["isBody"] or (reached and focused == reached[0]):
            break
        reached.append(focused)
    assert [each["what"] for each in reached if not each["name"]] == []
    assert [each["what"] for each in reached if not each["isShown"] or not each["isInView"]] == []
    assert [each["what"] for each in reached if not each["isMarked"]] == []
    names = " ".join(each["name"] for each in reached)
    for control in ("Skip to", "New", "Search", "Thread 1", "Agent:", "Actions for", "Copy", "Settings"):
        assert control in names, f"{control} is not reached by Tab, only {names}"


def test_a_conversation_needs_no_mouse(site, page):
    """Write, answer, rename, search, jump, choose an agent and leave a dialog by keys alone."""
    keyboard = page.keyboard
    site.registry.create(id="old", title="Lamps", agent_id="assistant")
    site.runner.start("old", "Where is the refund policy?").result()
    page.goto("/")
    expect(page.get_by_role("navigation").get_by_role("link", name="Lamps")).to_be_visible()
    start_at_the_top(page)
    keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the conversation")).to_be_focused()
    keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('#main') !== null")
    page.evaluate("document.activeElement.blur()")
    keyboard.press("/")
    expect(page.get_by_role("textbox", name="Message", exact=True)).to_be_focused()
    keyboard.type("By keys")
    keyboard.press("Enter")
    expect(log(page)).to_contain_text("re: By keys")
    page.wait_for_url("**/t/*")
    expect(page.get_by_role("navigation").get_by_role("link", name="By keys")).to_be_visible()
    keyboard.press("F2")
    expect(page.locator("input:focus")).to_have_value("By keys")
    keyboard.press("Control+a")
    keyboard.type("Typed")
    keyboard.press("Enter")
    expect(page.locator("#header")).to_contain_text("Typed")
    keyboard.press("Control+k")
    keyboard.type("refund")
    expect(page.get_by_role("option").filter(has_text="refund").first).to_be_visible()
    keyboard.press("Enter")
    page.wait_for_url("**/t/old*")
    expect(log(page)).to_contain_text("refund policy")
    page.evaluate("document.activeElement.blur()")
    keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    keyboard.press("n")
    page.wait_for_url(lambda url: url.endswith("/"))
    page.get_by_role("button", name="Agent:").focus()
    keyboard.press("Enter")
    expect(page.get_by_role("menu")).to_be_visible()
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(page.get_by_role("button", name="Agent:")).to_be_focused()
