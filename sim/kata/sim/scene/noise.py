"""Sensor noise: what is reported deviates, what is true does not."""

from __future__ import annotations

import numpy as np

from kata.datasets.types import Array
from kata.datasets.types.pose import quat_exp, quat_multiply

from .config import NoiseConfig


def noisy(
    config: NoiseConfig, position: Array, poses: Array, instant: tuple[int, int]
) -> tuple[Array, Array]:
    """Joint position (D,) and entity poses (N, 7) as sensors would report them.

    Drawn anew each `instant` (seed, tick), so that looking twice sees the same and a restored
    world sees what the first one saw.
    """
    rng = np.random.default_rng((abs(instant[0]), instant[1]))
    joints = position + rng.normal(size=position.shape) * config.joint_rad
    out = poses.copy()
    out[:, :3] += rng.normal(size=(len(poses), 3)) * config.position_m
    turn = quat_exp(rng.normal(size=(len(poses), 3)) * config.angle_rad)
    out[:, 3:] = quat_multiply(turn, poses[:, 3:])
    return joints, out
