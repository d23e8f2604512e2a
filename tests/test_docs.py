"""Commands, links and code of the README and of docs/ name things that exist."""

import ast
import importlib.util
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ABSL_FLAGS = {"help", "helpfull", "flagfile", "verbosity", "v", "logtostderr", "alsologtostderr"}


def _commands(text: str) -> list[list[str]]:
    text = text.replace("\\\n", " ")
    found = re.findall(r"^(?:\s{4}|\s*\$ )?(python -m \w[^\n]*)$", text, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in found]


def _source(module: str) -> Path:
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def _flags(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and "DEFINE_" in ast.unparse(node.func):
            names.add(ast.literal_eval(node.args[0]))
    return names


def _complaints(text: str) -> list[str]:
    wrong = []
    for words in _commands(text):
        module, options = words[2], words[3:]
        if not _source(module).is_file():
            if module.split(".")[0] in ("trainer", "serving", "benchmarks", "dagan_tf"):
                wrong.append(f"no module {module}")
            continue
        known = _flags(_source(module)) | ABSL_FLAGS
        for option in options:
            name = re.match(r"--(?:no)?(\w+)", option)
            whole = re.match(r"--(\w+)", option)
            if whole and whole[1] not in known and name[1] not in known:
                wrong.append(f"{module} has no flag {whole[0]}")
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_have_the_flags_they_show(page):
    assert _complaints(page.read_text(encoding="utf-8")) == []


def test_wrong_commands_are_found():
    assert _complaints("    python -m trainer.simulate --photos=a --foto=b") == [
        "trainer.simulate has no flag --foto"
    ]
    assert _complaints("python -m trainer.simulat") == ["no module trainer.simulat"]
    assert _complaints("python -m trainer.simulate \\\n    --foto=b") != []


def test_readme_shows_the_whole_chain():
    shown = {words[2] for words in _commands(PAGES[0].read_text(encoding="utf-8"))}
    assert shown >= {
        "trainer.simulate",
        "trainer.task",
        "trainer.refine",
        "serving.export",
        "serving.server",
        "serving.client",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_python_of_the_readme_compiles_and_its_imports_exist():
    blocks = re.findall(r"```python\n(.*?)```", PAGES[0].read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                assert importlib.util.find_spec(node.module.split(".")[0])
                if node.module.startswith("dagan_tf."):
                    assert _source(node.module).is_file()


def test_training_page_lists_every_config_key_with_its_default():
    from dagan_tf import config

    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `([\w.]+)` \| `([^`]*)` \|", page, re.MULTILINE))
    defaults = {key: str(value) for key, value in _flat(config.Config()).items()}
    assert {key: value for key, value in listed.items() if key in defaults} == defaults


def _flat(settings, prefix=""):
    flat = {}
    for name, value in vars(settings).items():
        nested = hasattr(value, "__dataclass_fields__")
        flat |= _flat(value, f"{prefix}{name}.") if nested else {prefix + name: value}
    return flat
