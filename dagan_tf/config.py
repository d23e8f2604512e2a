"""One training run's settings: frozen dataclasses, read from YAML, changed by `a.b=c` overrides.

The field defaults are those of the paper as far as it states them (224x224, 7x7 stem, 64 maps,
10 residual blocks); the paper leaves learning rates, loss weights and the discriminator's widths
open, so those follow BEGAN (Berthelot et al., 2017) or are this package's own choice. Each preset
in `dagan_tf/presets/` says at every value whose it is.
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

from dagan_tf.errors import DaganError


class ConfigError(DaganError):
    """A key, value or file of a configuration that cannot be used."""


def _number(default: float, *, minimum: float, maximum: float = float("inf")) -> Any:
    return field(default=default, metadata={"minimum": minimum, "maximum": maximum})


def _choice(default: Any, *choices: Any) -> Any:
    return field(default=default, metadata={"choices": choices})


@dataclass(frozen=True)
class DataConfig:
    """What a batch is made of.

    Attributes:
        image_size: side of the square training images, pixels.
        horizontal_flip: mirror half of the images at random (labels stay, yaw changes sign).
        identity_on_reals: give reals of an identity that is simulated too that identity's label;
            off, all reals count as unlabelled, as the paper's abstract has them.
        shuffle_buffer: records mixed with one another; a set no larger is mixed as a whole.
    """

    image_size: int = _number(224, minimum=16, maximum=2048)
    horizontal_flip: bool = True
    identity_on_reals: bool = True
    shuffle_buffer: int = _number(2048, minimum=1)


@dataclass(frozen=True)
class GeneratorConfig:
    """The refiner (see `models/generator.py`).

    Attributes:
        filters: feature maps of the stem and of every residual block.
        blocks: number of residual blocks.
        stem_kernel: side of the first convolution's kernel.
        block_kernel: side of the kernels inside the blocks.
        input_skip: add the input to the output instead of tanh; the last convolution then starts
            at zero, so the untrained refiner is the identity.
        downsample: 2 or 4 folds the image (space to depth) so that the blocks work on a coarser
            grid: several times faster, and each block sees further.
    """

    filters: int = _number(64, minimum=1)
    blocks: int = _number(10, minimum=0)
    stem_kernel: int = _choice(7, 1, 3, 5, 7, 9)
    block_kernel: int = _choice(3, 1, 3, 5, 7, 9)
    input_skip: bool = False
    downsample: int = _choice(1, 1, 2, 4)


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The auto-encoder with the identity agent (see `models/discriminator.py`).

    Attributes:
        filters: n; encoder stage i has n·(i+1) feature maps, every decoder stage n.
        bottleneck: length of the code h.
        convs_per_stage: 3x3 convolutions at each resolution.
        downsample: as the generator's.
    """

    filters: int = _number(64, minimum=1)
    bottleneck: int = _number(128, minimum=1)
    convs_per_stage: int = _number(2, minimum=1, maximum=8)
    downsample: int = _choice(1, 1, 2, 4)


@dataclass(frozen=True)
class LossConfig:
    """Weights and forms of the losses (see `training/losses.py`).

    Attributes:
        adversarial: `began` (generator minimises its reconstruction error) or `literal` (the same
            times k, as the paper prints it; needs initial_balance > 0, see the loss's docstring).
        identity: `softmax` or the paper's literal per-class `sigmoid` cross-entropy.
        identity_weight: lambda_1.
        pose_weight: lambda_2.
        pose_scale: `element` averages over height, width and channels, `pixel` divides by
            height x width only as the paper does (3x larger on RGB).
        pose_mask_weight: weight in the pose loss of pixels that the photo did not really show (the
            simulator's mask); 1 is the paper's unmasked loss.
        diversity_ratio: gamma, wanted ratio of refined to real reconstruction error.
        balance_rate: alpha, step of k.
        initial_balance: k_0.
    """

    adversarial: str = _choice("began", "began", "literal")
    identity: str = _choice("softmax", "softmax", "sigmoid")
    identity_weight: float = _number(0.05, minimum=0)
    pose_weight: float = _number(0.5, minimum=0)
    pose_scale: str = _choice("element", "element", "pixel")
    pose_mask_weight: float = _number(1.0, minimum=0, maximum=1)
    diversity_ratio: float = _number(0.5, minimum=0)
    balance_rate: float = _number(0.001, minimum=0)
    initial_balance: float = _number(0.0, minimum=0, maximum=1)


