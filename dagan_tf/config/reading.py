"""Configurations of any kind: frozen dataclasses read from YAML and changed by `a.b=c` overrides.

What the keys are, their defaults and limits, the dataclasses say (`sections.number`, `choice`).
"""

import contextlib
import difflib
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import Field, asdict, fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from dagan_tf.core import files
from dagan_tf.errors import DaganError


class ConfigError(DaganError):
    """A key, value or file of a configuration that cannot be used."""


def to_yaml(config: Any) -> str:
    """YAML text of a configuration, a dataclass of dataclasses."""
    return yaml.safe_dump(asdict(config), sort_keys=False, allow_unicode=True)


def save_config(config: Any, path: str | os.PathLike[str]) -> None:
    """Writes `to_yaml(config)` to `path`, whole or not at all."""
    files.write_text(path, to_yaml(config))


def preset_names(package: str) -> list[str]:
    """Names of the presets in a package."""
    folder = resources.files(package)
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith("yaml"))


def read_config(
    kind: type,
    package: str,
    source: str | os.PathLike[str],
    overrides: Iterable[str] = (),
    *,
    moved: Mapping[str, str] | None = None,
    gone: Mapping[str, Any] | None = None,
) -> Any:
    """Reads a preset or a YAML file and applies overrides.

    Args:
        kind: dataclass to make.
        package: that holds its presets.
        source: name of a preset (`preset_names(package)`) or path of a YAML file. Keys left out are
            those of its `base`, another preset or a file beside it, else the dataclass's defaults.
        overrides: `section.key=value` items, values in YAML syntax; the last one wins.
        moved: keys of former versions, dotted, and where they are now.
        gone: keys of former versions, dotted, and the value that all trainings have now.

    Raises:
        ConfigError: unknown preset, file or key (the nearest name is offered), a value of the
            wrong type or range (key, value and expectation are quoted), or another value of a key
            that is gone.
    """
    tree = _read(source, package, moved or {})
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"override {override!r}: expected section.key=value")
        node = tree
        key = (moved or {}).get(key.strip(), key.strip())
        *sections, last = key.split(".")
        for section in sections:
            child = node.setdefault(section, {})
            if not isinstance(child, dict):
                raise ConfigError(f"override {override!r}: {section!r} is a value, not a section")
            node = child
        try:
            node[last] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"override {override!r}: the value is no YAML ({error})") from error
    _take_out(tree, gone or {})
    return _build(kind, tree, "")


def differences(old: Any, new: Any) -> dict[str, tuple[Any, Any]]:
    """Dotted keys whose values differ, each with (old, new)."""
    return files.differences(asdict(old), asdict(new))


def _read(
    source: str | os.PathLike[str],
    package: str,
    moved: Mapping[str, str],
    above: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The tree of a preset or file, laid over that of its `base`; `above` are those it is under."""
    if str(source) in above:
        raise ConfigError(f"config {above[0]!r}: its base leads back to {str(source)!r}")
    path = Path(source)
    if str(source) in preset_names(package):
        text = (resources.files(package) / f"{source}.yaml").read_text(encoding="utf-8")
    elif path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(f"config {str(path)!r}: no such file")
        text = path.read_text(encoding="utf-8")
    else:
        names = ", ".join(preset_names(package))
        raise ConfigError(
            f"config {str(source)!r}: expected a .yaml file or a preset, one of {names}"
        )
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"config {str(source)!r} is no valid YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"config {str(source)!r}: expected keys and values at the top")
    for old, new in moved.items():
        (section, key), (place, name) = old.split("."), new.split(".")
        if isinstance(values := tree.get(section), dict) and key in values:
            tree.setdefault(place, {}).setdefault(name, values.pop(key))
    base = tree.pop("base", None)
    if base is None:
        return tree
    if not isinstance(base, str):
        raise ConfigError(f"base = {base!r}: expected a preset or a .yaml file")
    if base not in preset_names(package):
        base = str(path.parent / base)
    return _laid_over(_read(base, package, moved, (*above, str(source))), tree)


def _take_out(tree: dict[str, Any], gone: Mapping[str, Any]) -> None:
    """Takes keys of former versions out of a tree; they must have the value that is left."""
    for key, value in gone.items():
        section, name = key.split(".")
        values = tree.get(section)
        if not isinstance(values, dict) or name not in values:
            continue
        found = values.pop(name)
        if found != value:
            raise ConfigError(
                f"{key} = {found!r}: the key is gone, every training has {value!r};"
                " expected that or nothing"
            )


def _laid_over(base: dict[str, Any], tree: dict[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `tree` in place of its own."""
    merged = dict(base)
    for key, value in tree.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            value = _laid_over(below, value)
        merged[key] = value
    return merged


def _build(cls: type, tree: Any, prefix: str) -> Any:
    if not isinstance(tree, Mapping):
        raise ConfigError(f"{prefix.rstrip('.')} = {tree!r}: expected a section with keys")
    known = {item.name: item for item in fields(cls)}
    for key in tree:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.4)
            hint = f"did you mean {prefix + near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise ConfigError(f"unknown key {prefix + str(key)!r}; {hint}")
    values = {key: _convert(known[key], value, prefix + key) for key, value in tree.items()}
    return cls(**values)


def _convert(item: Field, value: Any, key: str) -> Any:
    if is_dataclass(item.type):
        return _build(item.type, value, f"{key}.")  # type: ignore[arg-type]
    kind: type = item.type  # type: ignore[assignment]
    if kind is float and isinstance(value, (int, str)) and not isinstance(value, bool):
        # YAML 1.1 reads 1e-4 (no point) as a string.
        with contextlib.suppress(ValueError):
            value = float(value)
    endless = isinstance(value, float) and not math.isfinite(value)
    if type(value) is not kind or endless:
        names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
        raise ConfigError(f"{key} = {value!r}: expected {names[kind]}")
    choices = item.metadata.get("choices")
    if choices and value not in choices:
        raise ConfigError(f"{key} = {value!r}: expected one of {', '.join(map(str, choices))}")
    if "minimum" in item.metadata:
        low, high = item.metadata["minimum"], item.metadata["maximum"]
        if not low <= value <= high:
            span = f"at least {low}" if high == float("inf") else f"{low} to {high}"
            raise ConfigError(f"{key} = {value!r}: expected {span}")
    return value
