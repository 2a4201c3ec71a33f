"""The hardened page in a real browser: its policy, its uploads, its password."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inference.settings import Settings
from tests.browser.conftest import SETTLED, TIMEOUT_MS, OpenPage
from tests.browser.test_page import choose, sentence, submit
from tests.fakes import FakeClassifier, make_breeds
from tests.pictures import encode
from tests.serving import serve_in_thread, stored_uploads

sync_api = pytest.importorskip("playwright.sync_api", reason="the PyPI package playwright is not installed")
expect = sync_api.expect
expect.set_options(timeout=3 * TIMEOUT_MS)  # the first picture of a process waits for what is imported for it

VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});
"""

ATTACK = """() => {
  document.body.append(Object.assign(document.createElement("script"), { textContent: "window.x = 1" }));
  document.body.insertAdjacentHTML("beforeend", '<img src="https://example.org/a.png" onerror="window.x = 2">');
  fetch("https://example.org").catch(() => {});
}"""


def test_the_policy_is_kept_in_the_whole_flow(browser: sync_api.Browser) -> None:
    """Nothing that the page does is against its policy; and what is against it is stopped."""
    with serve_in_thread(FakeClassifier(), make_breeds()) as url:
        context = browser.new_context()
        context.set_default_timeout(3 * TIMEOUT_MS)
        context.add_init_script(VIOLATIONS)
        page = context.new_page()
        page.goto(url)
        page.wait_for_selector("#verdict .sentence:not(:empty)")
        page.evaluate(SETTLED)
        choose(page, encode())
        expect(page.locator("#picture img")).to_be_visible()
        submit(page)
        expect(sentence(page)).to_have_text("Pear, 94 %.")
        expect(page.locator("#heat .heat")).to_be_visible()
        page.locator("#heat-switch").click()
        page.select_option("#model-picker", "breeds")
        expect(page.locator("#classes")).to_be_visible()
        page.get_by_role("button", name="Clear", exact=True).click()
        assert page.evaluate("window.violations") == []
        page.evaluate(ATTACK)
        page.wait_for_function("window.violations.length >= 3")
        assert page.evaluate("window.x") is None
        for path in ("docs", "redoc"):
            page.goto(f"{url}{path}")
            page.wait_for_selector(".swagger-ui .opblock, .redoc-wrap h1")
            stopped = page.evaluate("window.violations")
            assert [line for line in stopped if "https://cdn.redoc.ly/redoc/logo" not in line] == [], (
                path
            )  # Redoc's mark
        context.close()


def test_an_upload_lives_as_long_as_the_page_shows_it(open_page: OpenPage) -> None:
    before, page = len(stored_uploads()), open_page()

    def left(count: int) -> None:
        page.wait_for_timeout(100)
        for _ in range(50):
            if len(stored_uploads()) - before == count:
                return
            page.wait_for_timeout(100)
        assert len(stored_uploads()) - before == count

    choose(page, encode())
    expect(page.locator("#picture img")).to_be_visible()
    for _ in range(2):
        submit(page)
        expect(page.locator("#verdict .source")).not_to_be_empty()
    left(1)
    choose(page, encode((200, 30, 30)), "other.png")
    expect(page.locator("#picture figcaption")).to_contain_text("other.png")
    left(1)
    page.get_by_role("button", name="Clear", exact=True).click()
    left(0)
    choose(page, encode())
    expect(page.locator("#picture img")).to_be_visible()
    left(1)
    page.close()
    page = open_page()
    left(0)


def test_an_upload_that_is_gone_is_sent_again(open_page: OpenPage) -> None:
    page = open_page()
    choose(page, encode())
    expect(page.locator("#picture img")).to_be_visible()
    page.evaluate("fetch('page/forget', {method: 'POST', body: window.gyrus.image})")
    page.wait_for_timeout(300)
    old = page.evaluate("window.gyrus.image")
    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    page.wait_for_function("old => window.gyrus.image && window.gyrus.image !== old", arg=old)
    expect(page.locator("#picture img")).to_be_visible()
    submit(page)
    expect(page.locator("#verdict .source")).not_to_be_empty()


@pytest.fixture
def guarded() -> Iterator[str]:
    with serve_in_thread(FakeClassifier(), settings=Settings(auth=("ann", "secret"))) as url:
        yield url


def test_the_password_is_asked_for_and_lets_in(browser: sync_api.Browser, guarded: str) -> None:
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    page.goto(guarded)
    assert page.locator("#image").count() == 0
    page.get_by_label("User").fill("ann")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_have_text("User or password is wrong.")
    page.get_by_label("User").fill("ann")
    page.get_by_label("Password").fill("secret")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector("#verdict .sentence:not(:empty)")
    page.evaluate(SETTLED)
    choose(page, encode())
    submit(page)
    expect(sentence(page)).to_have_text("Pear, 94 %.")
    context.close()
