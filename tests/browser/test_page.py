"""What a person does with the page, done by a real browser."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from inference import load_image
from tests.browser.conftest import OpenPage
from tests.fakes import FakeClassifier
from tests.pictures import BAD_FILES, COLORS, GOOD_FILES, encode
from tests.serving import MAX_FILE_BYTES, serve_in_thread

sync_api = pytest.importorskip("playwright.sync_api", reason="the PyPI package playwright is not installed")
expect = sync_api.expect

BUNDLE = Path(__file__).parents[2] / "models" / "brain_tumor"


def choose(page: sync_api.Page, content: bytes, name: str = "slice.png") -> None:
    """Put a file into the file input, as the system's dialog would."""
    page.set_input_files("#image-file", {"name": name, "mimeType": "", "buffer": content})


def submit(page: sync_api.Page) -> None:
    page.get_by_role("button", name="Submit", exact=True).click()


def sentence(page: sync_api.Page) -> sync_api.Locator:
    return page.locator("#verdict .sentence")


def numbers(page: sync_api.Page) -> list[str]:
    """The label row as it reads, such as ``["Apple 48 %", …]``."""
    return [" ".join(text.split()) for text in page.locator("#numbers .confidence-set").all_inner_texts()]


def layer(page: sync_api.Page) -> sync_api.Locator:
    return page.locator("#picture .layer")


def expect_shown(page: sync_api.Page) -> None:
    expect(page.locator("#picture img")).to_be_visible()
    assert page.evaluate("document.querySelector('#picture img').naturalWidth") > 0


def test_upload_and_submit_give_sentence_and_numbers(page: sync_api.Page, classifier: FakeClassifier) -> None:
    choose(page, encode())
    submit(page)
    expect(sentence(page)).to_have_text("Pear, 94 %.")
    expect(page.locator("#verdict .detail")).to_have_text("The model is usually right at this level.")
    assert numbers(page) == ["Pear Fruit 94 %", "Quince 3 %", "Apple 2 %"]
    expect_shown(page)
    expect(page.locator("#picture figcaption")).to_have_text("slice.png, 120 × 90 pixels")
    expect(page.locator("#disclaimer")).to_contain_text("not a medical device")


def test_uncertain_answer_names_two_candidates(page: sync_api.Page) -> None:
    choose(page, encode(COLORS["uncertain"]))
    submit(page)
    expect(sentence(page)).to_have_text("Not sure: apple (48 %) or quince (41 %).")
    assert page.locator("#numbers .named dt").all_inner_texts() == ["Apple", "Quince"]
    expect(page.get_by_test_id("label-output-value")).to_have_count(0)  # gradio.Label's heading would name one


def test_rejected_picture_gets_numbers_but_no_crown(page: sync_api.Page) -> None:
    choose(page, encode(COLORS["rejected"]))
    submit(page)
    expect(sentence(page)).to_have_text("This does not look like a fruit, so no answer is given.")
    assert len(numbers(page)) == 3
    expect(page.locator("#numbers .named")).to_have_count(0)


def test_certainty_is_not_claimed_by_rounding(page: sync_api.Page) -> None:
    choose(page, encode(COLORS["certain"]))
    submit(page)
    expect(sentence(page)).to_have_text("Apple, >99 %.")
    assert numbers(page) == ["Apple >99 %", "Pear Fruit <1 %", "Quince <1 %"]


def test_numbers_follow_the_answer_when_they_change(page: sync_api.Page) -> None:
    """The figures in gradio.Label are corrected after each answer, also where Gradio itself changes nothing."""
    for name, expected in (("certain", "Apple >99 %"), ("uncertain", "Apple 48 %"), ("certain", "Apple >99 %")):
        choose(page, encode(COLORS[name]))
        submit(page)
        expect(page.locator("#verdict .source")).not_to_be_empty()
        expect(page.locator("#numbers dd").first).to_have_text(expected.split(" ", 1)[1])
        assert numbers(page)[0] == expected


def test_nothing_uploaded_and_submit_is_a_sentence(page: sync_api.Page, classifier: FakeClassifier) -> None:
    submit(page)
    expect(sentence(page)).to_have_text("There is no image yet.")
    assert classifier.calls == []


def test_clear_empties_everything(page: sync_api.Page) -> None:
    choose(page, encode())
    submit(page)
    expect(sentence(page)).to_contain_text("Pear")
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(sentence(page)).to_have_text("No answer yet.")
    expect(page.locator("#picture img")).to_be_hidden()
    expect(page.locator("#numbers .confidence-set")).to_have_count(0)
    submit(page)
    expect(sentence(page)).to_have_text("There is no image yet.")


