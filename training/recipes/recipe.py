"""Recipes: what a network is made of and how it learns, as data. One JSON file each in ``training/recipes/json``.

`training.recipes.fit` carries one out on a folder of class folders, `training.recipes.imagenet` one that trains
nothing. Importing this loads no Keras, so that ``--help`` can list the recipes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from inference.errors import SettingsError
from inference.model.preprocess import RESIZE_METHODS
from inference.model.schema import COLOR_CHANNELS, InputSpec

RECIPES = Path(__file__).parent / "json"

FLIPS = ("none", "horizontal", "vertical", "horizontal_and_vertical")


@dataclass(frozen=True, kw_only=True)
class NetworkPlan:
    """The network.

    Attributes
    ----------
    backbone : str
        ``cnn`` for one that starts from nothing, ``lite0`` (weights in the repository), ``VGG16`` (only with its
        ImageNet head) or one of `training.backbone.taps.ONLINE_BACKBONES`.
    convolutions : tuple of int
        Filters of each 3×3 convolution of a ``cnn``; each is followed by 2×2 pooling and dropout.
    dense : int
        Units of the ReLU layer before the last; 0 for none.
    dropout : float
        Share in [0, 1).
    """

    backbone: str
    convolutions: tuple[int, ...] = ()
    dense: int = 0
    dropout: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SplitPlan:
    """Shares in (0, 1): ``test`` of all pictures, ``validation`` of what is left."""

    test: float
    validation: float


@dataclass(frozen=True, kw_only=True)
class AugmentationPlan:
    """Random changes of the training pictures; 0 for none.

    Attributes
    ----------
    flip : str
        One of `FLIPS`.
    crop : float
        Share of width and height that is cut away, somewhere; what is left is enlarged again.
    rotation : float
        Largest angle, as a share of a full turn, to either side.
    zoom, contrast : float
        Largest change, to either side.
    """

    flip: str = "none"
    crop: float = 0.0
    rotation: float = 0.0
    zoom: float = 0.0
    contrast: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """How it learns, with Adam.

    Attributes
    ----------
    epochs, batch_size : int
    learning_rate : float
    patience : int
        Epochs without a better validation accuracy after which it stops and goes back to the best; 0 to go through
        all epochs and keep the last.
    plateau_patience : int
        Epochs without a lower validation loss after which the learning rate is multiplied by ``plateau_factor``, down
        to ``plateau_floor``; 0 for never.
    plateau_factor, plateau_floor : float
    """

    epochs: int
    batch_size: int
    learning_rate: float
    patience: int = 0
    plateau_patience: int = 0
    plateau_factor: float = 0.2
    plateau_floor: float = 1e-5


@dataclass(frozen=True, kw_only=True)
class UnfreezingPlan:
    """A second stage, if it is asked for, in which the backbone learns too."""

    epochs: int
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One recipe. ``split`` and ``training`` are None when nothing is trained, ``unfreezing`` when nothing can thaw."""

    name: str
    summary: str
    origin: str
    network: NetworkPlan
    input: InputSpec
    augmentation: AugmentationPlan = field(default_factory=AugmentationPlan)
    split: SplitPlan | None = None
    training: TrainingPlan | None = None
    unfreezing: UnfreezingPlan | None = None


_SECTIONS: dict[str, type] = {
    "network": NetworkPlan,
    "input": InputSpec,
    "augmentation": AugmentationPlan,
    "split": SplitPlan,
    "training": TrainingPlan,
    "unfreezing": UnfreezingPlan,
}

_INPUT_KEYS = ("width_px", "height_px", "color_order", "value_min", "value_max", "resize")
"""What a recipe may say of the input; the rest of `InputSpec` is for networks from elsewhere."""

_CHOICES = {"color_order": tuple(COLOR_CHANNELS), "resize": tuple(RESIZE_METHODS), "flip": FLIPS}

_COUNTS = {
    "width_px": (32, 4096),
    "height_px": (32, 4096),
    "dense": (0, 65536),
    "epochs": (1, 10_000),
    "batch_size": (1, 4096),
    "patience": (0, 10_000),
    "plateau_patience": (0, 10_000),
}

_SHARES = {
    "dropout": (0.0, 0.95),
    "test": (0.01, 0.9),
    "validation": (0.01, 0.9),
    "crop": (0.0, 0.9),
    "rotation": (0.0, 0.5),
    "zoom": (0.0, 0.9),
    "contrast": (0.0, 0.9),
    "learning_rate": (1e-9, 10.0),
    "plateau_factor": (0.01, 0.99),
    "plateau_floor": (0.0, 1.0),
}


