"""Calls all signatures of an exported version in a Python that has TensorFlow and nothing else.

python benchmarks/clean_load.py EXPORTED/1
"""

import sys

import tensorflow as tf


def main(version_folder: str) -> None:
    """Loads the SavedModel and prints what each signature returns."""
    signatures = tf.saved_model.load(version_folder).signatures
    pixels = tf.cast(tf.random.uniform((2, 40, 56, 3), 0, 256, tf.int32, seed=0), tf.uint8)
    jpeg = tf.io.encode_jpeg(pixels[0])
    png = tf.io.encode_png(pixels[1])
    refined = signatures["serving_default"](images=pixels)["refined"]
    print("serving_default", refined.dtype.name, tuple(refined.shape))
    floats = tf.cast(pixels, tf.float32) / 127.5 - 1.0
    refined = signatures["float"](images=floats)["refined"]
    print("float", refined.dtype.name, tuple(refined.shape))
    encoded = signatures["encoded"](image_bytes=tf.stack([jpeg, png]))["refined_bytes"]
    images = [tf.io.decode_png(data) for data in encoded]
    print("encoded", encoded.dtype.name, [tuple(image.shape) for image in images])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
