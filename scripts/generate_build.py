"""Writes the BUILD files (Bazel) from the imports of the code.

    python scripts/generate_build.py            writes those that changed
    python scripts/generate_build.py --check    names those that are stale and exits with 1

One call of a macro of scripts/rooms.bzl a folder: a library a folder, a test a test file, a binary
a program; in `dagan_tf/` itself a library a module. `deps` holds the project's own folders, found
in the imports wherever they stand; other packages are named in a comment: they come from the
environment that Bazel is started in. All as buildifier writes it.
"""

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from module_graph import ROOT, data_of, dependencies, modules

PACKAGE = "dagan_tf"
RULES = ("py_binary", "py_library")
# Texts of a test that reads files which are no modules, and the label of these files.
FILES = {'"docs': "//:docs", '/ "serving"': "//serving:files"}
# A test of the checkout as a whole says so by this line; Bazel then runs it there, every time.
CHECKOUT = "ROOT = Path(__file__).resolve()"
# By label, the labels and the pip packages a target needs.
Targets = dict[str, tuple[set[str], set[str]]]
HEADER = "# Made by scripts/generate_build.py; run it again after changing imports or files.\n"


def label(path: Path, root: Path = ROOT) -> str:
    """The target that holds a module.

    It is the folder's, but for a package itself, a conftest.py, which all tests below need, and
    what lies loose in the project's package.
    """
    folder = path.parent.relative_to(root).as_posix()
    if path.name == "__init__.py":
        return f"//{folder}:init"
    if folder == PACKAGE or path.name == "conftest.py":
        return f"//{folder}:{path.stem}"
    return f"//{folder}"


def needs(known: dict[str, Path], root: Path = ROOT) -> Targets:
    """The targets that each target needs, and the pip packages."""
    found: Targets = {}
    for name, path in known.items():
        own, pip = dependencies(name, known)
        if path.is_relative_to(root / "tests"):
            pip.add("pytest")
            # pytest loads the conftest files above a test by itself.
            own |= {item for item in _conftests(path, known) if item != name}
        mine = label(path, root)
        others, packages = found.setdefault(mine, (set(), set()))
        others |= {label(known[item], root) for item in own} - {mine}
        packages |= pip
    for mine, (others, _) in found.items():
        # A folder's target brings its package, and those above.
        given = [other for other in others if not other.endswith(":init")]
        if not mine.startswith(f"//{PACKAGE}:"):
            given.append(mine)
        for package in others - set(given):
            folder = package.removesuffix(":init")
            if any(one == folder or one.startswith((f"{folder}/", f"{folder}:")) for one in given):
                others.remove(package)
    return found


def _is_program(path: Path) -> bool:
    return path.name != "__init__.py" and "__main__" in path.read_text(encoding="utf-8")


def _list(name: str, items: Iterable[str]) -> list[str]:
    """Lines of an attribute, written as buildifier would: sorted, one item a line if several."""
    items = sorted(items, key=lambda item: (item[:2] == "//", re.split("[:.]", item)))
    if len(items) < 2:
        return [f'    {name} = ["{item}"],' for item in items]
    return [f"    {name} = [", *(f'        "{item}",' for item in items), "    ],"]


def _comment(pip: set[str]) -> list[str]:
    return [f"    # pip: {', '.join(sorted(pip, key=str.casefold))}"] if pip else []


def _conftests(path: Path, known: dict[str, Path]) -> list[str]:
    return [n for n, p in known.items() if p.name == "conftest.py" and p.parent in path.parents]


def build_files(root: Path = ROOT) -> dict[Path, str]:
    """What each BUILD file should hold, by path."""
    known = modules(root)
    folders: dict[Path, dict[str, Path]] = {}
    for name, path in known.items():
        folders.setdefault(path.parent, {})[name] = path
    files = {root / "BUILD": _root_file()}
    files[root / "scripts" / "BUILD"] = HEADER + (
        '\npackage(default_visibility = ["//visibility:public"])\n\n'
        'exports_files(["run_pytest.py"])\n'
    )
    targets = needs(known, root)
    for folder, inside in folders.items():
        if folder == root / PACKAGE:
            text = _loose(inside, targets, root)
        elif folder.is_relative_to(root / "tests"):
            text = _tests(folder, inside, targets, root)
        else:
            text = _room(folder, inside, targets, root)
        if folder == root / "serving":
            text += f"\n{_filegroup('files', ['*.yaml', 'config/*'])}\n"
        files[folder / "BUILD"] = text
    return files


