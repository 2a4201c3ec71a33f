"""A model bundle: a folder whose ``bundle.json`` says what the network expects, what it answers and how to trust it.

A bundle folder holds ``bundle.json``, the network (``model.onnx``, or a ``.keras``/``.h5`` file), ``MODEL_CARD.md`` and
whatever else ``files`` lists. A ``bundle.json`` that somebody writes by hand round a network of his own may leave out
``files``: nothing is compared then. A bare model file is a bundle too, described by ``models/bare_file.json``. Labels,
sizes and thresholds live there, as data; no module has them as constants.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from inference.errors import BundleError
from inference.model.preprocess import RESIZE_METHODS
from inference.model.schema import (
    COLOR_CHANNELS,
    FILE_NAME,
    LAYOUTS,
    OUTPUTS,
    SCHEMA_VERSION,
    Calibration,
    Golden,
    InputSpec,
    NoveltyRule,
)

ONNX_SUFFIXES = (".onnx",)

KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")

BARE_FILE_JSON = Path(__file__).resolve().parents[2] / "models" / "bare_file.json"
"""What is assumed of a model file that comes without a ``bundle.json``."""

_MAX_JSON_BYTES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class ModelBundle:
    """Everything about a model except its running network.

    Attributes
    ----------
    path : pathlib.Path
        The bundle's folder, or the bare model file.
    name, version, title, subject : str
        ``subject`` completes the sentence "This does not look like …": ``"a photograph of a dog"``.
    labels : tuple of str
        Class names; their order is the order of the network's outputs (index base 0).
    spoken : tuple of str
        The same classes as they stand inside a sentence: ``"golden retriever"``.
    network : str
        File name of the network inside the folder.
    output : str or None
        ``"logits"`` or ``"probabilities"`` (a softmax is inside), one number a label, or ``"sigmoid"``: a single
        number, the probability of the second of two labels. None: logits or probabilities, as a look at it tells.
    modalities : tuple of str
        DICOM's codes of what may be shown to it, such as ``"MR"``; empty when it does not matter.
    background : str or None
        The label that says that none of the others is there: a volume of which one slice shows another label is not of
        this one. None when no label is like that.
    input : InputSpec
    calibration : Calibration
    novelty : NoveltyRule
    golden : Golden or None
        None in a bundle written by hand, and of a bare file.
    files : Mapping of str to str
        File name to SHA-256 in lower-case hexadecimal. Empty for a bare model file and for a bundle written by hand
        without them: they vouch for themselves.
    about : Mapping of str to Any
        What the page's panel shows: summary, figures, data, limits, licence; and ``disclaimer``, which stands beside
        every answer.
    provenance : Mapping of str to Any
        How the network was made: data, command, seed, package versions.
    """

    path: Path
    name: str
    version: str
    title: str
    subject: str
    labels: tuple[str, ...]
    spoken: tuple[str, ...]
    network: str
    output: str | None = None
    modalities: tuple[str, ...] = ()
    background: str | None = None
    input: InputSpec = field(default_factory=InputSpec)
    calibration: Calibration = field(default_factory=Calibration)
    novelty: NoveltyRule = field(default_factory=NoveltyRule)
    golden: Golden | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def network_path(self) -> Path:
        """The network's file."""
        return self.path / self.network if self.path.is_dir() else self.path

    def label_text(self, label: str) -> str:
        """The class name as it stands inside a sentence."""
        return self.spoken[self.labels.index(label)]

    def compute_sha256(self) -> str:
        """SHA-256, hexadecimal, of ``bundle.json``, which holds those of its files; of a bare file, its own."""
        listing = self.path / "bundle.json"
        return hashlib.sha256((listing if listing.is_file() else self.network_path).read_bytes()).hexdigest()

    def read_file(self, name: str) -> bytes:
        """Read one of the bundle's files, comparing its SHA-256 with the one that ``bundle.json`` lists, if it has any.

        Raises
        ------
        BundleError
            The file is missing, is not listed, or differs from what was listed.
        """
        file_path = self.path / name if self.path.is_dir() else self.path
        try:
            content = file_path.read_bytes()
        except OSError as error:
            raise BundleError(f"The bundle {self.path} lacks the file {name} that its bundle.json names.") from error
        if not self.files:
            return content
        expected = self.files.get(name)
        if expected is None:
            raise BundleError(f"The bundle {self.path} does not list {name} under files, so it cannot be trusted.")
        received = hashlib.sha256(content).hexdigest()
        if received != expected:
            raise BundleError(
                f"The file {file_path} was altered or is incomplete: bundle.json lists SHA-256 {expected}, "
                f"the file has {received}."
            )
        return content


