"""An image goes in, a `Prediction` comes out. Importing this loads neither TensorFlow nor Gradio."""

from inference.bundle import ModelBundle, load_bundle
from inference.catalogue import Catalogue
from inference.classifier import Classifier
from inference.errors import (
    BundleError,
    EngineError,
    GyrusError,
    InputError,
    SettingsError,
    TooLargeError,
    UnknownModelError,
)
from inference.images import DecodedImage, load_image
from inference.prediction import Heatmap, Prediction, Verdict

__version__ = "0.1.0"

__all__ = [
    "BundleError",
    "Catalogue",
    "Classifier",
    "DecodedImage",
    "EngineError",
    "GyrusError",
    "Heatmap",
    "InputError",
    "ModelBundle",
    "Prediction",
    "SettingsError",
    "TooLargeError",
    "UnknownModelError",
    "Verdict",
    "__version__",
    "load_bundle",
    "load_image",
]
