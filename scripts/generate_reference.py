"""Writes what the docs list: every program's flags, every key of the training's configuration.

    python scripts/generate_reference.py            writes the pages that changed
    python scripts/generate_reference.py --check    names those that are stale and exits with 1

docs/flags.md is made whole, from the programs' own flags; the table "Every key" of
docs/training.md from the docstrings, defaults and limits of `dagan_tf/config/sections.py`.
"""

import argparse
import dataclasses
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from absl import flags  # noqa: E402

from benchmarks.startup_speed import programs  # noqa: E402
from dagan_tf.config.settings import Config  # noqa: E402

FLAGS_PAGE = ROOT / "docs" / "flags.md"
KEYS_PAGE = ROOT / "docs" / "training.md"
KEYS_TABLE = re.compile(r"^\| key \| default \| meaning \|\n(?:\|.*\n)*", re.MULTILINE)
FLAGS_HEAD = """\
# Flags

Every program also takes `--help`, `--verbose` (what TensorFlow's libraries say, and more of a log)
and `--flagfile=FILE` (flags from a file, one a line). Lists are separated by commas; `--noNAME`
turns a switch off. Exit codes: 0 done, 2 bad input (one line on stderr), 130 interrupted. Keys for
`--set`: [training](training.md#every-key). This page is made by
`python scripts/generate_reference.py`.
"""


def flags_page() -> str:
    """The page of all programs' flags."""
    return "\n".join([FLAGS_HEAD, *(_program(name) for name in programs())])


def _program(module: str) -> str:
    """A program's section. Its flags are forgotten again: the next one may use their names."""
    program = importlib.import_module(module)
    own = list(flags.FLAGS.flags_by_module_dict().get(module, []))
    rows = [_row(flag) for flag in own]
    for flag in own:
        delattr(flags.FLAGS, flag.name)
    summary, _, rest = inspect.cleandoc(program.__doc__ or "").partition("\n\n")
    commands = [line.strip() for line in _joined(rest) if line.strip().startswith("python -m")]
    return "\n".join(
        [
            *(f"## {module}", "", summary, ""),
            *(f"    {command}" for command in commands),
            *("", "| flag | default | meaning |", "|---|---|---|"),
            *(*rows, ""),
        ]
    )


def _joined(text: str) -> list[str]:
    """Lines; a command's second one, which is indented or follows a backslash, beside its first."""
    return re.sub(r"\s*\\\n\s*|\n +(?=\[?--)", " ", text).splitlines()


def _row(flag: flags.Flag) -> str:
    default = flag.default
    if isinstance(default, list):
        default = ",".join(map(str, default))
    shown = "" if default in (None, "") else f"`{default}`"
    if any("other than None" in validator.message for validator in flag.validators):
        shown = "required"
    choices = getattr(flag.parser, "enum_values", None)
    # absl adds to the help what is plain from the table.
    meaning = re.sub(r"^<.*?>: |;\s+repeat this option .*$", "", " ".join(flag.help.split()))
    if choices and not all(choice in meaning for choice in choices):
        meaning += f" One of {', '.join(choices)}."
    return f"| `--{flag.name}` | {shown} | {_cell(meaning)} |"


def keys_table() -> str:
    """The table of all keys of a configuration."""
    rows = [f"| `{key}` | `{default}` | {_cell(text)} |" for key, default, text in _keys(Config())]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *rows, ""])


def _keys(settings: object, prefix: str = "") -> Iterator[tuple[str, object, str]]:
    meanings = _attributes(type(settings))
    for field in dataclasses.fields(settings):  # type: ignore[arg-type]
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            yield from _keys(value, f"{prefix}{field.name}.")
            continue
        meaning = meanings[field.name].rstrip(".")
        choices = field.metadata.get("choices")
        if choices:
            meaning += f" (one of {', '.join(map(str, choices))})"
        yield prefix + field.name, value, meaning


def _attributes(kind: type) -> dict[str, str]:
    """What a class's docstring says of each attribute."""
    _, _, text = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")
    found = re.findall(r"^    (\w+): ((?:.*\n?)(?:^     +.*\n?)*)", text, re.MULTILINE)
    return {name: " ".join(meaning.split()) for name, meaning in found}


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def pages() -> dict[Path, str]:
    """What each page should hold, by path."""
    training = KEYS_PAGE.read_text(encoding="utf-8")
    table = keys_table()
    return {FLAGS_PAGE: flags_page(), KEYS_PAGE: KEYS_TABLE.sub(lambda _: table, training)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if stale")
    check = parser.parse_args().check
    stale = {
        path: text
        for path, text in pages().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        print(f"{'stale' if check else 'wrote'}: {path.relative_to(ROOT)}")
        if not check:
            path.write_text(text, encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
