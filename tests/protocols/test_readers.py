"""Readers, on small files of the sets' own structure that the tests write."""

import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.metrics.spread import over_splits
from dagan_tf.metrics.templates import media_means, pair_scores
from dagan_tf.metrics.verification import tar_at_far
from dagan_tf.protocols.frll import read_frll
from dagan_tf.protocols.ijba import read_ijba_search, read_ijba_verification
from dagan_tf.protocols.ijbc import read_ijb_meta, read_ijb_search
from dagan_tf.protocols.image_files import ImageFiles
from dagan_tf.protocols.image_pairs import read_cfp, read_lfw
from tests.helpers.toy_folders import make_frll

HEADER = (
    "TEMPLATE_ID,SUBJECT_ID,FILE,MEDIA_ID,SIGHTING_ID,FRAME,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT,"
    "RIGHT_EYE_X,RIGHT_EYE_Y,LEFT_EYE_X,LEFT_EYE_Y,NOSE_BASE_X,NOSE_BASE_Y,FACE_YAW,"
    "FOREHEAD_VISIBLE,EYES_VISIBLE,NOSE_MOUTH_VISIBLE,INDOOR,GENDER,SKIN_TONE,AGE,FACIAL_HAIR"
)


def row(template, subject, file, media, sighting, box="10,20,30,40"):
    return f"{template},{subject},{file},{media},{sighting},,{box}" + "," * 15


def write_split(folder, number, metadata, comparisons, train=()):
    split = folder / "IJB-A_11_sets" / f"split{number}"
    split.mkdir(parents=True)
    (split / f"verify_metadata_{number}.csv").write_text("\n".join([HEADER, *metadata]) + "\n")
    (split / f"verify_comparisons_{number}.csv").write_text("\n".join(comparisons) + "\n")
    (split / f"train_{number}.csv").write_text("\n".join([HEADER, *train]) + "\n")
    return split


METADATA = [
    row(1, 100, "img/1.jpg", 11, 1),
    row(1, 100, "frame/2.png", 12, 2),
    row(1, 100, "frame/3.png", 12, 3),
    row(2, 100, "img/4.jpg", 13, 4),
    row(3, 200, "img/1.jpg", 11, 5, ",,,"),  # the second person of image 1
]


def test_ijba_verification(tmp_path):
    write_split(tmp_path, 1, METADATA, ["1,2", "1,3", "1,3"], [row(9, 300, "img/9.jpg", 19, 9)])
    protocol = read_ijba_verification(tmp_path, splits=[1])
    split = protocol.splits[0]
    assert split.templates.ids.tolist() == ["1", "2", "3"]
    assert split.templates.subjects.tolist() == ["100", "100", "200"]
    # A still and a video of two frames; image 1 holds two faces.
    assert [(media, len(found)) for media, found in split.templates.media_of(0)] == [
        ("11", 1),
        ("12", 2),
    ]
    assert protocol.faces.paths.count("img/1.jpg") == 2
    np.testing.assert_array_equal(protocol.faces.boxes[0], [10, 20, 30, 40])
    assert np.isnan(protocol.faces.boxes[4]).all()
    assert split.pairs.same.tolist() == [True, False]
    assert split.training_subjects.tolist() == ["300"]
    assert len(protocol.skipped) == 1
    assert "1 rows skipped: the comparison repeats" in protocol.summary()


@pytest.mark.parametrize(
    ("metadata", "comparisons", "message"),
    [
        (METADATA, ["1,7"], r"verify_comparisons_1\.csv:1: template '7' has no faces"),
        (METADATA, ["1,2,3"], r"comparisons_1\.csv:1: 3 values, expected 2"),
        ([row(1, 1, "../../etc/passwd", 1, 1)], ["1,1"], r"metadata_1\.csv:2: path .* leaves"),
        ([row(1, 1, "/etc/passwd", 1, 1)], ["1,1"], "leaves the data folder"),
        ([*METADATA, row(2, 999, "img/5.jpg", 1, 1)], ["1,2"], r":7: template '2' shows '999'"),
        ([row(1, "", "img/1.jpg", 1, 1)], ["1,1"], "SUBJECT_ID is empty"),
        ([row(1, 5, "img/1.jpg", 1, 1, "x,1,1,1")], ["1,1"], "FACE_X is 'x'"),
        ([METADATA[0][:-3]], ["1,1"], r"metadata_1\.csv:2: 22 values, expected 25"),
    ],
)
def test_ijba_errors_name_file_and_line(tmp_path, metadata, comparisons, message):
    write_split(tmp_path, 1, metadata, comparisons)
    with pytest.raises(DaganError, match=message) as error:
        read_ijba_verification(tmp_path, splits=[1])
    assert "\n" not in str(error.value)


