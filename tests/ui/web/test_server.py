"""The API and what surrounds it, without a browser."""

from __future__ import annotations

import base64
import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from inference import Catalogue, SettingsError, __version__
from inference.settings import Settings
from tests.fakes import BREED_PROBABILITIES, BREEDS, CONFIDENT, FakeClassifier, make_breeds
from tests.tiny import striped, write_bundle
from ui.web.server import build_app, describe_address, open_socket

ROOT = Path(__file__).parents[3]


def png(color: tuple[int, int, int]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(striped(color)).save(stream, "PNG")
    return stream.getvalue()


def post(client: TestClient, content: bytes, name: str = "slice.png", **options: object):
    return client.post("/api/classify", files={"file": (name, content)}, **options)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(build_app(Catalogue.of(FakeClassifier()), Settings()), raise_server_exceptions=False) as client:
        yield client


def test_probes(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "model": "fruit"}
    assert client.get("/version").json() == {"gyrus": __version__, "model": "fruit", "model_version": "1.2.3"}


def test_classify_answers_the_command_lines_row(client: TestClient) -> None:
    answer = post(client, png((100, 100, 100)))
    assert answer.status_code == 200
    row = answer.json()
    assert list(row) == [
        *("path", "slice", "verdict", "label", "probabilities", "candidates"),
        *("finding", "finding_probability", "types", "type_probabilities", "novelty", "error"),
    ]
    assert (row["path"], row["verdict"], row["label"], row["error"]) == ("slice.png", "confident", "Pear Fruit", None)
    assert row["probabilities"] == CONFIDENT


def test_notes_come_in_a_header(client: TestClient) -> None:
    stream = io.BytesIO()
    frames = [Image.fromarray(striped((level, level, level))) for level in (100, 50)]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    assert post(client, stream.getvalue()).headers["Gyrus-Note"] == "Only the first of 2 frames was read."


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 422, "empty"),
        (b"text", 422, "text file"),
        (b"%PDF-1.4", 422, "PDF"),
        (png((1, 2, 3))[:80], 422, "damaged"),
    ],
)
def test_bad_files_are_sentences(client: TestClient, content: bytes, status: int, words: str) -> None:
    answer = post(client, content)
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert answer.json()["label"] is None


def test_no_file_is_a_sentence(client: TestClient) -> None:
    for answer in (client.post("/api/classify"), client.post("/api/classify", data={"file": "text"})):
        assert answer.status_code == 422
        assert "field “file”" in answer.json()["error"]


