"""Draws docs/architecture.md: the rooms of the code, and which room imports which.

    python scripts/draw_architecture.py                   writes the page if it is stale
    python scripts/draw_architecture.py --counts=FOLDER   prints the counts of another checkout

A room is a folder of modules; a module that lies loose in `dagan_tf/` counts as a room, too. An
arrow leads from a room to another one that it imports, however many modules do so and wherever the
import stands. The ground floor imports nothing; every other room stands one floor above the highest
room it imports. Rooms that import each other, straight or through others, share a floor.
"""

import argparse
import ast
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from module_graph import ROOT, home, imports, modules

PAGE = ROOT / "docs" / "architecture.md"
PACKAGE = "dagan_tf"
NOT_DRAWN = "tests"
PAGE_FORM = """\
# Architecture

The rooms of the code, drawn from it by `python scripts/draw_architecture.py`. A room is a folder of
modules, or a module that lies loose in `dagan_tf/`. An arrow leads from a room to another one that
it imports, wherever the import stands; what `dagan_tf/__init__.py` loads on first use is not
counted. A test fails while this page is stale or two rooms import each other, straight or through
others.

{counts}.

## Rooms

```
{tree}
```

## Floors

What each room imports: rooms of lower floors only.

| floor | room | imports |
|---|---|---|
{table}
"""


def rooms(root: Path = ROOT) -> dict[str, str]:
    """Every room by its dotted name, with the first line of its docstring."""
    known = modules(root)
    found: dict[str, str] = {}
    for name, path in known.items():
        room = _room(name, path)
        if name == PACKAGE or name.split(".")[0] == NOT_DRAWN:
            continue
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if room != name:
            found.setdefault(room, "")  # benchmarks/ has no __init__.py.
        elif docstring or path.name != "__init__.py":  # Not a folder of data alone.
            found[room] = docstring.partition("\n")[0]
    return {room: found[room] for room in sorted(found)}


def _room(name: str, path: Path) -> str:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return name if package == PACKAGE else package


def arrows(root: Path = ROOT) -> dict[str, set[str]]:
    """The rooms that each room imports."""
    known = modules(root)
    drawn = rooms(root)
    found: dict[str, set[str]] = {room: set() for room in drawn}
    for name, path in known.items():
        room = _room(name, path)
        if room in drawn:
            homes = {home(imported, known) for imported in imports(path)}
            found[room] |= {_room(item, known[item]) for item in homes & known.keys()} - {room}
    return {room: others & drawn.keys() for room, others in found.items()}


def two_way_pairs(found: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Pairs of rooms that import each other."""
    return sorted((a, b) for a in found for b in found[a] if a < b and a in found[b])


def circles(found: dict[str, set[str]]) -> list[list[str]]:
    """Groups of rooms each of which can be reached from each other one by arrows."""
    reached = {room: _reached(room, found) for room in found}
    groups = {
        tuple(sorted(other for other in reached[room] if room in reached[other]))
        for room in found
        if room in reached[room]
    }
    return sorted(map(list, groups))


def _reached(room: str, found: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [room]
    while waiting:
        for other in found[waiting.pop()] - seen:
            seen.add(other)
            waiting.append(other)
    return seen


def floors(found: dict[str, set[str]]) -> list[list[str]]:
    """The rooms of each floor, ground floor first."""
    group = {room: frozenset(circle) for circle in circles(found) for room in circle}
    levels: dict[str, int] = {}

    def level(room: str) -> int:
        if room not in levels:
            mine = group.get(room, frozenset({room}))
            below = set().union(*(found[other] for other in mine)) - mine
            height = max((level(other) + 1 for other in below), default=0)
            levels.update(dict.fromkeys(mine, height))
        return levels[room]

    for room in found:
        level(room)
    return [
        sorted(room for room in levels if levels[room] == floor)
        for floor in range(max(levels.values()) + 1)
    ]


def counts(found: dict[str, set[str]]) -> str:
    """One line: rooms, floors, arrows, and pairs that import each other."""
    pairs = two_way_pairs(found)
    named = ", ".join(f"{_short(a)} and {_short(b)}" for a, b in pairs)
    return (
        f"{len(found)} rooms on {len(floors(found))} floors, "
        f"{sum(map(len, found.values()))} arrows; "
        f"pairs of rooms that import each other: {named or 'none'}"
    )


def page(root: Path, found: dict[str, set[str]]) -> str:
    """The page as it should stand, from the arrows of the code below `root`."""
    tree = "\n".join(_tree(rooms(root), modules(root)))
    table = "\n".join(
        f"| {number} | {_short(room)} | {', '.join(map(_short, sorted(found[room])))} |"
        for number, floor in reversed(list(enumerate(floors(found))))
        for room in floor
    )
    return PAGE_FORM.format(counts=counts(found), tree=tree, table=table)


def _short(room: str) -> str:
    return room.removeprefix(f"{PACKAGE}.").replace(".", "/")


def _tree(drawn: dict[str, str], known: dict[str, Path]) -> list[str]:
    """A line a room, indented below the folder it lies in."""
    lines = []
    for room, sentence in drawn.items():
        folder = room not in known or known[room].name == "__init__.py"
        label = "  " * room.count(".") + room.rpartition(".")[2] + ("/" if folder else ".py")
        if room.startswith(PACKAGE) and f"{PACKAGE}/" not in lines:
            lines.append(f"{PACKAGE}/")
        lines.append(f"{label:<22}{sentence}".rstrip())
    return lines


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", type=Path, metavar="FOLDER", help="print its counts")
    options = parser.parse_args(arguments)
    if options.counts:
        print(counts(arrows(options.counts)))
        return
    text = page(ROOT, arrows())
    if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
        PAGE.write_text(text, encoding="utf-8")
        print(f"wrote: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
