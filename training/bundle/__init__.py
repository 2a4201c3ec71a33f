"""From a Keras network to the folder that `inference` serves: ONNX, calibration, ``bundle.json``."""
