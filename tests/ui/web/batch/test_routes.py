"""The Batch tab's routes without a browser: what comes in, what comes out, and what a stop leaves behind."""

from __future__ import annotations

import errno
import http.client
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from inference import Catalogue
from inference.__main__ import main
from inference.settings import Settings
from tests.clinical import NAME, box_volume, encode_nifti, encode_zip, write_series
from tests.fakes import FakeClassifier, make_bundle, make_prediction
from tests.pictures import COLORS, encode
from tests.serving import MAX_FILE_BYTES, serve_in_thread, stored_uploads
from tests.tiny import striped, write_bundle
from ui.web.batch import routes
from ui.web.batch.routes import PAGE_KEY
from ui.web.server import build_app
from ui.words.answer import present_row
from ui.words.tone import Tone

KEY = {"Gyrus-Page": PAGE_KEY}


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the routes keep files; a test may look at what is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    bundle = write_bundle(tmp_path_factory.mktemp("tiny") / "tiny", background="No Tumor", modalities=["MR"])
    with TestClient(build_app(Catalogue.open([bundle]), Settings(max_file_bytes=MAX_FILE_BYTES))) as client:
        client.bundle = bundle  # type: ignore[attr-defined]
        yield client


def body(*items: tuple[str | list[str], bytes], unsent: list[dict[str, Any]] | None = None) -> bytes:
    listed = [{"names": [n] if isinstance(n, str) else n, "size_bytes": len(content)} for n, content in items]
    line = json.dumps({"items": [*listed, *(unsent or [])]}).encode()
    return line + b"\n" + b"".join(content for _, content in items)


def ask(client: TestClient, content: bytes, **options: Any) -> list[dict[str, Any]]:
    answer = client.post("/batch/rows", content=content, headers=KEY, **options)
    assert answer.status_code == 200, answer.text
    head, *parts, end = map(json.loads, answer.text.splitlines())
    assert set(head) == {"version", "settings", "csv_header", "columns", "groups", "filter"}
    assert end == {"end": True}
    return parts


def rows_of(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for part in parts for row in part["rows"]]


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline_s = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return condition()


def test_text_is_that_of_the_command_line(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    """Pictures, a failing file, a copy, a series, a volume and an archive: same rows, same bytes, same figures."""
    folder = tmp_path / "here"
    folder.mkdir()
    for name, color in (("a.png", (9, 90, 200)), ("=b.png", (200, 9, 90)), ("copy.png", (9, 90, 200))):
        Image.fromarray(striped(color)).save(folder / name)
    (folder / "broken.png").write_bytes(b"text")
    (folder / "v.nii").write_bytes(encode_nifti(box_volume()))
    many = {f"{number:03}.png": encode((number, 9, 9)) for number in range(40)}
    (folder / "z.zip").write_bytes(encode_zip({**many, "v.nii": encode_nifti(box_volume()), "t.txt": b"text"}))
    write_series(folder / "series", 5)
    monkeypatch.chdir(folder)
    model = str(client.bundle)  # type: ignore[attr-defined]
    for suffix in ("csv", "jsonl"):
        assert main([".", "--model", model, "--out", str(tmp_path / f"rows.{suffix}")]) == 1
        names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        items = [
            (["a.png", "copy.png"] if name == "a.png" else name, (folder / name).read_bytes())
            for name in names
            if name != "copy.png"
        ]
        lines = ask(client, body(*items))
        archive = [name for name, _ in items].index("z.zip")
        assert sum(line["item"] == archive for line in lines) > 2, "an archive comes bit by bit"
        order = {name: index for index, name in enumerate(sorted(name for name in names if "/" not in name))}

        def find_index(line: dict[str, Any], items: Any = items, order: Any = order) -> int:
            named = items[line["item"]][0]
            name = named[line["name"]] if isinstance(named, list) else named
            return int(order.get(name, len(order)))

        text = "".join(line[suffix] for line in sorted(lines, key=find_index))
        written = (tmp_path / f"rows.{suffix}").read_bytes().decode()
        assert text == written.partition("\r\n")[2] if suffix == "csv" else text == written
        figures = json.loads((tmp_path / "rows.json").read_text())["counts"]
        for name in ("cases", "files", "slices", "volumes", "errors", "duplicates"):
            assert sum(line["counts"][name] for line in lines) == figures[name], name
        (tmp_path / "rows.json").unlink()
    assert wait_until(lambda: not list(temporary.iterdir())), "nothing is kept"


def test_the_head_says_what_the_sidecar_says(client: TestClient) -> None:
    answer = client.post("/batch/rows", content=body(("a.png", encode())), headers=KEY)
    head = json.loads(answer.text.splitlines()[0])
    assert set(head["settings"]) == {"model", "model_sha256", "plane", "window"}
    assert len(head["settings"]["model_sha256"]) == 64
    assert head["csv_header"].startswith("path,slice,verdict,label,")
    assert answer.headers["cache-control"] == "no-store"


def test_no_name_and_no_folder_of_the_server_comes_out(client: TestClient, tmp_path: Path, temporary: Path) -> None:
    files = write_series(tmp_path / "s", 4)
    bad = ("s/x.dcm", files[0].read_bytes()[:-100])
    text = json.dumps(ask(client, body(*((f"s/{path.name}", path.read_bytes()) for path in files), bad)))
    assert NAME not in text
    assert str(temporary) not in text


@pytest.mark.parametrize("name", ["../x.png", "/etc/x.png", "a/../../x.png", "", "a\0b"])
def test_a_name_outside_the_folder_is_refused(client: TestClient, name: str, tmp_path: Path) -> None:
    answer = client.post("/batch/rows", content=body((name, encode())), headers=KEY)
    assert answer.status_code == 422
    assert answer.json()["error"].endswith(".")
    assert not (tmp_path / "x.png").exists()


def test_a_name_that_no_disk_takes_costs_its_own_row(client: TestClient) -> None:
    parts = ask(client, body(("x" * 300 + ".png", encode()), ("b.png", encode())))
    failed, answered = sorted(rows_of(parts), key=lambda row: row["path"], reverse=True)
    assert "too long" in failed["answer"]
    assert answered["tone"] in ("confident", "uncertain", "rejected")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"no json\n",
        b'{"items": [{"names": []}]}\n',
        body(("a.png", encode()))[:-1],
        body(("a", b"a")) + b"b",
    ],
)
def test_what_the_page_does_not_send_is_a_sentence(client: TestClient, content: bytes, temporary: Path) -> None:
    answer = client.post("/batch/rows", content=content, headers=KEY)
    assert answer.status_code == 422
    assert answer.json()["error"] == "What the page sent is not complete. Load the page again."
    assert wait_until(lambda: not list(temporary.iterdir()))


