"""Memory and operations of a step, on graphs on which they can be counted by hand."""

import pytest
import tensorflow as tf

from benchmarks.step_graph import matrix_operations, peak_bytes

KB = 1024
ROW = tf.TensorSpec((256,))  # a kilobyte


def graph(function, spec=ROW):
    return tf.function(function).get_concrete_function(spec).graph


@pytest.mark.parametrize(
    ("function", "kilobytes"),
    [
        (tf.exp, 1),
        (lambda x: tf.exp(tf.exp(tf.exp(x))), 2),  # one read while the next is written
        (lambda x: tf.nn.relu(tf.exp(x)), 1),  # written over
        (lambda x: tf.reshape(tf.exp(x), (16, 16)), 1),  # a view
        (lambda x: tf.concat([tf.exp(x), tf.cos(x), tf.sin(x)], 0), 6),
        (lambda x: tf.concat([tf.exp(tf.cos(x)), tf.reshape(tf.exp(x), (256,))], 0), 4),
        (lambda x: tf.cast(tf.exp(x), tf.bfloat16), 1.5),
        (lambda x: (tf.exp(x), tf.cos(x)), 2),  # outputs live on
    ],
)
def test_peaks_by_hand(function, kilobytes):
    assert peak_bytes(graph(function)) == kilobytes * KB


def test_a_loop_s_body_counts_once_beside_what_it_carries():
    def body(index, total):
        return index + 1, total + tf.exp(tf.exp(total))

    def loop(x):
        return tf.while_loop(lambda index, _: index < 9, body, (0, tf.exp(x)))[1]

    # Carried in and out, and two in the body, of which the sum takes one over; two counters.
    assert peak_bytes(graph(loop)) == pytest.approx(4 * KB, abs=32)


def test_operations_of_convolutions_and_products_forward_and_back():
    kernel = tf.Variable(tf.ones((3, 3, 4, 8)))
    dense = tf.Variable(tf.ones((10, 7)))
    forward = 2 * (2 * 5 * 5) * (3 * 3 * 4 * 8)  # stride 2: 5 x 5 places of 2 images
    product = 2 * 6 * 10 * 7

    def convolve(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.nn.conv2d(x, kernel, 2, "SAME")
        return tape.gradient(y, [x, kernel])

    def multiply(x):
        with tf.GradientTape() as tape:
            y = x @ dense
        return tape.gradient(y, dense)

    def count(function, *shape):
        spec = tf.TensorSpec(shape)
        return matrix_operations(tf.function(function).get_concrete_function(spec).graph)

    assert count(lambda x: tf.nn.conv2d(x, kernel, 2, "SAME"), 2, 9, 9, 4) == forward
    assert count(convolve, 2, 9, 9, 4) == 2 * forward  # y itself does not run: nobody reads it
    assert count(lambda x: x @ dense, 6, 10) == product
    assert count(multiply, 6, 10) == product


def test_operations_in_a_loop_count_for_each_turn():
    matrix = tf.ones((8, 8))

    def loop(x):
        return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y @ matrix), (0, x))[1]

    assert matrix_operations(graph(loop, tf.TensorSpec((2, 8))), turns=3) == 3 * 2 * 2 * 8 * 8
