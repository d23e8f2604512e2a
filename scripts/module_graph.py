"""Which module of the project needs which, as the imports of the code have it."""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOP = ("benchmarks", "dagan_tf", "serving", "tests", "trainer")
DATA_SUFFIXES = (".json", ".npz", ".yaml", ".html", ".j2", ".md", ".tflite", ".typed")
MODULE = rf"({'|'.join(TOP)})(\.\w+)+"
SCRIPT = rf"({'|'.join(TOP)})(/\w+)+\.py"
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


def dependencies(name: str, known: dict[str, Path]) -> tuple[set[str], set[str]]:
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
        if beside and data_of(path.parent) and f'"{path.parent.name}"' in source:
            own.add(folder)
    parts = name.split(".")
    own |= {p for n in range(1, len(parts)) if (p := ".".join(parts[:n])) in known}
    return {item for item in own if item in known and item != name}, pip


def home(imported: str, known: dict[str, Path]) -> str:
    """The module that an imported name is, or in which it stands."""
    while imported not in known and "." in imported:
        imported = imported.rpartition(".")[0]
    return imported


def data_of(folder: Path) -> list[str]:
    """Names of the files in a package's folder that are no modules but belong to it."""
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.is_file() and path.suffix in DATA_SUFFIXES and not path.name.startswith(".")
    )
