"""The experiment on made-up people of one colour each, with features that are mean colours."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dagan_tf.config.reading import ConfigError
from dagan_tf.core.files import writing_to
from dagan_tf.data.manifest import ManifestRow, ManifestWriter
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.folders import keep
from dagan_tf.metrics.spread import over_splits
from dagan_tf.recognition import crops, features, systems
from dagan_tf.recognition.apart import Division
from dagan_tf.recognition.config import load_recogniser_config
from dagan_tf.recognition.features import frozen_features
from dagan_tf.recognition.people import turned
from dagan_tf.runs import recognisers
from dagan_tf.runs.experiment import Experiment, default_systems
from dagan_tf.runs.recogniser_table import summary, summary_lines
from dagan_tf.runs.recognisers import run_experiment
from tests.helpers.programs import run_program
from tests.helpers.tiny_pretrained import package_tiny
from tests.helpers.toy_cfp import write_cfp
from tests.helpers.toy_folders import make_frll

# TAR at FAR .01 needs 100 impostors: 10 people under test have 20 profiles, 9 impostors each.
PEOPLE = 22
CONFIG = load_recogniser_config(
    "dlib-discriminant", ["crops.image_size=16", "network.dimensions=3"]
)


class ToyAligner:
    """Photos are a quarter of a crop's side."""

    def __init__(self, image_size, alignment, landmarks):
        assert (alignment, landmarks) == ("canonical", "dlib")
        self.image_size = image_size

    def align(self, path, what):
        image = read_photo(path)
        times = self.image_size // len(image)
        image = np.repeat(np.repeat(image, times, axis=0), times, axis=1)
        yaw = turned(10.0, what.least_yaw) if what.yaw is None else what.yaw
        return image, np.zeros((68, 2), np.float32), yaw


class ToyNetwork:
    """Embeds a crop by its mean colour."""

    calls = 0

    def embed(self, photo, landmarks):
        assert landmarks.shape == (68, 2)
        type(self).calls += 1
        return photo.mean(axis=(0, 1)) - 125.0


def make_views(folder, noise):
    folder.mkdir()
    rng = np.random.default_rng(5)
    with ManifestWriter(folder) as manifest:
        for person in range(PEOPLE):
            for side in (-90, 90):
                name = f"{person:03d}{side:+d}.png"
                image = rng.integers(100, 100 + noise, (16, 16, 3)).astype(np.uint8)
                write_png(folder / name, image)
                manifest.write(
                    ManifestRow(name, "", "p", f"{person:03d}", float(side), 0.0, 0.0, 0.02)
                )
    return str(folder)


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    monkeypatch.setattr(crops, "Aligner", ToyAligner)
    monkeypatch.setattr(features, "FaceEmbedder", ToyNetwork)
    ToyNetwork.calls = 0
    return Experiment(
        str(make_frll(tmp_path / "photos", people=PEOPLE)),
        {
            "simulated": make_views(tmp_path / "simulated", 20),
            "refined": make_views(tmp_path / "refined", 40),
        },
        ["b1", "b2", "dagan"],
        splits=3,
        seeds=2,
        reserved=["007", "002"],
    )


