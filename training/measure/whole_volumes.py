"""What a bundle's answers for whole volumes are worth: `inference.answer.volume` measured where the truth is known.

Read are ``gbm_nifti`` (every volume has a tumour, and a mask says on which slices) and ``dicom_t1`` (one healthy
person), through the very code that serves. Ten volumes of five persons and one healthy series: the figures say whether
the rule works at all, not how well it does elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from inference import BundleError, Classifier, Prediction, SettingsError
from inference.answer.prediction import Verdict
from inference.answer.volume import VolumePrediction, predict_volume
from inference.imaging.load import load_scans
from inference.imaging.types import Volume
from training.data.volumes import load_axial


def evaluate_volumes(bundle_path: Path, data_dir: Path) -> dict[str, Any]:
    """Measure a bundle on the volumes below ``data_dir``.

    Returns
    -------
    dict
        ``trained_on_volumes`` (then all is optimistic); ``tumour``, ``healthy``: counts, shares in [0, 1] and a list of
        ``volumes``. Slices are counted from 1.

    Raises
    ------
    BundleError
        The bundle does not say which label means that nothing was found.
    SettingsError
        There are no volumes.
    """
    classifier = Classifier.load(bundle_path)
    bundle = classifier.bundle
    if bundle.background is None:
        raise BundleError(f'{bundle_path}: "background" must name the label that means that nothing was found.')
    masked = [
        _measure_masked(scan, volume, predict_volume(classifier, volume), bundle.background)
        for scan, volume in read_masked(data_dir / "gbm_nifti")
    ]
    healthy = [
        _describe(volume.series, predict_volume(classifier, volume), bundle.background)
        for volume in _open_volumes(data_dir / "dicom_t1")
    ]
    if not masked and not healthy:
        raise SettingsError(f"There are no volumes below {data_dir}; the folders gbm_nifti and dicom_t1 are read.")
    return {
        "bundle": f"{bundle.name} {bundle.version}",
        "trained_on_volumes": bool(bundle.provenance.get("settings", {}).get("volumes")),
        "tumour": _sum_up_masked(masked),
        "healthy": _sum_up_healthy(healthy),
    }


def read_shown(scan: Path) -> np.ndarray:
    """Which slices of a volume of ``gbm_nifti`` show the tumour, shape (slices,), bool."""
    mask = load_axial(scan.with_name(scan.name.replace("Scan_T1", "Mask"))) > 0
    return np.asarray(mask.any(axis=(1, 2)))


def read_masked(folder: Path) -> Iterator[tuple[Path, Volume]]:
    """Each volume of ``gbm_nifti``, with its file."""
    for scan in sorted(folder.glob("*/*Scan_T1.nii.gz")):
        yield scan, next(_open_volumes(scan))


def _open_volumes(path: Path) -> Iterator[Volume]:
    if not path.exists():
        return
    for scan in load_scans(path):
        if isinstance(scan.content, Volume):
            yield scan.content


def _measure_masked(scan: Path, volume: Volume, found: VolumePrediction, background: str) -> dict[str, Any]:
    shows = read_shown(scan)
    name = f"{scan.parent.name}/{scan.name.partition('_')[0]}"
    described = _describe(name, found, background)
    answered = [number for number in range(volume.count) if number not in found.empty]
    flagged = set(found.suspicious)
    best = found.best_slice
    inside = [number for number in answered if shows[number]]
    outside = [number for number in answered if not shows[number]]
    return {
        **described,
        "mask": [int(np.flatnonzero(shows)[0]) + 1, int(np.flatnonzero(shows)[-1]) + 1],
        "best_slice_in_mask": best is not None and bool(shows[best]),
        "random_slice_in_mask": len(inside) / len(answered),
        "tumour_slices": len(inside),
        "tumour_slices_found": len(flagged & set(inside)),
        "free_slices": len(outside),
        "free_slices_flagged": len(flagged & set(outside)),
        "free_slices_flagged_confidently": _count_confident(found, flagged & set(outside)),
    }


def _describe(name: str, found: VolumePrediction, background: str) -> dict[str, Any]:
    answer = found.answer
    readable = [one for one in found.slices if isinstance(one, Prediction)]
    mean = np.mean([1.0 - one.probabilities[background] for one in readable])
    return {
        "name": name,
        "slices": len(found.slices),
        "empty": len(found.empty),
        "verdict": answer.verdict.value,
        "label": answer.label,
        "tumour_probability": round(1.0 - answer.probabilities[background], 4),
        "mean_over_all_slices": round(float(mean), 4),
        "best_slice": None if found.best_slice is None else found.best_slice + 1,
        "suspicious": len(found.suspicious),
        "suspicious_confidently": _count_confident(found, set(found.suspicious)),
        "flagged": answer.verdict is not Verdict.REJECTED and answer.label != background,
    }


def _count_confident(found: VolumePrediction, numbers: set[int]) -> int:
    answers = [found.slices[number] for number in numbers]
    return sum(isinstance(one, Prediction) and one.verdict is Verdict.CONFIDENT for one in answers)


def _sum_up_masked(volumes: list[dict[str, Any]]) -> dict[str, Any]:
    def total(key: str) -> int:
        return sum(volume[key] for volume in volumes)

    if not volumes:
        return {"volumes": []}
    return {
        "count": len(volumes),
        "found": sum(volume["flagged"] for volume in volumes),
        "found_by_mean_over_all_slices": sum(volume["mean_over_all_slices"] > 0.5 for volume in volumes),
        "named_confidently": sum(volume["flagged"] and volume["verdict"] == "confident" for volume in volumes),
        "best_slice_in_mask": total("best_slice_in_mask"),
        "random_slice_in_mask": float(np.mean([volume["random_slice_in_mask"] for volume in volumes])),
        "tumour_slices": total("tumour_slices"),
        "tumour_slices_found": total("tumour_slices_found") / total("tumour_slices"),
        "free_slices": total("free_slices"),
        "free_slices_flagged": total("free_slices_flagged") / max(total("free_slices"), 1),
        "free_slices_flagged_confidently": total("free_slices_flagged_confidently") / max(total("free_slices"), 1),
        "volumes": volumes,
    }


def _sum_up_healthy(volumes: list[dict[str, Any]]) -> dict[str, Any]:
    answered = sum(volume["slices"] - volume["empty"] for volume in volumes)
    if not answered:
        return {"volumes": []}
    return {
        "count": len(volumes),
        "false_alarms": sum(volume["flagged"] for volume in volumes),
        "false_alarms_confident": sum(volume["flagged"] and volume["verdict"] == "confident" for volume in volumes),
        "slices": answered,
        "slices_flagged": sum(volume["suspicious"] for volume in volumes) / answered,
        "slices_flagged_confidently": sum(volume["suspicious_confidently"] for volume in volumes) / answered,
        "volumes": volumes,
    }
