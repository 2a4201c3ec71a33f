"""Several models on one page: the picker, what changes with it, and a model of many classes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inference import Catalogue
from tests.browser.conftest import OpenPage
from tests.browser.test_page import choose, expect_shown, layer, numbers, sentence, submit
from tests.fakes import FakeClassifier, make_breeds, make_bundle
from tests.pictures import encode
from tests.serving import serve_in_thread

sync_api = pytest.importorskip("playwright.sync_api", reason="the PyPI package playwright is not installed")
expect = sync_api.expect


class SlowShelf(Catalogue):
    """Fruit is there; breeds are loaded when ``gate`` opens, once for each test."""

    def __init__(self, fruit: FakeClassifier) -> None:
        self.gate, self.loads, self.broken = threading.Event(), 0, False
        self.fruit, self.breeds = fruit, make_breeds()
        super().__init__([(fruit.bundle, lambda: fruit), (self.breeds.bundle, self._load)])  # type: ignore[list-item]
        self.load()

    def _load(self) -> FakeClassifier:
        self.gate.wait(20)
        self.loads += 1
        if self.broken:
            raise RuntimeError("secret detail of a defect")
        return self.breeds

    def forget(self) -> None:
        """As it is after the start."""
        self.gate.clear()
        self._entries["breeds"].classifier, self.loads, self.broken = None, 0, False
        self.fruit.delay_s = self.breeds.delay_s = 0.0


@pytest.fixture(scope="module")
def served(fruit_folder: Path) -> Iterator[tuple[SlowShelf, str]]:
    shelf = SlowShelf(FakeClassifier(bundle=make_bundle(fruit_folder)))
    with serve_in_thread(shelf) as url:
        yield shelf, url


@pytest.fixture
def shelf(served: tuple[SlowShelf, str]) -> Iterator[SlowShelf]:
    served[0].forget()
    yield served[0]
    served[0].gate.set()


@pytest.fixture
def open_two(open_page: OpenPage, served: tuple[SlowShelf, str]) -> Callable[..., sync_api.Page]:
    return lambda **options: open_page(url=served[1], **options)


def pick(page: sync_api.Page, title: str) -> None:
    page.get_by_label("Model", exact=True).select_option(title)


def test_another_model_withdraws_the_answer_and_is_asked_about_the_same_image(
    shelf: SlowShelf, open_two: OpenPage
) -> None:
    page = open_two()
    choose(page, encode())
    submit(page)
    expect(sentence(page)).to_have_text("Pear, 94 %.")
    expect(layer(page)).to_be_visible()
    pick(page, "Dog breeds")
    expect(sentence(page)).to_have_text("Loading the model…")
    expect(page.locator("#numbers .confidence-set")).to_have_count(0)
    expect(page.locator("#heat")).to_be_hidden()
    expect(page.locator("#submit")).to_have_attribute("aria-disabled", "true")
    expect_shown(page)
    shelf.gate.set()
    expect(page.locator("#verdict .detail")).to_have_text(
        "Press Submit to ask this model (Dog breeds) about the same image."
    )
    submit(page)
    expect(sentence(page)).to_have_text("Zwergpudel, 67 %.")
    assert numbers(page)[:2] == ["Zwergpudel 67 %", "Breed 7 14 %"]
    assert len(numbers(page)) == 5
    expect(page.locator("#heat")).to_be_hidden()
    pick(page, "Fruit")
    expect(page.locator("#numbers .confidence-set")).to_have_count(0)
    expect(page.locator("#verdict .detail")).to_contain_text("(Fruit)")
    submit(page)
    expect(sentence(page)).to_have_text("Pear, 94 %.")
    assert shelf.loads == 1


def test_the_page_is_about_the_chosen_model(shelf: SlowShelf, open_two: OpenPage) -> None:
    shelf.gate.set()
    page = open_two()
    expect(page.locator("#disclaimer")).to_contain_text("not a greengrocer")
    expect(page.get_by_role("button", name="A riddle")).to_be_visible()
    expect(page.get_by_text("What can it recognise?")).to_be_hidden()
    pick(page, "Dog breeds")
    expect(page.locator("#verdict .detail")).to_have_text("Choose a dog and press Submit.")
    assert page.title() == "Gyrus: Dog breeds"
    expect(page.locator(".purpose:visible")).to_contain_text("one or two of 40 classes")
    expect(page.locator("#disclaimer")).to_be_hidden()
    expect(page.get_by_role("button", name="A riddle")).to_be_hidden()
    expect(page.locator("footer")).to_contain_text("Model breeds 1.2.3.", use_inner_text=True)
    expect(page.locator("footer")).not_to_contain_text("greengrocer", use_inner_text=True)
    page.locator("#about summary:visible").click()
    expect(page.get_by_text("Dogs.", exact=True)).to_be_visible()
    pick(page, "Fruit")
    page.get_by_role("button", name="A riddle").click()
    expect(sentence(page)).to_contain_text("Not sure: apple")


def test_a_late_answer_of_the_old_model_is_put_aside(shelf: SlowShelf, open_two: OpenPage) -> None:
    shelf.gate.set()
    shelf.fruit.delay_s = 1.5
    page = open_two()
    choose(page, encode())
    submit(page)
    expect(sentence(page)).to_have_text("Reading the image…")
    pick(page, "Dog breeds")
    expect(page.locator("#submit")).to_have_attribute("aria-disabled", "false")
    expect(sentence(page)).to_have_text("No answer yet.")
    submit(page)
    expect(sentence(page)).to_have_text("Zwergpudel, 67 %.")
    assert numbers(page)[0] == "Zwergpudel 67 %"


def test_a_model_left_while_it_loads_stays_left(shelf: SlowShelf, open_two: OpenPage) -> None:
    page = open_two()
    pick(page, "Dog breeds")
    expect(sentence(page)).to_have_text("Loading the model…")
    pick(page, "Fruit")
    expect(page.locator("#verdict .detail")).to_have_text("Choose a fruit and press Submit.")
    shelf.gate.set()
    page.wait_for_timeout(800)
    expect(page.locator("#verdict .detail")).to_have_text("Choose a fruit and press Submit.")
    choose(page, encode())
    submit(page)
    expect(sentence(page)).to_have_text("Pear, 94 %.")


def test_a_model_that_cannot_be_loaded_is_a_sentence(shelf: SlowShelf, open_two: OpenPage) -> None:
    shelf.broken = True
    shelf.gate.set()
    page = open_two()
    choose(page, encode())
    pick(page, "Dog breeds")
    expect(sentence(page)).to_contain_text("Something went wrong (id ")
    assert "secret detail" not in page.content()
    pick(page, "Fruit")
    submit(page)
    expect(sentence(page)).to_have_text("Pear, 94 %.")


def test_the_picker_and_the_list_of_classes_by_keyboard(shelf: SlowShelf, open_two: OpenPage) -> None:
    shelf.gate.set()
    page = open_two()
    page.get_by_label("Model", exact=True).focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#verdict .detail")).to_have_text("Choose a dog and press Submit.")
    order = []
    for _ in range(6):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.innerText.trim()"))
    assert order[:5] == ["one-image-button", "batch-tab-button", "image-file", "submit", "clear"]
    assert "What can it recognise?" in order[5]
    page.locator("#classes summary:visible").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("EPAGN")
    shown = page.locator(".classes li:visible")
    expect(shown).to_have_text(["Épagneul <b>breton</b>"])
    expect(page.locator(".classes:visible .found")).to_have_text("1 of 40")
    page.keyboard.press("Control+A")
    page.keyboard.type("nothing like it")
    expect(shown).to_have_count(0)
    expect(page.locator(".classes:visible .found")).to_have_text("0 of 40")
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    expect(shown).to_have_count(40)


@pytest.mark.parametrize(("width", "color_scheme"), [(375, "dark"), (1280, "light")])
def test_no_sideways_scroll_and_axe_finds_nothing(
    shelf: SlowShelf, open_two: OpenPage, width: int, color_scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    shelf.gate.set()
    page = open_two(width=width, color_scheme=color_scheme, reduced_motion="reduce")
    pick(page, "Dog breeds")
    choose(page, encode())
    submit(page)
    expect(sentence(page)).to_have_text("Zwergpudel, 67 %.")
    page.locator("#classes summary:visible").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    results = axe.Axe().run(page, options={"resultTypes": ["violations"]})
    assert results.violations_count == 0, results.generate_report()


def test_one_model_needs_no_picker(page: sync_api.Page) -> None:
    expect(page.get_by_label("Model", exact=True)).to_have_count(0)
    expect(page.locator(".masthead .title")).to_be_visible()
    expect(page.locator("#classes")).to_have_count(0)
