"""Photos in memory and nowhere else: a few at a time, each forgotten soon after its last use."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from dagan_tf.errors import DaganError
from dagan_tf.faces.face import Face
from dagan_tf.simulator.scene.prepared_photo import PreparedPhoto


class PhotoGoneError(DaganError):
    """A photo that was never there, or was forgotten."""


@dataclass(eq=False)
class StoredPhoto:
    """A photo somebody gave.

    Attributes:
        pixels: (H, W, 3) uint8 RGB, upright.
        faces: Those found in it, the largest first.
        prepared: By index of the face, what its views are drawn from.
        used: When it was used last, seconds of the store's clock.
    """

    pixels: np.ndarray
    faces: list[Face]
    prepared: dict[int, PreparedPhoto] = field(default_factory=dict)
    used: float = 0.0


class PhotoStore:
    """A bounded, forgetful dictionary; safe to use from several threads."""

    def __init__(
        self,
        *,
        most: int = 8,
        seconds: float = 900.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """An empty store.

        Args:
            most: Photos kept; the one unused for longest goes when another comes.
            seconds: A photo unused for so long is forgotten.
            clock: Tells seconds.
        """
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._photos: dict[str, StoredPhoto] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        self.purge()
        return len(self._photos)

    def add(self, photo: StoredPhoto) -> str:
        """Keeps a photo; returns the name to ask for it by, which nobody can guess."""
        name = secrets.token_urlsafe(16)
        self.purge()
        with self._lock:
            while len(self._photos) >= self._most:
                del self._photos[min(self._photos, key=lambda key: self._photos[key].used)]
            photo.used = self._clock()
            self._photos[name] = photo
        return name

    def get(self, name: str) -> StoredPhoto:
        """Returns a photo and counts that as a use.

        Raises:
            PhotoGoneError: There is none of that name (any more).
        """
        self.purge()
        with self._lock:
            photo = self._photos.get(name)
            if photo is None:
                raise PhotoGoneError("the photo was forgotten; please choose it again")
            photo.used = self._clock()
            return photo

    def forget(self, name: str) -> None:
        """Drops a photo, if it is there."""
        with self._lock:
            self._photos.pop(name, None)

    def purge(self) -> None:
        """Drops what was not used for too long."""
        oldest = self._clock() - self._seconds
        with self._lock:
            for name in [key for key, photo in self._photos.items() if photo.used <= oldest]:
                del self._photos[name]
