"""Nobody is trained on and tested."""

import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.protocols.lists import read_lists
from dagan_tf.protocols.readers import read_protocol
from dagan_tf.recognition.apart import Division, hold_apart, people_of
from dagan_tf.recognition.groups import frll_groups, read_groups
from tests.helpers.toy_folders import make_frll
from tests.helpers.toy_ijba import write_toy


@pytest.fixture
def folds(tmp_path):
    """Five folds of two people each: two genuine and two impostor pairs a fold."""
    lines = ["first,second,first_person,second_person,fold"]
    for fold in range(5):
        a, b = f"p{2 * fold}", f"p{2 * fold + 1}"
        lines += [f"{p}/1.jpg,{p}/2.jpg,{p},{p},{fold}" for p in (a, b)]
        lines += [f"{a}/{n}.jpg,{b}/{n}.jpg,{a},{b},{fold}" for n in (1, 2)]
    (tmp_path / "own.csv").write_text("\n".join(lines) + "\n")
    return read_lists(tmp_path / "own.csv", tmp_path)


def test_people_on_both_sides_are_named_and_refused(folds):
    with pytest.raises(
        DaganError,
        match=r"2 people would be trained on and tested in split all of own \(p0, p9\); .*--divide",
    ):
        hold_apart(folds, ["p9", "p0", "q"], Division(), one_set=False)
    (split,) = hold_apart(folds, ["q", "r"], Division(), one_set=False).splits
    assert split.training_subjects.tolist() == ["q", "r"]
    assert len(split.pairs) == 20


def test_folds_that_share_nobody_are_tested_whole_and_each_as_often(folds):
    people = [f"p{n}" for n in range(10)] + ["q"]
    splits = hold_apart(folds, people, Division(5, 0.4), one_set=True).splits
    tested = []
    for split in splits:
        found = people_of(split)
        assert len(found) == 4
        assert not found & set(split.training_subjects)
        assert found | set(split.training_subjects) == set(people)
        assert len(split.pairs) == 8
        assert split.pairs.same.sum() == 4
        tested += sorted(found)
    assert {tested.count(person) for person in people[:-1]} == {2}
    assert [split.name for split in splits] == list("12345")
    with pytest.raises(DaganError, match="--divide=6: own has 5 folds; expected no more"):
        hold_apart(folds, people, Division(6), one_set=True)


def test_without_such_folds_people_are_drawn(folds):
    folds.splits[0].pairs.fold[:] = 0
    splits = hold_apart(folds, ["q"], Division(3, 0.6, reserved=["p0", "p1"]), one_set=False).splits
    for split in splits:
        assert len(people_of(split)) <= 5
        assert not people_of(split) & {"p0", "p1"}
        subjects = split.templates.subjects
        ends = subjects[np.concatenate([split.pairs.first, split.pairs.second])]
        assert set(ends) == people_of(split)
    assert people_of(splits[0]) != people_of(splits[1])
    with pytest.raises(DaganError, match=r"split 1 of --divide: \d genuine and 0 impostor"):
        hold_apart(folds, ["q"], Division(8, 0.2, seed=1), one_set=False)


def test_a_protocol_that_divides_itself_says_whom_to_train_on(tmp_path):
    write_toy(tmp_path)
    protocol = read_protocol("ijba", tmp_path)
    people = ["1", "2", "8", "9"]
    for split in hold_apart(protocol, people, Division(), one_set=True).splits:
        assert split.training_subjects.tolist() == ["8", "9"]
    # Of another folder the same names are other people, or the same: it cannot be known.
    with pytest.raises(DaganError, match=r"2 people would be trained on and tested .*\(1, 2\)"):
        hold_apart(protocol, people, Division(), one_set=False)
    with pytest.raises(DaganError, match="--divide=2: IJB-A 1:1 has 10 splits of its own"):
        hold_apart(protocol, people, Division(2), one_set=True)


def test_nobody_left_to_train_on(folds):
    with pytest.raises(DaganError, match="split all: nobody is left to train on"):
        hold_apart(folds, [], Division(), one_set=False)


def test_a_protocol_that_names_nobody_is_said_to(folds, capsys):
    folds.splits[0].templates.subjects[:] = ""
    hold_apart(folds, ["q"], Division(), one_set=False)
    assert "own does not name the people it tests" in capsys.readouterr().err


def test_groups(tmp_path):
    make_frll(tmp_path / "frll", people=2)
    assert frll_groups(tmp_path / "frll") == {}
    info = tmp_path / "frll" / "london_faces_info.csv"
    info.write_text("face_id,face_age,face_gender,face_eth\n002,24,female,white\n003,30,male,\n")
    assert frll_groups(tmp_path / "frll") == {
        "002": {"sex": "female", "ethnicity": "white"},
        "003": {"sex": "male"},
    }
    file = tmp_path / "groups.csv"
    file.write_text("person,sex,hair\nAnn,female,\nBob,male,red\n")
    assert read_groups(file, ["Ann", "Bob", "Cid"]) == {
        "Ann": {"sex": "female"},
        "Bob": {"sex": "male", "hair": "red"},
    }
    with pytest.raises(DaganError, match=r"groups\.csv:3: person 'Bob' is none of the 1 known"):
        read_groups(file, ["Ann"])
    file.write_text("person,sex\nAnn,female\nAnn,male\n")
    with pytest.raises(DaganError, match=r"groups\.csv:3: person 'Ann' is named again"):
        read_groups(file, ["Ann"])
