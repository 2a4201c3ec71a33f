"""Every option works wherever it can be given: fronts × kinds of file × options, with one network behind them all."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from inference import Catalogue, Classifier
from inference.__main__ import main as classify
from inference.settings import Settings
from tests.clinical import box_volume, build_dicom, encode_dicom, encode_nifti, encode_zip, write_series
from tests.tiny import EVIDENCE_WEIGHTS, LABELS, WEIGHTS, striped, write_bundle, write_onnx
from ui.desktop.answering import answer_file
from ui.reports.topic import build_topic, choose_scan
from ui.web.server import build_app

SHAPE = (40, 48, 36)
"""Of the NIfTI volume: how many slices there are tells the plane."""

SLICES = {"axial": 36, "coronal": 48, "sagittal": 40}

UNEQUAL = np.array([1.0, 1.5, 2.0, 2.5], np.float32)
"""Makes the network's answer to a grey picture depend on how bright it is."""

WINDOWED = {"WindowCenter": 100.0, "WindowWidth": 50.0}
"""A window in which nearly all of the DICOM slices is white; by its own values each is a ramp."""


def make_series(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in write_series(folder, 4, StudyInstanceUID="1.2.3", **WINDOWED)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file, or for a series a folder, of each kind."""
    root = tmp_path_factory.mktemp("files")
    made = {
        "picture": ("a.png", encode_array(striped((200, 60, 30)))),
        "dicom": ("IM1", encode_dicom(build_dicom(StudyInstanceUID="1.2.3", **WINDOWED))),
        "nifti": ("head.nii", encode_nifti(box_volume(SHAPE))),
        "zip": ("study.zip", encode_zip(make_series(root / "unpacked"))),
    }
    paths = {kind: root / name for kind, (name, _) in made.items()}
    for kind, (_, content) in made.items():
        paths[kind].write_bytes(content)
    return {**paths, "series": root / "unpacked"}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two models: one with a heat map, and one that puts the labels the other way round."""
    root = tmp_path_factory.mktemp("bundles")
    for name, labels in (("tiny", LABELS), ("other", LABELS[::-1])):
        (root / name).mkdir()
        write_onnx(root / name / "model.onnx", weights=WEIGHTS * UNEQUAL, evidence=EVIDENCE_WEIGHTS)
        write_bundle(root / name, name=name, labels=labels, background="No Tumor", modalities=["MR"])
    return {name: root / name for name in ("tiny", "other")}


@pytest.fixture(scope="module")
def client(bundles: dict[str, Path]) -> Any:
    models = Catalogue.of(*map(Classifier.load, bundles.values()))
    with TestClient(build_app(models, Settings())) as client:
        yield client


def encode_array(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


Rows = list[dict[str, Any]]
"""Of a volume a row a slice, and the whole's last; of a picture one."""

Asked = dict[str, Any]


def ask_api(client: TestClient, path: Path, **options: Any) -> Rows:
    answer = client.post("/api/classify", params=options, files={"file": (path.name, path.read_bytes())})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return [*body.pop("slices", []), body]


def ask_command(path: Path, bundle: Path, capsys: pytest.CaptureFixture[str], **options: Any) -> Rows:
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    assert classify([str(path), "--model", str(bundle), *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


Front = Callable[..., Rows]


@pytest.fixture(params=["api", "command line"])
def front(
    request: pytest.FixtureRequest,
    client: TestClient,
    bundles: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
) -> Front:
    """A front that takes all options that rows depend on; the API is not sent a folder."""

    def ask(path: Path, *, model: str = "tiny", **options: Any) -> Rows:
        if request.param == "api":
            if path.is_dir():
                pytest.skip("a series is sent as a zip archive, which is a kind of its own here")
            return ask_api(client, path, model=model, **options)
        return ask_command(path, bundles[model], capsys, **options)

    return ask


KINDS = ["picture", "dicom", "series", "nifti", "zip"]

kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
def test_top(front: Front, files: dict[str, Path], kind: str) -> None:
    every, few = front(files[kind]), front(files[kind], top=2)
    assert [len(row["probabilities"]) for row in every] == [4] * len(every)
    assert [len(row["probabilities"]) for row in few] == [2] * len(every)
    assert [row["label"] for row in few] == [row["label"] for row in every]


@kinds
@pytest.mark.parametrize("plane", list(SLICES))
def test_plane(front: Front, files: dict[str, Path], kind: str, plane: str) -> None:
    *slices, _ = front(files[kind], plane=plane)
    wanted = {"picture": 0, "dicom": 0, "series": 4, "zip": 4, "nifti": SLICES[plane]}[kind]
    assert len(slices) == wanted, "only a NIfTI volume is cut; the others stay as they were taken"


@kinds
def test_window(front: Front, files: dict[str, Path], kind: str) -> None:
    own, of_file = front(files[kind], window="percentile"), front(files[kind], window="file")
    is_windowed = kind in ("dicom", "series", "zip")
    assert (own[0]["probabilities"] != of_file[0]["probabilities"]) == is_windowed
    assert len(own) == len(of_file)


@kinds
def test_model(front: Front, files: dict[str, Path], kind: str) -> None:
    one, other = front(files[kind], model="tiny"), front(files[kind], model="other")
    assert list(one[-1]["probabilities"]) == LABELS
    assert list(other[-1]["probabilities"]) == LABELS[::-1]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "series"])
def test_explain_in_the_api(client: TestClient, files: dict[str, Path], kind: str) -> None:
    """A PNG of the picture, or of the slice that shows a volume's answer; the row of the whole in a header."""
    path = files[kind]
    answer = client.post(
        "/api/classify", params={"explain": 1, "top": 1}, files={"file": (path.name, path.read_bytes())}
    )
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")
    row = json.loads(answer.headers["gyrus-row"])
    assert len(row["probabilities"]) == 1
    assert ("volume" in row) == (kind in ("nifti", "zip"))


@kinds
def test_explain_in_a_report(bundles: dict[str, Path], files: dict[str, Path], kind: str) -> None:
    from inference.answer.answer import answer_scan
    from inference.imaging.types import ReadOptions

    classifier = Classifier.load(bundles["tiny"])
    with choose_scan(files[kind], ReadOptions(), None) as scan:
        topic = build_topic(answer_scan(classifier, scan, explain=True), classifier.bundle)
    assert topic.heatmap is not None
    assert topic.heatmap.values.shape == topic.picture.pixels.shape[:2]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "series"])
