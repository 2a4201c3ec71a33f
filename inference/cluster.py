"""A run on Ray: folders are looked through by tasks, what they hold is answered by actors that each have the model.

Work goes in units of some hundred slices, and each unit is one part of the output (`inference.parts`), written by the
actor that answered it. What comes back to the command are figures. Ray, pyarrow and fsspec are imported by a run on a
cluster only.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from inference.batch import Outcome, classify_cases
from inference.bundle import ModelBundle
from inference.cases import Case, Folder, find_folders, find_in_folder
from inference.classifier import Classifier
from inference.errors import EngineError, OutputError, SettingsError
from inference.images import ReadOptions
from inference.parts import Parts
from inference.pool import word_stopped
from inference.remote import check_address

if TYPE_CHECKING:
    import numpy as np

UNIT_FILES = 256
"""Files of a unit; a part has as many rows, or more if there are volumes among them."""

_FOLDER_FILES = 2048
"""Files that a task looks through; a folder is never divided, because its series are told apart together."""

_TRIES = 2
"""Processes that may die of a case before it is given up."""

_CORES = 1
"""Of an actor, and the threads of its network: Ray's own measure of a worker."""

_LOCAL_STORE_BYTES = 256 * 2**20
"""Memory in which processes of one machine hand each other work; a unit is some hundred names."""

