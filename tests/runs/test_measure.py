"""The refiner's measurement on made-up people, each of a face and colour of their own."""

import json
import re

import cv2
import numpy as np
import pytest

from dagan_tf.data.manifest import ManifestRow, ManifestWriter
from dagan_tf.errors import DaganError
from dagan_tf.evaluation import bench as bench_module
from dagan_tf.evaluation.bench import Bench, Question
from dagan_tf.evaluation.embedding import RealFace
from dagan_tf.evaluation.measure import Measure
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.runs import measure_curve
from dagan_tf.runs.measure import measure_groups, measure_lines, run_measure
from dagan_tf.runs.measure_curve import run_curve
from tests.helpers.programs import run_program

SIZE = 32
PEOPLE = [f"{number:03d}" for number in range(14)]
TESTED = PEOPLE[:6]
SIDES = {"front": 0.0, "left_3quarter": -45.0, "right_3quarter": 45.0}


def person(name, seed):
    """A smooth face of the person's own, with a photo's light and grain: (S, S, 3) float."""
    own = np.random.default_rng(int(name)).uniform(60, 190, (4, 4, 3))
    rng = np.random.default_rng([int(name), seed])
    smooth = cv2.resize(own + rng.normal(0, 6, own.shape), (SIZE, SIZE))
    return smooth + rng.normal(0, 8, smooth.shape)


def uint8(image):
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Photos as the London Set's; simulated views lack the grain, refined ones have half of it."""
    root = tmp_path_factory.mktemp("people")
    for mood in ("neutral", "smiling"):
        for number, side in enumerate(SIDES):
            folder = root / "photos" / f"{mood}_{side}"
            folder.mkdir(parents=True)
            for name in PEOPLE:
                image = person(name, number + 5 * (mood == "smiling"))
                write_png(folder / f"{name}_03.png", uint8(image))
    for kind, grain in (("simulated", 0.0), ("refined", 0.7)):
        (root / kind).mkdir()
        with ManifestWriter(root / kind) as manifest:
            for name in PEOPLE:
                for mood in ("neutral", "smiling"):
                    for yaw in (-45.0, 45.0, 90.0):
                        path = f"{name}_{mood}_{yaw:+.0f}.png"
                        image = person(name, 100 + int(yaw) + (mood == "smiling"))
                        smooth = cv2.GaussianBlur(image, (5, 5), 0)
                        mixed = smooth + grain * (image - smooth) + 12 * (1 - grain)
                        write_png(root / kind / path, uint8(mixed))
                        source = f"/moved/{mood}_front/{name}_03.png"
                        row = ManifestRow(path, "", source, name, yaw, 0.0, 0.0, 0.02)
                        manifest.write(row)
    return root


class ToyReals:
    """Photos lie in the frame as they are; 003's smiling left one shows no usable face."""

    def __init__(self, simulator, networks):
        self.refused = {}
        self._networks = networks

    def get(self, item):
        if item.path.parent.name == "smiling_left_3quarter" and item.identity == "003":
            self.refused[item.path] = "no face"
            return None
        photo = read_photo(item.path)
        found = {name: network(photo, None) for name, network in self._networks.items()}
        return RealFace(photo, item.yaw, found)

    def yaw_of(self, item):
        return item.yaw


class ToyFeatures:
    def __init__(self, networks, finder):
        self.networks, self.ways, self.landmarks = networks, {}, {}

    def embed(self, what, images, yaws):
        assert len(images) == len(yaws)
        self.ways[what] = {"hog": len(images)}
        self.landmarks[what] = [None] * len(images)
        return {n: np.stack([f(image, None) for image in images]) for n, f in self.networks.items()}

    def forget(self, what):
        del self.ways[what], self.landmarks[what]


