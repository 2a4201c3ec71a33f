"""A bundle's example pictures."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.fakes import make_bundle
from tests.pictures import encode
from ui.web.page.examples import load_examples, render_examples

ROOT = Path(__file__).parents[4]


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


def test_their_captions_are_escaped_and_their_files_go_along(tmp_path: Path) -> None:
    folder = tmp_path / "examples"
    folder.mkdir()
    (folder / "a.png").write_bytes(encode())
    item = {"file": "a.png", "caption": "<b>x</b>", "promise": "<i>y</i>", "verdict": "confident", "label": None}
    (folder / "examples.json").write_text(json.dumps({"examples": [item]}))
    html = render_examples(make_bundle(tmp_path))
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "&lt;i&gt;y&lt;/i&gt;" in html
    assert f'data-content="{base64.b64encode(encode()).decode()}"' in html
    assert 'data-name="a.png"' in html
    assert render_examples(make_bundle(tmp_path / "none")) == ""
