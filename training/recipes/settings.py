"""What the command line may change in a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference.errors import SettingsError

if TYPE_CHECKING:
    from training.recipes.recipe import Recipe, SplitPlan, TrainingPlan


@dataclass(frozen=True, kw_only=True)
class FolderSettings:
    """What the command line may change in a recipe.

    Attributes
    ----------
    epochs, batch_size : int or None
        None for the recipe's.
    learning_rate : float or None
    seed : int
        For the split and everything that is drawn.
    unfreeze : bool
        Add the recipe's second stage.
    title, subject : str
        Of the bundle; empty for the folder's name and "anything this model was trained on".
    version : str
    """

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 1
    unfreeze: bool = False
    title: str = ""
    subject: str = ""
    version: str = "0.1.0"


STAGES = ("head", "whole")
"""What learns in each stage; names of folders in the work folder."""


@dataclass(frozen=True, kw_only=True)
class FolderPlan:
    """A recipe that trains, with what the command line changed in it.

    Attributes
    ----------
    recipe : Recipe
    split : SplitPlan
    stages : dict of str to TrainingPlan
        By the names in `STAGES`, in order; the second only if it was asked for.
    settings : FolderSettings
    """

    recipe: Recipe
    split: SplitPlan
    stages: dict[str, TrainingPlan]
    settings: FolderSettings


def apply_settings(recipe: Recipe, settings: FolderSettings) -> FolderPlan:
    """Change a recipe by what the command line says.

    Raises
    ------
    SettingsError
        The recipe trains nothing or has no second stage, or a number is not above 0.
    """
    if recipe.training is None or recipe.split is None:
        raise SettingsError(f"The recipe {recipe.name} trains nothing, so it takes no pictures.")
    if settings.unfreeze and recipe.unfreezing is None:
        raise SettingsError(f"The recipe {recipe.name} has no second stage; --unfreeze is for those with a backbone.")
    names = ("epochs", "batch_size", "learning_rate")
    changed = {name: value for name in names if (value := getattr(settings, name)) is not None}
    for name, value in changed.items():
        if value <= 0:
            raise SettingsError(f"--{name.replace('_', '-')} must be above 0; received {value:g}.")
    training = recipe.training.model_copy(update=changed)
    plans = [training]
    if settings.unfreeze and recipe.unfreezing is not None:
        plans.append(training.model_copy(update=dict(recipe.unfreezing)))
    return FolderPlan(
        recipe=recipe.model_copy(update={"training": training}),
        split=recipe.split,
        stages=dict(zip(STAGES, plans, strict=False)),
        settings=settings,
    )
