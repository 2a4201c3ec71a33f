"""What the articles do: a Keras network, and one function from a picture to a label.

``python -m bench.article api PORT`` serves it by FastAPI, ``python -m bench.article page PORT`` on a page of Gradio 6.
"""

import os
import sys
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

LABELS = ["Glioma Tumor", "No Tumor", "Meningioma Tumor", "Pituitary Tumor"]


def build_efficientnet() -> Any:
    """The article's network, EfficientNetB0 for 150×150; weights at random, which costs the same."""
    import keras

    base = keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(150, 150, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(base.output)
    return keras.Model(base.input, keras.layers.Dense(4, activation="softmax")(keras.layers.Dropout(0.5)(pooled)))


def build_shipped() -> Any:
    """The network of the shipped bundle, as Keras has it; its head with weights at random."""
    import keras

    from training.brain.network import build_evidence_net, build_serving_net

    serving = build_serving_net(build_evidence_net((150, 150, 3), 3, color_order="bgr"), 1)
    return keras.Model(serving.input, serving.output["logits"])


def classify(network: Any, rgb: np.ndarray) -> str:
    """One decoded picture, (H, W, 3) uint8, to its label."""
    import cv2

    picture = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), (150, 150))
    numbers = network.predict(picture.reshape(1, 150, 150, 3), verbose=0)
    return LABELS[int(np.argmax(numbers, axis=1)[0])]


def serve_api(port: int) -> None:
    """POST /classify, a picture as the form's field "file"."""
    import io

    import uvicorn
    from fastapi import FastAPI, UploadFile
    from PIL import Image

    network, app = build_shipped(), FastAPI()

    @app.post("/classify")
    def answer(file: UploadFile) -> dict[str, str]:
        rgb = np.asarray(Image.open(io.BytesIO(file.file.read())).convert("RGB"))
        return {"label": classify(network, rgb)}

    classify(network, np.zeros((64, 64, 3), np.uint8))
    uvicorn.run(app, port=port, log_level="warning")


def serve_page(port: int) -> None:
    """An image, a label and a button."""
    import gradio as gr

    network = build_shipped()

    def answer(image: np.ndarray) -> str:
        return classify(network, image)

    with gr.Blocks() as page:
        image, label = gr.Image(elem_id="image"), gr.Label(elem_id="label")
        gr.Button("Submit", elem_id="submit").click(answer, image, label)
    classify(network, np.zeros((64, 64, 3), np.uint8))
    page.launch(server_port=port, quiet=True, share=False)


if __name__ == "__main__":
    {"api": serve_api, "page": serve_page}[sys.argv[1]](int(sys.argv[2]))
