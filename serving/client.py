"""Refines every image of a folder over gRPC, here or with TensorFlow Serving.

python -m serving.client --server=127.0.0.1:8500 --input=simulated --output=refined

A folder made by trainer.simulate keeps its manifest and masks; any other folder's JPEG and PNG
files are sent as they are.
"""

from absl import flags

from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("server", None, "HOST:PORT of a PredictionService.")
flags.DEFINE_string("model_name", "dagan", "Name the model is served under.")
flags.DEFINE_integer("version", None, "Version to ask for; by default the highest available.")
flags.DEFINE_string("input", None, "Simulated folder, or any folder of JPEG and PNG files.")
flags.DEFINE_string("output", None, "Folder to fill; a run that was stopped is continued.")
flags.DEFINE_integer("batch_size", 8, "Most images a request.", lower_bound=1)
flags.DEFINE_integer(
    "image_size",
    0,
    "Side the model was trained at, pixels: views of a simulated folder that have another"
    " are refined at it, and the change is carried over to them. 0 sends them as they are.",
    lower_bound=0,
)
flags.DEFINE_integer("concurrency", 4, "Most requests under way at once.", lower_bound=1)
flags.DEFINE_float(
    "timeout", 60.0, "Deadline of one request, repetitions included, seconds.", 0.001
)
flags.DEFINE_integer("attempts", 8, "How often an unreachable server is asked.", lower_bound=1)
flags.DEFINE_integer("max_message_mb", 256, "Largest request and answer, MiB.", 1, 2047)
flags.DEFINE_bool("tls", False, "Encrypt; the flags below do it, too.")
flags.DEFINE_string("tls_root_certificates", None, "PEM file of who may sign the server's key.")
flags.DEFINE_string("tls_key", None, "PEM file of this client's key, for mutual TLS.")
flags.DEFINE_string("tls_certificate", None, "PEM file of this client's certificate.")
flags.DEFINE_string("tls_server_name", None, "Name in the server's certificate, if another.")
flags.DEFINE_bool("progress", True, "Show a bar on stderr.")
flags.mark_flags_as_required(["server", "input", "output"])


def main(argv: list[str]) -> None:
    """Connects and refines the folder."""
    del argv
    from dagan_tf.service.client.client import RefinerClient, RetryPolicy, TlsFiles
    from dagan_tf.service.client.folder import refine_any_folder

    files = (
        FLAGS.tls_root_certificates,
        FLAGS.tls_key,
        FLAGS.tls_certificate,
        FLAGS.tls_server_name,
    )
    with RefinerClient(
        FLAGS.server,
        FLAGS.model_name,
        version=FLAGS.version,
        batch_size=FLAGS.batch_size,
        concurrency=FLAGS.concurrency,
        timeout_seconds=FLAGS.timeout,
        max_message_bytes=FLAGS.max_message_mb * 2**20,
        retry=RetryPolicy(attempts=FLAGS.attempts),
        tls=TlsFiles(*files) if FLAGS.tls or any(files) else None,
    ) as client:
        # One folder, one model: a version that appears meanwhile must not refine half of it.
        version = client.pin_version()
        summary = refine_any_folder(
            client,
            FLAGS.input,
            FLAGS.output,
            image_size=FLAGS.image_size or None,
            progress=FLAGS.progress,
        )
    print(
        f"refined {summary.refined} images into {FLAGS.output} with {FLAGS.model_name} version "
        f"{version} ({summary.done_before} done before, {summary.skipped} skipped)"
    )


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
