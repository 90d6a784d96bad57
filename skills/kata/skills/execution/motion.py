"""How a robot moved during a run: what was commanded each period, what was seen each frame.

Legend: `T` servo periods, `F` frames and the end, `D` joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kata.datasets.types import Array, Command, Observation, RobotSpec


@dataclass(frozen=True)
class RunMotion:
    """The motion of one run.

    Attributes:
        position, velocity: (T, D) commanded; row k is for the period that begins at
            `k * period_s` after the start.
        tool: (F, 3) m, measured places of the first hand's tool.
        end: the last observation; None where nothing could be observed any more.
    """

    robot: RobotSpec
    period_s: float
    position: Array
    velocity: Array
    tool: Array
    end: Observation | None

    @property
    def arms(self) -> tuple[int, ...]:
        """Indices of D that are an arm's."""
        return arm_indices(self.robot)


class MotionRecord:
    """Collects the motion of a run as it goes."""

    def __init__(self, robot: RobotSpec, period_s: float) -> None:
        self._robot, self._period_s = robot, period_s
        self._commands: list[Command] = []
        self._tool: list[Array] = []
        self._end: Observation | None = None

    def see(self, observation: Observation) -> None:
        """Take in where the tool is."""
        self._tool.append(observation.tool().position)
        self._end = observation

    def command(self, command: Command) -> None:
        """Take in the command of one more period."""
        self._commands.append(command)

    def lose_sight(self) -> None:
        """Nothing can be observed any more."""
        self._end = None

    def done(self) -> RunMotion:
        """All of it."""
        shape = (len(self._commands), self._robot.size)
        return RunMotion(
            self._robot,
            self._period_s,
            np.array([c.position for c in self._commands]).reshape(shape),
            np.array([c.velocity for c in self._commands]).reshape(shape),
            np.array(self._tool).reshape(len(self._tool), 3),
            self._end,
        )


def arm_indices(robot: RobotSpec) -> tuple[int, ...]:
    """Indices of D that belong to arms."""
    return tuple(
        i for part in robot.parts if part.kind == "arm" for i in range(part.start, part.stop)
    )
