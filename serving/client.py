"""Refines every image of a simulated folder over gRPC, here or with TensorFlow Serving.

python -m serving.client --server=127.0.0.1:8500 --input=simulated --output=refined
"""

from absl import flags

from trainer.flags import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("server", None, "HOST:PORT of a PredictionService.")
flags.DEFINE_string("model_name", "dagan", "Name the model is served under.")
flags.DEFINE_integer("version", None, "Version to ask for; by default the highest available.")
flags.DEFINE_string("input", None, "Simulated folder, with its manifest.csv.")
flags.DEFINE_string("output", None, "Folder to fill; a run that was stopped is continued.")
flags.DEFINE_integer("batch_size", 8, "Most images a request.", lower_bound=1)
flags.DEFINE_float("timeout", 60.0, "Deadline of one request, seconds.", 0.001)
flags.DEFINE_integer("max_message_mb", 256, "Largest request and answer, MiB.", 1, 2047)
flags.mark_flags_as_required(["server", "input", "output"])


def main(argv: list[str]) -> None:
    """Connects and refines the folder."""
    del argv
    from dagan_tf.refining import refine_folder
    from dagan_tf.service.client import RefinerClient

    with RefinerClient(
        FLAGS.server,
        FLAGS.model_name,
        version=FLAGS.version,
        batch_size=FLAGS.batch_size,
        timeout_seconds=FLAGS.timeout,
        max_message_bytes=FLAGS.max_message_mb * 2**20,
    ) as client:
        # One folder, one model: a version that appears meanwhile must not refine half of it.
        version = client.pin_version()
        summary = refine_folder(
            FLAGS.input,
            FLAGS.output,
            client.refine,
            label=client.label,
            batch_size=FLAGS.batch_size,
        )
    print(
        f"refined {summary.refined} images into {FLAGS.output} with {FLAGS.model_name} version "
        f"{version} ({summary.done_before} done before, {summary.skipped} skipped)"
    )


if __name__ == "__main__":
    run_app(main)
