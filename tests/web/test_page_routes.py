"""How the page reaches a browser: documents, files, headers, prefixes, options. No browser is needed."""

import gzip
import re

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from graphs import plain_graph
from run_helpers import until
from server_helpers import HERE, client, process

import threads
from threads.api import PageOptions, create_app
from threads.errors import InvalidValue
from threads.web import VIEWS, PageAssets
from threads.web.colors import accent_styles, contrast, parse_color

FIRST_LOAD_LIMIT = 150_000
RESERVED = ("/threads", "/runs", "/assistants", "/store", "/info", "/ok")


@pytest.fixture
def registry(tmp_path):
    with threads.open(tmp_path / "threads.db") as registry:
        yield registry


@pytest.fixture
def api(registry):
    with client(registry, {"assistant": plain_graph(None)}) as api:
        yield api


def links(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="(?!#)([^"]+)"', html)


@pytest.mark.parametrize(
    "path", ["/", "/t/a", "/t/a%2Fb", "/t/a/b", "/t/%25%F0%9F%98%80", *(f"/{name}" for name in VIEWS)]
)
def test_all_files_of_a_document_are_served(api, path):
    document = api.get(path)
    assert document.status_code == 200 and document.headers["content-type"] == "text/html; charset=utf-8"
    found = links(document.text)
    assert len(found) > 20
    for link in found:
        answer = api.get(str(document.url.join(link)))
        assert answer.status_code == 200, link
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere(api):
    headers = api.get("/").headers
    policies = dict(each.strip().split(" ", 1) for each in headers["content-security-policy"].split(";"))
    assert policies["default-src"] == "'none'" and policies["frame-ancestors"] == "'none'"
    assert policies["require-trusted-types-for"] == "'script'"
    values = " ".join(policies.values())
    assert not re.search(r"unsafe|https?:|\*|nonce|strict-dynamic|blob:", values)
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script>", api.get("/").text)