@dataclass(frozen=True)
class TrainingConfig:
    """How long, how fast, and what is written on the way.

    Attributes:
        steps: optimiser steps of the whole training.
        max_minutes: stop after this wall-clock time (0 = no limit); counts anew at each resume.
        batch_size: images of each domain a step, over all devices.
        generator_learning_rate: Adam's.
        discriminator_learning_rate: Adam's.
        beta_1: Adam's.
        decay_steps: halve both learning rates every so many steps (0 = never).
        learning_rate_floor: neither learning rate is halved below this.
        warmup_steps: at first the refiner learns the pose loss only, and the discriminator the
            reals only, k standing still.
        ema_decay: of the averaged refiner, the one exported; 0 = no average.
        precision: Keras dtype policy.
        log_every: steps between metric records.
        checkpoint_every: steps between checkpoints.
        samples_every: steps between sample grids.
        sample_count: columns of the sample grid.
        keep_checkpoints: newest checkpoints kept.
    """

    steps: int = _number(100_000, minimum=1)
    max_minutes: float = _number(0.0, minimum=0)
    batch_size: int = _number(16, minimum=1)
    generator_learning_rate: float = _number(1e-4, minimum=0)
    discriminator_learning_rate: float = _number(1e-4, minimum=0)
    beta_1: float = _number(0.5, minimum=0, maximum=0.9999)
    decay_steps: int = _number(0, minimum=0)
    learning_rate_floor: float = _number(2e-5, minimum=0)
    warmup_steps: int = _number(0, minimum=0)
    ema_decay: float = _number(0.999, minimum=0, maximum=0.999999)
    precision: str = _choice("float32", "float32", "mixed_bfloat16")
    log_every: int = _number(50, minimum=1)
    checkpoint_every: int = _number(1000, minimum=1)
    samples_every: int = _number(500, minimum=1)
    sample_count: int = _number(8, minimum=1, maximum=64)
    keep_checkpoints: int = _number(3, minimum=1)


@dataclass(frozen=True)
class Config:
    """All settings of one training run."""

    name: str = "paper-224"
    seed: int = _number(0, minimum=0, maximum=2**31 - 1)
    data: DataConfig = field(default_factory=DataConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if self.loss.adversarial == "literal" and self.loss.initial_balance == 0:
            raise ConfigError(
                "loss.initial_balance = 0 with loss.adversarial = 'literal': the refiner would"
                " never get an adversarial gradient; expected a value above 0, for example 0.1"
            )
        for part in ("generator", "discriminator"):
            factor = getattr(self, part).downsample
            if self.data.image_size % factor:
                raise ConfigError(
                    f"data.image_size = {self.data.image_size} is no multiple of"
                    f" {part}.downsample = {factor}"
                )

    def to_yaml(self) -> str:
        """YAML text from which `load_config` makes an equal Config."""
        return yaml.safe_dump(asdict(self), sort_keys=False, allow_unicode=True)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes `to_yaml` to `path`, whole or not at all."""
        path = Path(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(self.to_yaml(), encoding="utf-8")
        os.replace(temporary, path)


def preset_names() -> list[str]:
    """Names of the packaged presets."""
    folder = resources.files("dagan_tf.presets")
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith("yaml"))


def load_config(source: str | os.PathLike[str], overrides: Iterable[str] = ()) -> Config:
    """Reads a preset or a YAML file and applies overrides.

    Args:
        source: name of a preset (`preset_names()`) or path of a YAML file. Keys left out keep
            the defaults of the dataclasses above.
        overrides: `section.key=value` items, values in YAML syntax; the last one wins.

    Raises:
        ConfigError: unknown preset, file or key (the nearest name is offered), or a value of the
            wrong type or range (key, value and expectation are quoted).
    """
    tree = _read(source)
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"override {override!r}: expected section.key=value")
        node = tree
        *sections, last = key.strip().split(".")
        for section in sections:
            child = node.setdefault(section, {})
            if not isinstance(child, dict):
                raise ConfigError(f"override {override!r}: {section!r} is a value, not a section")
            node = child
        try:
            node[last] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"override {override!r}: the value is no YAML ({error})") from error
    return _build(Config, tree, "")


def differences(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
    """Dotted keys whose values differ, each with (old, new)."""
    before, after = _flatten(asdict(old)), _flatten(asdict(new))
    return {key: (before[key], after[key]) for key in before if before[key] != after[key]}


def _read(source: str | os.PathLike[str]) -> dict[str, Any]:
    path = Path(source)
    if str(source) in preset_names():
        text = (resources.files("dagan_tf.presets") / f"{source}.yaml").read_text(encoding="utf-8")
    elif path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(f"config {str(path)!r}: no such file")
        text = path.read_text(encoding="utf-8")
    else:
        names = ", ".join(preset_names())
        raise ConfigError(
            f"config {str(source)!r}: expected a .yaml file or a preset, one of {names}"
        )
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"config {str(source)!r} is no valid YAML: {error}") from error
    if not isinstance(tree, dict):
        raise ConfigError(f"config {str(source)!r}: expected keys and values at the top")
    return tree


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


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat
