"""Serves a page to play with: a photo, its views from other sides, simulated and refined.

python -m serving.demo
python -m serving.demo --model=exported/dagan
python -m serving.demo --server=127.0.0.1:8500

The page is for this machine only and keeps photos in memory only.
"""

from absl import flags

from dagan_tf.core.program import run_app
from dagan_tf.faces.weights import LANDMARK_SOURCES

FLAGS = flags.FLAGS
flags.DEFINE_string("server", None, "HOST:PORT of a PredictionService that refines.")
flags.DEFINE_string(
    "model", "pretrained", "The refiner in the box, or what serving.export wrote, path or URI."
)
flags.DEFINE_string("model_name", "dagan", "Name the model is served under.")
flags.DEFINE_integer("port", 8600, "Port of the page; 0 takes a free one.", 0, 65535)
flags.DEFINE_enum(
    "landmarks",
    LANDMARK_SOURCES[0],
    LANDMARK_SOURCES,
    "Where landmarks come from (docs/detectors.md): dlib's are not for commercial use.",
)
flags.DEFINE_integer(
    "image_size", None, "Side of the views, pixels; default: that of the model's training.", 32, 512
)


def main(argv: list[str]) -> None:
    """Serves the page until SIGTERM or SIGINT."""
    del argv
    from contextlib import ExitStack

    from dagan_tf.demo.turner import Refine, Turner
    from dagan_tf.demo.web import DemoServer
    from dagan_tf.faces.face import FaceFinder
    from dagan_tf.service.server.signals import wait_for_signal
    from dagan_tf.simulator.simulator import Simulator

    with ExitStack() as stack:
        refine: Refine
        size, card = FLAGS.image_size, ""
        if FLAGS.server:
            from dagan_tf.service.client.client import RefinerClient, RetryPolicy

            # Whoever drags does not wait long for a server that is away.
            client = stack.enter_context(
                RefinerClient(
                    FLAGS.server,
                    FLAGS.model_name,
                    timeout_seconds=10.0,
                    retry=RetryPolicy(attempts=3),
                )
            )
            client.pin_version()
            refine, label = client.refine, client.label
        else:
            from dagan_tf.export.refiner import Refiner

            refiner = Refiner.load(FLAGS.model)
            refine, label, card = refiner, refiner.source, refiner.card
            size = size or refiner.image_size
        finder = FaceFinder(landmarks=FLAGS.landmarks)
        turner = Turner(Simulator(image_size=size or 224, finder=finder), refine=refine)
        turner.warm_up()
        page = stack.enter_context(DemoServer(turner, port=FLAGS.port, refiner=label, card=card))
        print(f"{page.url} shows {label}", flush=True)
        wait_for_signal()


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
