"""PDDL: an independent validator finds sound what we find sound, and nothing else."""

import json
import random
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unified_planning.engines.plan_validator import SequentialPlanValidator
from unified_planning.io import PDDLReader
from unified_planning.shortcuts import SequentialSimulator

from kata.datasets.types import Condition, MissingDependencyError, PlanError
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.contract.testing_scene import CUBES, facts_for, table_of
from kata.skills.planning.check import check_plan
from kata.skills.planning.effects import after
from kata.skills.planning.pddl import (
    pddl_texts,
    plan_from,
    plan_lines,
    plan_of_lines,
    plan_to,
    to_problem,
)
from kata.skills.planning.pddl.names import coded, plain
from kata.skills.planning.plan import Plan
from kata.skills.planning.planner import SymbolicPlanner
from kata.skills.planning.problem import grounded_calls

GOALS = (
    "in({a}, drawer) and closed(drawer)",
    "in({a}, bin) and in({b}, drawer)",
    "on({a}, {b})",
    "on({a}, shelf) and gripper_empty({hand})",
    "holding({hand}, {a}) or pressed(button)",
    "near({a}, {b}) and not on({a}, {b})",
    "exists ?c: cube. in(?c, drawer)",
    "forall ?s: openable. open(?s)",
    "not on({a}, table) and clear({b})",
    "pressed(button) and not (open(drawer) and closed(drawer))",
)


def scene(rng):
    """Facts of a one-handed or a two-handed scene, some of them unknown."""
    hands = rng.choice([("hand",), ("left", "right")])
    places, free = {}, ["table", "shelf", "drawer", "bin", *hands]
    for cube in rng.sample(CUBES, len(CUBES)):
        places[cube] = rng.choice(free)
        if places[cube] in (*CUBES, *hands):
            free.remove(places[cube])
        if places[cube] not in hands:
            free.append(cube)
    table = table_of(hands=hands)
    hidden = [str(atom) for atom in rng.sample(table.atoms, rng.choice([0, 0, 3]))]
    true = ["open(drawer)"] if rng.random() < 0.4 else []
    true = [text for text in true if text not in hidden]
    return facts_for(places, true=true, unknown=hidden, table=table)


def goal_in(rng, facts):
    a, b = rng.sample(CUBES, 2)
    text = rng.choice(GOALS).format(a=a, b=b, hand=rng.choice(facts.table.hands))
    return Condition.parse(text)


def spoilt(rng, calls, every):
    """The calls with something left out, put in, exchanged or done by another."""
    out = list(calls)
    kind = rng.choice(["drop", "swap", "insert", "replace"])
    if kind == "insert" or not out:
        out.insert(rng.randint(0, len(out)), rng.choice(every))
    elif kind == "drop":
        out.pop(rng.randrange(len(out)))
    elif kind == "replace":
        out[rng.randrange(len(out))] = rng.choice(every)
    else:
        i, j = rng.randrange(len(out)), rng.randrange(len(out))
        out[i], out[j] = out[j], out[i]
    return out


def valid(problem, plan, contracts):
    result = SequentialPlanValidator().validate(problem, plan_to(plan, problem, contracts))
    return result.status.name == "VALID"


def judged(contracts, seeds):
    """Of random goals: how many plans we found, and how many unsound ones were judged alike."""
    found = unsound = 0
    for seed in seeds:
        rng = random.Random(seed)
        facts = scene(rng)
        goal = goal_in(rng, facts)
        problem = to_problem(goal, facts, contracts)
        plan = SymbolicPlanner(max_expanded=400).plan(goal, facts, contracts)
        calls = plan.calls if isinstance(plan, Plan) else ()
        if isinstance(plan, Plan):
            assert valid(problem, plan, contracts), (seed, list(map(str, calls)))
            found += 1
        every = [call for call, _ in grounded_calls(facts.table, contracts)]
        for _ in range(3):
            other = Plan.sequence(goal, spoilt(rng, calls, every))
            sound = check_plan(other, facts, contracts) == ()
            assert valid(problem, other, contracts) == sound, (seed, list(map(str, other.calls)))
            unsound += not sound
    return found, unsound


def test_the_validator_judges_as_the_check_does(contracts):
    found, unsound = judged(contracts, range(5))
    assert found >= 2
    assert unsound >= 5


@pytest.mark.slow
def test_the_validator_judges_hundreds_of_plans_as_the_check_does(contracts):
    found, unsound = judged(contracts, range(1000, 1450))
    assert found >= 200
    assert unsound >= 600


