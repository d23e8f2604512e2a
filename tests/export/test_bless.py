"""What the clean process finds, and that nothing is published when it finds fault."""

import json
import os
import re
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.config.settings import GeneratorConfig
from dagan_tf.core.keras_compat import KERAS_3, dtype_policy
from dagan_tf.export import bless as export_blessing
from dagan_tf.export import write as export
from dagan_tf.export.module import ExportError, ExportModule
from dagan_tf.gan.generator import build_generator
from tests.helpers.tiny_export import IMAGE_SIZE, STRIDE, export_tiny, tiny_generator


def _module() -> ExportModule:
    return ExportModule(tiny_generator(), image_size=IMAGE_SIZE, stride=STRIDE)


@pytest.mark.slow
def test_export_is_blessed_in_a_clean_process(tmp_path, monkeypatch):
    # Were it this process that answers, this would be seen.
    monkeypatch.setattr(export_blessing.probe, "answers", None)
    monkeypatch.setattr(export_blessing.session, "answers", None)
    version = export_tiny(tmp_path, clean_process=True)
    blessing = json.loads((version / "export.json").read_text())["blessing"]
    assert blessing["blessed"] is True
    assert blessing["process"] == "clean"
    assert blessing["max_difference"] < 1e-5
    assert blessing["session_difference"] < 1e-5
    card = (version / "model_card.md").read_text()
    assert "the clean process" in card
    assert "C++ session loader" in card


@pytest.mark.slow
def test_what_a_clean_process_cannot_load_is_refused_in_one_line(tmp_path, monkeypatch):
    save = ExportModule.save

    def save_half(module, folder):
        save(module, folder)
        (folder / "saved_model.pb").write_bytes(b"half")

    monkeypatch.setattr(ExportModule, "save", save_half)
    with pytest.raises(ExportError, match="does not answer in a clean process: ") as caught:
        export_tiny(tmp_path, clean_process=True)
    assert "\n" not in str(caught.value)
    assert "saved_model.pb" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_signature_is_refused(tmp_path):
    module = _module()
    signatures = {"serving_default": module.refine_uint8, "float": module.refine_float}
    tf.saved_model.save(module, str(tmp_path), signatures=signatures)
    with pytest.raises(ExportError, match="encoded"):
        export_blessing.bless(tmp_path, module, module.generator, clean_process=False)


def _save_wrapped(module: ExportModule, folder) -> None:
    """Saves as this package did at first: the variables only by way of Keras' wrappers of them."""
    signatures = {
        "serving_default": module.refine_uint8,
        "float": module.refine_float,
        "encoded": module.refine_encoded,
    }
    tf.saved_model.save(module, os.fspath(folder), signatures=signatures)


@pytest.mark.slow
@pytest.mark.skipif(not KERAS_3, reason="Keras 2 has no wrappers of variables")
@pytest.mark.parametrize("clean_process", [True, False])
def test_an_export_that_only_python_can_run_is_refused(tmp_path, clean_process):
    module = _module()
    _save_wrapped(module, tmp_path)
    with pytest.raises(ExportError) as caught:
        export_blessing.bless(tmp_path, module, module.generator, clean_process=clean_process)
    assert re.fullmatch(
        r"TensorFlow Serving could not run the export: "
        r"Could not find variable [\w/]+; export the model again",
        str(caught.value),
    )
    # Else it would be refused for something else: Python finds no fault with it.
    refine = tf.saved_model.load(os.fspath(tmp_path)).signatures["serving_default"]
    assert refine(images=tf.zeros((1, 8, 8, 3), tf.uint8))["refined"].shape == (1, 8, 8, 3)


def test_an_old_export_is_blessed_again_or_refused(tmp_path):
    version = export_tiny(tmp_path)
    assert export_blessing.bless_again(version, clean_process=False) < 1e-5
    (version / "export.json").write_text("{}")
    with pytest.raises(ExportError, match=r"export\.json: KeyError: 'image_size'"):
        export_blessing.bless_again(version, clean_process=False)
    (version / "export.json").unlink()
    with pytest.raises(ExportError, match=r"export\.json: FileNotFoundError"):
        export_blessing.bless_again(version, clean_process=False)


def test_a_session_that_answers_otherwise_is_refused(tmp_path, monkeypatch):
    version = export_tiny(tmp_path)
    answers = export_blessing.session.answers

    def other(*arguments):
        found = answers(*arguments)
        return {**found, "odd": found["odd"] ^ 4}

    monkeypatch.setattr(export_blessing.session, "answers", other)
    with pytest.raises(ExportError, match=r"differ .* by 0\.031\d+ \(probe 'odd'\); expected"):
        export_blessing.bless_again(version, clean_process=False)


