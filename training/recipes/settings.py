"""What the command line may change in a recipe."""

from __future__ import annotations

from dataclasses import dataclass

from inference.errors import SettingsError
from training.recipes.recipe import Recipe


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


def apply_settings(recipe: Recipe, settings: FolderSettings) -> Recipe:
    """The recipe with what the command line changes in it; see `fit_folder` for what is raised."""
    if recipe.training is None or recipe.split is None:
        raise SettingsError(f"The recipe {recipe.name} trains nothing, so it takes no pictures.")
    if settings.unfreeze and recipe.unfreezing is None:
        raise SettingsError(f"The recipe {recipe.name} has no second stage; --unfreeze is for those with a backbone.")
    names = ("epochs", "batch_size", "learning_rate")
    changed = {name: value for name in names if (value := getattr(settings, name)) is not None}
    for name, value in changed.items():
        if value <= 0:
            raise SettingsError(f"--{name.replace('_', '-')} must be above 0; received {value:g}.")
    return recipe.model_copy(update={"training": recipe.training.model_copy(update=changed)})
