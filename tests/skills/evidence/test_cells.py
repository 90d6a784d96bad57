"""Where a skill fails: cells part the trials, a bad one is found, and noise is not called one."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import ENTITY_WIDTH
from kata.skills.contract.call import Call
from kata.skills.evidence.cells import LEAST, LEVEL, cells_of, p_values
from kata.skills.evidence.start_cells import Factor, factors
from kata.skills.evidence.start_facts import start_conditions
from kata.skills.evidence.trials import Trial, run_trials, trial_of
from kata.skills.handover.features import Start
from kata.skills.testing import CONTRACTS, FakeWorld, fake_skill


def trial(rng, success=True, **more):
    row = np.zeros(ENTITY_WIDTH)
    row[:3] = rng.uniform([0.3, -0.2, 0.0], [0.6, 0.2, 0.1])
    turn = rng.uniform(-1.5, 1.5)
    row[3], row[6], row[14] = np.cos(turn / 2), np.sin(turn / 2), 4
    tool = np.array([*rng.uniform(0.2, 0.5, 3), 0.0, 1.0, 0.0, 0.0])
    thing = rng.choice(["red_cube", "blue_cube"])
    conditions = {"near(object, another)": bool(rng.random() < 0.3), "open(drawer)": True}
    start = Start(rng.normal(size=4), tool, row[None])
    return Trial(0, f"pick({thing})", success, "", 1.0, start, conditions=conditions, **more)


@given(seed=st.integers(0, 2**31), count=st.integers(1, 40))
@settings(max_examples=15, deadline=None)
def test_cells_of_each_factor_part_the_trials(seed, count):
    rng = np.random.default_rng(seed)
    trials = [trial(rng, rng.random() < 0.5) for _ in range(count)]
    found = factors(trials, ["object"])
    cells = cells_of(found, [t.success for t in trials])
    for factor in found:
        mine = [cell for cell in cells if cell.factor == factor.name]
        assert len(mine) > 1
        assert sum(cell.interval.trials for cell in mine) == count
        assert sum(cell.interval.successes for cell in mine) == sum(t.success for t in trials)
        assert all(cell.interval.trials for cell in mine)
    partitions = [factor.partition for factor in found]
    assert len(set(partitions)) == len(partitions)


def test_starts_are_told_apart_by_argument_facts_and_place():
    rng = np.random.default_rng(0)
    names = [factor.name for factor in factors([trial(rng) for _ in range(60)], ["object"])]
    assert names[:2] == ["object", "near(object, another)"]
    assert {"tool height", "object reach", "object distance", "object turn"} <= set(names)
    assert any(name.startswith("object place (near: under 0.4") for name in names)
    assert "open(drawer)" not in names, "what always holds parts nothing"


def test_the_kind_of_start_is_a_factor_where_it_is_known():
    rng = np.random.default_rng(0)
    kinds = ["nominal", "perturbed"] * 10
    found = factors([trial(rng, start_kind=kind) for kind in kinds], ["object"])
    assert found[0] == Factor("start", tuple(kinds))


def test_conditions_that_are_not_known_of_all_trials_are_left_out():
    rng = np.random.default_rng(0)
    one, two = trial(rng), trial(rng)
    two.conditions.clear()
    assert all("near" not in factor.name for factor in factors([one, two], ["object"]))


def test_a_bad_cell_is_found_and_stands_first():
    cells = ("red",) * 50 + ("blue",) * 150
    outcomes = [i % 2 == 0 for i in range(50)] + [i % 15 != 0 for i in range(150)]
    noise = tuple(str(i % 7 % 3) for i in range(200))
    found = cells_of([Factor("noise", noise), Factor("object", cells)], outcomes)
    assert (found[0].factor, found[0].value, found[0].worse) == ("object", "red", True)
    assert found[0].interval.rate == 0.5
    assert [cell.worse for cell in found] == [True, False, False, False, False]
    assert found[0].to_data()["worse"] is True


def test_few_trials_are_shown_and_not_judged():
    outcomes = [False] * (LEAST - 1) + [True] * 100
    cells = tuple("a" if not done else "b" for done in outcomes)
    found = cells_of([Factor("x", cells)], outcomes)
    assert [(cell.tested, cell.worse, cell.p_value) for cell in found] == [(False, False, 1.0)] * 2
    assert found[0].value == "a", "the worse rate still stands first"
    assert cells_of([], []) == []


@pytest.mark.parametrize("rate", [0.5, 0.9])
def test_where_a_skill_is_equally_good_hardly_a_cell_is_called_worse(rate, monkeypatch):
    # statsmodels collects garbage at every call, which is all that takes time here.
    monkeypatch.setattr("gc.collect", lambda: 0)
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(200):
        ways = [
            Factor(f"f{i}", tuple(rng.choice(list("abc")[: 2 + i % 2], 120))) for i in range(10)
        ]
        alarms += min(p_values(ways, list(rng.random(120) < rate)).values()) < LEVEL
    # At most 5 % in truth; twice the standard error on top.
    assert alarms / 200 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)


def test_what_held_is_told_in_the_roles_of_the_call():
    world = FakeWorld()
    call = Call.of(CONTRACTS["pick"], {"object": "red_cube"})
    held = start_conditions(call, world.facts())
    assert held["clear(object)"] is held["gripper_empty()"] is held["closed(drawer)"] is True
    assert held["holding(object)"] is held["in(object, drawer)"] is False
    other = start_conditions(Call.of(CONTRACTS["open"], {"container": "drawer"}), world.facts())
    assert set(other) == {
        *("gripper_empty()", "open(container)", "closed(container)", "in(another, container)"),
    }


def test_what_is_unknown_is_left_out():
    facts = FakeWorld().facts()
    facts.truth[:] = -1
    assert start_conditions(Call.of(CONTRACTS["pick"], {"object": "red_cube"}), facts) == {}


def test_trials_come_back_from_their_data():
    (made,) = run_trials(FakeWorld, partial(fake_skill, "pick"), [3])
    start = made.start
    places = {"position": start.position, "tool": start.tool, "focus": start.focus}
    data = {**made.to_data(), "start": {name: value.tolist() for name, value in places.items()}}
    assert trial_of(data).to_data() == made.to_data()
    assert np.array_equal(trial_of(data).start.focus, start.focus)
