"""The refiner's forward pass on a CPU: the SavedModel against other runtimes on the same weights.

python -m benchmarks.inference_speed --rounds=10
python -m benchmarks.inference_speed --rounds=10 --filters=64 --blocks=10

What is compared is what `serving.export --format=onnx,litert` writes, uint8 in and out, of the
refiner in the box or, with --filters, of an untrained residual one with biases (zeros would be
optimised away). Every runtime has a process of its own with as many threads, since the threads of
some keep a core busy after their answer; the rounds alternate, and each timed call follows an
untimed one. float32 is compared with float32 and bfloat16 with bfloat16. Runtimes that are not
installed (onnxruntime, openvino, ai-edge-litert) are left out.
"""

import argparse
import importlib.util
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

SHAPES = ((6, 224, 224, 3), (1, 224, 224, 3))
ENGINES = {  # name: module it needs, precision
    "TensorFlow float32": ("tensorflow", "float32"),
    "ONNX Runtime float32": ("onnxruntime", "float32"),
    "OpenVINO float32": ("openvino", "float32"),
    "LiteRT float32": ("ai_edge_litert", "float32"),
    "TensorFlow bfloat16": ("tensorflow", "bfloat16"),
    "OpenVINO bfloat16": ("openvino", "bfloat16"),
}
_Run = Callable[[np.ndarray], np.ndarray]


