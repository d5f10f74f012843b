"""The page follows what the command line and scripts do, without being asked to look."""

from browser import expect, module
from commands import run_threads
from graphs import config, plain_graph, stock_saver


def command(site, *words):
    done = run_threads(*words, "--db", site.path)
    assert done.returncode == 0, done.stderr


def test_list_follows_the_command_line_and_scripts(site, page):
    site.registry.create(id="a", title="Lamps", agent_id="assistant")
    site.registry.create(id="b", title="Chairs", agent_id="assistant")
    page.goto("/")
    links = page.get_by_role("navigation").get_by_role("link")
    expect(links.filter(has_text="Lamps")).to_be_visible()
    page.evaluate("(store) => store.until((state) => state.connection === 'open')", module(page, "store"))
    command(site, "rename", "a", "Lamps of brass")
    expect(links.filter(has_text="Lamps of brass")).to_be_visible()
    command(site, "pin", "a")
    expect(page.get_by_role("navigation").get_by_role("heading", name="Pinned")).to_be_visible()
    command(site, "archive", "b")
    expect(links.filter(has_text="Chairs")).to_have_count(0)
    command(site, "unarchive", "b")
    expect(links.filter(has_text="Chairs")).to_be_visible()
    saver = stock_saver(site.path)
    plain_graph(saver).invoke({"messages": [("user", "By a script")]}, config("c"))
    saver.conn.close()
    expect(links.filter(has_text="By a script")).to_be_visible()
    command(site, "rm", "b", "--yes")
    expect(links.filter(has_text="Chairs")).to_have_count(0)
