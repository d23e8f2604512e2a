"""Writes the BUILD files (Bazel) from the imports of the code.

    python scripts/generate_build.py            writes those that changed
    python scripts/generate_build.py --check    names those that are stale and exits with 1

A library a module, a test a test file, a binary a program, all as buildifier writes it. `deps`
holds the project's own modules, found in the imports wherever they stand; other packages are
named in a comment: they come from the environment that Bazel is started in.
"""

import argparse
import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOP = ("benchmarks", "dagan_tf", "serving", "tests", "trainer")
DATA_SUFFIXES = (".npz", ".yaml", ".html", ".j2", ".md", ".typed")
MODULE = rf"({'|'.join(TOP)})(\.\w+)+"
SCRIPT = rf"({'|'.join(TOP)})(/\w+)+\.py"
RULES = ("py_binary", "py_library", "py_test")
# Modules whose package's name differs from theirs.
PIP_NAMES = {
    "PIL": "Pillow",
    "absl": "absl-py",
    "cv2": "opencv-python-headless",
    "dlib": "dlib-bin",
    "google": "protobuf",
    "grpc": "grpcio",
    "jinja2": "Jinja2",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "tensorflow_serving": "tensorflow-serving-api",
    "yaml": "PyYAML",
}
PYTEST = "//scripts:run_pytest.py"
# Texts of a test that reads files which are no modules, and the label of these files.
FILES = {'"docs': "//:docs", '/ "serving"': "//serving:files"}
# A test of the checkout as a whole says so by this line; Bazel then runs it there, every time.
CHECKOUT = "ROOT = Path(__file__).resolve()"
HEADER = "# Made by scripts/generate_build.py; run it again after changing imports or files.\n"


def modules(root: Path) -> dict[str, Path]:
    """Dotted name of every Python file of the project below `root`, `__init__` for its package."""
    found = {}
    for top in TOP:
        for path in sorted((root / top).rglob("*.py")):
            if any(part.startswith(".") for part in path.relative_to(root).parts):
                continue
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path) -> set[str]:
    """Dotted names a file needs: imports, also lazy ones, `from a import b` as `a` and `a.b`.

    A text that is just a module's name counts as well: it is a resource folder, the home of a lazy
    name, or a program that a test starts. So does one of import statements, which a test hands to
    a Python of its own.
    """
    names = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and re.fullmatch(MODULE, str(node.value)):
            names.add(node.value)
        elif isinstance(node, ast.Constant) and re.fullmatch(SCRIPT, str(node.value)):
            names.add(node.value.removesuffix(".py").replace("/", "."))
        elif isinstance(node, ast.Constant) and str(node.value).startswith("import "):
            names |= {match[0] for match in re.finditer(MODULE, node.value)}
    return names


def _dependencies(name: str, known: dict[str, Path]) -> tuple[set[str], set[str]]:
    """Project modules and pip packages that a module needs."""
    # What its __init__ loads on first use would make a circle of all modules.
    if name == "dagan_tf":
        return set(), set()
    own, pip = set(), set()
    source = known[name].read_text(encoding="utf-8")
    package = name if known[name].name == "__init__.py" else name.rpartition(".")[0]
    for imported in imports(known[name]):
        top = imported.split(".")[0]
        if top in TOP:
            own.add(home(imported, known))
            parts = imported.split(".")
            # Importing a.b.c also runs a and a.b.
            own |= {p for n in range(1, len(parts)) if (p := ".".join(parts[:n])) in known}
        elif top not in sys.stdlib_module_names and not (known[name].parent / f"{top}.py").exists():
            pip.add(PIP_NAMES.get(top, top))
    # A folder of data beside the module, as in resources.files(package).joinpath("assets", ...).
    for folder, path in known.items():
        beside = path.name == "__init__.py" and folder.rpartition(".")[0] == package
        if beside and _data_of(path.parent) and f'"{path.parent.name}"' in source:
            own.add(folder)
    parts = name.split(".")
    own |= {p for n in range(1, len(parts)) if (p := ".".join(parts[:n])) in known}
    return {item for item in own if item in known and item != name}, pip