def test_pixels_scaled_wrongly_are_refused(tmp_path):
    class Darker(ExportModule):
        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, "images")])
        def refine_uint8(self, images):
            return {"refined": tf.cast(tf.cast(images, tf.float32) * 0.5, tf.uint8)}

    module = Darker(tiny_generator(), image_size=IMAGE_SIZE, stride=STRIDE)
    module.save(tmp_path)
    with pytest.raises(ExportError, match="'encoded' and 'serving_default' differ"):
        export_blessing.bless(tmp_path, module, module.generator, clean_process=False)


def test_bfloat16_export_is_close_and_says_so(tmp_path):
    config = GeneratorConfig(filters=4, blocks=1, input_skip=True, downsample=STRIDE)
    with dtype_policy("mixed_bfloat16"):
        reduced = build_generator(config)
    trained = tiny_generator()
    reduced.set_weights(trained.get_weights())
    version = export_tiny(tmp_path, reduced=reduced)
    facts = json.loads((version / "export.json").read_text())
    assert facts["precision"] == "bfloat16"
    # 8 bits of mantissa: neither equal nor far off.
    assert 1e-4 < facts["blessing"]["max_difference"] < facts["blessing"]["allowed_difference"]
    assert facts["variables_sha256"] == export.variables_digest(trained)
    images = np.random.default_rng(0).uniform(-1, 1, (1, 24, 24, 3)).astype(np.float32)
    model = tf.saved_model.load(os.fspath(version))
    refined = model.signatures["float"](images=tf.constant(images))["refined"]
    assert refined.dtype == tf.float32
    assert np.abs(refined - np.clip(trained(images), -1, 1)).max() < 0.1


# What TensorFlow writes to stderr in any case, errors among it.
_NOISE = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795976518.634851    2434 cudart_stub.cc:31] Could not find cuda drivers
E0000 00:00:1795976522.379336    2434 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA
RuntimeError: of a plugin, caught
"""
_RAISED = """\
Traceback (most recent call last):
  File "<string>", line 60, in <module>
    raise LookupError
%s

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "<string>", line 61, in <module>
I0000 00:00:1795976518.634851    2434 cudart_stub.cc:31] meanwhile
%s
"""


@pytest.mark.parametrize(
    ("code", "stderr", "reason"),
    [
        (1, _RAISED % ("KeyError: 'a'", "ValueError: no such thing"), "ValueError: no such thing"),
        (1, _RAISED % ("KeyError: 'a'", "MemoryError"), "MemoryError"),
        (1, _RAISED % ("KeyError: 'a'", "__main__.Refusal: no"), "__main__.Refusal: no"),
        (1, "", "the loader ended with status 1"),
        (-9, "", "the loader was killed by signal 9 (SIGKILL)"),
        (-9, _RAISED % ("KeyError: 'a'", "MemoryError"), "killed by signal 9 (SIGKILL)"),
        (
            -6,
            "F0000 00:00:1 2 op.cc:3] Check failed: x",
            "6 (SIGABRT): F0000 00:00:1 2 op.cc",
        ),
        (-6, "Fatal Python error: Aborted", "signal 6 (SIGABRT): Fatal Python error: Aborted"),
        (-64, "", "the loader was killed by signal 64"),
        (-99, "", "the loader was killed by signal 99"),
    ],
)
@pytest.mark.parametrize(("before", "after"), [("", ""), (_NOISE, ""), ("", _NOISE)])
def test_the_reason_of_a_failure_is_no_noise(code, stderr, reason, before, after):
    done = subprocess.CompletedProcess([], code, "", before + stderr + "\n" + after)
    found = export_blessing._reason(done)
    assert reason in found
    assert "\n" not in found
    assert "cuda" not in found
    assert "plugin" not in found


@pytest.mark.slow
def test_a_loader_that_is_killed_is_said_to_be(tmp_path, monkeypatch):
    version = export_tiny(tmp_path)
    killed = tmp_path / "killed.py"
    killed.write_text(
        "import os, sys\nprint('cudart_stub.cc: no', file=sys.stderr)\nos.kill(os.getpid(), 9)\n"
    )
    monkeypatch.setattr(export_blessing.probe, "__file__", str(killed))
    with pytest.raises(ExportError) as caught:
        export_blessing.bless_again(version)
    assert str(caught.value) == (
        "the export does not answer in a clean process: the loader was killed by signal 9 (SIGKILL)"
    )
