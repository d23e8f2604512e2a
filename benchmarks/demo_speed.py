"""How long the demo page waits for a new yaw: request over loopback, view, gRPC, refiner, answer.

python -m benchmarks.demo_speed --model_base_path=exported/dagan
python -m benchmarks.demo_speed

Without a model an untrained one of the preset face-64, at 128 pixels, is served, which costs what a
trained one would. The photo is the public-domain NASA portrait that scikit-image ships. No yaw is
asked twice.
"""

import contextlib
import http.client
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import flags

from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("model_base_path", None, "What serving.export wrote.")
flags.DEFINE_integer("image_size", 128, "Side of the views, pixels.", 32, 512)
flags.DEFINE_integer("requests", 200, "Yaws asked for, one after the other.", 10)


@contextlib.contextmanager
def _exported(base: str | None) -> Iterator[str]:
    if base:
        yield base
        return
    from dagan_tf.config.settings import load_config
    from dagan_tf.export.write import export_generator
    from dagan_tf.gan.generator import build_generator

    config = load_config("face-64", ["data.image_size=128"])
    with tempfile.TemporaryDirectory() as folder:
        export_generator(
            build_generator(config.generator),
            Path(folder),
            image_size=config.data.image_size,
            stride=config.generator.stride,
            clean_process=False,
        )
        yield folder


def main(argv: list[str]) -> None:
    del argv
    from skimage.data import astronaut

    from dagan_tf.demo.turner import Turner
    from dagan_tf.demo.web import DemoServer
    from dagan_tf.faces.photo_io import encode_png
    from dagan_tf.service.client.client import RefinerClient
    from dagan_tf.service.server.server import start_server
    from dagan_tf.simulator.simulator import Simulator

    yaws = np.random.default_rng(0).permutation(np.linspace(-90.0, 90.0, FLAGS.requests))
    with contextlib.ExitStack() as stack:
        model = start_server(stack.enter_context(_exported(FLAGS.model_base_path)), port=0)
        stack.callback(model.stop)
        client = stack.enter_context(RefinerClient(model.address))
        turner = Turner(Simulator(image_size=FLAGS.image_size), refine=client.refine)
        turner.warm_up()
        page = stack.enter_context(DemoServer(turner))
        connection = http.client.HTTPConnection("127.0.0.1", page.port)
        stack.callback(connection.close)

        def ask(method: str, path: str, body: bytes | None = None) -> float:
            began = time.perf_counter()
            connection.request(method, path, body)
            answers.append(json.loads(connection.getresponse().read()))
            return 1e3 * (time.perf_counter() - began)

        answers: list[dict[str, object]] = []
        photo = ask("POST", "/photos", encode_png(astronaut()))
        name = answers[-1]["photo"]
        first = ask("GET", f"/views?photo={name}")
        times = [ask("GET", f"/views?photo={name}&yaw={yaw:.3f}&pitch=0") for yaw in yaws]
        failed = sum(not answer.get("refined") for answer in answers[1:])
    median, late, worst = np.percentile(times, [50, 95, 100])
    what = FLAGS.model_base_path or "untrained, as face-64"
    print(f"model {what}; {FLAGS.image_size} px; load average {os.getloadavg()[0]:.1f}")
    print(f"photo taken in {photo:.0f} ms, its own pose {first:.0f} ms")
    print(
        f"a new yaw: median {median:.1f} ms, 95 % within {late:.1f} ms, at most {worst:.1f} ms"
        f" (n {len(times)}, {failed} without a refined picture)"
    )


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
