"""The versions a server has, their states, and who uses them right now."""

import gc
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from tensorflow_serving.apis import get_model_status_pb2, model_pb2

from dagan_tf.service.server.served_model import ServedModel
from dagan_tf.service.server.status import RequestError, failed_precondition, invalid

State = get_model_status_pb2.ModelVersionStatus.State
_Key = tuple[str, int]


@dataclass(frozen=True)
class VersionStatus:
    """What GetModelStatus says about a version.

    Attributes:
        version: Its number.
        state: One of ModelVersionStatus.State.
        error_code: gRPC status number, 0 when all is well.
        error_message: Why it could not be loaded.
    """

    version: int
    state: int
    error_code: int = 0
    error_message: str = ""


class ModelRegistry:
    """The models a server answers for, by name and version; for use from any thread."""

    def __init__(self) -> None:
        """No model yet."""
        self._lock = threading.Condition()  # Re-entrant.
        self._available: dict[str, dict[int, ServedModel]] = {}
        self._states: dict[str, dict[int, VersionStatus]] = {}
        self._labels: dict[str, dict[str, int]] = {}
        self._uses: Counter[_Key] = Counter()

    def note(self, name: str, status: VersionStatus) -> None:
        """Records the state of a version that takes no requests."""
        with self._lock:
            self._states.setdefault(name, {})[status.version] = status

    def publish(self, model: ServedModel) -> None:
        """Makes a version available: from now on requests may get it."""
        with self._lock:
            self._available.setdefault(model.name, {})[model.version] = model
            status = VersionStatus(model.version, State.AVAILABLE)
            self._states.setdefault(model.name, {})[model.version] = status

    def retire(self, name: str, version: int) -> None:
        """Takes a version away, waits for the requests that use it, and frees its memory."""
        with self._lock:
            versions = self._available[name]
            del versions[version]
            if not versions:
                del self._available[name]
            self._states[name][version] = VersionStatus(version, State.UNLOADING)
            self._lock.wait_for(lambda: self._uses[name, version] == 0)
            del self._uses[name, version]
            self._states[name][version] = VersionStatus(version, State.END)
        gc.collect()  # TensorFlow's functions are held by reference cycles.

    @contextmanager
    def use(self, spec: model_pb2.ModelSpec) -> Iterator[ServedModel]:
        """The model a request asks for, kept loaded for as long as the block runs.

        Without a version or label that is the highest available version.

        Raises:
            RequestError: No such model, version or label.
        """
        with self._lock:
            model = self._find(spec)
            key = (model.name, model.version)
            self._uses[key] += 1
        try:
            yield model
        finally:
            with self._lock:
                self._uses[key] -= 1
                if self._uses[key] == 0:
                    self._lock.notify_all()

    def available(self, name: str) -> list[int]:
        """Versions of a model that take requests, ascending."""
        with self._lock:
            return sorted(self._available.get(name, {}))

    def names(self) -> list[str]:
        """Names of the models with at least one available version."""
        with self._lock:
            return sorted(self._available)

    def statuses(self, spec: model_pb2.ModelSpec) -> list[VersionStatus]:
        """States a status request asks for, highest version first.

        A label is passed over, as in get_model_status_impl.cc: all versions are listed.

        Raises:
            RequestError: No such model or version.
        """
        with self._lock:
            states = self._states.get(spec.name, {})
            if spec.WhichOneof("version_choice") != "version":
                if states:
                    return self.statuses_of(spec.name)
                message = f"Could not find any versions of model {spec.name}"
            elif (wanted := spec.version.value) in states:
                return [states[wanted]]
            else:
                message = f"Could not find version {wanted} of model {spec.name}"
        raise RequestError(grpc.StatusCode.NOT_FOUND, message)

    def statuses_of(self, name: str) -> list[VersionStatus]:
        """States of all versions a model has or had, highest first."""
        with self._lock:
            states = self._states.get(name, {})
            return [states[version] for version in sorted(states, reverse=True)]

    def set_labels(
        self, labels: Mapping[str, Mapping[str, int]], *, allow_unavailable: bool = False
    ) -> None:
        """Replaces all version labels, or none when one of them is refused.

        Args:
            labels: Model name to label to version.
            allow_unavailable: Let a new label name a version that is not loaded (yet).

        Raises:
            RequestError: A label names a version that takes no requests.
        """
        with self._lock:
            for name, versions in labels.items():
                present = self._labels.get(name, {})
                for label, version in versions.items():
                    is_new = label not in present
                    if present.get(label) == version or (allow_unavailable and is_new):
                        continue
                    if version not in self._available.get(name, {}):
                        raise failed_precondition(
                            f"Request to assign label to version {version} of model {name}, which "
                            "is not currently available for inference"
                        )
            self._labels = {name: dict(versions) for name, versions in labels.items()}

    def _find(self, spec: model_pb2.ModelSpec) -> ServedModel:
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        versions = self._available.get(spec.name, {})
        choice = spec.WhichOneof("version_choice")
        if choice is None:
            wanted, request = max(versions, default=0), f"Latest({spec.name})"
        else:
            wanted = (
                spec.version.value
                if choice == "version"
                else self._labelled(spec.name, spec.version_label)
            )
            request = f"Specific({spec.name}, {wanted})"
        if wanted not in versions:
            raise RequestError(
                grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {request}"
            )
        return versions[wanted]

    def _labelled(self, name: str, label: str) -> int:
        try:
            return self._labels[name][label]
        except KeyError:
            raise invalid(f"Unrecognized servable version label: {label}") from None