@pytest.mark.slow
def test_from_folders_to_scores(experiment, tmp_path, monkeypatch):
    runs, gains = run_experiment(experiment, CONFIG, tmp_path / "out", command="c", verbose=False)
    # A solved head needs one seed only.
    assert [(run.split, run.system) for run in runs] == [
        (split, system) for split in "123" for system in ("b1", "b2", "dagan")
    ]
    # Twenty people are divided, two always trained on: 12 people, 6 photos up to 60 degrees each.
    assert [run.images for run in runs[:3]] == [72, 96, 96]
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["images"] == {"real": 220, "simulated": 44, "refined": 44}
    assert scores["command"] == "c"
    assert scores["experiment"]["reserved"] == ["002", "007"]
    assert scores["config"]["head"]["form"] == "discriminant"
    assert len(gains) == len(scores["paired"]) == 3 * 2 * 3
    report = (tmp_path / "out" / "report.html").read_text()
    for text in ("b2 over b1", "dagan over b2", "Curves: profile", "Hardest pairs: three-quarter"):
        assert text in report
    assert "Poses" not in report  # FRLL's splits name people to train on, not faces.
    # The report scores the kept embeddings anew, over all splits: as the table of the runs has it.
    tars = [run.figures["profile"]["TAR at FAR .01"] for run in runs if run.system == "b2"]
    assert 0 < min(tars) < 1
    assert str(over_splits(tars)) in report
    # People of one colour each are known at sight.
    assert scores["summary"]["b1"]["profile"]["rank-1"][0] > 0.9
    own = [run.figures["profile"]["rank-1"] for run in runs if run.system == "b2"]
    assert summary(runs)["b2"]["profile"]["rank-1"] == pytest.approx((np.mean(own), np.std(own)))

    def no_more(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(systems, "train_recogniser", no_more)
    again, _ = run_experiment(experiment, CONFIG, tmp_path / "out", report=False, verbose=False)
    assert again == runs
    more = replace(experiment, splits=4)
    with pytest.raises(AssertionError, match="trained again"):
        run_experiment(more, CONFIG, tmp_path / "out", report=False, verbose=False)
    (tmp_path / "out/runs/b2/split-2/seed-0/embeddings.npy").unlink()
    with pytest.raises(DaganError, match=r"seed-0/embeddings\.npy: cannot be read"):
        run_experiment(experiment, CONFIG, tmp_path / "out", verbose=False)


@pytest.mark.slow
def test_groups_and_the_ceiling(experiment, tmp_path):
    lines = [f"{n:03d},30,{'female' if n % 2 else 'male'},white" for n in range(PEOPLE)]
    info = Path(experiment.train) / "london_faces_info.csv"
    info.write_text("\n".join(["face_id,face_age,face_gender,face_eth", *lines]) + "\n")
    one = replace(experiment, systems=["b1", "real"], splits=2)
    runs, gains = run_experiment(one, CONFIG, tmp_path / "out", verbose=False)
    # All ten photos of twelve people, instead of the six up to 60 degrees.
    assert [run.images for run in runs[:2]] == [72, 120]
    assert {(gain.better, gain.base) for gain in gains} == {("real", "b1")}
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["people"]["1"] == {"trained": 12, "tested": 10}
    groups = scores["groups"]["profile"]
    assert set(groups) == {"ethnicity: white", "sex: female", "sex: male"}
    women, men, all_of_them = (
        groups[name]["b1"] for name in ("sex: female", "sex: male", "ethnicity: white")
    )
    assert women["people"] + men["people"] == all_of_them["people"] == 10
    whole = [run.figures["profile"]["TAR at FAR .01"] for run in runs if run.system == "b1"]
    assert all_of_them["TAR"] == pytest.approx(np.mean(whole))
    assert "By group" in (tmp_path / "out" / "report.html").read_text()
    text = "\n".join(summary_lines(runs, gains))
    assert "real over b1, profile, rank-1:" in text
    assert "profile, sex: female (" in text


@pytest.fixture
def cfp(tmp_path, monkeypatch):
    monkeypatch.setattr(crops, "Aligner", ToyAligner)
    monkeypatch.setattr(features, "FaceEmbedder", ToyNetwork)
    write_cfp(tmp_path / "cfp")
    return Experiment(
        str(tmp_path / "cfp"),
        {},
        ["b1", "real"],
        layout="cfp",
        protocol="cfp",
        divide=Division(10, 0.2),
    )


@pytest.mark.slow
def test_trained_and_tested_on_cfp(cfp, tmp_path):
    runs, _ = run_experiment(cfp, CONFIG, tmp_path / "out", verbose=False)
    assert len(runs) == 20
    # Sixteen people's four frontal photos; the ceiling also sees their two profiles.
    assert [run.images for run in runs[:2]] == [64, 96]
    figures = runs[0].figures["pairs"]
    # Two folds of 16 impostor pairs each: FAR .01 cannot be told, and is not made up.
    assert set(figures) == {"TAR at FAR .1", "AUC", "accuracy"}
    assert figures["AUC"] > 0.9
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["people"]["10"] == {"trained": 16, "tested": 4}
    assert scores["images"] == {"real": 120}
    assert "Hardest pairs: pairs" in (tmp_path / "out" / "report.html").read_text()


def test_who_is_tested_must_not_be_trained_on(cfp, tmp_path):
    with pytest.raises(DaganError, match=r"20 people would be trained on and tested .*--divide=N"):
        run_experiment(replace(cfp, divide=Division()), CONFIG, tmp_path / "out", verbose=False)
    message = "--protocol=lfw without --data: expected the folder of what it tests"
    with pytest.raises(DaganError, match=message):
        run_experiment(replace(cfp, protocol="lfw"), CONFIG, tmp_path / "out", verbose=False)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DaganError, match=r"empty: no pairs\.txt, neither in it nor one folder"):
        run_experiment(
            replace(cfp, protocol="lfw", data=str(tmp_path / "empty")),
            CONFIG,
            tmp_path / "out",
            verbose=False,
        )


