import numpy as np

from dagan_tf.scoring.templates.drawing import Groups


def test_members_are_of_the_group_and_drawn_evenly():
    group = np.array([2, 0, 1, 0, 2, 0])
    groups = Groups(group)
    assert groups.counts.tolist() == [3, 1, 2]
    drawn = groups.members(np.random.default_rng(0), np.array([0, 2, 1]), 3000)
    assert (group[drawn] == np.array([0, 2, 1])[:, None]).all()
    shares = np.bincount(drawn[0], minlength=6) / 3000
    np.testing.assert_allclose(shares, [0, 1 / 3, 0, 1 / 3, 0, 1 / 3], atol=0.04)


def test_another_row_of_the_group_is_never_the_row_itself():
    group = np.array([2, 0, 1, 0, 2, 0, 1])
    rows = np.repeat(np.arange(7), 2000)
    drawn = Groups(group).others(np.random.default_rng(0), rows)
    assert (group[drawn] == group[rows]).all()
    assert (drawn != rows).all()
    of_three = np.bincount(drawn[rows == 3], minlength=7) / 2000
    np.testing.assert_allclose(of_three, [0, 0.5, 0, 0, 0, 0.5, 0], atol=0.05)
