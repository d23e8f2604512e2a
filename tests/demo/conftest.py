"""A running demo: the page's server, in front of a served model that is no identity."""

import struct
import zlib

import numpy as np
import pytest

from dagan_tf.demo.turner import Turner
from dagan_tf.demo.web import DemoServer
from dagan_tf.faces.photo_io import encode_png
from dagan_tf.service.client.client import RefinerClient, RetryPolicy
from dagan_tf.service.server.server import start_server
from dagan_tf.simulator.simulator import Simulator
from tests.helpers.tiny_export import export_tiny

SIZE = 64


@pytest.fixture(scope="session")
def refiner(tmp_path_factory):
    base = tmp_path_factory.mktemp("demo") / "model"
    export_tiny(base)
    server = start_server(base, port=0)
    with RefinerClient(server.address, retry=RetryPolicy(attempts=1)) as client:
        yield client
    server.stop()


@pytest.fixture(scope="session")
def demo(refiner):
    turner = Turner(Simulator(image_size=SIZE), refine=refiner.refine)
    turner.warm_up()
    yield from _serve(turner, "served model dagan")


@pytest.fixture
def demo_without_refiner(demo):
    yield from _serve(Turner(demo.turner.simulator, store=demo.turner.store), "")


def _serve(turner, label):
    with DemoServer(turner, refiner=label, card="# A card" if label else "") as server:
        yield server


@pytest.fixture(scope="session")
def two_faces(astronaut):
    """(512, 1024, 3): the astronaut twice."""
    return np.concatenate([astronaut, astronaut], axis=1)


@pytest.fixture(scope="session")
def huge_png():
    """A small file that says it has 9000 x 9000 pixels."""
    data = bytearray(encode_png(np.zeros((1, 1, 3), np.uint8)))
    data[16:24] = struct.pack(">II", 9000, 9000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)
