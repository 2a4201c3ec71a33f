"""An image goes in, a `Prediction` comes out. Importing this loads neither TensorFlow nor Gradio."""

from inference.bundle import ModelBundle, load_bundle
from inference.catalogue import Catalogue
from inference.classifier import Classifier
from inference.combine import VolumePrediction, predict_volume
from inference.errors import (
    BundleError,
    BusyError,
    EngineError,
    GyrusError,
    InputError,
    OutputError,
    SettingsError,
    TooLargeError,
    UnknownModelError,
)
from inference.images import DecodedImage, ReadOptions, load_image
from inference.prediction import Heatmap, Prediction, Verdict
from inference.scans import load_scans
from inference.volume import Volume

__version__ = "0.1.0"

__all__ = [
    "BundleError",
    "BusyError",
    "Catalogue",
    "Classifier",
    "DecodedImage",
    "EngineError",
    "GyrusError",
    "Heatmap",
    "InputError",
    "ModelBundle",
    "OutputError",
    "Prediction",
    "ReadOptions",
    "SettingsError",
    "TooLargeError",
    "UnknownModelError",
    "Verdict",
    "Volume",
    "VolumePrediction",
    "__version__",
    "load_bundle",
    "load_image",
    "load_scans",
    "predict_volume",
]
