"""Needs Apache Beam (`pip install 'dagan-tf[beam]'`); skipped without it."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("apache_beam")

from dagan_tf.data.photos import list_photos
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.folders import beam
from dagan_tf.folders.simulate import simulate_folder, simulate_views
from dagan_tf.folders.view_maker import make_views, start_maker
from dagan_tf.folders.views import all_views
from tests.folders.test_simulate import SETTINGS, photos, rows

__all__ = ["photos"]


def table(folder, name):
    return sorted(tuple(row.items()) for row in rows(folder / name))


def test_a_pipeline_makes_what_processes_make(photos, tmp_path):
    items = list_photos(photos, "folder")
    wanted = [(item, all_views((-30, 45), None)) for item in items]
    ours = simulate_views(wanted, tmp_path / "a", SETTINGS, progress=False)
    theirs = beam.simulate_on_beam(wanted, tmp_path / "b", SETTINGS)
    assert theirs == ours
    for name in ("manifest.csv", "skipped.csv"):
        assert table(tmp_path / "a", name) == table(tmp_path / "b", name)
    for row in rows(tmp_path / "a" / "manifest.csv"):
        np.testing.assert_array_equal(
            read_photo(tmp_path / "a" / row["path"]), read_photo(tmp_path / "b" / row["path"])
        )
    again = beam.simulate_on_beam(wanted, tmp_path / "b", SETTINGS)
    assert (again.made, again.done_before, again.views) == (0, 2, 4)
    assert not list((tmp_path / "b" / "rows").iterdir())
    with pytest.raises(DaganError, match="image_size"):
        beam.simulate_on_beam(wanted, tmp_path / "b", replace(SETTINGS, image_size=64))


def test_what_a_killed_pipeline_left_is_folded_once(photos, tmp_path):
    items = list_photos(photos, "folder")[:1]
    views = all_views((30,), None)
    output = tmp_path / "v"
    simulate_folder(items, output, (60,), SETTINGS, progress=False)
    job = [(items[0], views)]
    made = make_views(start_maker(SETTINGS, output), job)
    beam.write_rows(output, job, made)
    beam.write_rows(output, [(items[0], [])], made)  # the same photo, done twice
    assert len(rows(output / "manifest.csv")) == 1
    summary = beam.simulate_on_beam(job, output, SETTINGS)
    assert (summary.made, summary.views) == (0, 2)
    assert [row["path"] for row in rows(output / "manifest.csv")] == [
        "ann/1_yaw+060.png",
        "ann/1_yaw+030.png",
    ]
