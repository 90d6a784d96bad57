"""The table world: contract on both pandas, facts in motion, perturbation, divergence, setters."""

from pathlib import Path

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import (
    Atom,
    Command,
    ConfigError,
    Pose,
    SimulationError,
    SpecError,
    UnknownNameError,
)
from kata.datasets.types.pose import quat_multiply, quat_yaw, yaw_quat
from kata.sim.scene.config import NoiseConfig, TableWorldConfig
from kata.sim.testing import SimWorldContract, equal_facts, equal_observations
from kata.sim.world import TableWorld

UP = np.array([0.0, 0.0, 1.0])
DOWN = np.array([0.0, 1.0, 0.0, 0.0])


def go(
    world: TableWorld, place: tuple[float, float, float], yaw: float, opening: float, seconds: float
) -> None:
    """Move the tool down-facing to a place with a fifth-order rise of the joints."""
    start = world.commanded
    end = world.kinematics.solve(Pose(np.array(place), quat_multiply(yaw_quat(yaw), DOWN)), start)
    assert end is not None
    end[-1] = opening
    count = round(seconds / world.period_s)
    for k in range(1, count + 1):
        u = k / count
        share, slope = u**3 * (10 - 15 * u + 6 * u * u), 30 * u * u * (1 - u) ** 2 / seconds
        way = end - start
        world.apply(Command(start + share * way, slope * way, np.zeros_like(way)))


def holds(world: TableWorld, text: str) -> bool | None:
    return world.facts().value(Atom.parse(text))


class TestPandaWorld(SimWorldContract):
    def make_world(self) -> TableWorld:
        return TableWorld()


class TestMenagerieWorld(SimWorldContract):
    def make_world(self) -> TableWorld:
        return TableWorld(TableWorldConfig.load(robot="franka_emika_panda"))


@pytest.fixture(scope="module")
def world() -> TableWorld:
    return TableWorld()


@pytest.mark.parametrize("robot", ["panda", "franka_emika_panda"])
def test_a_cube_is_picked_carried_and_put_into_the_drawer_that_was_pulled(robot: str) -> None:
    world = TableWorld(TableWorldConfig.load(robot=robot))
    world.reset(0)
    x, y, z = world.observe().entities["drawer"].pose.position
    go(world, (x, y, 0.2), 0, 0.05, 1.2)
    go(world, (x, y, z), 0, 0.05, 0.8)
    go(world, (x, y, z), 0, 0.0, 0.4)
    go(world, (x, y - 0.16, z), 0, 0.0, 1.5)
    assert holds(world, "open(drawer)")
    go(world, (x, y - 0.16, z), 0, 0.05, 0.4)
    go(world, (x, y - 0.16, 0.25), 0, 0.08, 0.6)
    cube = world.observe().entities["red_cube"].pose
    yaw = (float(quat_yaw(cube.quaternion)) + np.pi / 4) % (np.pi / 2) - np.pi / 4
    cx, cy, _ = cube.position
    go(world, (cx, cy, 0.15), yaw, 0.08, 1.0)
    go(world, (cx, cy, 0.02), yaw, 0.08, 0.8)
    go(world, (cx, cy, 0.02), yaw, 0.0, 0.6)
    go(world, (cx, cy, 0.25), yaw, 0.0, 0.8)
    assert holds(world, "holding(red_cube)")
    assert not holds(world, "on(red_cube, table)")
    tool = world.observe().tool()
    held = tool.inverse() @ world.observe().entities["red_cube"].pose
    sx, sy, sz = world.observe().entities["drawer"].spot
    go(world, (sx, sy, 0.25), np.pi / 2, 0.0, 1.2)
    seen = world.observe()
    slipped, turned = held.distance(seen.tool().inverse() @ seen.entities["red_cube"].pose)
    assert slipped < 4e-3
    assert turned < 0.02
    go(world, (sx, sy, sz + 0.03), np.pi / 2, 0.0, 0.8)
    go(world, (sx, sy, sz + 0.03), np.pi / 2, 0.06, 0.5)
    go(world, (sx, sy, 0.25), np.pi / 2, 0.06, 0.8)
    assert holds(world, "in(red_cube, drawer)")
    assert holds(world, "gripper_empty()")


