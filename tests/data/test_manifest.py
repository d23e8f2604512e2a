import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagan_tf.data.manifest import (
    ManifestRow,
    ManifestWriter,
    SkippedRow,
    SkippedWriter,
    landmark_points,
    landmarks_text,
    read_manifest,
    read_skipped,
)
from dagan_tf.errors import DaganError

ROW = ManifestRow("p/a_yaw+060.png", "p/a_yaw+060_mask.png", "photos/a.jpg", "p", 60, 0, 0, 0.02)
HEADER = (
    "path,mask_path,source,identity,yaw,pitch,roll,fit_error,depth_path,landmarks,head_path,"
    "source_pose\n"
)


def write(folder, *rows):
    with ManifestWriter(folder) as writer:
        for row in rows:
            writer.write(row)


def test_file_is_plain_csv(tmp_path):
    write(tmp_path, ROW, ManifestRow("q.png", "", 'a,"b"', "é", -30.12346, -1e-9, 100, 1 / 3))
    assert (tmp_path / "manifest.csv").read_text(encoding="utf-8") == (
        HEADER
        + "p/a_yaw+060.png,p/a_yaw+060_mask.png,photos/a.jpg,p,60,0,0,0.02,,,,\n"
        + 'q.png,,"a,""b""",é,-30.1235,0,100,0.3333,,,,\n'
    )


def test_round_trip_and_append(tmp_path):
    write(tmp_path, ROW)
    second = ManifestRow("b.png", "", "x\\y, z.jpg", "ü", -30.5, 1.25, -0.75, 0.0123)
    write(tmp_path, second)
    assert read_manifest(tmp_path) == [ROW, second]


@given(st.text(max_size=30), st.floats(-180, 180))
def test_any_text_and_angle_come_back(tmp_path_factory, text, yaw):
    folder = tmp_path_factory.mktemp("m")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return
    write(folder, ManifestRow("a.png", "", text, text, yaw, 0, 0, 0), ROW)
    first, second = read_manifest(folder)
    assert first.source == first.identity == " ".join(text.splitlines())
    assert first.yaw == pytest.approx(yaw, abs=5.1e-5)
    assert second == ROW


def test_every_row_is_on_disk_at_once(tmp_path):
    writer = ManifestWriter(tmp_path)
    assert read_manifest(tmp_path) == []
    writer.write(ROW)
    assert read_manifest(tmp_path) == [ROW]
    writer.close()


def test_landmarks_are_written_with_one_decimal_and_read_again():
    assert landmarks_text(np.array([[17.72, 20.94], [-0.5, 7.0]])) == "17.7,20.9 -0.5,7.0"
    np.testing.assert_array_equal(landmark_points("17.7,20.9 -0.5,7.0"), [[17.7, 20.9], [-0.5, 7]])


