"""The BUILD files say what the code imports."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


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
    for name in generator.TOP:
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
    known = generator.modules(ROOT)
    needs = {name: generator._dependencies(name, known)[0] for name in known}
    while needs:
        free = [name for name, others in needs.items() if not others & needs.keys()]
        assert free, f"circle among {sorted(needs)}"
        for name in free:
            del needs[name]
