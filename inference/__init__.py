"""An image goes in, a `Prediction` comes out. Importing this loads neither TensorFlow nor Gradio."""

from inference.answer.catalogue import Catalogue
from inference.answer.classifier import Classifier
from inference.answer.prediction import Finding, Heatmap, Prediction, Presence, Verdict
from inference.answer.volume import VolumePrediction, predict_volume
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
from inference.imaging.load import load_image, load_scans
from inference.imaging.types import DecodedImage, ReadOptions, Volume
from inference.model.bundle import ModelBundle, load_bundle

__version__ = "0.1.0"

__all__ = [
    "BundleError",
    "BusyError",
    "Catalogue",
    "Classifier",
    "DecodedImage",
    "EngineError",
    "Finding",
    "GyrusError",
    "Heatmap",
    "InputError",
    "ModelBundle",
    "OutputError",
    "Prediction",
    "Presence",
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
