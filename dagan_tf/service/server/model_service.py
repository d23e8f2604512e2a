"""TensorFlow Serving's ModelService: get_model_status_impl.cc, model_service_impl.cc."""

from collections.abc import Callable

import grpc
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2
from tensorflow_serving.config import model_server_config_pb2

from dagan_tf.service.server.endpoint import Endpoint
from dagan_tf.service.server.metrics import ServerMetrics
from dagan_tf.service.server.predict_service import model_spec
from dagan_tf.service.server.registry import ModelRegistry
from dagan_tf.service.server.status import invalid

SERVICE = "tensorflow.serving.ModelService"


class ModelService:
    """GetModelStatus and HandleReloadConfigRequest."""

    def __init__(
        self,
        registry: ModelRegistry,
        configure: Callable[[model_server_config_pb2.ModelServerConfig], None],
        metrics: ServerMetrics,
    ) -> None:
        """Keeps the models.

        Args:
            registry: The models.
            configure: Replaces the set of models; `VersionsWatcher.configure`.
            metrics: A reload answers with the growth of those it is asked for.
        """
        self._registry = registry
        self._configure = configure
        self._metrics = metrics

    def handler(self, endpoint: Endpoint) -> grpc.GenericRpcHandler:
        """The service for `grpc.Server.add_generic_rpc_handlers`."""
        return endpoint.service(
            SERVICE,
            {
                "GetModelStatus": (
                    get_model_status_pb2.GetModelStatusRequest,
                    self.get_model_status,
                ),
                "HandleReloadConfigRequest": (
                    model_management_pb2.ReloadConfigRequest,
                    self.reload_config,
                ),
            },
        )

    def get_model_status(
        self, request: get_model_status_pb2.GetModelStatusRequest, _: object
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Returns the states of a model's versions, those that are gone included."""
        response = get_model_status_pb2.GetModelStatusResponse()
        for version in self._registry.statuses(model_spec(request)):
            status = response.model_version_status.add(version=version.version, state=version.state)
            # Set even when all is well, and so written out, as TensorFlow Serving does.
            status.status.SetInParent()
            status.status.error_code = version.error_code
            status.status.error_message = version.error_message
        return response

    def reload_config(
        self, request: model_management_pb2.ReloadConfigRequest, _: grpc.ServicerContext
    ) -> model_management_pb2.ReloadConfigResponse:
        """Replaces the set of models; answers when each new one takes requests.

        `metric_names` are the metrics' own, with slashes; what this server does not have stays 0,
        as in TensorFlow Serving.
        """
        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported"
            )
        before = {name: self._metrics.value(name) for name in request.metric_names}
        self._configure(request.config)
        response = model_management_pb2.ReloadConfigResponse()
        for name, value in before.items():
            response.metric.add(name=name, int64_value_increase=self._metrics.value(name) - value)
        response.status.SetInParent()
        return response