def test_any_cut_loses_only_the_last_row_and_is_repaired(tmp_path):
    write(tmp_path, ROW, ROW)
    file = tmp_path / "manifest.csv"
    data = file.read_bytes()
    for keep in range(len(data)):
        file.write_bytes(data[:keep])
        whole = max(0, data[:keep].count(b"\n") - 1)
        if keep >= len(HEADER):
            assert read_manifest(tmp_path) == [ROW] * whole
        write(tmp_path, ROW)
        assert read_manifest(tmp_path) == [ROW] * (whole + 1), keep


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_process_loses_nothing_written(tmp_path):
    code = (
        "import os, signal, sys; from dagan_tf.data.manifest import *\n"
        "writer = SkippedWriter(sys.argv[1])\n"
        "for n in range(5): writer.write(SkippedRow(str(n), 'why'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert read_skipped(tmp_path) == [SkippedRow(str(n), "why") for n in range(5)]


def test_skipped(tmp_path):
    assert read_skipped(tmp_path) == []
    with SkippedWriter(tmp_path) as writer:
        writer.write(SkippedRow("a.jpg", "no face\nfound, sorry"))
    assert read_skipped(tmp_path) == [SkippedRow("a.jpg", "no face found, sorry")]


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path):
    text = HEADER + "a.png,,s,p,1,2,3,4,,,,\n"
    (tmp_path / "manifest.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert read_manifest(tmp_path) == [ManifestRow("a.png", "", "s", "p", 1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER.replace("yaw,", ""), r"manifest\.csv: missing column 'yaw'"),
        (HEADER.replace("yaw", "angle"), "missing column 'yaw'"),
        (HEADER.replace("\n", ",more\n"), "unknown column 'more'"),
        ("mask_path,path" + HEADER[len("path,mask_path") :], "columns in another order"),
        ("", "missing column 'path'"),
        (HEADER + "a.png,,s,p,1,2,3,4,,,,\na.png,,s,p,east,2,3,4,,,,\n", r"csv:3: yaw is 'east'"),
        (HEADER + "a.png,,s,p\n", r"manifest\.csv:2: 4 values; expected 12"),
        (HEADER + "../a.png,,s,p,1,2,3,4,,,,\n", r"csv:2: path is '\.\./a\.png'"),
        (HEADER + "a.png,b/../../c,s,p,1,2,3,4,,,,\n", "mask_path is"),
        (HEADER + "/etc/passwd,,s,p,1,2,3,4,,,,\n", "expected a path inside the folder"),
        (HEADER + "C:/a.png,,s,p,1,2,3,4,,,,\n", "expected a path inside the folder"),
        (HEADER + "..\\a.png,,s,p,1,2,3,4,,,,\n", "expected a path inside the folder"),
        (HEADER + ",,s,p,1,2,3,4,,,,\n", "path is empty"),
        (HEADER + '"a.png,,s,p,1,2,3,4\n', "not a CSV file"),
    ],
)
def test_bad_files_are_refused(tmp_path, text, message):
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(DaganError, match=message):
        read_manifest(tmp_path)


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "manifest.csv").write_bytes(HEADER.encode() + b"\xff\xfe,,s,p,1,2,3,4,,,,\n")
    with pytest.raises(DaganError, match="not a CSV file in UTF-8"):
        read_manifest(tmp_path)


def test_missing_manifest(tmp_path):
    with pytest.raises(DaganError, match=r"manifest\.csv: no such file"):
        read_manifest(tmp_path)


def test_writer_refuses_another_kind_of_file_and_leaves_it(tmp_path):
    (tmp_path / "manifest.csv").write_text("name,age\nx,3\nunfinished")
    with pytest.raises(DaganError, match="missing column 'path'"):
        ManifestWriter(tmp_path)
    assert (tmp_path / "manifest.csv").read_text() == "name,age\nx,3\nunfinished"


def test_writer_refuses_paths_that_leave(tmp_path):
    with ManifestWriter(tmp_path) as writer, pytest.raises(DaganError, match="inside the folder"):
        writer.write(ManifestRow("../a.png", "", "s", "p", 0, 0, 0, 0))
    assert read_manifest(tmp_path) == []
    assert os.listdir(tmp_path) == ["manifest.csv"]


def test_a_manifest_that_lacks_the_newest_column_only_is_read(tmp_path):
    (tmp_path / "manifest.csv").write_text(
        HEADER.replace(",head_path,source_pose", "") + 'a.png,,s,p,1,2,3,4,d.png,"1.0,2.0"\n'
    )
    (row,) = read_manifest(tmp_path)
    assert (row.depth_path, row.landmarks, row.head_path) == ("d.png", "1.0,2.0", "")


def test_a_manifest_without_the_newer_columns_is_read_and_continued(tmp_path):
    columns = "path,mask_path,source,identity,yaw,pitch,roll,fit_error"
    file = tmp_path / "manifest.csv"
    file.write_text(f"{columns}\na.png,,s,p,1,2,3,4\n")
    old = ManifestRow("a.png", "", "s", "p", 1, 2, 3, 4)
    assert read_manifest(tmp_path) == [old]
    new = ManifestRow("b.png", "", "s", "p", 1, 2, 3, 4, landmarks="1.0,2.0")
    write(tmp_path, new)
    assert file.read_text().splitlines()[-1] == 'b.png,,s,p,1,2,3,4,,"1.0,2.0",,'
    assert [row.path for row in read_manifest(tmp_path)] == ["a.png", "b.png"]
