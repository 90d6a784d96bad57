"""What a seam decides, from what the boundaries predict."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from kata.datasets.types import Command, Trajectory
from kata.skills.contract.call import Call
from kata.skills.handover.boundary import FactBoundary, Verdict, fit_boundary
from kata.skills.handover.decision import Decider, DecisionOptions
from kata.skills.handover.features import Start, StartSample
from kata.skills.handover.transition import Mover, TransitionOptions
from kata.skills.testing import CONTRACTS, FakeWorld

GOOD = np.array([0.3, 0.2, 0.6, 0.08])


@dataclass
class Heights(FactBoundary):
    """Success by the tool's height: what is given for below 0.4 m, up to 0.55 m, and above."""

    low: float
    middle: float
    high: float
    numbers: dict = field(default_factory=dict)
    goals: tuple = (GOOD,)
    asked: int = 0
    proposed: int = 0

    def may_start(self, call, observation):
        self.asked += 1
        height = observation.tool().position[2]
        chance = self.low if height < 0.4 else self.middle if height < 0.55 else self.high
        return Verdict(chance >= 0.5, chance, "height", self.numbers)

    def starts(self, call, observation, count):
        self.proposed += 1
        return [Command.hold(goal) for goal in self.goals]


def decide(boundary, *, rising=False, wall=None, **asked):
    world = FakeWorld()
    seen = world.observe().with_focus(("red_cube",))
    now = seen.position
    up = now + np.array([0.0, 0.0, 0.5 - now[2], 0.0])
    running = Trajectory(np.array([0.0, 0.6]), np.array([now, up]), np.zeros((2, 4)))
    if not rising:
        running = Trajectory.hold(0.0, now)
    decider = Decider(Mover(world.robot, world.kinematics, clearance=wall), DecisionOptions())
    call = Call(CONTRACTS["pick"], ("red_cube",))
    return decider.decide(boundary, call, seen, running, 0.0, **asked)


def test_a_good_start_is_taken_and_nothing_else_is_looked_at():
    boundary = Heights(0.97, 0.99, 1.0)
    found = decide(boundary, rising=True, may_continue=True)
    assert (found.way, found.chain) == ("now", 0.97)
    assert boundary.asked == 1


def test_a_bad_start_is_left_for_a_better_one():
    found = decide(Heights(0.2, 0.4, 0.9))
    assert found.way == "move"
    assert found.move is not None
    assert (found.here, found.there, found.chain) == (0.2, 0.9, 0.9)
    assert found.reason == ("predicted success 0.20 here, 0.90 at the chosen start; goes straight")


def test_a_motion_that_leads_to_a_good_start_goes_on():
    found = decide(Heights(0.2, 0.9, 0.95), rising=True, may_continue=True)
    assert (found.way, found.later) == ("continue", 0.9)
    assert "0.90 where this motion ends" in found.reason


def test_it_goes_on_too_where_no_better_start_is_known():
    found = decide(Heights(0.2, 0.4, 0.95, goals=()), rising=True, may_continue=True)
    assert (found.way, found.later) == ("continue", 0.4)


def test_it_goes_on_only_where_it_may():
    assert decide(Heights(0.2, 0.9, 0.95), rising=True).way == "move"


def test_a_much_better_start_is_worth_more_than_going_on():
    assert decide(Heights(0.2, 0.4, 0.95), rising=True, may_continue=True).way == "move"


def test_no_move_is_worked_out_before_the_skill_has_come_to_its_end():
    boundary = Heights(0.2, 0.2, 0.95)
    assert decide(boundary, rising=True, may_continue=True).way == "now"
    assert boundary.asked == 2  # here, and where the motion ends


def test_without_a_better_start_it_begins_all_the_same_and_says_so():
    found = decide(Heights(0.3, 0.3, 0.35))
    assert found.way == "now"
    told = "height; starts here (no start is better by enough; the best promises 0.35)"
    assert found.reason == told
    assert decide(Heights(0.3, 0.3, 0.35, goals=())).reason == (
        "height; starts here (no better start is known)"
    )


@pytest.mark.parametrize(("skill", "way"), [(0.6, "replan"), (0.1, "now")])
def test_a_hopeless_start_asks_for_another_plan_if_the_model_is_any_good(skill, way):
    boundary = Heights(0.02, 0.02, 0.03, {"brier_skill": skill})
    assert decide(boundary, may_replan=True).way == way


