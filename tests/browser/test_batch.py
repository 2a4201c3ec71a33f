"""What a person does with many files in the Batch tab, done by a real browser."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from inference import Classifier
from inference.__main__ import main
from tests.browser.conftest import SETTLED, OpenPage
from tests.clinical import box_volume, encode_nifti, encode_zip, write_series
from tests.fakes import FakeClassifier, make_leaves
from tests.pictures import COLORS, LEAF_COLORS, encode
from tests.serving import MAX_FILE_BYTES, serve_in_thread
from tests.tiny import striped, write_bundle
from ui.web.batch import routes

sync_api = pytest.importorskip("playwright.sync_api", reason="the PyPI package playwright is not installed")
expect = sync_api.expect


@pytest.fixture(autouse=True)
def described(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The fake has no network whose SHA-256 could be computed."""
    if "real" not in request.fixturenames:
        monkeypatch.setattr(routes, "describe_settings", lambda bundle, reading: {"model": bundle.name})


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server with a network, and its bundle."""
    bundle = write_bundle(tmp_path_factory.mktemp("real") / "tiny", background="No Tumor")
    with serve_in_thread(Classifier.load(bundle)) as url:
        yield url, bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve files: nine pictures, one of them twice, one that fails, and an archive."""
    folder = tmp_path / "here"
    folder.mkdir()
    for number in range(9):
        Image.fromarray(striped((number * 25, 250 - number * 20, 40))).save(folder / f"{number}.png")
    (folder / "copy.png").write_bytes((folder / "3.png").read_bytes())
    (folder / "broken.png").write_bytes(b"text")
    (folder / "z.zip").write_bytes(encode_zip({"a.png": encode(), "v.nii": encode_nifti(box_volume())}))
    return folder


def open_batch(page: sync_api.Page) -> sync_api.Page:
    page.get_by_role("tab", name="Batch").click()
    page.wait_for_selector("#batch-start")
    page.evaluate(SETTLED)
    return page


def choose(page: sync_api.Page, files: Any, part: str = "#batch-files") -> None:
    page.set_input_files(part, files)
    expect(page.locator(".batch-status")).to_contain_text("chosen")


def picture(name: str, color: tuple[int, int, int] = COLORS["confident"]) -> dict[str, Any]:
    return {"name": name, "mimeType": "", "buffer": encode(color)}


def start(page: sync_api.Page) -> sync_api.Locator:
    return page.locator("#batch-start")


def run_through(page: sync_api.Page) -> None:
    start(page).click()
    expect(start(page)).not_to_have_text("Stop")


def column(page: sync_api.Page, name: str) -> list[str]:
    return page.locator(f".batch tbody tr:not(.batch-look) td.col-{name}").all_inner_texts()


def download(page: sync_api.Page, kind: str) -> str:
    with page.expect_download(timeout=60_000) as waiting:
        page.locator(f'[data-download="{kind}"]').click()
    return Path(waiting.value.path()).read_bytes().decode()


def test_a_series_without_a_folder_has_a_name(open_page: OpenPage, real: tuple[str, Path], tmp_path: Path) -> None:
    page = open_batch(open_page(url=real[0]))
    choose(page, write_series(tmp_path / "series", 4))
    run_through(page)
    assert column(page, "path")[-1].startswith("the chosen files")
    assert page.locator(".batch-each input").evaluate("input => getComputedStyle(input).appearance") == "auto"