def test_a_face_listed_twice_counts_once_and_is_reported(tmp_path):
    write_split(tmp_path, 1, [*METADATA, METADATA[1]], ["1,2"])
    protocol = read_ijba_verification(tmp_path, splits=[1])
    assert [len(found) for _, found in protocol.splits[0].templates.media_of(0)] == [1, 2]
    assert protocol.skipped[0].where.endswith("verify_metadata_1.csv:7")
    assert "1 rows skipped: the row repeats a face of the template" in protocol.summary()


def test_truncated_and_missing_files_are_named(tmp_path):
    split = write_split(tmp_path, 1, METADATA, ["1,2", "1,3"])
    comparisons = split / "verify_comparisons_1.csv"
    # Cut off within an id, 3 could have been 30.
    comparisons.write_text("1,2\n1,3")
    with pytest.raises(DaganError, match=r"comparisons_1\.csv: the last line has no end"):
        read_ijba_verification(tmp_path, splits=[1])
    comparisons.write_text("1,2\n")
    file = split / "verify_metadata_1.csv"
    file.write_text(file.read_text()[:-9])
    with pytest.raises(DaganError, match="last line has no end"):
        read_ijba_verification(tmp_path, splits=[1])
    file.write_text("TEMPLATE_ID,FILE\n")
    with pytest.raises(DaganError, match="lacks column 'SUBJECT_ID'"):
        read_ijba_verification(tmp_path, splits=[1])
    file.unlink()
    with pytest.raises(DaganError, match="no such file"):
        read_ijba_verification(tmp_path, splits=[1])


def test_missing_images_are_counted(tmp_path):
    write_split(tmp_path, 1, METADATA, ["1,2"])
    protocol = read_ijba_verification(tmp_path, splits=[1])
    with pytest.raises(DaganError, match=r"img/1\.jpg: no such image \(4 are missing in all, nei"):
        ImageFiles(protocol.root, protocol.faces.paths).check(protocol.faces.paths)


def test_ijba_search(tmp_path):
    folder = tmp_path / "IJB-A_1N_sets" / "split2"
    folder.mkdir(parents=True)
    for name, lines in (
        ("search_gallery_2.csv", [row(1, 100, "img/1.jpg", 1, 1), row(2, 200, "img/2.jpg", 2, 2)]),
        ("search_probe_2.csv", [row(3, 100, "img/3.jpg", 3, 3), row(4, 300, "img/4.jpg", 4, 4)]),
        ("train_2.csv", []),
    ):
        (folder / name).write_text("\n".join([HEADER, *lines]) + "\n")
    protocol = read_ijba_search(tmp_path, splits=[2])
    split = protocol.splits[0]
    search = split.searches[0]
    assert split.templates.subjects[search.gallery].tolist() == ["100", "200"]
    assert split.templates.subjects[search.probes].tolist() == ["100", "300"]
    assert search.pairs(split.templates).same.tolist() == [True, False, False, False]
    (folder / "search_probe_2.csv").write_text(f"{HEADER}\n{row(1, 100, 'img/1.jpg', 1, 1)}\n")
    with pytest.raises(DaganError, match="in the gallery and among the probes"):
        read_ijba_search(tmp_path, splits=[2])


def test_a_toy_of_ten_splits_scored_by_hand(tmp_path):
    # Faces are vectors by file: in odd splits the impostor is as near as the genuine pair.
    for split in range(1, 11):
        metadata = [
            row(1, 1, f"img/a{split}.jpg", 1, 1),
            row(2, 1, f"img/b{split}.jpg", 2, 2),
            row(3, 2, f"img/c{split}.jpg", 3, 3),
        ]
        write_split(tmp_path, split, metadata, ["1,2", "1,3", "2,3"])
    protocol = read_ijba_verification(tmp_path)
    vectors = {"a": [1.0, 0], "b": [0.8, 0.6], "c": [0, 1.0]}
    rates = []
    for split in protocol.splits:
        names = [path[4] for path in protocol.faces.paths]
        features = np.array([vectors[name] for name in names], np.float32)
        if int(split.name) % 2:
            features[np.array(names) == "c"] = vectors["b"]
        templates = split.templates
        means = media_means(features, templates.face, templates.media, templates.media_template)
        scores = pair_scores(means, split.pairs.first, split.pairs.second)
        rates.append(tar_at_far(scores, split.pairs.same, 0.5).tar)
    # a.b = .8 is genuine. Even: impostors a.c = 0, b.c = .6: one may pass, .8 does: TAR 1.
    # Odd: a.c = .8 ties with the genuine pair, b.c = 1: only b.c may pass: TAR 0.
    assert rates == [0.0, 1.0] * 5
    assert str(over_splits(rates)) == "0.500 ± 0.500"


