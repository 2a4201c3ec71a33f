"""Backbones with ImageNet weights, tapped at several depths: lite0, and those that Keras downloads."""

from __future__ import annotations

from dataclasses import dataclass

import keras

from inference.errors import SettingsError
from training.backbone.lite0 import build_lite0

ONLINE_BACKBONES = (
    *(f"EfficientNetB{size}" for size in range(4)),
    *(f"EfficientNetV2B{size}" for size in range(4)),
)
"""Networks of ``keras.applications`` that take RGB in 0–255 as they are; their weights are downloaded."""

FEATURE_LAYERS = ("block2_add", "block4_add", "block7_add", "block10_add", "block14_add")
"""Where the pictures' features are pooled for the novelty score: the last layers, alone, forget what they need not
tell apart, and CT or a photograph looks like an MRI to them (refused: under 2 %, against 99 % with these)."""


@dataclass(frozen=True, kw_only=True)
class Taps:
    """Where a backbone is tapped: its input, the maps at three strides, and those that the novelty score pools."""

    image: keras.KerasTensor
    stride_8: keras.KerasTensor
    stride_16: keras.KerasTensor
    top: keras.KerasTensor
    depths: tuple[keras.KerasTensor, ...]


def tap_backbone(name: str, input_shape: tuple[int, int, int], color_order: str) -> Taps:
    """Build a backbone with ImageNet weights, in the colour order of its input.

    Raises
    ------
    SettingsError
        There is no such backbone, or its weights cannot be downloaded.
    """
    if name == "lite0":
        network = build_lite0(input_shape, classes=None, color_order=color_order)
        return Taps(
            image=network.input,
            stride_8=network.get_layer("block4_add").output,
            stride_16=network.get_layer("block10_add").output,
            top=network.output,
            depths=tuple(network.get_layer(layer).output for layer in FEATURE_LAYERS),
        )
    if name not in ONLINE_BACKBONES:
        raise SettingsError(f"The backbone is lite0 or one of {', '.join(ONLINE_BACKBONES)}; received {name}.")
    image = keras.Input(input_shape, name="image")
    network = _load_online_backbone(name, image[..., ::-1] if color_order == "bgr" else image)
    last = {layer.output.shape[1]: layer.output for layer in network.layers if len(layer.output.shape) == 4}
    sides = [-(-input_shape[0] // stride) for stride in (4, 8, 16, 32)]
    maps = [last[side] for side in sides]
    return Taps(image=image, stride_8=maps[1], stride_16=maps[2], top=network.output, depths=tuple(maps))


def _load_online_backbone(name: str, rgb: keras.KerasTensor) -> keras.Model:
    try:
        return getattr(keras.applications, name)(include_top=False, weights="imagenet", input_tensor=rgb)
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise SettingsError(
            f"The ImageNet weights of {name} could not be downloaded. --backbone lite0 and --recipe lite0-224 need "
            "no network: their weights are in the repository."
        ) from error
