"""k by hand: direction, clipping, standing still."""

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.gan.equilibrium import BoundaryEquilibrium


def test_update_by_hand():
    equilibrium = BoundaryEquilibrium(diversity_ratio=0.5, balance_rate=0.1, initial_balance=0.2)
    equilibrium.update(tf.constant(4.0), tf.constant(1.0))  # + 0.1 * (2 - 1)
    np.testing.assert_allclose(equilibrium.balance, 0.3, rtol=1e-6)
    equilibrium.update(tf.constant(2.0), tf.constant(3.0))  # + 0.1 * (1 - 3)
    np.testing.assert_allclose(equilibrium.balance, 0.1, rtol=1e-5)
    equilibrium.update(tf.constant(2.0), tf.constant(3.0), moving=0.0)
    np.testing.assert_allclose(equilibrium.balance, 0.1, rtol=1e-5)


@pytest.mark.parametrize(("real", "refined", "end"), [(100.0, 0.0, 1.0), (0.0, 100.0, 0.0)])
def test_stays_between_0_and_1(real, refined, end):
    equilibrium = BoundaryEquilibrium(balance_rate=1.0, initial_balance=0.5)
    equilibrium.update(tf.constant(real), tf.constant(refined))
    assert float(equilibrium.balance) == end


def test_measure_by_hand():
    equilibrium = BoundaryEquilibrium(diversity_ratio=0.5)
    assert float(equilibrium.measure(tf.constant(2.0), tf.constant(4.0))) == 5.0


def test_k_is_float32_state_and_no_parameter():
    equilibrium = BoundaryEquilibrium(initial_balance=0.25)
    assert not equilibrium.trainable_variables
    assert len(equilibrium.non_trainable_variables) == 1
    assert "float32" in str(equilibrium.balance.dtype)
    twin = BoundaryEquilibrium.from_config(equilibrium.get_config())
    assert float(twin.balance) == 0.25


def test_replicas_are_averaged_before_clipping():
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    with strategy.scope():
        equilibrium = BoundaryEquilibrium(diversity_ratio=1.0, balance_rate=1.0)

    @tf.function
    def step():
        def replica():
            rank = tf.distribute.get_replica_context().replica_id_in_sync_group
            # Steps -0.5 and +0.75: their mean 0.125; clipped one by one they would give 0.375.
            refined = tf.where(tf.equal(rank, 0), 1.5, 0.25)
            equilibrium.update(tf.constant(1.0), refined)

        strategy.run(replica)

    step()
    np.testing.assert_allclose(equilibrium.balance, 0.125, rtol=1e-6)
