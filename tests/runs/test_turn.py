"""Photos in, simulated and refined faces out: the call and the command."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dagan_tf.errors import DaganError
from dagan_tf.faces.face import FaceNotFoundError
from dagan_tf.faces.photo_io import read_photo, write_png
from dagan_tf.pretrained import card
from dagan_tf.runs import turn as module
from dagan_tf.runs.turn import turn, turn_files
from dagan_tf.simulator.render.camera import Pose
from dagan_tf.simulator.simulator import Simulator
from tests.helpers.programs import ROOT, run_program
from tests.helpers.tiny_pretrained import IMAGE_SIZE, package_tiny


@pytest.fixture(autouse=True)
def box(tmp_path_factory, monkeypatch):
    package_tiny(tmp_path_factory.mktemp("box"), monkeypatch)
    module._refiner.cache_clear()
    yield
    module._refiner.cache_clear()


def test_a_face_is_shown_from_every_side_asked_for(astronaut):
    faces = turn(astronaut, yaws=(-30, 45.0), image_size=48)
    assert [face.view.pose.yaw for face in faces] == [-30, 45]
    for face in faces:
        assert face.refined.shape == face.simulated.shape == (48, 48, 3)
        assert face.refined.dtype == np.uint8
        assert (face.refined != face.simulated).any()


def test_the_size_is_that_of_the_training(astronaut):
    assert turn(astronaut, yaws=iter([30]))[0].refined.shape[0] == IMAGE_SIZE


def test_files_become_folders_and_a_sheet(astronaut, tmp_path):
    write_png(tmp_path / "me.png", astronaut)
    write_png(tmp_path / "wall.png", np.full((80, 80, 3), 200, np.uint8))
    out = tmp_path / "out"
    left_out = turn_files([tmp_path / "me.png", tmp_path / "wall.png"], out, [-30.0, 30.0])
    assert list(left_out) == [tmp_path / "wall.png"]
    assert "no face" in left_out[tmp_path / "wall.png"]
    names = ["me_yaw+030.png", "me_yaw-030.png"]
    for kind in ("simulated", "refined"):
        assert sorted(path.name for path in (out / kind).iterdir()) == names
    sheet = read_photo(out / "contact_sheet.png")
    assert sheet.shape[0] > 2 * IMAGE_SIZE
    assert sheet.shape[1] > 3 * IMAGE_SIZE


def test_photos_of_telephones_are_turned_as_the_same_png(telephone_photos, tmp_path):
    assert turn_files([*telephone_photos.values()], tmp_path, [45.0]) == {}
    for kind in ("simulated", "refined"):
        png = read_photo(tmp_path / kind / "png_1_yaw+045.png").astype(int)
        for suffix in ("heic", "avif"):
            view = read_photo(tmp_path / kind / f"{suffix}_1_yaw+045.png")
            assert np.abs(view - png).mean() < 3.0, (kind, suffix)


def test_a_photo_without_a_face_is_refused():
    with pytest.raises(FaceNotFoundError):
        turn(np.full((80, 80, 3), 200, np.uint8), yaws=(30,))


@pytest.mark.parametrize(
    ("yaws", "message"),
    [([120.0], r"yaw: got 120.0, expected degrees"), ([], "yaws: got none"), (30, "yaws: got")],
)
def test_bad_yaws_are_refused_before_anything_is_made(yaws, message, tmp_path):
    with pytest.raises(DaganError, match=message):
        turn_files([tmp_path / "me.png"], tmp_path / "out", yaws)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_process_beside_this_one_draws_the_same_views(astronaut, tmp_path):
    write_png(tmp_path / "me.png", astronaut)
    write_png(tmp_path / "wall.png", np.full((80, 80, 3), 200, np.uint8))
    files, loaded = [tmp_path / "me.png", tmp_path / "wall.png"], []
    apart = turn_files(files, tmp_path / "apart", [30.0], meanwhile=lambda: loaded.append(True))
    assert loaded == [True]
    assert apart == turn_files(files, tmp_path / "here", [30.0])
    made = sorted(path.relative_to(tmp_path / "here") for path in tmp_path.glob("here/**/*.png"))
    assert len(made) == 3
    for path in made:
        assert (tmp_path / "apart" / path).read_bytes() == (tmp_path / "here" / path).read_bytes()


_FIRST_USE = """
import os, sys
from pathlib import Path
from dagan_tf.runs import turn

def names():
    return sorted({path.name.split("-")[0] for path in Path(sys.argv[2]).glob("*/*.nbc")})

if __name__ == "__main__":
    drawing = turn._start_apart(48, "dlib", [30.0])
    drawing.ready()
    print(*names())
    files = len(list(Path(sys.argv[2]).glob("*/*.nbc")))
    assert turn._draw(drawing, Path(sys.argv[1])).images.shape == (1, 48, 48, 3)
    print("compiled later:", len(list(Path(sys.argv[2]).glob("*/*.nbc"))) - files)
    turn._compiling_beside = None
    turn._start_apart(48, "dlib", [30.0])