def coarse(image, landmarks):
    return cv2.resize(image, (4, 4), interpolation=cv2.INTER_AREA).reshape(-1) / 255.0


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    monkeypatch.setattr(bench_module, "RealFaces", ToyReals)
    monkeypatch.setattr(bench_module, "FaceFeatures", ToyFeatures)
    monkeypatch.setattr(bench_module, "load_networks", lambda mobilefacenet: {"toy": coarse})


def question(folders, **changes):
    settings = {"test_people": TESTED, "conv": False, **changes}
    return Question(str(folders / "photos"), "frll", str(folders / "simulated"), **settings)


@pytest.mark.slow
def test_half_refined_faces_are_better_and_all_is_written(folders, tmp_path):
    outcome = run_measure(
        question(folders, noise_draws=2), folders / "refined", tmp_path, samples=3, command="c d"
    )
    facts = outcome.facts
    # Two sides and two moods each, less 003's smiling left; nobody was photographed at +90.
    assert facts["test views"] == facts["real test photos"] == 6 * 4 - 1
    assert facts["real training photos"] == 8 * 4
    assert facts["views without a real photo from their side"] == 14 * 6 - 14 * 4 + 1
    # The gallery smiles, so identity is asked of neutral views.
    assert (facts["gallery"], facts["views identity is measured on"]) == (14, 6 * 2)
    columns = outcome.columns
    judged, distance = Measure("logit, linear, whole image"), Measure("kernel distance, pixels")
    assert columns["simulated"][judged] < columns["refined"][judged] < columns["real"][judged]
    assert columns["refined"][distance].value < columns["simulated"][distance].value
    own = Measure("difference from own photo, grey levels")
    assert columns["refined"][own].value < columns["simulated"][own].value - 2
    assert columns["real"][Measure("toy rank-1")].value == 1.0
    assert columns["real"][Measure("toy distance to real photo of that side")].value == 0.0
    assert columns["refined"][Measure("toy became another person")].value == 0.0
    assert columns["refined"][Measure("toy approach to its source")].value > 0
    assert columns["refined"][Measure("noise deviation, toy rank-1")] == 0.0
    assert outcome.gains["pixels"].value > 0
    lines = list(measure_lines(outcome))
    assert re.search(r"^difference from own photo.* yes$", "\n".join(lines), re.MULTILINE)
    document = json.loads((tmp_path / "measure.json").read_text())
    assert document["columns"]["refined"][own.name]["value"] == columns["refined"][own].value
    assert document["facts"]["landmarks found by"]["refined"] == {"hog": 23}
    page = outcome.report.read_text()
    for text in ("c d", "measures that know a better side", "001 at +45°", "Balance of poses"):
        assert text in page
    assert "003 at" not in page  # Three rows: the first three people.


@pytest.mark.slow
def test_figures_by_group_of_people(folders, tmp_path):
    sexes = {"000": "male", "001": "male", "002": "female", "003": "female", "004": "female"}
    (tmp_path / "groups.csv").write_text(
        "person,sex\n" + "".join(f"{who},{sex}\n" for who, sex in [*sexes.items(), ("005", "x")])
    )
    asked = question(folders)
    groups = measure_groups(asked, str(tmp_path / "groups.csv"))
    outcome = run_measure(asked, folders / "refined", tmp_path / "out", groups=groups)
    # 003's smiling left photo shows no face; alone, 005 has no interval.
    assert [(g.kind, g.name, g.people, g.views) for g in outcome.groups] == [
        ("sex", "female", 3, 11),
        ("sex", "male", 2, 8),
    ]
    own = Measure("difference from own photo, grey levels")
    female, male = (group.columns for group in outcome.groups)
    assert female["refined"][own].value < female["simulated"][own].value - 2
    lines = list(measure_lines(outcome))
    assert "sex: female, 3 people, 11 views" in lines
    written = json.loads((tmp_path / "out" / "measure.json").read_text())["groups"]
    assert written[1]["columns"]["refined"][own.name]["value"] == male["refined"][own].value


