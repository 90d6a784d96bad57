"""Contract tests for worlds and kinematics of one's own: inherit, say how to make one, run pytest.

class TestMyWorld(SimWorldContract):
    def make_world(self):
        return MyWorld()
"""

from __future__ import annotations

import functools
from typing import Any, ClassVar

import numpy as np
import pytest

from kata.datasets.types import (
    ActionChunk,
    Array,
    Command,
    Facts,
    Kinematics,
    Observation,
    Pose,
    RobotSpec,
    SimulationError,
    SimWorld,
    SpecError,
    UnknownNameError,
    World,
)


def equal_observations(a: Observation, b: Observation) -> bool:
    """Whether two observations are equal to the bit, images included."""
    one, two = a.values(), b.values()
    same_keys = one.keys() == two.keys() and a.time_s == b.time_s
    return same_keys and all(np.array_equal(one[key], two[key]) for key in one)


def equal_facts(a: Facts, b: Facts) -> bool:
    """Whether two facts are equal to the bit."""
    return np.array_equal(a.truth, b.truth) and np.array_equal(a.margins, b.margins)


class WorldContract:
    """What every `World` keeps, simulated or real."""

    _world: ClassVar[Any]

    def make_world(self) -> Any:
        """A world at rest, fit to be moved a little."""
        raise NotImplementedError

    @pytest.fixture
    def world(self) -> Any:
        """One world for all tests of the class; worlds are dear to build."""
        kind = type(self)
        if "_world" not in kind.__dict__:
            kind._world = self.make_world()
        return kind._world

    def test_apply_advances_one_period(self, world: World) -> None:
        """The clock moves by exactly `period_s`."""
        before = world.observe()
        world.apply(Command.hold(before.position))
        assert world.observe().time_s == pytest.approx(before.time_s + world.period_s, abs=1e-9)

    def test_observation_fits_the_robot(self, world: World) -> None:
        """Shapes are the robot's, every hand has a tool, all is finite."""
        seen, size = world.observe(), world.robot.size
        assert seen.position.shape == seen.velocity.shape == seen.effort.shape == (size,)
        assert set(seen.tools) == {hand.name for hand in world.robot.hands}
        assert all(np.isfinite(v).all() for v in seen.values().values())

    def test_looking_changes_nothing(self, world: World) -> None:
        """Two looks at one instant see the same."""
        first, facts = world.observe(), world.facts()
        assert equal_observations(first, world.observe())
        assert equal_facts(facts, world.facts())

    def test_tool_is_where_kinematics_says(self, world: World) -> None:
        """The measured tool is the kinematics' at the measured joints."""
        seen = world.observe()
        for name, pose in seen.tools.items():
            metres, radians = pose.distance(world.kinematics.forward(seen.position, name))
            assert metres < 1e-3
            assert radians < 1e-2

    def test_facts_have_margins_of_their_sign(self, world: World) -> None:
        """Beyond a margin of 1 the value follows the sign."""
        facts = world.facts()
        assert facts.truth.shape == facts.margins.shape == (len(facts.table.atoms),)
        sure = np.abs(facts.margins) >= 1.0
        assert np.array_equal(facts.truth[sure] == 1, facts.margins[sure] > 0)

    def test_holding_still_stays(self, world: World) -> None:
        """A robot that is told to stay stays."""
        before = world.observe()
        for _ in range(20):
            world.apply(Command.hold(before.position))
        assert np.abs(world.observe().position - before.position).max() < 0.02

    def test_refuses_a_command_of_another_robot(self, world: World) -> None:
        """A command of another width is a SpecError."""
        with pytest.raises(SpecError, match="another robot"):
            world.apply(Command.hold(np.zeros(world.robot.size + 1)))


