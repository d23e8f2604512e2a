"""One training run's settings, read from YAML and changed by `a.b=c` overrides.

The sections, their keys, defaults and limits are in `sections.py`.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from dagan_tf.config import reading
from dagan_tf.config.reading import ConfigError
from dagan_tf.config.sections import (
    AlarmConfig,
    DataConfig,
    DiscriminatorConfig,
    GeneratorConfig,
    LossConfig,
    TrainingConfig,
    number,
)

PRESETS = "dagan_tf.presets.refiner"
# Alarms had no section of their own.
_MOVED = {f"training.{item.name}": f"alarms.{item.name}" for item in fields(AlarmConfig)}
# Of the `huber` form of the pose loss, which no preset had, and of losses of `face-224` before it
# learned from photos place by place; at these values they did nothing.
_GONE: dict[str, Any] = {
    "loss.pose_delta": 0.1,
    "loss.pair_shown": 1.0,
    "loss.texture_weight": 0.0,
    "loss.surroundings_weight": 0.0,
    "loss.detail_weight": 0.0,
    "loss.judge_head": False,
}


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
        if self.loss.decision != "cross_entropy" and self.loss.adversarial not in ("gan", "patch"):
            raise ConfigError(
                f"loss.decision = {self.loss.decision!r} with loss.adversarial ="
                f" {self.loss.adversarial!r}, which decides nothing: expected `gan` or `patch`"
            )
        if self.loss.embedding_step == "own" and not self.data.identity_on_reals:
            raise ConfigError(
                "loss.embedding_step = 'own' with data.identity_on_reals = False: expected `common`"
            )
        skin = self.generator.form == "skin"
        for what, factor in (
            (f"generator.downsample = {self.generator.downsample}", self.generator.downsample),
            (
                f"{self.generator.stride}, as generator.form = 'skin' needs",
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
            if self.data.crop % factor:
                raise ConfigError(f"data.crop = {self.data.crop} is no multiple of {what}")
        if self.data.crop > self.data.image_size:
            raise ConfigError(
                f"data.crop = {self.data.crop}: expected at most data.image_size ="
                f" {self.data.image_size}, or 0"
            )
        if skin and not (self.generator.input_skip and self.generator.downsample == 2):
            raise ConfigError(
                "generator.form = 'skin': expected generator.input_skip = true and"
                f" generator.downsample = 2, got {self.generator.input_skip} and"
                f" {self.generator.downsample}"
            )
        if self.loss.matte_weight and not skin:
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
        if self.loss.judge_pairs and self.training.history_size:
            raise ConfigError(
                f"training.history_size = {self.training.history_size}: expected 0 with"
                " loss.judge_pairs = true, which judges each view beside its own photo"
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
        return reading.to_yaml(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes `to_yaml` to `path`, whole or not at all."""
        reading.save_config(self, path)


def load_config(source: str | os.PathLike[str], overrides: Iterable[str] = ()) -> Config:
    """A training's settings, from a preset or a YAML file, as `reading.read_config` reads them.

    Args:
        source: name of a preset (`preset_names()`) or path of a YAML file.
        overrides: `section.key=value` items.

    Raises:
        ConfigError: as `read_config`, or values that do not go together.
    """
    return reading.read_config(Config, PRESETS, source, overrides, moved=_MOVED, gone=_GONE)


def preset_names() -> list[str]:
    """Names of the presets."""
    return reading.preset_names(PRESETS)