def test_documents_and_files_are_not_sent_again_while_they_are_the_same(api):
    for path in ("/", "/t/a", links(api.get("/").text)[0]):
        first = api.get(path)
        again = api.get(path, headers={"If-None-Match": f'W/"x", {first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert api.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("accepts", "is_compressed"),
    [("gzip, br", True), ("br;q=1.0, gzip;q=0.8", True), ("gzip;q=0", False), ("", False)],
)
def test_files_are_compressed_for_clients_that_read_gzip(api, accepts, is_compressed):
    answer = api.get("/", headers={"Accept-Encoding": accepts})
    assert (answer.headers.get("content-encoding") == "gzip") is is_compressed
    assert answer.headers["vary"] == "Accept-Encoding" and "<!doctype html>" in answer.text


def test_the_first_load_is_small(capsys):
    page = PageAssets(PageOptions())
    html = page.document(0)
    names = [link.split("/", 3)[3] for link in links(html.content.decode())]
    sent = [html, *(page.files[name] for name in names)]
    total = sum(len(each.compressed or each.content) for each in sent)
    with capsys.disabled():
        print(f"\nfirst load: {len(sent)} files, {total / 1000:.1f} KB compressed")
    assert total < FIRST_LOAD_LIMIT
    assert all(gzip.decompress(each.compressed) == each.content for each in sent if each.compressed)


@pytest.mark.parametrize("path", RESERVED)
def test_paths_of_langgraphs_protocol_stay_free(api, path):
    assert api.get(path).json()["code"] == "NotFound"
    assert api.get(f"{path}/x").json()["code"] == "NotFound"


def test_a_file_of_another_version_is_refused_so_that_versions_do_not_mix(api):
    assert api.get("/assets/0123456789abcdef/static/app.js").status_code == 404
    version = links(api.get("/").text)[0].split("/")[2]
    for name in (
        "static/../api/x",
        "static/index.html",
        "vendor/manifest.json",
        "static/types.d.ts",
        "options.py",
    ):
        assert api.get(f"/assets/{version}/{name}").status_code == 404, name


def test_the_page_needs_no_token_and_shows_it_where_one_is_needed(registry):
    registry.users.add("alice")
    with client(registry, {"assistant": plain_graph(None)}) as api:
        document = api.get("/t/a")
        assert document.status_code == 200
        assert all(api.get(str(document.url.join(link))).status_code == 200 for link in links(document.text))
        assert api.get("/api/v1/me").status_code == 401


def test_the_page_can_be_linked_from_other_sites(api):
    assert api.get("/t/a", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_without_a_page_there_is_the_api_alone(registry):
    with client(registry, {"assistant": plain_graph(None)}, page=False) as api:
        assert api.get("/").json()["code"] == "NotFound"
        assert api.get("/t/a").json()["code"] == "NotFound"
        assert api.get("/api/v1/me").status_code == 200


def test_the_page_works_where_an_application_mounts_it(registry):
    with threads.Runner(registry, {"assistant": plain_graph(None)}) as runner:
        outer = FastAPI()
        outer.mount("/deep/chat", create_app(registry, runner))
        with TestClient(outer, base_url=HERE, client=("127.0.0.1", 1)) as api:
            for path in ("/deep/chat/", "/deep/chat/t/a%2Fb", "/deep/chat/archive"):
                document = api.get(path)
                assert document.status_code == 200, path
                for link in links(document.text):
                    url = document.url.join(link)
                    assert url.path.startswith("/deep/chat/assets/") and api.get(str(url)).status_code == 200


def test_name_logo_and_accent_are_the_operators(registry, tmp_path):
    logo = tmp_path / "logo.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    page = PageOptions(name="Lamps & <Co>", logo=logo, accent="#0a7")
    with client(registry, {"assistant": plain_graph(None)}, page=page) as api:
        html = api.get("/").text
        assert "<title>Lamps &amp; &lt;Co&gt;</title>" in html
        icon, styles = (re.search(f'rel="{rel}" href="([^"]+)"', html)[1] for rel in ("icon", "stylesheet"))
        assert api.get(icon).text == logo.read_text()
        assert api.get(icon).headers["content-type"] == "image/svg+xml"
        assert api.get(styles).text.rstrip().endswith(accent_styles(parse_color("#00aa77")).rstrip())


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"name": " "}, "name"), ({"name": "x" * 61}, "name"), ({"name": "a\nb"}, "name"), ({"accent": "red"}, "accent"),
        ({"accent": "#12345"}, "accent"), ({"accent": "#fff;}"}, "accent"), ({"logo": "logo.exe"}, "logo"),
        ({"logo": "gone.svg"}, "logo"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_used_are_refused_by_name(options, field):
    with pytest.raises(InvalidValue) as raised:
        PageAssets(PageOptions(**options))
    assert raised.value.field == field


@pytest.mark.parametrize(
    "color", ["#000000", "#ffffff", "#ffff00", "#3553c9", "#00aa77", "#777777", "#ff0000"]
)
def test_an_accent_colour_can_be_read_in_both_themes(color):
    light, dark, on_light, on_dark = map(
        parse_color, re.findall("#[0-9a-f]{6}", accent_styles(parse_color(color)))
    )
    assert contrast(light, parse_color("#ffffff")) >= 4.5 and contrast(light, parse_color("#e3e6ee")) >= 4.5
    assert contrast(dark, parse_color("#17181b")) >= 4.5 and contrast(dark, parse_color("#262a34")) >= 4.5
    assert contrast(light, on_light) >= 4.5 and contrast(dark, on_dark) >= 4.5


def test_serve_opens_the_page(tmp_path):
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{opened}.new" && mv "{opened}.new" "{opened}"\n')
    browser.chmod(0o755)
    with process(tmp_path, "--open", "--page-name", "Lamps", BROWSER=str(browser)) as server:
        until(opened.exists)
        assert opened.read_text() == f"{server.url}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--page-accent", "red"), "--page-accent: a colour such as #3553c9 is required, not 'red'"),
        (("--no-page", "--open"), "--no-page cannot be combined with --open"),
        (("--uds", "x.sock", "--open"), "--uds cannot be combined with --open"),
    ],
)
def test_serve_refuses_options_that_contradict(tmp_path, words, message):
    port = None if "--uds" in words else 0
    with process(tmp_path, *words, port=port) as server:
        assert server.wait(60) == 2
    assert message in (tmp_path / "serve.log").read_text()
