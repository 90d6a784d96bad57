"""Stones replayed: the robot moves over them in simulation, and what it disturbs is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kata.datasets.types import Command

if TYPE_CHECKING:
    from kata.datasets.types import Array
    from kata.skills.handover.transition import Mover

_SETTLE_S, _LONGEST_S = 0.3, 15.0
_ARRIVED_RAD, _MOVED_M = 0.05, 0.01


def follow(world: Any, mover: Mover, stones: Sequence[Array]) -> bool:
    """Whether the robot comes over the stones to the last one, and nothing moves but what it holds.

    The motion is that of a transition; `mover` says whether distances in the scene are looked at,
    in which case one that would come too near to something is not made. Touching an obstacle is a
    failure too.
    """
    before, held, bumped = world.observe(), _held(world), world.bumped
    here = Command.hold(world.commanded)
    move = mover.through(here, stones, world.time_s, tuple(held)) if stones else ""
    if isinstance(move, str):
        return False
    path = move.trajectory
    period = world.period_s
    for step in range(1, int((path.end_s - path.start_s + _SETTLE_S) / period) + 1):
        world.apply(path.at(path.start_s + step * period))
    after = world.observe()
    gap = np.abs(after.position - stones[-1])[list(_arms(world))]
    moved = [
        float(np.linalg.norm(after.entities[name].pose.position - thing.pose.position))
        for name, thing in before.entities.items()
        if name not in held
    ]
    undisturbed = max(moved, default=0.0) < _MOVED_M and held == _held(world)
    return bool(gap.max() < _ARRIVED_RAD) and undisturbed and world.bumped == bumped


def movers(world: Any) -> tuple[Mover, Mover]:
    """One that looks at distances in the scene, and one that does not."""
    from kata.skills.handover.transition import Mover, TransitionOptions

    options = TransitionOptions(longest_s=_LONGEST_S)
    robot, kinematics = world.robot, world.kinematics
    return (
        Mover(robot, kinematics, options, world.clearance_m),
        Mover(robot, kinematics, options),
    )


def _arms(world: Any) -> tuple[int, ...]:
    from kata.skills.handover.graph.states import arm_joints

    return arm_joints(world.robot)


def _held(world: Any) -> frozenset[str]:
    facts = world.facts()
    return frozenset(
        atom.arguments[-1]
        for atom in facts.table.atoms
        if atom.predicate == "holding" and facts.value(atom)
    )
