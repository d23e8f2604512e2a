import importlib.metadata
import os
import subprocess
import sys

import pytest

from dagan_tf.core import processor
from dagan_tf.errors import DaganError
from dagan_tf.pretrained.card import DEFAULT
from dagan_tf.runs import doctor as machine
from tests.helpers.tiny_pretrained import package_tiny


def by_name(findings):
    return {finding.what: finding for finding in findings}


def test_this_machine_has_all_that_is_needed(tmp_path):
    findings = by_name(machine.inspect_machine(tmp_path / "not" / "there" / "yet"))
    assert not [name for name, finding in findings.items() if finding.missing]
    assert findings["tensorflow"].found == importlib.metadata.version("tensorflow")
    assert findings[machine.LANDMARKS_68].found == "100 MB"


def test_absent_things_are_named_with_their_remedy(tmp_path, monkeypatch):
    def nothing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    def no_weights(name):
        raise DaganError(name)

    monkeypatch.setattr(machine.importlib.metadata, "version", nothing)
    monkeypatch.setattr(machine, "weight_path", no_weights)
    monkeypatch.setattr(machine, "LEAST_FREE_DISK_GB", 1e9)
    findings = by_name(machine.inspect_machine(tmp_path))
    assert findings["numba"].missing
    assert findings["numba"].remedy == "pip install numba"
    assert findings[machine.LANDMARKS_68].missing
    assert not findings[machine.FACE_EMBEDDING].missing  # Optional.
    assert findings["disk"].missing
    assert str(tmp_path) in findings["disk"].remedy


def test_dlib_under_its_other_name_counts(tmp_path, monkeypatch):
    def only_dlib(name):
        if name == "dlib":
            return "19.24"
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(machine.importlib.metadata, "version", only_dlib)
    findings = by_name(machine.inspect_machine(tmp_path))
    assert findings["dlib-bin"].found == "19.24"


def test_damaged_weights_in_the_box_are_named(tmp_path, monkeypatch):
    package_tiny(tmp_path, monkeypatch)
    whole = by_name(machine.inspect_machine())["refiner in the box"]
    assert whole.found.startswith(f"{DEFAULT}, SHA-256 ")
    assert whole.found.endswith(", CC0")
    (tmp_path / f"{DEFAULT}.npz").write_bytes(b"no weights")
    damaged = by_name(machine.inspect_machine())["refiner in the box"]
    assert damaged.missing
    assert damaged.remedy.startswith(f"{DEFAULT}.npz: the packaged weights are damaged")
    assert damaged.remedy.endswith("install dagan-tf anew")


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16", ""])
def test_bfloat16_is_read_from_the_cpu_flags(tmp_path, monkeypatch, flag):
    info = tmp_path / "cpuinfo"
    info.write_text(f"flags : fpu sse2 {flag}\n")
    monkeypatch.setattr(processor, "CPU_INFO", info)
    assert by_name(machine.inspect_machine(tmp_path))["bfloat16 in the CPU"].found == flag


@pytest.mark.slow
def test_the_program_prints_one_line_a_finding():
    # A log level that is set is a wish to hear the libraries.
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-m", "trainer.doctor"],
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "all that is needed is here"
    assert len(done.stdout.splitlines()) == len(machine.inspect_machine()) + 2
    assert done.stderr == ""