def load_bundle(path: str | Path) -> ModelBundle:
    """Read a bundle folder, or describe a bare ``.keras``/``.h5``/``.onnx`` file.

    Parameters
    ----------
    path : str or pathlib.Path
        A folder with ``bundle.json``, or a model file.

    Raises
    ------
    BundleError
        There is nothing usable at ``path``; the message says what is missing or wrong.
    """
    path = Path(path)
    if path.is_dir():
        return _read_bundle_json(path)
    if not path.exists():
        raise BundleError(f"There is no model at {path}. Give a bundle folder or a .keras, .h5 or .onnx file.")
    if path.suffix.lower() not in KERAS_SUFFIXES + ONNX_SUFFIXES:
        raise BundleError(
            f"{path} is not a model: a bundle folder or a .keras, .h5 or .onnx file is accepted, "
            f"received a file that ends in {path.suffix or 'nothing'}."
        )
    return default_bundle(path)


def default_bundle(path: Path) -> ModelBundle:
    """Describe a bare model file with what `BARE_FILE_JSON` says of such files; its name and title are the file's."""
    document = {**_read_document(BARE_FILE_JSON), "name": path.stem, "title": path.name, "network": path.name}
    return _Reader(BARE_FILE_JSON, document).bundle(path)


def _read_bundle_json(folder: Path) -> ModelBundle:
    json_path = folder / "bundle.json"
    return _Reader(json_path, _read_document(json_path)).bundle(folder)


def _read_document(json_path: Path) -> dict[str, Any]:
    try:
        size_bytes = json_path.stat().st_size
        text = json_path.read_text(encoding="utf-8") if size_bytes <= _MAX_JSON_BYTES else ""
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{json_path.parent} is not a bundle: it has no readable {json_path.name}.") from error
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise BundleError(f"{json_path} is not valid JSON: {error}.") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA_VERSION:
        received = document.get("schema") if isinstance(document, dict) else type(document).__name__
        raise BundleError(f'{json_path} must have "schema": {SCHEMA_VERSION}; received {received!r}.')
    return document


