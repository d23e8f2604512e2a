"""Serves exported models over gRPC, for machines without tensorflow_model_server.

python -m serving.server --model_base_path=exported/dagan --model_name=dagan --port=8500
"""

from absl import flags

from dagan_tf.core.program import flag_values, run_app

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "model_base_path",
    None,
    "Base folder of one model's versions, path or URI; default: the refiner in the box.",
)
flags.DEFINE_string("model_name", "dagan", "Name requests ask for.")
flags.DEFINE_string("model_config_file", None, "Several models: a ModelServerConfig as text.")
flags.DEFINE_float(
    "model_config_file_poll_wait_seconds", 0.0, "Read that file again this often; 0: never.", 0.0
)
flags.DEFINE_float(
    "file_system_poll_wait_seconds", 1.0, "Between looks for new versions; 0: at start only.", 0.0
)
flags.DEFINE_bool(
    "allow_version_labels_for_unavailable_models",
    False,
    "Let a new label name a version that is not loaded yet, as all are at the start.",
)
flags.DEFINE_bool("enable_model_warmup", True, "Replay a version's warm-up requests first.")
flags.DEFINE_string("host", "127.0.0.1", "Address to listen on; beyond it use --ssl_config_file.")
flags.DEFINE_integer("port", 8500, "Port; 0 takes a free one.", 0, 65535)
flags.DEFINE_string("ssl_config_file", None, "TLS and mutual TLS: an SSLConfig as text.")
flags.DEFINE_bool("enable_batching", False, "Put requests together.")
flags.DEFINE_integer(
    "max_batch_pixels",
    None,
    "Requests are put together up to so many pixels; 0: no limit. Default: 16384 without a GPU, "
    "else 0.",
    lower_bound=0,
)
flags.DEFINE_string("batching_parameters_file", None, "How: a BatchingParameters as text.")
flags.DEFINE_string("monitoring_config_file", None, "Metrics: a MonitoringConfig as text.")
flags.DEFINE_integer(
    "rest_api_port", None, "Port of REST and the metrics; 0 takes a free one.", 0, 65535
)
flags.DEFINE_integer("rest_api_timeout_in_ms", 30_000, "For a request by REST; 0: no end.", 0)
flags.DEFINE_integer("rest_api_num_threads", 0, "By REST worked on at once; 0: four a core.", 0)
flags.DEFINE_bool(
    "enable_serialization_as_tensor_content",
    False,
    "Write numbers of answers as bytes, not one by one, also for clients that do not ask for it.",
)
flags.DEFINE_string("access_log", "", "File for a JSON line a request; - is standard output.")
flags.DEFINE_integer("grpc_max_threads", 0, "Requests worked on at once; 0: by the cores.", 0)
flags.DEFINE_integer("max_concurrent_requests", 1000, "Working and waiting; more are refused.", 1)
flags.DEFINE_integer("max_message_mb", 256, "Largest request and answer, MiB.", 1, 2047)
flags.DEFINE_integer("max_images", 64, "Most images a request.", lower_bound=1)
flags.DEFINE_integer("max_pixels", 2**22, "Most pixels a request.", lower_bound=1)
flags.DEFINE_integer(
    "max_decoded_pixels", 2**26, "Most pixels the encoded images of a request declare.", 1
)
flags.DEFINE_float("drain_seconds", 0.0, "At SIGTERM, time as NOT_SERVING before refusing.", 0.0)
flags.DEFINE_float("grace_seconds", 30.0, "At SIGTERM, time for requests under way.", 0.0)


def main(argv: list[str]) -> None:
    """Serves until SIGTERM or SIGINT, then drains."""
    del argv
    from dagan_tf.service.server.limits import Limits
    from dagan_tf.service.server.options import ServerOptions
    from dagan_tf.service.server.serve import serve

    limits = Limits(max_message_bytes=FLAGS.max_message_mb * 2**20, **flag_values(Limits))
    serve(
        FLAGS.model_base_path,
        model_name=FLAGS.model_name,
        grace_seconds=FLAGS.grace_seconds,
        drain_seconds=FLAGS.drain_seconds,
        enable_batching=FLAGS.enable_batching,
        batching_parameters_file=FLAGS.batching_parameters_file,
        ssl_config_file=FLAGS.ssl_config_file,
        monitoring_config_file=FLAGS.monitoring_config_file,
        limits=limits,
        **flag_values(ServerOptions),
    )


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
