import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dagan_tf.core.files import writing_to
from dagan_tf.data.manifest import ManifestRow, ManifestWriter, read_manifest, read_skipped
from dagan_tf.errors import DaganError
from dagan_tf.export.refiner import refine_at
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.folders.refine import RefiningError, claim_folder, refine_folder


def _row(path: str, mask_path: str) -> ManifestRow:
    return ManifestRow(
        path=path,
        mask_path=mask_path,
        source="photos/x.jpg",
        identity=path.split("/")[0],
        yaw=60.0,
        pitch=1.5,
        roll=-0.5,
        fit_error=0.03,
    )


@pytest.fixture
def simulated(tmp_path) -> Path:
    """Seven views of two identities, one of another size, with masks and their manifest."""
    folder = tmp_path / "simulated"
    folder.mkdir()
    random = np.random.default_rng(0)
    with ManifestWriter(folder) as manifest:
        for index in range(7):
            name = f"id{index % 2}/photo{index}_yaw+060"
            side = 12 if index == 3 else 8
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_png(folder / f"{name}.png", random.integers(0, 256, (side, side, 3), np.uint8))
            write_png(folder / f"{name}_mask.png", np.full((side, side), index, np.uint8))
            manifest.write(_row(f"{name}.png", f"{name}_mask.png"))
    return folder


def _invert(images: np.ndarray) -> np.ndarray:
    return 255 - images


def _refine(simulated: Path, output: Path, refine=_invert, **arguments):
    arguments = {"label": "inverter", "batch_size": 3, "progress": False, **arguments}
    return refine_folder(simulated, output, refine, **arguments)


