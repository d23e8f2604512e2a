import numpy as np
import pytest

from dagan_tf.embedders.mobilefacenet import MobileFaceNet
from dagan_tf.errors import DaganError
from dagan_tf.faces.detector import FaceBox
from dagan_tf.faces.face import Face
from dagan_tf.faces.photo_io import write_png
from dagan_tf.protocols.building import FaceTable, TemplateTable
from dagan_tf.protocols.protocol import Pairs, Protocol, Split
from dagan_tf.scoring import extraction
from dagan_tf.scoring.extraction import extract


class Finder:
    """Finds a face in all images but black ones."""

    def __init__(self, landmarks):
        assert landmarks == "dlib"

    def find_all(self, photo):
        box = FaceBox(0.0, 0.0, 4.0, 4.0, 1.0, "hog")
        return [Face(box, np.zeros((68, 2)))] if photo.any() else []


class Network:
    """Embeds by the first pixel; keeps the count, and stops like Ctrl-C after `most`."""

    def __init__(self, most=1000):
        self.done, self.most = 0, most

    def embed(self, photo, landmarks):
        if self.done == self.most:
            raise KeyboardInterrupt
        self.done += 1
        return photo[0, 0].astype(np.float64)


@pytest.fixture
def protocol(tmp_path, monkeypatch):
    monkeypatch.setattr(extraction, "FaceFinder", Finder)
    monkeypatch.setattr(extraction, "_PART", 4)
    faces, table = FaceTable(), TemplateTable()
    for number in range(10):
        write_png(tmp_path / f"{number}.png", np.full((8, 8, 3), 20 * number, np.uint8))
        table.add("here", str(number), "", "m", faces.add(f"{number}.png"))
    none = np.zeros(0, np.int64)
    pairs = Pairs(none, none, none.astype(bool), none)
    split = Split("1", table.templates(), pairs, (), none, none.astype(str))
    return Protocol("toy", tmp_path, faces.faces(), (split,), ())


def test_a_face_that_is_not_found_is_named_or_absent(protocol):
    with pytest.raises(
        DaganError, match=r"0\.png: no face found in the photo of 8x8 pixels; --missing=skip leaves"
    ):
        extract(protocol, Network())
    (protocol.root / "7.png").unlink()
    found = extract(protocol, Network(), skip_missing=True)
    assert found.present.tolist() == [n not in (0, 7) for n in range(10)]
    np.testing.assert_array_equal(found.features[:, 0], [0, 20, 40, 60, 80, 100, 120, 0, 160, 180])


def test_an_interrupted_run_goes_on(protocol):
    parts, steps = protocol.root / "parts", []
    with pytest.raises(KeyboardInterrupt):
        extract(protocol, Network(6), parts=parts, skip_missing=True)
    network = Network()
    found = extract(protocol, network, parts=parts, skip_missing=True, advance=steps.append)
    assert network.done == 6  # the second and third part; the first one is there, with its gap
    assert sum(steps) == 10
    whole = extract(protocol, Network(), skip_missing=True)
    np.testing.assert_array_equal(found.features, whole.features)
    np.testing.assert_array_equal(found.present, whole.present)
    # Who does not skip is told of the gap all the same, and a damaged part is made again.
    with pytest.raises(DaganError, match=r"0\.png: no face found"):
        extract(protocol, Network(), parts=parts)
    (parts / "000000004.npz").write_bytes(b"cut off")
    again = Network()
    extract(protocol, again, parts=parts, skip_missing=True)
    assert again.done == 4


def test_a_file_that_is_no_network_is_named(tmp_path):
    file = tmp_path / "net.tflite"
    file.write_text("no network")
    with pytest.raises(DaganError, match=r"net\.tflite: not a TFLite file"):
        MobileFaceNet(file)


def test_missing_files_are_counted_apart(protocol):
    for number in range(1, 10):
        (protocol.root / f"{number}.png").unlink()
    with pytest.raises(
        DaganError,
        match="of 10 faces 9 have no image file, in the images of 1 no face was found",
    ):
        extract(protocol, Network(), skip_missing=True)
    assert extraction.absent_faces(protocol, np.ones(10, bool)) == ""
