"""A folder that cannot be surveyed is a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.errors import InputError
from tests.training.heads import draw_head, save
from training.data.survey import read_survey


def test_what_cannot_be_audited(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not one"):
        read_survey(tmp_path / "nowhere")
    save(tmp_path / "data/Training/loose.png", draw_head(0))
    with pytest.raises(InputError, match=r"no picture .* belongs to a class"):
        read_survey(tmp_path / "data")
    save(tmp_path / "data/glioma/a.png", draw_head(0))
    with pytest.raises(InputError, match=r"of one class \(glioma\)"):
        read_survey(tmp_path / "data")
    save(tmp_path / "data/no/b.png", draw_head(1)).write_text("text", encoding="utf-8")
    with pytest.raises(InputError, match="of one class"):
        read_survey(tmp_path / "data")
    (tmp_path / "data/glioma/a.png").write_text("text", encoding="utf-8")
    with pytest.raises(InputError, match="None of 2 files"):
        read_survey(tmp_path / "data")
