"""One training run's settings, read from YAML and changed by `a.b=c` overrides.

The sections, their keys, defaults and limits are in `sections.py`.
"""

import contextlib
import difflib
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, is_dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from dagan_tf.config.sections import (
    AlarmConfig,
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    LossConfig,
    TrainingConfig,
    number,
)
from dagan_tf.core import files
from dagan_tf.errors import DaganError

PRESETS = "dagan_tf.presets.refiner"
# Alarms had no section of their own.
_MOVED = {f"training.{item.name}": f"alarms.{item.name}" for item in fields(AlarmConfig)}


class ConfigError(DaganError):
    """A key, value or file of a configuration that cannot be used."""


@dataclass(frozen=True)
class Config:
    """All settings of one training run.

    Attributes:
        name: of the run, for people.
        seed: of weights, order of data and flips.
        data: what a batch is made of.
        generator: the refiner.
        discriminator: the auto-encoder with the identity agent.
        loss: weights and forms of the losses.
        training: how long, how fast, and what is written on the way.
        alarms: what is done when it goes wrong.
    """

    name: str = "paper-224"
    seed: int = number(0, minimum=0, maximum=2**31 - 1)
    data: DataConfig = field(default_factory=DataConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    alarms: AlarmConfig = field(default_factory=AlarmConfig)

    def __post_init__(self) -> None:
        if self.loss.adversarial == "literal" and self.loss.initial_balance == 0:
            raise ConfigError(
                "loss.initial_balance = 0 with loss.adversarial = 'literal': the refiner would"
                " never get an adversarial gradient; expected a value above 0, for example 0.1"
            )
        if self.loss.gradient_penalty and self.loss.adversarial not in ("gan", "patch"):
            raise ConfigError(
                f"loss.gradient_penalty = {self.loss.gradient_penalty} with loss.adversarial ="
                f" {self.loss.adversarial!r}: expected `gan` or `patch`"
            )
        if self.loss.embedding_step == "own" and not self.data.identity_on_reals:
            raise ConfigError(
                "loss.embedding_step = 'own' with data.identity_on_reals = False: expected `common`"
            )
        outline = self.generator.form == "outline"
        for what, factor in (
            (f"generator.downsample = {self.generator.downsample}", self.generator.downsample),
            (
                f"{self.generator.stride}, as generator.form = 'outline' needs",
                self.generator.stride,
            ),
            (
                f"discriminator.downsample = {self.discriminator.downsample}",
                self.discriminator.downsample,
            ),
        ):
            if self.data.image_size % factor:
                raise ConfigError(
                    f"data.image_size = {self.data.image_size} is no multiple of {what}"
                )
        if outline and not (self.generator.input_skip and self.generator.downsample == 4):
            raise ConfigError(
                "generator.form = 'outline': expected generator.input_skip = true and"
                f" generator.downsample = 4, got {self.generator.input_skip} and"
                f" {self.generator.downsample}"
            )
        if self.loss.matte_weight and not outline:
            raise ConfigError(
                f"loss.matte_weight = {self.loss.matte_weight}: expected 0 with generator.form ="
                f" {self.generator.form!r}, which has no matte"
            )
        if self.generator.smooth and not (
            self.generator.input_skip and self.generator.downsample > 1
        ):
            raise ConfigError(
                "generator.smooth = True: expected generator.input_skip = true and"
                f" generator.downsample above 1, got {self.generator.input_skip} and"
                f" {self.generator.downsample}"
            )
        if self.training.batch_size % self.training.accumulate:
            raise ConfigError(
                f"training.batch_size = {self.training.batch_size}: expected a multiple of"
                f" training.accumulate = {self.training.accumulate}"
            )
        if self.data.image_size % self.loss.pose_downsample:
            raise ConfigError(
                f"data.image_size = {self.data.image_size} is no multiple of"
                f" loss.pose_downsample = {self.loss.pose_downsample}"
            )

    def to_yaml(self) -> str:
        """YAML text from which `load_config` makes an equal Config."""
        return to_yaml(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes `to_yaml` to `path`, whole or not at all."""
        save_config(self, path)


def to_yaml(config: Any) -> str:
    """YAML text of a configuration, a dataclass of dataclasses."""
    return yaml.safe_dump(asdict(config), sort_keys=False, allow_unicode=True)


def save_config(config: Any, path: str | os.PathLike[str]) -> None:
    """Writes `to_yaml(config)` to `path`, whole or not at all."""
    files.write_text(path, to_yaml(config))


def preset_names(package: str = PRESETS) -> list[str]:
    """Names of the presets in a package."""
    folder = resources.files(package)
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith("yaml"))


def load_config(source: str | os.PathLike[str], overrides: Iterable[str] = ()) -> Config:
    """Reads a preset or a YAML file and applies overrides.

    Args:
        source: name of a preset (`preset_names()`) or path of a YAML file. Keys left out are
            those of its `base`, another preset or a file beside it, else the defaults of the
            dataclasses above.
        overrides: `section.key=value` items, values in YAML syntax; the last one wins.

    Raises:
        ConfigError: unknown preset, file or key (the nearest name is offered), or a value of the
            wrong type or range (key, value and expectation are quoted).
    """
    return read_config(Config, PRESETS, source, overrides, moved=_MOVED)


def read_config(
    kind: type,
    package: str,
    source: str | os.PathLike[str],
    overrides: Iterable[str] = (),
    *,
    moved: Mapping[str, str] | None = None,
) -> Any:
    """As `load_config`, for a configuration of any kind.

    Args:
        kind: dataclass to make.
        package: that holds its presets.
        source: as of `load_config`.
        overrides: likewise.
        moved: keys of former versions, dotted, and where they are now.

    Raises:
        ConfigError: as `load_config`.
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
