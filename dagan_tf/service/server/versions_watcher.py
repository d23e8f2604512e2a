"""Keeps the loaded versions equal to what the configuration and the folders ask for.

As tensorflow_model_server does with its AvailabilityPreservingPolicy: a new version is loaded
beside the old one, and the old one goes only when a new one takes requests.
"""

import os
import re
import threading
from collections.abc import Callable, Collection
from typing import Any

import grpc
from absl import logging
from tensorflow_serving.config import model_server_config_pb2

from dagan_tf.errors import DaganError
from dagan_tf.export.locations import Location, fingerprint
from dagan_tf.export.versions import list_versions, version_folder
from dagan_tf.service.server.registry import ModelRegistry, State, VersionStatus
from dagan_tf.service.server.served_model import ServedModel
from dagan_tf.service.server.status import CODES, RequestError, invalid

_PLATFORM = "tensorflow"
# tensorflow/core/lib/io/path.cc `ParseURI`.
_URI = re.compile(r"[a-zA-Z][a-zA-Z0-9.]*://")
_Configs = dict[str, model_server_config_pb2.ModelConfig]


class VersionsWatcher:
    """Loads and unloads versions; `configure` and `sync` may be called from any thread."""

    def __init__(
        self,
        registry: ModelRegistry,
        load: Callable[[str, int, Location], ServedModel],
        *,
        allow_labels_for_unavailable: bool = False,
    ) -> None:
        """Starts with no models.

        Args:
            registry: What it keeps up to date.
            load: (model name, version, folder) to a model that is ready; DaganError if it fails.
            allow_labels_for_unavailable: See `ModelRegistry.set_labels`.
        """
        self._registry = registry
        self._load = load
        self._allow_labels = allow_labels_for_unavailable
        self._lock = threading.Lock()
        self._configs: _Configs = {}
        # What failed to load, as it was then: tried again when the folder has changed.
        self._failed: dict[Location, tuple[int, int, int]] = {}
        # Why a model's base folder could not be read at the last look.
        self._unread: dict[str, str] = {}

    def configure(self, config: model_server_config_pb2.ModelServerConfig) -> None:
        """Replaces the set of models and returns when each new one takes requests.

        Raises:
            RequestError: The configuration is wrong (nothing has changed then), or a new model
                did not become available.
        """
        with self._lock:
            configs = _validated(config, self._configs)
            labels = {name: dict(model.version_labels) for name, model in configs.items()}
            self._registry.set_labels(labels, allow_unavailable=self._allow_labels)
            self._configs = configs
            self._sync()
            missing = [
                f"{{{self._reason(name)}}}, "
                for name in configs
                if not self._registry.available(name)
            ]
        if missing:
            raise RequestError(
                grpc.StatusCode.UNKNOWN,
                f"{len(missing)} model(s) did not become available: {{{''.join(missing)}}}",
            )

    def sync(self) -> None:
        """Looks into the folders once, loads what is new and unloads what is old."""
        with self._lock:
            self._sync()

    def _sync(self) -> None:
        for name, config in self._configs.items():
            present = self._registry.available(name)
            aspired = aspired_versions(self._listed(name), config.model_version_policy)
            if not aspired:
                continue  # A folder emptied by mistake must not stop a running service.
            for version in aspired:
                if version not in present:
                    self._try_load(name, version, config.base_path)
            available = self._registry.available(name)
            if not set(available) & set(aspired):
                aspired = available[-1:]  # No new one works: the newest old one stays.
            for version in set(available) - set(aspired):
                self._unload(name, version)
        for name in set(self._registry.names()) - set(self._configs):
            for version in self._registry.available(name):
                self._unload(name, version)

    def _listed(self, name: str) -> list[int]:
        """Versions in the folder; none when it cannot be read, which is told once."""
        try:
            versions = list_versions(self._configs[name].base_path)
        except (DaganError, OSError) as error:
            if self._unread.get(name) != str(error):
                logging.error("%s: %s", name, error)
            self._unread[name] = str(error)
            return []
        self._unread.pop(name, None)
        return versions

    def _try_load(self, name: str, version: int, base: str) -> None:
        try:
            folder = version_folder(base, version)
            state = fingerprint(folder)
        except (DaganError, OSError):
            return  # Taken away since it was listed.
        if self._failed.get(folder) == state:
            return
        self._registry.note(name, VersionStatus(version, State.LOADING))
        try:
            model = self._load(name, version, folder)
        except DaganError as error:
            logging.error("%s version %d cannot be loaded: %s", name, version, error)
            self._failed[folder] = state
            code = grpc.StatusCode.INVALID_ARGUMENT.value[0]
            self._registry.note(name, VersionStatus(version, State.END, code, str(error)))
            return
        self._failed.pop(folder, None)
        self._registry.publish(model)
        logging.info("%s version %d is available", name, version)

    def _unload(self, name: str, version: int) -> None:
        self._registry.retire(name, version)
        logging.info("%s version %d is unloaded", name, version)

    def _reason(self, name: str) -> str:
        """As server_core.cc `WaitUntilModelsAvailable` writes it."""
        for status in self._registry.statuses_of(name):
            if status.error_message:
                version, code = status.version, CODES[status.error_code].name
                where = f"{{name: {name} version: {version}}}"
                return f"{where} due to error: {code}: {status.error_message}"
        if name in self._unread:
            return f"{{name: {name}}} due to error: UNKNOWN: {self._unread[name]}"
        base = self._configs[name].base_path
        return (
            f"{{name: {name}}} due to error: NOT_FOUND: {base} holds no <version>/saved_model.pb "
            "that its policy asks for"
        )


