"""A manifest says what is known of each picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.errors import InputError
from training.data.manifest import read_manifest


def test_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no readable"):
        read_manifest(tmp_path)
    columns = "path,label,source,patient_id,cheng_fold,group,box_x_center,box_y_center,box_width,box_height"
    (tmp_path / "manifest.csv").write_text(
        f"{columns}\na.png,no,br35h,,,g1,,,,\nb.png,glioma,cheng,7,2,g2,.5,.5,.1,.2\n"
    )
    first, second = read_manifest(tmp_path)
    assert (first.has_tumour, first.box, second.box) == (False, None, (0.5, 0.5, 0.1, 0.2))
    (tmp_path / "manifest.csv").write_text("path,label\na.png,no\n")
    with pytest.raises(InputError, match="lacks the column"):
        read_manifest(tmp_path)
