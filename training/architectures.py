"""The networks that `training` knows, as Keras models; ImageNet weights are read from this repository.

`build_lite0` is EfficientNet-lite0 (no squeeze-and-excite, ReLU6, stem and head of fixed width). `build_evidence_net`
puts on it the head that Gyrus serves: a map of local tumour evidence at stride 8, and one answer made from that map.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from inference.errors import SettingsError

LITE0_WEIGHTS = Path(__file__).parent / "weights" / "efficientnet_lite0_imagenet.npz"
"""ImageNet weights converted by ``python -m training.convert_lite0``; origin and licence in the folder's README."""

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

ONLINE_BACKBONES = (
    *(f"EfficientNetB{size}" for size in range(4)),
    *(f"EfficientNetV2B{size}" for size in range(4)),
)
"""Networks of ``keras.applications`` that take RGB in 0–255 as they are; their weights are downloaded."""

FEATURE_LAYERS = ("block2_add", "block4_add", "block7_add", "block10_add", "block14_add")
"""Where the pictures' features are pooled for the novelty score: the last layers, alone, forget what they need not
tell apart, and CT or a photograph looks like an MRI to them (refused: under 2 %, against 99 % with these)."""

_BN_EPSILON = 1e-3
_BN_MOMENTUM = 0.97


