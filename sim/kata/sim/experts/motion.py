"""From a target to a chunk: a velocity field with bounded speed and acceleration.

The way depends on the tool's pose and speed alone, not on time, so that an expert pushed off its
way finds back, and a policy that sees poses can learn it. Far from its target sideways the
tool keeps a travelling height; it sinks inside a cone as it gets above it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kata.datasets.types.pose import (
    Array,
    Pose,
    quat_conjugate,
    quat_exp,
    quat_log,
    quat_multiply,
    quat_rotate,
)

from .sight import Target, pointing_down


@dataclass(frozen=True, slots=True)
class MotionLimits:
    """How an expert moves; SI units."""

    acceleration_m_s2: float = 2.5
    climb_m_s: float = 0.45
    turn_rad_s: float = 1.9
    turn_rad_s2: float = 10.0
    gain_hz: float = 7.0
    cone: float = 2.5
    cone_tip_m: float = 0.006
    turn_weight_m: float = 0.06


def path(
    tool: Pose,
    velocity: Array,
    turning: Array,
    target: Target,
    steps: int,
    step_s: float,
    limits: MotionLimits,
) -> Array:
    """Actions (steps, 7) relative to `tool`: position, rotation vector, opening.

    `velocity` (3,) m/s and `turning` (3,) rad/s are the tool's, in the world's frame.
    """
    out = np.empty((steps, 7))
    # Asked for at once; the kinematics keep the gripper's speed.
    out[:, 6] = target.opening
    place, turn = tool.position.copy(), tool.quaternion.copy()
    goal_turn = pointing_down(target.yaw) if target.orientation is None else target.orientation
    inverse = quat_conjugate(tool.quaternion)
    for k in range(steps):
        rest = quat_log(quat_multiply(goal_turn, quat_conjugate(turn)))
        wanted = _field(place, float(np.linalg.norm(rest)), target, limits)
        mean, velocity = _speed_up(velocity, wanted, limits.acceleration_m_s2 * step_s)
        spin = _capped(rest * limits.gain_hz, limits.turn_rad_s)
        mean_turning, turning = _speed_up(turning, spin, limits.turn_rad_s2 * step_s)
        place = place + mean * step_s
        turn = quat_multiply(quat_exp(mean_turning * step_s), turn)
        out[k, :3] = quat_rotate(inverse, place - tool.position)
        out[k, 3:6] = quat_log(quat_multiply(inverse, turn))
    return out


def _field(place: Array, rest_rad: float, target: Target, limits: MotionLimits) -> Array:
    """Wanted velocity (3,) at a place."""
    error = target.position - place
    if target.axis is not None:
        along = float(error @ target.axis)
        aside = error - along * target.axis
        return _slowing(along * target.axis, target.speed, limits) + _slowing(
            aside, target.speed, limits
        )
    if target.travel is None:
        return _slowing(error, target.speed, limits)
    flat = np.array([error[0], error[1], 0.0])
    cone = _cone(error, rest_rad, target, limits)
    height = max(float(target.position[2]), min(target.travel, cone))
    climb = height - place[2]
    # Too low for where it is: rise first.
    share = float(np.clip(1.2 - climb / 0.05, 0.0, 1.0))
    upward = _slowing(np.array([0.0, 0.0, climb]), min(limits.climb_m_s, target.speed), limits)
    return _capped(_slowing(flat, target.speed, limits) * share + upward, target.speed)


def sinks(tool: Pose, target: Target, limits: MotionLimits) -> bool:
    """Whether the tool is inside the cone above its target, and no longer at travelling height."""
    if target.travel is None or target.axis is not None or target.orientation is not None:
        return False
    turn = quat_multiply(pointing_down(target.yaw), quat_conjugate(tool.quaternion))
    rest = float(np.linalg.norm(quat_log(turn)))
    return _cone(target.position - tool.position, rest, target, limits) < target.travel


def _cone(error: Array, rest_rad: float, target: Target, limits: MotionLimits) -> float:
    """Height in m of the cone above a target, so far sideways and so far turned from it."""
    off = float(np.hypot(error[0], error[1])) + limits.turn_weight_m * rest_rad
    return float(target.position[2] + limits.cone * max(0.0, off - limits.cone_tip_m))


def _slowing(error: Array, speed: float, limits: MotionLimits) -> Array:
    """Velocity (3,) towards, slow enough to stop there."""
    distance = float(np.linalg.norm(error))
    if distance < 1e-9:
        return np.zeros(3)
    stop = np.sqrt(limits.acceleration_m_s2 * distance)
    return np.asarray(error * (min(speed, stop, limits.gain_hz * distance) / distance))


def _speed_up(now: Array, wanted: Array, step: float) -> tuple[Array, Array]:
    """Mean rate (3,) over a step and rate at its end, along `wanted` and gaining at most `step`.

    What goes elsewhere or too fast now is dropped at once: it is a disturbance, or the way has
    turned. The field itself slows down gently.
    """
    size = float(np.linalg.norm(wanted))
    if size < 1e-9:
        return np.zeros(3), np.zeros(3)
    along = min(max(float(now @ wanted) / size, 0.0), size)
    end = min(along + step, size)
    # Slow corrections act in full, so that a disturbance is undone by the field's own gain.
    begin = along + (end - along) * max(0.0, 1.0 - size / step)
    return wanted * (0.5 * (begin + end) / size), wanted * (end / size)


def _capped(vector: Array, most: float) -> Array:
    size = float(np.linalg.norm(vector))
    return np.asarray(vector if size <= most else vector * (most / size))
