"""Where the arm begins a trial: near home, carrying, or anywhere that is free.

Frame: the arm's base on the table plane, x forward, y left, z up; lengths in m.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kata.datasets.types import Array, Hand, Pose, SimulationError
from kata.datasets.types.pose import quat_exp, quat_multiply, yaw_quat

from ..world import TableWorld

_DOWN = np.array([0.0, 1.0, 0.0, 0.0])
_DRAWS = 400
_CLEARANCE_M = 0.006
_ARM = ("anywhere", "aside", "crooked", "moving", "grasp")
_SPEED_RAD_S = 0.6


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the tool may be at a start.

    Attributes:
        kind: empty: near home, or at a carrying height if something is held. Else a kind of
            `leftovers`: `anywhere` is any pose over the table that touches nothing, low ones and
            those at fixtures included; `aside` is over a container or a shelf, where the last
            thing was put; `crooked` turns the wrist far besides; `moving` is near home with the
            arm in motion; `grasp` carries, crooked in the hand. Those that are about things begin
            near home or anywhere.
        hand: whose; "" is the first. Others stay near home.
    """

    kind: str = ""
    hand: str = ""

    def drawn(self, rng: np.random.Generator) -> Reach:
        """The same, with a place for the arm where the kind is about things."""
        if self.kind in _ARM or not self.kind:
            return self
        return Reach("anywhere" if rng.random() < 0.4 else "closing", self.hand)


def go(world: TableWorld, rng: np.random.Generator, reach: Reach) -> None:
    """Put the empty hand to a start; near home it stays where the reset put it."""
    if not reach.kind:
        return
    reach = reach.drawn(rng)
    hand = world.robot.hand(reach.hand)
    gripper = world.robot.part(hand.gripper).slice
    limits = world.robot.limits
    opening = rng.uniform(limits.lower[gripper], limits.upper[gripper])
    if reach.kind in ("closing", "moving"):
        near = world.commanded
        near[gripper] = opening
        world.set_joints(near)
        if reach.kind == "moving":
            arm = world.robot.part(hand.arm)
            world.set_speeds(hand.arm, rng.uniform(-1.0, 1.0, len(arm.joints)) * _SPEED_RAD_S)
        return
    for _ in range(_DRAWS):
        joints = _solve(world, rng, _pose(world, rng, hand, reach), opening, hand)
        if joints is not None and world.clearance_m(joints) > _CLEARANCE_M:
            world.set_joints(joints)
            return
    raise SimulationError("no free pose for the arm", where=f"robot {world.robot.name}")


def carry(world: TableWorld, rng: np.random.Generator, reach: Reach, name: str) -> None:
    """Put an object into the hand, at a start; grasped a little off its centre."""
    hand = world.robot.hand(reach.hand)
    opening = world.robot.limits.upper[world.robot.part(hand.gripper).slice]
    half = next(e.half for e in world.entities if e.name == name)
    low = reach.kind in ("anywhere", "crooked")
    for _ in range(_DRAWS):
        pose = _pose(world, rng, hand, reach) if low else _carrying_pose(rng, hand)
        # Room for what hangs below the tool.
        if pose.position[2] < 2.0 * half[2] + 0.02:
            continue
        joints = _solve(world, rng, pose, opening, hand)
        if joints is None or world.clearance_m(joints) < _CLEARANCE_M + half[2]:
            continue
        world.set_joints(joints)
        held = _crooked_grasp(rng) if reach.kind == "grasp" else _grasp(rng)
        if world.grasp(name, held, hand.name) and _is_free(world, name):
            return
    raise SimulationError("the object could not be put into the hand", where=name)


def _pose(world: TableWorld, rng: np.random.Generator, hand: Hand, reach: Reach) -> Pose:
    if reach.kind == "aside":
        homes = [e.name for e in world.entities if {"container", "surface"} & set(e.tags)]
        homes = [name for name in homes if name != world.config.table.name]
        if not homes:
            return _loose_pose(world, rng, hand)
        centre = world.observe().entities[homes[int(rng.integers(len(homes)))]].spot
        place = centre + rng.normal(0.0, [0.05, 0.05, 0.0]) + [0.0, 0.0, rng.uniform(0.05, 0.25)]
        return _tilted(rng, place, rng.uniform(-1.6, 1.6), 0.15)
    pose = _loose_pose(world, rng, hand)
    if reach.kind != "crooked":
        return pose
    return _tilted(rng, pose.position, rng.uniform(-np.pi, np.pi), 0.5)


