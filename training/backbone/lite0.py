"""EfficientNet-lite0 with ImageNet weights, which are read from this repository.

No squeeze-and-excite, ReLU6, stem and head of fixed width.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers

LITE0_WEIGHTS = Path(__file__).parent / "weights" / "efficientnet_lite0_imagenet.npz"
"""Converted by ``python -m training.backbone.convert_lite0``; origin and licence stand in the folder's README."""

LITE0_STAGES = (
    # (repeats, kernel, stride, expansion, filters)
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""EfficientNet-lite0: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite."""

BN_EPSILON = 1e-3

BN_MOMENTUM = 0.97


def build_convolution(
    x: keras.KerasTensor, filters: int, kernel: int, stride: int, name: str, *, activation: bool = True
) -> keras.KerasTensor:
    """A convolution without bias, batch norm and, if it has an activation, ReLU6; layers are called after ``name``."""
    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(epsilon=BN_EPSILON, momentum=BN_MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if activation else x


def _inverted_residual(
    x: keras.KerasTensor, kernel: int, stride: int, expansion: int, filters: int, name: str
) -> keras.KerasTensor:
    shortcut = x
    if expansion != 1:
        x = build_convolution(x, x.shape[-1] * expansion, 1, 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv")(x)
    x = layers.BatchNormalization(epsilon=BN_EPSILON, momentum=BN_MOMENTUM, name=f"{name}_depthwise_bn")(x)
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    x = build_convolution(x, filters, 1, 1, f"{name}_project", activation=False)
    if stride == 1 and shortcut.shape[-1] == filters:
        x = layers.Add(name=f"{name}_add")([shortcut, x])
    return x


def build_lite0(
    input_shape: tuple[int, int, int] = (224, 224, 3), *, classes: int | None = 1000, color_order: str = "rgb"
) -> keras.Model:
    """Build EfficientNet-lite0 with ImageNet weights.

    Parameters
    ----------
    input_shape : tuple of int
        (height, width, 3); values 0–255 (the network scales them by (x − 127) / 128 itself).
    classes : int or None
        1000 for the ImageNet head (logits), None to end at the last convolution, shape (N, H/32, W/32, 1280).
    color_order : str
        ``"rgb"`` or ``"bgr"``; for BGR the first convolution's kernels are turned round, so nothing is spent at run
        time.

    References
    ----------
    Tan and Le 2019, https://arxiv.org/abs/1905.11946; the "lite" variant: see `LITE0_STAGES`.
    """
    inputs = keras.Input(input_shape, name="image")
    x = layers.Rescaling(1 / 128.0, -127.0 / 128.0, name="scale")(inputs)
    x = build_convolution(x, 32, 3, 2, "stem")
    block = 0
    for repeats, kernel, stride, expansion, filters in LITE0_STAGES:
        for repeat in range(repeats):
            x = _inverted_residual(x, kernel, stride if repeat == 0 else 1, expansion, filters, f"block{block}")
            block += 1
    x = build_convolution(x, 1280, 1, 1, "head")
    if classes is not None:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        x = layers.Dense(classes, name="fc")(x)
    model = keras.Model(inputs, x, name="efficientnet_lite0")
    _load_imagenet_weights(model, color_order)
    return model


def _load_imagenet_weights(model: keras.Model, color_order: str) -> None:
    with np.load(LITE0_WEIGHTS, allow_pickle=False) as arrays:
        for layer in model.layers:
            for variable in layer.weights:
                value = arrays[f"{layer.name}/{variable.name}"].astype(np.float32)
                if layer.name == "stem_conv" and color_order == "bgr":
                    value = value[:, :, ::-1]
                variable.assign(value)
