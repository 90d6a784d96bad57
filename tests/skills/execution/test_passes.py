"""Runs side by side are the runs that each would be alone, to the bit."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from kata.datasets.types import ActionChunk, ChunkRequest, ExecutionError, Observation, SpecError
from kata.skills.evidence.trials import build_vector, run_trials, run_vector, trial_steps
from kata.skills.execution.answers import PolicyAnswers, driven
from kata.skills.execution.messages import LoadedSkill
from kata.skills.execution.passes import PASS_ROWS, side_by_side
from kata.skills.testing import FakeWorld, fake_skill, good_skills
from kata.skills.testing.fake_skills import WaypointPolicy

SEEDS = list(range(40, 63))


class Shared(WaypointPolicy):
    """A policy for many worlds: goes towards the cube and closes there, keeping nothing of them.

    It wobbles by its noise, fails where `sick` says so, and remembers how it was asked.
    """

    def __init__(self, sick: float = 9.0) -> None:
        super().__init__(lambda observation: [observation.position])
        self.sick, self.passes, self.asked = sick, [], []

    def chunk(self, observation: Observation, request: ChunkRequest) -> ActionChunk:
        raise AssertionError("a policy that answers all is not asked alone")

    def chunks_of(self, draws, observations, requests, pass_rows=1):
        self.passes.append((len(draws), pass_rows))
        self.asked += draws
        if any(seen.entities["red_cube"].pose.position[0] > self.sick for seen in observations):
            raise SpecError("cannot look so far")
        return [self._one(*each) for each in zip(draws, observations, requests, strict=True)]

    def _one(self, draw, observation, request):
        cube = observation.entities["red_cube"].pose.position
        near = np.linalg.norm(observation.position[:3] - cube) < 0.02
        held = observation.position[3] < 0.04
        goal = cube + np.array([0.0, 0.0, 0.2 if held else 0.0])
        wobble = np.random.default_rng(draw).normal(size=3) * 1e-3
        target = np.append(goal + wobble, 0.0 if near or held else 0.08)
        steps = np.clip(target - observation.position, -0.03, 0.03)
        rows = observation.position + np.arange(1, 9)[:, None] / 4 * steps
        return ActionChunk(request.start_s, self.chunk_spec.step_s, "joint", rows)


def shared_skill(_world, sick: float = 9.0) -> LoadedSkill:
    own = good_skills()["pick"]
    return LoadedSkill(own.contract, Shared(sick), own.boundary)


def datas(trials):
    return [trial.to_data() for trial in trials]


@pytest.mark.parametrize("make", [partial(fake_skill, "pick"), shared_skill], ids=["own", "shared"])
@pytest.mark.parametrize("vector", [2, 5, PASS_ROWS])
def test_how_many_run_side_by_side_changes_nothing(make, vector):
    alone = run_trials(FakeWorld, make, SEEDS[:12], 1)
    together = run_trials(FakeWorld, make, SEEDS[:12], vector)
    assert datas(alone) == datas(together)
    assert any(trial.success for trial in alone)
    for one, two in zip(alone, together, strict=True):
        ends = [t.failure.digest for t in (one, two) if t.failure]
        assert len(set(ends)) <= 1


def test_side_by_side_is_the_run_of_one_policy_asked_alone():
    world, skill = FakeWorld(), fake_skill("pick", FakeWorld())
    steps = trial_steps(world, skill, 7)
    alone = driven(steps, PolicyAnswers({"pick": skill}, 7))
    assert datas([alone]) == datas(run_trials(FakeWorld, partial(fake_skill, "pick"), [7], 4))


def test_every_pass_has_the_same_number_of_rows_and_lanes_are_filled_again():
    jobs = build_vector(FakeWorld, shared_skill, PASS_ROWS + 4)
    run_vector(jobs, range(PASS_ROWS + 9))
    passes = jobs[0].skill.policy.passes
    assert {size for _, size in passes} == {PASS_ROWS}
    assert passes[:2] == [(PASS_ROWS, PASS_ROWS), (4, PASS_ROWS)], "so many lanes need two passes"
    assert len({id(job.skill.policy) for job in jobs}) == 1, "it is loaded once"
    assert len({id(job.world) for job in jobs}) == PASS_ROWS + 4


def test_each_run_counts_its_own_draws():
    jobs = build_vector(FakeWorld, shared_skill, 3)
    run_vector(jobs, SEEDS[:5])
    by_call = {}
    for seed, call in jobs[0].skill.policy.asked:
        by_call.setdefault(seed, []).append(call)
    assert len(by_call) == 5
    assert all(calls == list(range(len(calls))) for calls in by_call.values())


def test_a_row_that_fails_takes_no_other_down():
    sound = run_trials(FakeWorld, shared_skill, SEEDS, 8)
    some = run_trials(FakeWorld, partial(shared_skill, sick=0.4), SEEDS, 8)
    sick = [trial.start.focus[0, 0] > 0.4 for trial in sound]
    assert 0 < sum(sick) < len(SEEDS)
    for ill, one, two in zip(sick, sound, some, strict=True):
        if ill:
            assert two.reason == "two chunks refused: cannot look so far"
            assert two.failure.kind == "refused"
        else:
            assert one.to_data() == two.to_data()


def test_a_policy_that_is_asked_alone_gets_one_world():
    assert len(build_vector(FakeWorld, partial(fake_skill, "pick"), 3)) == 1
    assert len(build_vector(FakeWorld, shared_skill, 3)) == 3


@dataclass
class _Never:
    contract = good_skills()["pick"].contract
    policy = boundary = None


def test_runs_that_ask_for_nothing_and_no_runs_at_all():
    def at_once(lane, seed):
        return seed
        yield

    assert side_by_side(at_once, [_Never()] * 2, [3, 1, 2]) == [3, 1, 2]
    assert side_by_side(at_once, [_Never()], []) == []
    with pytest.raises(ExecutionError, match="no lanes"):
        side_by_side(at_once, [], [1])