def _is_free(world: TableWorld, name: str) -> bool:
    """Nothing but the fingers touches the object."""
    return all(any("." in n for n in pair) for pair in world.view().touching if name in pair)


def _carrying_pose(rng: np.random.Generator, hand: Hand) -> Pose:
    place = rng.uniform([0.30, -0.30, 0.11], [0.62, 0.30, 0.32]) + np.array(hand.base_m)
    return _tilted(rng, place, rng.uniform(-1.0, 1.0), 0.03)


def _loose_pose(world: TableWorld, rng: np.random.Generator, hand: Hand) -> Pose:
    """Half of the poses anywhere, half close to something: an object, a handle, a button."""
    place = rng.uniform([0.28, -0.45, 0.03], [0.68, 0.45, 0.48]) + np.array(hand.base_m)
    if rng.random() < 0.5:
        place = _beside(world, rng)
    return _tilted(rng, place, rng.uniform(-1.6, 1.6), 0.15)


def _beside(world: TableWorld, rng: np.random.Generator) -> Array:
    """A place (3,) close to a thing, mostly above it."""
    entities = world.observe().entities
    # All but the table, whose frame is the robot's foot.
    poses = [e.pose.position for n, e in entities.items() if n != world.config.table.name]
    centre = poses[int(rng.integers(len(poses)))]
    return np.asarray(centre + rng.normal(0.0, [0.06, 0.06, 0.03]) + [0.0, 0.0, 0.06])


def _tilted(rng: np.random.Generator, place: Array, yaw: float, tilt_rad: float) -> Pose:
    down = quat_multiply(yaw_quat(yaw), _DOWN)
    lean = quat_exp(np.array([*rng.normal(0.0, tilt_rad, 2), 0.0]))
    return Pose(place, quat_multiply(lean, down))


def _grasp(rng: np.random.Generator) -> Pose:
    """`pose_tool_object` of a grasp from above: a little below the tool, any face forward."""
    place = np.array([rng.normal(0.0, 0.003), 0.0, rng.uniform(0.003, 0.009)])
    quarter = float(rng.integers(4)) * np.pi / 2
    return Pose(place, quat_multiply(_DOWN, yaw_quat(quarter + rng.normal(0.0, 0.03))))


def _crooked_grasp(rng: np.random.Generator) -> Pose:
    """As `_grasp`, but off the centre, turned between the fingers and swung about their line."""
    place = np.array([rng.uniform(-0.014, 0.014), 0.0, rng.uniform(-0.008, 0.014)])
    turn = quat_multiply(
        quat_exp(np.array([0.0, rng.uniform(-1.0, 1.0), 0.0])),
        quat_multiply(_DOWN, yaw_quat(rng.integers(4) * np.pi / 2 + rng.normal(0.0, 0.25))),
    )
    return Pose(place, turn)


def _solve(
    world: TableWorld, rng: np.random.Generator, pose: Pose, opening: Array, hand: Hand
) -> Array | None:
    """Joints (D,) that reach a pose, from home with the shoulder turned towards it."""
    seed = _others_as_they_are(world, hand)
    arm = world.robot.part(hand.arm).slice
    seed[arm] += rng.normal(0.0, 0.05, arm.stop - arm.start)
    way = pose.position - np.array(hand.base_m)
    seed[arm.start] += np.arctan2(way[1], way[0])
    joints = world.kinematics.solve(pose, world.robot.limits.clip(seed), hand.name)
    if joints is not None:
        joints[world.robot.part(hand.gripper).slice] = opening
    return joints


def _others_as_they_are(world: TableWorld, hand: Hand) -> Array:
    """(D,) home, and where the reset put it for the parts of other hands."""
    out = world.robot.home.copy()
    for other in world.robot.hands:
        for part in (other.arm, other.gripper) if other.name != hand.name else ():
            columns = world.robot.part(part).slice
            out[columns] = world.commanded[columns]
    return out