def test_another_image_withdraws_the_answer(page: sync_api.Page) -> None:
    choose(page, encode())
    submit(page)
    expect(sentence(page)).to_contain_text("Pear")
    choose(page, encode(COLORS["uncertain"]), "other.png")
    expect(page.locator("#picture figcaption")).to_contain_text("other.png")
    expect(sentence(page)).to_have_text("No answer yet.")
    expect(page.locator("#numbers .confidence-set")).to_have_count(0)


def test_a_late_answer_does_not_stand_beside_another_image(page: sync_api.Page, classifier: FakeClassifier) -> None:
    classifier.delay_s = 1.5
    choose(page, encode())
    submit(page)
    expect(sentence(page)).to_have_text("Reading the image…")
    choose(page, encode(COLORS["uncertain"]), "other.png")
    expect(sentence(page)).to_have_text("No answer yet.")
    page.wait_for_timeout(2500)  # the first answer is ready by now, and must not appear
    expect(sentence(page)).to_have_text("No answer yet.")
    submit(page)
    expect(sentence(page)).to_contain_text("Not sure")


def test_bad_files_end_in_a_sentence_and_the_page_goes_on(page: sync_api.Page) -> None:
    for name, content in BAD_FILES.items():
        choose(page, content, name)
        expect(page.locator(".picture-message")).not_to_be_empty()
        submit(page)
        expect(page.locator("#verdict .verdict")).to_have_attribute("data-tone", "error")
        text = sentence(page).inner_text()
        assert text.endswith(".") and "Something went wrong" not in text, name
        assert "Traceback" not in page.inner_text("body"), name
        assert numbers(page) == [], name
    expect(page.locator(".toast-body")).to_have_count(0)
    choose(page, encode())
    submit(page)
    expect(sentence(page)).to_have_text("Pear, 94 %.")


def test_a_file_above_the_limit_is_not_sent(page: sync_api.Page, classifier: FakeClassifier) -> None:
    uploads: list[str] = []
    page.on("request", lambda request: uploads.append(request.url) if "/upload" in request.url else None)
    choose(page, b"x" * (MAX_FILE_BYTES + 1), "large.png")
    expect(sentence(page)).to_have_text("This file is larger than the 2 MB that are accepted.")
    assert uploads == []
    submit(page)
    expect(sentence(page)).to_have_text("There is no image yet.")


def test_the_classifier_gets_the_picture_as_it_was_uploaded(page: sync_api.Page, classifier: FakeClassifier) -> None:
    for name, content in GOOD_FILES.items():
        classifier.calls.clear()
        choose(page, content, name)
        expect_shown(page)
        submit(page)
        expect(page.locator("#verdict .source")).not_to_be_empty()
        (received,) = classifier.calls
        assert np.array_equal(received.pixels, load_image(content).pixels), name
        page.get_by_role("button", name="Clear", exact=True).click()
        expect(sentence(page)).to_have_text("No answer yet.")


def test_notes_stand_beside_the_answer(page: sync_api.Page) -> None:
    choose(page, GOOD_FILES["frames.gif"], "frames.gif")
    submit(page)
    expect(page.locator("#verdict .notes li")).to_have_text(["Only the first of 3 frames was read."])


def test_a_defect_shows_an_id_and_nothing_else(page: sync_api.Page) -> None:
    choose(page, encode((220, 20, 220)))
    submit(page)
    expect(sentence(page)).to_contain_text("Something went wrong (id ")
    assert "secret detail" not in page.content()


def test_the_heat_map_lies_on_the_picture(page: sync_api.Page) -> None:
    expect(page.locator("#heat")).to_be_hidden()
    for name in ("confident", "uncertain"):
        choose(page, encode(COLORS[name]))
        submit(page)
        expect(page.locator("#verdict .verdict")).to_have_attribute("data-tone", name)
        expect(layer(page)).to_be_visible()
        expect(page.locator(".heat-sentence")).to_contain_text("in the upper right part of the image")
        assert layer(page).evaluate("e => e.style.backgroundImage").startswith('url("data:image/png;base64,')
        assert layer(page).bounding_box() == page.locator("#picture img").bounding_box()
    expect(page.locator(".heat-bar span")).to_have_text(["no evidence", "", "strong evidence"])


