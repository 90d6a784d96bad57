"""Tool poses become joints: the contract on both pandas, accuracy, the smooth path, the stop."""

import numpy as np
import pytest

from kata.datasets.types import ActionChunk, Command, Kinematics, Pose, RobotSpec
from kata.datasets.types.pose import quat_conjugate, quat_log, quat_multiply, yaw_quat
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


def test_solve_stays_near_its_seed(panda: ToolKinematics) -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        joints = panda.spec.limits.clip(panda.spec.home + rng.uniform(-0.3, 0.3, 8))
        goal = panda.forward(joints)
        moved = Pose(goal.position + np.array([0.02, -0.02, 0.01]), goal.quaternion)
        found = panda.solve(moved, joints)
        assert found is not None
        assert np.abs(found - joints).max() < 0.25


def test_a_long_way_in_small_chunks_does_not_let_the_elbow_drift(panda: ToolKinematics) -> None:
    now = Command.hold(panda.spec.home)
    for turn in range(80):
        angle = 2 * np.pi * (turn + np.arange(1, 9) / 8) / 10
        values = np.zeros((8, 7))
        start = panda.forward(now.position)
        centre = panda.forward(panda.spec.home)
        goal = centre.position + 0.08 * np.stack([np.sin(angle), 1 - np.cos(angle), 0 * angle]).T
        values[:, :3] = start.inverse().apply(goal)
        values[:, 3:6] = quat_log(quat_multiply(quat_conjugate(start.quaternion), DOWN))
        values[:, 6] = 0.04
        path = panda.follow(ActionChunk(0.0, 0.05, "tool", values, start), now)
        now = Command.hold(path.at(0.4).position)
    assert np.abs(now.position[:7] - panda.spec.home[:7]).max() < 0.6
