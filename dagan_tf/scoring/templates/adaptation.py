"""Template adaptation: a linear SVM a template (Crosswhite et al., FG 2017).

The media of a template are the positives, media of other people the negatives; a pair's score is
the mean of what each SVM says of the other's media. Settings of the IJB-A code of DA-GAN's authors:
squared hinge, C = 1, both classes weighted alike, margins fused over media by softmax.
"""

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.svm import LinearSVC

from dagan_tf.errors import DaganError
from dagan_tf.metrics.templates import check_finite, normalised
from dagan_tf.scoring.templates.fusion import fused, grouped


def adapted_scores(
    encodings: np.ndarray,
    owner: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    negatives: np.ndarray,
    *,
    gallery: Sequence[int] | np.ndarray = (),
    betas: Sequence[float] = (10.0,),
    penalty: float = 1.0,
    advance: Callable[[int], object] = lambda pairs: None,
) -> np.ndarray:
    """Scores pairs of templates by two SVMs a pair.

    Args:
        encodings: (M, D) of media; scaled to length 1 here.
        owner: (M,) int, the template of each.
        first: (N,) int templates.
        second: (N,) int templates.
        negatives: (K, D) media of people who are not under test.
        gallery: Templates of the gallery of a search: each of them has the media of the others
            of them for further negatives (the paper's gallery adaptation). They have to be of
            one subject each.
        betas: Of the fusion of margins over media, as `fusion.softmax_scores`.
        penalty: C of the SVMs.
        advance: Called with the number of pairs done, for a progress bar.

    Returns:
        (N,) float32 margins: about 1 for the same person, -1 for others.

    Raises:
        DaganError: No negatives, features that are not finite, or a template without media.
    """
    if negatives.ndim != 2 or not len(negatives):
        raise DaganError(f"negatives have shape {negatives.shape}; expected (K, D), K > 0")
    check_finite(encodings)
    check_finite(negatives)
    rows, others, members = normalised(encodings), normalised(negatives), grouped(owner)
    in_gallery = np.isin(owner, np.asarray(gallery, dtype=np.int64))
    machines: dict[int, LinearSVC] = {}

    def margins(template: int, media: np.ndarray) -> np.ndarray:
        if template not in machines:
            own = rows[members[template]]
            against = others
            if in_gallery[members[template][0]]:
                against = np.concatenate([others, rows[in_gallery & (owner != template)]])
            machines[template] = _train(own, against, penalty)
        return machines[template].decision_function(media)

    scores = np.empty(len(first), dtype=np.float32)
    for place, (one, two) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        if one not in members or two not in members:
            raise DaganError(f"pair {place} names template {one} or {two}, which has no media")
        there = fused(margins(one, rows[members[two]]), betas)
        back = fused(margins(two, rows[members[one]]), betas)
        scores[place] = (there + back) / 2
        advance(1)
    return scores


def _train(positives: np.ndarray, negatives: np.ndarray, penalty: float) -> LinearSVC:
    samples = np.concatenate([positives, negatives]).astype(np.float64)
    labels = np.repeat([1, 0], [len(positives), len(negatives)])
    machine = LinearSVC(C=penalty, loss="squared_hinge", dual=False, class_weight="balanced")
    return machine.fit(samples, labels)