def test_limits_are_checked_before_a_byte_is_read(client: TestClient) -> None:
    line = json.dumps({"items": [{"names": ["a"], "size_bytes": MAX_FILE_BYTES + 1}]}).encode() + b"\n"
    answer = client.post("/batch/rows", content=line, headers=KEY)
    assert (answer.status_code, answer.json()["error"].startswith("A file of at most 2 MB")) == (413, True)
    items = [{"names": [f"{number}"], "size_bytes": MAX_FILE_BYTES} for number in range(300)]
    answer = client.post("/batch/rows", content=json.dumps({"items": items}).encode() + b"\n", headers=KEY)
    assert (answer.status_code, "at most 512 MB" in answer.json()["error"]) == (413, True)


def test_what_was_kept_back_is_a_row_that_says_why(client: TestClient) -> None:
    unsent = [
        {"names": ["large.png"], "size_bytes": 3 * 2**20, "sent": False},
        {"names": ["series"], "size_bytes": 2**30, "sent": False, "files": 700},
        {"names": ["gone.png"], "size_bytes": 5, "sent": False},
    ]
    rows = {row["path"]: row["answer"] for row in rows_of(ask(client, body(unsent=unsent)))}
    assert rows["large.png"] == "A file of at most 2 MB is accepted; received 3 MB."
    assert "received 700 with 1,024 MB" in rows["series"]
    assert rows["gone.png"] == "The browser could not read this file."


class TestWhoMayAsk:
    """Whoever has the page has its key; the page is behind the password."""

    @pytest.mark.parametrize("headers", [{}, {"Gyrus-Page": "guess"}, {"Gyrus-Page": "ä".encode("latin-1")}])
    @pytest.mark.parametrize("path", ["/batch/rows", "/batch/picture"])
    def test_no_key_no_answer(self, client: TestClient, path: str, headers: dict[str, Any]) -> None:
        answer = client.post(path, content=body(("a.png", encode())), headers=headers)
        assert answer.status_code == 401
        assert "Load the page again" in answer.json()["error"]

    def test_the_page_hands_it_out_behind_the_password_only(self) -> None:
        with TestClient(build_app(Catalogue.of(FakeClassifier()), Settings(auth=("ann", "x")))) as guarded:
            for path in ("/", "/config"):
                assert PAGE_KEY not in guarded.get(path).text
            guarded.post("/login", data={"username": "ann", "password": "x"})
            assert PAGE_KEY in guarded.get("/config").text

    def test_it_is_not_documented(self, client: TestClient) -> None:
        assert "batch" not in client.get("/openapi.json").text