def aspired_versions(present: list[int], policy: Any) -> list[int]:
    """The versions a policy asks for, ascending.

    Args:
        present: Versions in the folder, ascending.
        policy: ServableVersionPolicy: `latest` (the default, of one version), `all` or `specific`.
    """
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return present
    if choice == "specific":
        return [version for version in present if version in policy.specific.versions]
    return present[-max(policy.latest.num_versions, 1) :]


def _validated(
    config: model_server_config_pb2.ModelServerConfig, present: Collection[str]
) -> _Configs:
    """Checks as server_core.cc does, in its order.

    That is ValidateModelConfigList, ValidateNoModelsChangePlatforms, CreateStoragePathRoutes. The
    models of the names in `present` are there already, all of one platform.
    """
    configs: _Configs = {}
    for model in config.model_config_list.config:
        if not model.name:
            raise invalid("Illegal to list a model without a name in config list")
        if model.name in configs:
            raise invalid(f"Illegal to list model {model.name} multiple times in config list")
        configs[model.name] = model
    for name, model in configs.items():
        if not os.path.isabs(model.base_path) and not _URI.match(model.base_path):
            raise invalid(
                f"Expected model {name} to have an absolute path or URI; got "
                f"base_path()={model.base_path}"
            )
    for name in configs:
        if name in present and (platform := _platform(configs[name])) != _PLATFORM:
            raise invalid(
                f"Illegal to change a model's platform. For model {name} platform was {_PLATFORM} "
                f"and new platform requested is {platform}"
            )
    for name, model in configs.items():
        if (platform := _platform(model)) != _PLATFORM:
            raise invalid(f"Model {name} requests unsupported platform {platform}")
    return configs


def _platform(model: model_server_config_pb2.ModelConfig) -> str:
    """As server_core.cc `GetPlatform`."""
    platform = str(model.model_platform)
    if model.model_type != model_server_config_pb2.MODEL_TYPE_UNSPECIFIED:
        if platform:
            raise invalid(
                "Illegal setting both ModelServerConfig::model_type (deprecated) and "
                "ModelServerConfig::model_platform."
            )
        if model.model_type != model_server_config_pb2.TENSORFLOW:
            raise invalid(f"ModelServerConfig::model_type choice {model.model_type} not supported.")
        return _PLATFORM
    if not platform:
        raise invalid(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            "ModelServerConfig::model_platform."
        )
    return platform
