import numpy as np
import pytest

from dagan_tf.demo.photo_store import PhotoGoneError, PhotoStore, StoredPhoto


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def _photo():
    return StoredPhoto(np.zeros((1, 1, 3), np.uint8), [])


def test_a_photo_is_found_by_its_name_only():
    store = PhotoStore()
    photo = _photo()
    name = store.add(photo)
    assert store.get(name) is photo
    assert len(name) >= 20
    with pytest.raises(PhotoGoneError, match="choose it again"):
        store.get("another")


def test_unused_photos_are_forgotten_and_each_use_counts():
    clock = Clock()
    store = PhotoStore(seconds=10, clock=clock)
    used, unused = store.add(_photo()), store.add(_photo())
    clock.now += 9
    store.get(used)
    clock.now += 1
    assert len(store) == 1
    store.get(used)
    with pytest.raises(PhotoGoneError):
        store.get(unused)
    clock.now += 10
    assert len(store) == 0


def test_of_too_many_the_one_unused_for_longest_goes():
    clock = Clock()
    store = PhotoStore(most=2, clock=clock)
    names = []
    for _ in range(2):
        names.append(store.add(_photo()))
        clock.now += 1
    store.get(names[0])
    store.add(_photo())
    assert len(store) == 2
    store.get(names[0])
    with pytest.raises(PhotoGoneError):
        store.get(names[1])


def test_a_photo_can_be_forgotten_at_once():
    store = PhotoStore()
    name = store.add(_photo())
    store.forget(name)
    store.forget(name)
    assert len(store) == 0
