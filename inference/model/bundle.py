"""A model bundle: a folder whose ``bundle.json`` says what the network expects, what it answers and how to trust it.

A bundle folder holds ``bundle.json``, the network (``model.onnx``, or a ``.keras``/``.h5`` file), ``MODEL_CARD.md`` and
whatever else ``files`` lists. A ``bundle.json`` that somebody writes by hand round a network of his own may leave out
``files``: nothing is compared then. A bare model file is a bundle too, described by ``models/bare_file.json``. Labels,
sizes and thresholds live there, as data; no module has them as constants.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

from inference.documents import read_json, validate
from inference.errors import BundleError
from inference.model.foreign import SERVED_SUFFIXES, describe_foreign
from inference.model.schema import SCHEMA_VERSION, BundleDocument

MODELS = Path(__file__).resolve().parents[2] / "models"

DEFAULT_MODEL = MODELS / "brain_tumor"
"""The bundle that comes with Gyrus."""

BARE_FILE_JSON = MODELS / "bare_file.json"
"""What is assumed of a model file that comes without a ``bundle.json``."""


class ModelBundle(BundleDocument):
    """Everything about a model except its running network: what ``bundle.json`` says, and where the files are.

    Attributes
    ----------
    path : pathlib.Path
        The bundle's folder, or the bare model file.

    Notes
    -----
    Every other attribute is a key of `inference.model.schema.BundleDocument` and is described there. ``files`` is empty
    for a bare model file and for a bundle written by hand without it: nothing is compared then.

    Examples
    --------
    >>> bundle = load_bundle("models/brain_tumor")
    >>> bundle.labels[0], bundle.label_text(bundle.labels[0])
    ('Glioma Tumor', 'glioma')
    """

    path: Path
    schema_version: Literal[1] = SCHEMA_VERSION

    @property
    def network_path(self) -> Path:
        """The network's file."""
        return self.path / self.network if self.path.is_dir() else self.path

    def label_text(self, label: str) -> str:
        """The class name as it stands inside a sentence."""
        return self.label_texts[self.labels.index(label)]

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
        if not (path / "bundle.json").exists():
            _refuse_foreign(path)
        return _read_bundle_json(path)
    if not path.exists():
        raise BundleError(f"There is no model at {path}. Give a bundle folder or a .keras, .h5 or .onnx file.")
    if path.suffix.lower() not in SERVED_SUFFIXES:
        _refuse_foreign(path)
        raise BundleError(
            f"{path} is not a model: a bundle folder or a .keras, .h5 or .onnx file is accepted, "
            f"received a file that ends in {path.suffix or 'nothing'}."
        )
    return default_bundle(path)


def default_bundle(path: Path) -> ModelBundle:
    """Describe a bare model file with what `BARE_FILE_JSON` says of such files; its name and title are the file's."""
    document = {**_read_document(BARE_FILE_JSON), "name": path.stem, "title": path.name, "network": path.name}
    return _build_bundle(path, BARE_FILE_JSON, document)


def _read_bundle_json(folder: Path) -> ModelBundle:
    json_path = folder / "bundle.json"
    bundle = _build_bundle(folder, json_path, _read_document(json_path))
    for file_path in (bundle.network_path, *(folder / name for name in bundle.files)):
        if file_path.is_dir():
            _refuse_foreign(file_path)
        if file_path.exists() and not is_inside(file_path, folder):
            raise BundleError(f"The bundle {folder} has {file_path.name}, which leads out of the folder.")
        if not file_path.is_file():
            raise BundleError(f"The bundle {folder} lacks the file {file_path.name} that its bundle.json names.")
    if bundle.network_path.suffix.lower() not in SERVED_SUFFIXES:
        _refuse_foreign(bundle.network_path)
    return bundle


def _refuse_foreign(path: Path) -> None:
    """Raise `BundleError` with the way on for a model in a format that is known and not served."""
    if sentences := describe_foreign(path):
        raise BundleError(sentences)


def _read_document(json_path: Path) -> dict[str, Any]:
    try:
        document = read_json(json_path)
    except OSError as error:
        raise BundleError(f"{json_path.parent} is not a bundle: it has no readable {json_path.name}.") from error
    except ValueError as error:
        raise BundleError(f"{json_path} {error}.") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA_VERSION:
        received = document.get("schema") if isinstance(document, dict) else type(document).__name__
        raise BundleError(f'{json_path} must have "schema": {SCHEMA_VERSION}; received {received!r}.')
    return document


def _build_bundle(path: Path, json_path: Path, document: dict[str, Any]) -> ModelBundle:
    try:
        said = validate(BundleDocument, document)
    except ValueError as error:
        raise BundleError(f"{json_path}: {error}") from error
    return ModelBundle(path=path, **{name: getattr(said, name) for name in said.model_fields_set})


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a file lies in a folder after every link is followed."""
    return path.resolve().is_relative_to(folder.resolve())
