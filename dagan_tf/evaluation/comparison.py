"""Several sets of synthetic faces held against real ones, by every measure, as one table.

The question is whether refined faces are nearer to real ones than simulated ones are, and
whether they still show the same people. Whatever is learned is learned on the training people;
everything is judged on the test people.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dagan_tf.evaluation import realism
from dagan_tf.evaluation.features import FEATURES, appearance_features, keep_face
from dagan_tf.evaluation.identity import identity_margins, paired_distances
from dagan_tf.evaluation.measure import Measure, Row
from dagan_tf.faces.resizing import resized
from dagan_tf.metrics.bootstrap import (
    Interval,
    bootstrap_people,
    jackknife_people,
    mean_interval,
    rows_of,
)
from dagan_tf.metrics.roc import win_rate

# Pixels a side at which a face is held against its person's photo.
_SMALL = 24


@dataclass(frozen=True, eq=False)
class FaceSet:
    """Faces in the canonical frame.

    Attributes:
        images: (N, S, S, 3) uint8 RGB.
        people: (N,) str, who each is.
        embeddings: From a network's name to its (N, D) embeddings.
    """

    images: np.ndarray
    people: np.ndarray
    embeddings: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        lengths = {len(self.images), len(self.people)} | {len(e) for e in self.embeddings.values()}
        if len(lengths) != 1:
            raise ValueError(f"images, people and embeddings have lengths {sorted(lengths)}")

    def of(self, people: Sequence[str] | np.ndarray) -> "FaceSet":
        """Returns the faces of these people."""
        return self.rows(np.isin(self.people, people))

    def rows(self, keep: np.ndarray) -> "FaceSet":
        """Returns the faces that `keep`, a mask or row numbers, selects."""
        embeddings = {name: values[keep] for name, values in self.embeddings.items()}
        return FaceSet(self.images[keep], self.people[keep], embeddings)

    def features(self, space: str) -> np.ndarray:
        """Returns (N, D) features: embeddings by their network's name, or a space of `FEATURES`."""
        return self.embeddings[space] if space in self.embeddings else FEATURES[space](self.images)


def two_sample_row(real: FaceSet, fake: FaceSet, *, repeats: int = 5, seed: int = 0) -> Row:
    """Cross-validated by person on these faces only: can the sets be told apart?

    Args:
        real: Real faces of the test people.
        fake: Synthetic faces of the test people.
        repeats: Divisions into folds averaged over.
        seed: Of the divisions.

    Returns:
        AUC with an interval over people, accuracy and logit margin, on the whole image and on the
        face alone. The interval keeps the trained classifiers; it leaves out their own spread.
    """
    row: Row = {}
    for region, crop in _REGIONS.items():
        test = realism.two_sample_test(
            appearance_features(crop(real.images)),
            appearance_features(crop(fake.images)),
            real.people,
            fake.people,
            repeats=repeats,
            seed=seed,
        )
        spread = _auc_interval(test.real_logits, test.fake_logits, real.people, fake.people)
        # The pooled AUC's interval, moved to the mean over folds.
        shift = test.auc - spread.value
        row[Measure(f"two-sample AUC, {region}", "lower")] = Interval(
            test.auc, max(0.0, spread.low + shift), min(1.0, spread.high + shift)
        )
        row[Measure(f"two-sample accuracy, {region}", "lower")] = test.accuracy
        row[Measure(f"two-sample logit margin, {region}", "lower")] = test.margin
    return row


def train_judges(
    real: FaceSet,
    fake: FaceSet,
    conv: realism.Trainer | None = None,
    *,
    conv_seeds: Sequence[int] = (0, 1, 2),
) -> dict[str, realism.LogitFunction]:
    """Trains classifiers of real against synthetic once, on the training people.

    Args:
        real: Real faces of the training people.
        fake: Synthetic faces of the training people.
        conv: Trainer of a convolutional classifier on pixels (`train_conv`); None leaves it out.
        conv_seeds: One network each, whose logits are averaged.

    Returns:
        From a judge's name to a function of uint8 images; logit > 0 = taken for real.
    """
    judges: dict[str, realism.LogitFunction] = {}
    for region, crop in _REGIONS.items():
        linear = realism.train_logistic(
            appearance_features(crop(real.images)), appearance_features(crop(fake.images))
        )
        judges[f"linear, {region}"] = _linear_judge(linear, crop)
        if conv is not None:
            networks = [conv(crop(real.images), crop(fake.images), seed) for seed in conv_seeds]
            judges[f"conv, {region}"] = _mean_judge(networks, crop)
    return judges