class _Reader:
    """Turns the JSON document into a `ModelBundle`, naming the key that is wrong."""

    def __init__(self, json_path: Path, document: Mapping[str, Any]) -> None:
        self._json_path = json_path
        self._document = document

    def _fail(self, key: str, accepted: str, received: object) -> BundleError:
        return BundleError(f'{self._json_path}: "{key}" must be {accepted}; received {received!r}.')

    def _text(self, key: str, default: str | None = None) -> str:
        value = self._document.get(key, default)
        if not isinstance(value, str) or not value.strip():
            raise self._fail(key, "a text", value)
        return value

    def _section(self, key: str) -> Mapping[str, Any]:
        value = self._document.get(key, {})
        if not isinstance(value, dict):
            raise self._fail(key, "an object", value)
        return value

    def _number(self, section: str, key: str, default: float, low: float, high: float) -> float:
        value = self._section(section).get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self._fail(f"{section}.{key}", f"a number from {low:g} to {high:g}", value)
        return float(value)

    def _file_name(self, key: str, value: object) -> str:
        if not isinstance(value, str) or value in ("", ".", "..") or not FILE_NAME.fullmatch(value):
            raise self._fail(key, "the name of a file inside the bundle's folder", value)
        return value

    def _labels(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        value = self._document.get(key, default)
        if (
            not isinstance(value, list | tuple)
            or len(value) < 2
            or not all(isinstance(item, str) and item for item in value)
            or len(set(value)) != len(value)
        ):
            raise self._fail(key, "a list of two or more different texts", value)
        return tuple(value)

    def _modalities(self) -> tuple[str, ...]:
        value = self._document.get("modalities", [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self._fail("modalities", 'a list of DICOM codes, such as ["MR"]', value)
        return tuple(value)

    def _background(self, labels: tuple[str, ...]) -> str | None:
        value = self._document.get("background")
        if value is not None and value not in labels:
            raise self._fail("background", "one of the labels", value)
        return value

    def _calibration(self, labels: tuple[str, ...]) -> Calibration:
        shift = self._section("calibration").get("prior_shift", [])
        if shift != [] and not _is_numbers(shift, len(labels)):
            raise self._fail("calibration.prior_shift", f"{len(labels)} numbers, one a label, or none", shift)
        calibration = Calibration(
            temperature=self._number("calibration", "temperature", 1.0, 1e-3, 1e3),
            familiar_at=self._number("calibration", "familiar_at", 0.0, 0.0, 1e3),
            unfamiliar_at=self._number("calibration", "unfamiliar_at", 1.0, 0.0, 1e3),
            temperature_rise=self._number("calibration", "temperature_rise", 0.0, 0.0, 1e3),
            prior_shift=tuple(float(value) for value in shift),
            confident_at=self._number("calibration", "confident_at", 0.5, 0.0, 1.0),
            in_set_at=self._number("calibration", "in_set_at", 1.0, 0.0, 1.0),
            coverage=self._number("calibration", "coverage", 0.0, 0.0, 1.0),
        )
        if calibration.unfamiliar_at <= calibration.familiar_at:
            raise self._fail("calibration.unfamiliar_at", "more than familiar_at", calibration.unfamiliar_at)
        return calibration

    def _input(self) -> InputSpec:
        section = self._section("input")
        color_order = section.get("color_order", "rgb")
        if color_order not in COLOR_CHANNELS:
            raise self._fail("input.color_order", " or ".join(COLOR_CHANNELS), color_order)
        resize = section.get("resize", "bilinear")
        if resize not in RESIZE_METHODS:
            raise self._fail("input.resize", " or ".join(RESIZE_METHODS), resize)
        value_range = section.get("value_range", [0, 255])
        if not _is_numbers(value_range, 2) or not value_range[0] < value_range[1]:
            raise self._fail("input.value_range", "two rising numbers, what 0 and 255 become", value_range)
        layout = section.get("layout", LAYOUTS[0])
        if layout not in LAYOUTS:
            raise self._fail("input.layout", " or ".join(LAYOUTS), layout)
        return InputSpec(
            width_px=int(self._number("input", "width_px", 150, 1, 4096)),
            height_px=int(self._number("input", "height_px", 150, 1, 4096)),
            color_order=color_order,
            value_min=float(value_range[0]),
            value_max=float(value_range[1]),
            mean=self._per_channel("mean", COLOR_CHANNELS[color_order]),
            std=self._per_channel("std", COLOR_CHANNELS[color_order], above=0.0),
            layout=layout,
            resize=resize,
        )

    def _per_channel(self, key: str, channels: int, above: float = float("-inf")) -> tuple[float, ...]:
        value = self._section("input").get(key, [])
        if value != [] and (not _is_numbers(value, channels) or min(value) <= above):
            accepted = f"a list of {channels} numbers, one a channel" + (f", above {above:g}" if above == 0.0 else "")
            raise self._fail(f"input.{key}", accepted, value)
        return tuple(float(number) for number in value)

    def _output(self, labels: tuple[str, ...]) -> str | None:
        value = self._document.get("output")
        if value is not None and value not in OUTPUTS:
            raise self._fail("output", " or ".join(OUTPUTS), value)
        if value == "sigmoid" and len(labels) != 2:
            raise self._fail("labels", "two texts, because output is sigmoid", list(labels))
        return value

    def _novelty(self) -> NoveltyRule:
        section = self._section("novelty")
        grey_only = section.get("grey_only", False)
        if not isinstance(grey_only, bool):
            raise self._fail("novelty.grey_only", "true or false", grey_only)
        statistics = section.get("statistics")
        return NoveltyRule(
            grey_only=grey_only,
            statistics=None if statistics is None else self._file_name("novelty.statistics", statistics),
            distance_limit=self._number("novelty", "distance_limit", 1.0, 1e-9, 1e9),
        )

    def _golden(self) -> Golden | None:
        if "golden" not in self._document:
            return None
        scores = self._section("golden").get("scores")
        if not isinstance(scores, list) or not scores or not _is_numbers(scores, len(scores)):
            raise self._fail("golden.scores", "a list of numbers, what the network gives", scores)
        tolerance = self._number("golden", "tolerance", 0.0, 1e-9, 1e3)
        return Golden(scores=tuple(float(number) for number in scores), tolerance=tolerance)

    def _files(self) -> dict[str, str]:
        files: dict[str, str] = {}
        for name, sha256 in self._section("files").items():
            self._file_name("files", name)
            if not isinstance(sha256, str) or len(sha256) != 64:
                raise self._fail(f"files.{name}", "a SHA-256 of 64 hexadecimal digits", sha256)
            files[name] = sha256.lower()
        return files

    def bundle(self, path: Path) -> ModelBundle:
        labels = self._labels("labels")
        spoken = self._labels("spoken", labels)
        if len(spoken) != len(labels):
            raise self._fail("spoken", f"as long as labels ({len(labels)})", spoken)
        name = self._text("name")
        network = self._file_name("network", self._document.get("network"))
        files = self._files()
        for required in (network, "MODEL_CARD.md"):
            if "files" in self._document and required not in files:
                raise BundleError(f'{self._json_path}: "files" must list {required} with its SHA-256.')
        bundle = ModelBundle(
            path=path,
            name=name,
            version=self._text("version"),
            title=self._text("title", name),
            subject=self._text("subject", "something this model knows"),
            labels=labels,
            spoken=spoken,
            network=network,
            output=self._output(labels),
            modalities=self._modalities(),
            background=self._background(labels),
            input=self._input(),
            calibration=self._calibration(labels),
            novelty=self._novelty(),
            golden=self._golden(),
            files=files,
            about=self._section("about"),
            provenance=self._section("provenance"),
        )
        for file_path in (bundle.network_path, *(path / file_name for file_name in files)):
            if path.is_dir() and file_path.exists() and not is_inside(file_path, path):
                raise BundleError(f"The bundle {path} has {file_path.name}, which leads out of the folder.")
            if not file_path.is_file():
                raise BundleError(f"The bundle {path} lacks the file {file_path.name} that its bundle.json names.")
        return bundle


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a file lies in a folder after every link is followed."""
    return path.resolve().is_relative_to(folder.resolve())


def _is_numbers(value: object, count: int) -> bool:
    """A JSON list of so many finite numbers."""
    return (
        isinstance(value, list)
        and len(value) == count
        and all(isinstance(item, int | float) and not isinstance(item, bool) and isfinite(item) for item in value)
    )
