"""How to serve."""

import os
from dataclasses import dataclass, field

from dagan_tf.service.server.config_file import BatchingParameters, SslConfig
from dagan_tf.service.server.limits import Limits


@dataclass(frozen=True)
class ServerOptions:
    """How to serve; names as tensorflow_model_server's flags where it has them.

    Attributes:
        host: Address to listen on; beyond the loopback use `ssl`.
        port: 0 chooses a free one.
        grpc_max_threads: Requests worked on at once, those that wait for a batch included; 0 for
            four a core, or two batches full when batching.
        max_concurrent_requests: Requests worked on and waiting together; more are refused with
            RESOURCE_EXHAUSTED.
        limits: What one request may cost.
        file_system_poll_wait_seconds: Between looks for new versions; 0 looks at the start only.
        model_config_file: Read again every `model_config_file_poll_wait_seconds` when those are
            not 0.
        model_config_file_poll_wait_seconds: Between readings of `model_config_file`; 0 for one.
        allow_version_labels_for_unavailable_models: Let a new label name a version that is not
            loaded yet; without it no label can be given at the start, as in TensorFlow Serving.
        enable_model_warmup: Replay each version's warm-up requests before it is available.
        batching: Put requests together; None runs each by itself.
        max_batch_pixels: Only as long as a batch has no more pixels than this; 0 for no limit.
        ssl: Encryption; None for none.
        rest_api_port: Port of REST and the metrics; 0 chooses a free one, None opens none.
        rest_api_timeout_in_ms: For a request by REST, from its arrival on; 0 for no limit.
        rest_api_num_threads: Requests by REST worked on at once; 0 for four a core.
        metrics_path: Path of the metrics page; None for no page.
        enable_serialization_as_tensor_content: Write the numbers of all answers as bytes; else
            only for clients that ask for it.
        access_log: File to append to, `-` for standard output, empty for none.
    """

    host: str = "127.0.0.1"
    port: int = 8500
    grpc_max_threads: int = 0
    max_concurrent_requests: int = 1000
    limits: Limits = field(default_factory=Limits)
    file_system_poll_wait_seconds: float = 1.0
    model_config_file: str | None = None
    model_config_file_poll_wait_seconds: float = 0.0
    allow_version_labels_for_unavailable_models: bool = False
    enable_model_warmup: bool = True
    batching: BatchingParameters | None = None
    max_batch_pixels: int = 0
    ssl: SslConfig | None = None
    metrics_path: str | None = None
    rest_api_port: int | None = None
    rest_api_timeout_in_ms: int = 30_000
    rest_api_num_threads: int = 0
    enable_serialization_as_tensor_content: bool = False
    access_log: str = ""

    @property
    def threads(self) -> int:
        """Requests worked on at once."""
        if self.grpc_max_threads:
            return self.grpc_max_threads
        threads = 4 * (os.cpu_count() or 1)
        if self.batching is None:
            return threads
        # A request holds its thread while it waits for its batch.
        return max(threads, 2 * min(self.batching.execution_batch_size, 64))
