"""CSV files of pairs, and of gallery and probes."""

import pytest

from dagan_tf.errors import DaganError
from dagan_tf.protocols.readers import read_protocol

PAIRS = ["first,second,first_person,second_person,fold", "a/1.jpg,a/2.jpg,Ann,Ann,0"]
SEARCH = ["path,person,role,template", "a/1.jpg,Ann,gallery,A", "a/2.jpg,Ann,gallery,A"]


def write(folder, lines):
    file = folder / "own.csv"
    file.write_text("\n".join(lines) + "\n")
    return str(file)


def test_pairs(tmp_path):
    protocol = read_protocol(write(tmp_path, [*PAIRS, "a/1.jpg,b/1.jpg,Ann,Bob,1"]), tmp_path)
    (split,) = protocol.splits
    assert protocol.name == "own"
    assert protocol.faces.paths == ("a/1.jpg", "a/2.jpg", "b/1.jpg")
    assert split.templates.subjects.tolist() == ["Ann", "Ann", "Bob"]
    assert split.pairs.same.tolist() == [True, False]
    assert split.pairs.fold.tolist() == [0, 1]


def test_gallery_and_probes(tmp_path):
    rows = [*SEARCH, "b/1.jpg,Bob,gallery,", "b/2.jpg,Bob,probe,", "c/1.jpg,Cid,probe,"]
    (split,) = read_protocol(write(tmp_path, rows), tmp_path).splits
    (search,) = split.searches
    # Two photos of Ann make one template; Cid is in no gallery.
    assert split.templates.subjects[search.gallery].tolist() == ["Ann", "Bob"]
    assert split.templates.subjects[search.probes].tolist() == ["Bob", "Cid"]
    assert [len(faces) for _, faces in split.templates.media_of(0)] == [1, 1]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["one,two"], "own.csv: has columns one, two; expected first,second,first_person"),
        ([*PAIRS, "a/1.jpg,b/1.jpg,Ann,,1"], r"own\.csv:3: nobody is named for 'b/1\.jpg'"),
        ([*PAIRS, "a/1.jpg,b/1.jpg,Bob,Bob,1"], r":3: 'a/1\.jpg' shows 'Bob', before 'Ann'"),
        ([*PAIRS, "a/1.jpg,b/1.jpg,Ann,Bob,x"], r":3: fold is 'x'; expected a whole number"),
        ([*PAIRS, "../1.jpg,b/1.jpg,Ann,Bob,1"], r":3: path '\.\./1\.jpg' leaves the data folder"),
        (PAIRS[:1], "own: no pairs to compare"),
        ([*SEARCH, "b/1.jpg,Bob,proof,"], ":4: role is 'proof'; expected gallery or probe"),
        (SEARCH, "has no row with the role probe"),
        ([*SEARCH, "b/1.jpg,Bob,gallery,A"], ":4: template 'gallery A' shows 'Bob', before 'Ann'"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_row(tmp_path, lines, message):
    with pytest.raises(DaganError, match=message) as error:
        read_protocol(write(tmp_path, lines), tmp_path)
    assert "\n" not in str(error.value)
