"""Two arms on one table: the contracts, what each reaches and holds, and that each moves alone."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from kata.datasets.types import (
    ActionChunk,
    Atom,
    Command,
    ConfigError,
    Kinematics,
    Pose,
    RobotSpec,
    Trajectory,
)
from kata.datasets.types.pose import quat_multiply, yaw_quat
from kata.sim.robots import describe, load
from kata.sim.robots.description import parse, to_data
from kata.sim.robots.kinematics import ToolKinematics
from kata.sim.scene.config import TableWorldConfig
from kata.sim.scene.reader import SceneReader
from kata.sim.testing import KinematicsContract, SimWorldContract
from kata.sim.world import TableWorld

DOWN = np.array([0.0, 1.0, 0.0, 0.0])
HANDS = ("left", "right")


class TestTwoArmWorld(SimWorldContract):
    def make_world(self) -> TableWorld:
        return TableWorld(TableWorldConfig.load("two_arms"))


class TestTwoArmKinematics(KinematicsContract):
    def make_kinematics(self) -> tuple[Kinematics, RobotSpec]:
        robot = load("two_pandas")
        return ToolKinematics(robot), robot.spec


@pytest.fixture(scope="module")
def world() -> TableWorld:
    return TableWorld(TableWorldConfig.load("two_arms"))


def fact(world: TableWorld, text: str) -> bool | None:
    return world.facts().value(Atom.parse(text))


def test_the_parts_and_hands_bear_the_names_of_the_arms() -> None:
    robot = load("two_pandas").spec
    assert [part.name for part in robot.parts] == [
        *("left_arm", "left_gripper", "right_arm", "right_gripper"),
    ]
    assert [(h.name, h.arm, h.gripper) for h in robot.hands] == [
        ("left", "left_arm", "left_gripper"),
        ("right", "right_arm", "right_gripper"),
    ]
    one = load("panda").spec
    assert robot.size == 2 * one.size
    assert np.array_equal(robot.limits.upper, np.tile(one.limits.upper, 2))
    assert robot.fingerprint() != one.fingerprint()


def test_each_arm_stands_where_the_file_says() -> None:
    one, two = ToolKinematics(load("panda")), ToolKinematics(load("two_pandas"))
    tool = one.forward(one.spec.home)
    for hand in two.spec.hands:
        apart = two.forward(two.spec.home, hand.name).position - tool.position
        assert np.allclose(apart, hand.base_m, atol=1e-9)


def test_a_robot_file_of_several_robots_and_back() -> None:
    description = describe("two_pandas")
    data = yaml.safe_load(yaml.safe_dump(to_data(description)))
    again = parse(data, "here")
    assert to_data(again) == to_data(description)
    assert (again.parts, again.members) == (description.parts, description.members)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([{"robot": "panda", "hand": "left"}], "do not make one robot"),
        ([{"robot": "panda", "hand": "left"}] * 2, "do not make one robot"),
        (
            [{"robot": "panda", "hand": "a"}, {"robot": "two_pandas", "hand": "b"}],
            "only robots with one hand",
        ),
        (
            [{"robot": "panda", "hand": "a"}, {"robot": "panda", "hand": "b c"}],
            "does not fit",
        ),
    ],
)
def test_members_that_make_no_robot_are_refused(members, message, kata_home) -> None:
    folder = kata_home / "robots"
    folder.mkdir(parents=True)
    data = {"name": "pair", "source": "several", "members": members}
    (folder / "pair.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError, match=message):
        describe("pair")


def chunk_of(world: TableWorld, hand: str, count: int = 8) -> ActionChunk:
    """Straight down by 8 cm, closing the gripper a little."""
    observation = world.observe()
    tool = observation.tool(hand)
    values = np.zeros((count, 7))
    values[:, 2] = np.linspace(0.01, 0.08, count)
    values[:, 6] = 0.05
    return ActionChunk(observation.time_s, 0.05, "tool", values, tool, hand)


def carry_out(world: TableWorld, path: Trajectory, seconds: float) -> None:
    begin = world.time_s
    for k in range(1, round(seconds / world.period_s) + 1):
        world.apply(path.at(begin + k * world.period_s))


@pytest.mark.parametrize("hand", HANDS)
def test_a_chunk_of_a_hand_moves_only_that_hand(hand: str, world: TableWorld) -> None:
    start = world.reset(4)
    now = Command.hold(start.position)
    path = world.kinematics.follow(chunk_of(world, hand), now)
    own, other = world.robot.hand(hand), world.robot.hand(HANDS[hand == "left"])
    for part in (other.arm, other.gripper):
        columns = world.robot.part(part).slice
        assert np.array_equal(
            path.position[:, columns], np.tile(start.position[columns], (len(path.times_s), 1))
        )
        assert not path.velocity[:, columns].any()
    carry_out(world, path, 0.8)
    seen = world.observe()
    assert seen.tool(hand).position[2] < start.tool(hand).position[2] - 0.07
    assert np.allclose(seen.tool(other.name).position, start.tool(other.name).position, atol=1e-3)
    assert seen.position[world.robot.part(own.gripper).start] < 0.06


@pytest.mark.parametrize("hand", HANDS)
def test_a_joint_chunk_of_a_hand_moves_only_that_hand(hand: str, world: TableWorld) -> None:
    start = world.reset(4).position
    values = np.repeat(start[None] + 0.02, 4, axis=0)
    path = world.kinematics.follow(
        ActionChunk(0.0, 0.05, "joint", values, None, hand), Command.hold(start)
    )
    own = world.robot.hand(hand)
    moved = np.abs(path.position[-1] - start) > 1e-9
    columns = np.zeros(world.robot.size, dtype=bool)
    for part in (own.arm, own.gripper):
        columns[world.robot.part(part).slice] = True
    assert not moved[~columns].any()
    assert moved[world.robot.part(own.arm).slice].all()


@pytest.mark.parametrize("hand", HANDS)
def test_solve_leaves_the_other_hand_as_the_seed_has_it(hand: str, world: TableWorld) -> None:
    seed = world.reset(5).position
    goal = world.kinematics.forward(seed, hand)
    goal = Pose(goal.position + np.array([0.05, 0.04, -0.1]), goal.quaternion)
    joints = world.kinematics.solve(goal, seed, hand)
    assert joints is not None
    own = world.robot.part(world.robot.hand(hand).arm).slice
    rest = np.ones(world.robot.size, dtype=bool)
    rest[own] = False
    assert np.array_equal(joints[rest], world.robot.limits.clip(seed)[rest])
    assert goal.distance(world.kinematics.forward(joints, hand))[0] < 1e-4


@pytest.mark.parametrize("seed", range(6))
def test_reachable_tells_the_arms_apart_and_is_true(seed: int, world: TableWorld) -> None:
    start = world.reset(seed)
    entities = start.entities
    kinds: set[tuple[bool, ...]] = set()
    for name in (e.name for e in world.entities if "object" in e.tags):
        said = tuple(bool(fact(world, f"reachable({hand}, {name})")) for hand in HANDS)
        kinds.add(said)
        place = entities[name].pose.position
        for hand, reachable in zip(HANDS, said, strict=True):
            bearing = np.arctan2(*(place - world.robot.hand(hand).base_m)[1::-1])
            pose = Pose(place, quat_multiply(yaw_quat(bearing), DOWN))
            found = world.kinematics.solve(pose, world.robot.home, hand)
            assert (found is not None) == reachable
    assert kinds == {(True, False), (False, True), (True, True)}
    for text, value in (
        ("reachable(left, drawer)", True),
        ("reachable(right, drawer)", False),
        ("reachable(left, bin)", False),
        ("reachable(right, bin)", True),
    ):
        assert fact(world, text) is value


@pytest.mark.parametrize("hand", HANDS)
def test_what_one_hand_holds_the_other_does_not(hand: str, world: TableWorld) -> None:
    world.reset(2)
    other = HANDS[hand == "left"]
    assert world.grasp("red_cube", hand=hand)
    world.begin()
    assert fact(world, f"holding({hand}, red_cube)")
    assert not fact(world, f"gripper_empty({hand})")
    assert not fact(world, f"holding({other}, red_cube)")
    assert fact(world, f"gripper_empty({other})")


def test_the_arms_touch_each_other_and_clearance_says_so(world: TableWorld) -> None:
    start = world.reset(1)
    meeting = Pose(np.array([0.45, 0.0, 0.3]), DOWN)
    joints = world.kinematics.solve(meeting, start.position, "left")
    assert joints is not None
    assert world.clearance_m(joints) > 0.0
    both = world.kinematics.solve(meeting, joints, "right")
    assert both is not None
    assert world.clearance_m(both) < 0.0
    world.set_joints(joints)
    world.begin()
    for _ in range(150):
        world.apply(Command.hold(both))
    # The left arm is in the way, and is pushed aside itself.
    seen = world.observe()
    assert np.linalg.norm(seen.tool("right").position - meeting.position) > 0.02
    assert np.linalg.norm(seen.tool("left").position - meeting.position) > 0.005


def test_what_one_hand_touches_is_in_the_way_of_the_other(
    world: TableWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = world.reset(1)
    world.set_object("red_cube", Pose(np.array([0.45, -0.1, 0.02]), np.array([1.0, 0.0, 0.0, 0.0])))
    above = world.kinematics.solve(
        Pose(np.array([0.45, -0.1, 0.06]), DOWN), start.position, "right"
    )
    assert above is not None
    told = {}
    for hand in ("nobody", "left", "right"):
        pairs = frozenset({frozenset({"red_cube", f"{hand}.finger"})})
        monkeypatch.setattr(SceneReader, "touching", lambda self, pairs=pairs: pairs)
        told[hand] = world.clearance_m(above)
    assert told["left"] == told["nobody"] < told["right"]


def test_the_default_scene_is_still_the_one_that_it_was() -> None:
    assert TableWorldConfig.load().fingerprint() == "80b30e595d936325"
