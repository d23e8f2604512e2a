"""BLAS held to one thread, and let go again."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from dagan_tf.core.blas import one_blas_thread


def threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads():
    np.ones((2, 2)) @ np.ones((2, 2))
    with threadpool_limits(2, user_api="blas"):
        yield


def test_a_block_and_a_function_have_one_thread() -> None:
    assert threads() == {2}
    with one_blas_thread():
        assert threads() == {1}
    assert threads() == {2}
    assert one_blas_thread()(threads)() == {1}


def test_it_is_let_go_after_an_error_and_in_any_depth() -> None:
    with pytest.raises(KeyError), one_blas_thread(), one_blas_thread():
        raise KeyError
    assert threads() == {2}
