"""Everything a refiner's faces are compared with, read and learned once for several refiners."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from dagan_tf.data.manifest import read_manifest
from dagan_tf.data.photos import list_photos
from dagan_tf.errors import DaganError
from dagan_tf.evaluation import comparison, judges, kept
from dagan_tf.evaluation.embedding import FaceFeatures, RealFace, RealFaces, load_networks
from dagan_tf.evaluation.face_set import FaceSet
from dagan_tf.evaluation.looks_row import laid_photos, looks_row
from dagan_tf.evaluation.measure import Row
from dagan_tf.evaluation.noise import noise_row
from dagan_tf.evaluation.pairs import Pair, gallery_photos, pair_views
from dagan_tf.evaluation.realism import LogitFunction, Trainer
from dagan_tf.faces.face import FaceFinder
from dagan_tf.faces.photo_io import read_photo
from dagan_tf.faces.weights import LANDMARK_SOURCES
from dagan_tf.metrics.bootstrap import Interval
from dagan_tf.simulator.simulator import Simulator

OF_THAT_SIDE, SOURCE = "real photo of that side", "its source"


@dataclass(frozen=True)
class Question:
    """What is measured, on whom.

    Attributes:
        photos: folder of real photos.
        layout: of `photos`, as of `list_photos`.
        simulated: what trainer.simulate made of them, of all people.
        test_people: people the refiner never saw; judges learn from the others.
        yaws: only views near these angles, degrees; empty takes all that have a real photo.
        mobilefacenet: TFLite file of a second network; None asks dlib's alone.
        conv: also train convolutional judges.
        noise_draws: measure likeness this many times more, each time with noise of one grey level.
        landmarks: where they come from, of `LANDMARK_SOURCES`.
    """

    photos: str
    layout: str
    simulated: str
    test_people: Collection[str]
    yaws: Sequence[float] = ()
    mobilefacenet: str | None = None
    conv: bool = True
    noise_draws: int = 0
    landmarks: str = LANDMARK_SOURCES[0]


class Bench:
    """The faces that a refiner's answers are held against.

    Attributes:
        test: the test people's views and their photos.
        train: the others'.
        simulated: (N, S, S, 3) uint8 of `test`.
        features: how faces are embedded.
        reals: the real photos' faces.
        facts: about the run, for tables.
    """

    def __init__(self, question: Question) -> None:
        """Reads and pairs everything, and trains the judges.

        Raises:
            DaganError: unusable folders, an unknown test person, or nobody to test or to learn
                from.
        """
        self.question = question
        views = read_manifest(question.simulated)
        people = {view.identity for view in views}
        strange = sorted(set(question.test_people) - people)
        if strange:
            raise DaganError(f"--test_people: {strange[0]!r} is not in {question.simulated}")
        size = read_photo(Path(question.simulated) / views[0].path).shape[0]
        finder = FaceFinder(landmarks=question.landmarks)
        self.simulator = Simulator(image_size=size, finder=finder)
        networks = load_networks(question.mobilefacenet)
        self.features = FaceFeatures(networks, self.simulator.finder)
        self.reals = RealFaces(self.simulator, networks)
        photos = list_photos(question.photos, question.layout)
        found = pair_views(views, photos, self.reals.yaw_of, yaws=question.yaws)
        pairs = [
            pair for pair in found if self.reals.get(pair.real) and self.reals.get(pair.source)
        ]
        self.test = [pair for pair in pairs if pair.view.identity in question.test_people]
        self.train = [pair for pair in pairs if pair.view.identity not in question.test_people]
        if not self.train or not self.test:
            raise DaganError(
                f"{question.simulated}: {len(self.test)} views of test people and"
                f" {len(self.train)} of others have a real photo from their side; expected some of"
                " both"
            )
        self.simulated = self.images(question.simulated, self.test)
        masks = [self._mask(pair) for pair in self.test]
        self._laid = laid_photos(self._own_photos(), self.simulated, masks, yaws_of(self.test))
        self.real_test, self.real_train = map(self._real_set, (self.test, self.train))
        self.judges = self.judges_of(self.images(question.simulated, self.train))
        gallery = gallery_photos(photos, {pair.source.path for pair in pairs}, self.reals.yaw_of)
        known = {who: face for who, item in gallery.items() if (face := self.reals.get(item))}
        self.gallery = FaceSet(
            np.zeros((len(known), 1, 1, 3), np.uint8),
            np.array(list(known)),
            {
                name: np.stack([face.embeddings[name] for face in known.values()])
                for name in networks
            },
        )
        # A view must not be recognised by its own source.
        self._own = {who: item for who, item in gallery.items() if who in known}
        self.probes = self._probes(self.test)
        self.facts: dict[str, object] = {
            "image size": size,
            "training people": len(np.unique(self.real_train.people)),
            "test people": len(np.unique(self.real_test.people)),
            "test views": len(self.test),
            "views without a real photo from their side": len(views) - len(pairs),
            "views identity is measured on": int(self.probes.sum()),
            "real test photos": len(self.real_test.images),
            "real training photos": len(self.real_train.images),
            "photos without a usable face": len(self.reals.refused),
            "gallery": len(known),
            "landmarks found by": self.features.ways,
        }

    def images(self, folder: str | os.PathLike[str], pairs: Sequence[Pair]) -> np.ndarray:
        """(N, S, S, 3) uint8 of the views of these pairs in a simulated or refined folder."""
        return np.stack([read_photo(Path(folder) / pair.view.path) for pair in pairs])

    def column(
        self, name: str, images: np.ndarray, own_judges: Mapping[str, LogitFunction] | None = None
    ) -> tuple[FaceSet, Row]:
        """Every measure of one kind of faces.

        Args:
            name: of the kind.
            images: (N, S, S, 3) uint8 of the test views, in the order of `test`.
            own_judges: trained on the same kind of faces, and so acquainted with their faults.

        Returns:
            The faces and their column of the table.
        """
        faces = self._faces(name, images)
        row = dict(judges.pass_row(self.judges, self.real_test, faces))
        if own_judges:
            row |= judges.fresh_row(own_judges, self.real_test, faces)
        row |= judges.two_sample_row(self.real_test, faces)
        row |= comparison.distance_row(self.real_test, faces, self.real_train)
        row |= self.part(faces, np.ones(len(self.test), bool))
        found = kept.fitted_yaws(self.simulator.model, self.features.landmarks[name])
        row |= kept.pose_row(found, yaws_of(self.test), faces.people)
        if self.question.noise_draws:
            embed = partial(self._embed, "noisy", forget=True)
            row |= noise_row(faces, self.question.noise_draws, embed, self._likeness)
        return faces, row

    def part(self, faces: FaceSet, chosen: np.ndarray) -> Row:
        """What needs no judge, of some of the test views: change, looks and identity.

        Args:
            faces: of all test views, in the order of `test`.
            chosen: (N,) bool, those of two people at least.

        Returns:
            The measures; identity is left out where it can be measured on fewer than two people.
        """
        pairs = [pair for pair, wanted in zip(self.test, chosen, strict=True) if wanted]
        laid = [one for one, wanted in zip(self._laid, chosen, strict=True) if wanted]
        some, inputs = faces.rows(chosen), self.simulated[chosen]
        row = comparison.change_row(some, FaceSet(inputs, some.people, {}))
        row |= comparison.own_photo_row(some, np.stack(self._own_photos())[chosen])
        row |= looks_row(some, inputs, laid, yaws_of(pairs))
        return row | self._identity(some, pairs)

    def real_column(self) -> Row:
        """What real photos of the test people reach, for comparison."""
        row = dict(judges.pass_row(self.judges, self.real_test, self.real_test))
        row |= comparison.distance_row(self.real_test, self.real_train, self.real_train)
        return row | self._identity(self.real_test, _once(self.test))

    def against(self, before: FaceSet, after: FaceSet) -> Row:
        """What refining did to each face's identity."""
        if not self.probes.any():
            return {}
        probes = before.rows(self.probes), after.rows(self.probes)
        references = self._references(self.test)
        return kept.leakage_row(*probes, self.gallery) | comparison.approach_row(
            *probes, references
        )

    def gains(self, before: FaceSet, after: FaceSet) -> dict[str, Interval]:
        """By feature space, how much nearer to real photos refining brought the faces."""
        return {
            space: comparison.kernel_gain(self.real_test, before, after, self.real_train, space)
            for space in (*self.real_test.embeddings, *comparison.FEATURES)
        }

    def judges_of(self, images: np.ndarray) -> dict[str, LogitFunction]:
        """Judges of real photos against these faces of training people, (N, S, S, 3) uint8."""
        conv: Trainer | None = None
        if self.question.conv:
            from dagan_tf.evaluation.conv_classifier import train_conv

            conv = train_conv
        people = np.zeros(len(images), np.str_)
        return judges.train_judges(self.real_train, FaceSet(images, people, {}), conv)

    def _faces(self, name: str, images: np.ndarray) -> FaceSet:
        return FaceSet(images, people_of(self.test), self._embed(name, images))

    def _embed(
        self, name: str, images: np.ndarray, *, forget: bool = False
    ) -> dict[str, np.ndarray]:
        found = self.features.embed(name, list(images), yaws_of(self.test))
        if forget:
            self.features.forget(name)
        return found

    def _real_set(self, pairs: Sequence[Pair]) -> FaceSet:
        """Every real photo that these views are held against, once."""
        once = _once(pairs)
        crops = np.stack([self._real(pair).crop for pair in once])
        name = "real test photos" if pairs is self.test else "real training photos"
        return FaceSet(
            crops, people_of(once), self.features.embed(name, list(crops), yaws_of(once))
        )

    def _real(self, pair: Pair) -> RealFace:
        face = self.reals.get(pair.real)
        assert face is not None
        return face

    def _own_photos(self) -> list[np.ndarray]:
        return [self._real(pair).crop for pair in self.test]

    def _mask(self, pair: Pair) -> np.ndarray | None:
        path = pair.view.mask_path
        if not path:
            return None
        return read_photo(Path(self.question.simulated) / path)[..., 0]

    def _probes(self, pairs: Sequence[Pair]) -> np.ndarray:
        own = [self._own.get(pair.view.identity) for pair in pairs]
        return np.array(
            [
                item is not None and item != pair.source
                for item, pair in zip(own, pairs, strict=True)
            ]
        )

    def _references(self, pairs: Sequence[Pair]) -> dict[str, dict[str, np.ndarray]]:
        probes = [pair for pair, probe in zip(pairs, self._probes(pairs), strict=True) if probe]
        photos = {
            OF_THAT_SIDE: [self.reals.get(pair.real) for pair in probes],
            SOURCE: [self.reals.get(pair.source) for pair in probes],
        }
        return {
            kind: {
                name: np.stack([face.embeddings[name] for face in faces if face])
                for name in self.features.networks
            }
            for kind, faces in photos.items()
        }

    def _identity(self, faces: FaceSet, pairs: Sequence[Pair]) -> Row:
        probes = self._probes(pairs)
        if len(np.unique(faces.people[probes])) < 2:
            return {}
        return comparison.identity_row(faces.rows(probes), self._references(pairs), self.gallery)

    def _likeness(self, faces: FaceSet) -> Row:
        spaces = list(faces.embeddings)
        row = comparison.distance_row(self.real_test, faces, self.real_train, spaces)
        return row | self._identity(faces, self.test)


def people_of(pairs: Sequence[Pair]) -> np.ndarray:
    """(N,) str, the person of each view."""
    return np.array([pair.view.identity for pair in pairs])


def yaws_of(pairs: Sequence[Pair]) -> np.ndarray:
    """(N,) float64, the yaw of each view in degrees."""
    return np.array([pair.view.yaw for pair in pairs])


def _once(pairs: Sequence[Pair]) -> list[Pair]:
    """A pair for each real photo, in the order of their paths."""
    by_photo = {pair.real.path: pair for pair in reversed(pairs)}
    return [by_photo[path] for path in sorted(by_photo)]
