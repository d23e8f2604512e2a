import numpy as np

from dagan_tf.simulator.head.mesh import Mesh
from dagan_tf.simulator.head.morphable_model import MorphableModel
from dagan_tf.simulator.render.occlusion import sky_seen


def test_the_head_shades_itself_under_the_jaw_and_in_the_ear_and_not_on_the_brow():
    model = MorphableModel.load()
    mesh = Mesh(model.mean, model.triangles)
    sky = sky_seen(model.mean, mesh.normals(model.mean), model.triangles)
    points = model.mean[model.landmark_vertices]
    height = points[17:27, 1].mean() - points[8, 1]
    surface = np.unique(model.triangles)

    def at(point):
        return sky[surface[np.linalg.norm(model.mean[surface] - point, axis=1).argmin()]]

    assert at(points[8] + np.array([0, -0.05, -0.25]) * height) < 0.6
    assert at(points[[21, 22]].mean(axis=0) + np.array([0, 0.2, 0]) * height) > 0.9
    assert sky[model.mean[:, 1].argmax()] == 1


def test_a_ball_s_top_sees_the_whole_sky_and_its_foot_the_least():
    t = np.pi * (1 + 5**0.5) * np.arange(400)
    y = 1 - 2 * (np.arange(400) + 0.5) / 400
    around = np.sqrt(1 - y**2)
    ball = np.stack([around * np.cos(t), y, around * np.sin(t)], axis=1).astype(np.float32)
    # No triangle hides anything: what is left is the sky's own brightness on each slope.
    sky = sky_seen(ball, ball, np.array([[0, 1, 2]], np.int32))
    # A slope that faces direction n gets the integral of (1.2 + y) max(n.d, 0) over the sphere:
    # pi (1.2 + 2/3 n_y), an upright one pi 1.2.
    expected = np.minimum(1.0, (1.2 + 2.0 / 3.0 * y) / 1.2)
    assert np.abs(sky - expected).max() < 0.08