def test_ijbc(tmp_path):
    points = " ".join(str(n) for n in range(10))
    (tmp_path / "ijbc_name_5pts_score.txt").write_text(
        f"1.jpg {points} 0.9\n2.jpg {points} 0.5\n3.jpg {points} 1\n"
    )
    (tmp_path / "ijbc_face_tid_mid.txt").write_text("1.jpg 7 70\n2.jpg 7 70\n3.jpg 8 80\n")
    labels = tmp_path / "ijbc_template_pair_label.txt"
    labels.write_text("7 8 1\n8 7 0\n")
    protocol = read_ijb_meta(tmp_path, tmp_path)
    assert protocol.name == "IJB-C 1:1"
    split = protocol.splits[0]
    assert split.pairs.same.tolist() == [True, False]
    assert protocol.faces.scores.tolist() == pytest.approx([0.9, 0.5, 1.0])
    np.testing.assert_array_equal(protocol.faces.landmarks[0, 1], [2, 3])
    # Ids that are no plain numbers go the slow way, with the same result.
    plain = (split.pairs.first.tolist(), split.pairs.second.tolist())
    faces = tmp_path / "ijbc_face_tid_mid.txt"
    faces.write_text(faces.read_text().replace(" 7 ", " 07 ").replace(" 8 ", " t8 "))
    labels.write_text("07 t8 1\nt8 07 0\n")
    pairs = read_ijb_meta(tmp_path, tmp_path).splits[0].pairs
    assert (pairs.first.tolist(), pairs.second.tolist()) == plain == ([0, 1], [1, 0])
    assert pairs.same.tolist() == [True, False]
    faces.write_text(faces.read_text().replace(" 07 ", " 7 ").replace(" t8 ", " 8 "))
    labels.write_text("7 8 1\n8 7")
    with pytest.raises(DaganError, match=r"label\.txt: the last line has no end"):
        read_ijb_meta(tmp_path, tmp_path)
    labels.write_text("7 8 1\n8 7\n")
    with pytest.raises(DaganError, match=r"label\.txt:2: 2 values, expected 3"):
        read_ijb_meta(tmp_path, tmp_path)
    labels.write_text("7 9 1\n")
    with pytest.raises(DaganError, match=r"label\.txt:1: template '9' has no faces"):
        read_ijb_meta(tmp_path, tmp_path)
    labels.write_text("7 8 2\n")
    with pytest.raises(DaganError, match="label is '2'"):
        read_ijb_meta(tmp_path, tmp_path)


IJBB = {
    "name_5pts_score.txt": "".join(f"{n}.jpg 0 1 2 3 4 5 6 7 8 9 1\n" for n in range(1, 8)),
    "face_tid_mid.txt": "1.jpg 7 70\n2.jpg 7 70\n3.jpg 8 80\n4.jpg 9 90\n5.jpg 10 91\n"
    "6.jpg 11 92\n7.jpg 99 93\n",
    "1N_gallery_S1.csv": "TEMPLATE_ID,SUBJECT_ID,FILENAME\n7,100,a\n7,100,b\n",
    "1N_gallery_S2.csv": "TEMPLATE_ID,SUBJECT_ID,FILENAME\n8,200,a\n",
    "1N_probe_mixed.csv": "TEMPLATE_ID,SUBJECT_ID,FILENAME\n9,100,a\n10,200,b\n11,300,c\n",
}


def write_ijbb(folder, **changes):
    for name, text in (IJBB | {f"{key}.csv": text for key, text in changes.items()}).items():
        (folder / f"ijbb_{name}").write_text(text)


