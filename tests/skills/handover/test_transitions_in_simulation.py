"""Transitions on the table: through a wall's gap, with a long thing in the hand, past a pillar."""

from dataclasses import replace

import numpy as np
import pytest

from kata.datasets.types import Command, Pose, UnknownNameError
from kata.sim.scene.config import ObjectConfig, ObstacleConfig, TableWorldConfig
from kata.sim.world import TableWorld
from kata.skills.handover.curve import sample
from kata.skills.handover.profile import scaled
from kata.skills.handover.transition import Move, Mover, TransitionOptions

DOWN = np.array([0.0, 1.0, 0.0, 0.0])
HANGS = Pose(np.array([0.0, 0.0, 0.06]), np.array([1.0, 0.0, 0.0, 0.0]))
"""A rod of 18 cm, held near its upper end."""

LEFT, RIGHT = np.array([0.48, 0.26, 0.12]), np.array([0.48, -0.12, 0.22])


@pytest.fixture(scope="module")
def world() -> TableWorld:
    rod = ObjectConfig("rod", (0.8, 0.2, 0.2, 1.0), half_m=(0.012, 0.012, 0.09))
    walls = (
        ObstacleConfig("wall", half_m=(0.14, 0.006, 0.42)),
        ObstacleConfig("low_wall", half_m=(0.2, 0.006, 0.05)),
    )
    config = TableWorldConfig.load()
    return TableWorld(replace(config, objects=(*config.objects[:2], rod), obstacles=walls))


def stood(world: TableWorld, **places: tuple[float, float]) -> None:
    """The scene with its obstacles there, or far away."""
    world.reset(0)
    for name in ("wall", "low_wall"):
        world.stand(name, (*places.get(name, (0.5, 1.6)), 0.0))


def joints(world: TableWorld, place, opening: float = 0.04):
    """Joints with the tool at a place, looking down."""
    seed = world.robot.home.copy()
    seed[0] += np.arctan2(place[1], place[0])
    found = world.kinematics.solve(Pose(np.array(place), DOWN), seed)
    assert found is not None
    found[-1] = opening
    return found


def mover(world: TableWorld, **options) -> Mover:
    return Mover(world.robot, world.kinematics, TransitionOptions(**options), world.clearance_m)


def drive(world: TableWorld, move: Move) -> None:
    """Follow a move as the servo does."""
    path = move.trajectory
    ticks = int(np.ceil((path.end_s - path.start_s) / world.period_s)) + 20
    samples = sample(path, path.start_s + world.period_s * np.arange(1, ticks + 1))
    for k in range(ticks):
        world.apply(samples.command(k))
        assert world.contact_force_n() == 0.0


def test_behind_a_high_wall_only_a_search_finds_the_way(world):
    stood(world, wall=(0.5, 0.07))
    start, goal = joints(world, LEFT), joints(world, RIGHT)
    world.set_joints(start)
    world.begin()
    now = Command.hold(start)
    reason = mover(world, checks=0).to(now, goal, 0.0)
    assert isinstance(reason, str)
    assert reason.count("comes as near as") == 2
    move = mover(world, checks=6000, budget=12000).to(now, goal, 0.0)
    assert isinstance(move, Move), move
    assert move.way == "around"
    again = mover(world, checks=6000, budget=12000).to(now, goal, 0.0)
    assert np.array_equal(again.trajectory.position, move.trajectory.position)
    limits = scaled(world.robot.limits, 0.51, 0.51, 0.07)
    ticks = np.arange(0.0, move.trajectory.end_s + 0.05, world.period_s)
    position = sample(move.trajectory, ticks).position
    for order, bound in enumerate((limits.velocity, limits.acceleration, limits.jerk), start=1):
        rate = np.abs(np.diff(position, order, axis=0)) / world.period_s**order
        assert (rate[:, :7] <= bound[:7]).all()
    drive(world, move)
    assert np.abs(world.observe().position[:7] - goal[:7]).max() < 0.02


def test_a_long_thing_in_the_hand_collides_where_the_empty_hand_would_not(world):
    stood(world, low_wall=(0.48, 0.07))
    start, goal = joints(world, [0.48, 0.24, 0.22]), joints(world, [0.48, -0.10, 0.22])
    world.set_joints(start)
    world.begin()
    empty = mover(world, low_m=0.0).to(Command.hold(start), goal, 0.0)
    assert isinstance(empty, Move)
    assert empty.way == "straight"
    assert world.grasp("rod", HANGS)
    now = Command.hold(world.commanded)
    held = mover(world, low_m=0.0).to(now, goal, 0.0, ("rod",))
    assert isinstance(held, Move)
    assert held.way == "over"
    assert held.carried == ("rod",)
    assert np.ptp(held.trajectory.position[:, -1]) == 0.0


def test_what_is_carried_moves_with_the_tool(world):
    stood(world)
    place = joints(world, [0.48, 0.0, 0.3])
    world.set_joints(place)
    assert world.grasp("rod", HANGS)
    low = joints(world, [0.48, 0.0, 0.2])
    forgiven, counted = world.clearance_m(low), world.clearance_m(low, ("rod",))
    assert forgiven > 0.05
    assert counted == pytest.approx(0.2 - 0.15, abs=0.005)
    again = world.clearance_m(world.observe().position, ("rod",))
    assert again == pytest.approx(0.3 - 0.15, abs=0.005)


def test_what_cannot_be_carried_is_refused(world):
    stood(world)
    for name in ("drawer", "nobody"):
        with pytest.raises(UnknownNameError, match="object to carry"):
            world.clearance_m(world.robot.home, (name,))


def test_an_obstacle_is_where_it_was_put(world):
    stood(world)
    above = joints(world, [0.48, 0.07, 0.3])
    free = world.clearance_m(above)
    world.stand("wall", (0.48, 0.07, 0.0))
    assert free > 0.1
    assert world.clearance_m(above) < 0.0
