"""docs/architecture.md is what the code draws, and no two rooms import each other."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Pairs of rooms that may import each other: none, and none is to come.
ALLOWED: set[tuple[str, str]] = set()


@pytest.fixture(scope="module")
def drawing():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "scripts")
        yield importlib.import_module("draw_architecture")


@pytest.fixture(scope="module")
def found(drawing):
    return drawing.arrows()


def test_the_page_is_up_to_date(drawing, found):
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert page == drawing.page(ROOT, found), "run python scripts/draw_architecture.py"


def test_no_two_rooms_import_each_other(drawing, found):
    assert set(drawing.two_way_pairs(found)) == ALLOWED


def test_no_longer_circle_goes_round_without_such_a_pair(drawing, found):
    without = {room: set(others) for room, others in found.items()}
    for room, other in ALLOWED:
        without[room].discard(other)
        without[other].discard(room)
    assert drawing.circles(without) == []


@pytest.fixture
def toy(tmp_path):
    """Three rooms one above the other, and a loose module that all stand on."""
    sources = {
        "dagan_tf/__init__.py": "from dagan_tf.top.page import Page\n",
        "dagan_tf/errors.py": '"""What went wrong."""\n',
        "dagan_tf/low/__init__.py": '"""The ground.\n\nAnd more of it."""\n',
        "dagan_tf/low/stone.py": "from dagan_tf.errors import Broken\n",
        "dagan_tf/low/data/__init__.py": "",
        "dagan_tf/top/__init__.py": '"""The roof."""\n',
        "dagan_tf/top/page.py": "def f():\n    from dagan_tf.low import stone\n",
        "trainer/run.py": "import dagan_tf.top.page\nfrom dagan_tf import errors\n",
        "tests/test_page.py": "import dagan_tf.top.page\n",
    }
    for name, source in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    return tmp_path


def test_rooms_and_their_sentences(drawing, toy):
    assert drawing.rooms(toy) == {
        "dagan_tf.errors": "What went wrong.",
        "dagan_tf.low": "The ground.",
        "dagan_tf.top": "The roof.",
        "trainer": "",
    }


def test_floors_and_arrows(drawing, toy):
    found = drawing.arrows(toy)
    assert found["dagan_tf.top"] == {"dagan_tf.low"}  # A lazy import is one.
    assert drawing.floors(found) == [
        ["dagan_tf.errors"],
        ["dagan_tf.low"],
        ["dagan_tf.top"],
        ["trainer"],
    ]
    assert drawing.counts(found) == (
        "4 rooms on 4 floors, 4 arrows; pairs of rooms that import each other: none"
    )


def test_a_two_way_pair_and_a_longer_circle_are_found(drawing, toy):
    stone = toy / "dagan_tf/low/stone.py"
    stone.write_text("import dagan_tf.top.page\n")
    found = drawing.arrows(toy)
    assert drawing.two_way_pairs(found) == [("dagan_tf.low", "dagan_tf.top")]
    assert drawing.counts(found).endswith("import each other: low and top")

    (toy / "dagan_tf/mid.py").write_text("import dagan_tf.top.page\n")
    stone.write_text("import dagan_tf.mid\n")
    found = drawing.arrows(toy)
    assert drawing.two_way_pairs(found) == []
    circle = ["dagan_tf.low", "dagan_tf.mid", "dagan_tf.top"]
    assert drawing.circles(found) == [circle]
    assert drawing.floors(found) == [["dagan_tf.errors", *circle], ["trainer"]]


def test_a_new_sentence_makes_the_page_stale(drawing, toy):
    before = drawing.page(toy, drawing.arrows(toy))
    (toy / "dagan_tf/errors.py").write_text('"""What went wrong, and why."""\n')
    assert drawing.page(toy, drawing.arrows(toy)) != before
