"""The BUILD files say what the code imports."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOP = ("benchmarks", "dagan_tf", "serving", "tests", "trainer")


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("gen", ROOT / "scripts" / "generate_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_are_up_to_date(generator):
    stale = [str(path.relative_to(ROOT)) for path in generator.stale_files()]
    assert not stale, "run python scripts/generate_build.py"


def test_new_import_makes_a_file_stale(generator, tmp_path):
    for name in TOP:
        (tmp_path / name).mkdir()
    (tmp_path / "scripts").mkdir()
    (tmp_path / "dagan_tf" / "a.py").write_text("import numpy\n")
    (tmp_path / "dagan_tf" / "b.py").write_text("")
    for path, text in generator.build_files(tmp_path).items():
        path.write_text(text)
    assert generator.stale_files(tmp_path) == []
    (tmp_path / "dagan_tf" / "a.py").write_text("def f():\n    from dagan_tf.b import x\n")
    assert generator.stale_files(tmp_path) == [tmp_path / "dagan_tf" / "BUILD"]
    assert '":b"' in generator.build_files(tmp_path)[tmp_path / "dagan_tf" / "BUILD"]


def test_dependencies_make_no_circle(generator):
    found = generator.needs(generator.modules(ROOT))
    needs = {target: others for target, (others, _) in found.items()}
    while needs:
        free = [name for name, others in needs.items() if not others & needs.keys()]
        assert free, f"circle among {sorted(needs)}"
        for name in free:
            del needs[name]


def test_a_folder_is_one_call(generator, tmp_path):
    for name in ("dagan_tf/low", "tests/low"):
        (tmp_path / name).mkdir(parents=True)
    sources = {
        "dagan_tf/__init__.py": "",
        "dagan_tf/low/__init__.py": "",
        "dagan_tf/low/stone.py": "import numpy\n",
        "dagan_tf/low/run.py": "import dagan_tf.low.stone\nif __name__ == '__main__': ...\n",
        "tests/conftest.py": "import dagan_tf.low.stone\n",
        "tests/low/test_stone.py": "from dagan_tf.low.stone import weight\n",
    }
    for name, source in sources.items():
        (tmp_path / name).write_text(source)
    found = generator.build_files(tmp_path)
    room = found[tmp_path / "dagan_tf/low/BUILD"]
    assert room.endswith('room(\n    programs = ["run"],\n    # pip: numpy\n)\n')
    tests = found[tmp_path / "tests/low/BUILD"]
    assert '"//dagan_tf/low",\n        "//tests:conftest",\n' in tests
