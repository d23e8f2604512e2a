"""Training people from every layout, the tested ones of a protocol, poses from a CSV file."""

import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.protocols.readers import read_protocol
from dagan_tf.recognition.people import RealFace, list_training, merged, protocol_faces, turned
from tests.helpers.toy_folders import make_frll
from tests.helpers.toy_ijba import write_toy


def put(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


@pytest.mark.parametrize("deeper", ["", "train/"])
def test_cfp_tells_who_is_turned(tmp_path, deeper):
    put(
        tmp_path,
        f"Data/Images/{deeper}002/frontal/01.jpg",
        f"Data/Images/{deeper}001/profile/02.jpg",
        f"Data/Images/{deeper}001/frontal/10.jpg",
        f"Data/Images/{deeper}001/frontal/notes.txt",
    )
    faces = list_training(tmp_path, "cfp")
    assert [(face.identity, face.path.name, face.least_yaw) for face in faces] == [
        ("001", "10.jpg", 0.0),
        ("001", "02.jpg", 60.5),
        ("002", "01.jpg", 0.0),
    ]
    assert all(face.central and face.yaw is None for face in faces)
    # Beyond what b-1 sees, to the side that the fit says.
    assert (turned(-30.0, 60.5), turned(80.0, 60.5), turned(5.0, 0.0)) == (-60.5, 80.0, 5.0)


@pytest.mark.parametrize("deeper", ["", "lfw/"])
def test_lfw_also_one_folder_deeper(tmp_path, deeper):
    put(tmp_path, f"{deeper}Ann_A/Ann_A_0001.jpg", f"{deeper}Bob_B/Bob_B_0012.jpg", "pairs.txt")
    assert [face.identity for face in list_training(tmp_path, "lfw")] == ["Ann_A", "Bob_B"]
    with pytest.raises(DaganError, match="no photos in layout 'lfw'; expected NAME/NAME_0001"):
        list_training(tmp_path / deeper / "Ann_A", "lfw")


def test_ijba_names_its_people_and_boxes(tmp_path):
    write_toy(tmp_path)
    faces = list_training(tmp_path, "ijba")
    assert {face.identity for face in faces} == {"1", "2", "8", "9"}
    # Four faces under test and six to train on in each of ten splits.
    assert len(faces) == 100
    assert {face.box for face in faces} == {(0.0, 0.0, 8.0, 8.0)}
    assert not any(face.tested for face in faces)


def test_frll_is_known_by_its_yaws_whether_trained_on_or_tested(tmp_path):
    make_frll(tmp_path, people=4)
    training = list_training(tmp_path, "frll")
    tested = protocol_faces(read_protocol("frll", tmp_path))
    assert len(training) == len(tested) == 40
    together = merged(training, tested)
    assert len(together) == 40
    assert all(face.tested and not face.central and face.yaw is not None for face in together)


def test_a_face_that_is_trained_on_and_tested_is_one(tmp_path):
    photo = tmp_path / "a.jpg"
    known = RealFace(photo, "Ann", 30.0)
    seen = RealFace(photo, "", None, central=True, tested=True)
    other = RealFace(photo, "Bob", None, sighting="2", tested=True)
    assert merged([known], [seen, other]) == [
        RealFace(photo, "Ann", 30.0, central=True, tested=True),
        other,
    ]


def test_poses_from_a_csv_file(tmp_path):
    put(tmp_path, "Ann/1.jpg", "Ann/2.jpg")
    file = tmp_path / "poses.csv"
    file.write_text("path,yaw\nAnn/2.jpg,-88.5\n")
    faces = list_training(tmp_path, "folder", file)
    assert [face.yaw for face in faces] == [None, -88.5]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Bob/1.jpg,30", r"poses\.csv:2: 'Bob/1\.jpg' is none of the 2 photos of"),
        ("Ann/1.jpg,far", r"poses\.csv:2: yaw is 'far'; expected a number"),
        ("Ann/1.jpg,120", r"poses\.csv:2: yaw is '120'; expected degrees in \[-90, 90\]"),
        ("Ann/1.jpg,", r"poses\.csv:2: yaw is ''; expected degrees"),
        ("Ann/1.jpg,1\nAnn/1.jpg,2", r"poses\.csv:3: 'Ann/1\.jpg' is named again"),
    ],
)
def test_poses_that_fit_no_photo_are_named_with_file_and_row(tmp_path, row, message):
    put(tmp_path, "Ann/1.jpg", "Ann/2.jpg")
    (tmp_path / "poses.csv").write_text(f"path,yaw\n{row}\n")
    with pytest.raises(DaganError, match=message):
        list_training(tmp_path, "folder", tmp_path / "poses.csv")


def test_boxes_of_a_protocol_are_numbers_or_none(tmp_path):
    write_toy(tmp_path)
    protocol = read_protocol("ijba", tmp_path)
    protocol.faces.boxes[1] = np.nan
    faces = protocol_faces(protocol)
    assert faces[0].box == (0.0, 0.0, 8.0, 8.0)
    assert faces[1].box is None
    assert all(face.central for face in faces)
