import json
import math
from pathlib import Path

import numpy as np
import pytest

from dagan_tf.data.photos import PhotoItem, list_photos
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import write_png
from dagan_tf.folders.balance import PhotoPose, measure_poses, plan_views
from dagan_tf.folders.view_maker import SimulationSettings
from dagan_tf.simulator.render.camera import Pose
from tests.folders.test_simulate import folder_of, rows, run


def made_up(yaws, people=None):
    photos = [
        PhotoItem(Path(f"{n}.png"), f"p{n % (people or len(yaws))}", str(n), None)
        for n in range(len(yaws))
    ]
    poses = [
        PhotoPose(str(photo.path), None if math.isnan(yaw) else Pose(yaw), "")
        for photo, yaw in zip(photos, yaws, strict=True)
    ]
    return photos, poses


def test_frontal_photos_are_spread_over_all_bins():
    photos, poses = made_up([0.0] * 6)
    plan = plan_views(photos, poses)
    np.testing.assert_array_equal(plan.before.counts, [0] * 6 + [6] + [0] * 6)
    np.testing.assert_array_equal(plan.after.counts, [6] * 13)
    assert plan.before.entropy == 0.0
    assert plan.after.entropy == pytest.approx(1.0)
    assert plan.missing == 0


def test_only_what_is_missing_is_made_and_turns_are_taken():
    # Bins of 15 degrees: four photos at 0, two at 30 (own side only).
    photos, poses = made_up([0.0] * 4 + [30.0, 30.0], people=3)
    plan = plan_views(photos, poses)
    planned = [view.yaw for views in plan.views for view in views]
    assert planned.count(30.0) == 2
    assert planned.count(0.0) == 0
    assert planned.count(-90.0) == 4
    for views in plan.views[4:]:
        assert all(view.yaw >= 30 for view in views)
    counts = [len(views) for views in plan.views[:4]]
    assert max(counts) - min(counts) <= 2
    assert plan.after.counts.max() == plan.after.counts.min() == 4


def test_what_no_photo_allows_is_counted():
    photos, poses = made_up([40.0, 40.0, math.nan])
    plan = plan_views(photos, poses)
    assert plan.views[2] == []
    assert {view.yaw for views in plan.views for view in views} == {60.0, 75.0, 90.0}
    # Two are asked of each of 13 bins; the photos fill their own and the three beyond.
    assert plan.missing == 2 * 13 - 2 - 2 * 3


def test_the_seed_decides_between_equals_only():
    photos, poses = made_up([0.0] * 5 + [2.0] * 5 + [30.0] * 4)
    one, same, other = (plan_views(photos, poses, seed=seed) for seed in (1, 1, 2))
    assert one.views == same.views
    assert one.views != other.views
    np.testing.assert_array_equal(one.after.counts, other.after.counts)


def test_a_set_without_a_face_is_refused():
    with pytest.raises(DaganError, match="in any of 2 photos"):
        plan_views(*made_up([math.nan, math.nan]))


@pytest.fixture
def portraits(tmp_path, astronaut):
    folder = tmp_path / "photos"
    for name in ("ann", "ben"):
        write_png(folder_of(folder, name) / "1.png", astronaut[:256, 96:352])
    write_png(folder / "ann" / "blank.png", np.full((90, 90, 3), 128, np.uint8))
    return folder


@pytest.mark.slow
def test_poses_are_measured_once(portraits, tmp_path, monkeypatch):
    items = list_photos(portraits, "folder")
    settings = SimulationSettings(image_size=48)
    first = measure_poses(items, tmp_path / "o", settings, progress=False)
    assert [pose.pose is None for pose in first] == [False, True, False]
    assert "no face" in first[1].reason
    file = tmp_path / "o" / "poses.csv"
    file.write_text(file.read_text() + "half a li")
    monkeypatch.setattr("dagan_tf.folders.balance._measure", None)
    again = measure_poses(items, tmp_path / "o", settings, progress=False)
    assert again[0].pose.yaw == pytest.approx(first[0].pose.yaw, abs=1e-3)
    assert file.read_text().count("\n") == 4


@pytest.mark.slow
def test_balance_from_the_command_line(portraits, tmp_path):
    output = tmp_path / "views"
    flags = [f"--photos={portraits}", f"--output={output}", "--image_size=48", "--workers=1"]
    dry = run(*flags, "--balance", "--dry_run")
    assert dry.returncode == 0, dry.stderr
    plan = json.loads((output / "balance.json").read_text())
    assert (plan["views_planned"], plan["photos_without_a_pose"]) == (24, 1)
    assert plan["entropy_after"] == pytest.approx(1.0)
    assert (output / "balance.png").read_bytes()[:4] == b"\x89PNG"
    assert not (output / "manifest.csv").exists()
    done = run(*flags, "--balance")
    assert done.returncode == 0, done.stderr
    yaws = [float(row["yaw"]) for row in rows(output / "manifest.csv")]
    assert sorted(yaws) == sorted(2 * [yaw for yaw in range(-90, 91, 15) if yaw])
    refused = run(*flags, "--balance", "--yaws=30")
    assert refused.returncode == 2
    assert "--yaws" in refused.stderr
    alone = run(*flags, "--dry_run")
    assert alone.returncode == 2
    assert "--balance" in alone.stderr


@pytest.mark.slow
def test_poses_of_another_head_are_measured_anew_and_an_empty_file_is_a_new_one(
    portraits, tmp_path, models_dir
):
    items = list_photos(portraits, "folder")
    output = tmp_path / "o"
    output.mkdir()
    (output / "poses.csv").write_text("")
    packaged = SimulationSettings(image_size=48)
    first = measure_poses(items, output, packaged, progress=False)
    assert measure_poses(items, output, packaged, progress=False)[1] == first[1]
    other = SimulationSettings(
        image_size=48, face_model=str(models_dir / "ict_facekit_light" / "ict_facekit_light.npz")
    )
    second = measure_poses(items, output, other, progress=False)
    assert second[0].pose != first[0].pose
    assert (output / "poses.csv").read_text().count("\n") == 7
