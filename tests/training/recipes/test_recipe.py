"""Recipes are data: those in the repository can be carried out, and a mistake in one is a sentence."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inference.errors import SettingsError
from training.recipes.recipe import RECIPES, list_recipes, load_recipe, read_recipe

GOOD: dict[str, Any] = json.loads((RECIPES / "cnn-grey-100.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", list_recipes())
def test_every_recipe_says_what_it_does(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.summary
    assert recipe.origin
    assert (recipe.training is None) == name.endswith("-imagenet")


def test_the_network_of_the_cat_and_dog_article() -> None:
    recipe = load_recipe("cnn-grey-100")
    assert recipe.network.convolutions == (64, 64, 64)
    assert recipe.network.dense == 128
    assert recipe.input.shape == (100, 100, 1)
    assert (recipe.input.value_min, recipe.input.value_max) == (0.0, 1.0)
    assert (recipe.split.test, recipe.split.validation, recipe.training.epochs) == (0.3, 0.1, 5)


def test_what_the_dog_article_asks_for() -> None:
    recipe = load_recipe("efficientnet-b3-256")
    plan, changes = recipe.training, recipe.augmentation
    assert recipe.input.shape == (256, 256, 3)
    assert (plan.patience, plan.plateau_factor, plan.plateau_patience, plan.plateau_floor) == (5, 0.2, 2, 1e-5)
    assert (changes.flip, changes.rotation, changes.zoom, changes.contrast) == ("horizontal", 0.2, 0.1, 0.1)
    assert changes.crop > 0


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("training.epochs", 0, '"training.epochs" must be a whole number from 1 to 10000; received 0'),
        ("training.epochs", True, "received True"),
        ("training.epoch", 5, '"training.epoch" is not known; did you mean "epochs"?'),
        ("training.learning_rate", "fast", "a number from 1e-09 to 10; received 'fast'"),
        ("training.learning_rate", float("nan"), "received nan"),
        ("input.color_order", "gray", "\"input.color_order\" must be rgb or bgr or grey; received 'gray'"),
        ("input.value_range", [1, 0], "two rising numbers"),
        ("input.width_px", 100.5, '"input.width_px" must be a whole number'),
        ("input.width_px", 16, '"input.width_px" must be a whole number from 32 to 4096; received 16'),
        ("input.mean", [1, 2, 3], '"input.mean" is not known'),
        ("network.convolutions", [], "given for the backbone cnn"),
        (
            "network.convolutions",
            [64, "x"],
            "\"network.convolutions.1\" must be a whole number from 1 to 4096; received 'x'",
        ),
        ("network.backbone", "lite0", "given for the backbone cnn, and for no other"),
        ("split.test", 1.5, '"split.test" must be a number from 0.01 to 0.9; received 1.5'),
        ("split", [], '"split" must be an object; received []'),
        ("split", None, '"split" must be given together with training, or neither of them; received None'),
        ("summary", "", '"summary" must be a text'),
        ("trainig", {}, '"trainig" is not known; did you mean "training"?'),
        ("$schema", "https://example.org/other.json", '"$schema" must be'),
    ],
)
def test_a_mistake_is_a_sentence(path: str, value: object, words: str) -> None:
    document = copy.deepcopy(GOOD)
    *sections, key = path.split(".")
    target = document
    for section in sections:
        target = target[section]
    target[key] = value
    with pytest.raises(SettingsError) as caught:
        read_recipe(document, "mine")
    assert str(caught.value).startswith("The recipe mine has a mistake. ")
    assert words in str(caught.value)


def test_what_is_missing_is_a_sentence() -> None:
    with pytest.raises(SettingsError, match=r'"training.epochs" must be a whole number from .*; received nothing'):
        read_recipe(GOOD | {"training": {"batch_size": 1, "learning_rate": 0.1}}, "mine")
    with pytest.raises(SettingsError, match='"split" must be given together with training'):
        read_recipe({key: value for key, value in GOOD.items() if key != "split"}, "mine")
    with pytest.raises(SettingsError, match="The document must be an object"):
        read_recipe([], "mine")


def test_no_such_recipe_and_no_json(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no recipe resnet. Accepted are cnn-grey-100, efficientnet-b0-224"):
        load_recipe("resnet")
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(SettingsError, match="not valid JSON"):
        load_recipe(str(broken))


def test_the_manual_names_every_recipe_without_loading_keras() -> None:
    code = (
        "import sys, training.__main__ as m; text = m.build_parser().format_help(); "
        "assert 'keras' not in sys.modules and 'cv2' in sys.modules; print(text)"
    )
    text = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert all(name in text for name in list_recipes())
    assert "python -m training fit --data pictures --recipe lite0-224" in text