_STARTS = 3
"""Times that a Ray of our own is started; on a busy machine it may miss its own time limit."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A unit that is done.

    Attributes
    ----------
    files : int
    counts : Mapping of str to Any
        See `inference.parts.Parts.count`.
    notes : tuple of (str, str)
        Path and sentence.
    """

    files: int
    counts: Mapping[str, Any]
    notes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Work:
    """What a task or an actor is handed: an object of Python, which Ray carries as it is."""

    content: Any


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What a run is to answer, as far as names tell.

    Attributes
    ----------
    tasks : tuple of _Work
        Folders for a task each.
    files : int
    sha256 : str
        Of all names: a run goes on only with the same.
    """

    tasks: tuple[_Work, ...]
    files: int
    sha256: str


def check_cluster(paths: Iterable[str]) -> None:
    """See that a run on a cluster can begin.

    Raises
    ------
    SettingsError
        A package is missing, or an address holds a password.
    """
    missing = [name for name in ("ray", "pyarrow", "fsspec") if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"--cluster needs {' and '.join(missing)}, which is not installed here: "
            "pip install -r requirements-cluster.txt"
        )
    for path in paths:
        check_address(path)


def list_inputs(paths: Sequence[str], out: str) -> Listing:
    """Walk ``paths`` and divide their folders into tasks."""
    digest, files, seen = hashlib.sha256(), 0, set()
    tasks: list[_Work] = []
    waiting: list[tuple[int, Folder]] = []
    weight = 0
    for number, folder in enumerate(find_folders(paths, leave_out=[out])):
        if folder.path in seen:
            continue
        seen.add(folder.path)
        digest.update("\0".join((folder.path, *folder.files, "\n")).encode(errors="surrogateescape"))
        files += _count_files(folder)
        weight += _count_files(folder)
        waiting.append((number, folder))
        if weight >= _FOLDER_FILES:
            tasks.append(_Work(waiting))
            waiting, weight = [], 0
    if waiting:
        tasks.append(_Work(waiting))
    return Listing(tasks=tuple(tasks), files=files, sha256=digest.hexdigest())


def _count_files(folder: Folder) -> int:
    return len(folder.files) + (folder.is_file or bool(folder.error))


def run_on_cluster(
    address: str, listing: Listing, bundle: ModelBundle, options: ReadOptions, parts: Parts, *, workers: int | None
) -> Generator[Progress, None, None]:
    """Answer everything.

    Parameters
    ----------
    address : str
        A running Ray's, ``auto`` for the one that this process belongs to, or ``local`` to start one on this machine.
    listing : Listing
    bundle : ModelBundle
        Its files are sent along.
    options : ReadOptions
    parts : Parts
    workers : int or None
        Actors at most; as many as the cluster has cores, unless given.

    Yields
    ------
    Progress
        Of each unit, in the order in which they are done.

    Raises
    ------
    EngineError
        Ray cannot be reached, or fails.
    OutputError
        A part cannot be written.
    """
    if not listing.tasks:
        return
    with _ray(address, workers) as ray:
        from ray.data import ActorPoolStrategy, DataContext

        context = DataContext.get_current()
        context.enable_progress_bars = context.print_on_execution_start = False
        context.target_max_block_size = context.target_min_block_size = 1  # every unit can be taken by another actor
        home = str(Path.cwd())
        try:
            cores = int(ray.cluster_resources().get("CPU", 1))
            tasks = ray.data.from_items(
                [{"number": number, "folders": task} for number, task in enumerate(listing.tasks)],
                override_num_blocks=len(listing.tasks),
            )
            units = tasks.map_batches(  # without a core: they wait for disks, and must not wait for actors
                _find_units, fn_kwargs={"home": home}, batch_size=1, num_cpus=0
            )
            done = units.map_batches(
                _Answerer,
                fn_constructor_args=(bundle, _read_files(bundle), options, parts, home),
                batch_size=1,
                num_cpus=_CORES,
                compute=ActorPoolStrategy(min_size=1, max_size=workers or max(cores, 1)),
            )
            for row in done.iter_rows():
                progress = json.loads(row["progress"])
                if isinstance(progress, str):
                    raise OutputError(progress)
                notes = tuple((path, note) for path, note in progress["notes"])
                yield Progress(files=progress["files"], counts=progress["counts"], notes=notes)
        except ray.exceptions.RayError as error:
            raise EngineError(f"The cluster stopped: {_first_line(error)}") from error


@contextmanager
def keep_stderr() -> Iterator[TextIO]:
    """Give standard error as a stream of its own; whatever else writes there meanwhile, as Ray's core does, is lost."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        with os.fdopen(os.dup(kept), "w", encoding="utf-8", errors="replace", buffering=1) as stream:
            yield stream
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def _ray(address: str, workers: int | None) -> Iterator[Any]:
    """Ray, connected and quiet; it sends no figures to anybody, and what it notes of a run of ours goes with it.

    A process that is connected already, as a test or a job may be, stays so.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"ray\b")
    import ray
    import ray.data

    if ray.is_initialized():
        yield ray
        return
    quiet = {"log_to_driver": False, "logging_level": "CRITICAL"}
    with tempfile.TemporaryDirectory(prefix="gyrus-", ignore_cleanup_errors=True) as folder:
        try:
            if address == "local":
                _start_local(ray, num_cpus=workers or os.cpu_count() or 1, _temp_dir=folder, **quiet)
            else:  # the machines of the cluster get this very code
                code = {"py_modules": [str(Path(__file__).parent)]}
                ray.init(address=address, runtime_env=code, **quiet)
        except Exception as error:  # Ray raises nearly anything
            raise EngineError(
                f"There is no Ray that answers at {address}: {_first_line(error)}"
                if address != "local"
                else f"Ray could not be started on this machine: {_first_line(error)}"
            ) from error
        try:
            yield ray
        finally:
            ray.shutdown()


def _start_local(ray: Any, **options: Any) -> None:
    os.environ.setdefault("RAY_worker_niceness", "0")  # as the processes of --workers; Ray's own is 15
    for attempt in range(_STARTS):
        try:
            ray.init(address="local", include_dashboard=False, object_store_memory=_LOCAL_STORE_BYTES, **options)
            return
        except Exception:
            ray.shutdown()
            if attempt == _STARTS - 1:
                raise


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__


def _read_files(bundle: ModelBundle) -> dict[str, bytes]:
    """The files that `Classifier.open` reads."""
    names = {*bundle.files, bundle.network, *([bundle.novelty.statistics] if bundle.novelty.statistics else [])}
    if not bundle.path.is_dir():
        return {bundle.network: bundle.path.read_bytes()}
    return {name: bundle.read_file(name) for name in names}


def _settle(home: str) -> None:
    """Relative paths mean the same in each process, as far as its machine has the folder."""
    if Path(home).is_dir():
        os.chdir(home)


def _find_units(batch: Mapping[str, np.ndarray], home: str) -> Iterator[dict[str, list[Any]]]:
    """Find the cases of folders and put them together to units; a task."""
    _settle(home)
    for number, unit in enumerate(build_units(batch["folders"][0].content)):
        yield {"name": [f"part-{batch['number'][0]:06}-{number:05}"], "cases": [_Work(unit)]}


def build_units(folders: Iterable[tuple[int, Folder]]) -> Iterator[list[tuple[str, Case]]]:
    """The cases of numbered folders, each with a key that sorts as a run on one machine goes, in units."""
    unit: list[tuple[str, Case]] = []
    weight = 0
    for folder_number, folder in folders:
        for case_number, case in enumerate(find_in_folder(folder)):
            unit.append((f"{folder_number:08}-{case_number:08}", case))
            weight += max(len(case.files), 1)
            if weight >= UNIT_FILES:
                yield unit
                unit, weight = [], 0
    if unit:
        yield unit


class _Answerer:
    """An actor with the model."""

    def __init__(
        self, bundle: ModelBundle, files: Mapping[str, bytes], options: ReadOptions, parts: Parts, home: str
    ) -> None:
        import cv2

        cv2.setNumThreads(_CORES)
        _settle(home)
        self._options, self._parts = options, parts
        with tempfile.TemporaryDirectory(prefix="gyrus-") as folder:
            for name, content in files.items():
                Path(folder, name).write_bytes(content)
            self._classifier = Classifier.open(replace(bundle, path=Path(folder)), _CORES)

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, list[str]]:
        """Answer a unit; gives the fields of a `Progress`, or the sentence that says why its part cannot be written."""
        try:
            return {"progress": [json.dumps(self._work(batch))]}
        except OutputError as error:  # Ray would hand on its trace, not itself
            return {"progress": [json.dumps(str(error))]}

    def _work(self, batch: Mapping[str, np.ndarray]) -> dict[str, Any]:
        name = str(batch["name"][0])
        unit: list[tuple[str, Case]] = batch["cases"][0].content
        counts, notes = self._parts.count(name), []
        if counts is None:
            outcomes = list(self._answer(name, [case for _, case in unit]))
            notes = [note for outcome in outcomes for note in outcome.notes]
            counts = self._parts.write(
                name,
                [
                    (f"{key}-{number:07}", row)
                    for (key, _), outcome in zip(unit, outcomes, strict=True)
                    for number, row in enumerate(outcome.rows)
                ],
            )
            self._parts.remove_notes(name)
        files = sum(max(len(case.files), 1) for _, case in unit)
        return {"files": files, "counts": counts, "notes": tuple(notes)}

    def _answer(self, name: str, cases: Sequence[Case]) -> Iterable[Outcome]:
        """Answer a unit; where an earlier process died of it, case by case, so that it is known of which."""
        note = self._parts.read_note(name)
        if note is None:
            self._parts.write_note(name, {"at": None, "stopped": {}})
            return classify_cases(self._classifier, cases, self._options)
        return self._answer_one_by_one(name, cases, note)

    def _answer_one_by_one(self, name: str, cases: Sequence[Case], note: Mapping[str, Any]) -> Iterator[Outcome]:
        stopped = Counter(note["stopped"])
        if note["at"] is not None:
            stopped[str(note["at"])] += 1
        for number, case in enumerate(cases):
            if stopped[str(number)] >= _TRIES:
                yield word_stopped(case)
                continue
            self._parts.write_note(name, {"at": number, "stopped": stopped})
            yield from classify_cases(self._classifier, [case], self._options)


def add_counts(total: dict[str, Any], progress: Progress) -> None:
    """Add a unit's figures to those of the sidecar."""
    total["files"] = total.get("files", 0) + progress.files
    for name, value in progress.counts.items():
        if isinstance(value, int):
            total[name] = total.get(name, 0) + value
        else:
            total[name] = dict(sorted((Counter(total.get(name, {})) + Counter(value)).items()))
