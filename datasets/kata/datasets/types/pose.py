"""Rigid poses as arrays: position (m) and unit quaternion, w first.

Legend: `...` any batch shape. All functions broadcast over it.
Source: Lynch and Park, Modern Robotics (2017), chapter 3; Sola et al., arXiv:1812.01537.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def quat_multiply(a: Array, b: Array) -> Array:
    """Hamilton product of quaternions (..., 4) and (..., 4)."""
    aw, ax, ay, az = a[..., 0], a[..., 1], a[..., 2], a[..., 3]
    bw, bx, by, bz = b[..., 0], b[..., 1], b[..., 2], b[..., 3]
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        axis=-1,
    )


def quat_conjugate(q: Array) -> Array:
    """Inverse of unit quaternions (..., 4)."""
    return np.asarray(q * np.array([1.0, -1.0, -1.0, -1.0]))


def quat_rotate(q: Array, v: Array) -> Array:
    """Rotate vectors (..., 3) by unit quaternions (..., 4)."""
    w, u = q[..., :1], q[..., 1:]
    t = 2.0 * _cross(u, v)
    return v + w * t + _cross(u, t)


def _cross(a: Array, b: Array) -> Array:
    # numpy.cross costs several times more on short vectors.
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def quat_normalize(q: Array) -> Array:
    """Unit quaternions (..., 4) with w >= 0, so that each rotation has one form."""
    unit = q / np.linalg.norm(q, axis=-1, keepdims=True)
    return np.where(unit[..., :1] < 0.0, -unit, unit)


def quat_log(q: Array) -> Array:
    """Rotation vector (..., 3), in rad and at most pi long, of unit quaternions (..., 4)."""
    q = np.where(q[..., :1] < 0.0, -q, q)
    norm = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(norm, q[..., :1])
    scale = np.where(norm > 1e-9, angle / np.maximum(norm, 1e-12), 2.0)
    return np.asarray(q[..., 1:] * scale)


def quat_exp(v: Array) -> Array:
    """Unit quaternions (..., 4) of rotation vectors (..., 3) in rad."""
    angle = np.linalg.norm(v, axis=-1, keepdims=True)
    half = 0.5 * angle
    scale = np.where(angle > 1e-9, np.sin(half) / np.maximum(angle, 1e-12), 0.5)
    return np.concatenate([np.cos(half), v * scale], axis=-1)


def quat_matrix(q: Array) -> Array:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    xx, yy, zz = x * x, y * y, z * z
    xy, xz, yz = x * y, x * z, y * z
    wx, wy, wz = w * x, w * y, w * z
    # Half of each entry first: one array filled in place is three times faster than stacking.
    out = np.empty((*q.shape[:-1], 3, 3), dtype=q.dtype)
    out[..., 0, 0], out[..., 0, 1], out[..., 0, 2] = -(yy + zz), xy - wz, xz + wy
    out[..., 1, 0], out[..., 1, 1], out[..., 1, 2] = xy + wz, -(xx + zz), yz - wx
    out[..., 2, 0], out[..., 2, 1], out[..., 2, 2] = xz - wy, yz + wx, -(xx + yy)
    out += out
    out[..., 0, 0] += 1.0
    out[..., 1, 1] += 1.0
    out[..., 2, 2] += 1.0
    return out


def quat_yaw(q: Array) -> Array:
    """Heading (...,) in rad about the world's z axis of unit quaternions (..., 4)."""
    w, x, y, z = q[..., 0], q[..., 1], q[..., 2], q[..., 3]
    return np.asarray(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))


def yaw_quat(yaw_rad: float) -> Array:
    """Unit quaternion (4,) that turns by `yaw_rad` about z."""
    return np.array([np.cos(0.5 * yaw_rad), 0.0, 0.0, np.sin(0.5 * yaw_rad)])


def pose_compose(a: Array, b: Array) -> Array:
    """Pose arrays (..., 7) composed: `pose_world_a` with `pose_a_b` gives `pose_world_b`."""
    position = a[..., :3] + quat_rotate(a[..., 3:], b[..., :3])
    return np.concatenate([position, quat_multiply(a[..., 3:], b[..., 3:])], axis=-1)


def pose_inverse(a: Array) -> Array:
    """Inverse (..., 7) of pose arrays (..., 7)."""
    inverse = quat_conjugate(a[..., 3:])
    return np.concatenate([-quat_rotate(inverse, a[..., :3]), inverse], axis=-1)


def pose_relative(a: Array, b: Array) -> Array:
    """`pose_a_b` (..., 7) from `pose_world_a` and `pose_world_b`."""
    return pose_compose(pose_inverse(a), b)


@dataclass(frozen=True, slots=True)
class Pose:
    """One rigid pose: `position` (3,) in m and `quaternion` (4,), w first."""

    position: Array
    quaternion: Array

    @classmethod
    def identity(cls) -> Pose:
        """The pose that changes nothing."""
        return cls(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]))

    @classmethod
    def from_array(cls, values: Array) -> Pose:
        """Pose of an array (7,): position, then quaternion."""
        return cls(np.array(values[:3], dtype=float), np.array(values[3:7], dtype=float))

    def array(self) -> Array:
        """Array (7,): position, then quaternion."""
        return np.concatenate([self.position, self.quaternion])

    def __matmul__(self, other: Pose) -> Pose:
        return Pose.from_array(pose_compose(self.array(), other.array()))

    def inverse(self) -> Pose:
        """The pose that undoes this one."""
        return Pose.from_array(pose_inverse(self.array()))

    def apply(self, points: Array) -> Array:
        """Points (..., 3) of this pose's frame, in the parent frame."""
        return self.position + quat_rotate(self.quaternion, points)

    def distance(self, other: Pose) -> tuple[float, float]:
        """Distance in m and angle in rad to another pose."""
        turn = quat_log(quat_multiply(quat_conjugate(self.quaternion), other.quaternion))
        return float(np.linalg.norm(other.position - self.position)), float(np.linalg.norm(turn))
