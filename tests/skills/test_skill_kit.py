"""The contract test kit: good skills pass it, broken ones do not, and the executor stops those."""

import functools

import numpy as np
import pytest

from kata.skills.contract.call import Call
from kata.skills.testing import (
    BROKEN_SKILLS,
    CONTRACTS,
    GOOD_SKILLS,
    FakeTrial,
    SkillContract,
    check_skill,
    drive,
    good_skills,
)


class TestFakePick(SkillContract):
    """As anyone would use it."""

    def make_world(self):
        return FakeTrial()

    def make_skill(self, world):
        return good_skills()["pick"]


class TestFakeClose(SkillContract):
    def make_world(self):
        kit = GOOD_SKILLS["close"].kit()
        return kit().make_world()

    def make_skill(self, world):
        return good_skills()["close"]


@functools.cache
def failing(name):
    return check_skill(BROKEN_SKILLS[name][0].kit()())


def test_there_are_enough_of_both():
    assert len(GOOD_SKILLS) == 8
    assert len(BROKEN_SKILLS) >= 12
    tests = [name for name in dir(SkillContract) if name.startswith("test_")]
    assert len(tests) >= 20


@pytest.mark.parametrize("name", GOOD_SKILLS)
def test_good_skills_pass(name):
    assert check_skill(GOOD_SKILLS[name].kit()()) == {}


@pytest.mark.parametrize("name", BROKEN_SKILLS)
def test_broken_skills_are_refused_by_the_test_that_is_made_for_them(name):
    _, test = BROKEN_SKILLS[name]
    assert test in failing(name)


@pytest.mark.parametrize("name", BROKEN_SKILLS)
def test_whatever_a_broken_skill_does_the_executor_ends_at_rest_inside_the_limits(name):
    kit = BROKEN_SKILLS[name][0].kit()()
    world = kit.make_world()
    skill = kit.make_skill(world)
    world.reset(0)
    course = drive(world, skill, Call.of(skill.contract, dict(world.episode.arguments)), 0)
    limits = world.robot.limits
    assert course.outcome != "unfinished"
    assert course.at_rest()
    assert np.isfinite(course.position).all()
    assert (course.position >= limits.lower - 1e-9).all()
    assert (course.position <= limits.upper + 1e-9).all()
    steps = np.abs(np.diff(course.position, axis=0)) / world.period_s
    assert (steps <= limits.velocity * (1 + 1e-6)).all()


def test_every_test_of_the_kit_can_fail():
    """Those that no broken skill is made for are shown to notice a broken world or contract."""
    caught = {test for name in BROKEN_SKILLS for test in failing(name)}
    assert {
        "test_a_broken_off_execution_leaves_no_trace",
        "test_chunks_fit_their_specification",
        "test_equal_seeds_give_equal_traces",
        "test_it_changes_nothing_that_it_does_not_name",
        "test_it_ends_within_its_time",
        "test_its_boundary_answers",
        "test_its_tasks_begin_where_it_may",
        "test_no_chunk_of_it_is_refused",
        "test_observations_are_not_written_to",
        "test_only_what_it_claims_moves",
        "test_tool_keeps_to_its_speed_and_workspace",
        "test_what_it_achieves_holds_afterwards",
    } <= caught


class Runaway(FakeTrial):
    """A robot that does not stay where it is told to."""

    def reset(self, seed):
        self._drift = 0.0
        return super().reset(seed)

    def apply(self, command):
        super().apply(command)
        self._drift += 0.002
        self._joints = self._joints + self._drift


def test_a_robot_that_drifts_is_noticed_after_a_cancel():
    class Drifting(SkillContract):
        def make_world(self):
            return Runaway()

        def make_skill(self, world):
            return good_skills()["pick"]

    assert "test_a_cancel_leaves_a_safe_hold" in check_skill(Drifting())


def test_a_cached_run_is_that_of_its_own_class_only():
    kits = [GOOD_SKILLS[name].kit()() for name in ("pick", "close")]
    calls = [str(kit.course(0).call) for kit in kits]
    assert calls == ["pick(red_cube)", "close(drawer)"]
    assert kits[0].course(0) is kits[0].course(0)
    assert CONTRACTS["pick"] == kits[0].contract