def test_the_slider_changes_the_opacity_and_asks_nobody(page: sync_api.Page, classifier: FakeClassifier) -> None:
    choose(page, encode())
    submit(page)
    expect(layer(page)).to_have_css("opacity", "0.6")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    slider = page.get_by_role("slider", name="Opacity")
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    expect(layer(page)).to_have_css("opacity", "0.4")
    page.keyboard.press("End")
    expect(layer(page)).to_have_css("opacity", "1")
    assert not [url for url in requests if not url.startswith("data:")]
    submit(page)  # the next answer keeps what was set
    expect(page.locator("#submit")).to_have_attribute("aria-disabled", "false")
    expect(layer(page)).to_have_css("opacity", "1")
    assert len(classifier.calls) == 2


def test_the_switch_hides_the_heat_map(page: sync_api.Page) -> None:
    choose(page, encode())
    submit(page)
    expect(layer(page)).to_be_visible()
    switch = page.get_by_role("switch", name="Show where the evidence is")
    switch.focus()
    page.keyboard.press("Space")
    expect(layer(page)).to_be_hidden()
    expect(page.get_by_role("slider")).to_be_disabled()
    expect(page.locator("#picture img")).to_be_visible()
    choose(page, encode(COLORS["uncertain"]))
    submit(page)
    expect(sentence(page)).to_contain_text("Not sure")
    expect(layer(page)).to_be_hidden()  # it stays as it was set
    page.keyboard.press("Tab")
    switch.check()
    expect(layer(page)).to_be_visible()


def test_no_heat_map_without_an_answer(page: sync_api.Page) -> None:
    for content, tone in (
        (encode(COLORS["rejected"]), "rejected"),
        (b"text", "error"),
        (encode((220, 20, 220)), "error"),
    ):
        choose(page, encode())
        submit(page)
        expect(layer(page)).to_be_visible()
        choose(page, content)
        expect(layer(page)).to_be_hidden()
        submit(page)
        expect(page.locator("#verdict .verdict")).to_have_attribute("data-tone", tone)
        expect(layer(page)).to_be_hidden()
        expect(page.locator("#heat")).to_be_hidden()


def test_no_colour_where_no_place_stands_out(page: sync_api.Page) -> None:
    choose(page, encode(COLORS["certain"]))
    submit(page)
    expect(page.locator(".heat-sentence")).to_have_text("No place in the image stands out.")
    expect(layer(page)).to_be_hidden()
    expect(page.locator(".heat-controls")).to_be_hidden()


def test_the_heat_map_goes_with_the_image(page: sync_api.Page, classifier: FakeClassifier) -> None:
    choose(page, encode())
    submit(page)
    expect(layer(page)).to_be_visible()
    choose(page, encode(COLORS["uncertain"]), "other.png")
    expect(layer(page)).to_be_hidden()
    expect(page.locator("#heat")).to_be_hidden()
    submit(page)
    expect(layer(page)).to_be_visible()
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.locator("#heat")).to_be_hidden()
    assert layer(page).evaluate("e => e.style.backgroundImage") == ""
    classifier.delay_s = 1.0
    choose(page, encode())
    submit(page)
    expect(sentence(page)).to_have_text("Reading the image…")
    choose(page, encode(COLORS["rejected"]), "third.png")
    page.wait_for_timeout(2000)  # the late answer's map must not lie on another image
    expect(page.locator("#heat")).to_be_hidden()


def test_a_model_without_heat_maps_shows_no_controls(page: sync_api.Page, classifier: FakeClassifier) -> None:
    classifier.gives_maps = False
    choose(page, encode())
    submit(page)
    expect(sentence(page)).to_have_text("Pear, 94 %.")
    expect(page.locator("#heat")).to_be_hidden()


def test_text_from_outside_stays_text(page: sync_api.Page) -> None:
    name = "<img src=x onerror=alert(1)>${alert(2)}{{alert(3)}}.png"
    choose(page, encode(), name)
    expect_shown(page)
    choose(page, b"no picture", name)
    expect(page.locator(".picture-message")).not_to_be_empty()
    assert page.locator("img[src=x]").count() == 0


def test_examples_need_one_click(page: sync_api.Page) -> None:
    page.get_by_role("button", name="A riddle").click()
    expect(sentence(page)).to_have_text("Not sure: apple (48 %) or quince (41 %).")
    expect_shown(page)
    page.get_by_role("button", name="A pear").click()
    expect(sentence(page)).to_have_text("Pear, 94 %.")
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(sentence(page)).to_have_text("No answer yet.")
    page.get_by_role("button", name="A riddle").click()
    expect(sentence(page)).to_contain_text("Not sure")
    expect(page.locator("#submit")).to_have_attribute("aria-disabled", "false")
    submit(page)  # the example is the image now
    expect(page.locator("#verdict .source")).not_to_be_empty()
    expect(sentence(page)).to_contain_text("Not sure")