def test_a_learned_boundary_can_ask_for_another_plan():
    """All starts fail but those far up, which are nowhere near to be had: the model knows it."""
    rng, world = np.random.default_rng(0), FakeWorld()
    seen = world.observe().with_focus(("red_cube",))
    samples = []
    for _ in range(240):
        position = np.append(rng.uniform((-0.5, -0.5, 0.0), (0.7, 0.7, 0.9)), 0.08)
        tool = np.concatenate([position[:3], Start.of(seen).tool[3:]])
        samples.append(StartSample(Start.of(seen).moved(position, tool), bool(position[2] > 0.6)))
    boundary = fit_boundary(samples, [3], seed=0, usual=[s for s in samples if not s.success])
    found = decide(boundary, may_replan=True)
    assert found.numbers["brier_skill"] > 0.8
    assert (found.way, found.here < 0.08) == ("replan", True)
    assert decide(boundary).way == "now"


def test_a_start_that_is_not_worth_a_move_keeps_another_plan_off():
    found = decide(Heights(0.02, 0.02, 0.15, {"brier_skill": 0.6}), may_replan=True)
    assert found.way == "now"
    assert found.reason.endswith("(no start is better by enough; the best promises 0.15)")
    low = decide(Heights(0.02, 0.02, 0.07, {"brier_skill": 0.6}), may_replan=True)
    assert low.way == "replan"


def test_a_start_that_cannot_be_reached_keeps_none_off():
    boundary = Heights(0.02, 0.02, 0.9, {"brier_skill": 0.6})
    assert decide(boundary, wall=lambda q, carried=(): 0.35 - q[2], may_replan=True).way == "replan"


def test_where_no_move_may_be_made_none_is_looked_for():
    boundary = Heights(0.2, 0.2, 0.9)
    found = decide(boundary, may_move=False)
    assert (found.way, found.move, boundary.proposed) == ("now", None, 0)
    assert found.reason.endswith("starts here (no more moves)")


def test_simple_ways_to_all_starts_come_before_a_search_for_one():
    """The first start lies behind a wall, the second one does not."""
    behind, free = np.array([0.3, 0.6, 0.6, 0.08]), np.array([0.3, 0.1, 0.6, 0.08])
    boundary = Heights(0.2, 0.2, 0.9, goals=(behind, free))

    def wall(position, carried=()):
        return abs(float(position[1]) - 0.3) - 0.03 if position[0] < 0.65 else 0.5

    assert decide(Heights(0.2, 0.2, 0.9, goals=(behind,)), wall=wall).move.way == "around"
    found = decide(boundary, wall=wall)
    assert found.way == "move"
    assert found.move.way in ("straight", "over")
    assert np.allclose(found.move.trajectory.position[-1], free)


def test_one_budget_of_distances_is_shared_by_all_starts():
    asked = []

    def wall(position, carried=()):
        asked.append(1)
        return abs(float(position[1]) - 0.3) - 0.03

    goals = tuple(np.array([0.3 + 0.02 * k, 0.6, 0.6, 0.08]) for k in range(8))
    found = decide(Heights(0.2, 0.2, 0.9, goals=goals), wall=wall)
    assert found.way == "now"
    assert len(asked) <= TransitionOptions().budget + 60


def test_nothing_is_searched_for_while_the_skill_goes_on():
    """Whether to go on is asked each frame: only simple ways are compared with that."""
    asked = []

    def wall(position, carried=()):
        asked.append(1)
        return abs(float(position[1]) - 0.3) - 0.03

    boundary = Heights(0.2, 0.4, 0.95, goals=(np.array([0.3, 0.6, 0.6, 0.08]),))
    found = decide(boundary, rising=True, wall=wall, may_continue=True)
    assert found.way == "continue"
    assert len(asked) < 100


def test_no_plan_is_asked_for_where_none_may_come():
    boundary = Heights(0.02, 0.02, 0.03, {"brier_skill": 0.6})
    assert decide(boundary, may_replan=False).way == "now"


def test_the_chance_of_the_chain_counts_what_comes_after():
    found = decide(Heights(0.2, 0.4, 0.9), rest=0.5)
    assert found.chain == pytest.approx(0.45)
    assert found.numbers == pytest.approx({"here": 0.2, "there": 0.9, "chain": 0.45})


@pytest.mark.parametrize(
    ("skill", "way"), [(0.8, "move"), (0.45, "move"), (0.2, "move"), (0.1, "now"), (-0.1, "now")]
)
def test_a_weak_start_model_must_promise_more_for_a_move(skill, way):
    assert decide(Heights(0.4, 0.4, 0.9, {"brier_skill": skill})).way == way