def test_a_pressed_button_latches_until_the_reset(world: TableWorld) -> None:
    world.reset(0)
    x, y, z = world.observe().entities["button"].pose.position
    go(world, (x, y, 0.15), 0, 0.0, 1.5)
    assert holds(world, "pressed(button)") is False
    go(world, (x, y, z - 0.004), 0, 0.0, 0.8)
    go(world, (x, y, 0.15), 0, 0.0, 0.8)
    assert holds(world, "pressed(button)")
    assert world.observe().entities["button"].articulation > 0.9
    state = world.snapshot()
    world.reset(0)
    assert holds(world, "pressed(button)") is False
    world.restore(state)
    assert holds(world, "pressed(button)")


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), before=st.integers(0, 25), after=st.integers(1, 25))
def test_restore_then_continue_is_equal_to_the_bit(
    world: TableWorld, seed: int, before: int, after: int
) -> None:
    world.reset(seed)
    world.push("red_cube", (0.4, -0.2, 0.0), 0.1)
    world.set_mass("blue_cube", 0.2)
    SimWorldContract.roll(world, seed, before + 1)
    state = world.snapshot()
    SimWorldContract.roll(world, seed + 1, after)
    facts, observed, end = world.facts(), world.observe(), world.snapshot()
    world.reset(seed + 1)
    world.restore(state)
    # Looking must not change what comes: the first time nobody looked here.
    world.observe()
    world.facts()
    SimWorldContract.roll(world, seed + 1, after)
    assert equal_observations(world.observe(), observed)
    assert equal_facts(world.facts(), facts)
    assert world.snapshot() == end


def test_a_reset_remembers_nothing_of_a_button_that_stood_beyond_its_stop(
    world: TableWorld,
) -> None:
    world.reset(3)
    address = next(a for i, a, _ in world.reader._articulated if world.reader.names[i] == "button")
    world.data.qpos[address] = -2e-6
    mujoco.mj_forward(world.model, world.data)
    seen = world.reader.entities(world.reader.poses(), world.reader.tools(), exact=True)
    before = seen["button"].pose.position[2]
    fresh = TableWorld(world.config)
    assert equal_observations(world.reset(4), fresh.reset(4))
    assert world.observe().entities["button"].pose.position[2] != before


def test_a_snapshot_of_another_scene_is_refused(world: TableWorld) -> None:
    other = TableWorld(TableWorldConfig.load(gap_m=0.09))
    with pytest.raises(SimulationError, match="another scene"):
        world.restore(other.snapshot())


def test_objects_are_spread_over_the_area_and_apart(world: TableWorld) -> None:
    places = []
    for seed in range(150):
        poses = world.reset(seed).entities
        cubes = np.array(
            [poses[f"{c}_cube"].pose.position for c in ("red", "blue", "green", "yellow")]
        )
        gaps = np.linalg.norm(cubes[:, None] - cubes[None], axis=-1) + 9 * np.eye(4)
        assert gaps.min() >= world.config.gap_m - 1e-9
        places.append(cubes)
    stacked = np.concatenate(places)
    low, high = stacked.min(axis=0), stacked.max(axis=0)
    assert (high - low)[0] > 0.28
    assert (high - low)[1] > 0.38
    assert np.allclose(stacked[:, 2], 0.02)


def test_start_joints_are_within_the_configured_deviation(world: TableWorld) -> None:
    starts = np.array([world.reset(seed).position for seed in range(40)])
    deviation = np.abs(starts - world.robot.home)
    assert deviation.max() <= 0.05 + 1e-9
    assert deviation[:, :7].max() > 0.045


def test_a_push_moves_an_object_and_ends(world: TableWorld) -> None:
    world.reset(3)
    before = world.observe().entities["green_cube"].pose.position
    world.push("green_cube", (0.8, 0.0, 0.0), 0.1)
    hold = Command.hold(world.commanded)
    for _ in range(60):
        world.apply(hold)
    middle = world.observe().entities["green_cube"].pose.position
    for _ in range(60):
        world.apply(hold)
    assert middle[0] - before[0] > 0.01
    assert np.allclose(world.observe().entities["green_cube"].pose.position, middle, atol=1e-3)


def test_a_push_at_the_robot_is_felt(world: TableWorld) -> None:
    world.reset(3)
    before = world.observe().position
    world.push("link5", (0.0, 40.0, 0.0), 0.1)
    for _ in range(8):
        world.apply(Command.hold(world.commanded))
    assert np.abs(world.observe().position - before).max() > 2e-3


def test_mass_and_friction_change_until_the_reset(world: TableWorld) -> None:
    def pushed(change: str) -> float:
        world.reset(3)
        if change:
            getattr(world, change)("red_cube", {"set_mass": 0.5, "set_friction": 3.0}[change])
        start = world.observe().entities["red_cube"].pose.position[0]
        world.push("red_cube", (0.9, 0.0, 0.0), 0.15)
        for _ in range(40):
            world.apply(Command.hold(world.commanded))
        return float(world.observe().entities["red_cube"].pose.position[0] - start)

    plain = pushed("")
    assert pushed("set_mass") < 0.5 * plain
    assert pushed("set_friction") < 0.8 * plain
    assert pushed("") == plain


