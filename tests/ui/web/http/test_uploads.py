"""Where an upload lies, who can name it, and when it goes."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.pictures import encode
from tests.serving import MAX_FILE_BYTES, call_classify, file_value, stored_uploads, upload
from ui.web.http.uploads import KEEP_S, Uploads, UploadsFullError, open_private_folder


class TestUploads:
    """Where an upload lies, who can name it, and when it goes."""

    def test_the_folder_is_private(self, client: TestClient) -> None:
        path = Path(upload(client))
        for folder in (open_private_folder(), path.parent):
            found = folder.stat()
            assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o700, os.geteuid())
        assert path.parent.parent == open_private_folder()

    def test_the_same_picture_of_two_visitors_is_two(self, client: TestClient) -> None:
        first, second = Path(upload(client)), Path(upload(client))
        assert first.parent != second.parent
        assert min(len(first.parent.name), len(second.parent.name)) >= 43
        client.post("/page/forget", content=str(first))
        assert (first.exists(), second.exists()) == (False, True)
        assert call_classify(client, file_value(str(first))).status_code == 404
        assert call_classify(client, file_value(str(second))).status_code == 200

    def test_it_goes_when_it_was_answered(self, client: TestClient) -> None:
        before = len(stored_uploads())
        for content in (encode(), b"no picture"):
            path = upload(client, content)
            assert len(stored_uploads()) == before + 1
            assert call_classify(client, file_value(path)).status_code == 200
            assert len(stored_uploads()) == before
            assert call_classify(client, file_value(path)).status_code == 404

    def test_a_page_keeps_it_until_it_forgets_it(self, client: TestClient) -> None:
        before, path = len(stored_uploads()), upload(client)
        assert client.post("/page/keep", content=path).json() == {"kept": True}
        for _ in range(3):
            assert call_classify(client, file_value(path)).status_code == 200
        assert len(stored_uploads()) == before + 1
        assert client.post("/page/forget", content=path).status_code == 200
        assert len(stored_uploads()) == before
        assert client.post("/page/keep", content=path).json() == {"kept": False}

    @pytest.mark.parametrize("path", ["", "/etc/passwd", "..", "x" * 10_000, "\u0000"])
    def test_forgetting_touches_nothing_else(self, client: TestClient, path: str) -> None:
        mine = upload(client)
        client.post("/page/forget", content=path.encode())
        client.post("/page/forget", content=str(Path(mine).parent))
        client.post("/page/forget", content=str(open_private_folder()))
        assert Path(mine).is_file()

    def test_the_api_leaves_none(self, client: TestClient) -> None:
        before = len(stored_uploads())
        client.post("/api/classify", files={"file": encode()})
        client.post("/api/classify?explain=1", files={"file": b"no picture"})
        assert len(stored_uploads()) == before

    def test_the_end_of_the_server_is_theirs(self, app) -> None:
        with TestClient(app) as client:
            path = Path(upload(client))
            assert path.is_file()
        assert not path.parent.exists()

    def test_one_that_nobody_speaks_of_goes(self, tmp_path: Path) -> None:
        now = 0.0
        uploads = Uploads(tmp_path, clock=lambda: now)
        quiet, spoken = (uploads.store(name, io.BytesIO(b"x"), 1) for name in ("a", "b"))
        for moment in (KEEP_S / 2, KEEP_S, KEEP_S * 1.4):
            now = moment
            uploads.keep(spoken)
            uploads.sweep()
        assert (Path(quiet).exists(), Path(spoken).exists()) == (False, True)
        assert len(list(tmp_path.iterdir())) == 1

    def test_there_is_a_limit_for_all_together(self, tmp_path: Path) -> None:
        uploads = Uploads(tmp_path, limit_bytes=10)
        first = uploads.store("a", io.BytesIO(b"12345678"), 8)
        with pytest.raises(UploadsFullError, match="There is no room for another image at the moment"):
            uploads.store("b", io.BytesIO(b"123"), 3)
        uploads.forget(first)
        uploads.store("b", io.BytesIO(b"123"), 3)

    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\a\\b.png", "b.png"),
            ("..", "image"),
            ("a\n\x1b[2J", "a[2J"),
            ("", "image"),
        ],
    )
    def test_a_name_is_only_a_name(self, tmp_path: Path, name: str, kept: str) -> None:
        path = Path(Uploads(tmp_path).store(name, io.BytesIO(b"x"), 1))
        assert (path.name, path.parent.parent) == (kept, tmp_path)
        assert len(Path(Uploads(tmp_path).store("é" * 300, io.BytesIO(b"x"), 1)).name.encode()) <= 200

    def test_it_is_limited_and_alone(self, client: TestClient) -> None:
        before = len(stored_uploads())
        large = client.post("/gradio_api/upload", files={"files": bytes(MAX_FILE_BYTES + 1)})
        assert (large.status_code, "2 MB" in large.json()["error"]) == (413, True)
        two = client.post("/gradio_api/upload", files=[("files", ("a", b"x")), ("files", ("b", b"x"))])
        assert (two.status_code, "one file" in two.json()["error"]) == (400, True)
        assert client.post("/gradio_api/upload", data={"files": "text"}).status_code == 400
        assert len(stored_uploads()) == before

    def test_what_a_killed_process_left_is_removed(self, tmp_path: Path) -> None:
        code = (
            "import os, sys, pathlib; from ui.web.http.uploads import open_private_folder as o; f = o();"
            "(f / 'left').write_bytes(b'x'); print(f, flush=True);"
            "os._exit(9) if sys.argv[1] == 'kill' else print(*pathlib.Path(sys.argv[2]).iterdir(), flush=True)"
        )

        def run(how: str) -> list[str]:
            done = subprocess.run(
                [sys.executable, "-c", code, how, str(tmp_path)],
                env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[4])},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            return done.stdout.split()

        (killed,) = run("kill")
        assert Path(killed, "left").is_file()
        assert killed not in run("live")[1:]
        assert list(tmp_path.iterdir()) == []


def test_limits_hold_for_many_at_once(client: TestClient) -> None:
    """Uploads of several threads neither share a folder nor leave one behind."""
    before, paths = len(stored_uploads()), []

    def run() -> None:
        path = upload(client)
        paths.append(path)
        call_classify(client, file_value(path))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 8
    assert len(stored_uploads()) == before