def test_of_many_clicks_the_last_one_counts(page: sync_api.Page, classifier: FakeClassifier) -> None:
    classifier.delay_s = 0.3
    expected = {"A pear": "Pear, 94 %.", "A riddle": "Not sure: apple (48 %) or quince (41 %)."}
    pressed = ("A pear", "A riddle", "A pear", "Clear", "A riddle", "A pear", "A riddle", "A riddle", "A pear")
    for number, name in enumerate(pressed):
        page.get_by_role("button", name=name).click()
        page.wait_for_timeout(70 * (number % 4))
    file_name = "confident.png"
    expect(sentence(page)).to_have_text(expected[pressed[-1]])
    expect(page.locator("#picture figcaption")).to_contain_text(file_name)
    page.wait_for_timeout(1000)  # nothing that is late may follow
    expect(sentence(page)).to_have_text(expected[pressed[-1]])
    expect(page.locator("#picture figcaption")).to_contain_text(file_name)
    assert numbers(page)[0] == "Pear Fruit 94 %"


def test_submit_pressed_twice_is_one_run(page: sync_api.Page, classifier: FakeClassifier) -> None:
    classifier.delay_s = 0.5
    choose(page, encode())
    submit(page)
    page.evaluate("document.querySelector('#submit').click()")
    expect(sentence(page)).to_have_text("Pear, 94 %.")
    assert len(classifier.calls) == 1
    submit(page)
    expect(page.locator("#submit")).to_have_attribute("aria-disabled", "false")
    assert len(classifier.calls) == 2


def test_a_lost_upload_is_a_sentence(page: sync_api.Page) -> None:
    """Uploads are deleted after a while; a page that was left open must not fail in silence."""
    choose(page, encode((31, 32, 33)), "kept-open.png")
    expect_shown(page)
    Path(page.evaluate("window.gyrus.image")).unlink()
    submit(page)
    expect(page.locator("#verdict .verdict")).to_have_attribute("data-tone", "error")
    expect(page.locator("#submit")).to_have_attribute("aria-disabled", "false")


def test_paste(page: sync_api.Page) -> None:
    _dispatch_file(page, "paste", encode(COLORS["uncertain"]))
    expect_shown(page)
    submit(page)
    expect(sentence(page)).to_contain_text("Not sure")


def test_drop_anywhere(page: sync_api.Page) -> None:
    _dispatch_file(page, "drop", encode(COLORS["uncertain"]))
    expect_shown(page)
    submit(page)
    expect(sentence(page)).to_contain_text("Not sure")


def _dispatch_file(page: sync_api.Page, kind: str, content: bytes) -> None:
    page.evaluate(
        """([kind, encoded]) => {
            const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], "given.png", { type: "image/png" }));
            const options = { bubbles: true, cancelable: true };
            document.body.dispatchEvent(kind === "paste"
                ? new ClipboardEvent(kind, { ...options, clipboardData: transfer })
                : new DragEvent(kind, { ...options, dataTransfer: transfer }));
        }""",
        [kind, base64.b64encode(content).decode()],
    )