def test_ijbb_search_is_an_open_set_in_each_gallery(tmp_path):
    write_ijbb(tmp_path)
    protocol = read_ijb_search(tmp_path, tmp_path, "ijbb")
    split = protocol.splits[0]
    assert [search.name for search in split.searches] == ["S1", "S2"]
    assert "99" not in split.templates.ids  # of the 1:1 protocol only
    for search, gallery, same in zip(
        split.searches, ["100", "200"], [[True, False, False], [False, True, False]], strict=True
    ):
        assert split.templates.subjects[search.gallery].tolist() == [gallery]
        assert split.templates.subjects[search.probes].tolist() == ["100", "200", "300"]
        assert search.pairs(split.templates).same.tolist() == same
    assert [(media, len(faces)) for media, faces in split.templates.media_of(0)] == [("70", 2)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"1N_probe_mixed": "TEMPLATE_ID,SUBJECT_ID\n7,100\n"},
         r"probe_mixed\.csv: template '7' is in gallery S1 and among the probes"),
        ({"1N_gallery_S2": "TEMPLATE_ID,SUBJECT_ID\n8,200\n8,201\n"},
         r"gallery_S2\.csv:3: template '8' shows '201', before '200'"),
        ({"1N_gallery_S2": "TEMPLATE_ID,SUBJECT_ID\n8,200\n50,201\n"},
         r"gallery_S2\.csv:3: template '50' has no faces"),
        ({"1N_gallery_S2": "TEMPLATE_ID,SUBJECT_ID\n8,\n"}, r"S2\.csv:2: TEMPLATE_ID is '8', SUBJ"),
        ({"1N_gallery_S2": "TEMPLATE_ID,SUBJECT_ID\n8,20"}, r"S2\.csv: the last line has no end"),
        ({"1N_gallery_S1": "TEMPLATE\n8\n"}, "lacks column 'TEMPLATE_ID'"),
    ],
)  # fmt: skip
def test_ijbb_search_errors_name_file_and_line(tmp_path, changes, message):
    write_ijbb(tmp_path, **changes)
    with pytest.raises(DaganError, match=message) as error:
        read_ijb_search(tmp_path, tmp_path, "ijbb")
    assert "\n" not in str(error.value)


def test_lfw(tmp_path):
    file = tmp_path / "pairs.txt"
    file.write_text("2\t1\nAnn\t1\t2\nAnn\t1\tBen\t3\nBen\t1\t3\nBen\t1\tAnn\t2\n")
    protocol = read_lfw(file, tmp_path)
    pairs = protocol.splits[0].pairs
    assert pairs.same.tolist() == [True, False, True, False]
    assert pairs.fold.tolist() == [0, 0, 1, 1]
    assert protocol.faces.paths[0] == "Ann/Ann_0001.jpg"
    assert len(protocol.faces) == 4
    file.write_text("2\t1\nAnn\t1\t2\n")
    with pytest.raises(DaganError, match="1 pairs, expected 4"):
        read_lfw(file, tmp_path)
    file.write_text("1\t1\nAnn\t1\tBen\t2\nAnn\t1\tBen\t2\n")
    with pytest.raises(DaganError, match=r"pairs\.txt:2: 4 values, expected 3"):
        read_lfw(file, tmp_path)


def test_cfp(tmp_path):
    protocol = tmp_path / "Protocol"
    for fold in range(1, 11):
        (protocol / "Split" / "FP" / f"{fold:02d}").mkdir(parents=True)
        for name, line in (("same.txt", "1,1\n"), ("diff.txt", "1,2\n")):
            (protocol / "Split" / "FP" / f"{fold:02d}" / name).write_text(line)
    (protocol / "Pair_list_F.txt").write_text("1 ../Data/Images/001/frontal/01.jpg\n")
    profiles = protocol / "Pair_list_P.txt"
    profiles.write_text(
        "1 ../Data/Images/001/profile/01.jpg\n2 ../Data/Images/002/profile/01.jpg\n"
    )
    read = read_cfp(tmp_path, "FP")
    pairs = read.splits[0].pairs
    assert pairs.same.sum() == 10
    assert sorted(set(pairs.fold.tolist())) == list(range(10))
    assert read.faces.paths[0] == "Data/Images/001/frontal/01.jpg"
    profiles.write_text("1 ../Data/Images/001/profile/01.jpg\n2 ../../other/Images/002/1.jpg\n")
    with pytest.raises(DaganError, match="leaves the data folder"):
        read_cfp(tmp_path, "FP")
    profiles.write_text("1 ../Data/Images/001/profile/01.jpg\n2 ../Data/Images/001/p/2.jpg\n")
    with pytest.raises(DaganError, match=r"diff\.txt:1: people 001 and 001"):
        read_cfp(tmp_path, "FP")
    with pytest.raises(DaganError, match="kind: got 'PP'"):
        read_cfp(tmp_path, "PP")