def test_explain_in_the_window(bundles: dict[str, Path], files: dict[str, Path], kind: str) -> None:
    shown = answer_file(Classifier.load(bundles["tiny"]), files[kind])
    assert shown.heat is not None
    assert shown.prediction.heatmap is not None
    assert shown.prediction.heatmap.values.shape == shown.view.image.pixels.shape[:2]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "series"])
@pytest.mark.parametrize("model", ["tiny", "other"])
def test_explain_and_model_on_the_page(client: TestClient, files: dict[str, Path], kind: str, model: str) -> None:
    content = files[kind].read_bytes()
    (path,) = client.post("/gradio_api/upload", files={"files": (files[kind].name, content)}).json()
    image = {"path": path, "meta": {"_type": "gradio.FileData"}}
    done = client.post("/gradio_api/run/classify", json={"data": [image, model, 1]})
    numbers, answer = done.json()["data"]
    assert answer["model"] == f"{model} 9.9"
    assert answer["heatmap"]["sentence"]
    assert {entry["label"] for entry in numbers["confidences"]} == set(LABELS)


def test_one_scan_of_several_is_explained(client: TestClient, files: dict[str, Path]) -> None:
    several = encode_zip(
        {"a.png": encode_array(striped((200, 60, 30))), "b.txt": b"words", "c.nii": encode_nifti(box_volume())}
    )

    def post(**options: Any) -> Any:
        return client.post("/api/classify", params=options, files={"file": ("all.zip", several)})

    assert len(post().json()["scans"]) == 3
    assert post(scan=2).json()["path"] == "all.zip/c.nii"
    assert post(scan=2, explain=1).headers["content-type"] == "image/png"
    refused = post(explain=1)
    assert refused.status_code == 422
    assert "Choose one with scan=1 to scan=2" in refused.json()["error"]
    assert "a number from 1 to 2 here; received 3" in post(scan=3).json()["error"]
    assert "plane is one of axial, coronal, sagittal." in post(plane="oblique").json()["error"]


def test_all_fronts_agree(
    client: TestClient, bundles: dict[str, Path], files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The same file, the same probabilities, whichever front was asked."""
    for kind in ("picture", "dicom", "nifti", "zip"):
        told = ask_command(files[kind], bundles["tiny"], capsys)[-1]["probabilities"]
        assert ask_api(client, files[kind], model="tiny")[-1]["probabilities"] == pytest.approx(told, abs=1e-6)
        shown = answer_file(Classifier.load(bundles["tiny"]), files[kind])
        assert dict(shown.prediction.probabilities) == pytest.approx(told, abs=1e-6)


def test_pictures_of_the_page_are_the_scan_that_was_chosen(client: TestClient) -> None:
    several = encode_zip(
        {
            "a.png": encode_array(striped((250, 250, 250), (60, 40))),
            "b.png": encode_array(striped((250, 250, 250), (36, 64))),
        }
    )
    (path,) = client.post("/gradio_api/upload", files={"files": ("two.zip", several)}).json()
    image = {"path": path, "meta": {"_type": "gradio.FileData"}}
    answer = client.post("/gradio_api/run/classify", json={"data": [image, "tiny", 2]}).json()["data"][1]
    assert answer["scan"] == 2
    assert answer["heatmap"]["src"].startswith("data:image/png")
    with Image.open(io.BytesIO(base64.b64decode(answer["heatmap"]["src"].partition(",")[2]))) as layer:
        assert layer.width > layer.height, "the second picture lies, the first one stands"