def test_keyboard_alone(page: sync_api.Page, tmp_path: Path) -> None:
    path = tmp_path / "slice.png"
    path.write_bytes(encode())
    # Listened for from here on: Chromium is told of the listener without being waited for, and a key pressed at once
    # may come before it (then the system's own dialog opens, which nobody sees).
    page.once("filechooser", lambda chooser: chooser.set_files(path))
    _tab_to(page, "image-file")
    assert page.evaluate("getComputedStyle(document.querySelector('.choose')).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect_shown(page)
    _tab_to(page, "submit")
    page.keyboard.press("Enter")
    expect(sentence(page)).to_have_text("Pear, 94 %.")
    _tab_to(page, "clear")
    page.keyboard.press("Space")
    expect(sentence(page)).to_have_text("No answer yet.")


def _tab_to(page: sync_api.Page, element_id: str) -> None:
    for _ in range(10):
        if page.evaluate("document.activeElement.id") == element_id:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach #{element_id}")


def test_two_people_at_once(open_page: OpenPage, classifier: FakeClassifier) -> None:
    classifier.delay_s = 0.7
    first, second = open_page(), open_page()
    choose(first, encode())
    choose(second, encode(COLORS["uncertain"]))
    expect_shown(first)
    expect_shown(second)
    submit(first)
    submit(second)
    expect(sentence(second)).to_have_text("Not sure: apple (48 %) or quince (41 %).")
    expect(sentence(first)).to_have_text("Pear, 94 %.")


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_a_phone_sees_everything_in_order(open_page: OpenPage, color_scheme: str) -> None:
    page = open_page(width=375, height=812, color_scheme=color_scheme)
    choose(page, encode(), "a-very-long-name-" * 8 + ".png")
    expect_shown(page)
    submit(page)
    expect(sentence(page)).to_have_text("Pear, 94 %.")
    page.locator(".about summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    tops = [page.locator(part).bounding_box()["y"] for part in ("#image-row", "#submit", "#verdict", "#numbers")]
    assert tops == sorted(tops)
    assert tops[2] < 812, "the answer begins on the first screen"


def test_light_and_dark_differ_and_the_stage_stays_black(open_page: OpenPage) -> None:
    def color(page: sync_api.Page, selector: str) -> str:
        return str(page.evaluate("s => getComputedStyle(document.querySelector(s)).backgroundColor", selector))

    light, dark = open_page(color_scheme="light"), open_page(color_scheme="dark")
    assert color(light, "body") != color(dark, "body")
    assert color(light, "#image-row") == color(dark, "#image-row") == "rgb(0, 0, 0)"


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_axe_finds_nothing(open_page: OpenPage, color_scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = open_page(color_scheme=color_scheme, reduced_motion="reduce")
    page.locator(".about summary").click()
    for name in ("uncertain", "rejected"):
        choose(page, encode(COLORS[name]))
        submit(page)
        expect(page.locator("#verdict .verdict")).to_have_attribute("data-tone", name)
        results = axe.Axe().run(page, options={"resultTypes": ["violations"]})
        assert results.violations_count == 0, results.generate_report()


def test_the_head_says_what_this_is(page: sync_api.Page) -> None:
    assert page.title() == "Gyrus: Fruit"
    assert page.get_attribute("html", "lang") == "en"
    assert "apple, pear or quince" in (page.get_attribute("meta[name=description]", "content") or "")
    assert page.locator("footer").count() == 1, "Gradio's own footer is not shown"


def test_about_and_footer(page: sync_api.Page) -> None:
    about = page.locator("#about")
    expect(about.locator("div").first).to_be_hidden()
    about.get_by_text("About this model").click()
    for text in (
        "Tells fruit apart.",
        "Pear Fruit",
        "Accuracy",
        "0.93",
        "Orchard",
        "CC0",
        "medlar",
        "MIT",
        "fruit 1.2.3",
    ):
        expect(about).to_contain_text(text)
    expect(page.locator("footer")).to_contain_text("not a medical device")
    expect(page.locator("footer")).to_contain_text("fruit 1.2.3")


@pytest.fixture(scope="module")
def real_classifier() -> object:
    if not (BUNDLE / "bundle.json").is_file():
        pytest.skip("models/brain_tumor/bundle.json is absent: train it with python -m training")
    from inference import Classifier

    return Classifier.load(BUNDLE)


def test_the_real_model_keeps_the_promises_of_its_examples(
    real_classifier: object, open_page: Callable[..., sync_api.Page]
) -> None:
    from ui.web.page.examples import load_examples
    from ui.words.answer import present_prediction
    from ui.words.numbers import format_percent

    with serve_in_thread(real_classifier) as url:  # type: ignore[arg-type]
        page = open_page(url=url)
        for example in load_examples(real_classifier.bundle):  # type: ignore[attr-defined]
            page.get_by_role("button", name=example.caption).click()
            prediction = real_classifier.predict(example.path)  # type: ignore[attr-defined]
            tone = present_prediction(prediction, real_classifier.bundle).tone.value  # type: ignore[attr-defined]
            expect(page.locator("#verdict .verdict")).to_have_attribute("data-tone", tone)
            sentence = page.locator("#verdict .sentence").inner_text().lower()
            promised = example.promise.removeprefix("Expected: ")
            assert sentence.startswith(promised) or (promised in sentence and prediction.finding is None)
            assert (prediction.verdict.value, prediction.candidates[:1]) == (
                example.verdict,
                (example.label,) if example.label else (),
            )
            ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])
            assert numbers(page) == [f"{label} {format_percent(probability)}" for label, probability in ranked]
