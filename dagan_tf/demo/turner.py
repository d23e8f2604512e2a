"""What the page asks for: a photo's faces, and one of them in another pose, refined as well."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dagan_tf.core.memory import give_back
from dagan_tf.demo.photo_store import PhotoStore, StoredPhoto
from dagan_tf.errors import DaganError
from dagan_tf.faces.detector import FaceBox
from dagan_tf.faces.face import Face, FaceNotFoundError
from dagan_tf.faces.photo_io import decode_photo
from dagan_tf.simulator.angles import MAX_PITCH, MAX_YAW, check_angles
from dagan_tf.simulator.render.camera import Camera, Pose, rotation_matrix, turned_upright
from dagan_tf.simulator.simulator import Simulator

# A photo is kept at no more than this many pixels: 12 MB, and still plenty for a view of 224.
KEPT_PIXELS = 4_000_000

Refine = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class TurnedFace:
    """A face in the pose asked for.

    Attributes:
        simulated: (S, S, 3) uint8 RGB.
        refined: The same, refined; None without a refiner, or when it failed.
        pose: The pose shown, degrees.
        source_pose: The photo's own, degrees.
        complaint: Why there is no refined picture, empty if there is one or no refiner.
    """

    simulated: np.ndarray
    refined: np.ndarray | None
    pose: Pose
    source_pose: Pose
    complaint: str


class Turner:
    """Answers the page's questions; safe to use from several threads."""

    def __init__(
        self, simulator: Simulator, *, refine: Refine | None = None, store: PhotoStore | None = None
    ) -> None:
        """Nothing is loaded before `warm_up` or the first photo.

        Args:
            simulator: Draws the views.
            refine: (S, S, 3) uint8 to the same, refined; None to show simulated views only.
            store: Where photos are kept.
        """
        self.simulator = simulator
        self.store = store or PhotoStore()
        self._refine = refine
        # dlib's detectors serve one thread at a time, and a view is drawn in milliseconds.
        self._lock = threading.Lock()

    def warm_up(self) -> None:
        """Loads and compiles everything on a made-up face, so that the first photo waits for none.

        Raises:
            DaganError: The refiner does not answer.
        """
        simulator, model = self.simulator, self.simulator.model
        camera = Camera(
            100 / np.ptp(model.vertices()[:, 1]), rotation_matrix(Pose(0.0)), np.full(2, 128.0)
        )
        landmarks = camera.project(model.vertices()[model.landmark_vertices])[:, :2]
        grey = np.full((256, 256, 3), 128, np.uint8)
        with self._lock:
            simulator.finder.find_all(grey)
            box = FaceBox(64.0, 64.0, 128.0, 128.0, 1.0, "given")
            simulator.finder.find_one(grey, box=box)
            fit = simulator.fit_person([Face(box, landmarks)])[0]
            view = simulator.render(simulator.prepare(grey, fit), Pose(30.0))
        if self._refine is not None:
            self._refine(view.image)

    def add(self, data: bytes) -> tuple[str, StoredPhoto]:
        """Takes a photo in.

        Args:
            data: The file, of any usual format.

        Returns:
            Its name in the store, and the photo with its faces.

        Raises:
            PhotoError: Not a photo, damaged, or too large.
            FaceNotFoundError: No face in it.
        """
        with self._lock:  # One at a time also bounds the memory that decoding takes.
            try:
                pixels = decode_photo(data, kept_pixels=KEPT_PIXELS)
                faces = self.simulator.finder.find_all(pixels)
            finally:
                give_back()
        if not faces:
            raise FaceNotFoundError(
                "no face found in this photo; one with a large, clear, upright face works best"
            )
        photo = StoredPhoto(pixels, faces)
        return self.store.add(photo), photo

    def turn(
        self, name: str, face: int, *, yaw: float | None = None, pitch: float | None = None
    ) -> TurnedFace:
        """Shows a face in another pose.

        Args:
            name: What `add` returned.
            face: Index in the photo's faces.
            yaw: Degrees in [-90, 90]; None for the photo's own.
            pitch: Degrees in [-30, 30]; None for the photo's own.

        Raises:
            PhotoGoneError: The photo was forgotten.
            DaganError: No such face, an angle out of range, or a side the photo does not show.
        """
        photo = self.store.get(name)
        if not 0 <= face < len(photo.faces):
            raise DaganError(f"face: got {face}, expected 0 to {len(photo.faces) - 1}")
        simulator = self.simulator
        check_angles([0.0 if yaw is None else yaw], pitch)
        with self._lock:
            prepared = photo.prepared.get(face)
            if prepared is None:
                fit = simulator.fit(photo.pixels, face=photo.faces[face])
                prepared = photo.prepared[face] = simulator.prepare(photo.pixels, fit)
            own = prepared.fit.pose
            if yaw is not None and (refusal := simulator.refusal(prepared.fit, yaw)):
                raise DaganError(refusal)
            pose = turned_upright(own, _within(own.yaw, MAX_YAW) if yaw is None else yaw)
            pose = Pose(pose.yaw, _within(pose.pitch, MAX_PITCH) if pitch is None else pitch)
            simulated = simulator.render(prepared, pose).image
        refined, complaint = None, ""
        if self._refine is not None:
            try:
                refined = self._refine(simulated)
            except DaganError as error:
                complaint = str(error)
        return TurnedFace(simulated, refined, pose, own, complaint)


def _within(angle: float, most: float) -> float:
    return float(np.clip(angle, -most, most))
