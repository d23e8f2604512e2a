"""Several processes that train one model: each has its share of every batch, all take every step.

The first one, the chief, leaves the model folder as a single process would. The others do the same
in a folder that goes away: what reads a metric or goes back to a checkpoint has to happen in all
of them, or they would wait for each other.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from dagan_tf.core.files import writing_to
from dagan_tf.errors import DaganError
from dagan_tf.gan.dagan import DAGAN
from dagan_tf.loop.checkpoints import BEST_NAME, CONFIG_NAME, FOLDER_NAME
from dagan_tf.pretrained.model_folder import IDENTITIES_NAME


@dataclass(frozen=True)
class Workers:
    """The processes of a strategy.

    Attributes:
        strategy: of all of them.
        index: of this process; 0 is the chief.
        count: of processes.
    """

    strategy: tf.distribute.Strategy
    index: int = 0
    count: int = 1

    @property
    def chief(self) -> bool:
        """Whether this process writes."""
        return self.index == 0

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """For each flag, whether any worker has it; all have to call it."""
        if self.count == 1:
            return flags
        own = self.strategy.experimental_distribute_values_from_function(
            lambda _: tf.constant(flags, tf.float32)
        )
        return tuple(bool(total) for total in self.strategy.reduce("SUM", own, axis=None))

    def gather(self, value: int) -> list[int]:
        """Every worker's value, once for each of its devices; all have to call it."""
        if self.count == 1:
            return [value]
        own = self.strategy.experimental_distribute_values_from_function(
            lambda _: tf.constant([value])
        )
        return self.strategy.gather(own, axis=0).numpy().tolist()

    def batches(self, make: Callable[..., tf.data.Dataset]) -> tf.distribute.DistributedDataset:
        """Each worker's share of the batches.

        Args:
            make: `training_batches` but for `worker`, `workers` and `devices`.
        """

        def share(context: tf.distribute.InputContext) -> tf.data.Dataset:
            workers = context.num_input_pipelines
            devices = context.num_replicas_in_sync // workers
            return make(worker=context.input_pipeline_id, workers=workers, devices=devices)

        return self.strategy.distribute_datasets_from_function(share)

    def fit(
        self,
        dagan: DAGAN,
        batches: tf.distribute.DistributedDataset,
        steps: int,
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> None:
        """`dagan.fit` for one epoch; Keras 3's own cannot reduce over workers (keras#20585).

        Args:
            dagan: compiled in the strategy's scope.
            batches: of `batches`.
            steps: at most.
            callbacks: only their `on_train_begin`, `on_train_batch_end` and `on_train_end`.

        Raises:
            DaganError: another worker has gone.
        """

        @tf.function
        def step(iterator: tf.distribute.DistributedIterator) -> None:
            self.strategy.run(dagan.train_step, args=(next(iterator),))

        for metric in dagan.metrics:
            metric.reset_state()
        dagan.stop_training = False
        for callback in callbacks:
            callback.set_model(dagan)
            callback.on_train_begin()
        iterator = iter(batches)
        try:
            for number in range(steps):
                step(iterator)
                for callback in callbacks:
                    callback.on_train_batch_end(number)
                if dagan.stop_training:
                    break
        except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
            raise DaganError(
                f"worker {self.index} of {self.count} has lost another one; start all of them again"
                " from the last checkpoint"
            ) from error
        for callback in callbacks:
            callback.on_train_end()


def workers_of(strategy: tf.distribute.Strategy) -> Workers:
    """The processes of a strategy: one, unless it is of `make_cluster_strategy`."""
    resolver = strategy.cluster_resolver
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) or resolver is None:
        return Workers(strategy)
    cluster = resolver.cluster_spec().as_dict()
    before = len(cluster.get("chief", ())) if resolver.task_type == "worker" else 0
    return Workers(strategy, before + resolver.task_id, sum(map(len, cluster.values())))


def claimed(workers: Workers, model_dir: Path) -> contextlib.AbstractContextManager[Path]:
    """Keeps other trainings out of `model_dir`, which only the chief writes to."""
    return writing_to(model_dir) if workers.chief else contextlib.nullcontext(model_dir)


@contextlib.contextmanager
def own_folder(workers: Workers, model_dir: Path) -> Iterator[Path]:
    """The folder that this worker writes to: the chief's is `model_dir`.

    The others get a folder of their own with the checkpoints so far, deleted at the end.
    """
    if workers.chief:
        workers.any(False)  # The others have copied.
        yield model_dir
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for name in (CONFIG_NAME, IDENTITIES_NAME):
            if (model_dir / name).exists():
                shutil.copyfile(model_dir / name, folder / name)
        for name in (FOLDER_NAME, BEST_NAME):
            if (model_dir / name).exists():
                shutil.copytree(model_dir / name, folder / name)
        workers.any(False)
        yield folder


def check_same_step(workers: Workers, step: int) -> None:
    """Checks that all workers have found the same checkpoint; all have to call it.

    Raises:
        DaganError: they have not.
    """
    found = workers.gather(step)
    if len(set(found)) > 1:
        raise DaganError(
            f"the workers have checkpoints of the steps {found}; expected model_dir to be one"
            " folder that all of them see"
        )
