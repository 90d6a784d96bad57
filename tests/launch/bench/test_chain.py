"""What made-up episodes of pairs and chains come to."""

import pytest

from kata.datasets.types import ConfigError
from kata.launch.bench.chain import CHAINS, FIVE
from kata.launch.bench.chain_page import heat_map
from kata.launch.bench.chain_scores import (
    arm_block,
    chain_rows,
    jerk_rows,
    pair_rows,
    paired_block,
    time_row,
)
from kata.launch.bench.chain_tasks import Course, Pair, _goal, possible_pairs
from kata.launch.bench.trained import ONE_ARM


def episode(success, jerk=1000.0, share=0.2, replans=0):
    reason = "" if success else "nothing has moved"
    return {
        "success": success, "replans": replans, "reason": reason, "peak_jerk": jerk,
        "jerk_share": share, "duration_s": 5.0, "calls": [], "moves": 0, "continued": 0,
    }  # fmt: skip


def ways(full, naive, **of):
    """Ways with so many successes of 100, the first ones in both."""
    return {
        "naive": [episode(i < naive, 10_000.0, 3.0) for i in range(100)],
        "full": [episode(i < full, **of) for i in range(100)],
    }


def row(rows, start):
    return next(each for each in rows if each.name.startswith(start))


def test_an_arm_counts_successes_first_plans_and_the_jerk_of_those_that_came_to_a_seam():
    block = arm_block([episode(True), episode(True, 3000.0, 0.9, 1), episode(False, 0.0, 0.0)])
    assert (block["trials"], block["successes"], block["first_plan"]) == (3, 2, 1)
    assert (block["peak_jerk"], block["jerk_share"]) == (2000.0, 0.9)
    assert block["reasons"] == {"nothing has moved": 1}
    assert block["interval"][0] < 2 / 3 < block["interval"][1]


def test_pairs_that_are_equal_or_better_reach_every_bound():
    found = {"a-b": ways(100, 50), "b-c": ways(99, 99)}
    rows = pair_rows({name: paired_block(each) for name, each in found.items()}, found)
    assert [each.ok for each in rows] == [None, True, True, True]


def test_a_pair_that_is_worse_is_found_though_the_others_are_better():
    found = {"a-b": ways(100, 50), "b-c": ways(80, 99)}
    rows = pair_rows({name: paired_block(each) for name, each in found.items()}, found)
    assert row(rows, "pairs significantly worse").ours.median == 1.0
    assert not row(rows, "pairs significantly worse").ok
    assert row(rows, "least difference").ours.median == pytest.approx(-19.0)
    assert row(rows, "pooled difference").ok


def test_chance_in_many_pairs_is_no_loss():
    """One pair of thirty at p = 0.03 is nothing to wonder at."""
    found = {f"p-{i}": ways(90, 90) for i in range(29)} | {"p-worse": ways(90, 96)}
    blocks = {name: paired_block(each) for name, each in found.items()}
    assert blocks["p-worse"]["p"] == pytest.approx(2 * 0.5**6)
    assert row(pair_rows(blocks, found), "pairs significantly worse").ok


def test_a_small_loss_everywhere_is_seen_in_the_pool():
    found = {f"p-{i}": ways(92, 95) for i in range(30)}
    rows = pair_rows({name: paired_block(each) for name, each in found.items()}, found)
    assert row(rows, "least difference").ok
    assert not row(rows, "pooled difference").ok


def test_ways_with_unequal_trials_are_refused():
    with pytest.raises(ConfigError, match="unequal"):
        paired_block({"naive": [episode(True)], "full": []})


def test_chains_are_judged_on_average_by_their_length():
    def chain(calls, full):
        return {"calls": calls, **{mode: arm_block(es) for mode, es in ways(full, 10).items()}}

    rows = chain_rows({"a": chain(3, 90), "b": chain(3, 95), "c": chain(4, 10), "d": chain(5, 90)})
    assert [(each.name, each.ok) for each in rows] == [
        ("success, 2 chains of 3 skills", False),
        ("success, 1 chains of 4 skills", None),
        ("success, 1 chains of 5 skills", True),
    ]


@pytest.mark.parametrize(
    ("jerk", "share", "good"),
    [(1400.0, 0.9, [True, True]), (1600.0, 0.9, [False, True]), (1400.0, 1.1, [True, False])],
)
def test_jerk_is_held_against_naive_and_against_the_robots_limits(jerk, share, good):
    found = {"pairs": {"a-b": ways(90, 90, jerk=jerk, share=share)}, "chains": {}}
    assert [each.ok for each in jerk_rows(found)] == good


def test_it_has_to_be_over_in_fifty_minutes():
    assert time_row(2900.0, 2).ok
    assert not time_row(3100.0, 2).ok


def test_the_heat_map_shows_what_there_is():
    found = {"open-pick": paired_block(ways(97, 40))}
    drawn = heat_map(found, ("open", "pick"))
    assert drawn.count("<rect") == 1 + 4
    assert ">97<" in drawn
    assert ">(40)<" in drawn
    assert "+57 points" in drawn


@pytest.fixture(scope="module")
def course():
    import functools

    from kata.launch import build
    from kata.launch.agents import Agent
    from kata.sim.scene.config import TableWorldConfig
    from kata.sim.tasks import make_trial

    agents = {name: Agent(build.contract(name)) for name in ONE_ARM}
    make = functools.partial(make_trial, "pick", "nominal", TableWorldConfig.load())
    return Course(make, agents, 3)


def test_what_may_follow_is_read_off_the_contracts(course):
    pairs = {str(pair) for pair in possible_pairs({"pick": course})}
    assert pairs == {"pick-place", "pick-place_in", "pick-stack"}


def test_the_goal_of_a_pair_is_what_both_have_changed_in_the_end(course):
    from kata.skills.contract.call import Call

    world = course.make_world()
    world.reset(1)
    contracts = {name: agent.contract for name, agent in course.agents.items()}
    pick = Call(contracts["pick"], ("red_cube",))
    put = Call(contracts["place_in"], ("red_cube", "bin"))
    goal = str(_goal(world.facts(), pick, put))
    assert "in(red_cube, bin)" in goal
    assert "not holding(red_cube)" in goal
    assert "not on(red_cube, table)" in goal


def test_the_pairs_of_all_four_ways_are_ones_that_exist_and_chains_are_of_three_to_five():
    assert all({Pair(*name.split("-")).first, name.split("-")[1]} <= set(ONE_ARM) for name in FIVE)
    assert len(CHAINS) == 12
    assert set(CHAINS.values()) == {3, 4, 5}
