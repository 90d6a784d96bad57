"""Contract tests to inherit: whoever passes them can take the place of ours.

Legend: `D` joints.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kata.datasets.types import Command, Limits, Observation, Trajectory
from kata.skills.contract.call import Call
from kata.skills.execution.executor import SkillExecutor
from kata.skills.execution.messages import ChunkQuery, ChunkReply, PlanQuery, PlanReply, ReadySkill
from kata.skills.execution.options import Executor
from kata.skills.handover.blend import Blend
from kata.skills.handover.boundary import Boundary
from kata.skills.planning.plan import Refusal

from .fake_skills import CONTRACTS, drawer_plan, good_skills, with_fault
from .fake_world import FakeWorld


class BlendContract:
    """Laws of a blend that is continuous in position and velocity."""

    step_s = 0.01

    def make(self) -> Blend:
        """The blend under test."""
        raise NotImplementedError

    def limits(self) -> Limits:
        """Of the robot that the laws are tried on, D = 3."""
        one = np.ones(3)
        return Limits(-3 * one, 3 * one, 2 * one, 12 * one, 4000 * one)

    def trajectory(self, seed: int) -> Trajectory:
        """A smooth motion of 0.4 s that ends at rest, inside the limits."""
        rng = np.random.default_rng(seed)
        times = 0.05 * np.arange(9, dtype=float)
        speed = np.cumsum(rng.uniform(-0.2, 0.2, (9, 3)), axis=0)
        position = 0.02 * rng.uniform(-1, 1, 3) + np.cumsum(speed * 0.05, axis=0)
        velocity = np.gradient(position, 0.05, axis=0)
        velocity[-1] = 0.0
        return Trajectory(times, position, velocity)

    def test_position_and_velocity_are_continuous_at_the_join(self) -> None:
        """Nothing jumps."""
        for seed in range(20):
            old, new = self.trajectory(seed), self.trajectory(seed + 100)
            now = 0.05 + 0.01 * (seed % 25)
            joined = self.make().join(old, new, now, self.limits())
            before, after = old.at(now), joined.at(now)
            assert np.abs(before.position - after.position).max() < 1e-9
            assert np.abs(before.velocity - after.velocity).max() < 1e-9

    def test_it_ends_as_the_new_one_does(self) -> None:
        """At the same place, at rest."""
        for seed in range(20):
            old, new = self.trajectory(seed), self.trajectory(seed + 100)
            joined = self.make().join(old, new, 0.1, self.limits())
            last = joined.at(joined.end_s + 1.0)
            assert np.allclose(last.position, new.position[-1], atol=1e-9)
            assert not last.velocity.any()

    def test_limits_of_position_and_velocity_hold(self) -> None:
        """Inside, at every tick of the servo."""
        for seed in range(20):
            old, new = self.trajectory(seed), self.trajectory(seed + 100)
            joined = self.make().join(old, new, 0.1, self.limits())
            for time in np.arange(0.1, joined.end_s, self.step_s):
                command = joined.at(float(time))
                assert np.abs(command.position).max() <= 3.0 + 1e-9
                assert np.abs(command.velocity).max() <= 2.0 * 1.01

    def test_equal_trajectories_are_untouched(self) -> None:
        """No blend where there is no seam."""
        old = self.trajectory(1)
        joined = self.make().join(old, old, 0.12, self.limits())
        for time in np.arange(0.12, 0.5, 0.003):
            gap = joined.at(float(time)).position - old.at(float(time)).position
            assert np.abs(gap).max() < 1e-12


class BoundaryContract:
    """Laws of a boundary, tried in the fake world's `pick`."""

    def make(self) -> Boundary:
        """The boundary under test, for `pick(red_cube)` of the fake world."""
        raise NotImplementedError

    def call(self) -> Call:
        """What it is asked about."""
        return Call(CONTRACTS["pick"], ("red_cube",))

    def seen(self, seed: int = 0) -> Observation:
        """A start."""
        return FakeWorld().reset(seed).with_focus(("red_cube",))

    def test_a_start_gets_a_probability_and_a_reason(self) -> None:
        """In words, for the log."""
        for seed in range(5):
            verdict = self.make().may_start(self.call(), self.seen(seed))
            assert 0.0 <= verdict.probability <= 1.0
            assert verdict.reason

    def test_equal_starts_get_equal_answers(self) -> None:
        """Nothing random in it."""
        boundary = self.make()
        once, again = (boundary.may_start(self.call(), self.seen(3)) for _ in range(2))
        assert once == again

    def test_it_is_done_exactly_when_the_call_has_achieved(self) -> None:
        """By the facts, whatever the observation says."""
        world, boundary = FakeWorld(), self.make()
        assert not boundary.is_done(self.call(), self.seen(), world.facts()).ok
        achieved = world.facts().flipped(self.call().achieves.literals(world.facts().table))
        done = boundary.is_done(self.call(), self.seen(), achieved)
        assert done.ok
        assert done.stays

    def test_what_is_not_known_or_long_ago_gets_an_answer_too(self) -> None:
        """Nothing raises, a yes always stays, and the log can hold what is told."""
        world, boundary = FakeWorld(), self.make()
        facts = world.facts()
        unknown = replace(facts, truth=np.full_like(facts.truth, -1))
        for given in (facts, unknown, replace(facts, time_s=facts.time_s - 10.0)):
            for seed in range(5):
                verdict = boundary.is_done(self.call(), self.seen(seed), given)
                assert 0.0 <= verdict.probability <= 1.0
                assert verdict.reason
                assert verdict.stays or not verdict.ok
                json.dumps(dict(verdict.numbers), allow_nan=False)

    def test_what_fresh_facts_call_false_is_not_done(self) -> None:
        """Wherever the robot is, and however far it believes itself."""
        world, boundary = FakeWorld(), self.make()
        for height in (0.02, 0.3, 0.6):
            world.apply(Command.hold(np.array([0.3, 0.0, height, 0.02])))
            seen = replace(world.observe(), time_s=world.facts().time_s)
            assert not boundary.is_done(self.call(), seen, world.facts()).ok

    def test_starts_are_few_finite_and_at_rest(self) -> None:
        """As many as asked for at most; each a whole command."""
        seen = self.seen()
        for count in (0, 1, 5):
            starts = self.make().starts(self.call(), seen, count)
            assert len(starts) <= count
            for start in starts:
                assert np.isfinite(start.position).all()
                assert start.position.shape == seen.position.shape
                assert not start.velocity.any()


