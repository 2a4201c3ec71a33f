"""The page without a browser: its configuration, its one API call, and what it does with text from outside."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from inference import Catalogue
from tests.fakes import CONFIDENT, LABELS, UNCERTAIN, FakeClassifier, make_breeds, make_bundle
from tests.pictures import BAD_FILES, COLORS, GOOD_FILES, encode
from tests.serving import serve_in_thread
from ui.web.page.layout import build_page

ROOT = Path(__file__).parents[4]


def build(**changes: Any) -> gr.Blocks:
    models = Catalogue.of(FakeClassifier(bundle=make_bundle(**changes)))
    return build_page(
        models,
        SimpleNamespace(max_file_bytes=2**20, convention="radiological"),
        SimpleNamespace(release=lambda _: None),
    )


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    gradio_client = pytest.importorskip("gradio_client")
    with serve_in_thread(FakeClassifier()) as url:
        yield gradio_client.Client(url, verbose=False)


def classify(client: Any, tmp_path: Path, content: bytes, name: str = "slice.png") -> tuple[Any, Any]:
    from gradio_client import handle_file

    path = tmp_path / name
    path.write_bytes(content)
    numbers, answer = client.predict(handle_file(path), api_name="/classify")
    return numbers, answer


def test_api_gives_numbers_that_are_not_rounded(client: Any, tmp_path: Path) -> None:
    numbers, answer = classify(client, tmp_path, encode())
    assert numbers["label"] == "Pear Fruit"
    assert {row["label"]: row["confidence"] for row in numbers["confidences"]} == CONFIDENT
    assert answer["verdict"] == "confident"
    assert answer["sentence"] == "Pear, 94 %."
    assert answer["error"] is None
    assert answer["candidates"] == ["Pear Fruit"]


def test_api_names_both_candidates(client: Any, tmp_path: Path) -> None:
    numbers, answer = classify(client, tmp_path, encode(COLORS["uncertain"]))
    assert {row["label"]: row["confidence"] for row in numbers["confidences"]} == UNCERTAIN
    assert answer["candidates"] == ["Apple", "Quince"]


@pytest.mark.parametrize("name", BAD_FILES)
def test_api_answers_bad_files_with_a_sentence(client: Any, tmp_path: Path, name: str) -> None:
    numbers, answer = classify(client, tmp_path, BAD_FILES[name], name)
    assert not numbers
    assert answer["verdict"] is None
    assert answer["error"].endswith(".")
    assert "Something went wrong" not in answer["error"]


@pytest.mark.parametrize("name", GOOD_FILES)
def test_api_takes_pictures_of_any_name_and_depth(client: Any, tmp_path: Path, name: str) -> None:
    _, answer = classify(client, tmp_path, GOOD_FILES[name], name)
    assert answer["error"] is None


def test_api_without_an_image_is_a_sentence(client: Any) -> None:
    numbers, answer = client.predict(None, api_name="/classify")
    assert not numbers
    assert answer["error"] == "There is no image yet."


def test_api_does_not_read_a_file_of_the_server(client: Any) -> None:
    _, answer = client.predict("/etc/passwd", api_name="/classify")
    assert answer["error"] == "There is no image yet."


@pytest.mark.parametrize("meta", [{}, {"meta": {"_type": "x"}}, {"meta": {"_type": "gradio.FileData"}}])
def test_api_refuses_a_path_that_pretends_to_be_an_upload(client: Any, meta: dict[str, Any]) -> None:
    import httpx

    answer = httpx.post(f"{client.src}gradio_api/call/classify", json={"data": [{"path": "/etc/passwd", **meta}]})
    assert answer.status_code == 404
    assert "no such upload" in answer.json()["error"]


def test_only_classify_is_offered(client: Any) -> None:
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/classify"]


def test_building_does_not_launch_and_needs_no_examples() -> None:
    page = build()
    assert not page.is_running
    assert page.title == "Gyrus: Fruit"


def test_label_lists_the_bundles_labels_as_they_are() -> None:
    numbers = [block for block in build().blocks.values() if isinstance(block, gr.Label)]
    assert len(numbers) == 1
    assert numbers[0].num_top_classes is None
    assert numbers[0].show_heading is False
    shown = numbers[0].postprocess(dict(CONFIDENT))
    assert [row.label for row in shown.confidences] == ["Pear Fruit", "Quince", "Apple"]  # type: ignore[union-attr]
    assert set(CONFIDENT) == set(LABELS)


def test_constants_in_events_cannot_end_a_script_element() -> None:
    page = build(subject="</script><script>alert(1)</script>")
    scripts = [str(event["js"]) for event in page.get_config_file()["dependencies"] if event["js"]]
    assert scripts
    assert not any("</script" in script for script in scripts)


def test_no_code_that_serves_knows_the_subject() -> None:
    """Only the path of the default bundle, and the docstring that shows how to load it, may name it."""
    words = ("brain", "mri", "glioma", "meningioma", "pituitary", "tumo", "medical")
    web = [path for suffix in ("*.js", "*.css", "*.html", "*.py") for path in (ROOT / "ui" / "web").rglob(suffix)]
    sources = [*web, *(ROOT / "ui").glob("*.py"), *(ROOT / "inference").glob("*.py"), ROOT / "app.py"]
    assert len(sources) > 30
    for source in sources:
        if "vendor" in source.parts:
            continue  # others wrote it
        text = source.read_text(encoding="utf-8").lower().replace("brain_tumor", "")
        assert not [word for word in words if re.search(rf"\b{word}", text)], source.name


def test_the_presenter_needs_no_toolkit() -> None:
    code = "import sys, ui.words.answer; print(*(m for m in ('gradio', 'tkinter', 'tensorflow') if m in sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert output.split() == []


def test_building_writes_nothing_beside_the_sources() -> None:
    """Gradio writes a .pyi file beside the source of a subclass of its components; there must be none."""
    build()
    assert not list((ROOT / "ui").rglob("*.pyi"))


def test_answers_can_be_json() -> None:
    values = [component["props"].get("value") for component in build().get_config_file()["components"]]
    assert any(isinstance(value, dict) and "sentence" in value for value in values)
    assert json.loads(json.dumps(values)) == values


def test_api_hands_out_the_heat_maps_layer(client: Any, tmp_path: Path) -> None:
    _, answer = classify(client, tmp_path, encode())
    assert answer["heatmap"]["src"].startswith("data:image/png;base64,")
    assert "upper right" in answer["heatmap"]["sentence"]
    _, faint = classify(client, tmp_path, encode(COLORS["certain"]))
    nothing = "No place in the image stands out."
    assert faint["heatmap"] == {"sentence": nothing, "sentence_mirrored": nothing, "src": ""}
    assert "upper left" in answer["heatmap"]["sentence_mirrored"]
    for content in (encode(COLORS["rejected"]), b"text"):
        assert classify(client, tmp_path, content)[1]["heatmap"] is None


def test_api_takes_the_models_name(tmp_path: Path) -> None:
    gradio_client = pytest.importorskip("gradio_client")
    path = tmp_path / "dog.png"
    path.write_bytes(encode())
    with serve_in_thread(FakeClassifier(), make_breeds()) as url:
        client = gradio_client.Client(url, verbose=False)
        image = gradio_client.handle_file(path)
        assert client.predict(image, api_name="/classify")[1]["candidates"] == ["Pear Fruit"]
        numbers, answer = client.predict(image, model="breeds", api_name="/classify")
        assert [row["label"] for row in numbers["confidences"]][:2] == ["Zwergpudel", "Breed 7"]
        assert len(numbers["confidences"]) == 5, "what the page shows"
        assert answer["model"] == "breeds 1.2.3"
        for name in ("dogs", 3, ["breeds"]):
            _, answer = client.predict(image, model=name, api_name="/classify")
            assert answer["error"] == f"There is no model {str(name)!r} here. What there is: fruit, breeds."
        assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/classify"]