def _convolution(x, filters: int, kernel: int, stride: int, name: str, *, activation: bool = True):
    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(epsilon=_BN_EPSILON, momentum=_BN_MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if activation else x


def _inverted_residual(x, kernel: int, stride: int, expansion: int, filters: int, name: str):
    shortcut = x
    if expansion != 1:
        x = _convolution(x, x.shape[-1] * expansion, 1, 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv")(x)
    x = layers.BatchNormalization(epsilon=_BN_EPSILON, momentum=_BN_MOMENTUM, name=f"{name}_depthwise_bn")(x)
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    x = _convolution(x, filters, 1, 1, f"{name}_project", activation=False)
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
    x = _convolution(x, 32, 3, 2, "stem")
    block = 0
    for repeats, kernel, stride, expansion, filters in LITE0_STAGES:
        for repeat in range(repeats):
            x = _inverted_residual(x, kernel, stride if repeat == 0 else 1, expansion, filters, f"block{block}")
            block += 1
    x = _convolution(x, 1280, 1, 1, "head")
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


@keras.saving.register_keras_serializable("gyrus")
class Upsample(layers.Layer):
    """Bilinear enlargement to a fixed size, as two matrix products.

    Keras's own ``Resizing`` is not used because its ONNX export rounds 10 → 19 to 18.

    Parameters
    ----------
    height, width : int
        Of the result; pixel centres at half steps, edges repeated.
    """

    def __init__(self, height: int, width: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.height, self.width = height, width

    def build(self, input_shape) -> None:
        self._rows = _bilinear_matrix(input_shape[1], self.height)
        self._columns = _bilinear_matrix(input_shape[2], self.width)

    def call(self, features):
        rows, columns = ops.cast(self._rows, features.dtype), ops.cast(self._columns, features.dtype)
        return ops.einsum("yh,nhwc,xw->nyxc", rows, features, columns)

    def get_config(self) -> dict:
        return {**super().get_config(), "height": self.height, "width": self.width}


def _bilinear_matrix(source: int, target: int) -> np.ndarray:
    """The (target, source) weights of bilinear interpolation along one axis."""
    places = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    return np.maximum(0.0, 1.0 - np.abs(places[:, None] - np.arange(source)[None, :])).astype(np.float32)


@keras.saving.register_keras_serializable("gyrus")
class EvidencePool(layers.Layer):
    """From a map of local evidence to one number: a smooth maximum over the places.

    ``log(mean(exp(sharpness · x))) / sharpness`` over height and width: between the mean (sharpness → 0) and the
    maximum (→ ∞), so that a small tumour counts and a single noisy cell does not decide.

    Parameters
    ----------
    sharpness : float

    References
    ----------
    Pinheiro and Collobert 2015, https://arxiv.org/abs/1411.6228, eq. 6.
    """

    def __init__(self, sharpness: float = 2.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.sharpness = sharpness

    def call(self, evidence):
        cells = evidence.shape[1] * evidence.shape[2]
        pooled = ops.logsumexp(self.sharpness * evidence, axis=(1, 2)) - float(np.log(cells))
        return pooled / self.sharpness

    def get_config(self) -> dict:
        return {**super().get_config(), "sharpness": self.sharpness}


@keras.saving.register_keras_serializable("gyrus")
class WeightedPool(layers.Layer):
    """The mean of a feature map, weighted by the softmax over the places of an evidence map."""

    def call(self, features, evidence):
        height, width, channels = features.shape[1:]
        weights = ops.softmax(ops.reshape(evidence, (-1, height * width, 1)), axis=1)
        return ops.sum(weights * ops.reshape(features, (-1, height * width, channels)), axis=1)


def build_evidence_net(
    input_shape: tuple[int, int, int], tumour_types: int, *, color_order: str, backbone: str = "lite0"
) -> keras.Model:
    """Build the network that is trained: evidence first, answer from the evidence.

    A feature pyramid joins the strides 32, 16 and 8. From it come ``evidence`` (is there a tumour *here*?), and by a
    smooth maximum over the places ``detection`` (is there one at all?). The type is read from the features where the
    evidence is, and from the whole picture. Because detection has no other path than the map, the map that is shown is
    the reason for the answer.

    Parameters
    ----------
    input_shape : tuple of int
        (height, width, 3); values 0–255.
    tumour_types : int
    color_order : str
        ``"rgb"`` or ``"bgr"``.
    backbone : str
        ``lite0``, whose weights are in the repository, or one of `ONLINE_BACKBONES`, whose weights Keras downloads.

    Returns
    -------
    keras.Model
        Outputs ``detection`` (N, 1) logit, ``type`` (N, tumour_types) logits, ``evidence`` (N, H/8, W/8, 1) logits and
        ``features`` (N, F).

    References
    ----------
    Lin et al. 2017, feature pyramid networks, https://arxiv.org/abs/1612.03144.
    """
    taps = tap_backbone(backbone, input_shape, color_order)
    stride_8, stride_16, top = taps.stride_8, taps.stride_16, taps.top
    pyramid = _convolution(top, 96, 1, 1, "lateral32")
    for name, tap in (("lateral16", stride_16), ("lateral8", stride_8)):
        height, width = tap.shape[1:3]
        pyramid = Upsample(height, width, name=f"{name}_up")(pyramid)
        pyramid = layers.Add(name=f"{name}_sum")([pyramid, _convolution(tap, 96, 1, 1, name, activation=False)])
        pyramid = layers.ReLU(6.0, name=f"{name}_sum_relu")(pyramid)
    pyramid = layers.SeparableConv2D(96, 3, padding="same", use_bias=False, name="smooth_conv")(pyramid)
    pyramid = layers.BatchNormalization(epsilon=_BN_EPSILON, momentum=_BN_MOMENTUM, name="smooth_bn")(pyramid)
    pyramid_features = layers.ReLU(6.0, name="smooth_relu")(pyramid)
    pyramid = layers.SpatialDropout2D(0.1, name="pyramid_dropout")(pyramid_features)

    evidence = layers.Conv2D(1, 1, bias_initializer=keras.initializers.Constant(-2.0), name="evidence")(pyramid)
    pooled_evidence = EvidencePool(name="evidence_pool")(evidence)
    detection = layers.Dense(
        1, kernel_initializer="ones", bias_initializer=keras.initializers.Constant(1.0), name="detection"
    )(pooled_evidence)

    pooled = layers.GlobalAveragePooling2D(name="pooled")(top)
    there = WeightedPool(name="features_there")(pyramid, evidence)
    joined = layers.Concatenate(name="type_input")([layers.Dropout(0.3, name="features_dropout")(pooled), there])
    tumour_type = layers.Dense(tumour_types, name="type")(joined)
    depths = [*taps.depths, pyramid_features]
    features = layers.Concatenate(name="features")([layers.GlobalAveragePooling2D()(depth) for depth in depths])
    outputs = {"detection": detection, "type": tumour_type, "evidence": evidence, "features": features}
    return keras.Model(taps.image, outputs, name="evidence_net")


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


def build_serving_net(trained: keras.Model, none_index: int) -> keras.Model:
    """Join the two heads of `build_evidence_net` into one row of logits.

    With d the detection logit and t the type logits, the class probabilities are P(none) = σ(−d) and
    P(type k) = σ(d)·softmax(t)ₖ; their logarithms are the logits.

    Parameters
    ----------
    trained : keras.Model
    none_index : int
        Place of the no-tumour class among the outputs (index base 0); the types take the other places in order.

    Returns
    -------
    keras.Model
        Outputs ``logits`` (N, classes), ``evidence`` (N, H/8, W/8, 1) in [0, 1], ``features`` (N, F).
    """
    heads = trained.outputs if not isinstance(trained.output, dict) else trained.output
    detection, tumour_type = heads["detection"], heads["type"]
    types = ops.log_softmax(tumour_type, axis=-1) + ops.log_sigmoid(detection)
    logits = ops.concatenate([types[:, :none_index], ops.log_sigmoid(-detection), types[:, none_index:]], axis=-1)
    outputs = {
        "logits": layers.Identity(name="logits")(logits),
        "evidence": layers.Activation("sigmoid", name="evidence_map")(heads["evidence"]),
        "features": layers.Identity(name="pooled_features")(heads["features"]),
    }
    return keras.Model(trained.input, outputs, name="gyrus")
