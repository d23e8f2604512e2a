"""Where a training starts: given weights arrive, what does not fit is named."""

import numpy as np
import pytest

from dagan_tf.config.settings import load_config
from dagan_tf.errors import DaganError
from dagan_tf.pretrained.card import DEFAULT
from dagan_tf.pretrained.model_folder import load_generator
from dagan_tf.training.start import start_from
from dagan_tf.training.train import RealPhotos, train
from tests.helpers.programs import run_program
from tests.helpers.shared_graphs import build_dagan
from tests.helpers.tiny_pretrained import IDENTITIES, package_tiny
from tests.helpers.toy_folders import make_real, make_simulated

SETTINGS = [
    "data.image_size=32",
    "generator.filters=4",
    "generator.blocks=1",
    "generator.stem_kernel=3",
    "generator.downsample=2",
    "generator.input_skip=false",
    "generator.smooth=false",
    "discriminator.filters=4",
    "discriminator.bottleneck=8",
    "discriminator.convs_per_stage=1",
    "discriminator.downsample=1",
]


def _dagan(identities=IDENTITIES, *settings):
    return build_dagan(load_config("face-64", [*SETTINGS, *settings]), identities)


def test_both_networks_and_the_average_start_from_the_box(tmp_path, monkeypatch):
    generator, discriminator = package_tiny(tmp_path, monkeypatch)
    dagan = _dagan()
    assert start_from(dagan, "pretrained") == []
    for made, own in ((generator, dagan.generator), (discriminator, dagan.discriminator)):
        for before, after in zip(made.get_weights(), own.get_weights(), strict=True):
            np.testing.assert_array_equal(before.astype(np.float16), after.astype(np.float16))
    for average, weight in zip(dagan.averages, dagan.generator.trainable_variables, strict=True):
        np.testing.assert_array_equal(np.asarray(average), np.asarray(weight))


def test_other_people_start_their_agent_anew(tmp_path, monkeypatch):
    package_tiny(tmp_path, monkeypatch)
    lines = start_from(_dagan(5), "pretrained")
    assert lines == [
        "discriminator identity/0: has shape 8x3, expected 8x5",
        "discriminator identity/1: has shape 3, expected 5",
    ]


def test_another_network_is_refused(tmp_path, monkeypatch):
    package_tiny(tmp_path, monkeypatch)
    with pytest.raises(DaganError, match=r"another network .* first: stem/0: has shape 3x3x12x4,"):
        start_from(_dagan(IDENTITIES, "generator.filters=8"), "pretrained")


def test_no_model_folder_is_refused(tmp_path):
    with pytest.raises(DaganError, match="no model folder"):
        start_from(_dagan(), tmp_path)


@pytest.mark.slow
def test_a_training_starts_from_a_model_folder_and_resumes_by_itself(tmp_path, capsys):
    simulated = make_simulated(tmp_path / "s", size=32)
    real = RealPhotos(make_real(tmp_path / "r", size=32), aligned=True)

    def run(folder, steps, init=None):
        few = [f"training.steps={steps}", "training.batch_size=2"]
        config = load_config("face-64", [*SETTINGS, *few])
        return train(config, simulated, real, tmp_path / folder, verbose=False, init=init).step

    assert run("first", 1) == 1
    trained = load_generator(tmp_path / "first")
    dagan = _dagan()
    start_from(dagan, tmp_path / "first")
    for before, after in zip(trained.get_weights(), dagan.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert run("second", 1, init=tmp_path / "first") == 1
    # Resumed: where it once started from is not even looked for.
    assert run("second", 2, init=tmp_path / "none") == 2
    assert "starts anew" not in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_refuses_another_network_and_loses_nothing(tmp_path, monkeypatch):
    """One line; what was packed stays, and the same folder takes the right settings afterwards."""
    package_tiny(tmp_path, monkeypatch)
    flags = [
        "--config=face-64",
        *(f"--set={item}" for item in SETTINGS),
        "--set=training.batch_size=2",
        "--set=training.steps=1",
        f"--simulated={make_simulated(tmp_path / 's', size=32)}",
        f"--real={make_real(tmp_path / 'r', size=32)}",
        "--real_aligned",
        f"--model_dir={tmp_path / 'model'}",
        "--init=pretrained",
    ]
    done = run_program("trainer.task", *flags, "--set=generator.filters=8")
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert "init: the refiner of pretrained (face-224) is another network than" in line.replace(
        DEFAULT, "face-224"
    )
    assert "the first: stem/0: has shape 3x3x12x4, expected 3x3x12x8" in line
    assert list((tmp_path / "model" / "records").iterdir())
    done = run_program("trainer.task", *flags)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("finished at step 1 of 1")
