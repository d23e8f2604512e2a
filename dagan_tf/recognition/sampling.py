"""Which images a batch is made of: drawn anew from (seed, step), so that a resume sees the same.

A person is drawn first, then a yaw among those the person is shown at, then an image: people and
poses weigh alike however many images each has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.recognition.config import RecogniserConfig
from dagan_tf.recognition.stacked import Stacked

# Poses are told apart in bins of so many degrees, mirrored ones together.
YAW_BIN = 15.0


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """What one system is trained on.

    Attributes:
        values: (N, S, S, 3) uint8 crops, (N, D) float32 features, or float16 (N, 2, ...), what
            frozen layers gave of crops and their mirror images; read by rows alone.
        rows: (R,) int, rows of `values` that this system uses.
        people: (R,) str.
        yaws: (R,) float, degrees.
        synthetic: (R,) bool.
    """

    values: np.ndarray | Stacked
    rows: np.ndarray
    people: np.ndarray
    yaws: np.ndarray
    synthetic: np.ndarray

    def __post_init__(self) -> None:
        if len(np.unique(self.people)) < 2:
            raise DaganError(
                f"training set with {len(np.unique(self.people))} people; expected 2 or more"
            )


class Sampler:
    """Draws batches from a training set."""

    def __init__(self, data: TrainingSet, config: RecogniserConfig, seed: int) -> None:
        """Sorts the images by kind, person and yaw.

        Args:
            data: the images.
            config: `crops` and `training` are read.
            seed: of all draws.
        """
        self._data, self._config, self._seed = data, config, seed
        # What frozen layers give: of the crop and of its mirror image.
        self._mirrored = data.values.dtype == np.float16
        self.names, self._labels = np.unique(data.people, return_inverse=True)
        bins = np.rint(np.abs(data.yaws) / YAW_BIN).astype(int)
        self._groups: dict[bool, dict[int, list[np.ndarray]]] = {False: {}, True: {}}
        for kind, people in self._groups.items():
            of_kind = data.synthetic == kind
            for label in np.unique(self._labels[of_kind]):
                mine = of_kind & (self._labels == label)
                people[int(label)] = [
                    np.flatnonzero(mine & (bins == one)) for one in np.unique(bins[mine])
                ]

    @property
    def signature(self) -> tuple[tuple[int, ...], np.dtype]:
        """Shape and type of one value of a batch."""
        values = self._data.values
        return tuple(values.shape[1 + self._mirrored :]), values.dtype

    def synthetic_share(self, step: int) -> float:
        """Share of synthetic images in a batch after `step` steps."""
        if not self._groups[True]:
            return 0.0
        if not self._groups[False]:
            return 1.0
        if self._config.training.pretrain_steps:
            return float(step < self._config.training.pretrain_steps)
        return self._config.crops.synthetic_share

    def places(self, step: int) -> np.ndarray:
        """(B,) int, places in the training set's `rows` of the batch after `step` steps."""
        rng = np.random.default_rng([self._seed, step])
        settings = self._config.training
        each = settings.images_per_person
        share = self.synthetic_share(step)
        chosen = []
        # People without repeats as long as there are enough: triplets then get the most pairs.
        order: list[int] = []
        for _ in range(settings.batch_size // each):
            if not order:
                order = rng.permutation(len(self.names)).tolist()
            label = order.pop()
            for _ in range(each):
                kind = bool(rng.random() < share)
                groups = self._groups[kind].get(label) or self._groups[not kind][label]
                group = groups[rng.integers(len(groups))]
                chosen.append(group[rng.integers(len(group))])
        return np.array(chosen)

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The batch after `step` steps: (B, ...) as the values are, and (B,) int32 labels."""
        places = self.places(step)
        values = np.asarray(self._data.values[self._data.rows[places]])
        rng = np.random.default_rng([self._seed, step, 1])
        if self._mirrored:
            sides = self._config.crops.flip * rng.integers(2, size=len(values))
            values = values[np.arange(len(values)), sides]
        elif values.ndim == 4:
            values = self._augment(values, rng)
        return values, self._labels[places].astype(np.int32)

    def _augment(self, crops: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        settings = self._config.crops
        if settings.flip:
            mirrored = rng.random(len(crops)) < 0.5
            crops[mirrored] = crops[mirrored, :, ::-1]
        if settings.shift:
            size, shift = crops.shape[1], settings.shift
            padded = np.pad(crops, ((0, 0), (shift, shift), (shift, shift), (0, 0)), "edge")
            moves = rng.integers(2 * shift + 1, size=(len(crops), 2))
            for place, (down, right) in enumerate(moves):
                crops[place] = padded[place, down : down + size, right : right + size]
        return crops
