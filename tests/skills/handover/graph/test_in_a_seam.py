"""A seam takes the stones where a better start is known and nothing else leads to it."""

from dataclasses import dataclass

import numpy as np
import pytest

from kata.datasets.types import Command, PackageError, Trajectory
from kata.skills.contract.call import Call
from kata.skills.execution.deciding import decider_of
from kata.skills.execution.options import ExecutorOptions
from kata.skills.handover.boundary import FactBoundary, Verdict
from kata.skills.handover.transition import TransitionOptions
from kata.skills.testing import CONTRACTS, FakeWorld
from kata.skills.testing.fake_two_hands import TwoHandWorld

NOW, BEYOND = np.array([0.3, -0.3, 0.3, 0.08]), np.array([0.3, 0.3, 0.3, 0.08])
PICK = Call(CONTRACTS["pick"], ("red_cube",))


@dataclass
class Beyond(FactBoundary):
    """Only beyond y = 0 does it succeed."""

    def may_start(self, call, observation):
        good = observation.tool().position[1] > 0.2
        return Verdict(good, 0.9 if good else 0.1, "side")

    def starts(self, call, observation, count):
        return [Command.hold(BEYOND)]


def wall(position, carried=()):
    """Barred at y = 0, 6 cm thick, but beyond x = 0.65."""
    return abs(float(position[1])) - 0.03 if position[0] < 0.65 else 0.5


def decide(graph):
    world = FakeWorld()
    world.apply(Command.hold(NOW))
    options = ExecutorOptions(graph=graph, transition=TransitionOptions(checks=0, longest_s=20.0))
    decider = decider_of(options, world.robot, world.kinematics, wall)
    seen = PICK.seen(world.observe())
    return decider.decide(Beyond(), PICK, seen, Trajectory.hold(0.0, NOW), 0.0)


def test_with_a_graph_it_moves_over_stones(detour):
    decision = decide(detour)
    assert decision.way == "move"
    assert decision.move.way == "stones"
    assert decision.reason.endswith("goes stones")
    assert min(wall(q) for q in decision.move.trajectory.position) > 0.0


def test_without_one_it_starts_here_and_tells_what_bars_it(detour):
    decision = decide(None)
    assert decision.way == "now"
    assert "comes as near as" in decision.reason


def test_a_graph_of_another_robot_is_refused(detour):
    world = TwoHandWorld()
    with pytest.raises(PackageError, match="transition graph of another robot"):
        decider_of(ExecutorOptions(graph=detour), world.robot, world.kinematics)
