"""Serves an exported model over gRPC, for machines without tensorflow_model_server.

python -m serving.server --model_base_path=exported/dagan --model_name=dagan --port=8500
"""

from absl import flags

from trainer.flags import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("model_base_path", None, "Base folder; its highest version is served.")
flags.DEFINE_string("model_name", "dagan", "Name requests ask for.")
flags.DEFINE_string("host", "127.0.0.1", "Address to listen on; traffic is not encrypted.")
flags.DEFINE_integer("port", 8500, "Port; 0 takes a free one.", 0, 65535)
flags.DEFINE_integer("workers", 4, "Requests worked on at once.", lower_bound=1)
flags.DEFINE_integer("max_message_mb", 256, "Largest request and answer, MiB.", 1, 2047)
flags.DEFINE_float("grace_seconds", 30.0, "At SIGTERM, time for requests under way.", 0.0)
flags.mark_flag_as_required("model_base_path")


def main(argv: list[str]) -> None:
    """Serves until SIGTERM or SIGINT, then drains."""
    del argv
    from dagan_tf.service.server import start_server, wait_for_signal

    running = start_server(
        FLAGS.model_base_path,
        model_name=FLAGS.model_name,
        host=FLAGS.host,
        port=FLAGS.port,
        max_workers=FLAGS.workers,
        max_message_bytes=FLAGS.max_message_mb * 2**20,
    )
    print(f"serving {FLAGS.model_name} version {running.version} on {running.address}", flush=True)
    wait_for_signal()
    running.stop(FLAGS.grace_seconds)


if __name__ == "__main__":
    run_app(main)
