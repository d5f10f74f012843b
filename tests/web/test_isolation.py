"""Two users in two browsers, and one after the other in one browser: no word of one reaches the other."""

import re

import pytest
from browser import expect, module

RECORD = """
  window.received = "";
  const original = window.fetch;
  window.fetch = async (...given) => {
    const response = await original(...given);
    const reader = response.clone().body?.getReader();
    const decoder = new TextDecoder();
    const read = async () => {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        window.received += decoder.decode(value, { stream: true });
      }
    };
    if (reader) read().catch(() => {});
    return response;
  };
"""
"""Keeps all that the page receives, event streams too."""
WORDS = {"alice": "aardvark", "bob": "bumblebee"}
"""Each is in all that its user writes."""


class User:
    """A user in a browser of their own, or in the one that is given."""

    def __init__(self, site, name, context):
        self.name, self.word, self.context, self.site = name, WORDS[name], context, site
        self.threads = []
        self.page = context.new_page()

    def sign_in(self):
        self.site.registry.users.add(self.name)
        self.context.problems.expect("401")
        self.page.goto("/")
        self.page.get_by_label("Token").fill(self.site.registry.users.new_token(self.name))
        self.page.get_by_role("button", name="Sign in").click()
        connected(self.page)

    def begin(self, text):
        """Begin a conversation by its first message; return the thread's id."""
        self.page.goto("/")
        self.say(text)
        expect(self.log).to_contain_text(f"re: {self.word} {text}")
        self.page.wait_for_url("**/t/*")
        self.threads.append(self.page.url.rpartition("/")[2])
        return self.threads[-1]

    def say(self, text):
        field = self.page.get_by_role("textbox", name="Message", exact=True)
        field.fill(f"{self.word} {text}")
        field.press("Enter")

    @property
    def log(self):
        return self.page.get_by_role("log")

    def seen(self):
        """Return all that this user's page shows, received and stores."""
        shown = self.page.evaluate(
            "() => document.documentElement.outerHTML + document.title + location.href + window.received"
            " + JSON.stringify([{ ...localStorage }, { ...sessionStorage }])"
        )
        fields = self.page.evaluate(
            "() => [...document.querySelectorAll('input, textarea')].map((each) => each.value).join(' ')"
        )
        state = module(self.page, "store").evaluate(
            "(store) => JSON.stringify({ ...store.get(), threads: [...store.get().threads] })"
        )
        return f"{shown} {fields} {state}"

    def look_everywhere(self, others):
        """Open each view, search for the other's word, and the other's threads; return what was seen."""
        page, found = self.page, [self.seen()]
        for view in ("archive", "trash", "analytics", "settings"):
            page.goto(f"/{view}")
            connected(page)
            expect(page.locator("#view")).to_be_visible()
            found.append(self.seen())
        page.goto("/")
        connected(page)
        page.keyboard.press("Control+k")
        page.get_by_role("combobox").fill(others.word[:5])
        expect(page.locator(".palette-status, [role=option]").first).to_be_visible()
        found.append(self.seen())
        page.keyboard.press("Escape")
        self.context.problems.expect("404")
        for id in others.threads:
            page.goto(f"/t/{id}")
            connected(page)
            expect(page.locator("#main")).to_contain_text("not")
            found.append(self.seen())
        page.goto("/")
        connected(page)
        return " ".join([*found, self.seen()])


def around(text, word):
    """Return the places of a word in a text, with what stands around them."""
    return [text[max(0, found.start() - 80) : found.end() + 40] for found in re.finditer(word, text)]


def connected(page):
    """Wait until the page follows the events."""
    page.evaluate("(store) => store.until((state) => state.connection === 'open')", module(page, "store"))


@pytest.fixture
def two(site, new_context):
    users = []
    for name in WORDS:
        context = new_context()
        context.add_init_script(RECORD)
        users.append(User(site, name, context))
    for user in users:
        user.sign_in()
    return users


def test_two_users_never_see_each_others_words(site, two):
    alice, bob = two
    for number in range(2):
        for user in two:  # each while the other's page is open and follows its events
            user.begin(f"hello {number}")
    for user in two:
        first, second = user.threads
        site.registry.update(first, title=f"{user.word} title", tags=[f"{user.word}-tag"])
        site.registry.bulk([second], archived=True)
        user.page.goto(f"/t/{first}")
        user.say("again")
        expect(user.log).to_contain_text(f"re: {user.word} again")
        user.page.get_by_role("textbox", name="Message", exact=True).fill(f"{user.word} draft")
    site.registry.bulk([alice.threads[1]], archived=False, trashed=True)
    site.registry.update(bob.threads[0], pinned=True)
    for user in two:
        user.page.goto("/")
        connected(user.page)
        user.page.get_by_role("button", name="Temporary").click()
        user.say("in passing")
        expect(user.log).to_contain_text(f"re: {user.word} in passing")
    for user, other in ((alice, bob), (bob, alice)):
        seen = user.look_everywhere(other)
        page = user.page
        assert user.word in seen, "the check sees nothing"
        assert around(seen, other.word) == []
        page.goto(f"/t/{user.threads[0]}")
        expect(user.log).to_contain_text(f"re: {user.word} again")


def test_next_user_of_a_browser_sees_nothing_of_the_one_before(site, context):
    context.add_init_script(RECORD)
    alice, bob = (User(site, name, context) for name in WORDS)
    bob.page.close()
    alice.sign_in()
    for number in range(2):
        alice.begin(f"hello {number}")
    alice.page.get_by_role("textbox", name="Message", exact=True).fill(f"{alice.word} draft")
    assert alice.word in alice.seen()
    alice.page.evaluate("(session) => { void session.signOut(); }", module(alice.page, "session"))
    expect(alice.page.get_by_label("Token")).to_be_visible()
    assert alice.word not in alice.page.locator("body").inner_text()
    bob.page = alice.page
    bob.sign_in()
    bob.begin("hello")
    seen = bob.look_everywhere(alice)
    assert bob.word in seen
    assert around(seen, alice.word) == []