class TestPicture:
    """What is behind a row."""

    @staticmethod
    def show(client: TestClient, content: bytes, **query: Any) -> Any:
        return client.post("/batch/picture", params=query, content=content, headers=KEY)

    def test_picture_slice_and_entry(self, client: TestClient) -> None:
        volume = encode_nifti(box_volume())
        archive = encode_zip({"a.png": encode(), "v.nii": volume})
        for content, query in (
            (encode(), {}),
            (volume, {"slice": 6}),
            (archive, {"inside": "a.png"}),
            (archive, {"inside": "v.nii", "slice": 1}),
        ):
            answer = self.show(client, content, **query)
            assert answer.json()["src"].startswith("data:image/jpeg;base64,"), query

    @pytest.mark.parametrize(
        ("content", "query", "words"),
        [
            (b"text", {}, "text file"),
            (encode_nifti(box_volume()), {"slice": 7}, "slices 1 to 6"),
            (encode_zip({"a.png": encode()}), {"inside": "b.png"}, "no b.png"),
            (encode_zip({"t.txt": b"text"}), {"inside": "t.txt"}, "text file"),
            (bytes(MAX_FILE_BYTES + 2**20), {}, "at most 2 MB"),
        ],
    )
    def test_what_is_none_is_a_sentence(self, client: TestClient, content: bytes, query: Any, words: str) -> None:
        answer = self.show(client, content, **query)
        assert answer.status_code in (413, 422)
        assert words in answer.json()["error"]


def test_a_network_that_fails_is_a_sentence(client: TestClient) -> None:
    answer = client.post("/batch/rows?model=none", content=body(("a.png", encode())), headers=KEY)
    assert answer.status_code == 404
    assert "There is no model 'none' here" in answer.json()["error"]


def test_dropping_the_connection_stops_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of an archive: rows came, then nothing more is computed and nothing is left on the disk."""
    slow = FakeClassifier(delay_s=0.05)
    monkeypatch.setattr(routes, "describe_settings", lambda bundle, reading: {"model": bundle.name})
    archive = encode_zip({f"{number:03}.png": encode((number, 9, 9)) for number in range(400)})
    with serve_in_thread(slow) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        connection.request("POST", "/batch/rows", body(("z.zip", archive)), KEY)
        answer = connection.getresponse()
        answer.readline()
        part = json.loads(answer.readline())
        assert len(part["rows"]) == 16, "they come as they are ready"
        assert answer.fp is not None
        connection.sock.close() if connection.sock else None
        answer.close()
        connection.close()
        assert wait_until(lambda: not stored_uploads()), "the files are gone, once nothing is computed any more"
        seen = len(slow.calls)
        assert seen < 200, "long before the end"
        time.sleep(0.5)
        assert len(slow.calls) == seen, "nothing goes on"


def test_two_at_once_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "describe_settings", lambda bundle, reading: {"model": bundle.name})
    slow = FakeClassifier(delay_s=0.02)
    archive = encode_zip({f"{number:03}.png": encode((number, 9, 9)) for number in range(96)})
    ended: dict[str, float] = {}
    with serve_in_thread(slow) as url:

        def send(name: str, content: bytes) -> None:
            connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
            connection.request("POST", "/batch/rows", content, KEY)
            assert connection.getresponse().read().endswith(b'{"end": true}\n')
            ended[name] = time.monotonic()

        long = threading.Thread(target=send, args=("long", body(("z.zip", archive))))
        long.start()
        assert wait_until(lambda: len(slow.calls) > 0)
        send("short", body(("a.png", encode())))
        long.join()
    assert ended["short"] < ended["long"], "an archive does not stand in the way of one picture"


def test_rows_in_words() -> None:
    from inference.answer.rows import Row, build_row

    bundle = make_bundle()
    shown = present_row(build_row("a", make_prediction()), bundle)
    assert (shown.tone, shown.answer, shown.percent, shown.sentence) == (
        Tone.CONFIDENT,
        "Pear",
        "94 %",
        "Pear, 94 %.",
    )
    uncertain = FakeClassifier().predict(encode(COLORS["uncertain"]))
    assert present_row(build_row("a", uncertain), bundle).answer == "Apple or quince"
    rejected = present_row(build_row("a", FakeClassifier().predict(encode(COLORS["rejected"]))), bundle)
    assert (rejected.answer, rejected.percent) == ("Does not look like a fruit", "")
    failed = present_row(Row(path="a", error="It is empty."), bundle)
    assert (failed.tone, failed.answer) == (Tone.ERROR, "It is empty.")


@pytest.mark.parametrize(
    ("number", "status", "words"),
    [
        (errno.ENOSPC, 507, "The files cannot be kept here: No space left on device."),
        (errno.EBADF, 500, "Something went wrong (id "),
    ],
)
def test_a_full_disk_is_told_and_a_defect_has_an_id(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, number: int, status: int, words: str
) -> None:
    async def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number), "secret.png")

    monkeypatch.setattr("ui.web.batch.routes.receive", fail)
    answer = client.post("/batch/rows", content=body(("a.png", b"1")), headers=KEY)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(words)
    assert "secret" not in answer.text
