"""Do clients that others wrote for TensorFlow Serving read this package's server?

python -m benchmarks.independent_clients
python -m benchmarks.independent_clients --environments=build/clients

ovmsclient (Intel; gRPC and REST) and min-tfs-client (Zendesk; gRPC, reads only typed fields) are
installed by pip, each into an environment of its own: what they bundle and need is years older
than what the server runs on. The refiner in the box is served; answers are compared with its own.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from absl import flags

from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("environments", None, "Folder to keep the environments in; default: none kept.")

_OLD = ("protobuf==3.20.3", "numpy<2", "grpcio")
_NEEDS = {
    "ovmsclient": ("ovmsclient==2023.1", *_OLD),
    "min-tfs-client": ("min-tfs-client==1.0.2", *_OLD),
}
# Each sets `calls`: what is asked, and a function that asks. {grpc} and {rest} are ports.
_PROGRAMS = {
    "ovmsclient": """
from ovmsclient import make_grpc_client, make_http_client
grpc, rest = make_grpc_client("127.0.0.1:{grpc}"), make_http_client("127.0.0.1:{rest}")
calls = {{}}
for kind, client in (("gRPC", grpc), ("REST", rest)):
    def predict(client=client, name="dagan", key="images", version=1):
        return client.predict({{key: images}}, name, version, 60)
    calls |= {{
        kind + " predict": predict,
        kind + " model status": lambda c=client: c.get_model_status("dagan", 1),
        kind + " model metadata": lambda c=client: c.get_model_metadata("dagan", 1),
        kind + " predict, its default version 0": lambda p=predict: p(version=0),
        kind + " predict, unknown model": lambda p=predict: p(name="other"),
        kind + " predict, wrong input": lambda p=predict: p(key="wrong"),
    }}
""",
    "min-tfs-client": """
from min_tfs_client.requests import TensorServingClient
from min_tfs_client.tensors import tensor_proto_to_ndarray
client = TensorServingClient("127.0.0.1", {grpc})
def predict(name="dagan", key="images", **more):
    answer = client.predict_request(name, {{key: images}}, **more)
    return tensor_proto_to_ndarray(answer.outputs["refined"])
calls = {{
    "gRPC predict": predict,
    "gRPC predict version 1": lambda: predict(model_version=1),
    "gRPC predict, unknown model": lambda: predict("other"),
    "gRPC predict, wrong input": lambda: predict(key="wrong"),
}}
""",
}
_RUN = """
import json, sys
import numpy as np
images = np.load(sys.argv[1])
{program}
for name, ask in calls.items():
    try:
        answer = ask()
        if isinstance(answer, np.ndarray):
            answer = {{"array": answer.tolist(), "dtype": answer.dtype.name}}
        print(json.dumps([name, answer]))
    except Exception as error:
        code = getattr(error, "code", None)
        reason = code().name + ": " + error.details() if callable(code) else str(error)
        print(json.dumps([name, {{"error": type(error).__name__ + ": " + reason}}]))
"""


def main(argv: list[str]) -> None:
    """Builds the environments, serves and prints every answer."""
    del argv
    from benchmarks.serving_common import ServerProcess
    from dagan_tf.export.refiner import Refiner
    from dagan_tf.export.warmup import warmup_image
    from dagan_tf.export.write import pretrained_base

    with tempfile.TemporaryDirectory() as scratch, pretrained_base() as base:
        images = warmup_image(32)[None]
        expected = Refiner.load(base)._run(images)
        asked = Path(scratch, "images.npy")
        np.save(asked, images)
        server = ServerProcess(base)
        try:
            for client, program in _PROGRAMS.items():
                python = _environment(Path(FLAGS.environments or scratch, client), _NEEDS[client])
                text = program.format(grpc=server.port, rest=server.metrics_port)
                done = subprocess.run(
                    [str(python), "-c", _RUN.format(program=text), str(asked)],
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                print(f"{_NEEDS[client][0]} ({', '.join(_NEEDS[client][1:])})")
                for line in done.stdout.splitlines():
                    name, answer = json.loads(line)
                    print(f"  {name}: {_told(answer, expected)}", flush=True)
        finally:
            server.stop()


def _environment(folder: Path, needs: tuple[str, ...]) -> Path:
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *needs], check=True)
        complete.touch()
    return python


def _told(answer: object, expected: np.ndarray) -> str:
    if not isinstance(answer, dict) or "array" not in answer:
        text = json.dumps(answer)
        return text if len(text) < 300 else f"{text[:300]} ..."
    found = np.array(answer["array"])
    same = found.shape == expected.shape and (found == expected).all()
    return (
        f"{answer['dtype']} {found.shape}, "
        f"{'equal to' if same else 'NOT'} what the model answers itself"
    )


if __name__ == "__main__":
    run_app(main, uses_tensorflow=True)
