"""Classifiers of real against synthetic faces, and how a set of faces fares before them.

They are trained on some people and judge others; how well they tell the sets apart, their AUC, is
the measure: one half is the best a synthetic face can do.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dagan_tf.evaluation import realism
from dagan_tf.evaluation.face_set import FaceSet
from dagan_tf.evaluation.features import appearance_features, keep_face
from dagan_tf.evaluation.measure import Measure, Row
from dagan_tf.metrics.bootstrap import Interval, bootstrap_people, mean_interval, rows_of
from dagan_tf.metrics.roc import win_rate

_REGIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "whole image": lambda images: images,
    "face only": keep_face,
}


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


def _linear_judge(
    linear: realism.LogitFunction, crop: Callable[[np.ndarray], np.ndarray]
) -> realism.LogitFunction:
    return lambda images: linear(appearance_features(crop(images)))


def _mean_judge(
    networks: Sequence[realism.LogitFunction], crop: Callable[[np.ndarray], np.ndarray]
) -> realism.LogitFunction:
    return lambda images: np.mean([network(crop(images)) for network in networks], axis=0)


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
