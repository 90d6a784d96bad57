"""Injected faults: as often as asked, the same on equal seeds, and really failures."""

import numpy as np
import pytest

from kata.datasets.types import ChunkRequest
from kata.skills.execution.options import ExecutorOptions
from kata.skills.execution.runner import run
from kata.skills.testing import FakeWorld
from kata.skills.testing.fake_skills import FakePlanner, drawer_plan, good_skills
from kata.skills.testing.injected import FAULTS, InjectedFaults, unreliable


def spoilt(rate):
    return {
        name: unreliable(skill, rate, salt)
        for salt, (name, skill) in enumerate(good_skills().items())
    }


def test_the_share_of_calls_that_fail_is_the_rate_and_every_fault_occurs():
    policy = InjectedFaults(good_skills()["pick"].policy, 0.2)
    drawn = []
    for seed in range(2000):
        policy.reset(seed)
        drawn.append(policy.fault)
    failing = [fault for fault in drawn if fault is not None]
    assert len(failing) / len(drawn) == pytest.approx(0.2, abs=0.03)
    for fault in FAULTS:
        assert failing.count(fault) / len(failing) == pytest.approx(1 / 3, abs=0.08)


@pytest.mark.parametrize("seed", range(6))
def test_equal_seeds_give_equal_chunks(seed):
    seen = FakeWorld().observe().with_focus(("red_cube",))
    chunks = []
    for _ in range(2):
        policy = InjectedFaults(good_skills()["pick"].policy, 1.0)
        policy.reset(seed)
        chunks.append([policy.chunk(seen, ChunkRequest(t)).values for t in (0.0, 1.0, 2.0)])
    assert np.array_equal(*chunks)


def outcomes(rate, replans, seeds=12):
    out = []
    for seed in range(seeds):
        world = FakeWorld()
        world.reset(seed)
        options = ExecutorOptions(replans=replans)
        out.append(
            run(world, drawer_plan(), spoilt(rate), FakePlanner(), "full", seed, options=options)
        )
    return out


def test_without_faults_all_is_well():
    assert all(log.success for log in outcomes(0.0, 0, 4))


def test_spoilt_calls_fail_and_a_new_plan_helps():
    once, again = outcomes(0.3, 0), outcomes(0.3, 6)
    assert sum(log.success for log in once) < 9
    assert sum(log.success for log in again) > sum(log.success for log in once) + 2
    assert max(log.replans for log in again) > 0
