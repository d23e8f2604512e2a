"""Pictures of the same images from step 0 on: what training does to them."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from dagan_tf.core.pixels import from_signed
from dagan_tf.faces.photo_io import write_png
from dagan_tf.loop.callbacks import StepCallback
from dagan_tf.loop.tensorboard import EventWriter

SAMPLES_NAME = "samples"


class SampleGrid(StepCallback):
    """Writes `samples/step_000000.png` of the same images, from step 0 on.

    Rows: simulated, refined (by the averaged weights, those exported), the discriminator's
    reconstruction of the refined, real, its reconstruction of the real; without the
    reconstructions in the forms that have no auto-encoder.
    """

    def __init__(
        self,
        model_dir: Path,
        batch: dict[str, tf.Tensor],
        *,
        start_step: int,
        every: int,
        generator: keras.Model,
        writer: EventWriter | None = None,
    ) -> None:
        """Plans the grids.

        Args:
            model_dir: of the training; the grids go to its `samples/`.
            batch: what is drawn, as `data.pipeline` delivers it.
            start_step: steps done before this run.
            every: steps between grids.
            generator: a spare twin of the trained one, to take the averaged weights.
            writer: TensorBoard's, if there is one.
        """
        super().__init__(start_step)
        self._folder = model_dir / SAMPLES_NAME
        self._folder.mkdir(parents=True, exist_ok=True)
        self._batch = batch
        self._every = every
        self._generator = generator
        self._writer = writer
        self._drawn = -1

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Draws the grid of untrained networks."""
        if self.step == 0:
            self.draw()

    def after_step(self) -> None:
        """Draws the grid if it is due."""
        if self.step % self._every == 0:
            self.draw()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Draws the last grid unless that was done."""
        if self._drawn != self.step:
            self.draw()

    def draw(self) -> None:
        """Draws the grid as the networks are now."""
        self._drawn = self.step
        self.model.copy_averages_to(self._generator)
        refined = self._generator(self._batch["simulated"], training=False)
        rows = [self._batch["simulated"], refined, self._batch["real"]]
        if self.model.reconstructs:
            rows.insert(2, self.model.discriminator(refined)[0])
            rows.append(self.model.discriminator(self._batch["real"])[0])
        grid = image_grid([np.asarray(row) for row in rows])
        write_png(self._folder / f"step_{self.step:06d}.png", grid)
        if self._writer:
            self._writer.image("samples", grid, self.step)


def image_grid(rows: list[np.ndarray]) -> np.ndarray:
    """Puts rows of images under one another.

    Args:
        rows: float (N_i, S, S, 3) in [-1, 1] (clipped); shorter rows are filled with grey.

    Returns:
        uint8 (len(rows)·S, max N·S, 3).
    """
    size = rows[0].shape[1]
    grid = np.full((len(rows) * size, max(map(len, rows)) * size, 3), 128, np.uint8)
    for r, row in enumerate(rows):
        pixels = from_signed(row)
        for c, image in enumerate(pixels):
            grid[r * size : (r + 1) * size, c * size : (c + 1) * size] = image
    return grid
