"""Serves a page to play with: a photo, its views from other sides, simulated and refined.

python -m serving.demo --model_base_path=exported/dagan
python -m serving.demo --server=127.0.0.1:8500

The page is for this machine only and keeps photos in memory only. Without a model it shows the
simulated views.
"""

from absl import flags

from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("server", None, "HOST:PORT of a PredictionService that refines.")
flags.DEFINE_string("model_base_path", None, "Instead: what serving.export wrote, served here.")
flags.DEFINE_string("model_name", "dagan", "Name the model is served under.")
flags.DEFINE_integer("port", 8600, "Port of the page; 0 takes a free one.", 0, 65535)
flags.DEFINE_integer("image_size", 128, "Side of the views, pixels.", 32, 512)


def main(argv: list[str]) -> None:
    """Serves the page until SIGTERM or SIGINT."""
    del argv
    import threading
    from contextlib import ExitStack

    from dagan_tf.demo.turner import Refine, Turner
    from dagan_tf.demo.web import DemoServer
    from dagan_tf.errors import DaganError
    from dagan_tf.service.server.signals import wait_for_signal
    from dagan_tf.simulator.simulator import Simulator

    if FLAGS.server and FLAGS.model_base_path:
        raise DaganError("expected --server or --model_base_path, not both")
    with ExitStack() as stack:
        refine: Refine | None = None
        label = ""
        if FLAGS.server or FLAGS.model_base_path:
            from dagan_tf.service.client.client import RefinerClient, RetryPolicy
            from dagan_tf.service.server.server import start_server

            address = FLAGS.server
            if not address:
                model = start_server(FLAGS.model_base_path, model_name=FLAGS.model_name, port=0)
                stack.callback(model.stop)
                address = model.address
            # Whoever drags does not wait long for a server that is away.
            client = stack.enter_context(
                RefinerClient(
                    address,
                    FLAGS.model_name,
                    timeout_seconds=10.0,
                    retry=RetryPolicy(attempts=3),
                )
            )
            client.pin_version()
            refine, label = client.refine, client.label
        turner = Turner(Simulator(image_size=FLAGS.image_size), refine=refine)
        turner.warm_up()
        page = stack.enter_context(DemoServer(turner, port=FLAGS.port, refiner=label))
        threading.Thread(target=page.serve_forever, daemon=True).start()
        stack.callback(page.shutdown)
        print(f"{page.url} shows {label or 'simulated views only: no model given'}", flush=True)
        wait_for_signal()


if __name__ == "__main__":
    run_app(main, uses_tensorflow=lambda: bool(FLAGS.server or FLAGS.model_base_path))
