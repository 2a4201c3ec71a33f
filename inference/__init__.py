"""An image goes in, a `Prediction` comes out. Importing this loads neither TensorFlow nor Gradio."""

from inference.bundle import ModelBundle, load_bundle
from inference.classifier import Classifier
from inference.errors import BundleError, EngineError, GyrusError, InputError, SettingsError, TooLargeError
from inference.images import DecodedImage, load_image
from inference.prediction import Heatmap, Prediction, Verdict

__version__ = "0.1.0"

__all__ = [
    "BundleError",
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
    "Verdict",
    "__version__",
    "load_bundle",
    "load_image",
]
