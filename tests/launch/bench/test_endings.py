"""The listeners of `kata bench endings`: what they hear, and how they are scored."""

from dataclasses import replace

import pytest

from kata.launch import build
from kata.launch.agents import Agent
from kata.launch.bench.endings import scored
from kata.launch.bench.endings_rollouts import FACTS, LINGER_S, listened
from kata.sim.tasks import make_trial
from kata.skills.execution.answers import PolicyAnswers, driven
from kata.skills.handover.boundary import FactBoundary
from kata.skills.handover.verdict import Verdict


def told(true_s=1.0, said_s=1.2, right=True, stall_s=None):
    """A rollout in which all three listeners said the same."""
    return {
        "true_s": true_s,
        "settle_s": 0.2,
        "stall_s": stall_s,
        "said_s": dict.fromkeys(FACTS, said_s),
        "right": {} if said_s is None else dict.fromkeys(FACTS, right),
    }


def test_false_and_missed_ends_are_counted_of_what_they_can_be_of():
    good = [told() for _ in range(6)]
    late, missed = told(said_s=1.5), told(said_s=None)
    false = told(true_s=None, right=False)
    quiet = told(true_s=None, said_s=None, stall_s=3.0)
    result = scored({"pick": [*good, late, missed, false, quiet], "push": [told()] * 4})
    block = result.data["skills"]["pick"]
    assert (block["rollouts"], block["came_true"]) == (10, 8)
    assert block["unseen"] == {"false": 10.0, "missed": 12.5, "median_s": pytest.approx(0.0)}
    assert block["stopped"] == 0.0
    rows = {row.name: row for row in result.rows}
    assert rows["false done, facts late, worst skill (pick)"].ok is False
    assert rows["failing rollouts ended for want of progress"].ours.median == 50.0


def test_a_good_rollout_that_would_have_been_stopped_counts():
    result = scored({"pick": [told(stall_s=0.5), told()]})
    assert result.data["skills"]["pick"]["stopped"] == 50.0


class _Hasty(FactBoundary):
    """Says done at once, whatever facts are there."""

    def is_done(self, call, observation, facts):
        return Verdict(True, 1.0, "hasty", stays=True)


@pytest.fixture(scope="module")
def world():
    return make_trial("press")


def heard(world, boundary):
    skill = replace(Agent(build.contract("press")).load(world), boundary=boundary)
    return driven(listened(world, skill, 3), PolicyAnswers({"press": skill}, 3))


def test_who_has_the_facts_says_it_when_it_is_true_and_who_has_not_never(world):
    block = heard(world, FactBoundary())
    assert block["said_s"]["known"] == pytest.approx(block["true_s"] + block["settle_s"])
    assert 0.2 <= block["said_s"]["late"] - block["said_s"]["known"] <= 0.5 + 1e-9
    assert block["said_s"]["unseen"] is None
    assert block["right"] == {"known": True, "late": True}
    assert LINGER_S > 0.5


def test_what_is_said_too_early_is_wrong_and_leaves_the_rollout_as_it_was(world):
    block = heard(world, _Hasty())
    assert block["right"] == dict.fromkeys(FACTS, False)
    assert block["true_s"] is None
    assert world.observe().time_s < 1.6  # half a second less than with the tail
