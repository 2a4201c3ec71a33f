"""The network that Gyrus serves, as a Keras model: a map of local tumour evidence, and one answer made from that map.

Importing this registers the layers that a saved network names.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from training.backbone.lite0 import BN_EPSILON, BN_MOMENTUM, build_convolution
from training.backbone.taps import tap_backbone


@keras.saving.register_keras_serializable("gyrus")
class Upsample(layers.Layer):
    """Bilinear enlargement to a fixed size, as two matrix products.

    Keras's own ``Resizing`` is not used because its ONNX export rounds 10 → 19 to 18.

    Parameters
    ----------
    height, width : int
        Of the result; pixel centres at half steps, edges repeated.
    """

    def __init__(self, height: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height, self.width = height, width

    def build(self, input_shape: tuple[int, ...]) -> None:
        self._rows = _bilinear_matrix(input_shape[1], self.height)
        self._columns = _bilinear_matrix(input_shape[2], self.width)

    def call(self, features: keras.KerasTensor) -> keras.KerasTensor:
        rows, columns = ops.cast(self._rows, features.dtype), ops.cast(self._columns, features.dtype)
        return ops.einsum("yh,nhwc,xw->nyxc", rows, features, columns)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height": self.height, "width": self.width}


def _bilinear_matrix(source: int, target: int) -> np.ndarray:
    """The (target, source) weights of bilinear interpolation along one axis."""
    positions = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    return np.maximum(0.0, 1.0 - np.abs(positions[:, None] - np.arange(source)[None, :])).astype(np.float32)


@keras.saving.register_keras_serializable("gyrus")
class EvidencePool(layers.Layer):
    """From a map of local evidence to one number: a smooth maximum over all cells.

    ``log(mean(exp(sharpness · x))) / sharpness`` over height and width: between the mean (sharpness → 0) and the
    maximum (→ ∞), so that a small tumour counts and a single noisy cell does not decide.

    Parameters
    ----------
    sharpness : float

    References
    ----------
    Pinheiro and Collobert 2015, https://arxiv.org/abs/1411.6228, eq. 6.
    """

    def __init__(self, sharpness: float = 2.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sharpness = sharpness

    def call(self, evidence: keras.KerasTensor) -> keras.KerasTensor:
        cells = evidence.shape[1] * evidence.shape[2]
        pooled = ops.logsumexp(self.sharpness * evidence, axis=(1, 2)) - float(np.log(cells))
        return pooled / self.sharpness

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "sharpness": self.sharpness}


@keras.saving.register_keras_serializable("gyrus")
class WeightedPool(layers.Layer):
    """The mean of a feature map, weighted by the softmax over the cells of an evidence map."""

    def call(self, features: keras.KerasTensor, evidence: keras.KerasTensor) -> keras.KerasTensor:
        height, width, channels = features.shape[1:]
        weights = ops.softmax(ops.reshape(evidence, (-1, height * width, 1)), axis=1)
        return ops.sum(weights * ops.reshape(features, (-1, height * width, channels)), axis=1)


def build_evidence_net(
    input_shape: tuple[int, int, int], tumour_types: int, *, color_order: str, backbone: str = "lite0"
) -> keras.Model:
    """Build the network that is trained: evidence first, answer from the evidence.

    A feature pyramid joins the strides 32, 16 and 8. From it come ``evidence`` (is there a tumour *here*?), and by a
    smooth maximum over its cells ``detection`` (is there one at all?). The type is read from the features where the
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
    pyramid = build_convolution(top, 96, 1, 1, "lateral32")
    for name, tap in (("lateral16", stride_16), ("lateral8", stride_8)):
        height, width = tap.shape[1:3]
        pyramid = Upsample(height, width, name=f"{name}_up")(pyramid)
        pyramid = layers.Add(name=f"{name}_sum")([pyramid, build_convolution(tap, 96, 1, 1, name, activation=False)])
        pyramid = layers.ReLU(6.0, name=f"{name}_sum_relu")(pyramid)
    pyramid = layers.SeparableConv2D(96, 3, padding="same", use_bias=False, name="smooth_conv")(pyramid)
    pyramid = layers.BatchNormalization(epsilon=BN_EPSILON, momentum=BN_MOMENTUM, name="smooth_bn")(pyramid)
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


def build_serving_net(trained: keras.Model, none_index: int) -> keras.Model:
    """Join the two heads of `build_evidence_net` into one row of logits.

    With d the detection logit and t the type logits, the class probabilities are P(none) = σ(−d) and
    P(type k) = σ(d)·softmax(t)ₖ; their logarithms are the logits.

    Parameters
    ----------
    trained : keras.Model
    none_index : int
        Index (base 0) of the no-tumour class among the outputs; the types take the other indices in order.

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