def test_other_sizes_are_refined_at_the_trained_one(simulated, tmp_path):
    """What the model sees is small; what it changes is added to the whole image."""
    sizes = set()

    def brighten_the_left(images: np.ndarray) -> np.ndarray:
        sizes.add(images.shape[1:3])
        out = images.astype(int)
        out[:, :, : images.shape[2] // 2] += 10
        return np.clip(out, 0, 255).astype(np.uint8)

    _refine(simulated, tmp_path / "out", brighten_the_left, image_size=4)
    assert sizes == {(4, 4)}
    for row in read_manifest(simulated):
        image = read_photo(simulated / row.path).astype(int)
        refined = read_photo(tmp_path / "out" / row.path).astype(int)
        assert refined.shape == image.shape
        side = image.shape[1]
        # Away from the middle the change is 10; what was 255 in the mean cannot get brighter.
        expected = np.clip(image[:, : side // 4] + 10, 0, 255)
        np.testing.assert_allclose(refined[:, : side // 4], expected, atol=1)
        np.testing.assert_array_equal(refined[:, -(side // 4) :], image[:, -(side // 4) :])


def test_a_folder_is_not_continued_at_another_size(simulated, tmp_path):
    _refine(simulated, tmp_path / "out", image_size=4)
    assert _refine(simulated, tmp_path / "out", image_size=4).done_before == 7
    for size in (None, 8):
        with pytest.raises(RefiningError, match="was begun with inverter at 4 pixels, not with"):
            _refine(simulated, tmp_path / "out", image_size=size)


def test_smaller_images_are_enlarged_to_the_trained_size():
    images = np.random.default_rng(0).integers(60, 200, (2, 6, 3, 3)).astype(np.uint8)
    seen = []

    def darken(batch: np.ndarray) -> np.ndarray:
        seen.append(batch.shape)
        return np.clip(batch.astype(int) - 20, 0, 255).astype(np.uint8)

    refined = refine_at(darken, images, 12)
    assert seen == [(2, 12, 6, 3)]
    np.testing.assert_array_equal(refined, images - 20)
    np.testing.assert_array_equal(refine_at(_invert, images, 6), 255 - images)


def test_shrunk_images_have_their_masks_and_landmarks(simulated, tmp_path):
    """Blocks of 2 x 2 become their mean; the centre of a block of pixels 4, 5 is at 4.5 and 2."""
    rows = [
        replace(row, landmarks="4.5,0.5 -0.5,7.0", depth_path="id0/depth.png")
        for row in read_manifest(simulated)
        if "photo3" not in row.path
    ]
    (simulated / "manifest.csv").unlink()
    with ManifestWriter(simulated) as manifest:
        for row in rows:
            manifest.write(row)
    ramp = np.repeat(np.arange(0, 16, 2, dtype=np.uint8)[None], 8, axis=0)
    write_png(simulated / rows[0].mask_path, ramp)
    _refine(simulated, tmp_path / "out", shrink_to=4)
    for row in rows:
        refined = 255.0 - read_photo(simulated / row.path)
        blocks = refined.reshape(4, 2, 4, 2, 3).mean(axis=(1, 3))
        written = read_photo(tmp_path / "out" / row.path)
        np.testing.assert_allclose(written, blocks, atol=0.51)
        assert read_photo(tmp_path / "out" / row.mask_path).shape == (4, 4, 3)
    mask = read_photo(tmp_path / "out" / rows[0].mask_path)
    np.testing.assert_array_equal(mask[:, :, 0], [[1, 5, 9, 13]] * 4)
    expected = [replace(row, landmarks="2.0,0.0 -0.5,3.2", depth_path="") for row in rows]
    assert sorted(read_manifest(tmp_path / "out"), key=str) == sorted(expected, key=str)


def test_images_smaller_than_asked_for_are_named_and_passed_over(simulated, tmp_path):
    summary = _refine(simulated, tmp_path / "out", shrink_to=12)
    assert (summary.refined, summary.skipped) == (1, 6)
    reasons = {row.reason.split(": ")[1] for row in read_skipped(tmp_path / "out")}
    assert reasons == {"is 8x8; expected at least 12"}
    with pytest.raises(RefiningError, match="begun with inverter, shrunk to 12, not with inverter"):
        _refine(simulated, tmp_path / "out", shrink_to=6)
    with pytest.raises(RefiningError, match="shrink_to is 0; expected at least 1"):
        _refine(simulated, tmp_path / "out", shrink_to=0)


def _assert_whole(simulated: Path, output: Path) -> None:
    rows = read_manifest(simulated)
    assert sorted(read_manifest(output), key=str) == sorted(rows, key=str)
    for row in rows:
        expected = 255 - read_photo(simulated / row.path)
        np.testing.assert_array_equal(read_photo(output / row.path), expected)
        assert (output / row.mask_path).read_bytes() == (simulated / row.mask_path).read_bytes()
    assert not list(output.rglob("*.tmp")) + list(output.rglob("*.partial"))


def test_output_stands_alone_and_has_the_same_names(simulated, tmp_path):
    sizes = []

    def refine(images):
        sizes.append(images.shape)
        return 255 - images

    summary = _refine(simulated, tmp_path / "out", refine)
    assert (summary.refined, summary.done_before, summary.skipped) == (7, 0, 0)
    # Batches of at most 3, cut where the image size changes.
    assert [shape[:2] for shape in sizes] == [(3, 8), (1, 12), (3, 8)]
    _assert_whole(simulated, tmp_path / "out")


def test_depth_and_head_stay_with_the_view(simulated, tmp_path):
    rows = read_manifest(simulated)
    with ManifestWriter(simulated) as manifest:
        for row in rows[:2]:
            name = f"{row.path.removesuffix('.png')}_again"
            files = {f"{part}_path": f"{name}_{part}.png" for part in ("depth", "head")}
            for file in (f"{name}.png", *files.values()):
                shutil.copy(simulated / row.path, simulated / file)
            manifest.write(replace(row, path=f"{name}.png", **files))
    _refine(simulated, tmp_path / "out")
    refined = read_manifest(tmp_path / "out")
    assert len(refined) == 9
    for row in refined:
        assert row.files == [row.path, row.mask_path]
        assert all((tmp_path / "out" / file).is_file() for file in row.files)


def test_images_that_were_lost_are_refined_again(simulated, tmp_path):
    output = tmp_path / "out"
    _refine(simulated, output)
    row, other = read_manifest(output)[:2]
    whole = (output / row.path).read_bytes()
    (output / row.path).unlink()
    (output / other.mask_path).unlink()
    assert _refine(simulated, output).refined == 2
    assert (output / row.path).read_bytes() == whole
    assert (output / other.mask_path).is_file()
    assert len({one.path for one in read_manifest(output)}) == len(read_manifest(output)) == 7


def test_run_that_was_killed_is_continued(simulated, tmp_path):
    calls = []

    def refine(images):
        calls.append(len(images))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return 255 - images

    with pytest.raises(KeyboardInterrupt):
        _refine(simulated, tmp_path / "out", refine)
    assert len(read_manifest(tmp_path / "out")) == 3
    summary = _refine(simulated, tmp_path / "out")
    assert (summary.refined, summary.done_before, summary.skipped) == (4, 3, 0)
    _assert_whole(simulated, tmp_path / "out")
    again = _refine(simulated, tmp_path / "out", lambda images: pytest.fail("nothing to do"))
    assert (again.refined, again.done_before) == (0, 7)


def test_broken_images_and_missing_masks_are_named_and_passed_over(simulated, tmp_path):
    (simulated / "id0/photo2_yaw+060.png").write_bytes(b"no image")
    (simulated / "id1/photo5_yaw+060_mask.png").unlink()
    summary = _refine(simulated, tmp_path / "out")
    assert (summary.refined, summary.skipped) == (5, 2)
    reasons = {row.source: row.reason for row in read_skipped(tmp_path / "out")}
    assert "not a photo" in reasons["id0/photo2_yaw+060.png"]
    assert "no such file" in reasons["id1/photo5_yaw+060.png"]
    again = _refine(simulated, tmp_path / "out", lambda images: pytest.fail("nothing to do"))
    assert (again.refined, again.done_before, again.skipped) == (0, 5, 2)
    assert len(read_skipped(tmp_path / "out")) == 2


def test_what_was_skipped_is_refined_once_it_is_mended(simulated, tmp_path):
    """Also by a copy that is as old as its original; the others stay in the list."""
    out, broken = tmp_path / "out", ("id0/photo4_yaw+060.png", "id0/photo2_yaw+060.png")
    mask = simulated / "id1/photo5_yaw+060_mask.png"
    whole = {name: (simulated / name).read_bytes() for name in broken}
    for name in broken:
        (simulated / name).write_bytes(b"no image")
    os.rename(mask, tmp_path / "mask.png")
    assert _refine(simulated, out).skipped == 3
    (simulated / broken[0]).write_bytes(whole[broken[0]])
    os.utime(simulated / broken[0], (0, 0))
    os.rename(tmp_path / "mask.png", mask)
    again = _refine(simulated, out)
    assert (again.refined, again.done_before, again.skipped) == (2, 4, 1)
    assert [row.source for row in read_skipped(out)] == [broken[1]]
    (simulated / broken[1]).write_bytes(whole[broken[1]])
    assert _refine(simulated, out).refined == 1
    assert read_skipped(out) == []
    _assert_whole(simulated, out)


def test_two_models_never_share_a_folder(simulated, tmp_path):
    _refine(simulated, tmp_path / "out")
    with pytest.raises(RefiningError, match="begun with inverter, not with other"):
        _refine(simulated, tmp_path / "out", label="other")


def test_wrong_folders(simulated, tmp_path):
    with pytest.raises(RefiningError, match=r"manifest\.csv"):
        _refine(tmp_path / "absent", tmp_path / "out")
    with pytest.raises(RefiningError, match="is the input folder"):
        _refine(simulated, simulated / "../simulated")
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        _refine(simulated, tmp_path / "file")


@pytest.mark.parametrize("path", ["../stolen.png", "/etc/stolen.png", "id0/../../stolen.png"])
def test_manifest_cannot_lead_out_of_the_folder(simulated, tmp_path, path):
    shutil.copy(simulated / "id0/photo0_yaw+060.png", tmp_path / "stolen.png")
    with (simulated / "manifest.csv").open("a") as manifest:
        manifest.write(f"{path},,x.jpg,id0,60,0,0,0,,,,\n")
    with pytest.raises(DaganError, match="inside the folder"):
        _refine(simulated, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"other": 1}'])
def test_a_damaged_label_is_named(tmp_path, text):
    (tmp_path / "refine.json").write_text(text)
    with pytest.raises(RefiningError, match=r"refine\.json: damaged; expected"):
        claim_folder(tmp_path, "model")


def test_a_second_refiner_is_refused(simulated, tmp_path):
    out = tmp_path / "refined"
    with writing_to(out), pytest.raises(DaganError, match="another process is writing to it"):
        _refine(simulated, out)
    assert not (out / "manifest.csv").exists()
    assert _refine(simulated, out).refined == 7


def test_views_of_other_photos_are_not_taken_for_done(simulated, tmp_path):
    _refine(simulated, tmp_path / "out")
    rows = read_manifest(simulated)
    (simulated / "manifest.csv").unlink()
    with ManifestWriter(simulated) as manifest:
        for row in rows:
            manifest.write(replace(row, source="others/x.jpg"))
    with pytest.raises(RefiningError, match=r"from a view of photos/x\.jpg, not of others/x\.jpg"):
        _refine(simulated, tmp_path / "out")
