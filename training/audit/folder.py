"""The audit of a folder: counts, copies, conflicts, groups, the shortcut.

`audit_folder` leaves the folder as it is and writes three files elsewhere: ``groups.csv`` (which
`training.data.manifest.read_manifest` reads), ``audit.json`` and ``audit.html`` (see `training.report.audit_page`).
The same folder gives the same files.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inference.batch.spreadsheet import guard_cell
from inference.errors import SettingsError
from training.audit.figures import measure_survey
from training.data.duplicates import find_duplicates
from training.data.manifest import COLUMNS
from training.data.survey import Survey, find_groups, read_survey
from training.report.audit_page import build_audit_page

if TYPE_CHECKING:
    from training.data.progress import Progress


def audit_folder(data_dir: Path, out_dir: Path, progress: Progress = lambda *_: None) -> dict[str, Any]:
    """Write ``groups.csv``, ``audit.json`` and ``audit.html``.

    Parameters
    ----------
    data_dir : pathlib.Path
        In one of the layouts of `training.data.layout`.
    out_dir : pathlib.Path
        Made if need be; never inside ``data_dir``.
    progress : callable

    Returns
    -------
    dict
        What ``audit.json`` holds.

    Raises
    ------
    InputError
        There are no pictures, none can be read, or all are of one class.
    SettingsError
        ``out_dir`` is inside the data or cannot be written.
    """
    if out_dir.resolve().is_relative_to(data_dir.resolve()):
        raise SettingsError(f"The data stay as they are: --out must be outside {data_dir}; received {out_dir}.")
    survey = read_survey(data_dir, progress)
    duplicates = find_duplicates(survey.thumbs, survey.digests, progress)
    groups = find_groups(survey, duplicates)
    figures = measure_survey(survey, duplicates, groups, progress)
    page = build_audit_page(figures, data_dir)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        _write_groups(survey, groups, out_dir / "groups.csv")
        (out_dir / "audit.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (out_dir / "audit.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"The folder {out_dir} cannot be written: {error.strerror}.") from error
    return figures


def _write_groups(survey: Survey, groups: Sequence[str], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for sample, relative, group in zip(survey.samples, survey.paths, groups, strict=True):
            box = sample.box or ("",) * 4
            values = [relative, sample.label, sample.source, sample.patient, sample.fold, group, *box]
            writer.writerow(map(guard_cell, values))