def test_downloads_are_what_the_command_line_writes(
    open_page: OpenPage, real: tuple[str, Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, bundle = real
    write_series(folder / "series", 4)
    page = open_batch(open_page(url=url))
    choose(page, folder, "#batch-folder")
    expect(page.locator(".batch-status")).to_have_text("16 files chosen.")
    run_through(page)
    expect(page.locator(".batch-status")).to_contain_text("16 of 16 files")
    expect(page.locator(".batch-error")).to_be_hidden()
    monkeypatch.chdir(folder.parent)
    for suffix in ("csv", "jsonl"):
        assert main(["here", "--model", str(bundle), "--out", f"rows.{suffix}"]) == 1
        assert download(page, suffix) == (folder.parent / f"rows.{suffix}").read_bytes().decode()
        sidecar = json.loads((folder.parent / "rows.json").read_text())
        summary = json.loads(download(page, "json"))
        assert summary["counts"] == sidecar["counts"]
        assert summary["counts"]["duplicates"] == 1, "the copy was not classified again"
        assert {key: sidecar[key] for key in ("program", "version", "complete")} == {
            key: summary[key] for key in ("program", "version", "complete")
        }
        del sidecar["settings"]["workers"]
        assert summary["settings"] == sidecar["settings"]
        (folder.parent / "rows.json").unlink()


def test_the_table_tells_all_and_sorts(page: sync_api.Page, classifier: FakeClassifier) -> None:
    open_batch(page)
    names = ("certain", "uncertain", "rejected", "confident")
    files = [picture(f"{number}-{name}.png", COLORS[name]) for number, name in enumerate(names)]
    choose(page, [*files, {"name": "10.png", "mimeType": "", "buffer": b"text"}])
    run_through(page)
    assert column(page, "path") == ["0-certain.png", "1-uncertain.png", "10.png", "2-rejected.png", "3-confident.png"]
    assert column(page, "group") == ["Confident", "Not sure", "Failed", "No answer", "Confident"]
    assert column(page, "answer")[0] == "Apple"
    assert "text file" in column(page, "answer")[2]
    assert column(page, "probability") == [">99 %", "48 %", "", "", "94 %"]
    head = page.get_by_role("columnheader", name="Probability")
    assert head.get_attribute("aria-sort") is None
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert column(page, "probability") == ["48 %", "94 %", ">99 %", "", ""]
    page.keyboard.press("Space")
    expect(head).to_have_attribute("aria-sort", "descending")
    assert column(page, "probability") == [">99 %", "94 %", "48 %", "", ""]
    page.get_by_role("columnheader", name="File").get_by_role("button").click()
    assert head.get_attribute("aria-sort") is None
    assert column(page, "path")[-1] == "10.png", "numbers in names count as numbers"
    page.get_by_label("Show", exact=True).select_option("Confident")
    assert column(page, "path") == ["0-certain.png", "3-confident.png"]
    expect(page.locator(".batch-more")).to_contain_text("2 of 2 rows")


def test_findings_are_sorted_and_filtered_by_how_suspicious_they_are(open_page: OpenPage) -> None:
    with serve_in_thread(make_leaves(), FakeClassifier()) as url:  # type: ignore[arg-type]
        page = open_batch(open_page(url=url))
        choose(page, [picture(f"{number}-{name}.png", LEAF_COLORS[name]) for number, name in enumerate(LEAF_COLORS)])
        run_through(page)
        heads = ["File", "Slice", "Finding", "Probability", "Type"]
        assert [text.strip() for text in page.locator(".batch th").all_text_contents()] == heads
        assert column(page, "group") == ["Disease", "Disease", "No answer", "No disease", "Unclear"]
        assert column(page, "probability") == ["99 %", "98 %", "", "97 %", "38 %"]
        assert column(page, "answer")[:2] == ["Scab 96 %", "Canker 56 % or mildew 41 %"]
        expect(page.locator(".batch-status")).to_contain_text("2 disease, 1 no disease, 1 unclear, 1 no answer.")
        page.get_by_role("columnheader", name="Finding").get_by_role("button").click()
        assert column(page, "path") == [
            "0-scab.png", "1-disease.png", "4-unclear.png", "3-healthy.png", "2-rejected.png",
        ]  # fmt: skip
        page.get_by_label("Show", exact=True).select_option("Unclear")
        assert column(page, "path") == ["4-unclear.png"]
        page.locator(".batch tbody tr").first.click()
        expect(page.locator(".look .sentence")).to_have_text("Unclear: a disease is possible (38 %).")
        page.get_by_label("Model").select_option("fruit")
        run_through(page)
        assert [text.strip() for text in page.locator(".batch th").all_text_contents()][2:] == [
            "Answer", "Probability", "Verdict",
        ]  # fmt: skip
        assert page.get_by_label("Show", exact=True).locator("option").first.inner_text() == "all verdicts"


def test_stop_keeps_the_rows_and_stops_the_server(page: sync_api.Page, classifier: FakeClassifier) -> None:
    open_batch(page)
    classifier.delay_s = 0.05
    archive = encode_zip({f"{number:03}.png": encode((number, 9, 9)) for number in range(200)})
    choose(page, [{"name": "z.zip", "mimeType": "", "buffer": archive}, picture("zz.png")])
    start(page).click()
    expect(page.locator(".batch tbody tr").first).to_be_visible()
    start(page).click()
    expect(start(page)).to_have_text("Go on")
    expect(page.locator(".batch-spoken")).to_contain_text("Stopped.")
    rows = len(column(page, "path"))
    assert 16 <= rows < 150
    time.sleep(1.5)  # the pictures that the server had in hand
    seen = len(classifier.calls)
    assert seen < 200
    time.sleep(0.7)
    assert len(classifier.calls) == seen, "the server goes on"
    assert len(column(page, "path")) == rows
    assert len(download(page, "jsonl").splitlines()) == rows
    assert json.loads(download(page, "json"))["complete"] is False
    classifier.delay_s = 0.0
    run_through(page)
    expect(page.locator(".batch-status")).to_contain_text("2 of 2 files")
    lines = [json.loads(line)["path"] for line in download(page, "jsonl").splitlines()]
    assert lines == [*(f"z.zip/{number:03}.png" for number in range(200)), "zz.png"], "each once, in order"
    expect(page.locator(".batch-more")).to_contain_text("200 of 201 rows")
    page.get_by_role("button", name="Show more").click()
    assert len(column(page, "path")) == 201


def test_clear_in_the_middle_empties_everything(page: sync_api.Page, classifier: FakeClassifier) -> None:
    open_batch(page)
    classifier.delay_s = 0.05
    choose(page, [picture(f"{number}.png", (number, 9, 9)) for number in range(80)])
    start(page).click()
    expect(page.locator(".batch tbody tr").first).to_be_visible()
    page.locator("#batch-clear").click()
    expect(start(page)).to_have_text("Start")
    expect(start(page)).to_have_attribute("aria-disabled", "true")
    page.wait_for_timeout(1500)  # nothing that is late may follow
    expect(page.locator(".batch-results")).to_be_hidden()
    expect(page.locator(".batch-progress")).to_be_hidden()
    classifier.delay_s = 0.0
    choose(page, [picture("a.png")])
    run_through(page)
    assert column(page, "path") == ["a.png"]
    expect(page.locator(".batch-status")).to_have_text("1 of 1 file, 1 confident.")


def test_a_row_shows_its_picture(page: sync_api.Page, classifier: FakeClassifier) -> None:
    open_batch(page)
    volume = encode_nifti(box_volume())
    archive = encode_zip({"in.png": encode(COLORS["uncertain"])})
    contents = {"v.nii": volume, "z.zip": archive}
    files = [{"name": name, "mimeType": "", "buffer": content} for name, content in contents.items()]
    choose(page, [picture("a.png"), *files])
    run_through(page)
    assert column(page, "slice") == ["", "all 6", ""]
    for number, sentence in enumerate(("Pear, 94 %.", "Pear, 94 %.", "Not sure: apple (48 %) or quince (41 %).")):
        button = page.locator(".batch tbody td.col-path button").nth(number)
        button.focus()
        page.keyboard.press("Enter")
        expect(button).to_have_attribute("aria-expanded", "true")
        expect(page.locator(".look .sentence")).to_have_text(sentence)
        expect(page.locator(".look img")).to_be_visible()
        assert page.evaluate("document.querySelector('.look img').naturalWidth") > 0
        page.keyboard.press("Enter")
        expect(page.locator(".look")).to_have_count(0)
    page.get_by_label("each slice of a volume").check()
    assert column(page, "slice")[1:8] == ["1", "2", "3", "4", "5", "6", "all 6"]
    page.locator(".batch tbody tr").first.click()
    page.get_by_role("button", name="Open in One image").click()
    expect(page.locator("#verdict .sentence")).to_have_text("Pear, 94 %.")
    expect(page.locator("#picture figcaption")).to_contain_text("a.png")
    page.get_by_role("tab", name="Batch").click()
    assert len(column(page, "path")) == 9, "the rows are still there"


def test_what_is_dropped_is_meant_for_the_tab_that_is_shown(page: sync_api.Page, classifier: FakeClassifier) -> None:
    open_batch(page)
    drop = """(name) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File(["text"], name));
        const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
        document.body.dispatchEvent(new DragEvent("dragenter", options));
        document.body.dispatchEvent(new DragEvent("drop", options));
    }"""
    page.evaluate(drop, "b.png")
    expect(page.locator(".batch-status")).to_have_text("1 file chosen.")
    assert page.evaluate("window.gyrus.image") is None
    page.evaluate(drop, "b.png")
    expect(page.locator(".batch-status")).to_have_text("2 files chosen.")
    run_through(page)
    assert column(page, "path") == ["b.png", "b (2).png"]
    page.get_by_role("tab", name="One image").click()
    page.evaluate(drop, "c.png")
    expect(page.locator(".picture-message")).not_to_be_empty()
    page.get_by_role("tab", name="Batch").click()
    expect(page.locator(".batch-status")).to_contain_text("2 of 2 files")
    assert not page.locator(".dragging, .dragging-file").count()


def test_limits_are_said_and_kept(page: sync_api.Page, classifier: FakeClassifier) -> None:
    open_batch(page)
    expect(page.locator(".batch-limits")).to_contain_text("At most 10,000 files of 2 MB each")
    sent: list[int] = []
    page.on("request", lambda request: sent.append(len(request.post_data_buffer or b"")))
    large = {"name": "large.png", "mimeType": "", "buffer": b"x" * (MAX_FILE_BYTES + 1)}
    choose(page, [large, {"name": ".DS_Store", "mimeType": "", "buffer": b"x"}])
    expect(page.locator(".batch-status")).to_have_text("1 file chosen.")  # hidden files are left out
    run_through(page)
    assert column(page, "answer") == ["A file of at most 2 MB is accepted; received 2 MB."]
    assert max(sent) < 1000, "it was not sent"
    page.locator("#batch-clear").click()
    page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            for (let number = 0; number < 10001; number += 1) transfer.items.add(new File(["x"], `${number}.png`));
            const input = document.querySelector("#batch-files");
            input.files = transfer.files;
            input.dispatchEvent(new Event("change", { bubbles: true }));
        }"""
    )
    expect(page.get_by_role("alert")).to_contain_text("at most 10,000 files is accepted; received 10,001 files")


def test_a_server_that_is_gone_is_a_sentence_and_go_on_does_the_rest(
    page: sync_api.Page, classifier: FakeClassifier
) -> None:
    open_batch(page)
    choose(page, [picture(f"{number}.png", (number, 9, 9)) for number in range(40)])
    head = json.dumps({"version": "1", "columns": [], "groups": [], "filter": ""})
    page.route("**/batch/rows*", lambda route: route.fulfill(status=200, body=f"{head}\n"))
    run_through(page)
    expect(page.get_by_role("alert")).to_contain_text("The program broke off.")
    page.unroute("**/batch/rows*")
    run_through(page)
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.locator(".batch-status")).to_contain_text("40 of 40 files, 40 confident.")


def test_arrow_keys_move_between_the_tabs(page: sync_api.Page) -> None:
    page.get_by_role("tab", name="One image").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Batch")).to_be_focused()
    expect(page.get_by_role("tab", name="Batch")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#batch-start")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="One image")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("End")
    expect(page.get_by_role("tab", name="Batch")).to_be_focused()


def test_text_from_outside_stays_text(page: sync_api.Page, classifier: FakeClassifier) -> None:
    open_batch(page)
    name = "<img src=x onerror=alert(1)>${alert(2)}.png"
    choose(page, [picture(name), {"name": f"b{name}", "mimeType": "", "buffer": b"text"}])
    run_through(page)
    assert column(page, "path") == [name, f"b{name}"]
    page.locator(".batch tbody tr").first.click()
    expect(page.locator(".look img")).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_a_phone_needs_no_scrolling_sideways_and_axe_finds_nothing(
    open_page: OpenPage, classifier: FakeClassifier, color_scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = open_batch(open_page(width=375, height=812, color_scheme=color_scheme, reduced_motion="reduce"))
    volume = {"name": "v.nii", "mimeType": "", "buffer": encode_nifti(box_volume())}
    bad = {"name": "bad.png", "mimeType": "", "buffer": b"text"}
    choose(page, [picture("a-very-long-name-" * 6 + ".png"), volume, bad])
    run_through(page)
    page.locator(".batch tbody tr").first.click()
    expect(page.locator(".look img")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    results = axe.Axe().run(page, options={"resultTypes": ["violations"]})
    assert results.violations_count == 0, results.generate_report()
    page.set_viewport_size({"width": 1280, "height": 800})
    results = axe.Axe().run(page, options={"resultTypes": ["violations"]})
    assert results.violations_count == 0, results.generate_report()


def test_another_model_starts_again(open_page: OpenPage) -> None:
    from tests.fakes import make_breeds

    with serve_in_thread(FakeClassifier(), make_breeds()) as url:
        page = open_batch(open_page(url=url))
        choose(page, [picture("a.png")])
        run_through(page)
        assert column(page, "answer") == ["Pear"]
        page.get_by_label("Model").select_option("breeds")
        expect(start(page)).to_have_text("Start again")
        run_through(page)
        assert column(page, "answer") == ["Zwergpudel"]
        assert json.loads(download(page, "json"))["settings"] == {"model": "breeds"}
