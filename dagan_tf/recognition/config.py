"""One recogniser's settings: frozen dataclasses, presets in `dagan_tf/presets/recogniser/`."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from dagan_tf.config.reading import ConfigError, read_config
from dagan_tf.config.sections import choice, number
from dagan_tf.faces.weights import LANDMARK_SOURCES

PRESETS = "dagan_tf.presets.recogniser"


@dataclass(frozen=True)
class CropConfig:
    """What the recogniser is shown.

    Attributes:
        image_size: side of the aligned crops, pixels.
        features: `none`: the network sees the crops; `dlib` or `tflite`: frozen features are taken
            from them once, and the network is a head on these.
        tflite: file of `tflite`, input (B, 112, 112, 3).
        alignment: `canonical`: the frame of the simulated views; `five_points`: ArcFace's, eyes,
            nose and mouth onto a template, as published networks want it (image_size 112).
        landmarks: where those of the real photos come from (docs/detectors.md).
        max_yaw: real photos turned further are not trained on, degrees; 90 takes all.
        views_from: synthetic views turned less are not trained on, degrees.
        views_to: nor those turned further.
        views_per_photo: of what is left, at most this many of each photo, drawn once for all
            systems; 0 takes all.
        synthetic_share: of each batch, where the system has synthetic images.
        flip: mirror half of the crops at random.
        shift: move crops by up to this many pixels at random.
    """

    image_size: int = number(64, minimum=16, maximum=1024)
    features: str = choice("none", "none", "dlib", "tflite")
    tflite: str = ""
    alignment: str = choice("canonical", "canonical", "five_points")
    landmarks: str = choice(LANDMARK_SOURCES[0], *LANDMARK_SOURCES)
    max_yaw: float = number(60.0, minimum=0, maximum=90)
    views_from: float = number(0.0, minimum=0, maximum=90)
    views_to: float = number(90.0, minimum=0, maximum=90)
    views_per_photo: int = number(0, minimum=0)
    synthetic_share: float = number(0.5, minimum=0, maximum=1)
    flip: bool = True
    shift: int = number(2, minimum=0)


@dataclass(frozen=True)
class NetworkConfig:
    """The embedding network (see `backbones.py`).

    Attributes:
        backbone: `small` (64 to 112 px), `resnet18` and `resnet50` (112 px), `linear` (a head on
            frozen features), the name of a class of `keras.applications`, a `.keras` file, or a
            `.tflite` file such as MobileFaceNet's, whose weights are then trained.
        weights: of a class of `keras.applications`: `imagenet`, or a file of weights; "" = fresh.
        filters: of the first stage of `small`, `resnet18` and `resnet50`; doubled at each stage.
        dimensions: of the embedding, a linear layer behind the network; 0 takes what a network
            from a file gives.
        dropout: before the embedding.
        frozen: share of a pretrained network's layers with weights, from the input on, that are
            left as they are: in [0, 1]. What they give is computed once and kept.
        early_rate: factor on the learning rate of the first layers that are trained; it rises to 1
            at the last ones.
    """

    backbone: str = "small"
    weights: str = ""
    filters: int = number(16, minimum=1)
    dimensions: int = number(128, minimum=0)
    dropout: float = number(0.0, minimum=0, maximum=0.9)
    frozen: float = number(0.0, minimum=0, maximum=1)
    early_rate: float = number(1.0, minimum=1e-6, maximum=1)

    @property
    def from_file(self) -> bool:
        """Whether the network is a file of the user's."""
        return self.backbone.endswith((".keras", ".h5", ".tflite"))

    @property
    def pretrained(self) -> bool:
        """Whether it begins with weights that were trained before."""
        return self.from_file or bool(self.weights)


@dataclass(frozen=True)
class HeadConfig:
    """The loss (see `losses.py`).

    Attributes:
        form: `softmax`, `l2_softmax`, `triplet`, `angular_margin`, or `discriminant`: the linear
            head of `linear_head.py`, solved and not trained, for frozen features only.
        alpha: length of the embedding in `l2_softmax`.
        scale: of the cosines in `angular_margin`.
        margin: of `angular_margin`, radians, or of `triplet`, squared distance.
        metric_margin: of the triplets after `training.metric_after`, squared distance.
        shrinkage: of `discriminant`.
    """

    form: str = choice(
        "l2_softmax", "softmax", "l2_softmax", "triplet", "angular_margin", "discriminant"
    )
    alpha: float = number(16.0, minimum=1e-3)
    scale: float = number(16.0, minimum=1e-3)
    margin: float = number(0.2, minimum=0, maximum=3)
    metric_margin: float = number(0.2, minimum=0, maximum=4)
    shrinkage: float = number(0.3, minimum=1e-6, maximum=1)


