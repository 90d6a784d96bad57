"""Two arms in MuJoCo: plans over both hands, carried out at the same time where they may be."""

import functools
from pathlib import Path

import pytest
import yaml

from kata.datasets.types import Atom, Condition
from kata.sim.experts import make_expert
from kata.sim.scene.config import TableWorldConfig
from kata.sim.world import TableWorld
from kata.skills.contract.files import read_contracts
from kata.skills.execution.messages import LoadedSkill
from kata.skills.execution.runner import run
from kata.skills.handover.boundary import FactBoundary
from kata.skills.planning.ordering import unordered
from kata.skills.planning.plan import Plan
from kata.skills.planning.planner import SymbolicPlanner

ROOT = Path(__file__).resolve().parents[3]
CUBES = ("red_cube", "blue_cube", "green_cube", "yellow_cube")


@pytest.fixture(scope="module")
def world():
    data = yaml.safe_load((ROOT / "configs/world/two_arms.yaml").read_text())
    return TableWorld(TableWorldConfig.from_data(data, where="world"))


@pytest.fixture(scope="module")
def contracts():
    return read_contracts(ROOT / "configs" / "skill")


def skills_for(world, contracts):
    return {
        contract.name: LoadedSkill(
            contract, make_expert(contract.name, world.robot, world.kinematics), FactBoundary()
        )
        for contract in contracts
    }


def go(world, contracts, plan, seed):
    apart = functools.cache(lambda _lane: skills_for(world, contracts))
    skills = skills_for(world, contracts)
    return run(world, plan, skills, SymbolicPlanner(), "full", seed, skills_of=apart)


def only(world, hand, other):
    """A cube that one hand reaches and the other does not."""
    facts = world.facts()
    return next(
        cube
        for cube in CUBES
        if facts.value(Atom("reachable", (hand, cube)))
        and not facts.value(Atom("reachable", (other, cube)))
    )


def across(world, contracts, seed):
    """A cube that only the left arm reaches, into the bin that only the right one reaches."""
    world.reset(seed)
    cube = only(world, "left", "right")
    goal = Condition.parse(f"in({cube}, bin)")
    plan = SymbolicPlanner().plan(goal, world.facts(), contracts)
    assert [str(call) for call in plan.calls] == [
        f"pick({cube}, hand=left)",
        f"handover({cube}, left, right)",
        f"place_in({cube}, bin, hand=right)",
    ]
    return go(world, contracts, plan, seed)


def apart(world, contracts, seed):
    """A cube for each hand, once together and once one after the other: how long both take."""
    times = []
    for sequential in (False, True):
        world.reset(seed)
        left, right = only(world, "left", "right"), only(world, "right", "left")
        goal = Condition.parse(f"holding(left, {left}) and holding(right, {right})")
        plan = SymbolicPlanner().plan(goal, world.facts(), contracts)
        assert list(unordered(plan)) == [(0, 1)]
        if sequential:
            plan = Plan.sequence(plan.goal, plan.calls)
        log = go(world, contracts, plan, seed)
        assert log.success, log.reason
        times.append(log.duration_s)
    return times


def test_a_cube_crosses_from_hand_to_hand(world, contracts):
    log = across(world, contracts, 0)
    assert log.success, log.reason
    assert [span.lane for span in log.spans] == ["left", "left+right", "right"]


def test_two_arms_pick_in_the_time_of_one(world, contracts):
    together, one_by_one = apart(world, contracts, 0)
    assert together <= 0.65 * one_by_one


@pytest.mark.slow
def test_cubes_cross_on_many_seeds(world, contracts):
    assert sum(across(world, contracts, seed).success for seed in range(20)) >= 19


@pytest.mark.slow
def test_two_arms_pick_in_the_time_of_one_on_many_seeds(world, contracts):
    pairs = [apart(world, contracts, seed) for seed in range(1, 21)]
    assert max(together / alone for together, alone in pairs) <= 0.65


@pytest.mark.slow
def test_work_on_both_sides_is_done_at_the_same_time(world, contracts):
    good = 0
    for seed in range(20):
        world.reset(seed)
        left, right = only(world, "left", "right"), only(world, "right", "left")
        goal = Condition.parse(f"in({left}, drawer) and in({right}, bin) and closed(drawer)")
        plan = SymbolicPlanner().plan(goal, world.facts(), contracts)
        assert list(unordered(plan))
        good += go(world, contracts, plan, seed).success
    assert good >= 19
