"""Malformed requests by the thousand: the server stays up, small, and says whose fault it is.

python -m benchmarks.serving_fuzz --requests=10000 --seed=0

Exit code 1 when an answer is UNKNOWN, INTERNAL or any other status that does not blame the request,
when the server is gone, or when its memory grows by more than --max_growth_mib after a fifth.
"""

import argparse
import collections
import random
import socket
import tempfile
import time
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
)

from benchmarks import serving_common as common

SERVICE = "/tensorflow.serving."
BLAMES_THE_REQUEST = {
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "FAILED_PRECONDITION",
    "OUT_OF_RANGE",
    "RESOURCE_EXHAUSTED",
    "UNIMPLEMENTED",
}
SIZES = (0, 1, 2, 3, 5, 24, -1, 255, 2**16, 2**31, 2**40, 2**62)


class Mutator:
    """Makes (method, bytes) from a seed, always the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        image = common.random_images(24, 24, 3)
        self._images = [
            tf.io.encode_png(image).numpy(),
            tf.io.encode_jpeg(image).numpy(),
            tf.io.encode_jpeg(image, progressive=True).numpy(),
        ]
        self._plain = common.predict_request(image[None])

    def next(self) -> tuple[str, bytes]:
        """The next request."""
        make = self.random.choice(
            [self._noise, self._flipped, self._spec, self._tensor, self._image, self._other]
        )
        return make()

    def _noise(self) -> tuple[str, bytes]:
        method = self.random.choice(["Predict", "GetModelMetadata", "Classify", "Absent"])
        return f"{SERVICE}PredictionService/{method}", self._bytes(200)

    def _flipped(self) -> tuple[str, bytes]:
        request = predict_pb2.PredictRequest()
        request.CopyFrom(self._plain)
        return common.PREDICT, self._damage(request.SerializeToString())

    def _spec(self) -> tuple[str, bytes]:
        request = predict_pb2.PredictRequest()
        request.CopyFrom(self._plain)
        spec = request.model_spec
        spec.name = self.random.choice(["dagan", "", "other", "d\u00e4gan" * 400, "a/../b"])
        spec.signature_name = self.random.choice(["", "encoded", "float", "absent", "\u0000x"])
        if self.random.random() < 0.5:
            spec.version.value = self.random.choice(SIZES)
        elif self.random.random() < 0.5:
            spec.version_label = self.random.choice(["stable", "", "x" * 3000])
        for _ in range(self.random.randrange(3)):
            request.output_filter.append(self.random.choice(["refined", "other", ""]))
        return common.PREDICT, request.SerializeToString()

    def _tensor(self) -> tuple[str, bytes]:
        request = predict_pb2.PredictRequest()
        request.CopyFrom(self._plain)
        request.model_spec.signature_name = self.random.choice(["", "float", "encoded"])
        name = self.random.choice(["images", "image_bytes", "other"])
        if name != "images":
            request.inputs[name].CopyFrom(request.inputs["images"])
            if self.random.random() < 0.8:
                del request.inputs["images"]
        tensor = request.inputs[name]
        if self.random.random() < 0.5:
            tensor.dtype = self.random.choice([0, 1, 3, 4, 7, 19, 20, 101, 999])
        if self.random.random() < 0.6:
            del tensor.tensor_shape.dim[:]
            for _ in range(self.random.choice([0, 1, 3, 4, 4, 4, 300])):
                tensor.tensor_shape.dim.add().size = self.random.choice([*SIZES, 3, 3])
        if self.random.random() < 0.1:
            tensor.tensor_shape.unknown_rank = True
        if self.random.random() < 0.5:
            tensor.tensor_content = self._bytes(5000)
        if self.random.random() < 0.4:
            tensor.ClearField("tensor_content")
            field = self.random.choice(["int_val", "float_val", "string_val", "half_val"])
            value = {"float_val": 1e30, "string_val": b"x"}.get(field, self.random.choice([1, -7]))
            getattr(tensor, field).extend([value] * self.random.randrange(20))
        return common.PREDICT, request.SerializeToString()

    def _image(self) -> tuple[str, bytes]:
        data = [
            self._damage(self.random.choice(self._images)) for _ in range(self.random.randint(1, 3))
        ]
        if self.random.random() < 0.2:
            header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
            data.append(
                header + self._bytes(8).ljust(8, b"\1") + b"\x08\x02\0\0\0" + self._bytes(9)
            )
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "dagan"
        request.model_spec.signature_name = "encoded"
        request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(np.array(data, object)))
        return common.PREDICT, request.SerializeToString()

    def _other(self) -> tuple[str, bytes]:
        status = get_model_status_pb2.GetModelStatusRequest()
        status.model_spec.name = self.random.choice(["other", ""])
        metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["x", "y"])
        metadata.model_spec.name = "dagan"
        reload = model_management_pb2.ReloadConfigRequest()
        for _ in range(self.random.randrange(3)):
            reload.config.model_config_list.config.add(name="m", base_path="relative")
        reload.config.model_config_list.config.add(name=self.random.choice(["", "m"]))
        method, message = self.random.choice(
            [
                ("ModelService/GetModelStatus", status),
                ("PredictionService/GetModelMetadata", metadata),
                ("ModelService/HandleReloadConfigRequest", reload),
            ]
        )
        data = message.SerializeToString()
        if method.startswith("Model") and self.random.random() < 0.5:
            return SERVICE + method, data
        return SERVICE + method, self._damage(data)

    def _damage(self, data: bytes) -> bytes:
        damaged = bytearray(data)
        for _ in range(self.random.randint(1, 8)):
            if damaged and self.random.random() < 0.8:
                damaged[self.random.randrange(len(damaged))] = self.random.randrange(256)
        if damaged and self.random.random() < 0.3:
            del damaged[self.random.randrange(len(damaged)) :]
        return bytes(damaged)

    def _bytes(self, most: int) -> bytes:
        return self.random.randbytes(self.random.randrange(most))

    def headers(self) -> list[tuple[str, str | bytes]]:
        """Headers that mean nothing, some of them long."""
        pool: list[tuple[str, str | bytes]] = [
            ("x-bin", self._bytes(100)),
            ("x", "y" * self.random.randrange(2000)),
            ("authorization", "Bearer x"),
            ("content-language", "~"),
        ]
        return self.random.sample(pool, self.random.randrange(3))


def rude_connection(port: int, data: bytes) -> None:
    """Says something that is no HTTP/2, and hangs up."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(data)
    except OSError:
        pass  # Hung up on, as it should be.


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max_growth_mib", type=float, default=64)
    arguments = parser.parse_args()
    counts: collections.Counter[str] = collections.Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder, "model")
        common.save_generator(base, filters=4, blocks=1, image_size=24)
        server = common.ServerProcess(base)
        mutator = Mutator(arguments.seed)
        memory = 0.0
        started = time.perf_counter()
        with common.connect(server.address) as channel:
            for index in range(arguments.requests):
                if index == arguments.requests // 5:
                    memory = server.rss_mib()
                if index % 50 == 0:
                    rude_connection(server.port, mutator.random.randbytes(100))
                method, data = mutator.next()
                try:
                    channel.unary_unary(method)(data, timeout=30, metadata=mutator.headers())
                    counts["OK (damage that does not matter)"] += 1
                except grpc.RpcError as error:
                    code = error.code().name
                    counts[code] += 1
                    if code not in BLAMES_THE_REQUEST:
                        wrong.append(f"request {index}: {code}: {error.details()}")
            growth = server.rss_mib() - memory
            alive = server.process.poll() is None
            good = common.predict_request(common.random_images(1, 24, 24, 3)).SerializeToString()
            channel.unary_unary(common.PREDICT)(good, timeout=30)
        exit_code = server.stop()
    print(f"{arguments.requests} requests, {time.perf_counter() - started:.0f} s, {dict(counts)}")
    print(f"memory after a fifth {memory:.0f} MiB, since then {growth:+.1f} MiB")
    print(f"server up: {alive}, answers afterwards, exit code {exit_code}; wrong {len(wrong)}")
    for line in wrong[:20]:
        print(line)
    raise SystemExit(bool(wrong) or not alive or growth > arguments.max_growth_mib)


if __name__ == "__main__":
    main()
