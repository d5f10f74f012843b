"""The checks that each test of the page makes, each shown to fail."""

import pytest
from browser import expect

CONTROLS = {
    "console error: oops": "console.error('oops')",
    "console warning: hm": "console.warn('hm')",
    "exception: lost": "setTimeout(() => { throw new Error('lost'); })",
    "CSP report: script-src-elem": "addScript('http://example.invalid/a.js')",
    "CSP report: style-src-attr": "document.body.setAttribute('style', 'color: red')",
    "CSP report: img-src": "document.body.append(Object.assign(new Image(), {src: 'http://example.invalid/a.png'}))",
    "CSP report: connect-src": "fetch('http://example.invalid/').catch(() => {})",
    "CSP report: require-trusted-types-for": "try { document.body.innerHTML = '<p>'; } catch {}",
    "CSP report: trusted-types": "try { trustedTypes.createPolicy('other', {}); } catch {}",
}
ADD_SCRIPT = """
const addScript = (source) => {
  const policy = trustedTypes.createPolicy("dompurify", {createScriptURL: (text) => text});
  document.head.append(Object.assign(document.createElement("script"), {src: policy.createScriptURL(source)}));
};
"""


@pytest.mark.parametrize("problem", CONTROLS)
def test_a_problem_is_noticed(page, context, problem):
    page.goto("/")
    expect(page.get_by_role("main")).to_be_visible()
    assert context.problems.found == []
    page.evaluate(f"() => {{ {ADD_SCRIPT if 'addScript' in CONTROLS[problem] else ''} {CONTROLS[problem]} }}")
    page.wait_for_function("() => new Promise((resolve) => setTimeout(() => resolve(true), 50))")
    assert any(problem in each for each in context.problems.found)
    context.problems.expect("")


def test_a_request_to_another_origin_is_noticed(page, site, context):
    page.goto(site.url.replace("127.0.0.1", "localhost"))
    assert any(
        each.startswith("request to another origin: http://localhost") for each in context.problems.found
    )
    context.problems.expect("")
