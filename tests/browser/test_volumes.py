"""What a person does with a volume on the page: planes, strip, plot, reports; with WebGL 2 and without."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.browser.conftest import OpenPage
from tests.browser.test_page import choose, expect_shown, sentence, submit
from tests.clinical import box_volume, encode_nifti, encode_zip, write_series
from tests.conftest import Launch
from tests.fakes import FakeClassifier, make_bundle
from tests.pictures import COLORS, encode
from tests.serving import serve_in_thread

sync_api = pytest.importorskip("playwright.sync_api", reason="the PyPI package playwright is not installed")
expect = sync_api.expect

COUNT = 6
AFFINE = np.diag([-2.0, -2.0, 4.0, 1.0])
VOLUME = encode_nifti(box_volume((40, 48, COUNT)), AFFINE)


@pytest.fixture(scope="module")
def browser(launch: Launch) -> Iterator[sync_api.Browser]:
    """One that has WebGL 2 without a graphics card, which makes everything slower."""
    with launch("--use-angle=swiftshader", "--enable-unsafe-swiftshader") as running:
        yield running


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    bundle = make_bundle(Path(__file__).parents[2] / "models" / "brain_tumor", background="Quince")
    with serve_in_thread(FakeClassifier(bundle=bundle)) as url:  # type: ignore[arg-type]
        yield url


def viewer(page: sync_api.Page) -> sync_api.Locator:
    return page.locator(".viewer")


def expect_slice(page: sync_api.Page, number: int) -> None:
    """Viewer, plot and strip show the same slice, counted from 1."""
    expect(viewer(page)).to_have_attribute("data-slice", str(number))
    expect(page.get_by_role("slider", name="Slice")).to_have_value(str(number))
    expect(page.locator(".here")).to_contain_text(f"Slice {number}")
    marked = page.locator('.strip [aria-pressed="true"]')
    expect(marked).to_have_attribute("data-index", str(number - 1))


def answer(page: sync_api.Page, content: bytes = VOLUME, name: str = "scan.nii") -> None:
    choose(page, content, name)
    expect(page.locator("#picture figcaption")).to_contain_text("slice 4 of 6")
    submit(page)
    expect(sentence(page)).to_have_text("Pear, 94 %.")


def brightest(page: sync_api.Page) -> int:
    """The largest colour value that the three planes show."""
    return int(
        page.evaluate(
            """async () => {
                const copy = document.createElement("canvas");
                const canvas = document.querySelector(".planes canvas");
                [copy.width, copy.height] = [canvas.width, canvas.height];
                const context = copy.getContext("2d");
                document.dispatchEvent(new CustomEvent("gyrus-heat")); // draws, so that there is something to copy
                context.drawImage(canvas, 0, 0);
                const { data } = context.getImageData(0, 0, copy.width, copy.height);
                return data.reduce((most, value, at) => (at % 4 < 3 && value > most ? value : most), 0);
            }"""
        )
    )


def test_a_volume_is_seen_answered_and_walked_through(open_page: OpenPage) -> None:
    page = open_page()
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    choose(page, encode())
    expect_shown(page)
    submit(page)
    expect(sentence(page)).to_have_text("Pear, 94 %.")
    expect(page.locator("#slices")).to_be_hidden()
    assert not [url for url in fetched if "niivue" in url], "the viewer is fetched when a volume comes, and not before"

    choose(page, VOLUME, "scan.nii")
    expect(page.locator("#picture figcaption")).to_have_text("scan.nii, 40 × 48 pixels, slice 4 of 6")
    expect(viewer(page)).to_have_attribute("data-shown", str(COUNT))
    expect(viewer(page)).to_have_attribute("data-heat", "")
    assert brightest(page) > 100
    submit(page)
    expect(sentence(page)).to_have_text("Pear, 94 %.")
    expect(page.locator("#verdict .notes")).to_contain_text("This is the answer for all 6 slices together.")
    expect(viewer(page)).to_have_attribute("data-heat", "0.6")
    expect(page.locator("#slices h2")).to_have_text("How probable a finding is, slice by slice")
    assert page.locator(".strip button").count() == COUNT
    best = int(page.locator(".strip button:has(.best-mark)").get_attribute("data-index") or -1) + 1
    expect_slice(page, best)

    page.locator(".strip button").nth(3).click()
    expect_slice(page, 4)
    page.locator(".strip button").nth(5).focus()
    page.keyboard.press("Enter")
    expect_slice(page, 6)
    slider = page.get_by_role("slider", name="Slice")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect_slice(page, 5)
    assert slider.get_attribute("aria-valuetext") == "Slice 5, 97 %, suspicious"
    field = page.locator(".plot .field").bounding_box()
    assert field
    page.mouse.click(field["x"] + field["width"] * 1.5 / COUNT, field["y"] + 20)
    expect_slice(page, 2)


def test_the_crosshair_moves_the_mark(open_page: OpenPage) -> None:
    page = open_page()
    answer(page)
    expect(viewer(page)).to_have_attribute("data-heat", "0.6")
    before = viewer(page).get_attribute("data-slice") or ""
    box = page.locator(".planes canvas").bounding_box()
    assert box
    # near the upper edge stand the coronal and the sagittal plane, whatever the room; only they lead to another slice
    page.mouse.click(box["x"] + 0.55 * box["width"], box["y"] + 0.08 * box["height"])
    expect(viewer(page)).not_to_have_attribute("data-slice", before)
    expect_slice(page, int(viewer(page).get_attribute("data-slice") or 0))


def test_switch_and_slider_of_the_heat_map(open_page: OpenPage) -> None:
    page = open_page()
    answer(page)
    expect(viewer(page)).to_have_attribute("data-heat", "0.6")
    page.get_by_role("slider", name="Opacity").focus()
    page.keyboard.press("End")
    expect(viewer(page)).to_have_attribute("data-heat", "1")
    expect(page.locator(".strip .layer").first).to_have_css("opacity", "1")
    page.get_by_role("switch", name="Show where the evidence is").uncheck()
    expect(viewer(page)).to_have_attribute("data-heat", "0")
    expect(page.locator(".strip .layer").first).to_be_hidden()


def test_clear_and_another_image_take_everything_away(open_page: OpenPage) -> None:
    page = open_page()
    answer(page)
    expect(viewer(page)).to_have_attribute("data-heat", "0.6")
    choose(page, encode(COLORS["uncertain"]), "other.png")
    expect(page.locator("#picture figcaption")).to_contain_text("other.png")
    for part in (".viewer", "#slices", "#downloads"):
        expect(page.locator(part)).to_be_hidden()
    answer(page)
    expect(viewer(page)).to_be_visible()
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(sentence(page)).to_have_text("No answer yet.")
    for part in (".viewer", "#slices", "#downloads"):
        expect(page.locator(part)).to_be_hidden()


def test_a_refused_volume_has_planes_but_neither_plot_nor_colour(open_page: OpenPage, tmp_path: Path) -> None:
    green = encode(COLORS["rejected"])
    page = open_page()
    choose(page, encode_zip({"a.png": green}), "one.zip")
    submit(page)
    expect(sentence(page)).to_contain_text("This does not look like a fruit")
    expect(page.locator("#slices")).to_be_hidden()


def test_the_table_says_it_without_a_picture(open_page: OpenPage) -> None:
    page = open_page()
    answer(page)
    page.get_by_text("All slices as a table").click()
    rows = page.locator(".slice-table tbody tr")
    expect(rows).to_have_count(COUNT)
    assert rows.nth(4).locator("td").all_inner_texts()[0] == "97 %"
    assert page.locator(".plot svg title").text_content() == page.locator("#slices h2").inner_text()


def test_several_dicom_files_are_a_series(open_page: OpenPage, tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    page = open_page()
    paths = write_series(tmp_path, 5, PixelSpacing=[1.0, 1.0], StudyInstanceUID="1.2.3")
    page.set_input_files("#image-file", paths)
    expect(page.locator("#picture figcaption")).to_contain_text("slice 3 of 5")
    submit(page)
    expect(sentence(page)).to_have_text("Pear, 94 %.")
    expect(page.locator("#downloads button:visible")).to_have_count(5)
    with page.expect_download(timeout=60_000) as waiting:
        page.get_by_role("button", name="DICOM report").click()
    assert Path(waiting.value.path()).read_bytes()[128:132] == b"DICM"
    expect(page.locator(".saved")).to_have_text("gyrus-report.dcm was saved.")


def test_saving_and_a_lost_upload(open_page: OpenPage) -> None:
    page = open_page()
    answer(page)
    with page.expect_download(timeout=60_000) as waiting:
        page.get_by_role("button", name="CSV").click()
    assert waiting.value.suggested_filename == "gyrus.csv"
    rows = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text(encoding="utf-8"))))
    assert [row["slice"] for row in rows] == [*map(str, range(1, COUNT + 1)), ""]
    Path(page.evaluate("window.gyrus.image")).unlink()
    page.get_by_role("button", name="JSON Lines").click()
    expect(page.locator(".saved")).to_contain_text("Choose it again")


def test_one_of_several_scans_is_chosen(open_page: OpenPage) -> None:
    page = open_page()
    choose(page, encode_zip({"a.png": encode(COLORS["uncertain"]), "b.nii": VOLUME}), "all.zip")
    picker = page.get_by_label("Scan in this archive")
    expect(picker).to_be_visible()
    submit(page)
    expect(sentence(page)).to_contain_text("Not sure")
    picker.select_option("b.nii")
    expect(sentence(page)).to_have_text("No answer yet.")
    expect(page.locator("#picture figcaption")).to_contain_text("slice 4 of 6")
    submit(page)
    expect(page.locator(".strip button")).to_have_count(COUNT)
    choose(page, encode())
    expect(picker).to_be_hidden()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_a_phone_sees_the_volume_in_order(open_page: OpenPage, color_scheme: str) -> None:
    page = open_page(width=375, height=812, color_scheme=color_scheme)
    answer(page)
    expect(viewer(page)).to_have_attribute("data-heat", "0.6")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    tops = [page.locator(part).bounding_box()["y"] for part in (".viewer", "#submit", "#verdict", ".plot", ".strip")]
    assert tops == sorted(tops)


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_axe_finds_nothing(open_page: OpenPage, color_scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = open_page(color_scheme=color_scheme, reduced_motion="reduce")
    answer(page)
    expect(viewer(page)).to_have_attribute("data-heat", "0.6")
    page.get_by_text("All slices as a table").click()
    results = axe.Axe().run(page, options={"resultTypes": ["violations"]})
    assert results.violations_count == 0, results.generate_report()


def test_without_webgl_there_is_a_sentence_and_the_rest(open_page: OpenPage) -> None:
    page = open_page()
    page.evaluate("HTMLCanvasElement.prototype.getContext = () => null")
    answer(page)
    expect(page.locator(".viewer-message")).to_contain_text("This browser cannot draw the three planes")
    expect(viewer(page)).to_be_hidden()
    expect_shown(page)
    expect(page.locator("#picture figcaption")).to_contain_text("slice 2 of 6")
    expect(page.locator("#picture .layer")).to_be_visible()
    page.locator(".strip button").nth(3).click()
    expect(page.get_by_role("slider", name="Slice")).to_have_value("4")


def test_a_broken_volume_is_a_sentence(open_page: OpenPage) -> None:
    page = open_page()
    choose(page, VOLUME[:-100], "cut.nii")
    expect(page.locator(".picture-message")).to_contain_text("voxels end before the last slice")
    submit(page)
    expect(sentence(page)).to_contain_text("voxels end before the last slice")
    expect(viewer(page)).to_be_hidden()