def test_the_london_set_tells_its_groups_itself(folders):
    assert measure_groups(question(folders), None) == {}
    file = folders / "photos" / "london_faces_info.csv"
    file.write_text("face_id,face_age,face_gender,face_eth\n000,24,female,white\n")
    assert measure_groups(question(folders), None) == {
        "000": {"sex": "female", "ethnicity": "white"}
    }
    file.unlink()


def test_only_views_near_the_yaws_asked_for(folders):
    bench = Bench(question(folders, yaws=[50.0]))
    assert {pair.view.yaw for pair in bench.test} == {45.0}
    assert {pair.real.path.parent.name for pair in bench.test} == {
        "neutral_right_3quarter",
        "smiling_right_3quarter",
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_people": ["999"]}, "--test_people: '999' is not in"),
        ({"test_people": PEOPLE}, "52 views of test people and 0 of others|55 views .* and 0 of"),
        ({"yaws": [90.0]}, "0 views of test people and 0 of others have a real photo"),
    ],
)
def test_what_cannot_be_measured_is_named(folders, changes, message):
    with pytest.raises(DaganError, match=message):
        Bench(question(folders, **changes))


def test_a_view_that_was_not_refined_is_named(folders, tmp_path):
    (tmp_path / "some").mkdir()
    with ManifestWriter(tmp_path / "some") as manifest:
        manifest.write(ManifestRow("x.png", "", "s", "000", 45.0, 0.0, 0.0, 0.0))
    with pytest.raises(DaganError, match=r"000_neutral_\+45.png of a test person is not refined"):
        run_measure(question(folders), tmp_path / "some", tmp_path / "out")


@pytest.mark.slow
def test_checkpoints_one_after_the_other(folders, tmp_path, monkeypatch):
    class Brighter:
        def __init__(self, levels):
            self.levels = levels

        def predict(self, images, **_):
            assert (images.dtype, float(np.abs(images).max()) <= 1) == (np.float32, True)
            return images + self.levels / 127.5

    made = {"m/ckpt-20": 30, "m/ckpt-4": 6, "m/ckpt-10": 14}
    monkeypatch.setattr(measure_curve, "list_checkpoints", lambda model_dir: list(made))
    monkeypatch.setattr(measure_curve, "read_identities", lambda model_dir: ["a", "b"])
    monkeypatch.setattr(
        measure_curve, "load_generator", lambda model_dir, checkpoint: Brighter(made[checkpoint])
    )
    lines = [{"step": step, "images": 8 * step, "images_per_second": 2} for step in (5, 10, 20)]
    (tmp_path / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    curves = run_curve(question(folders), [str(tmp_path)], tmp_path / "out", every=2)
    (rows,) = curves.values()
    # Of three checkpoints the second and the last; 8 images a step, 2 images a second.
    assert [(row["step"], row["minutes"]) for row in rows] == [
        (0, 0), (10, pytest.approx(2 / 3)), (20, pytest.approx(4 / 3)),
    ]  # fmt: skip
    changes = [row["change of the simulated, grey levels"] for row in rows]
    assert changes == pytest.approx([0, 14, 30], abs=0.1)
    assert json.loads((tmp_path / "out" / "curve.json").read_text()) == {"2 people": rows}
    assert "minutes" in "\n".join(measure_curve.curve_lines(curves))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "expected either --refined or --trainings"),
        (["--refined=r"], "give --test_people, or --model_dir"),
        (["--refined=r", "--noise_draws=1"], "expected 0 or at least 2"),
        (["--refined=/nowhere", "--test_people=000"], "/nowhere"),
    ],
)
def test_a_bad_flag_is_one_line(folders, tmp_path, flags, message):
    done = run_program(
        "trainer.measure",
        f"--photos={folders / 'photos'}",
        "--layout=frll",
        f"--simulated={folders / 'simulated'}",
        f"--output={tmp_path}",
        *flags,
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
