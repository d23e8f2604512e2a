"""Programs hold flags and one call: their logic is in a room of the package."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 40
PROGRAMS = sorted(
    path for folder in ("trainer", "serving") for path in (ROOT / folder).glob("*.py")
)


def code_lines(source: str) -> int:
    """Lines that are no docstring, comment, import or definition of a flag, nor empty."""
    tree = ast.parse(source)
    left_out = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    left_out += [
        node
        for node in tree.body
        if isinstance(node, ast.Expr | ast.Assign) and ast.unparse(node.value).startswith("flags.")
    ]
    gone = {line for node in left_out for line in range(node.lineno, node.end_lineno + 1)}
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and number not in gone
        for number, line in enumerate(source.splitlines(), start=1)
    )


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_a_program_is_thin(path: Path) -> None:
    assert code_lines(path.read_text(encoding="utf-8")) <= MOST_LINES


NOTHING = '''"""What it does."""
import a
from b import (
    c,
)

# Flags.
FLAGS = flags.FLAGS
flags.DEFINE_bool(
    "d", True, ""
)
_E = flags.DEFINE_bool("e", True, "")
'''
TWO_LINES = '''
def main():
    """Runs."""
    import f

    return f.g()
'''


def test_what_counts_as_code() -> None:
    assert code_lines(NOTHING) == 0
    assert code_lines(NOTHING + TWO_LINES) == 2