def test_what_there_is_is_said(cfp, tmp_path, capsys):
    for photo in (Path(cfp.train) / "Data/Images/020").rglob("*.png"):
        if photo.name != "01.png" or photo.parent.name != "frontal":
            photo.unlink()
    (Path(cfp.train) / "Data/Images/019/frontal/01.png").unlink()
    one = replace(cfp, systems=["b1"], divide=Division(1, 0.2), seeds=1)
    run_experiment(one, CONFIG, tmp_path / "out", report=False)
    lines = capsys.readouterr().err.splitlines()
    assert "114 real images" in lines
    assert any("no face could be aligned in 6 of 120 tested images" in line for line in lines)
    assert any(line.startswith("b1 split 1 seed 0, pairs: ") for line in lines)
    # The first window of folds, of seed 0, leaves the last person to be trained on.
    assert "1 of 16 people to train on have one real photo (020)" in lines


def test_views_are_made_by_the_refiner_in_the_box_and_filtered(experiment, tmp_path, monkeypatch):
    (tmp_path / "box").mkdir()
    package_tiny(tmp_path / "box", monkeypatch, discriminator=False)
    costs = {"003": 9.0, "004": 9.0}
    monkeypatch.setattr(
        keep,
        "make_scorer",
        lambda _: lambda images, people: np.array([[costs.get(one, 0.0)] * 2 for one in people]),
    )
    one = replace(experiment, systems=["filtered", "pretrained"], splits=1, judge="model")
    out = tmp_path / "out"
    runs, _ = run_experiment(one, CONFIG, out, report=False, verbose=False)
    scores = json.loads((out / "scores.json").read_text())
    assert scores["images"] == {"real": 220, "pretrained": 44, "filtered": 40}
    assert [run.system for run in runs] == ["filtered", "pretrained"]
    assert "weights face-224 " in (out / "pretrained" / "refine.json").read_text()
    simulated = read_photo(Path(experiment.synthetic["simulated"]) / "000-90.png")
    assert (read_photo(out / "pretrained" / "000-90.png") != simulated).any()


def test_systems_by_the_views_that_are_given():
    assert default_systems([]) == ["b1"]
    assert default_systems(["simulated"]) == ["b1", "b2", "pretrained"]
    assert default_systems(["simulated", "refined"]) == ["b1", "b2", "dagan"]
    assert default_systems(["refined"], "model") == ["b1", "dagan", "filtered"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"systems": ["pretrained"], "synthetic": {}},
            "needs the folder of pretrained images: --pretrained, or --simulated$",
        ),
        ({"systems": ["b3"]}, "system 'b3': expected some of b1, b2, dagan"),
        ({"synthetic": {}}, "system 'b2' needs the folder of simulated images: --simulated"),
        ({"seeds": 0}, "splits = 3, seeds = 0: expected 1 or more"),
        (
            {"protocol": "lfw", "test_people": ["001"]},
            "--test_people with --protocol=lfw: expected frll",
        ),
        ({"reserved": ["999"]}, "reserved person '999' is not there"),
    ],
)
def test_what_cannot_be_run_is_named(experiment, tmp_path, change, message):
    with pytest.raises(DaganError, match=message):
        run_experiment(
            replace(experiment, **change), CONFIG, tmp_path / "out", report=False, verbose=False
        )


def test_runs_of_two_settings_are_not_mixed(experiment, tmp_path):
    one = replace(experiment, splits=1, systems=["b1"])
    run_experiment(one, CONFIG, tmp_path / "out", report=False, verbose=False)
    other = replace(CONFIG, head=replace(CONFIG.head, shrinkage=0.7))
    with pytest.raises(DaganError, match="runs of another configuration"):
        run_experiment(one, other, tmp_path / "out", report=False, verbose=False)
    with pytest.raises(DaganError, match=r"runs with reserved \['002', '007'\], now \['002'\]"):
        run_experiment(
            replace(one, reserved=["002"]), CONFIG, tmp_path / "out", report=False, verbose=False
        )
    moved = replace(one, synthetic={"simulated": "elsewhere"})
    with pytest.raises(DaganError, match="now elsewhere; use another --output"):
        run_experiment(moved, CONFIG, tmp_path / "out", report=False, verbose=False)