def home(imported: str, known: dict[str, Path]) -> str:
    """The module that an imported name is, or in which it stands."""
    while imported not in known and "." in imported:
        imported = imported.rpartition(".")[0]
    return imported


def _target(name: str, path: Path) -> str:
    return path.stem if path.stem != "__init__" else "init"


def _label(name: str, path: Path, folder: Path, root: Path) -> str:
    target = _target(name, path)
    if path.parent == folder:
        return f":{target}"
    package = path.parent.relative_to(root).as_posix()
    return f"//{package}" if target == path.parent.name else f"//{package}:{target}"


def _rule(name: str, known: dict[str, Path], data: list[str], root: Path) -> tuple[str, str]:
    path = known[name]
    own, pip = _dependencies(name, known)
    if path.name.startswith("test_"):
        kind = "py_test"
    elif "__main__" in path.read_text(encoding="utf-8") and path.name != "__init__.py":
        kind = "py_binary"
    else:
        kind = "py_library"
    if kind == "py_test" or path.name == "conftest.py":
        pip.add("pytest")
    if kind == "py_test":
        # pytest loads the conftest files above a test by itself.
        own |= {item for item in _conftests(path, known) if item != name}
    labels = [_label(item, known[item], path.parent, root) for item in own]
    lines = [f"{kind}(", f'    name = "{_target(name, path)}",']
    if kind == "py_test":
        lines.insert(1, "    # Started by pytest: main is scripts/run_pytest.py.")
        lines += _list("srcs", [path.name, PYTEST])
        lines.append('    args = ["$(location ' + path.name + ')"],')
        source = path.read_text(encoding="utf-8")
        lines += _list("data", [files for text, files in FILES.items() if text in source])
        lines.append(f'    main = "{PYTEST}",')
        if CHECKOUT in source:
            lines += _list("tags", ["external", "local"])
    else:
        lines += [*_list("srcs", [path.name]), *_list("data", data)]
    lines += _list("deps", labels)
    if pip:
        lines.append(f"    # pip: {', '.join(sorted(pip, key=str.casefold))}")
    return kind, "\n".join([*lines, ")"])


def _list(name: str, items: list[str]) -> list[str]:
    """Lines of an attribute, written as buildifier would: sorted, one item a line if several."""
    items = sorted(items, key=lambda item: (item[:2] == "//", re.split("[:.]", item)))
    if len(items) < 2:
        return [f'    {name} = ["{item}"],' for item in items]
    return [f"    {name} = [", *(f'        "{item}",' for item in items), "    ],"]


def _conftests(path: Path, known: dict[str, Path]) -> list[str]:
    return [n for n, p in known.items() if p.name == "conftest.py" and p.parent in path.parents]


def _data_of(folder: Path) -> list[str]:
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.is_file() and path.suffix in DATA_SUFFIXES and not path.name.startswith(".")
    )


def build_files(root: Path = ROOT) -> dict[Path, str]:
    """What each BUILD file should hold, by path."""
    known = modules(root)
    folders: dict[Path, list[str]] = {}
    for name, path in known.items():
        folders.setdefault(path.parent, []).append(name)
    files = {root / "BUILD": _root_file()}
    files[root / "scripts" / "BUILD"] = HEADER + (
        '\npackage(default_visibility = ["//visibility:public"])\n\n'
        'exports_files(["run_pytest.py"])\n'
    )
    for folder, names in folders.items():
        data = _data_of(folder)
        rules = []
        for name in sorted(names, key=lambda item: _target(item, known[item])):
            stem = known[name].stem
            # A folder's data belongs to its package; a template to the module beside it.
            mine = data if stem == "__init__" else []
            rules.append(_rule(name, known, mine, root))
        loads = ", ".join(f'"{kind}"' for kind in RULES if kind in {kind for kind, _ in rules})
        head = (
            f'{HEADER}load("@rules_python//python:defs.bzl", {loads})\n\n'
            'package(default_visibility = ["//visibility:public"])\n'
        )
        texts = [text for _, text in rules]
        if folder == root / "serving":
            texts.append(_filegroup("files", ["*.yaml", "config/*"]))
        files[folder / "BUILD"] = "\n".join([head, *(f"{text}\n" for text in texts)])
    return files


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
