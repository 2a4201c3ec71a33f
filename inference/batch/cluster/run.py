"""A run on Ray: tasks list the folders, actors that each have the model answer what is in them.

Work is divided into units of some hundred slices. Each unit becomes one shard of the output
(`inference.batch.cluster.shards`), written by the actor that answered it; the command gets counts back. Ray, pyarrow
and fsspec are imported by a run on a cluster only. How work is divided is in `inference.batch.cluster.units`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from inference.answer.classifier import Classifier
from inference.batch.cluster.units import Listing, enter_folder, find_units
from inference.batch.outcomes import Outcome, classify_items
from inference.batch.workers import describe_crash
from inference.errors import EngineError, OutputError, SettingsError
from inference.failures import first_line
from inference.imaging.storage import check_address

if TYPE_CHECKING:
    import numpy as np

    from inference.batch.cluster.shards import Shards
    from inference.imaging.find import WorkItem
    from inference.imaging.types import ReadOptions
    from inference.model.bundle import ModelBundle


_TRIES = 2
"""How many processes an item may end before it is given up."""

_CORES = 1
"""Cores of an actor, and threads of its network; one is Ray's own measure of a worker."""

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
        See `inference.batch.cluster.shards.Shards.count`.
    notes : tuple of (str, str)
        Path and sentence.

    Examples
    --------
    >>> total = {}
    >>> for errors in (1, 2):
    ...     add_counts(total, Progress(files=256, counts={"errors": errors, "verdicts": {"confident": 9}}, notes=()))
    >>> total
    {'files': 512, 'errors': 3, 'verdicts': {'confident': 18}}
    """

    files: int
    counts: Mapping[str, Any]
    notes: tuple[tuple[str, str], ...]


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
            f"--cluster needs {' and '.join(missing)}, which is not installed here: pip install 'gyrus[cluster]'"
        )
    for path in paths:
        check_address(path)


def run_on_cluster(
    address: str, listing: Listing, bundle: ModelBundle, options: ReadOptions, shards: Shards, *, workers: int | None
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
    shards : Shards
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
        A shard cannot be written.
    """
    if not listing.tasks:
        return
    with _ray(address, workers) as ray:
        from ray.data import ActorPoolStrategy, DataContext

        context = DataContext.get_current()
        context.enable_progress_bars = context.print_on_execution_start = False
        context.target_max_block_size = context.target_min_block_size = 1  # every unit can be taken by another actor
        working_folder = str(Path.cwd())
        try:
            cores = int(ray.cluster_resources().get("CPU", 1))
            tasks = ray.data.from_items(
                [{"index": index, "folders": task} for index, task in enumerate(listing.tasks)],
                override_num_blocks=len(listing.tasks),
            )
            units = tasks.map_batches(  # without a core: they wait for disks, and must not wait for actors
                find_units, fn_kwargs={"working_folder": working_folder}, batch_size=1, num_cpus=0
            )
            done = units.map_batches(
                _Answerer,
                fn_constructor_args=(bundle, _read_files(bundle), options, shards, working_folder),
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
            raise EngineError(f"The cluster stopped: {first_line(error)}") from error


@contextmanager
def keep_stderr() -> Iterator[TextIO]:
    """Give standard error as a stream of its own; what others, such as Ray's core, write there meanwhile is lost."""
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
    """Ray, connected, without its messages and usage statistics; the files of a Ray of our own are deleted afterwards.

    A process that is connected already, as a test or a job may be, stays connected.
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
                code = {"py_modules": [str(Path(__file__).parents[2])]}
                ray.init(address=address, runtime_env=code, **quiet)
        except Exception as error:  # Ray raises nearly anything
            raise EngineError(
                f"There is no Ray that answers at {address}: {first_line(error)}"
                if address != "local"
                else f"Ray could not be started on this machine: {first_line(error)}"
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


def _read_files(bundle: ModelBundle) -> dict[str, bytes]:
    """The files that `Classifier.open` reads."""
    names = {*bundle.files, bundle.network, *([bundle.novelty.statistics] if bundle.novelty.statistics else [])}
    if not bundle.path.is_dir():
        return {bundle.network: bundle.path.read_bytes()}
    return {name: bundle.read_file(name) for name in names}


class _Answerer:
    """An actor with the model."""

    def __init__(
        self, bundle: ModelBundle, files: Mapping[str, bytes], options: ReadOptions, shards: Shards, working_folder: str
    ) -> None:
        import cv2

        cv2.setNumThreads(_CORES)
        enter_folder(working_folder)
        self._options, self._shards = options, shards
        with tempfile.TemporaryDirectory(prefix="gyrus-") as folder:
            for name, content in files.items():
                Path(folder, name).write_bytes(content)
            self._classifier = Classifier.open(bundle.model_copy(update={"path": Path(folder)}), _CORES)

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, list[str]]:
        """Answer a unit; returns the fields of a `Progress`, or the sentence of an `OutputError`."""
        try:
            return {"progress": [json.dumps(self._work(batch))]}
        except OutputError as error:  # Ray would hand on its trace, not itself
            return {"progress": [json.dumps(str(error))]}

    def _work(self, batch: Mapping[str, np.ndarray]) -> dict[str, Any]:
        name = str(batch["name"][0])
        unit: list[tuple[str, WorkItem]] = batch["items"][0].content
        counts, notes = self._shards.count(name), []
        if counts is None:
            outcomes = list(self._answer(name, [item for _, item in unit]))
            notes = [note for outcome in outcomes for note in outcome.notes]
            counts = self._shards.write(
                name,
                [
                    (f"{key}-{index:07}", row)
                    for (key, _), outcome in zip(unit, outcomes, strict=True)
                    for index, row in enumerate(outcome.rows)
                ],
            )
            self._shards.remove_notes(name)
        files = sum(max(len(item.files), 1) for _, item in unit)
        return {"files": files, "counts": counts, "notes": tuple(notes)}

    def _answer(self, name: str, items: Sequence[WorkItem]) -> Iterable[Outcome]:
        """Answer a unit; item by item if it ended a process before, which shows the item that does it."""
        note = self._shards.read_note(name)
        if note is None:
            self._shards.write_note(name, {"at": None, "stopped": {}})
            return classify_items(self._classifier, items, self._options)
        return self._answer_one_by_one(name, items, note)

    def _answer_one_by_one(self, name: str, items: Sequence[WorkItem], note: Mapping[str, Any]) -> Iterator[Outcome]:
        stopped = Counter(note["stopped"])
        if note["at"] is not None:
            stopped[str(note["at"])] += 1
        for index, item in enumerate(items):
            if stopped[str(index)] >= _TRIES:
                yield describe_crash(item)
                continue
            self._shards.write_note(name, {"at": index, "stopped": stopped})
            yield from classify_items(self._classifier, [item], self._options)


def add_counts(total: dict[str, Any], progress: Progress) -> None:
    """Add a unit's figures to those of the sidecar."""
    total["files"] = total.get("files", 0) + progress.files
    for name, value in progress.counts.items():
        if isinstance(value, int):
            total[name] = total.get(name, 0) + value
        else:
            total[name] = dict(sorted((Counter(total.get(name, {})) + Counter(value)).items()))
