"""What is in a folder of pictures, and what would mislead a network: counts, copies, conflicts, groups, the shortcut.

`audit` leaves the folder as it is and writes three files elsewhere: ``groups.csv`` (which
`training.dataset.read_manifest` reads), ``audit.json`` and ``audit.html`` (see `training.audit_page`). The same folder
gives the same files.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inference.batch.spreadsheet import guard_cell
from inference.errors import GyrusError, InputError, SettingsError
from inference.imaging.load import load_image
from training.audit_figures import Survey, find_groups, measure
from training.audit_page import build_audit_page
from training.dataset import COLUMNS, Sample, thumbnail, to_grey
from training.listing import LAYOUTS, Listing, read_listing, relative_path
from training.probe import measure_statistics
from training.twins import Progress, find_twins


def audit(data_dir: Path, out_dir: Path, progress: Progress = lambda *_: None) -> dict[str, Any]:
    """Write ``groups.csv``, ``audit.json`` and ``audit.html``.

    Parameters
    ----------
    data_dir : pathlib.Path
        In one of the layouts of `training.listing`.
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
    twins = find_twins(survey.thumbs, survey.digests, progress)
    groups = find_groups(survey, twins)
    figures = measure(survey, twins, groups, progress)
    page = build_audit_page(figures, data_dir)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        _write_groups(survey, groups, out_dir / "groups.csv")
        (out_dir / "audit.json").write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (out_dir / "audit.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"The folder {out_dir} cannot be written: {error.strerror}.") from error
    return figures


def read_survey(
    data_dir: Path, progress: Progress = lambda *_: None, name_class: Callable[[str], str] | None = None
) -> Survey:
    """Decode every picture once, as the serving code would; about 4 kB of each stay in memory.

    ``name_class`` is handed to `training.listing.read_listing`.
    """
    listing = read_listing(data_dir, name_class)
    _check_classes(listing.samples, data_dir)
    kept, digests, thumbs, statistics, unreadable = [], [], [], [], []
    for place, sample in enumerate(listing.samples):
        try:
            pixels = load_image(sample.path).pixels
        except GyrusError as error:
            unreadable.append((relative_path(sample.path, data_dir), str(error)))
        else:
            kept.append(place)
            digests.append(hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest())
            thumbs.append(thumbnail(to_grey(pixels)))
            statistics.append(measure_statistics(pixels))
        progress("Reading pictures", place + 1, len(listing.samples))
    if not kept:
        path, sentence = unreadable[0]
        raise InputError(f"None of {len(unreadable)} files in {data_dir} can be read. The first, {path}: {sentence}")
    _check_classes([listing.samples[place] for place in kept], data_dir)
    return _build_survey(listing, data_dir, kept, digests, np.stack(thumbs), np.stack(statistics), unreadable)


def _check_classes(samples: Sequence[Sample], data_dir: Path) -> None:
    labels = {sample.label for sample in samples}
    if len(labels) == 1:
        raise InputError(
            f"All {len(samples)} readable pictures in {data_dir} are of one class ({labels.pop()}); two or "
            f"more are needed. Accepted are: {LAYOUTS}."
        )


def _build_survey(listing: Listing, data_dir: Path, kept: list[int], digests, thumbs, statistics, unreadable) -> Survey:
    samples = [listing.samples[place] for place in kept]
    return Survey(
        name=listing.name,
        samples=samples,
        paths=[relative_path(sample.path, data_dir) for sample in samples],
        splits=[listing.splits[place] for place in kept],
        digests=digests,
        thumbs=thumbs,
        statistics=statistics,
        unreadable=unreadable,
        left_out=listing.left_out,
        has_manifest=listing.has_manifest,
    )


def _write_groups(survey: Survey, groups: Sequence[str], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for sample, relative, group in zip(survey.samples, survey.paths, groups, strict=True):
            box = sample.box or ("",) * 4
            values = [relative, sample.label, sample.source, sample.patient, sample.fold, group, *box]
            writer.writerow(map(guard_cell, values))
