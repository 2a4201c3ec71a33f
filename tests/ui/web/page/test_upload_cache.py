"""What is kept of an upload, for how long, and that no request loses the file that it reads."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from inference.errors import InputError
from inference.imaging.types import Volume
from tests.clinical import box_volume, encode_nifti, encode_zip, write_series
from tests.pictures import encode
from ui.web.page import upload_cache
from ui.web.page.upload_cache import IDLE_S, OpenUpload, UploadCache, remember_slices


class _Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def cache(clock: _Clock) -> UploadCache:
    return UploadCache(clock)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(encode())
    return tmp_path / "a.png"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    files = write_series(tmp_path / "files", 4)
    (tmp_path / "study.zip").write_bytes(encode_zip({path.name: path.read_bytes() for path in files}))
    return tmp_path / "study.zip"


def look(cache: UploadCache, path: Path) -> None:
    with cache.open(path) as upload:
        content = upload.pick(1).open()
        if isinstance(content, Volume):
            content.load(0)


def test_volumes_are_kept_and_pictures_are_not(cache: UploadCache, picture: Path, study: Path) -> None:
    look(cache, picture)
    look(cache, study)
    assert cache.paths == [str(study)]


def test_a_request_that_waited_reads_a_picture_that_is_not_kept(cache: UploadCache, picture: Path) -> None:
    """Looking at a picture and answering it: the first to end must not close the file of the other."""
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            with cache.open(picture) as upload:
                scan = upload.scans[0]
                first_is_in.set()
                may_end.wait(10)
                scan.read_content()
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    first_is_in, may_end = threading.Event(), threading.Event()
    threads = [threading.Thread(target=ask) for _ in range(4)]
    threads[0].start()
    assert first_is_in.wait(10)
    for thread in threads[1:]:
        thread.start()
    while users_of(cache, picture) < len(threads):
        pass
    may_end.set()
    for thread in threads:
        thread.join(10)
    assert not errors
    assert cache.paths == []


def users_of(cache: UploadCache, path: Path) -> int:
    return cache._uploads[str(path)].users


def test_what_is_read_just_now_is_neither_swept_nor_closed(cache: UploadCache, clock: _Clock, study: Path) -> None:
    with cache.open(study) as upload:
        content = upload.pick(1).open()
        clock.now_s += 10 * IDLE_S
        cache.sweep()
        assert cache.paths == [str(study)]
        cache.forget(str(study))
        assert cache.paths == []
        assert isinstance(content, Volume)
        content.load(1)
    with pytest.raises(InputError, match="closed"):
        content.load(2)


def test_what_is_idle_goes(cache: UploadCache, clock: _Clock, study: Path) -> None:
    look(cache, study)
    clock.now_s += IDLE_S - 1
    cache.sweep()
    assert cache.paths == [str(study)]
    clock.now_s += 2
    cache.sweep()
    assert cache.paths == []


def test_of_more_the_oldest_goes(cache: UploadCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_cache, "MAX_OPEN", 2)
    paths = [tmp_path / f"{index}.nii" for index in range(3)]
    for path in paths:
        path.write_bytes(encode_nifti(box_volume()))
        look(cache, path)
    assert cache.paths == [str(path) for path in paths[1:]]
    monkeypatch.setattr(upload_cache, "MAX_KEPT_BYTES", 1)
    with cache.open(paths[1]):
        look(cache, paths[2])
        assert cache.paths == [str(paths[1])], "what is read just now stays"


def test_an_upload_that_is_gone(cache: UploadCache, picture: Path) -> None:
    picture.unlink()
    with pytest.raises(InputError, match="no longer here"), cache.open(picture):
        pass


def test_scans_that_may_be_chosen(cache: UploadCache, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(encode_zip({"a.txt": b"words", "b.png": encode()}))
    (tmp_path / "b.zip").write_bytes(encode_zip({"a.txt": b"words"}))
    with cache.open(tmp_path / "a.zip") as upload:
        assert upload.titles == ["b.png"]
        assert upload.pick(1).path == "b.png"
        for number in (-1, 2):
            with pytest.raises(InputError):
                upload.pick(number)
    with cache.open(tmp_path / "b.zip") as upload, pytest.raises(InputError, match="received a text file"):
        upload.pick(1)


def test_no_more_scans_than_may_be_chosen(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(encode_zip({f"{index:02}.png": encode() for index in range(25)}))
    upload = OpenUpload(tmp_path / "a.zip")
    assert len(upload.scans) == upload_cache.MAX_LISTED
    upload.close()


def test_each_slice_is_read_once_within_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    from inference.imaging.arrays import decode_array
    from inference.imaging.types import DecodedImage, Slice

    read: list[int] = []

    def load(index: int) -> Slice:
        read.append(index)
        return Slice(image=DecodedImage(decode_array(np.zeros((40, 40), np.uint8))), strength=1.0)

    monkeypatch.setattr(upload_cache, "MAX_SLICES_BYTES", 2 * 40 * 40)
    volume = remember_slices(Volume(count=3, load=load))
    for _ in range(2):
        for index in range(3):
            volume.load(index)
    assert read == [0, 1, 2, 2]