def test_a_form_that_breaks_off_is_a_sentence(client: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    answer = client.post("/api/classify", content=b"--x", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (
        422,
        "Send one picture as the field “file” of a multipart form.",
    )


def test_200_mb_is_413(client: TestClient) -> None:
    answer = post(client, bytes(200 * 2**20))
    assert answer.status_code == 413
    assert "at most 64 MB" in answer.json()["error"]


def test_200_mb_without_a_length_is_413(client: TestClient) -> None:
    sent = 0

    def stream() -> Iterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(200):
            sent += 1
            yield bytes(2**20)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert client.post("/api/classify", content=stream(), headers=headers).status_code == 413


def test_a_defect_shows_an_id_and_no_detail(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = post(client, png((255, 0, 255)))
    if answer.status_code != 500:  # stripes halve the mean; send it unstriped
        stream = io.BytesIO()
        Image.fromarray(np.full((64, 64, 3), (255, 0, 255), np.uint8)).save(stream, "PNG")
        answer = post(client, stream.getvalue())
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["error"]
    assert client.get("/healthz").status_code == 200


def test_openapi_page_is_served_from_here(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    assert {"/api/classify", "/healthz", "/readyz", "/version"} <= set(schema["paths"])
    page = client.get("/docs").text
    assert "http://" not in page
    assert "https://" not in page


def test_uploads_name_is_only_a_name(client: TestClient) -> None:
    row = post(client, png((100, 100, 100)), name="<b>x</b>.png").json()
    assert row["path"] == "<b>x</b>.png"


def test_an_upload_is_not_handed_out(client: TestClient) -> None:
    uploaded = client.post("/gradio_api/upload", files={"files": ("a.png", png((9, 9, 9)))}).json()[0]
    assert Path(uploaded).is_file()
    for address in (f"/gradio_api/file={uploaded}", f"/gradio_api/file/{uploaded}"):
        answer = client.get(address)
        assert (answer.status_code, answer.json()["path"]) == (404, "")


def test_many_at_once(client: TestClient) -> None:
    answers: list[str] = []

    def ask(color: tuple[int, int, int]) -> None:
        answers.append(post(client, png(color)).json()["verdict"])

    threads = [threading.Thread(target=ask, args=((100, 100, 100),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["confident"] * 8


@pytest.fixture(scope="module")
def guarded() -> Iterator[TestClient]:
    with TestClient(build_app(Catalogue.of(FakeClassifier()), Settings(auth=("ann", "pâss:word")))) as client:
        yield client


class TestPassword:
    @pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/version", "/config"])
    def test_asked_for(self, guarded: TestClient, path: str) -> None:
        assert guarded.get(path).status_code == 401

    def test_api(self, guarded: TestClient) -> None:
        assert post(guarded, png((9, 9, 9))).status_code == 401
        assert post(guarded, png((9, 9, 9)), auth=("ann", "wrong")).status_code == 401
        assert post(guarded, png((9, 9, 9)), headers={"Authorization": "Basic !!!"}).status_code == 401
        token = base64.b64encode("ann:pâss:word".encode()).decode()
        assert post(guarded, png((9, 9, 9)), headers={"Authorization": f"Basic {token}"}).status_code == 200

    @pytest.mark.parametrize("prefix", ["", "/gyrus"])
    def test_the_root_path_is_no_way_round(self, prefix: str) -> None:
        with TestClient(
            build_app(Catalogue.of(FakeClassifier()), Settings(auth=("ann", "x"), root_path="/gyrus"))
        ) as client:
            assert client.get(f"{prefix}/api/models").status_code == 401
            assert client.post(f"{prefix}/api/classify", files={"file": png((9, 9, 9))}).status_code == 401
            assert client.get(f"{prefix}/openapi.json").status_code == 401
            assert client.get(f"{prefix}/readyz").status_code == 200
            token = {"Authorization": f"Basic {base64.b64encode(b'ann:x').decode()}"}
            large = {"file": bytes(65 * 2**20)}
            assert client.post(f"{prefix}/api/classify", files=large, headers=token).status_code == 413

    def test_probes_stay_open(self, guarded: TestClient) -> None:
        assert guarded.get("/healthz").status_code == 200
        assert guarded.get("/readyz").status_code == 200


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    listener = open_socket(Settings(port=17861))
    listener.listen()
    try:
        with pytest.raises(SettingsError, match=r"Port 17861 on 127.0.0.1 is taken"):
            open_socket(Settings(port=17861))
        done = subprocess.run(
            [sys.executable, "app.py", "--port", "17861"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "Port 17861 on 127.0.0.1 is taken" in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        listener.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_is_quiet(tmp_path: Path, number: signal.Signals) -> None:
    bundle = write_bundle(tmp_path / "tiny")
    command = [sys.executable, "app.py", "--port", "17864", "--model", str(bundle)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        while "Gyrus is at" not in process.stdout.readline():
            assert process.poll() is None
        deadline_s = time.monotonic() + 30
        while socket.socket().connect_ex(("127.0.0.1", 17864)) and time.monotonic() < deadline_s:
            time.sleep(0.1)
        process.send_signal(number)
        assert process.wait(timeout=30) == 0
        assert process.stdout.read() == ""


def test_a_missing_model_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "app.py", "--port", "17862", "--model", str(tmp_path / "nothing")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("There is no model at")


def test_behind_a_proxy_the_documentation_knows_the_path() -> None:
    with TestClient(build_app(Catalogue.of(FakeClassifier()), Settings(root_path="/gyrus"))) as client:
        assert "/gyrus/openapi.json" in client.get("/docs").text
        assert client.get("/config").json()["root"].endswith("/gyrus")
        assert client.get("/readyz").status_code == 200


def test_address() -> None:
    assert describe_address(Settings(host="0.0.0.0", port=80, root_path="/g")) == "http://127.0.0.1:80"
    assert describe_address(Settings(host="::1")) == "http://[::1]:7860"


def test_app_is_short() -> None:
    assert len((ROOT / "app.py").read_text(encoding="utf-8").splitlines()) <= 30


def test_real_engine_behind_the_api(tmp_path: Path) -> None:
    from inference import Classifier

    classifier = Classifier.load(write_bundle(tmp_path / "tiny"))
    picture = striped((10, 90, 240))
    with TestClient(build_app(Catalogue.of(classifier), Settings())) as client:
        row = post(client, png((10, 90, 240))).json()
    assert row["probabilities"] == pytest.approx(dict(classifier.predict(picture).probabilities), abs=1e-6)
    assert json.dumps(row)


class TestHeatMap:
    """``explain=1``: the picture with the heat map, and the row in a header."""

    @staticmethod
    def post(client: TestClient, content: bytes, name: str = "slice.png", explain: str = "1"):
        return client.post(f"/api/classify?explain={explain}", files={"file": (name, content)})

    def test_is_a_png_of_the_pictures_size(self, client: TestClient) -> None:
        picture = striped((100, 100, 100), (96, 160))
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "PNG")
        answer = self.post(client, stream.getvalue())
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        overlay = np.asarray(Image.open(io.BytesIO(answer.content)))
        assert overlay.shape == picture.shape
        assert np.array_equal(overlay[60:, :80], picture[60:, :80]), "a place without evidence stays as it is"
        y, x = int(96 * 4.5 / 19), int(160 * 14.5 / 19)
        assert overlay[y, x].max() > overlay[y, x].min() + 50, "the evidence is coloured"
        assert answer.headers["Gyrus-Note"].startswith(
            "The strongest evidence is in the upper right part of the image."
        )

    def test_the_row_is_in_a_header(self, client: TestClient) -> None:
        name = "Ä\r\nSet-Cookie: x=1.png"
        answer = self.post(client, png((100, 100, 100)), name)
        plain = post(client, png((100, 100, 100)), name)
        assert json.loads(answer.headers["Gyrus-Row"]) == plain.json()
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("explain", ["0", "false"])
    def test_without_it_the_answer_is_the_row(self, client: TestClient, explain: str) -> None:
        answer = self.post(client, png((100, 100, 100)), explain=explain)
        assert answer.content == post(client, png((100, 100, 100))).content
        assert "Gyrus-Row" not in answer.headers

    def test_a_refused_picture_has_none(self, client: TestClient) -> None:
        stream = io.BytesIO()
        Image.new("RGB", (64, 64), (20, 220, 20)).save(stream, "PNG")
        answer = self.post(client, stream.getvalue())
        assert answer.json()["verdict"] == "rejected"
        assert answer.content == post(client, stream.getvalue()).content

    def test_bad_files_are_sentences_as_ever(self, client: TestClient) -> None:
        answer = self.post(client, b"text")
        assert (answer.status_code, answer.content) == (422, post(client, b"text").content)

    def test_another_value_is_a_sentence(self, client: TestClient) -> None:
        answer = self.post(client, png((100, 100, 100)), explain="perhaps")
        assert (answer.status_code, answer.json()["error"]) == (422, "explain is 1 or 0.")

    def test_a_model_without_maps_answers_the_row(self) -> None:
        with TestClient(build_app(Catalogue.of(FakeClassifier(gives_maps=False)), Settings())) as mapless:
            assert self.post(mapless, png((100, 100, 100))).json()["verdict"] == "confident"

    def test_it_is_documented(self, client: TestClient) -> None:
        operation = client.get("/openapi.json").json()["paths"]["/api/classify"]["post"]
        assert [parameter["name"] for parameter in operation["parameters"]] == [
            *("explain", "model", "top", "scan", "convention", "plane", "window")
        ]
        assert {"application/json", "image/png"} == set(operation["responses"]["200"]["content"])
        assert operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Row")


@pytest.fixture(scope="module")
def two() -> Iterator[TestClient]:
    with TestClient(build_app(Catalogue.of(FakeClassifier(), make_breeds()), Settings())) as client:
        yield client


class TestSeveralModels:
    """``/api/models``, ``?model=`` and ``?top=``."""

    def test_what_there_is(self, two: TestClient) -> None:
        fruit, breeds = two.get("/api/models").json()
        assert (fruit["name"], fruit["version"], fruit["title"]) == ("fruit", "1.2.3", "Fruit")
        assert fruit["labels"] == ["Apple", "Pear Fruit", "Quince"]
        assert fruit["notes"] == ["It has never seen a medlar."]
        assert "not a medical device" in fruit["disclaimer"]
        assert (breeds["labels"], breeds["disclaimer"], breeds["notes"]) == (list(BREEDS), "", [])
        assert breeds["input"] == {"width_px": 150, "height_px": 150, "color_order": "rgb", "value_range": [0, 255]}

    def test_the_named_one_answers_and_by_default_the_first(self, two: TestClient) -> None:
        files = {"file": png((100, 100, 100))}
        assert two.post("/api/classify", files=files).json()["label"] == "Pear Fruit"
        row = two.post("/api/classify?model=breeds", files=files).json()
        assert row["probabilities"] == BREED_PROBABILITIES, "the API has every class"
        assert row["label"] == "Zwergpudel"
        assert two.get("/version").json()["model"] == "fruit"

    def test_top(self, two: TestClient) -> None:
        row = two.post("/api/classify?model=breeds&top=2", files={"file": png((9, 9, 9))}).json()
        assert list(row["probabilities"].items()) == [("Zwergpudel", 0.67), ("Breed 7", 0.14)]
        every = two.post("/api/classify?top=99", files={"file": png((100, 100, 100))}).json()
        assert every["probabilities"] == CONFIDENT
        for value in ("0", "-1", "many"):
            answer = two.post(f"/api/classify?top={value}", files={"file": png((9, 9, 9))})
            assert (answer.status_code, answer.json()["error"]) == (422, "top is a whole number from 1.")

    def test_an_unknown_name_is_told_what_there_is(self, two: TestClient) -> None:
        answer = two.post("/api/classify?model=<b>dogs</b>", files={"file": png((9, 9, 9))})
        assert answer.status_code == 404
        assert answer.json()["error"] == "There is no model '<b>dogs</b>' here. What there is: fruit, breeds."
        assert answer.headers["content-type"] == "application/json"

    def test_a_network_that_cannot_be_loaded_is_a_sentence(self, tmp_path: Path) -> None:
        good, bad = write_bundle(tmp_path / "good", name="good"), write_bundle(tmp_path / "bad", name="bad")
        (bad / "model.onnx").write_bytes(b"no network")
        with TestClient(build_app(Catalogue.open([good, bad]), Settings())) as client:
            answer = client.post("/api/classify?model=bad", files={"file": png((9, 9, 9))})
            assert answer.status_code == 500
            assert answer.json()["error"].startswith(
                "The model bad cannot be loaded. The log of the program says why (id "
            )
            assert [model["loaded"] for model in client.get("/api/models").json()] == [True, False]

    def test_the_documentation_names_the_models_and_no_other_subject(self, two: TestClient) -> None:
        schema = two.get("/openapi.json").json()
        assert "Show it a fruit." in schema["info"]["description"]
        assert "Dog breeds" in schema["info"]["description"]
        assert "/api/models" in schema["paths"]
        assert "404" in schema["paths"]["/api/classify"]["post"]["responses"]
        assert "brain" not in json.dumps(schema).lower()

    def test_the_password_guards_the_list(self, guarded: TestClient) -> None:
        assert guarded.get("/api/models").status_code == 401


def test_two_models_of_one_name_are_told(tmp_path: Path) -> None:
    bundle = str(write_bundle(tmp_path / "tiny"))
    command = [sys.executable, "app.py", "--port", "17865", "--model", bundle, "--model", bundle]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr[:28]) == (1, "Two models are called tiny: ")
