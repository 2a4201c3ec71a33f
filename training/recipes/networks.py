"""The networks that recipes ask for, as Keras models with the outputs ``logits`` and ``features``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
from keras import layers

from inference.errors import SettingsError
from training.backbone.lite0 import build_lite0
from training.backbone.taps import ONLINE_BACKBONES, tap_backbone

if TYPE_CHECKING:
    from inference.model.schema import InputSpec
    from training.recipes.recipe import NetworkPlan, Recipe

_VGG16_MEANS = {"bgr": (103.939, 116.779, 123.68), "rgb": (123.68, 116.779, 103.939)}
"""Means of ImageNet's channels, which VGG16 was trained with. Simonyan and Zisserman 2014,
https://arxiv.org/abs/1409.1556; the values are those of Caffe's and Keras's VGG16."""

TRUNK = "trunk"
"""Name of the layer that holds a frozen backbone."""


def build_network(recipe: Recipe, classes: int) -> keras.Model:
    """Build what a recipe trains.

    Returns
    -------
    keras.Model
        Takes the recipe's input; outputs ``logits`` (N, classes) and ``features`` (N, F), the pooled maps of several
        depths, for the novelty score.

    Raises
    ------
    SettingsError
        The backbone is not known, or its weights cannot be downloaded.
    """
    if recipe.network.backbone == "cnn":
        return _build_cnn(recipe.network, recipe.input, classes)
    return _build_transfer(recipe.network, recipe.input, classes)


def _build_cnn(plan: NetworkPlan, spec: InputSpec, classes: int) -> keras.Model:
    side = min(spec.height_px, spec.width_px)
    for _ in plan.convolutions:
        side = (side - 2) // 2  # an unpadded 3×3 convolution, then 2×2 pooling
    if side < 1:
        raise SettingsError(
            f"{len(plan.convolutions)} convolutions leave nothing of a picture of {spec.width_px}×{spec.height_px} "
            "pixels; take fewer, or a larger input."
        )
    image = keras.Input(spec.shape, name="image")
    x, depths = image, []
    for filters in plan.convolutions:
        x = layers.Conv2D(filters, 3, activation="relu")(x)
        x = layers.MaxPooling2D(2)(x)
        depths.append(layers.GlobalAveragePooling2D()(x))
        x = layers.Dropout(plan.dropout)(x)
    x = layers.Flatten()(x)
    if plan.dense:
        x = layers.Dense(plan.dense, activation="relu")(x)
        depths.append(x)
    return _finish(image, x, depths, classes)


def _build_transfer(plan: NetworkPlan, spec: InputSpec, classes: int) -> keras.Model:
    if plan.backbone not in ("lite0", *ONLINE_BACKBONES):
        raise SettingsError(
            f"A recipe that trains has the backbone cnn, lite0, {', '.join(ONLINE_BACKBONES)}; received "
            f"{plan.backbone}."
        )
    if spec.channels != 3 or (spec.value_min, spec.value_max) != (0.0, 255.0):
        raise SettingsError(
            f"The backbone {plan.backbone} takes three colours in 0–255; received {spec.color_order} in "
            f"{spec.value_min:g}–{spec.value_max:g}."
        )
    taps = tap_backbone(plan.backbone, spec.shape, spec.color_order)
    trunk = keras.Model(taps.image, [taps.top, *taps.depths], name=TRUNK)
    trunk.trainable = False
    image = keras.Input(spec.shape, name="image")
    top, *depths = trunk(image, training=False)  # batch norms stay as they are, in the second stage too
    x = pooled = layers.GlobalAveragePooling2D()(top)
    x = layers.Dropout(plan.dropout)(x) if plan.dropout else x
    x = layers.Dense(plan.dense, activation="relu")(x) if plan.dense else x
    return _finish(image, x, [*(layers.GlobalAveragePooling2D()(depth) for depth in depths), pooled], classes)


def _finish(
    image: keras.KerasTensor, x: keras.KerasTensor, depths: list[keras.KerasTensor], classes: int
) -> keras.Model:
    logits = layers.Dense(classes, name="logits")(x)
    features = layers.Concatenate(name="features")(depths) if len(depths) > 1 else layers.Identity()(depths[0])
    return keras.Model(image, {"logits": logits, "features": features})


def unfreeze(network: keras.Model) -> None:
    """Let the backbone learn too, but for its batch norms."""
    network.get_layer(TRUNK).trainable = True
    for layer in network.get_layer(TRUNK).layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def build_imagenet_network(recipe: Recipe) -> keras.Model:
    """Build a recipe's network with its ImageNet head: one output ``logits`` (N, 1000).

    Raises
    ------
    SettingsError
        There is no such network, or its weights cannot be downloaded.
    """
    spec, name = recipe.input, recipe.network.backbone
    if name == "lite0":
        network = build_lite0(spec.shape, color_order=spec.color_order)
        return keras.Model(network.input, {"logits": network.output})
    if name != "VGG16":
        raise SettingsError(f"A recipe without training has the backbone lite0 or VGG16; received {name}.")
    image = keras.Input(spec.shape, name="image")
    centred = layers.Rescaling(1.0, [-mean for mean in _VGG16_MEANS[spec.color_order]])(image)
    if spec.color_order == "rgb":
        centred = centred[..., ::-1]
    try:
        network = keras.applications.VGG16(weights="imagenet", classifier_activation=None)
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise SettingsError(
            "The ImageNet weights of VGG16 could not be downloaded. --recipe lite0-imagenet needs no network: its "
            "weights are in the repository."
        ) from error
    return keras.Model(image, {"logits": network(centred)})
