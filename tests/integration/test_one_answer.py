"""One image, one answer: the command line, Python, the API, ``gradio_client`` and the page in a browser agree."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file

from inference import Classifier, Verdict
from inference.model.bundle import DEFAULT_MODEL
from tests.serving import serve_in_thread

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("GYRUS_DATA") or "nowhere")
TOLERANCE = 1e-5

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="GYRUS_DATA names no folder of real images")


def find_slices() -> list[Path]:
    """A slice of each class that training did not see, from the data; else the bundle's own example."""
    if not DATA.is_dir():
        return sorted((DEFAULT_MODEL / "examples").glob("*.png"))[:1]
    with (DATA / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["cheng_fold"] == "1"]
    return [DATA / next(row["path"] for row in rows if row["label"] == name) for name in ("glioma", "pituitary")]


SLICES = find_slices()


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(DEFAULT_MODEL)


@pytest.fixture(scope="module")
def address(classifier: Classifier) -> Iterator[str]:
    with serve_in_thread(classifier) as address:
        yield address


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, object]]:
    """What the command line says, in a process of its own."""
    command = [sys.executable, "-m", "inference", *map(str, SLICES)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {row["path"]: row for row in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("path", SLICES, ids=lambda path: path.name)
def test_python_api_and_client_equal_the_command_line(
    path: Path, classifier: Classifier, address: str, rows: dict[str, dict[str, object]]
) -> None:
    expected = rows[str(path)]["probabilities"]
    assert dict(classifier.predict(path).probabilities) == pytest.approx(expected, abs=TOLERANCE)
    row = httpx.post(f"{address}api/classify", files={"file": path.read_bytes()}, timeout=60).json()
    assert row["probabilities"] == pytest.approx(expected, abs=TOLERANCE)
    assert row["verdict"] == rows[str(path)]["verdict"]
    numbers, answer = Client(address, verbose=False).predict(handle_file(path), api_name="/classify")
    told = {entry["label"]: entry["confidence"] for entry in numbers["confidences"]}
    assert told == pytest.approx(expected, abs=TOLERANCE)
    assert answer["verdict"] == row["verdict"]


@pytest.mark.parametrize("path", SLICES[:1], ids=lambda path: path.name)
def test_the_page_shows_the_command_lines_answer(
    path: Path,
    address: str,
    rows: dict[str, dict[str, object]],
    browser: Any,
) -> None:
    page = browser.new_page()
    try:
        page.goto(address)
        page.set_input_files("input[type=file]", str(path))
        page.get_by_role("button", name="Submit").click()
        label = str(rows[str(path)]["label"])
        page.get_by_text(label).first.wait_for(timeout=30_000)
        share = rows[str(path)]["probabilities"][label]  # type: ignore[index]
        assert f"{share * 100:.0f}" in page.inner_text("body")
    finally:
        page.close()


@needs_data
def test_what_is_not_a_brain_is_refused(classifier: Classifier) -> None:
    for kind in ("HeadCT", "AbdomenCT", "CXR"):
        paths = sorted((DATA / "not_brain" / kind).glob("*.jpeg"))[:20]
        verdicts = [prediction.verdict for prediction in classifier.predict_many(paths)]
        assert verdicts.count(Verdict.REJECTED) >= 19, kind


@needs_data
def test_unseen_slices_are_mostly_right(classifier: Classifier) -> None:
    labels = {"glioma": "Glioma Tumor", "meningioma": "Meningioma Tumor", "pituitary": "Pituitary Tumor"}
    with (DATA / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["cheng_fold"] == "1"][::8]
    predictions = classifier.predict_many(DATA / row["path"] for row in rows)
    right = [labels[row["label"]] == prediction.label for row, prediction in zip(rows, predictions, strict=True)]
    # 94 % of the whole fold (MODEL_CARD.md); every eighth slice of it, so some points less are chance
    assert sum(right) / len(right) > 0.88