def pass_row(judges: Mapping[str, realism.LogitFunction], real: FaceSet, faces: FaceSet) -> Row:
    """How test faces fare before judges that were trained on other people.

    Args:
        judges: As `train_judges` returns them.
        real: Real faces of the test people.
        faces: The faces judged; may be `real` itself, which shows the best rate that can be had.

    Returns:
        For each judge: share of faces taken for real (interval over people), mean logit, and the
        AUC against the real test faces.
    """
    row: Row = {}
    for name, judge in judges.items():
        logits = judge(faces.images)
        row[Measure(f"pass as real, {name}", "higher")] = mean_interval(logits > 0, faces.people)
        row[Measure(f"logit, {name}")] = float(logits.mean())
        if faces is not real:
            row[Measure(f"AUC, {name}", "lower")] = _auc_interval(
                judge(real.images), logits, real.people, faces.people
            )
    return row


def fresh_row(judges: Mapping[str, realism.LogitFunction], real: FaceSet, faces: FaceSet) -> Row:
    """How test faces fare before judges that learned the faults of faces of their kind.

    Arguments as `pass_row`; for each judge the AUC against the real test faces.
    """
    return {
        Measure(f"fresh AUC, {name}", "lower"): _auc_interval(
            judge(real.images), judge(faces.images), real.people, faces.people
        )
        for name, judge in judges.items()
    }


def distance_row(
    real: FaceSet, fake: FaceSet, reference: FaceSet, spaces: Sequence[str] | None = None
) -> Row:
    """Kernel and Fréchet distances in each feature space.

    Args:
        real: Real faces of the test people.
        fake: The faces held against them.
        reference: Real faces of the training people; every feature is standardised by their mean
            and spread, so that all spaces have one scale.
        spaces: Feature spaces; all embeddings and `FEATURES` if None.

    Returns:
        Two figures a space; the kernel distance with a jackknife interval over people.
    """
    row: Row = {}
    for space in spaces or [*real.embeddings, *FEATURES]:
        scale = _standardiser(reference.features(space))
        a, b = scale(real.features(space)), scale(fake.features(space))
        row[Measure(f"kernel distance, {space}", "lower")] = _kernel_interval(
            a, b, real.people, fake.people
        )
        row[Measure(f"Fréchet distance, {space}", "lower")] = realism.frechet_distance(a, b)
    return row


def kernel_gain(
    real: FaceSet, simulated: FaceSet, refined: FaceSet, reference: FaceSet, space: str
) -> Interval:
    """Kernel distance of the simulated minus that of the refined faces; > 0 = refining helped.

    The interval is that of the difference, people being left out of all three sets at once:
    sharper than comparing two intervals.
    """
    scale = _standardiser(reference.features(space))
    x = scale(real.features(space))
    before = realism.Grams.of(x, scale(simulated.features(space)))
    after = realism.Grams.of(x, scale(refined.features(space)))

    def gain(kept: np.ndarray) -> float:
        rows = rows_of(real.people, kept)
        return before.distance(rows, rows_of(simulated.people, kept)) - after.distance(
            rows, rows_of(refined.people, kept)
        )

    return jackknife_people(gain, real.people)


def identity_row(
    faces: FaceSet, references: Mapping[str, Mapping[str, np.ndarray]], gallery: FaceSet
) -> Row:
    """Is everybody still themselves?

    Args:
        faces: The probes.
        references: From a kind of real photo ("three-quarter") to, for each network, the (N, D)
            embeddings of that photo of each probe's person.
        gallery: Frontal photos of all people, of the training people too.

    Returns:
        For each network: mean distance to each reference, rank-1, and the share of faces that
        are nearer to somebody else.
    """
    row: Row = {}
    for network, embeddings in faces.embeddings.items():
        for kind, photos in references.items():
            distances = paired_distances(embeddings, photos[network])
            row[Measure(f"{network} distance to {kind}", "lower")] = mean_interval(
                distances, faces.people
            )
        margins = identity_margins(
            embeddings, faces.people, gallery.embeddings[network], gallery.people
        )
        row[Measure(f"{network} rank-1", "higher")] = mean_interval(margins > 0, faces.people)
        row[Measure(f"{network} nearer to another person")] = float((margins <= 0).mean())
    return row


