"""Commands, links and code of the README and of docs/ name things that exist."""

import ast
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Of absl and of dagan_tf/core/program.py.
COMMON_FLAGS = {
    "verbose",
    "help",
    "helpfull",
    "flagfile",
    "verbosity",
    "v",
    "logtostderr",
    "alsologtostderr",
}


def commands(text: str) -> list[list[str]]:
    """The words of each `python -m ...` that a page shows."""
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
    for words in commands(text):
        module, options = words[2], words[3:]
        if not _source(module).is_file():
            if module.split(".")[0] in ("trainer", "serving", "benchmarks", "dagan_tf"):
                wrong.append(f"no module {module}")
            continue
        known = _flags(_source(module)) | COMMON_FLAGS
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
    shown = {words[2] for words in commands(PAGES[0].read_text(encoding="utf-8"))}
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


def test_the_papers_symbols_name_what_is_there():
    from dagan_tf.config.settings import Config
    from dagan_tf.gan import losses
    from dagan_tf.gan.dagan import METRIC_NAMES

    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    table = page.partition("| paper | meaning | here |")[2].partition("\n\n")[0]
    names = re.findall(
        r"`([\w.]+)`", " ".join(row.split("|")[-2] for row in table.splitlines()[2:])
    )
    keys = {
        f"{section}.{key}"
        for section, part in vars(Config()).items()
        for key in getattr(part, "__dict__", {})
    }
    assert len(names) > 10
    assert set(names) - keys - set(METRIC_NAMES) - set(vars(losses)) == set()