def list_recipes() -> dict[str, str]:
    """Name → summary of every recipe in the repository."""
    return {path.stem: load_recipe(path.stem).summary for path in sorted(RECIPES.glob("*.json"))}


def load_recipe(name: str) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    name : str
        One of `list_recipes`, or the path of a ``.json`` file.

    Raises
    ------
    SettingsError
        There is none of that name, or its file says something that cannot be carried out.
    """
    path = Path(name) if name.endswith(".json") else RECIPES / f"{name}.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        names = ", ".join(sorted(known.stem for known in RECIPES.glob("*.json")))
        raise SettingsError(
            f"There is no recipe {name}. Accepted are {names}, or the path of a .json file like those in "
            "training/recipes/json."
        ) from error
    except ValueError as error:
        raise SettingsError(f"The recipe {path} is not valid JSON: {error}.") from error
    return read_recipe(document, path.stem)


def read_recipe(document: Any, name: str) -> Recipe:
    """Turn a recipe's JSON document into a `Recipe`; see `load_recipe`."""
    if not isinstance(document, dict):
        raise _mistake(name, "the document", "an object", document)
    known = {"summary", "origin", *_SECTIONS}
    if unknown := document.keys() - known:
        raise _mistake(name, "a key", f"one of {', '.join(sorted(known))}", sorted(unknown)[0])
    for key in ("summary", "origin"):
        if not isinstance(document.get(key), str) or not document[key].strip():
            raise _mistake(name, key, "a text", document.get(key))
    for key in ("network", "input"):
        if key not in document:
            raise _mistake(name, key, "an object", None)
    sections = {key: _read_section(name, key, document[key]) for key in _SECTIONS if key in document}
    if ("split" in sections) != ("training" in sections):
        raise SettingsError(f"The recipe {name} must have both split and training, or neither.")
    if (sections["network"].backbone == "cnn") != bool(sections["network"].convolutions):
        raise _mistake(name, "network.convolutions", "given for the backbone cnn, and for no other", None)
    return Recipe(name=name, summary=document["summary"], origin=document["origin"], **sections)


def _mistake(name: str, key: str, accepted: str, received: object) -> SettingsError:
    return SettingsError(f"The recipe {name} has a mistake: {key} must be {accepted}; received {received!r}.")


def _read_section(name: str, section: str, values: Any) -> Any:
    if not isinstance(values, dict):
        raise _mistake(name, section, "an object", values)
    kind = _SECTIONS[section]
    values = _spread_value_range(name, values) if kind is InputSpec else values
    known = {one.name: one for one in fields(kind) if kind is not InputSpec or one.name in _INPUT_KEYS}
    if unknown := values.keys() - known.keys():
        accepted = ", ".join(sorted(known)).replace("value_max, value_min", "value_range")
        raise _mistake(name, f"a key of {section}", f"one of {accepted}", sorted(unknown)[0])
    needed = {key for key, one in known.items() if one.default is MISSING and one.default_factory is MISSING}
    if missing := needed - values.keys():
        raise _mistake(name, f"{section}.{sorted(missing)[0]}", "given", None)
    return kind(**{key: _read_value(name, f"{section}.{key}", key, value) for key, value in values.items()})


def _spread_value_range(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in values.items() if key not in ("value_range", "value_min", "value_max")}
    ends = values.get("value_range", [0, 255])
    if not isinstance(ends, list) or len(ends) != 2 or not all(map(_is_number, ends)) or not ends[0] < ends[1]:
        raise _mistake(name, "input.value_range", "two rising numbers, what 0 and 255 become", ends)
    return {**rest, "value_min": float(ends[0]), "value_max": float(ends[1])}


def _read_value(name: str, where: str, key: str, value: Any) -> Any:
    if key in _CHOICES:
        if value not in _CHOICES[key]:
            raise _mistake(name, where, " or ".join(_CHOICES[key]), value)
    elif key in _COUNTS:
        low, high = _COUNTS[key]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise _mistake(name, where, f"a whole number from {low} to {high}", value)
    elif key in _SHARES:
        least, most = _SHARES[key]
        if not _is_number(value) or not least <= value <= most:
            raise _mistake(name, where, f"a number from {least:g} to {most:g}", value)
        return float(value)
    elif key == "convolutions":
        if not isinstance(value, list) or not all(_is_number(one) and one in range(1, 4097) for one in value):
            raise _mistake(name, where, "a list of whole numbers from 1 to 4096", value)
        return tuple(value)
    elif key == "backbone" and (not isinstance(value, str) or not value):
        raise _mistake(name, where, "a text", value)
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