@dataclass(frozen=True)
class TrainingConfig:
    """How long and how fast.

    Attributes:
        steps: optimiser steps, the same for every system.
        pretrain_steps: the first this many see synthetic images only, later ones real images only;
            0 mixes them throughout by `crops.synthetic_share`.
        metric_after: from this step on triplets take the place of the head's loss: metric learning
            after softmax (Zhao et al., 2017, section 4.2); 0 = never.
        batch_size: images a step, over all devices.
        images_per_person: of one person in a batch; triplets need 2 or more.
        learning_rate: at first.
        decay_steps: halve it every so many steps (0 = never).
        learning_rate_floor: it is not halved below this.
        weight_decay: of kernels, as an L2 penalty.
        optimizer: see the GAN's.
        optimizer_wrapper: see the GAN's.
        beta_1: decay of the mean gradient; the momentum of SGD.
        precision: Keras dtype policy.
        log_every: steps between lines of metrics.jsonl.
        checkpoint_every: steps between checkpoints.
    """

    steps: int = number(1000, minimum=1)
    pretrain_steps: int = number(0, minimum=0)
    metric_after: int = number(0, minimum=0)
    batch_size: int = number(32, minimum=1)
    images_per_person: int = number(2, minimum=1)
    learning_rate: float = number(1e-3, minimum=0)
    decay_steps: int = number(0, minimum=0)
    learning_rate_floor: float = number(1e-5, minimum=0)
    weight_decay: float = number(0.0, minimum=0)
    optimizer: str = choice("Adam", "Adam", "AdamW", "RMSprop", "SGD")
    optimizer_wrapper: str = choice("none", "none", "tfa.Lookahead")
    beta_1: float = number(0.9, minimum=0, maximum=0.9999)
    precision: str = choice("float32", "float32", "mixed_bfloat16")
    log_every: int = number(50, minimum=1)
    checkpoint_every: int = number(500, minimum=1)

    @property
    def ema_decay(self) -> float:
        """No average is kept."""
        return 0.0


@dataclass(frozen=True)
class RecogniserConfig:
    """All settings of one recogniser."""

    name: str = "face-64"
    crops: CropConfig = field(default_factory=CropConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        frozen = self.crops.features != "none"
        if self.head.form == "discriminant" and not frozen:
            raise ConfigError(
                "head.form = 'discriminant' with crops.features = 'none': expected frozen features"
            )
        if frozen != (self.network.backbone == "linear"):
            raise ConfigError(
                f"network.backbone = {self.network.backbone!r} with crops.features ="
                f" {self.crops.features!r}: frozen features and backbone 'linear' go together"
            )
        if self.crops.features == "tflite" and not self.crops.tflite:
            raise ConfigError("crops.tflite = '': expected the file of crops.features = 'tflite'")
        each = self.training.images_per_person
        if self.training.batch_size % each:
            raise ConfigError(
                f"training.batch_size = {self.training.batch_size}: expected a multiple of"
                f" training.images_per_person = {each}"
            )
        if (self.head.form == "triplet" or self.training.metric_after) and each < 2:
            raise ConfigError(
                f"training.images_per_person = {each}: triplets need 2 images of a person"
            )
        network = self.network
        if network.frozen and not network.pretrained:
            raise ConfigError(
                f"network.frozen = {network.frozen} with network.backbone = {network.backbone!r}:"
                " expected a network with weights that were trained before"
            )
        if network.frozen and self.crops.shift:
            raise ConfigError(
                f"network.frozen = {network.frozen} with crops.shift = {self.crops.shift}: expected"
                " 0, as what the frozen layers give is computed once"
            )
        if network.frozen == 1 and not network.dimensions:
            raise ConfigError(
                "network.frozen = 1 with network.dimensions = 0: nothing is left to be trained"
            )
        if not network.dimensions and not network.from_file:
            raise ConfigError(
                "network.dimensions = 0: expected 1 or more, or a .keras or .tflite file as"
                " network.backbone"
            )
        if network.weights and network.backbone in ("small", "resnet18", "resnet50", "linear"):
            raise ConfigError(
                f"network.weights = {network.weights!r} with network.backbone ="
                f" {network.backbone!r}: expected a class of keras.applications"
            )


def load_recogniser_config(
    source: str | os.PathLike[str], overrides: Iterable[str] = ()
) -> RecogniserConfig:
    """As `dagan_tf.config.settings.load_config`, for a recogniser."""
    return read_config(RecogniserConfig, PRESETS, source, overrides)
