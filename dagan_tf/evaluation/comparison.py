"""Several sets of synthetic faces held against real ones, by every measure, as one table.

The question is whether refined faces are nearer to real ones than simulated ones are, and
whether they still show the same people. Whatever is learned is learned on the training people;
everything is judged on the test people.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dagan_tf.evaluation import realism
from dagan_tf.evaluation.face_set import FaceSet
from dagan_tf.evaluation.features import FEATURES
from dagan_tf.evaluation.identity import identity_margins, paired_distances
from dagan_tf.evaluation.measure import Measure, Row
from dagan_tf.faces.resizing import resized
from dagan_tf.metrics.bootstrap import Interval, jackknife_people, mean_interval, rows_of

# Pixels a side at which a face is held against its person's photo.
_SMALL = 24


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


def _standardiser(features: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    mean, spread = features.mean(axis=0), features.std(axis=0)
    # A feature that hardly varies on real photos (colour, where the photos are grey) has no scale
    # of its own; with a tenth of the usual one it counts, but does not drown all others.
    spread = np.maximum(spread, 0.1 * np.median(spread) + 1e-12)
    return lambda values: (values - mean) / spread


def _kernel_interval(
    real: np.ndarray, fake: np.ndarray, real_people: np.ndarray, fake_people: np.ndarray
) -> Interval:
    grams = realism.Grams.of(real, fake)

    def distance(kept: np.ndarray) -> float:
        return grams.distance(rows_of(real_people, kept), rows_of(fake_people, kept))

    return jackknife_people(distance, np.union1d(real_people, fake_people))