class SimWorldContract(WorldContract):
    """What a `SimWorld` keeps besides: it can be set back, to the bit."""

    @staticmethod
    def roll(world: SimWorld, seed: int, periods: int) -> list[Observation]:
        """Smooth random motion, looked at every fifth period."""
        rng = np.random.default_rng(seed)
        start = world.observe().position
        way = rng.uniform(-0.25, 0.25, len(start)) * np.minimum(1.0, np.abs(start) + 0.1)
        seen = []
        for k in range(periods):
            share = 0.5 - 0.5 * np.cos(np.pi * (k + 1) / periods)
            world.apply(Command.hold(world.robot.limits.clip(start + share * way)))
            if k % 5 == 4:
                seen.append(world.observe())
                world.facts()
        return seen

    def test_equal_seeds_are_equal_to_the_bit(self, world: SimWorld) -> None:
        """Equal seeds and commands give equal observations."""
        runs = []
        for _ in range(2):
            first = world.reset(11)
            runs.append([first, *self.roll(world, 1, 40)])
        assert all(equal_observations(a, b) for a, b in zip(*runs, strict=True))

    def test_other_seeds_differ(self, world: SimWorld) -> None:
        """Another seed is another start."""
        assert not equal_observations(world.reset(1), world.reset(2))

    @pytest.mark.parametrize("seed", range(3))
    def test_a_restored_world_goes_on_to_the_bit(self, world: SimWorld, seed: int) -> None:
        """What follows a restored snapshot equals what followed it before."""
        world.reset(seed)
        self.roll(world, seed, 30)
        state, facts = world.snapshot(), world.facts()
        first = [*self.roll(world, seed + 9, 30)]
        facts_then = world.facts()
        self.roll(world, seed + 5, 10)
        world.restore(state)
        assert equal_facts(world.facts(), facts)
        assert world.snapshot() == state
        second = [*self.roll(world, seed + 9, 30)]
        assert all(equal_observations(a, b) for a, b in zip(first, second, strict=True))
        assert equal_facts(world.facts(), facts_then)

    def test_refuses_what_is_no_snapshot(self, world: SimWorld) -> None:
        """Other bytes are a SimulationError."""
        for state in (b"", b"nonsense", world.snapshot()[:40]):
            with pytest.raises(SimulationError):
                world.restore(state)

    def test_clearance_at_the_start_is_positive(self, world: SimWorld) -> None:
        """A reset begins free of contact."""
        assert world.clearance_m(world.reset(0).position) > 0.0

    def test_what_cannot_be_carried_is_refused(self, world: SimWorld) -> None:
        """A name that is no object of the scene is an UnknownNameError."""
        start = world.reset(0).position
        with pytest.raises(UnknownNameError):
            world.clearance_m(start, ("nobody knows it",))


