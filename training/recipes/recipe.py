"""Recipes: what a network is made of and how it learns, as data. One JSON file each in ``training/recipes/json``.

`training.recipes.fit` carries one out on a folder of class folders, `training.recipes.imagenet` one that trains
nothing. Importing this loads no Keras, so that ``--help`` can list the recipes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from inference.documents import Part, accepts, describe_document, read_json, refuse, schema_pattern, validate
from inference.errors import SettingsError
from inference.model.schema import InputSpec, PictureSpec, Text

RECIPES = Path(__file__).parent / "json"

SCHEMA_NAME = "recipe-1.json"
"""The file in ``docs/schema`` with the JSON Schema."""

Flip = Literal["none", "horizontal", "vertical", "horizontal_and_vertical"]

Change = Annotated[float, Field(ge=0.0, le=0.9)]

LearningRate = Annotated[float, Field(ge=1e-9, le=10.0)]

Epochs = Annotated[int, Field(ge=1, le=10_000)]

Patience = Annotated[int, Field(ge=0, le=10_000)]

SplitShare = Annotated[float, Field(ge=0.01, le=0.9)]


class NetworkPlan(Part):
    """The network."""

    backbone: Text = Field(
        description="cnn for one that starts from nothing, lite0 (weights in the repository), VGG16 (only with its "
        "ImageNet head) or one that Keras downloads, such as EfficientNetB0."
    )
    convolutions: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(
        (), description="Filters of each 3×3 convolution of a cnn; each is followed by 2×2 pooling and dropout."
    )
    dense: int = Field(0, ge=0, le=65536, description="Units of the ReLU layer before the last; 0 for none.")
    dropout: float = Field(0.0, ge=0.0, le=0.95, description="The share that is left out while learning.")

    @model_validator(mode="after")
    def _check_convolutions(self) -> Self:
        if (self.backbone == "cnn") != bool(self.convolutions):
            raise refuse("given for the backbone cnn, and for no other", "convolutions")
        return self


class PicturePlan(PictureSpec):
    """What the network is fed."""

    width_px: int = Field(150, ge=32, le=4096, description="Width of the network's input in pixels.")
    height_px: int = Field(150, ge=32, le=4096, description="Height of the network's input in pixels.")


class SplitPlan(Part):
    """How the pictures are split."""

    test: SplitShare = Field(description="Share of all pictures.")
    validation: SplitShare = Field(description="Share of what is left.")


class AugmentationPlan(Part):
    """Random changes of the training pictures; 0 for none."""

    flip: Flip = Field("none", description="Along which axes a picture may be mirrored.")
    crop: Change = Field(
        0.0,
        description="Share of width and height that is cut away, somewhere; what is left is enlarged again.",
    )
    rotation: float = Field(
        0.0, ge=0.0, le=0.5, description="Largest angle, as a share of a full turn, to either side."
    )
    zoom: Change = Field(0.0, description="Largest change of size, to either side.")
    contrast: Change = Field(0.0, description="Largest change of contrast, to either side.")


class TrainingPlan(Part):
    """How it learns, with Adam."""

    epochs: Epochs = Field(description="How often it goes through the pictures.")
    batch_size: int = Field(ge=1, le=4096, description="Pictures a step.")
    learning_rate: LearningRate = Field(description="Adam's.")
    patience: Patience = Field(
        0,
        description="Epochs without a better validation accuracy after which it stops and goes back to the best; 0 to "
        "go through all epochs and keep the last.",
    )
    plateau_patience: Patience = Field(
        0,
        description="Epochs without a lower validation loss after which the learning rate is multiplied by "
        "plateau_factor; 0 for never.",
    )
    plateau_factor: float = Field(0.2, ge=0.01, le=0.99, description="See plateau_patience.")
    plateau_floor: float = Field(1e-5, ge=0.0, le=1.0, description="The lowest learning rate that this leads to.")


class UnfreezingPlan(Part):
    """A second stage, if it is asked for, in which the backbone learns too."""

    epochs: Epochs = Field(description="How often it goes through the pictures then.")
    learning_rate: LearningRate = Field(description="Adam's, then.")


class _Plans(Part):
    """What a recipe's file and `Recipe` have in common."""

    summary: Text = Field(description="What it does, for a list of recipes.")
    origin: Text = Field(description="Where it comes from.")
    network: NetworkPlan
    augmentation: AugmentationPlan = AugmentationPlan()
    split: SplitPlan | None = Field(None, description="Left out when nothing is trained.")
    training: TrainingPlan | None = Field(None, description="Left out when nothing is trained.")
    unfreezing: UnfreezingPlan | None = Field(None, description="Left out when nothing can thaw.")

    @model_validator(mode="after")
    def _check_stages(self) -> Self:
        if (self.split is None) != (self.training is None):
            raise refuse("given together with training, or neither of them", "split")
        return self


class RecipeDocument(_Plans):
    """A recipe's file."""

    json_schema: (
        Annotated[str, Field(pattern=schema_pattern(SCHEMA_NAME)), accepts(f"the path or address of {SCHEMA_NAME}")]
        | None
    ) = Field(None, validation_alias="$schema", description="Where an editor finds this schema.")
    input: PicturePlan


class Recipe(_Plans):
    """One recipe; ``name`` is its file's."""

    name: str
    input: InputSpec


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
        document = read_json(path)
    except OSError as error:
        names = ", ".join(sorted(known.stem for known in RECIPES.glob("*.json")))
        raise SettingsError(
            f"There is no recipe {name}. Accepted are {names}, or the path of a .json file like those in "
            "training/recipes/json."
        ) from error
    except ValueError as error:
        raise SettingsError(f"The recipe {path} {error}.") from error
    return read_recipe(document, path.stem)


def read_recipe(document: object, name: str) -> Recipe:
    """Turn a recipe's JSON document into a `Recipe`; see `load_recipe`."""
    try:
        said = validate(RecipeDocument, document)
    except ValueError as error:
        raise SettingsError(f"The recipe {name} has a mistake. {error}") from error
    plans = {key: value for key, value in said if key not in ("json_schema", "input")}
    return Recipe(name=name, input=InputSpec(**dict(said.input)), **plans)


def build_json_schema() -> dict[str, Any]:
    """The JSON Schema of a recipe, as ``docs/schema/recipe-1.json`` has it."""
    return describe_document(RecipeDocument, SCHEMA_NAME, "A recipe of Gyrus")
