"""A lane's later calls: they begin with the other arm where it is now, and move their own alone."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from kata.datasets.types import Command, Condition
from kata.skills.contract.call import Call
from kata.skills.execution.lanes import LaneExecutor
from kata.skills.execution.messages import ChunkReply, LoadedSkill
from kata.skills.execution.runner import run
from kata.skills.handover.boundary import FactBoundary
from kata.skills.handover.verdict import Verdict
from kata.skills.planning.plan import Plan
from kata.skills.testing import TWO_HAND_CONTRACTS, TwoHandWorld, two_hand_skills
from kata.skills.testing.fake_two_hands import BIN

CONTRACT = replace(TWO_HAND_CONTRACTS["place_in"], requires=Condition.parse("true"))
CALLS = (
    "pick(red_cube, hand=left)",
    "pick(blue_cube, hand=right)",
    "place_in(red_cube, bin, hand=left)",
)
GOAL = Condition.parse("in(red_cube, bin) and holding(right, blue_cube)")
OTHERS = [4, 5, 6, 7]


class Above(FactBoundary):
    """Starts well above the bin only."""

    def may_start(self, call, observation):
        over = np.abs(observation.tool(observation.hands[0]).position[:2] - BIN[:2]).max() < 0.05
        return Verdict(over, 0.9 if over else 0.1, "over the bin" if over else "aside")

    def starts(self, call, observation, count):
        position = observation.position.copy()
        position[:3] = BIN + np.array([0.0, 0.0, 0.3])
        return (Command.hold(position),)


def skills_of(lane):
    made = two_hand_skills()
    return {**made, "place_in": LoadedSkill(CONTRACT, made["place_in"].policy, Above())}


def far_world():
    """The right hand's cube lies far away; nothing is in anybody's way."""
    world = TwoHandWorld(places={"red_cube": (0.3, 0.45), "blue_cube": (-0.9, -0.9)})
    world.clearance_m = lambda *_: 0.5
    return world


def plan_of(beside):
    contracts = (TWO_HAND_CONTRACTS["pick"], CONTRACT)
    calls = tuple(Call.parse(text, contracts) for text in CALLS)
    return Plan(GOAL, calls, ((), (), (0,) if beside else (0, 1)), 0.0)


@pytest.mark.parametrize("beside", [False, True])
def test_a_later_call_finds_its_start_though_the_other_arm_has_moved(beside):
    """The other arm went far away, or is on its way there, after the lane's first call began."""
    own = functools.cache(skills_of)
    log = run(far_world(), plan_of(beside), own(""), None, "full", 0, skills_of=own)
    assert log.success, log.reason
    kinds = [event.kind for event in log.events if event.call == CALLS[2]]
    assert [kind for kind in kinds if kind in ("move", "arrived", "aborted")] == ["move", "arrived"]
    assert np.abs(log.commands[-1, 4:7] - log.commands[0, 4:7]).max() > 0.25


@pytest.mark.parametrize("beside", [False, True])
def test_each_call_begins_with_the_other_arm_where_it_is_commanded_to(beside):
    own, world = functools.cache(skills_of), far_world()
    executor = LaneExecutor(
        world.robot, world.kinematics, 0.01, own(""), None, world.clearance_m, own
    )
    executor.start(plan_of(beside), 0.0)
    for k in range(600):
        before = world.observe().position
        tick = executor.tick(world.observe(), world.facts(), 0.01 * k)
        if any(event.kind == "move" for event in tick.events):
            break
        for request in tick.requests:
            policy = own(request.lane)[request.call.contract.name].policy
            chunk = policy.chunk(request.observation, request.request)
            executor.deliver(ChunkReply(request.id, chunk))
        world.apply(tick.command)
    way = executor._lanes["left"].moving.position
    assert np.abs(before - world.robot.home)[OTHERS].max() > 0.25
    # It stands there all the way: what it does itself is its own lane's business.
    assert np.ptp(way[:, OTHERS], axis=0).max() == 0.0
    assert np.array_equal(way[0, OTHERS], before[OTHERS])
    assert np.ptp(way[:, :3], axis=0).max() > 0.25