def test_strangers_are_named_with_file_and_row(experiment, tmp_path, capsys):
    # The toy set has people 000 to 021; row 4 of the file is the third view.
    manifest = Path(experiment.synthetic["simulated"]) / "manifest.csv"
    lines = manifest.read_text().splitlines()
    lines[3] = lines[3].replace(",001,", ",nobody,")
    manifest.write_text("\n".join(lines) + "\n")
    one = replace(experiment, systems=["b2"], splits=1, seeds=1)
    run_experiment(one, CONFIG, tmp_path / "out", report=False)
    said = "manifest.csv:4: person 'nobody' is none of --train's 22; 1 of 44 simulated views"
    assert said in capsys.readouterr().err
    manifest.write_text("\n".join([lines[0], lines[3]]) + "\n")
    message = r"csv:2: person 'nobody' is none of --train's 22, nor is any other in it"
    with pytest.raises(DaganError, match=message):
        run_experiment(one, CONFIG, tmp_path / "other", report=False, verbose=False)


def test_what_is_wrong_is_said_before_a_photo_is_read(experiment, cfp, tmp_path, monkeypatch):
    def no_crops(*_, **__):
        raise AssertionError("crops were made")

    monkeypatch.setattr(recognisers, "make_crops", no_crops)
    mobile = load_recogniser_config("mobilefacenet")
    with pytest.raises(ConfigError, match=r"backbone = 'MobileFaceNet.tflite': no such file"):
        run_experiment(experiment, mobile, tmp_path / "out", report=False, verbose=False)
    one = replace(cfp, reserved=["001", "zoe"])
    with pytest.raises(DaganError, match="--reserved: person 'zoe' is none of the 20 of --train"):
        run_experiment(one, CONFIG, tmp_path / "out", report=False, verbose=False)
    one = replace(cfp, layout="album", data=cfp.train)
    with pytest.raises(DaganError, match=r"layout is 'album'; expected one of .*frll.*, cfp"):
        run_experiment(one, CONFIG, tmp_path / "out", report=False, verbose=False)


def test_an_output_without_runs_binds_nobody(experiment, tmp_path):
    one = replace(experiment, systems=["b1"], splits=1, seeds=1)
    bad = replace(one, groups=str(tmp_path / "none.csv"))
    out = tmp_path / "out"
    with pytest.raises(DaganError, match="no such file"):
        run_experiment(bad, CONFIG, out, report=False, verbose=False)
    run_experiment(replace(one, reserved=[]), CONFIG, out, report=False, verbose=False)
    with pytest.raises(DaganError, match=r"runs with reserved \[\], now \['002', '007'\]"):
        run_experiment(one, CONFIG, out, report=False, verbose=False)


def test_features_are_of_length_1_and_computed_once(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "FaceEmbedder", ToyNetwork)
    monkeypatch.setattr(features, "MobileFaceNet", lambda path: ToyNetwork())
    ToyNetwork.calls = 0
    images = np.random.default_rng(0).integers(0, 255, (3, 8, 8, 3)).astype(np.uint8)
    rows = [crops.ImageRow(str(row), "p", 0.0, "real") for row in range(3)]

    points = np.zeros((3, 68, 2), np.float32)
    np.save(tmp_path / crops.CROPS_NAME, images)
    np.save(tmp_path / crops.LANDMARKS_NAME, points)

    def store(mark):
        return crops.Crops([crops.Store(tmp_path, mark, images, points, rows)])

    first = frozen_features(store("a"), CONFIG.crops, progress=False)
    np.testing.assert_allclose(np.linalg.norm(first[:], axis=1), 1.0, rtol=1e-6)
    colour = images[1].mean(axis=(0, 1)) - 125.0
    np.testing.assert_allclose(first[1], colour / np.linalg.norm(colour), rtol=1e-5)
    again = frozen_features(store("a"), CONFIG.crops, progress=False)
    np.testing.assert_array_equal(again[:], first[:])
    assert ToyNetwork.calls == 3
    frozen_features(store("b"), CONFIG.crops, progress=False)  # Other crops.
    assert ToyNetwork.calls == 6
    file = tmp_path / "net.tflite"
    for content in (b"one", b"one", b"another"):  # A network of the same name, changed.
        file.write_bytes(content)
        settings = replace(CONFIG.crops, features="tflite", tflite=str(file))
        frozen_features(store("a"), settings, progress=False)
    assert ToyNetwork.calls == 12


def test_the_command_refuses_in_one_line(tmp_path):
    done = run_program(
        "trainer.recognise",
        f"--train={tmp_path}",
        "--systems=b1,b4",
        f"--output={tmp_path / 'out'}",
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "recognise.py: system 'b4': expected some of b1, b2, dagan, filtered, pretrained, real"
    ]


def test_a_second_experiment_is_refused(experiment, tmp_path):
    with writing_to(tmp_path / "out"), pytest.raises(DaganError, match="another process"):
        run_experiment(experiment, CONFIG, tmp_path / "out", verbose=False)
    assert not list((tmp_path / "out").iterdir())
