"""When training saves: every so many steps, at the end, and the best state apart."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from dagan_tf.core.files import write_text, write_whole
from dagan_tf.loop.callbacks import StepCallback, current_metrics
from dagan_tf.loop.checkpoints import BEST_NAME, CheckpointError, read_best

Realism = Callable[[keras.Model], float]


class Checkpoints(StepCallback):
    """Saves every `every` steps and at the end, never a state whose metrics are not finite.

    `MODEL_DIR/best` keeps a copy of the checkpoint with the lowest smoothed L_con, or, if there is
    one, of the lowest realism measure; only states after the warm-up count.
    """

    def __init__(
        self,
        manager: tf.train.CheckpointManager,
        model_dir: Path,
        *,
        start_step: int,
        every: int,
        warmup_steps: int = 0,
        realism: Realism | None = None,
        generator: keras.Model | None = None,
    ) -> None:
        """Plans the saving.

        Args:
            manager: saves.
            model_dir: of the training.
            start_step: steps done before.
            every: steps between checkpoints.
            warmup_steps: see `TrainingConfig`.
            realism: measures a refiner, lower is better; None takes smoothed L_con.
            generator: a spare twin of the trained one, which gets the averaged weights for
                `realism`.
        """
        super().__init__(start_step)
        self._manager = manager
        self._folder = model_dir
        self._every = every
        self._warmup = warmup_steps
        self._realism = realism
        self._generator = generator
        self._saved = start_step

    def after_step(self) -> None:
        """Saves if it is due."""
        if self.step % self._every == 0:
            self.save()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Saves the last state unless that was done."""
        if self._saved != self.step:
            self.save()

    def save(self) -> None:
        """Saves now.

        Raises:
            CheckpointError: the disk is full or refuses; the checkpoint before is untouched.
        """
        current_metrics(self.model, self.step)
        try:
            path = self._manager.save(checkpoint_number=self.step)
            if self.step > self._warmup:
                self._keep_if_best(Path(path))
        except (OSError, tf.errors.OpError) as error:
            before = f"the one of step {self._saved} stands" if self._saved else "there is none yet"
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CheckpointError(
                f"step {self.step}: no checkpoint could be saved in"
                f" {str(self._manager.directory)!r}, {before}: {reason}"
            ) from error
        self._saved = self.step

    def _keep_if_best(self, path: Path) -> None:
        measure = "realism" if self._realism else "convergence_smoothed"
        if self._realism:
            assert self._generator is not None
            self.model.copy_averages_to(self._generator)
            value = float(self._realism(self._generator))
        else:
            value = float(tf.convert_to_tensor(self.model.progress.smoothed))
        best = read_best(self._folder)
        if best and best.measure == measure and best.value <= value:
            return
        folder = self._folder / BEST_NAME
        folder.mkdir(exist_ok=True)
        for part in path.parent.glob(f"{path.name}.*"):
            with write_whole(folder / part.name, sole_writer=True) as partial:
                shutil.copyfile(part, partial)
        text = json.dumps({"step": self.step, "measure": measure, "value": value})
        write_text(folder / f"{BEST_NAME}.json", text)
        for other in folder.glob("ckpt-*"):
            if not other.name.startswith(f"{path.name}."):
                other.unlink()
