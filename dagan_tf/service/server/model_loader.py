"""Loads a version and replays its warm-up records, so that no caller waits for the first trace."""

import time

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from dagan_tf.errors import DaganError
from dagan_tf.export.locations import Location
from dagan_tf.export.warmup import WARMUP_FILE
from dagan_tf.service.server.limits import Limits
from dagan_tf.service.server.metrics import ServerMetrics
from dagan_tf.service.server.served_model import ServedModel
from dagan_tf.service.server.status import RequestError

# TensorFlow Serving's own bound (saved_model_warmup_util.h).
_MOST_RECORDS = 1000


class LoadError(DaganError):
    """A version that cannot be loaded, or that fails its own warm-up requests."""


class ModelLoader:
    """Turns a version folder into a `ServedModel` that is ready for requests."""

    def __init__(self, limits: Limits, metrics: ServerMetrics, *, warm_up: bool = True) -> None:
        """Keeps the settings.

        Args:
            limits: What one request may cost.
            metrics: Where the time of the warm-up is recorded.
            warm_up: Replay `assets.extra/tf_serving_warmup_requests` when it is there.
        """
        self._limits = limits
        self._metrics = metrics
        self._warm_up = warm_up

    def load(self, name: str, version: int, folder: Location) -> ServedModel:
        """Loads and warms up.

        Raises:
            LoadError: The SavedModel is damaged, or a warm-up record is damaged or fails.
        """
        try:
            model = ServedModel(folder, name=name, version=version, limits=self._limits)
        except Exception as error:  # Of a damaged SavedModel TensorFlow raises nearly anything.
            raise LoadError(f"{folder}: not a readable SavedModel ({error})") from error
        if self._warm_up and (folder / WARMUP_FILE).is_file():
            started = time.perf_counter()
            replay(model, folder / WARMUP_FILE)
            self._metrics.warmed_up(folder, time.perf_counter() - started)
        return model


def replay(model: ServedModel, path: Location) -> int:
    """Runs the predict requests of a warm-up file.

    Args:
        model: Answers them, whatever model name and version they were recorded for.
        path: TFRecord of PredictionLog.

    Returns:
        How many there were.

    Raises:
        LoadError: A record cannot be read or is refused, or there are more than 1,000.
    """
    count = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            count += 1
            if count > _MOST_RECORDS:
                raise LoadError(f"{path}: more than {_MOST_RECORDS} warm-up records")
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.HasField("predict_log"):
                model.predict(log.predict_log.request)
    except RequestError as error:
        raise LoadError(f"{path}: record {count} is refused: {error.message}") from error
    except LoadError:
        raise
    except Exception as error:  # A cut-off file, or bytes that are no message.
        raise LoadError(f"{path}: record {count + 1} cannot be read ({error})") from error
    return count
