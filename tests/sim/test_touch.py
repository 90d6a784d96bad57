"""The force that a world tells: nothing in the air, a weight in the hand, a push on the table."""

import numpy as np
import pytest

from kata.datasets.types import Command, Pose
from kata.sim.tasks import make_trial


def hold(world, position, seconds):
    forces = []
    for _ in range(round(seconds / world.period_s)):
        world.apply(Command.hold(position))
        forces.append(world.contact_force_n())
    return float(np.median(forces[len(forces) // 2 :]))


def test_an_arm_in_the_air_feels_nothing_and_a_held_cube_its_weight():
    world = make_trial("pick")
    seen = world.reset(0)
    assert hold(world, seen.position, 0.2) == 0.0
    world = make_trial("place")
    seen = world.reset(0)
    mass = next(
        o for o in world.world.config.objects if o.name == world.episode.arguments["object"]
    )
    assert hold(world, seen.position, 0.5) == pytest.approx(9.81 * mass.mass_kg, rel=0.1)


def test_a_push_on_the_table_is_felt():
    world = make_trial("pick")
    seen = world.reset(0)
    tool = seen.tool()
    low = Pose(np.array([0.45, 0.3, -0.03]), tool.quaternion)
    joints = world.kinematics.solve(low, seen.position)
    assert joints is not None
    begin = seen.position
    for share in np.linspace(0.0, 1.0, 200):
        world.apply(Command.hold(begin + share * (joints - begin)))
    assert hold(world, joints, 0.3) > 5.0
