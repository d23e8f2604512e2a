"""The whole chain in small: real ORL faces in, refined faces, SavedModel and report out.

The refiner in the box is one of a few weights, so that all of it is small.
"""

import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from dagan_tf.data.manifest import read_manifest, read_skipped
from dagan_tf.data.photos import list_photos, orl_folder
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.pretrained import model_folder, weights
from dagan_tf.reports.run_report import report_run
from dagan_tf.runs import turn
from tests.helpers.programs import run_program
from tests.helpers.tiny_pretrained import GENERATOR, IMAGE_SIZE, package_tiny

pytestmark = pytest.mark.slow

PEOPLE = ("s1", "s2", "s3", "s4", "s5")
SMALL = (
    # As the refiner in this box is.
    f"data.image_size={IMAGE_SIZE}",
    *(f"generator.{key}={value}" for key, value in asdict(GENERATOR).items()),
    "loss.matte_weight=0",
    "data.crop=16",
    "discriminator.patch_skip=0",
    "discriminator.filters=4",
    "discriminator.downsample=1",
    "training.steps=4",
    "training.warmup_steps=1",
    "training.batch_size=4",
    "training.log_every=1",
    "training.checkpoint_every=4",
    "training.samples_every=4",
)


def run(*flags):
    return run_program("trainer.quickstart", *flags)


@pytest.fixture(scope="module", autouse=True)
def box(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        package_tiny(tmp_path_factory.mktemp("box"), monkeypatch)
        turn._refiner.cache_clear()
        yield
    turn._refiner.cache_clear()


@pytest.fixture(scope="module")
def chain(tmp_path_factory, box):
    folder = tmp_path_factory.mktemp("quickstart")
    for person in PEOPLE:
        for stem in ("1", "2", "3"):
            source = orl_folder() / person / f"{stem}.pgm"
            (folder / "photos" / person).mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / "photos" / person)
    flags = [
        f"--photos={folder / 'photos'}",
        f"--output={folder / 'run'}",
        "--yaws=-40,40",
        "--held_out=2",
        *(f"--set={item}" for item in SMALL),
    ]
    done = run(*flags)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, flags, done


def test_every_view_is_refined(chain):
    folder = chain[0] / "run"
    simulated, refined = read_manifest(folder / "simulated"), read_manifest(folder / "refined")
    asked = len(list_photos(chain[0] / "photos", "folder")) * 2
    refused = read_skipped(folder / "simulated")
    assert all(row.yaw for row in refused)
    assert len(simulated) == asked - len(refused) > asked / 2
    assert {row.path for row in refined} == {row.path for row in simulated}
    for row in refined:
        assert read_photo(folder / "refined" / row.path).shape == (IMAGE_SIZE, IMAGE_SIZE, 3)


def test_the_held_out_person_is_unknown_to_the_training(chain):
    assert model_folder.read_identities(chain[0] / "run" / "model") == ["s1", "s2", "s3"]


def test_the_report_and_the_model_are_there(chain):
    folder = chain[0] / "run"
    page = (folder / "report.html").read_text()
    for heading in (
        "A portrait from other sides",
        "Samples",
        "Figures",
        "Balance of poses",
        "Training",
        "Time",
    ):
        assert heading in page
    # "http" alone may stand in the base64 of a picture by chance.
    assert "://" not in page.split("</head>")[1].replace("http://www.w3.org", "")
    assert (folder / "saved_model" / "1" / "saved_model.pb").is_file()
    assert str(folder / "report.html") in chain[2].stdout


def test_the_portrait_is_shown_first_and_once_more_after_the_training(chain):
    folder, _, done = chain
    sheets = [
        folder / "run" / "portrait" / of / "contact_sheet.png" for of in ("pretrained", "trained")
    ]
    assert [line for line in done.stdout.splitlines() if line.startswith("portrait")] == [
        f"portrait       {sheet}" for sheet in sheets
    ]
    before, after = (read_photo(sheet) for sheet in sheets)
    # A held-out person's first photo, the same views, refined by another network.
    half = before.shape[0] // 2
    assert (before[:half] == after[:half]).all()
    assert (before[half:] != after[half:]).any()
    assert (folder / "run" / "portrait" / "trained" / "refined" / "1_yaw+040.png").is_file()
    page = (folder / "run" / "report.html").read_text()
    assert page.index("A portrait from other sides</h2>") < page.index("Samples</h2>")


def test_the_training_goes_on_from_the_refiner_in_the_box(chain):
    """Four steps from weights drawn at random would be far from them."""
    refiner = weights.load_generator().get_weights()
    trained = model_folder.load_generator(chain[0] / "run" / "model").get_weights()
    for box, own in zip(refiner, trained, strict=True):
        assert np.abs(box - own).max() < 1e-2


def test_a_rerun_makes_nothing_twice(chain):
    folder, flags, _ = chain
    model = folder / "run" / "saved_model" / "1" / "saved_model.pb"
    stamps = {path: path.stat().st_mtime_ns for path in (folder / "run" / "refined").rglob("*.png")}
    before = model.stat().st_mtime_ns
    done = run(*flags)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "-- train" not in done.stderr
    assert model.stat().st_mtime_ns == before
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())


def test_a_report_on_views_of_other_photos_is_refused(chain, tmp_path):
    run_folder = chain[0] / "run"
    moved = Path(shutil.copytree(run_folder / "refined", tmp_path / "refined"))
    manifest = moved / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(str(chain[0] / "photos"), "/elsewhere"))
    with pytest.raises(DaganError, match=r"no view is of a photo among .* is of /elsewhere/s1"):
        report_run(
            tmp_path / "report.html",
            simulated=run_folder / "simulated",
            refined=moved,
            model_dir=run_folder / "model",
            held_out=["s4", "s5"],
            title="moved",
        )


@pytest.mark.parametrize(
    ("flags", "message"),
    [(["--held_out=4"], "--held_out: got 4"), (["--config=nonsense"], "nonsense")],
)
def test_a_bad_flag_is_one_line(chain, flags, message):
    done = run(*chain[1], *flags)
    assert done.returncode == 2
    assert message in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