class ExecutorContract:
    """Laws of an executor, tried in the fake world."""

    def make(self, world: FakeWorld, skills: Mapping[str, ReadySkill]) -> Executor:
        """The executor under test; one replan allowed."""
        return SkillExecutor(world.robot, world.kinematics, world.period_s, skills)

    def drive(
        self,
        skills: Mapping[str, ReadySkill],
        seconds: float = 12.0,
    ) -> tuple[list[str], FakeWorld]:
        """Tick it with honest replies; kinds of its events, and the world afterwards."""
        world = FakeWorld()
        executor = self.make(world, skills)
        executor.start(drawer_plan(), 0.0)
        kinds: list[str] = []
        observation, facts = world.observe(), world.facts()
        for tick in range(round(seconds / world.period_s)):
            if tick % 5 == 0:
                observation, facts = world.observe(), world.facts()
            answer = executor.tick(observation, facts, tick * world.period_s)
            kinds += [event.kind for event in answer.events]
            json.dumps([event.to_data() for event in answer.events], allow_nan=False)
            limits = world.robot.limits
            assert np.isfinite(answer.command.position).all()
            assert (answer.command.position >= limits.lower - 1e-9).all()
            assert (answer.command.position <= limits.upper + 1e-9).all()
            for request in answer.requests:
                executor.deliver(self._reply(request, skills))
            world.apply(answer.command)
        return kinds, world

    def _reply(
        self, request: ChunkQuery | PlanQuery, skills: Mapping[str, ReadySkill]
    ) -> ChunkReply | PlanReply:
        if isinstance(request, PlanQuery):
            return PlanReply(request.id, Refusal("missing_skill", "no other way"))
        policy = skills[request.call.contract.name].policy
        if request.begin:
            policy.reset(0)
        return ChunkReply(request.id, policy.chunk(request.observation, request.request))

    def test_a_good_plan_reaches_its_goal(self) -> None:
        """With honest replies and good skills."""
        kinds, world = self.drive(good_skills())
        assert kinds[-1] == "finished"
        assert drawer_plan().goal.evaluate(world.facts()).value

    def test_it_is_deterministic(self) -> None:
        """The same commands and events again."""
        worlds = [self.drive(good_skills(), 3.0)[1].snapshot() for _ in range(2)]
        assert worlds[0] == worlds[1]

    def test_it_holds_when_starved(self) -> None:
        """Without any reply it stays where it is."""
        world = FakeWorld()
        executor = self.make(world, good_skills())
        executor.start(drawer_plan(), 0.0)
        for tick in range(200):
            answer = executor.tick(world.observe(), world.facts(), tick * world.period_s)
            world.apply(answer.command)
        begin = FakeWorld().observe().position
        assert np.allclose(world.observe().position, begin, atol=1e-9)

    def test_stale_replies_change_nothing(self) -> None:
        """Ids that nobody waits for are legal."""
        world = FakeWorld()
        executor = self.make(world, good_skills())
        executor.start(drawer_plan(), 0.0)
        executor.deliver(ChunkReply(999, None, "from another life"))
        executor.deliver(PlanReply(998, Refusal("missing_skill", "nobody asked")))
        answer = executor.tick(world.observe(), world.facts(), 0.0)
        assert np.allclose(answer.command.position, world.observe().position)
        assert [event.kind for event in answer.events].count("stale") == 2

    def test_chunks_that_are_not_finite_are_refused_and_the_robot_holds(self) -> None:
        """Never a NaN in a command; it gives up when asking again does not help."""
        kinds, world = self.drive(with_fault(good_skills(), "open", "nan"), 2.0)
        assert "refused" in kinds
        assert kinds[-1] == "give_up"
        assert np.allclose(world.observe().position, FakeWorld().observe().position, atol=1e-9)

    def test_after_a_cancel_it_comes_to_rest(self) -> None:
        """And stays so."""
        world = FakeWorld()
        executor = self.make(world, good_skills())
        executor.start(drawer_plan(), 0.0)
        for tick in range(120):
            answer = executor.tick(world.observe(), world.facts(), tick * world.period_s)
            for request in answer.requests:
                executor.deliver(self._reply(request, good_skills()))
            world.apply(answer.command)
            if tick == 40:
                executor.cancel("enough")
        still = world.observe().position
        world.apply(executor.tick(world.observe(), world.facts(), 1.2).command)
        assert np.allclose(world.observe().position, still)
