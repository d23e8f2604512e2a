"""The recogniser: a backbone, the weights of the people it is trained on, and the step."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import keras
import tensorflow as tf

from dagan_tf.core.keras_compat import build_optimizer_weights
from dagan_tf.core.pixels import tensor_to_signed
from dagan_tf.core.progress import Progress
from dagan_tf.recognition import losses
from dagan_tf.recognition.config import HeadConfig

METRIC_NAMES = ("loss", "accuracy")


@keras.saving.register_keras_serializable(package="dagan_tf")
class People(keras.layers.Layer):
    """A column of weights, and a bias, for each person."""

    def __init__(self, dimensions: int, people: int, **kwargs: Any) -> None:
        """Creates the weights.

        Args:
            dimensions: D.
            people: K.
            **kwargs: the layer's name.
        """
        super().__init__(**kwargs)
        self.dimensions, self.people = dimensions, people
        self.directions = self.add_weight(
            name="directions", shape=(dimensions, people), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(people,), initializer="zeros")
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """The layer's settings, from which Keras builds it anew."""
        sizes = {"dimensions": self.dimensions, "people": self.people}
        return {**super().get_config(), **sizes}


@keras.saving.register_keras_serializable(package="dagan_tf")
class Recogniser(keras.Model):
    """Trains a backbone; calling it gives embeddings.

    Attributes:
        backbone: from `build_backbone`.
        people: weights of the people trained on; `triplet` leaves them alone.
        progress: steps done.
    """

    def __init__(
        self,
        backbone: keras.Model,
        people: int,
        head: HeadConfig,
        *,
        weight_decay: float = 0.0,
        metric_after: int = 0,
        **kwargs: Any,
    ) -> None:
        """Wires the parts.

        Args:
            backbone: the network.
            people: number of people trained on.
            head: the loss.
            weight_decay: L2 penalty on kernels.
            metric_after: step from which triplets take the place of the head's loss; 0 = never.
            **kwargs: the model's name.
        """
        super().__init__(**kwargs)
        self.backbone = backbone
        self.head = head
        self.weight_decay = weight_decay
        self.metric_after = metric_after
        self.people = People(backbone.output_shape[-1], people, name="people", dtype="float32")
        self.progress = Progress(name="progress")
        self._means = {name: keras.metrics.Mean(name=name) for name in METRIC_NAMES}
        self.built = True

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer,
        early: Sequence[keras.optimizers.Optimizer] = (),
        **kwargs: Any,
    ) -> None:
        """Sets the optimisers.

        Args:
            optimizer: of the head and the last layers.
            early: of the layers before, the first ones first; their weights are dealt out evenly
                by number.
            **kwargs: of `keras.Model.compile`.
        """
        super().compile(optimizer=optimizer, **kwargs)
        self.early = list(early)
        for own, weights in self.weight_groups():
            build_optimizer_weights(own, weights)

    def weight_groups(self) -> list[tuple[keras.optimizers.Optimizer, list[tf.Variable]]]:
        """Each optimiser and what it moves."""
        own = list(self.backbone.trainable_variables)
        head = self.weights_trained[len(own) :]
        optimizers = [*self.early, self.optimizer]
        edges = [round(len(own) * n / len(optimizers)) for n in range(len(optimizers) + 1)]
        groups = [own[start:stop] for start, stop in pairwise(edges)]
        groups[-1] = groups[-1] + head
        return [(one, part) for one, part in zip(optimizers, groups, strict=True) if part]

    @property
    def weights_trained(self) -> list[tf.Variable]:
        """What the optimisers move: the backbone's, then the head's."""
        head = [] if self.head.form == "triplet" else [self.people.directions]
        if self.head.form in ("softmax", "l2_softmax"):
            head.append(self.people.bias)
        return [*self.backbone.trainable_variables, *head]

    @property
    def named_optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """The optimisers by the prefix of their rates' names in logs."""
        return {**{f"early_{n}_": one for n, one in enumerate(self.early)}, "": self.optimizer}

    @staticmethod
    def status(values: Mapping[str, float]) -> str:
        """What the status line says of the metrics."""
        return f"loss {values['loss']:.4f}  accuracy {values['accuracy']:.3f}"

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Running means of what a step reports; whoever logs them resets them."""
        return list(self._means.values())

    def call(self, values: tf.Tensor, training: bool = False) -> tf.Tensor:
        """(N, D) float32 embeddings of uint8 crops, float32 features or what frozen layers gave."""
        crops = values.dtype == tf.uint8
        values = tensor_to_signed(values) if crops else tf.cast(values, tf.float32)
        return self.backbone(values, training=training)

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step of backbone and head.

        Args:
            batch: `values` (N, ...) as `call` takes them, and `labels`, int (N,), places among
                `people`.

        Returns:
            The running means, by name.
        """
        labels = batch["labels"]
        weights = self.weights_trained
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        with tf.GradientTape() as tape:
            embeddings = tf.cast(self(batch["values"], training=True), tf.float32)
            loss = tf.reduce_mean(self._losses_now(embeddings, labels))
            penalty = tf.add_n([tf.nn.l2_loss(w) for w in weights if len(w.shape) > 1])
            # Optimisers add gradients up over replicas.
            share = (loss + self.weight_decay * penalty) / replicas
        gradients = tape.gradient(share, weights)
        # Triplets do not use people's weights, and a head none of another's.
        found = {
            id(weight): tf.zeros_like(weight) if gradient is None else gradient
            for weight, gradient in zip(weights, gradients, strict=True)
        }
        for optimizer, group in self.weight_groups():
            optimizer.apply_gradients([(found[id(weight)], weight) for weight in group])
        self.progress.update(loss, tf.constant(1.0))
        self._means["loss"].update_state(loss)
        self._means["accuracy"].update_state(self._accuracy(embeddings, labels))
        return {name: metric.result() for name, metric in self._means.items()}

    def _losses_now(self, embeddings: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        if not self.metric_after:
            return self.losses_of(embeddings, labels)
        margin = self.head.metric_margin
        return tf.cond(
            tf.convert_to_tensor(self.progress.steps) < self.metric_after,
            lambda: self.losses_of(embeddings, labels),
            lambda: losses.triplet_semihard(embeddings, labels, margin=margin),
        )

    def losses_of(self, embeddings: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """(N,) float32, the head's loss of each sample."""
        head = self.head
        directions = tf.convert_to_tensor(self.people.directions)
        bias = tf.convert_to_tensor(self.people.bias)
        if head.form == "softmax":
            return losses.softmax(embeddings, directions, bias, labels)
        if head.form == "l2_softmax":
            return losses.l2_softmax(embeddings, directions, bias, labels, alpha=head.alpha)
        if head.form == "angular_margin":
            return losses.angular_margin(
                embeddings, directions, labels, scale=head.scale, margin=head.margin
            )
        return losses.triplet_semihard(embeddings, labels, margin=head.margin)

    def _accuracy(self, embeddings: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Share whose own person, or of triplets whose nearest other sample, is right."""
        unit = tf.math.l2_normalize(embeddings, axis=1)
        if self.head.form == "triplet":
            alike = tf.linalg.set_diag(
                tf.linalg.matmul(unit, unit, transpose_b=True), -tf.ones(tf.shape(labels))
            )
            found = tf.gather(labels, tf.argmax(alike, axis=1))
        else:
            directions = tf.convert_to_tensor(self.people.directions)
            if self.head.form == "angular_margin":
                directions = tf.math.l2_normalize(directions, axis=0)
            else:
                unit = self.head.alpha * unit if self.head.form == "l2_softmax" else embeddings
            scores = tf.linalg.matmul(unit, directions)
            if self.head.form != "angular_margin":
                scores += tf.convert_to_tensor(self.people.bias)
            found = tf.argmax(scores, axis=1, output_type=tf.int32)
        return tf.reduce_mean(tf.cast(tf.equal(tf.cast(found, tf.int32), labels), tf.float32))