def approach_row(
    inputs: FaceSet, faces: FaceSet, references: Mapping[str, Mapping[str, np.ndarray]]
) -> Row:
    """How much nearer refining has brought each face to its person's real photos.

    Args:
        inputs: Simulated faces.
        faces: What was made of them, in the same order.
        references: As of `identity_row`.

    Returns:
        For each network and reference: mean distance before less that after; above 0 is nearer.
    """
    row: Row = {}
    for network, embeddings in faces.embeddings.items():
        for kind, photos in references.items():
            before, after = (
                paired_distances(found, photos[network])
                for found in (inputs.embeddings[network], embeddings)
            )
            row[Measure(f"{network} approach to {kind}")] = mean_interval(
                before - after, faces.people
            )
    return row


def change_row(faces: FaceSet, inputs: FaceSet) -> Row:
    """Is the refiner the identity map, or has it collapsed?

    Args:
        faces: Refined (or other) faces.
        inputs: What they were made from, in the same order.

    Returns:
        Mean absolute change a channel in grey levels, and the mean L1 distance between faces of
        different people in grey levels.
    """
    if faces.images.shape != inputs.images.shape:
        raise ValueError(f"{faces.images.shape} faces but {inputs.images.shape} inputs")
    change = np.abs(faces.images.astype(np.int16) - inputs.images).mean(axis=(1, 2, 3))
    return {
        Measure("change of the simulated, grey levels"): mean_interval(change, faces.people),
        Measure("diversity, grey levels"): realism.diversity(faces.images, faces.people),
    }


def own_photo_row(faces: FaceSet, photos: np.ndarray) -> Row:
    """Is a face nearer to a photo of the same person from the same side? No network is asked.

    Args:
        faces: Simulated or refined faces.
        photos: (N, S, S, 3) uint8, for each the person's own photo, aligned to the same frame.

    Returns:
        Mean absolute difference a channel, grey levels, of both shrunk to 24 x 24 pixels: shape,
        shade and colour count, the place of a hair does not.
    """
    if faces.images.shape != photos.shape:
        raise ValueError(f"{faces.images.shape} faces but {photos.shape} photos")

    def small(images: np.ndarray) -> np.ndarray:
        return np.stack([resized(image, _SMALL, _SMALL) for image in images]).astype(np.float64)

    difference = np.abs(small(faces.images) - small(photos)).mean(axis=(1, 2, 3))
    return {
        Measure("difference from own photo, grey levels", "lower"): mean_interval(
            difference, faces.people
        )
    }


_REGIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "whole image": lambda images: images,
    "face only": keep_face,
}


def _linear_judge(
    linear: realism.LogitFunction, crop: Callable[[np.ndarray], np.ndarray]
) -> realism.LogitFunction:
    return lambda images: linear(appearance_features(crop(images)))


def _mean_judge(
    networks: Sequence[realism.LogitFunction], crop: Callable[[np.ndarray], np.ndarray]
) -> realism.LogitFunction:
    return lambda images: np.mean([network(crop(images)) for network in networks], axis=0)


def _standardiser(features: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    mean, spread = features.mean(axis=0), features.std(axis=0)
    # A feature that hardly varies on real photos (colour, where the photos are grey) has no scale
    # of its own; with a tenth of the usual one it counts, but does not drown all others.
    spread = np.maximum(spread, 0.1 * np.median(spread) + 1e-12)
    return lambda values: (values - mean) / spread


def _auc_interval(
    real_logits: np.ndarray,
    fake_logits: np.ndarray,
    real_people: np.ndarray,
    fake_people: np.ndarray,
) -> Interval:
    def area(drawn: np.ndarray) -> float:
        real = real_logits[rows_of(real_people, drawn)]
        fake = fake_logits[rows_of(fake_people, drawn)]
        return win_rate(real, fake) if len(real) and len(fake) else float("nan")

    return bootstrap_people(area, np.union1d(real_people, fake_people), resamples=400)


def _kernel_interval(
    real: np.ndarray, fake: np.ndarray, real_people: np.ndarray, fake_people: np.ndarray
) -> Interval:
    grams = realism.Grams.of(real, fake)

    def distance(kept: np.ndarray) -> float:
        return grams.distance(rows_of(real_people, kept), rows_of(fake_people, kept))

    return jackknife_people(distance, np.union1d(real_people, fake_people))