"""


@pytest.mark.slow
def test_what_a_first_use_compiles_is_compiled_by_two_processes_before_it_is_needed(
    astronaut, tmp_path
):
    """All of it, for the types it is called with; the next time there is no second process."""
    write_png(tmp_path / "me.png", astronaut)
    (tmp_path / "program.py").write_text(_FIRST_USE)
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py", tmp_path / "me.png", tmp_path / "cache"],
        capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path / "cache")},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    names, later = done.stdout.splitlines()
    assert {
        "rasterizer._draw", "rasterizer._spread", "kernel.eliminate", "shading._shade",
    } <= set(names.split())  # fmt: skip
    assert later == "compiled later: 0"


@pytest.mark.slow
def test_the_command_loads_tensorflow_in_silence_and_no_compiler(astronaut, tmp_path):
    """Numba works in the process beside it, so that the two can start at once."""
    write_png(tmp_path / "me.png", astronaut)
    command = f"dagan_tf {tmp_path / 'me.png'} --yaws=30 --output={tmp_path / 'out'}"
    program = (
        "import runpy, sys\n"
        f"if __name__ == '__main__':\n"
        f"    sys.argv = {command.split()}\n"
        "    try:\n        runpy.run_module('dagan_tf', run_name='__main__')\n"
        "    except SystemExit as end:\n"
        "        print(end.code, 'numba' in sys.modules, 'tensorflow' in sys.modules)\n"
    )
    (tmp_path / "program.py").write_text(program)
    kept = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"], capture_output=True, text=True,
        env={**kept, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.stderr, done.stdout.splitlines()[1:]) == ("", ["0 False True"])


def test_what_loads_tensorflow_is_called_before_a_model_of_ones_own_is_read(tmp_path):
    """Else its libraries' greetings would come with the model."""
    order = []
    with pytest.raises(DaganError, match="no such folder"):
        turn_files(
            [tmp_path / "me.png"],
            tmp_path / "out",
            model=tmp_path / "none",
            meanwhile=lambda: order.append("loaded"),
        )
    assert order == ["loaded"]


def test_a_side_that_the_photo_hides_is_named(astronaut, tmp_path, monkeypatch):
    """The others are made. Half a degree has a file of its own."""
    write_png(tmp_path / "me.png", astronaut)
    simulate = Simulator.simulate
    turned = Pose(40.0)

    def of_a_turned_photo(self, photo, yaws, **found):
        views = simulate(self, photo, [yaw for yaw in yaws if yaw > 0], **found)
        return [dataclasses.replace(view, source_pose=turned) for view in views]

    monkeypatch.setattr(Simulator, "simulate", of_a_turned_photo)
    left_out = turn_files([tmp_path / "me.png"], tmp_path / "out", [-30.0, 50.5, 50.0])
    assert "me.png: yaw: got -30, expected +40 to +90 degrees" in left_out[tmp_path / "me.png"]
    assert sorted(path.name for path in (tmp_path / "out" / "refined").iterdir()) == [
        "me_yaw+050.5.png",
        "me_yaw+050.png",
    ]


def test_photos_of_one_name_are_refused(tmp_path):
    with pytest.raises(DaganError, match="has the same name as"):
        turn_files([tmp_path / "a" / "me.png", tmp_path / "b" / "me.jpg"], tmp_path / "out")


def _damage(file):
    file.write_bytes(b"no weights")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_damage, "face-224.npz: the packaged weights are damaged (SHA-256 "),
        (Path.unlink, "face-224.npz: the packaged weights cannot be read ("),
    ],
)
def test_weights_that_are_no_good_are_one_line(astronaut, tmp_path, harm, message):
    write_png(tmp_path / "me.png", astronaut)
    harm(card._folder() / f"{card.DEFAULT}.npz")
    done = run_program("dagan_tf", tmp_path / "me.png", f"--output={tmp_path / 'out'}")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert message.replace("face-224", card.DEFAULT) in line
    assert line.endswith("install dagan-tf anew")
    assert not (tmp_path / "out").exists()


def test_photos_without_a_face_are_named_and_the_others_turned(astronaut, tmp_path):
    write_png(tmp_path / "me.png", astronaut)
    write_png(tmp_path / "wall.png", np.full((80, 80, 3), 200, np.uint8))
    (tmp_path / "notes.png").write_text("no photo")
    names = [tmp_path / name for name in ("wall.png", "notes.png", "me.png")]
    done = run_program("dagan_tf", *names, "--yaws=30", f"--output={tmp_path / 'out'}")
    assert done.returncode == 2
    assert done.stdout == f"1 of 3 photos turned to all sides: {tmp_path / 'out'}\n"
    said = done.stderr.splitlines()
    assert [line.split(": ")[:2] for line in said] == [
        ["left out", str(name)] for name in names[:2]
    ]
    assert "no face" in said[0]
    assert (tmp_path / "out" / "refined" / "me_yaw+030.png").is_file()


def test_an_output_that_cannot_be_written_is_one_line(astronaut, tmp_path):
    write_png(tmp_path / "me.png", astronaut)
    (tmp_path / "out").write_text("kept")
    done = run_program("dagan_tf", tmp_path / "me.png", f"--output={tmp_path / 'out'}")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert str(tmp_path / "out") in done.stderr
    assert (tmp_path / "out").read_text() == "kept"


def test_the_command_wants_photos(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "dagan_tf", f"--output={tmp_path}"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "__main__.py: PHOTO... must be given (--help lists the flags)\n"
