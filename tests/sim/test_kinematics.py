"""Tool poses become joints: the contract on both pandas, accuracy, the smooth path, the stop."""

import numpy as np
import pytest

from kata.datasets.types import ActionChunk, Command, Kinematics, Pose, RobotSpec
from kata.datasets.types.pose import quat_multiply, yaw_quat
from kata.sim.robots import load
from kata.sim.robots.kinematics import ToolKinematics
from kata.sim.testing import KinematicsContract

DOWN = np.array([0.0, 1.0, 0.0, 0.0])


class TestPanda(KinematicsContract):
    def make_kinematics(self) -> tuple[Kinematics, RobotSpec]:
        robot = load("panda")
        return ToolKinematics(robot), robot.spec


class TestMenageriePanda(KinematicsContract):
    def make_kinematics(self) -> tuple[Kinematics, RobotSpec]:
        robot = load("franka_emika_panda")
        return ToolKinematics(robot), robot.spec


@pytest.fixture(scope="module")
def panda() -> ToolKinematics:
    return ToolKinematics(load("panda"))


def test_every_place_of_the_table_is_reached_from_above(panda: ToolKinematics) -> None:
    rng = np.random.default_rng(0)
    places = [
        (rng.uniform(0.30, 0.60), rng.uniform(-0.2, 0.2), rng.uniform(0.01, 0.35))
        for _ in range(60)
    ]
    fixtures = [(0.42, 0.464, 0.075), (0.42, 0.304, 0.075), (0.475, 0.47, 0.04), (0.66, 0.32, 0.04),
                (0.592, -0.452, 0.15), (0.278, -0.452, 0.04), (0.362, -0.368, 0.04)]  # fmt: skip
    for place in places + fixtures:
        turned = quat_multiply(yaw_quat(rng.uniform(-0.8, 0.8)), DOWN)
        assert panda.solve(Pose(np.array(place), turned), panda.spec.home) is not None, place


def test_the_answer_does_not_depend_on_what_was_asked_before(panda: ToolKinematics) -> None:
    goal = Pose(np.array([0.5, 0.1, 0.1]), DOWN)
    first = panda.solve(goal, panda.spec.home)
    panda.solve(Pose(np.array([0.3, -0.4, 0.3]), DOWN), panda.spec.home)
    assert np.array_equal(first, panda.solve(goal, panda.spec.home))


def test_a_smooth_chunk_gives_a_twice_differentiable_path(panda: ToolKinematics) -> None:
    when = 0.05 * np.arange(1, 17)
    values = np.zeros((16, 7))
    values[:, 2] = 0.05 * (1 - np.cos(2 * when))
    values[:, 6] = 0.08
    chunk = ActionChunk(0.0, 0.05, "tool", values, panda.forward(panda.spec.home))
    path = panda.follow(chunk, Command.hold(panda.spec.home))
    for knot in path.times_s[1:-3]:
        jump = path.at(knot + 1e-6).acceleration - path.at(knot - 1e-6).acceleration
        assert np.abs(jump).max() < 1e-3


def test_the_gripper_is_limited_in_speed_and_does_not_overshoot(panda: ToolKinematics) -> None:
    spec = panda.spec
    values = np.repeat(spec.home[None], 12, axis=0)
    values[:, 7] = 0.0
    path = panda.follow(ActionChunk(0.0, 0.05, "joint", values), Command.hold(spec.home))
    opening = np.array([path.at(t).position[7] for t in np.arange(0, 0.7, 0.005)])
    assert opening.min() >= 0.0
    assert (np.diff(opening) <= 1e-12).all()
    assert 0.08 - opening[20] <= spec.limits.velocity[7] * 0.1 + 1e-9


def test_a_fast_end_stops_within_acceleration_and_jerk(panda: ToolKinematics) -> None:
    spec = panda.spec
    values = np.repeat(spec.home[None], 6, axis=0)
    values[:, 0] += 0.05 * np.arange(1, 7)
    chunk = ActionChunk(0.0, 0.05, "joint", values)
    now = Command(spec.home, np.eye(8)[0], np.zeros(8))
    path = panda.follow(chunk, now)
    tail = np.array([path.at(t).acceleration[0] for t in np.arange(0.3005, path.end_s, 1e-3)])
    assert np.abs(tail).max() <= spec.limits.acceleration[0] + 1e-6
    assert np.abs(np.diff(tail) / 1e-3).max() <= spec.limits.jerk[0] * 1.01
    assert path.at(path.end_s + 1.0).velocity[0] == 0.0


def test_agrees_with_mink(panda: ToolKinematics) -> None:
    import mink

    model = panda.model
    goal = Pose(np.array([0.5, 0.1, 0.2]), quat_multiply(yaw_quat(0.4), DOWN))
    ours = panda.solve(goal, panda.spec.home)
    assert ours is not None
    configuration = mink.Configuration(model)
    configuration.update(np.append(panda.spec.home[:7], [0.04, 0.04]))
    task = mink.FrameTask("tool_hand", "site", position_cost=1.0, orientation_cost=1.0)
    task.set_target(mink.SE3(np.concatenate([goal.quaternion, goal.position])))
    limits = [mink.ConfigurationLimit(model)]
    for _ in range(60):
        velocity = mink.solve_ik(configuration, [task], 0.1, "daqp", limits=limits)
        configuration.integrate_inplace(velocity, 0.1)
    theirs = np.append(configuration.q[:7], 0.08)
    metres, radians = panda.forward(theirs).distance(panda.forward(ours))
    assert metres < 2e-3
    assert radians < 2e-2