def images(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def export(folder: Path, filters: int | None, blocks: int) -> None:
    """Writes both precisions of one generator below `folder`, with all formats that can be."""
    from dagan_tf.config.sections import GeneratorConfig
    from dagan_tf.core.keras_compat import dtype_policy
    from dagan_tf.export.write import export_generator
    from dagan_tf.gan.generator import build_generator
    from dagan_tf.pretrained.card import read_card
    from dagan_tf.pretrained.weights import load_generator

    if filters is None:
        config = GeneratorConfig(**read_card().facts["generator"])
        generator = load_generator()
    else:
        config = GeneratorConfig(filters=filters, blocks=blocks)
        generator = build_generator(config)
        random = np.random.default_rng(0)
        weights = generator.get_weights()
        generator.set_weights(
            [w + random.normal(0, 0.02, w.shape) * (w.ndim == 1) for w in weights]
        )
    with dtype_policy("mixed_bfloat16"):
        reduced = build_generator(config)
    reduced.set_weights(generator.get_weights())
    formats = ["litert", *(["onnx"] if importlib.util.find_spec("tf2onnx") else [])]
    sizes = {"image_size": SHAPES[0][1], "stride": config.stride}
    export_generator(generator, folder / "float32", formats=formats, **sizes)
    export_generator(generator, folder / "bfloat16", reduced=reduced, **sizes)


def start(engine: str, folder: Path, threads: int) -> _Run:
    """Loads an export into a runtime."""
    precision = ENGINES[engine][1]
    version = folder / precision / "1"
    extra = folder / "float32" / "1" / "assets.extra"
    if engine.startswith("TensorFlow"):
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        model = tf.saved_model.load(str(version))
        signature = model.signatures["serving_default"]
        return lambda x, _=model: signature(images=tf.constant(x))["refined"].numpy()
    if engine.startswith("ONNX"):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(
            str(extra / "refiner.onnx"), options, providers=["CPUExecutionProvider"]
        )
        return lambda x: session.run(None, {"images": x})[0]
    if engine.startswith("OpenVINO"):
        import openvino

        core = openvino.Core()
        hint = {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
            "INFERENCE_NUM_THREADS": threads,
        }
        compiled = core.compile_model(core.read_model(extra / "refiner.onnx"), "CPU", hint)
        return lambda x: compiled(x)[0]
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(extra / "refiner.tflite"), num_threads=threads)
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    shape: list[tuple[int, ...]] = []

    def run(x: np.ndarray) -> np.ndarray:
        if shape != [x.shape]:  # Else the tensors would be laid out anew at every call.
            shape[:] = [x.shape]
            interpreter.resize_tensor_input(source, x.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(source, x)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return run


def work(engine: str, folder: Path, threads: int, connection: Connection) -> None:
    """A process: answers shapes with seconds, processor seconds and the refined images."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    run = start(engine, folder, threads)
    connection.send("ready")
    while (shape := connection.recv()) is not None:
        batch = images(shape)
        run(batch)
        wall, cpu = time.perf_counter(), time.process_time()
        refined = run(batch)
        connection.send((time.perf_counter() - wall, time.process_time() - cpu, refined))


def convolution_share(folder: Path, precision: str, threads: int) -> str:
    """How much of TensorFlow's time passes inside oneDNN's convolutions, by oneDNN's own log."""
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom benchmarks import inference_speed as b\n"
        f"run = b.start('TensorFlow {precision}', Path(sys.argv[1]), {threads})\n"
        "x = b.images(b.SHAPES[0])\nrun(x), run(x)\nprint('MARK', flush=True)\n"
        "t = time.perf_counter()\nrun(x)\nprint('TOTAL', time.perf_counter() - t)\n"
    )
    environment = {**os.environ, "ONEDNN_VERBOSE": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, "-c", program, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    log = done.stdout.split("MARK")[1]
    spent = re.findall(r"^onednn_verbose.*,exec,cpu,convolution,.*,([\d.]+)$", log, re.MULTILINE)
    total = float(re.search(r"TOTAL ([\d.]+)", log)[1]) * 1e3  # type: ignore[index]
    inside = sum(map(float, spent))
    return f"{len(spent)} convolutions, {inside:.1f} of {total:.1f} ms ({inside / total:.1%})"


def compare(folder: Path, rounds: int, threads: int) -> None:
    """Runs all engines that are installed and prints the table."""
    context = multiprocessing.get_context("spawn")
    lines = {}
    for name, (module, _) in ENGINES.items():
        needs_onnx = not name.startswith(("TensorFlow", "LiteRT"))
        if importlib.util.find_spec(module) is None or (
            needs_onnx and not (folder / "float32/1/assets.extra/refiner.onnx").exists()
        ):
            print(f"left out: {name}")
            continue
        lines[name], end = context.Pipe()
        context.Process(target=work, args=(name, folder, threads, end), daemon=True).start()
        assert lines[name].recv() == "ready"
    print(
        "| images | runtime | min ms | median ms | CPU ms | to fastest other | max diff, levels |"
    )
    print("|---|---|---|---|---|---|---|")
    for shape in SHAPES:
        wall: dict[str, list[float]] = {name: [] for name in lines}
        cpu: dict[str, list[float]] = {name: [] for name in lines}
        refined = {}
        for number in range(rounds + 1):
            for name, connection in lines.items():
                connection.send(shape)
                seconds, processor, refined[name] = connection.recv()
                if number:  # The first round warms up.
                    wall[name].append(seconds * 1e3)
                    cpu[name].append(processor * 1e3)
        exact = refined["TensorFlow float32"].astype(int)
        for name in lines:
            ratio = ""
            precision = ENGINES[name][1]
            others = [
                statistics.median(wall[other])
                for other in lines
                if ENGINES[other][1] == precision and not other.startswith("TensorFlow")
            ]
            if name.startswith("TensorFlow") and others:
                ratio = f"{statistics.median(wall[name]) / min(others):.3f}"
            difference = np.abs(refined[name].astype(int) - exact).max()
            print(
                f"| {shape[0]} of {shape[1]}² | {name} | {min(wall[name]):.1f} "
                f"| {statistics.median(wall[name]):.1f} | {statistics.median(cpu[name]):.1f} "
                f"| {ratio} | {difference} |"
            )
    for connection in lines.values():
        connection.send(None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--filters", type=int)
    parser.add_argument("--blocks", type=int, default=10)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        export(folder, arguments.filters, arguments.blocks)
        compare(folder, arguments.rounds, arguments.threads)
        for precision in ("float32", "bfloat16"):
            share = convolution_share(folder, precision, arguments.threads)
            print(f"TensorFlow {precision}, {SHAPES[0][0]} of {SHAPES[0][1]}²: {share}")


if __name__ == "__main__":
    main()
