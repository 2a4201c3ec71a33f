"""Several models under their names; each network is loaded once, when it is first asked for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from inference.answer.classifier import Classifier
from inference.errors import BundleError, SettingsError, UnknownModelError
from inference.model.bundle import ModelBundle, load_bundle

_LOG = logging.getLogger(__name__)


class Catalogue:
    """The models that a front offers. May be used from several threads.

    A loaded network stays: memory is bounded by the models that were named at the start, and none is read twice.

    Parameters
    ----------
    entries : iterable of (ModelBundle, callable)
        In the order in which they are offered; the callable gives the classifier and is called once, when it is first
        needed. It is called again only if it failed.

    Raises
    ------
    SettingsError
        There is none, or two have the same name.

    Examples
    --------
    >>> models = Catalogue.open([Path("models/brain_tumor")])
    >>> models.default.name, models.is_loaded("brain_tumor")
    ('brain_tumor', True)
    >>> models.load("brain_tumour")
    Traceback (most recent call last):
    inference.errors.UnknownModelError: There is no model 'brain_tumour' here. What there is: brain_tumor.
    """

    def __init__(self, entries: Iterable[tuple[ModelBundle, Callable[[], Classifier]]]) -> None:
        self._entries: dict[str, _Entry] = {}
        for bundle, load in entries:
            if bundle.name in self._entries:
                raise SettingsError(
                    f"Two models are called {bundle.name}: {self._entries[bundle.name].bundle.path} and {bundle.path}. "
                    f"Each must have a name of its own."
                )
            self._entries[bundle.name] = _Entry(bundle, load)
        if not self._entries:
            raise SettingsError("There is no model. Name one bundle folder or model file at least.")

    @classmethod
    def open(cls, paths: Iterable[Path]) -> Catalogue:
        """Read the bundles at ``paths`` and load the first one's network; the others are loaded when asked for.

        Raises
        ------
        BundleError
            A ``bundle.json`` is missing or wrong, or the first network cannot be loaded.
        SettingsError
            See `Catalogue`.
        """

        def entry(bundle: ModelBundle) -> tuple[ModelBundle, Callable[[], Classifier]]:
            return bundle, lambda: Classifier.open(bundle)

        catalogue = cls([entry(load_bundle(path)) for path in paths])
        first = catalogue.default
        catalogue._find(first.name).classifier = Classifier.open(first)  # with its errors in full
        return catalogue

    @classmethod
    def of(cls, *classifiers: Classifier) -> Catalogue:
        """Offer classifiers that are there already."""

        def entry(classifier: Classifier) -> tuple[ModelBundle, Callable[[], Classifier]]:
            return classifier.bundle, lambda: classifier

        catalogue = cls(map(entry, classifiers))
        for name in catalogue.bundles:
            catalogue.load(name)
        return catalogue

    @property
    def bundles(self) -> Mapping[str, ModelBundle]:
        """Every model by its name, the default one first."""
        return {name: entry.bundle for name, entry in self._entries.items()}

    @property
    def default(self) -> ModelBundle:
        """The model that answers when none is named."""
        return next(iter(self._entries.values())).bundle

    def is_loaded(self, name: str) -> bool:
        """Whether this model's network is loaded, so that asking it does not wait."""
        return self._find(name).classifier is not None

    def load(self, name: str | None = None) -> Classifier:
        """Give a model, by default the first one; while one call loads it, others wait.

        Raises
        ------
        UnknownModelError
            There is none of this name.
        BundleError
            Its network cannot be loaded. The message may be shown to a visitor; the reason, with the paths of this
            machine, is logged.
        """
        return self._find(name or self.default.name).load()

    def _find(self, name: str) -> _Entry:
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownModelError(
                f"There is no model {name[:80]!r} here. What there is: {', '.join(self._entries)}."
            ) from None


class _Entry:
    """One model and the lock under which it is loaded; models do not wait for one another."""

    def __init__(self, bundle: ModelBundle, load: Callable[[], Classifier]) -> None:
        self.bundle = bundle
        self.classifier: Classifier | None = None
        self._load = load
        self._lock = threading.Lock()

    def load(self) -> Classifier:
        with self._lock:
            if self.classifier is None:
                self.classifier = self._try_to_load()
            return self.classifier

    def _try_to_load(self) -> Classifier:
        try:
            return self._load()
        except BundleError as error:
            _LOG.error("The model %s cannot be loaded: %s", self.bundle.name, error)
            raise BundleError(
                f"The model {self.bundle.name} cannot be loaded. The log of the program says why."
            ) from error
