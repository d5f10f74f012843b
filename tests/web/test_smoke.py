"""The page shows what is in the file."""

from browser import expect


def test_the_page_lists_threads_and_shows_the_messages_of_one(site, page):
    site.registry.create(id="a", title="A lamp")
    site.runner.start("a", "My lamp is broken").result()
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="A lamp").click()
    expect(page).to_have_url(f"{site.url}/t/a")
    expect(page).to_have_title("A lamp · Threads")
    expect(page.get_by_role("log")).to_contain_text("My lamp is broken")
    expect(page.get_by_role("log")).to_contain_text("re: My lamp is broken")


def test_a_reload_shows_the_same_thread(site, page):
    site.registry.create(id="a/b%20'\"😀", title="Odd")
    site.runner.start("a/b%20'\"😀", "hello").result()
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Odd").click()
    expect(page.get_by_role("log")).to_contain_text("hello")
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("hello")