def _loose(inside: dict[str, Path], targets: Targets, root: Path) -> str:
    """A rule a module."""
    rules = []
    for path in sorted(inside.values(), key=lambda path: label(path, root)):
        others, pip = targets[label(path, root)]
        home, _, target = label(path, root).partition(":")
        lines = [
            "py_binary(" if _is_program(path) else "py_library(",
            f'    name = "{target}",',
            *_list("srcs", [path.name]),
            *_list("data", data_of(path.parent) if path.name == "__init__.py" else []),
            *_list("deps", [_near(other, home) for other in others]),
            *_comment(pip),
            ")",
        ]
        rules.append(lines)
    kinds = ", ".join(f'"{kind}"' for kind in RULES if any(rule[0] == f"{kind}(" for rule in rules))
    return _file("@rules_python//python:defs.bzl", kinds, *rules)


def _room(folder: Path, inside: dict[str, Path], targets: Targets, root: Path) -> str:
    programs = [path.stem for path in inside.values() if _is_program(path)]
    others, pip = targets.get(f"//{folder.relative_to(root).as_posix()}", (set(), set()))
    lines = [*_list("programs", programs), *_list("deps", others), *_comment(pip)]
    return _file("//scripts:rooms.bzl", '"room"', ["room(", *lines, ")"] if lines else ["room()"])


def _tests(folder: Path, inside: dict[str, Path], targets: Targets, root: Path) -> str:
    home = f"//{folder.relative_to(root).as_posix()}"
    (others, pip), (conftest, more) = (
        targets.get(one, (set(), set())) for one in (home, f"{home}:conftest")
    )
    sources = {path.stem: path.read_text(encoding="utf-8") for path in inside.values()}
    data = {files for text, files in FILES.items() if any(text in one for one in sources.values())}
    lines = [
        "tests(",
        *_list("checkout", [name for name, source in sources.items() if CHECKOUT in source]),
        *_list("conftest", [_near(other, home) for other in conftest]),
        *_list("data", data),
        *_list("deps", [_near(other, home) for other in others]),
        *_comment(pip | more),
        ")",
    ]
    return _file("//scripts:rooms.bzl", '"tests"', lines)


def _near(other: str, home: str) -> str:
    """A label as it is written in a folder's own BUILD file."""
    return other.removeprefix(home) if other.partition(":")[0] == home else other


def _file(home: str, names: str, *rules: list[str]) -> str:
    head = [f'load("{home}", {names})', "", 'package(default_visibility = ["//visibility:public"])']
    return HEADER + "\n".join([*head, *("\n" + "\n".join(rule) for rule in rules), ""])


def _root_file() -> str:
    programs = {
        "export": "//serving:export",
        "quickstart": "//trainer:quickstart",
        "refine": "//trainer:refine",
        "server": "//serving:server",
        "simulate": "//trainer:simulate",
        "train": "//trainer:task",
    }
    aliases = "\n".join(
        f'\nalias(\n    name = "{name}",\n    actual = "{label}",\n)'
        for name, label in programs.items()
    )
    docs = _filegroup("docs", ["docs/**"])
    return f'{HEADER}\npackage(default_visibility = ["//visibility:public"])\n{aliases}\n\n{docs}\n'


def _filegroup(name: str, patterns: list[str]) -> str:
    srcs = "\n".join(_list("srcs", patterns)).replace("[", "glob([").replace("]", "])")
    return f'filegroup(\n    name = "{name}",\n{srcs}\n)'


def stale_files(root: Path = ROOT) -> list[Path]:
    """BUILD files that are absent or not what `build_files` gives."""
    return [
        path
        for path, text in build_files(root).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if stale")
    check = parser.parse_args(arguments).check
    stale = stale_files()
    for path in stale:
        print(f"{'stale' if check else 'wrote'}: {path.relative_to(ROOT)}")
    if check:
        return 1 if stale else 0
    texts = build_files()
    for path in stale:
        path.write_text(texts[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
