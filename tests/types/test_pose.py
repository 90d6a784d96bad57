"""SE(3): group laws, exponential and logarithm, agreement with scipy."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.transform import Rotation

from kata.datasets.types import Pose
from kata.datasets.types.pose import (
    pose_compose,
    pose_inverse,
    pose_relative,
    quat_conjugate,
    quat_exp,
    quat_log,
    quat_matrix,
    quat_multiply,
    quat_normalize,
    quat_rotate,
    quat_yaw,
    yaw_quat,
)

SHAPES = st.sampled_from([(), (3,), (2, 4)])
TURN = np.pi - 1e-3


def vectors(shape, bound=5.0):
    return hnp.arrays(float, (*shape, 3), elements=st.floats(-bound, bound))


@st.composite
def poses(draw, count=1):
    shape = draw(SHAPES)
    made = [
        np.concatenate([draw(vectors(shape)), quat_exp(draw(vectors(shape, 3.0)))], axis=-1)
        for _ in range(count)
    ]
    return made[0] if count == 1 else made


def same(a, b):
    """Equal poses; a quaternion and its negative are one rotation."""
    sign = np.where(np.sum(a[..., 3:] * b[..., 3:], axis=-1, keepdims=True) < 0, -1.0, 1.0)
    np.testing.assert_allclose(a[..., :3], b[..., :3], atol=1e-9)
    np.testing.assert_allclose(a[..., 3:] * sign, b[..., 3:], atol=1e-9)


@given(poses(3))
def test_composition_is_associative(abc):
    a, b, c = abc
    same(pose_compose(pose_compose(a, b), c), pose_compose(a, pose_compose(b, c)))


@given(poses(2))
def test_inverse_and_identity(ab):
    a, b = ab
    identity = np.broadcast_to(Pose.identity().array(), a.shape)
    same(pose_compose(a, pose_inverse(a)), identity)
    same(pose_compose(a, identity), a)
    same(pose_compose(identity, a), a)
    same(pose_compose(a, pose_relative(a, b)), b)
    same(pose_inverse(pose_compose(a, b)), pose_compose(pose_inverse(b), pose_inverse(a)))


@given(poses())
def test_quaternions_stay_unit(a):
    np.testing.assert_allclose(np.linalg.norm(a[..., 3:], axis=-1), 1.0, atol=1e-12)
    unit = quat_normalize(3.0 * a[..., 3:])
    assert np.all(unit[..., 0] >= 0)
    same(np.concatenate([a[..., :3], unit], -1), a)


@given(SHAPES.flatmap(lambda shape: vectors(shape, 1.8)))
def test_log_inverts_exp(v):
    np.testing.assert_allclose(quat_log(quat_exp(v)), v, atol=1e-7)


@given(poses())
def test_exp_inverts_log_and_the_angle_is_at_most_pi(a):
    v = quat_log(a[..., 3:])
    assert np.all(np.linalg.norm(v, axis=-1) <= np.pi + 1e-9)
    again = np.concatenate([a[..., :3], quat_exp(v)], axis=-1)
    same(again, a)


def test_log_at_nothing_and_at_half_a_turn():
    np.testing.assert_array_equal(quat_log(np.array([1.0, 0, 0, 0])), np.zeros(3))
    np.testing.assert_allclose(quat_log(np.array([0.0, 0, 0, 1])), [0, 0, np.pi])
    np.testing.assert_allclose(quat_exp(np.zeros(3)), [1, 0, 0, 0])
    tiny = np.array([1e-12, 0, 0])
    np.testing.assert_allclose(quat_log(quat_exp(tiny)), tiny, rtol=1e-6)


@given(poses(2))
def test_agrees_with_scipy(ab):
    a, b = (np.atleast_2d(x).reshape(-1, 7) for x in ab)
    ra, rb = (Rotation.from_quat(x[:, 3:], scalar_first=True) for x in (a, b))
    np.testing.assert_allclose(quat_matrix(a[:, 3:]), ra.as_matrix(), atol=1e-9)
    np.testing.assert_allclose(quat_rotate(a[:, 3:], b[:, :3]), ra.apply(b[:, :3]), atol=1e-8)
    product = quat_matrix(quat_multiply(a[:, 3:], b[:, 3:]))
    np.testing.assert_allclose(product, (ra * rb).as_matrix(), atol=1e-9)
    inverse = quat_matrix(quat_conjugate(a[:, 3:]))
    np.testing.assert_allclose(inverse, ra.inv().as_matrix(), atol=1e-9)


@given(st.floats(-TURN, TURN))
def test_yaw(yaw):
    np.testing.assert_allclose(quat_yaw(yaw_quat(yaw)), yaw, atol=1e-9)
    np.testing.assert_allclose(quat_log(yaw_quat(yaw)), [0, 0, yaw], atol=1e-9)


@given(poses(2), vectors((4,)))
def test_pose_class_is_the_same_algebra(ab, points):
    a, b = (Pose.from_array(x.reshape(-1, 7)[0]) for x in ab)
    same((a @ b).array(), pose_compose(a.array(), b.array()))
    same((a @ a.inverse()).array(), Pose.identity().array())
    np.testing.assert_allclose((a @ b).apply(points), a.apply(b.apply(points)), atol=1e-8)
    np.testing.assert_allclose(a.inverse().apply(a.apply(points)), points, atol=1e-8)


def test_distance_is_in_metres_and_radians():
    turned = Pose(np.array([0.3, 0.4, 0.0]), yaw_quat(0.5))
    np.testing.assert_allclose(Pose.identity().distance(turned), (0.5, 0.5))