def test_what_calls_change_is_the_same_fact_by_fact(contracts):
    # The state after each step of a random walk, atom for atom, `clear` that follows included.
    for seed in range(5):
        rng = random.Random(seed)
        facts = scene(rng)
        problem = to_problem(Condition("true"), facts, contracts)
        every = [call for call, _ in grounded_calls(facts.table, contracts)]
        with SequentialSimulator(problem) as simulator:
            state = simulator.get_initial_state()
            for _ in range(6):
                able = [
                    call
                    for call in every
                    if Condition("and", (call.requires, call.holds)).evaluate(facts).value
                ]
                if not able:
                    break
                # Rare skills as often as those that can be called in many ways.
                skill = rng.choice(sorted({call.contract.name for call in able}))
                call = rng.choice([call for call in able if call.contract.name == skill])
                (step,) = plan_to(
                    Plan.sequence(Condition("true"), [call]), problem, contracts
                ).actions
                facts = after(call, facts)
                state = simulator.apply(state, step)
                assert state is not None, str(call)
                for atom in facts.table.atoms:
                    known = [problem.object(coded(name)) for name in atom.arguments]
                    value = state.get_value(problem.fluent(atom.predicate)(*known)).is_true()
                    assert value == (facts.value(atom) is True), (seed, str(call), str(atom))


def test_the_text_is_pddl_that_is_read_back(contracts):
    facts, goal = facts_for(), Condition.parse("in(red_cube, drawer) and closed(drawer)")
    plan = SymbolicPlanner().plan(goal, facts, contracts)
    domain, problem = pddl_texts(to_problem(goal, facts, contracts))
    read = PDDLReader().parse_problem_string(domain, problem)
    assert valid(read, plan, contracts)
    worse = Plan.sequence(goal, plan.calls[1:])
    assert not valid(read, worse, contracts)


def test_plans_come_back_from_both_forms(contracts):
    facts = facts_for(table=table_of(hands=("left", "right")))
    goal = Condition.parse("in(red_cube, bin) and in(blue_cube, drawer)")
    plan = SymbolicPlanner().plan(goal, facts, contracts)
    problem = to_problem(goal, facts, contracts)
    for back in (
        plan_from(plan_to(plan, problem, contracts), goal, facts, contracts),
        plan_of_lines(plan_lines(plan, contracts), facts, contracts),
        plan_of_lines("0.0: (DO_OPEN drawer LEFT) [5.0]", facts, contracts, goal),
    ):
        if len(back.calls) > 1:
            assert (back.goal, back.calls, back.after) == (plan.goal, plan.calls, plan.after)
        else:
            assert [str(call) for call in back.calls] == ["open(drawer, hand=left)"]


@given(name=st.text(min_size=1, max_size=20))
def test_names_come_back(name):
    there = coded(name)
    assert plain(there) == name
    assert there == there.lower()
    assert coded(there) != there or there == name


@settings(max_examples=40, deadline=None)
@given(
    text=st.lists(
        st.sampled_from(["(do_pick red_cube hand)", "(", "do_pick", "(do_fly x)", ";", "\n", "0: "])
    ).map(" ".join)
)
def test_spoilt_lines_are_a_plan_or_a_plan_error(contracts, text):
    try:
        plan = plan_of_lines(text, facts_for(), contracts, Condition("true"))
    except PlanError:
        return
    assert all(call.contract.name == "pick" for call in plan.calls)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(do_pick red_cube hand)", "a plan for what"),
        ("; goal: open(\n(do_pick red_cube hand)", "cannot parse"),
        ("; goal: true\n(do_fly red_cube)", "no skill has this action"),
        ("; goal: true\n(do_pick red_cube)", "wrong arguments"),
        ("; goal: true\n(do_pick o__zz hand)", "not a name"),
        ("; goal: true\ndo_pick red_cube", "not a step"),
    ],
)
def test_what_is_no_plan_is_refused_with_a_reason(text, reason, contracts):
    with pytest.raises(PlanError) as caught:
        plan_of_lines(text, facts_for(), contracts)
    assert reason in str(caught.value)


def test_strange_names_and_versions_go_through(contracts):
    types = {"Red-Cube": ("object", "cube", "support"), "open": ("object",), "table": ("support",)}
    table = table_of({"Red_Cube" if k == "Red-Cube" else k: frozenset(v) for k, v in types.items()})
    facts = facts_for(table=table)
    by_name = {contract.name: contract for contract in contracts}
    newer = Contract.from_data({**by_name["pick"].to_data(), "version": "2.0.0"})
    both = (*contracts, newer)
    goal = Condition.parse("holding(Red_Cube)")
    plan = Plan.sequence(goal, [Call(newer, ("Red_Cube",))])
    assert valid(to_problem(goal, facts, both), plan, both)
    assert plan_of_lines(plan_lines(plan, both), facts, both).calls == plan.calls
    assert json.dumps(plan_lines(plan, both)).isascii()


def test_a_goal_with_variables_is_refused(contracts):
    with pytest.raises(PlanError, match="a goal with variables"):
        to_problem(Condition.parse("open(?c)"), facts_for(), contracts)


def test_without_the_package_the_extra_is_named(contracts, monkeypatch):
    monkeypatch.setitem(sys.modules, "unified_planning.shortcuts", None)
    with pytest.raises(MissingDependencyError, match=r"kata-robotics\[pddl\]"):
        to_problem(Condition("true"), facts_for(), contracts)
