"""Full names of TensorFlow Serving's two gRPC services, made known to reflection."""

import contextlib
from importlib import import_module

from google.protobuf import descriptor_pool

_SERVICES = ("PredictionService", "ModelService")
_MODULES = ("prediction_service_pb2", "model_service_pb2")


def load_service_names() -> tuple[str, ...]:
    """Loads the services' descriptors, since reflection can describe only what has been loaded.

    Returns:
        Full names, e.g. `tensorflow.serving.PredictionService`.

    Raises:
        KeyError: the installed tensorflow-serving-api has no such service.
    """
    for module in _MODULES:
        # tensorflow-serving-api 2.15 ships these two modules as an old protoc wrote them: they
        # register their file and then fail at setting an attribute that protobuf 4 has sealed.
        with contextlib.suppress(AttributeError):
            import_module(f"tensorflow_serving.apis.{module}")
    find = descriptor_pool.Default().FindServiceByName
    return tuple(find(f"tensorflow.serving.{name}").full_name for name in _SERVICES)