class KinematicsContract:
    """What every `Kinematics` keeps, for each hand of its robot."""

    chunk_step_s = 0.05

    def make_kinematics(self) -> tuple[Kinematics, RobotSpec]:
        """The kinematics and the robot that it is for."""
        raise NotImplementedError

    @functools.cached_property
    def made(self) -> tuple[Kinematics, RobotSpec]:
        """Made once a test."""
        return self.make_kinematics()

    def near_home(self, seed: int, span: float = 0.3) -> Array:
        """Joints (D,) around home."""
        spec = self.made[1]
        rng = np.random.default_rng(seed)
        return spec.limits.clip(spec.home + rng.uniform(-span, span, spec.size))

    def chunk(self, seed: int, count: int, speed: float = 0.2) -> ActionChunk:
        """A smooth tool chunk that starts at the tool of `near_home(seed)`."""
        kinematics, _ = self.made
        rng = np.random.default_rng(seed + 100)
        direction = rng.normal(size=6)
        direction *= speed / np.linalg.norm(direction)
        when = self.chunk_step_s * np.arange(1, count + 1)
        values = np.concatenate([when[:, None] * direction, np.full((count, 1), 0.05)], axis=1)
        start = kinematics.forward(self.near_home(seed))
        return ActionChunk(2.0, self.chunk_step_s, "tool", values, start)

    @pytest.mark.parametrize("seed", range(8))
    def test_solve_inverts_forward(self, seed: int) -> None:
        """What `solve` finds is at the pose and within the limits."""
        kinematics, spec = self.made
        goal = kinematics.forward(self.near_home(seed))
        joints = kinematics.solve(goal, spec.home)
        assert joints is not None
        assert np.array_equal(joints, spec.limits.clip(joints))
        metres, radians = goal.distance(kinematics.forward(joints))
        assert metres < 1e-4
        assert radians < 1e-3

    def test_solve_says_none_out_of_reach(self) -> None:
        """Out of reach is None, no approximation."""
        kinematics, spec = self.made
        home = kinematics.forward(spec.home)
        assert kinematics.solve(Pose(np.array([9.0, 0.0, 0.5]), home.quaternion), spec.home) is None

    @pytest.mark.parametrize("seed", range(8))
    def test_follow_begins_as_now_and_ends_at_rest(self, seed: int) -> None:
        """No jump of position or velocity; rest soon after the end."""
        kinematics, spec = self.made
        speed = np.random.default_rng(seed).uniform(-0.2, 0.2, spec.size) * spec.limits.velocity
        now = Command(self.near_home(seed), speed, np.zeros(spec.size))
        path = kinematics.follow(self.chunk(seed, 16), now)
        assert path.start_s == 2.0
        assert np.array_equal(path.position[0], now.position)
        assert np.array_equal(path.velocity[0], now.velocity)
        assert not path.velocity[-1].any()
        assert path.end_s - (2.0 + 16 * self.chunk_step_s) < 0.6

    @pytest.mark.parametrize("seed", range(8))
    def test_follow_passes_the_tool_poses(self, seed: int) -> None:
        """Each action is reached at its time."""
        kinematics, _ = self.made
        chunk = self.chunk(seed, 8)
        assert chunk.reference is not None
        path = kinematics.follow(chunk, Command.hold(self.near_home(seed)))
        for k in range(8):
            at = path.at(2.0 + (k + 1) * self.chunk_step_s).position
            step = Pose(chunk.values[k, :3], _turn(chunk.values[k, 3:6]))
            metres, radians = (chunk.reference @ step).distance(kinematics.forward(at))
            assert metres < 1e-3
            assert radians < 1e-2

    @pytest.mark.parametrize("seed", range(8))
    def test_follow_keeps_the_limits(self, seed: int) -> None:
        """Wild targets stay within limits of position and velocity."""
        kinematics, spec = self.made
        rng = np.random.default_rng(seed)
        values = rng.uniform(spec.limits.lower - 1, spec.limits.upper + 1, (6, spec.size))
        path = kinematics.follow(
            ActionChunk(0.0, 0.1, "joint", values), Command.hold(self.near_home(seed))
        )
        slack = 1e-9
        assert (path.position >= spec.limits.lower - slack).all()
        assert (path.position <= spec.limits.upper + slack).all()
        assert (np.abs(path.velocity) <= spec.limits.velocity + slack).all()

    def test_follow_passes_joint_targets(self) -> None:
        """A joint chunk within the limits is followed exactly."""
        kinematics, _ = self.made
        start, end = self.near_home(1), self.near_home(1)
        end[0] += 0.02
        values = np.asarray(np.linspace(start, end, 5)[1:], dtype=np.float64)
        chunk = ActionChunk(1.0, self.chunk_step_s, "joint", values)
        path = kinematics.follow(chunk, Command.hold(start))
        for k in range(4):
            reached = path.at(1.0 + (k + 1) * self.chunk_step_s).position
            assert np.abs(reached - values[k]).max() < 1e-6

    def test_velocity_is_continuous(self) -> None:
        """No jump of velocity at a knot."""
        kinematics, _ = self.made
        path = kinematics.follow(self.chunk(3, 12), Command.hold(self.near_home(3)))
        for knot in path.times_s[1:-1]:
            before, after = path.at(knot - 1e-7).velocity, path.at(knot + 1e-7).velocity
            assert np.abs(before - after).max() < 1e-4

    def test_refuses_a_chunk_that_does_not_fit(self) -> None:
        """Another width, or NaN, is a SpecError."""
        kinematics, spec = self.made
        now, pose = Command.hold(spec.home), kinematics.forward(spec.home)
        for chunk in (
            ActionChunk(0.0, 0.05, "joint", np.zeros((3, spec.size + 1))),
            ActionChunk(0.0, 0.05, "tool", np.zeros((3, 5)), pose),
            ActionChunk(0.0, 0.05, "tool", np.full((3, 7), np.nan), pose),
        ):
            with pytest.raises(SpecError):
                kinematics.follow(chunk, now)


def _turn(vector: Array) -> Array:
    angle = float(np.linalg.norm(vector))
    axis = vector / angle if angle else vector
    return np.array([np.cos(angle / 2), *(np.sin(angle / 2) * axis)])