def test_frll(tmp_path):
    make_frll(tmp_path)
    protocol = read_frll(tmp_path, splits=3, seed=1)
    assert len(protocol.splits) == 3
    for split in protocol.splits:
        tested = set(split.templates.subjects)
        assert len(tested) == 4
        assert not tested & set(split.training_subjects)
        assert len(split.training_faces) == 4 * 10
        for search in split.searches:
            assert (len(search.gallery), len(search.probes)) == (4, 8)
            assert all("neutral_front" in path for path in split.templates.ids[search.gallery])
            assert all("smiling" in path for path in split.templates.ids[search.probes])
        assert "profile" in split.templates.ids[split.searches[1].probes][0]
        assert split.pairs.same.sum() == 16
        assert np.bincount(split.pairs.fold).tolist() == [32, 32]
    again = read_frll(tmp_path, splits=3, seed=1)
    assert again.splits[2].templates.ids.tolist() == protocol.splits[2].templates.ids.tolist()
    other = read_frll(tmp_path, splits=3, seed=2)
    assert any(
        a.templates.ids.tolist() != b.templates.ids.tolist()
        for a, b in zip(protocol.splits, other.splits, strict=True)
    )


def test_frll_reserved_people_are_trained_on_and_never_tested(tmp_path):
    make_frll(tmp_path)
    protocol = read_frll(tmp_path, splits=20, reserved=["000", "005"])
    for split in protocol.splits:
        tested = set(split.templates.subjects)
        assert len(tested) == 3  # Half of the six others.
        assert not tested & {"000", "005"}
        assert {"000", "005"} <= set(split.training_subjects)
        assert not tested & set(split.training_subjects)
    assert len({person for s in protocol.splits for person in s.templates.subjects}) == 6
    with pytest.raises(DaganError, match="reserved person '009' is not there"):
        read_frll(tmp_path, reserved=["009"])
    with pytest.raises(DaganError, match="3 people; expected at least 4"):
        read_frll(tmp_path, reserved=["000", "001", "002", "003", "004"])


def test_frll_of_both_galleries_has_either_of_them_one_after_the_other(tmp_path):
    make_frll(tmp_path)
    one, other, both = (
        read_frll(tmp_path, splits=1, gallery=name).splits[0]
        for name in ("neutral", "smiling", "both")
    )
    assert [s.name for s in both.searches] == ["three-quarter"] * 2 + ["profile"] * 2
    for place, split in enumerate((one, other)):
        for kind in (0, 1):
            mine, theirs = both.searches[2 * kind + place], split.searches[kind]
            for part in ("gallery", "probes"):
                assert (
                    both.templates.ids[getattr(mine, part)].tolist()
                    == split.templates.ids[getattr(theirs, part)].tolist()
                )
    assert np.bincount(both.pairs.fold).tolist() == [64, 64]
    with pytest.raises(DaganError, match="gallery 'sad': expected neutral, smiling or both"):
        read_frll(tmp_path, gallery="sad")


def test_frll_with_named_people_under_test(tmp_path):
    make_frll(tmp_path)
    protocol = read_frll(tmp_path, splits=20, test_people=["001", "006"])
    drawn = [set(split.training_subjects) for split in protocol.splits]
    for split, trained in zip(protocol.splits, drawn, strict=True):
        assert set(split.templates.subjects) == {"001", "006"}
        assert len(trained) == 4  # Two in three of the six others.
        assert not trained & {"001", "006"}
    assert len(set.union(*drawn)) == 6
    assert len({frozenset(one) for one in drawn}) > 5
    with pytest.raises(DaganError, match="person under test '009' is not there"):
        read_frll(tmp_path, test_people=["001", "009"])
    with pytest.raises(DaganError, match="people reserved and people under test; expected one"):
        read_frll(tmp_path, reserved=["000"], test_people=["001", "006"])
    with pytest.raises(DaganError, match="1 people under test and 7 others; expected at least 2"):
        read_frll(tmp_path, test_people=["001"])