def test_noise_is_reported_but_not_felt() -> None:
    noise = NoiseConfig(joint_rad=0.01, position_m=0.005, angle_rad=0.05)
    noisy, exact = TableWorld(TableWorldConfig.load(noise=noise)), TableWorld()
    a, b = noisy.reset(5), exact.reset(5)
    assert not np.array_equal(a.position, b.position)
    assert equal_observations(a, noisy.reset(5))
    assert np.array_equal(noisy.view().poses, exact.view().poses)
    assert equal_facts(noisy.facts(), exact.facts())
    spread = a.entities["table"].pose.position - b.entities["table"].pose.position
    assert 0 < np.abs(spread).max() < 0.03


def test_a_divergence_is_an_error_that_leaves_the_last_good_state(
    world: TableWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    world.reset(0)
    world.apply(Command.hold(world.commanded))
    good = world.snapshot()
    world.data.qvel[:6] = 1e9
    with pytest.raises(SimulationError, match="diverged"):
        world.apply(Command.hold(world.commanded))
    world.restore(good)
    world.push("red_cube", (0.1, 0.0, 0.0), 0.1)
    pushed = world.snapshot()
    world.apply(Command.hold(world.robot.home))
    world.restore(world.last_good())
    assert world.snapshot() == pushed
    assert not list(tmp_path.iterdir()), "MuJoCo's log file is not the user's"


def test_a_command_with_nan_is_refused_before_it_moves_anything(world: TableWorld) -> None:
    world.reset(0)
    before = world.snapshot()
    for bad in (np.nan, np.inf):
        position = world.commanded
        command = Command(position, np.full(8, bad), np.zeros(8))
        with pytest.raises(SpecError, match="NaN"):
            world.apply(command)
    assert world.snapshot() == before


def test_clearance_sees_the_table_the_cubes_and_forgives_what_is_held(world: TableWorld) -> None:
    world.reset(0)
    cube = world.observe().entities["red_cube"].pose.position
    above = world.kinematics.solve(Pose(cube + 0.15 * UP, DOWN), world.robot.home)
    inside = world.kinematics.solve(Pose(cube - 0.03 * UP, DOWN), world.robot.home)
    assert above is not None
    assert inside is not None
    assert world.clearance_m(above) > 0.05
    assert world.clearance_m(inside) < 0.0
    world.set_joints(above)
    assert world.grasp("red_cube")
    assert world.clearance_m(world.observe().position) > 0.05


def test_a_drawer_is_set_with_what_lies_in_it(world: TableWorld) -> None:
    world.reset(0)
    world.set_opening("drawer", 1.0)
    spot = world.observe().entities["drawer"].spot
    world.set_object("red_cube", Pose(spot + 0.021 * UP, yaw_quat(0.0)))
    world.set_opening("drawer", 0.0)
    world.begin()
    for _ in range(20):
        world.apply(Command.hold(world.commanded))
    assert holds(world, "in(red_cube, drawer)")
    assert holds(world, "closed(drawer)")


def test_a_spot_is_free_and_moves_on_when_it_is_taken(world: TableWorld) -> None:
    world.reset(0)
    world.set_opening("drawer", 1.0)
    seen = set()
    for name in ("red_cube", "blue_cube", "green_cube", "yellow_cube"):
        spot = world.observe().entities["drawer"].spot
        seen.add(tuple(np.round(spot, 6)))
        world.set_object(name, Pose(spot + 0.02 * UP, yaw_quat(0.0)))
    assert len(seen) == 4


def test_names_that_are_not_there(world: TableWorld) -> None:
    with pytest.raises(UnknownNameError, match="red_cube"):
        world.set_object("red_cub", Pose.identity())
    with pytest.raises(UnknownNameError, match="drawer"):
        world.set_opening("bin", 1.0)
    with pytest.raises(UnknownNameError, match="front"):
        world.render("frnt")
    with pytest.raises(UnknownNameError, match="wrist"):
        TableWorld(TableWorldConfig.load(cameras=("wirst",)))
    with pytest.raises(ConfigError, match="more than 0"):
        world.set_mass("red_cube", 0.0)
    with pytest.raises(ConfigError, match="cannot run"):
        TableWorld(TableWorldConfig.load(robot="aloha"))


def test_images_come_only_when_asked(world: TableWorld) -> None:
    assert world.reset(0).images == {}
    seeing = TableWorld(TableWorldConfig.load(cameras=("front", "wrist"), image=(64, 48)))
    images = seeing.reset(0).images
    assert {name: image.shape for name, image in images.items()} == {
        "front": (48, 64, 3),
        "wrist": (48, 64, 3),
    }
    assert all(image.std() > 10 for image in images.values())
    seeing.close()
