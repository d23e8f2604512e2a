"""Warm-up requests TensorFlow Serving replays before it calls a version available."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from dagan_tf.core.pixels import to_signed

# The place and name TensorFlow Serving looks for; with any other name the file is ignored.
WARMUP_FILE = Path("assets.extra/tf_serving_warmup_requests")


def warmup_image(side: int) -> np.ndarray:
    """A smooth gradient under noise: exercises the codecs like a photo and shows nobody.

    Returns:
        (side, side, 3) uint8, the same at every call.
    """
    ramp = np.linspace(0, 200, side)
    image = np.stack(
        [np.tile(ramp, (side, 1)), np.tile(ramp[:, None], (1, side)), np.full((side, side), 90.0)],
        axis=-1,
    )
    noise = np.random.default_rng(0).uniform(0, 55, image.shape)
    return (image + noise).astype(np.uint8)


def warmup_requests(side: int, model_name: str = "dagan") -> list[predict_pb2.PredictRequest]:
    """One request for each signature of an exported refiner, one image of `side` pixels each."""
    image = warmup_image(side)[None]
    inputs = {
        "serving_default": ("images", image),
        "float": ("images", to_signed(image)),
        "encoded": ("image_bytes", np.array([tf.io.encode_png(image[0]).numpy()], dtype=object)),
    }
    requests = []
    for signature, (name, value) in inputs.items():
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model_name
        request.model_spec.signature_name = signature
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        requests.append(request)
    return requests


def write_warmup(version_folder: Path, side: int) -> Path:
    """Writes the warm-up TFRecord of PredictionLog messages into a version folder.

    Returns:
        The file written.
    """
    path = version_folder / WARMUP_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in warmup_requests(side):
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())
    return path
