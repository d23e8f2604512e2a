"""Settings, folders and machine that do not fit: each is refused in one line, nothing is lost."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.config.sections import TrainingConfig
from dagan_tf.config.settings import load_config
from dagan_tf.core import processor
from dagan_tf.data.manifest import ManifestWriter, read_manifest
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import write_png
from dagan_tf.gan.dagan import DAGAN
from dagan_tf.loop.checkpoints import list_checkpoints
from dagan_tf.training.checks import check_devices, memory_hint, warn_of_slow_precision
from dagan_tf.training.train import RealPhotos, train
from tests.helpers.toy_folders import make_real, make_simulated, toy_face
from tests.training.test_train import TINY

BEGUN = "training has begun"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("toy")
    return make_simulated(root / "sim"), make_real(root / "real")


@pytest.fixture
def no_training(monkeypatch):
    """A misfit that goes unseen gets here, at once."""

    def fit(*args, **kwargs):
        raise AssertionError(BEGUN)

    monkeypatch.setattr(DAGAN, "fit", fit)


def run(simulated, real, model_dir, *overrides, held_out=(), devices=(), verbose=False):
    config = load_config("small-64", [*TINY, "training.steps=4", *overrides])
    photos = RealPhotos(real, aligned=True)
    return train(
        config, simulated, photos, model_dir, held_out=held_out, devices=devices, verbose=verbose
    )


def refusal(*arguments, **keywords):
    with pytest.raises(DaganError) as caught:
        run(*arguments, **keywords)
    text = str(caught.value)
    assert "\n" not in text
    return text


def rename(source, target, name):
    """A copy of a simulated folder whose views carry the identity `name(index, old)`."""
    shutil.copytree(source, target)
    rows = read_manifest(target)
    (target / "manifest.csv").unlink()
    with ManifestWriter(target) as manifest:
        for index, row in enumerate(rows):
            manifest.write(type(row)(**{**vars(row), "identity": name(index, row.identity)}))
    return target


def test_folders_that_fit_begin_to_train(folders, tmp_path, no_training):
    with pytest.raises(AssertionError, match=BEGUN):
        run(*folders, tmp_path)


def test_no_images(folders, tmp_path, no_training):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "manifest" in refusal(empty, folders[1], tmp_path / "m")
    with ManifestWriter(empty):
        pass
    assert "lists no images" in refusal(empty, folders[1], tmp_path / "m")
    (tmp_path / "nobody" / "p0").mkdir(parents=True)
    text = refusal(folders[0], tmp_path / "nobody", tmp_path / "m")
    assert str(tmp_path / "nobody") in text
    assert "no such folder" in refusal(folders[0], tmp_path / "absent", tmp_path / "m")


def test_sizes_that_are_no_squares(folders, tmp_path, no_training):
    simulated = shutil.copytree(folders[0], tmp_path / "sim")
    path = simulated / read_manifest(simulated)[0].path
    write_png(path, toy_face(np.random.default_rng(0), 16)[:12])
    text = refusal(simulated, folders[1], tmp_path / "m")
    assert text == f"{str(path)!r} is 16x12, expected a square"
    real = tmp_path / "real"
    (real / "p0").mkdir(parents=True)
    write_png(real / "p0" / "0.png", toy_face(np.random.default_rng(0), 16)[:12])
    text = refusal(folders[0], real, tmp_path / "n")
    assert "none of 1 real photos could be used" in text
    assert "16x12, expected an aligned square" in text


def test_views_of_another_size_are_resized_to_the_training_s(folders, tmp_path, no_training):
    larger = make_simulated(tmp_path / "larger", size=24)
    with pytest.raises(AssertionError, match=BEGUN):
        run(larger, folders[1], tmp_path / "m")


def test_labels_missing(folders, tmp_path, no_training):
    some = rename(folders[0], tmp_path / "some", lambda index, old: "" if index < 5 else old)
    text = refusal(some, folders[1], tmp_path / "m")
    assert f"{str(some)!r}: 5 of 12 simulated views have no identity" in text


def test_one_identity(folders, tmp_path, no_training):
    one = rename(folders[0], tmp_path / "one", lambda index, old: "ann")
    text = refusal(one, folders[1], tmp_path / "m")
    assert f"{str(one)!r}: one identity only, 'ann'" in text
    assert "loss.identity_weight=0" in text
    # Also when it is the only one that is not held out.
    assert "one identity only, 'p2'" in refusal(*folders, tmp_path / "m", held_out=["p0", "p1"])
    with pytest.raises(AssertionError, match=BEGUN):
        run(one, folders[1], tmp_path / "m", "loss.identity_weight=0")


@pytest.mark.parametrize("which", ["simulated", "real"])
def test_a_batch_larger_than_a_set(folders, tmp_path, no_training, which):
    simulated, real = folders
    if which == "simulated":
        simulated = make_simulated(tmp_path / "few", people=2, views=3)
    else:
        real = make_real(tmp_path / "few", people=2)
    with pytest.raises(AssertionError, match=BEGUN):
        run(simulated, real, tmp_path / "m", "training.batch_size=6")
    text = refusal(simulated, real, tmp_path / "m", "training.batch_size=8")
    assert text.startswith("training.batch_size = 8: larger than the set")
    assert f"{which}' holds 6 images; expected at most 6" in text


def test_parts_must_divide_the_batch_and_each_device_s_share(folders, tmp_path, no_training):
    with pytest.raises(DaganError, match=r"batch_size = 6: .*training\.accumulate = 4"):
        load_config("small-64", ["training.batch_size=6", "training.accumulate=4"])
    # Two devices get 2 images each: parts of a third of them would leave images out.
    text = refusal(
        *folders, tmp_path, "training.batch_size=4", "training.accumulate=4",
        devices=["CPU:0", "CPU:1"],
    )  # fmt: skip
    assert text == (
        "training.accumulate = 4: 2 devices get 2 images each of training.batch_size = 4,"
        " expected a multiple of 4"
    )
    assert not (tmp_path / "records").exists()  # said before the work
    config = load_config("small-64", ["training.batch_size=8", "training.accumulate=4"])
    check_devices(config.training, 2)
    with pytest.raises(DaganError, match="accumulate = 4: 4 devices get 2 images each"):
        check_devices(config.training, 4)


def test_a_history_is_of_one_device(folders, tmp_path, no_training):
    text = refusal(*folders, tmp_path, "training.history_size=4", devices=["CPU:0", "CPU:1"])
    assert "training.history_size = 4: expected 0 on 2 devices" in text


@pytest.mark.slow
def test_exhausted_memory_hints_what_to_lower_and_loses_nothing(folders, tmp_path, monkeypatch):
    run(*folders, tmp_path)
    before = list_checkpoints(tmp_path)

    def fit(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(DAGAN, "fit", fit)
    text = refusal(*folders, tmp_path, "training.steps=8")
    assert text.startswith("out of memory: lower training.batch_size, raise training.accumulate")
    assert before
    assert list_checkpoints(tmp_path) == before
    monkeypatch.undo()
    assert run(*folders, tmp_path, "training.steps=8").step == 8


def test_the_machine_s_memory_counts_too():
    with pytest.raises(DaganError, match="out of memory: lower this"), memory_hint("lower this"):
        raise MemoryError


@pytest.mark.parametrize(
    ("flags", "precision", "devices", "warned"),
    [
        ("avx2", "mixed_bfloat16", (), True),
        ("avx2", "mixed_bfloat16", ("CPU:0", "CPU:1"), True),
        ("avx2", "mixed_bfloat16", ("GPU:0",), False),
        ("avx2", "float32", (), False),
        ("avx512_bf16", "mixed_bfloat16", (), False),
        (None, "mixed_bfloat16", (), False),
    ],
)
def test_precision_that_the_processor_emulates(
    flags, precision, devices, warned, tmp_path, monkeypatch, capsys
):
    info = tmp_path / "cpuinfo"
    if flags is not None:
        info.write_text(f"flags : fpu {flags}\n")
    monkeypatch.setattr(processor, "CPU_INFO", info)
    warn_of_slow_precision(TrainingConfig(precision=precision), devices)
    said = capsys.readouterr().err
    assert ("training.precision = mixed_bfloat16" in said) == warned
    assert said.count("\n") == warned


def test_a_training_says_so(folders, tmp_path, no_training, monkeypatch, capsys):
    info = tmp_path / "cpuinfo"
    info.write_text("flags : fpu avx2\n")
    monkeypatch.setattr(processor, "CPU_INFO", info)
    with pytest.raises(AssertionError, match=BEGUN):
        run(*folders, tmp_path / "m", "training.precision=mixed_bfloat16", verbose=True)
    assert "faster here: --set=training.precision=float32" in capsys.readouterr().err
