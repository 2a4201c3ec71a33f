"""How often files are decoded: a picture once a request, a DICOM file twice for all that a page asks of its series."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pydicom import filereader

from inference import Catalogue
from inference.__main__ import main as classify
from inference.settings import Settings
from tests.clinical import encode_zip, write_series
from tests.fakes import FakeClassifier, make_bundle
from tests.pictures import encode
from tests.tiny import write_bundle
from ui.desktop.answering import answer_file, read_view
from ui.reports.__main__ import main as report
from ui.web.http.capacity import CapacityLimiter
from ui.web.http.uploads import Uploads
from ui.web.page.handlers import Handlers
from ui.web.page.upload_cache import UploadCache
from ui.web.server import build_app

SLICES = 9


class Counts:
    """How often pictures were decoded and DICOM files read since the last look."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pictures = self.dicoms = 0
        opened, read = Image.open, filereader.read_partial

        def open_picture(*arguments: Any, **options: Any) -> Any:
            self.pictures += "formats" in options  # a PDF page opens the PNG that it is given, and names no formats
            return opened(*arguments, **options)

        def read_dicom(*arguments: Any, **options: Any) -> Any:
            self.dicoms += 1
            return read(*arguments, **options)

        monkeypatch.setattr(Image, "open", open_picture)
        monkeypatch.setattr(filereader, "read_partial", read_dicom)

    def take(self) -> tuple[int, int]:
        """Pictures and DICOM files; counting begins anew."""
        taken, self.pictures, self.dicoms = (self.pictures, self.dicoms), 0, 0
        return taken


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    return Counts(monkeypatch)


@pytest.fixture
def fruit(tmp_path: Path) -> FakeClassifier:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    return FakeClassifier(bundle=make_bundle(tmp_path / "bundle", background="Quince"))


@pytest.fixture
def page(fruit: FakeClassifier, tmp_path: Path) -> Handlers:
    cache = UploadCache()
    return Handlers(Catalogue.of(fruit), Uploads(tmp_path, cache=cache), cache, CapacityLimiter())


@pytest.fixture
def upload(tmp_path: Path) -> Callable[[bytes], dict[str, Any]]:
    def store(content: bytes) -> dict[str, Any]:
        (tmp_path / "upload").write_bytes(content)
        return {"path": str(tmp_path / "upload"), "meta": {"_type": "gradio.FileData"}}

    return store


@pytest.fixture
def series(tmp_path: Path) -> bytes:
    files = write_series(tmp_path / "files", SLICES, StudyInstanceUID="1.2.3")
    return encode_zip({path.name: path.read_bytes() for path in files})


def test_a_zipped_series_on_the_page(
    page: Handlers, upload: Callable[[bytes], dict[str, Any]], series: bytes, counts: Counts
) -> None:
    """Shown, answered, in three planes, saved as CSV and as PDF: each header once and each slice once."""
    pytest.importorskip("reportlab")
    image = upload(series)
    assert page.show_picture(image, 1)["scans"] == [f"series 1 of 1, T1, {SLICES} slices"]
    assert counts.take()[1] == SLICES + 1
    _, answer = page.classify(image, None, 1)
    assert len(answer["volume"]["rows"]) == SLICES
    assert page.show_planes(image, 1)["slices"] == SLICES
    for kind in ("csv", "pdf"):
        assert page.save(image, None, 1, {"kind": kind})["content"]
    assert counts.take()[1] == SLICES - 1


def test_a_zip_of_pictures_is_listed_without_decoding_them(
    page: Handlers, upload: Callable[[bytes], dict[str, Any]], counts: Counts
) -> None:
    image = upload(encode_zip({f"{number:02}.png": encode() for number in range(20)}))
    assert len(page.show_picture(image, 1)["scans"]) == 20
    assert counts.take()[0] == 1
    page.classify(image, None, 7)
    assert counts.take()[0] == 1


@pytest.mark.parametrize("kind", ["csv", "pdf"])
def test_a_picture_on_the_page(
    page: Handlers, upload: Callable[[bytes], dict[str, Any]], counts: Counts, kind: str
) -> None:
    image = upload(encode())
    requests: list[Callable[[], Any]] = [
        lambda: page.show_picture(image, 1),
        lambda: page.classify(image, None, 1),
        lambda: page.save(image, None, 1, {"kind": kind}),
    ]
    for request in requests:
        request()
        assert counts.take()[0] == 1


def test_an_upload_that_goes_is_forgotten(tmp_path: Path, fruit: FakeClassifier, series: bytes, counts: Counts) -> None:
    """What was read of a volume is kept as long as the upload, and no longer."""
    cache = UploadCache()
    uploads = Uploads(tmp_path, cache=cache)
    page = Handlers(Catalogue.of(fruit), uploads, cache, CapacityLimiter())
    path = uploads.store("study.zip", io.BytesIO(series), len(series))
    uploads.keep(path)
    page.show_picture({"path": path, "meta": {"_type": "gradio.FileData"}}, 1)
    assert cache.paths == [path]
    uploads.forget(path)
    assert cache.paths == []
    counts.take()


def test_the_api(fruit: FakeClassifier, series: bytes, counts: Counts) -> None:
    with TestClient(build_app(Catalogue.of(fruit), Settings())) as client:
        counts.take()  # the page's examples
        for query in ("", "?explain=1"):
            client.post(f"/api/classify{query}", files={"file": ("a.png", encode())})
            assert counts.take()[0] == 1
        client.post("/api/classify", files={"file": ("study.zip", series)})
        assert counts.take()[1] == 2 * SLICES


def test_the_command_line(tmp_path: Path, series: bytes, counts: Counts) -> None:
    bundle = write_bundle(tmp_path / "tiny", background="No Tumor")
    (tmp_path / "a.png").write_bytes(encode())
    assert classify([str(tmp_path / "a.png"), "--model", str(bundle)]) == 0
    assert counts.take()[0] == 1
    assert classify([str(tmp_path / "files"), "--model", str(bundle)]) == 0
    assert counts.take()[1] == 2 * SLICES


def test_the_desktop_program(tmp_path: Path, fruit: FakeClassifier, counts: Counts) -> None:
    (tmp_path / "a.png").write_bytes(encode())
    view = read_view(tmp_path / "a.png")
    answer_file(fruit, tmp_path / "a.png", view)
    assert counts.take()[0] == 1, "looking and answering share one"


def test_reports(tmp_path: Path, counts: Counts) -> None:
    pytest.importorskip("reportlab")
    bundle = write_bundle(tmp_path / "tiny", background="No Tumor")
    (tmp_path / "a.png").write_bytes(encode())
    assert report([str(tmp_path / "a.png"), "--model", str(bundle), "--pdf", str(tmp_path / "a.pdf")]) == 0
    assert counts.take()[0] == 1
