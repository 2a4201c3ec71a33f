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
import numpy as np
import pytest

from inference import Catalogue
from tests.fakes import BREEDS, CONFIDENT, LABELS, UNCERTAIN, FakeClassifier, make_breeds, make_bundle
from tests.pictures import BAD_FILES, COLORS, GOOD_FILES, encode
from tests.serving import serve_in_thread
from ui.pictures import encode_picture
from ui.web.page.examples import load_examples
from ui.web.page.layout import build_page
from ui.web.page.panels import (
    render_about,
    render_classes,
    render_disclaimer,
    render_each,
    render_footer,
    render_header,
)
from ui.web.page.theme import build_css, build_head, mount_options
from ui.web.page.widgets import picture_value, uploaded_path

ROOT = Path(__file__).parents[4]
HOSTILE = '"><img src=x onerror=alert(1)>'


def build(**changes: Any) -> gr.Blocks:
    models = Catalogue.of(FakeClassifier(bundle=make_bundle(**changes)))
    return build_page(models, SimpleNamespace(max_file_bytes=2**20), SimpleNamespace(release=lambda _: None))


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


def test_panels_escape_the_bundles_text() -> None:
    bundle = make_bundle(
        title=HOSTILE,
        subject=HOSTILE,
        name=HOSTILE,
        version=HOSTILE,
        labels=(HOSTILE, "b"),
        label_texts=(HOSTILE, "b"),
        about={
            "summary": HOSTILE,
            "figures": [{"name": HOSTILE, "value": HOSTILE, "detail": HOSTILE}],
            "data": [{"name": HOSTILE, "licence": HOSTILE, "detail": HOSTILE}],
            "limits": [HOSTILE],
            "licence": HOSTILE,
            "disclaimer": HOSTILE,
        },
    )
    html = "".join(
        render(bundle) for render in (render_header, render_about, render_disclaimer, render_footer, build_head)
    )
    assert html.count("alert(1)") >= 12
    assert "<img" not in html


def test_constants_in_events_cannot_end_a_script_element() -> None:
    page = build(subject="</script><script>alert(1)</script>")
    scripts = [str(event["js"]) for event in page.get_config_file()["dependencies"] if event["js"]]
    assert scripts
    assert not any("</script" in script for script in scripts)


def test_about_leaves_out_what_the_bundle_does_not_say() -> None:
    html = render_about(make_bundle(about={}))
    assert "How well it does" not in html
    assert "Pear Fruit" in html


def test_examples_come_from_the_bundle_and_may_be_absent(tmp_path: Path) -> None:
    assert load_examples(make_bundle(tmp_path)) == ()
    assert load_examples(make_bundle(tmp_path / "model.keras")) == ()


@pytest.mark.parametrize(
    "document", ["", "[]", "{}", '{"examples": [{}]}', '{"examples": [{"file": "../../secret", "caption": "x"}]}']
)
def test_a_broken_list_of_examples_counts_as_none(tmp_path: Path, document: str) -> None:
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "examples.json").write_text(document)
    assert load_examples(make_bundle(tmp_path)) == ()


def test_the_repositorys_examples_are_small_and_have_a_licence() -> None:
    folder = ROOT / "models" / "brain_tumor" / "examples"
    examples = load_examples(make_bundle(folder.parent))
    assert {example.verdict for example in examples} == {"confident", "uncertain", "rejected"}
    licences = (folder / "LICENSES.md").read_text(encoding="utf-8")
    for example in examples:
        assert example.path.stat().st_size < 100_000
        assert example.path.name in licences
    listed = {example.path.name for example in examples} | {"examples.json", "LICENSES.md"}
    assert {path.name for path in folder.iterdir()} == listed


def test_picture_is_reduced_and_described() -> None:
    pixels = np.zeros((3000, 1500, 3), np.uint8)
    value = picture_value("/tmp/x/slice.png", pixels)
    assert value["src"].startswith("data:image/jpeg;base64,")
    assert value["caption"] == "slice.png, 1500 × 3000 pixels"
    assert len(encode_picture(pixels, 16)) < len(value["src"])


def test_picture_states() -> None:
    assert picture_value()["state"] == "empty"
    assert picture_value(message="The file is empty.")["state"] == "problem"


@pytest.mark.parametrize("value", [None, "", {}, [], 3, "x.png", {"path": "x.png"}])
def test_only_marked_uploads_are_paths(value: object) -> None:
    assert uploaded_path(value) is None


def test_looks_name_no_other_host() -> None:
    text = build_css() + build_head(make_bundle())
    assert "http" not in text
    assert "@import" not in text


def test_mount_options_are_accepted_and_quiet() -> None:
    import inspect

    options = mount_options(make_bundle())
    assert set(options) <= set(inspect.signature(gr.mount_gradio_app).parameters)
    assert options["footer_links"] == []
    assert options["run_history"] is False
    assert options["show_error"] is False
    assert Path(options["favicon_path"]).is_file()
    assert not any(str(font).startswith("http") for font in options["theme"]._stylesheets)


def test_no_code_that_serves_knows_the_subject() -> None:
    """Only the path of the default bundle, and the docstring that shows how to load it, may name it."""
    words = ("brain", "mri", "glioma", "meningioma", "pituitary", "tumo", "medical")
    web = [path for suffix in ("*.js", "*.css", "*.py") for path in (ROOT / "ui" / "web").rglob(suffix)]
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
    config = build().get_config_file()
    json.dumps([component["props"].get("value") for component in config["components"]])


def test_api_hands_out_the_heat_maps_layer(client: Any, tmp_path: Path) -> None:
    _, answer = classify(client, tmp_path, encode())
    assert answer["heatmap"]["src"].startswith("data:image/png;base64,")
    assert "upper right" in answer["heatmap"]["sentence"]
    _, faint = classify(client, tmp_path, encode(COLORS["certain"]))
    assert faint["heatmap"] == {"sentence": "No place in the image stands out.", "src": ""}
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


def test_each_model_has_its_part_and_only_the_first_shows() -> None:
    bundles = [make_bundle(name='a"b'), make_bundle(name="c", about={})]
    html = render_each(bundles, render_header)
    assert html.count("<header") == 2
    assert html.count(" hidden>") == 1
    assert 'data-of-model="a&quot;b">' in html
    assert render_each(bundles[1:], render_disclaimer) == "", "nothing without a disclaimer"


def test_many_classes_have_a_panel_and_few_do_not() -> None:
    assert render_classes(make_bundle()) == ""
    html = render_classes(make_breeds().bundle)
    assert html.count("<li>") == len(BREEDS)
    assert "&lt;b&gt;breton&lt;/b&gt;" in html
    assert "Breed 7" not in render_about(make_breeds().bundle)
