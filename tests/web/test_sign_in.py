"""How a browser gets its session: none for the local user, by token where there are users."""

from browser import expect, module, wait_for_connection


def sign_in(page, token):
    page.goto("/")
    page.context.problems.expect("401")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def token_of_alice(site):
    site.registry.users.add("alice")
    return site.registry.users.new_token("alice")


def test_the_local_user_needs_no_session(site, page):
    page.goto("/")
    wait_for_connection(page, "open")
    assert page.context.cookies() == []


def test_a_token_is_exchanged_for_a_cookie_that_survives_a_reload(site, page):
    token = token_of_alice(site)
    site.registry.create(id="a", title="Of Alice", owner="alice")
    site.registry.create(id="b", title="Of another")
    sign_in(page, token)
    for _ in range(2):
        expect(page.get_by_role("navigation").get_by_role("link", name="Of Alice")).to_be_visible()
        expect(page.get_by_text("Of another")).to_have_count(0)
        page.reload()
    [cookie] = page.context.cookies()
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    assert token not in page.evaluate("() => JSON.stringify([localStorage, sessionStorage])")


def test_a_wrong_token_is_refused_in_words(site, page):
    site.registry.users.add("alice")
    sign_in(page, "wrong")
    expect(page.get_by_text("This token is not valid.")).to_be_visible()
    expect(page.get_by_label("Token")).to_be_visible()


def test_signing_out_ends_it_in_all_tabs(site, context):
    first, second = context.new_page(), context.new_page()
    sign_in(first, token_of_alice(site))
    wait_for_connection(first, "open")
    second.goto("/")
    wait_for_connection(second, "open")
    second.evaluate("() => { window.isOfAlice = true; }")
    first.evaluate("(session) => { void session.signOut(); }", module(first, "session"))
    second.wait_for_function("() => !window.isOfAlice")  # nothing of her stays in memory
    for tab in (first, second):
        expect(tab.get_by_label("Token")).to_be_visible()
    assert context.cookies() == []


def test_a_session_that_ends_while_events_are_read_can_be_renewed_in_place(site, page):
    sign_in(page, token_of_alice(site))
    wait_for_connection(page, "open")
    site.registry.users.revoke("alice")
    expect(page.get_by_label("Token")).to_be_visible()
    page.get_by_label("Token").fill(site.registry.users.new_token("alice"))
    page.get_by_role("button", name="Sign in").click()
    wait_for_connection(page, "open")
    page.evaluate(
        "(events) => { window.got = []; events.subscribe(null, (event) => window.got.push(event.type)); }",
        module(page, "events"),
    )
    site.registry.create(id="a", owner="alice")
    site.runner.start("a", "hello").result()
    page.wait_for_function("() => window.got.includes('finished')")
