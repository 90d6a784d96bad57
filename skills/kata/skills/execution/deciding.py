"""Who decides at a seam, made as the options of an executor ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kata.datasets.types import Kinematics, RobotSpec
from kata.skills.handover.collision import Clearance
from kata.skills.handover.decision import Decider
from kata.skills.handover.transition import Mover

if TYPE_CHECKING:
    from .options import ExecutorOptions


def decider_of(
    options: ExecutorOptions,
    robot: RobotSpec,
    kinematics: Kinematics,
    clearance: Clearance | None = None,
) -> Decider:
    """The decider with its mover, and with stepping stones where the options bring a graph.

    Raises PackageError for a graph of another robot.
    """
    mover = Mover(robot, kinematics, options.transition, clearance)
    if options.graph is None:
        return Decider(mover, options.decision)
    from kata.skills.handover.graph import Stones

    options.graph.check_robot(robot)
    return Decider(mover, options.decision, Stones(options.graph, kinematics, clearance))
