"""Many files in, one row each out: a result or an error, never a stop in between."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from inference.classifier import Classifier
from inference.errors import GyrusError
from inference.images import DecodedImage, load_image
from inference.prediction import Prediction

_BATCH_SIZE = 16


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the command line's output, and the body of the API's answer, its keys in this order.

    Attributes
    ----------
    path : str
        As given; for an upload, its file name.
    slice : int or None
        None for a picture (a volume's slices are numbered).
    verdict, label, probabilities, candidates, novelty
        See `inference.prediction.Prediction`. ``label`` is the most probable class, also of a rejected picture: read it
        together with ``verdict``. All None when there is an error.
    error : str or None
        A sentence when the picture has no answer.
    """

    path: str
    slice: int | None = None
    verdict: str | None = None
    label: str | None = None
    probabilities: dict[str, float] | None = None
    candidates: list[str] | None = None
    novelty: float | None = None
    error: str | None = None

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """The row as JSON has it; with ``top``, of more classes only so many, the most probable first."""
        row = asdict(self)
        if top and self.probabilities and top < len(self.probabilities):
            ranked = sorted(self.probabilities.items(), key=lambda item: item[1], reverse=True)
            row["probabilities"] = dict(ranked[:top])
        return row


def build_row(path: str, prediction: Prediction) -> Row:
    """The row of an answered picture."""
    return Row(
        path=path,
        verdict=prediction.verdict.value,
        label=prediction.label,
        probabilities=dict(prediction.probabilities),
        candidates=list(prediction.candidates),
        novelty=prediction.novelty,
    )


def find_files(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Walk folders, in a stable order; hidden files are left out, anything that is named is kept.

    Yields
    ------
    pathlib.Path
        Files as named, and each folder's files with the folder's path before them.
    """
    for path in map(Path, paths):
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield from (Path(folder) / name for name in sorted(names) if not name.startswith("."))


def classify_paths(classifier: Classifier, paths: Iterable[str | Path]) -> Iterator[tuple[Row, tuple[str, ...]]]:
    """Classify files and the files of folders; a file that fails becomes a row with its error.

    Yields
    ------
    tuple of (Row, tuple of str)
        The row, and the notes that belong to it (see `Prediction.notes`). In the order of `find_files`.
    """
    files = find_files(paths)
    while chunk := list(islice(files, _BATCH_SIZE)):
        yield from _classify_chunk(classifier, chunk)


def _classify_chunk(classifier: Classifier, chunk: Sequence[Path]) -> Iterator[tuple[Row, tuple[str, ...]]]:
    loaded = [_load(path) for path in chunk]
    images = [image for image in loaded if isinstance(image, DecodedImage)]
    try:
        predictions: Iterator[Prediction | GyrusError] = iter(
            list(classifier.predict_many(images, batch_size=_BATCH_SIZE))
        )
    except GyrusError as error:
        predictions = iter([error] * len(images))
    for path, image in zip(chunk, loaded, strict=True):
        outcome = image if isinstance(image, GyrusError) else next(predictions)
        if isinstance(outcome, GyrusError):
            yield Row(path=str(path), error=str(outcome)), ()
        else:
            yield build_row(str(path), outcome), outcome.notes


def _load(path: Path) -> DecodedImage | GyrusError:
    try:
        return load_image(path)
    except GyrusError as error:
        return error
