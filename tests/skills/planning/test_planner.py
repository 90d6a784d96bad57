"""The planner: known problems, refusals, experience, and that no plan breaks a precondition."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import Condition, PlanError
from kata.skills.contract.call import Call
from kata.skills.contract.testing_scene import CUBES, TYPES, facts_for, table_of
from kata.skills.planning.check import check_plan
from kata.skills.planning.plan import Failure, Plan, Refusal
from kata.skills.planning.planner import SymbolicPlanner
from kata.skills.planning.stages import plan_stages

IN_DRAWER = "(forall ?c: cube. in(?c, drawer)) and closed(drawer)"
TOWER = "on(red_cube, blue_cube) and on(blue_cube, green_cube) and on(green_cube, yellow_cube)"
UPSIDE_DOWN = {"yellow_cube": "green_cube", "green_cube": "blue_cube", "blue_cube": "red_cube"}


def solve(goal, facts, contracts, **options):
    condition = Condition.parse(goal)
    answer = SymbolicPlanner(**options).plan(condition, facts, contracts)
    if isinstance(answer, Plan):
        assert check_plan(answer, facts, contracts) == ()
    return answer


@pytest.mark.parametrize(
    ("goal", "places", "calls"),
    [
        ("in(red_cube, drawer) and closed(drawer)", {}, 4),
        (IN_DRAWER, {}, 10),
        (TOWER, {}, 6),
        (TOWER, UPSIDE_DOWN, 8),
        ("on(red_cube, blue_cube) and on(blue_cube, green_cube)", {"green_cube": "red_cube"}, 6),
        ("on(blue_cube, red_cube)", {"red_cube": "blue_cube"}, 4),
        (
            "in(red_cube, bin) and in(blue_cube, drawer)",
            {"red_cube": "drawer", "blue_cube": "bin"},
            5,
        ),
        (
            "gripper_empty() and forall ?o: object. not in(?o, drawer)",
            dict.fromkeys(CUBES, "drawer"),
            9,
        ),
        ("exists ?c: cube. in(?c, drawer)", {}, 3),
        ("holding(red_cube) or pressed(button)", {}, 1),
        ("not on(red_cube, table)", {}, 1),
        ("true", {}, 0),
    ],
)
def test_shortest_plans(goal, places, calls, contracts):
    begin = time.process_time()
    plan = solve(goal, facts_for(places), contracts)
    assert time.process_time() - begin < 1.0
    assert isinstance(plan, Plan)
    assert len(plan.calls) == calls


def test_the_drawer_is_opened_first_and_closed_last(contracts):
    plan = solve(IN_DRAWER, facts_for(), contracts)
    assert isinstance(plan, Plan)
    assert (str(plan.calls[0]), str(plan.calls[-1])) == ("open(drawer)", "close(drawer)")
    assert plan.after == ((), *((i,) for i in range(9)))


def test_plans_are_deterministic(contracts):
    plans = {
        tuple(map(str, solve(IN_DRAWER, facts_for(), list(order)).calls))
        for order in (contracts, contracts[::-1])
    }
    assert len(plans) == 1


@pytest.mark.parametrize(
    ("goal", "false", "status", "unmet", "message"),
    [
        (
            "upright(red_cube)",
            ["upright(red_cube)"],
            "missing_skill",
            ("upright(red_cube)",),
            (
                "upright(red_cube): no known skill makes it true; "
                "the nearest skills: pick, place, place_in, push, stack"
            ),
        ),
        (
            "closed(bin)",
            [],
            "missing_skill",
            ("closed(bin)",),
            "closed(bin): no known skill makes it true; the nearest skills: close, open",
        ),
        (
            "holding(red_cube) and pressed(button)",
            ["reachable(red_cube)"],
            "missing_skill",
            ("holding(red_cube)",),
            (
                "pick(red_cube) would reach holding(red_cube), "
                "but nothing makes reachable(red_cube) possible"
            ),
        ),
        (
            "holding(red_cube) and holding(blue_cube)",
            [],
            "invalid_goal",
            ("holding(red_cube)", "holding(blue_cube)"),
            "holding(red_cube) and holding(blue_cube) cannot hold at one time",
        ),
        (
            "on(red_cube, blue_cube) and on(blue_cube, red_cube)",
            [],
            "invalid_goal",
            ("on(red_cube, blue_cube)", "on(blue_cube, red_cube)"),
            "on(red_cube, blue_cube) and on(blue_cube, red_cube) cannot hold at one time",
        ),
        (
            "open(drawer) and not open(drawer)",
            [],
            "invalid_goal",
            ("open(drawer)", "not open(drawer)"),
            "open(drawer) and not open(drawer) cannot hold at one time",
        ),
    ],
)
def test_refusals(goal, false, status, unmet, message, contracts):
    refusal = solve(goal, facts_for(false=false), contracts)
    assert refusal == Refusal(status, message, unmet)


def test_too_hard_is_said_with_what_is_left(contracts):
    refusal = solve(IN_DRAWER, facts_for(), contracts, max_expanded=3)
    assert isinstance(refusal, Refusal)
    assert refusal.status == "too_hard"
    assert "in(red_cube, drawer)" in refusal.unmet


def test_unknown_facts_count_as_not_true(contracts):
    refusal = solve("holding(red_cube)", facts_for(unknown=["clear(red_cube)"]), contracts)
    assert isinstance(refusal, Refusal)
    assert "clear(red_cube)" in refusal.message


def test_too_many_calls_are_refused(contracts):
    types = {f"cube_{i}": TYPES["red_cube"] for i in range(150)} | {"table": TYPES["table"]}
    with pytest.raises(PlanError, match="too many ways"):
        solve("holding(cube_1)", facts_for(table=table_of(types)), contracts)


def test_success_changes_the_way(contracts):
    goal = "not on(red_cube, table) and gripper_empty()"
    sure = solve(goal, facts_for(), contracts)
    assert [call.contract.name for call in sure.calls] == ["pick", "place"]
    unsure = solve(goal, facts_for(), contracts, success={"place": 0.2, "stack": 0.5})
    assert [call.contract.name for call in unsure.calls] == ["pick", "place_in"]
    assert solve(goal, facts_for(), contracts, success={"pick": 0.5}).cost == 15.0


def test_failures_make_a_call_dearer_and_then_leave_it_out(contracts):
    by_name = {contract.name: contract for contract in contracts}
    goal, facts = Condition.parse("in(red_cube, bin)"), facts_for()
    failed = Failure(Call(by_name["pick"], ("red_cube",)), "slipped", facts)
    planner = SymbolicPlanner()
    assert planner.plan(goal, facts, contracts).cost == 10.0
    once = planner.plan(goal, facts, contracts, [failed])
    assert once.cost == 15.0  # there is no other way: it is tried once more
    twice = planner.plan(goal, facts, contracts, [failed, failed])
    assert isinstance(twice, Refusal)
    assert "(not tried again: pick@" in twice.message
    elsewhere = planner.plan(goal, facts_for({"red_cube": "shelf"}), contracts, [failed, failed])
    assert elsewhere.cost == 10.0  # other facts: the failures say nothing about them


def test_a_failed_place_is_replaced_by_another_way(contracts):
    by_name = {contract.name: contract for contract in contracts}
    facts = facts_for({"red_cube": "hand"})
    failed = Failure(Call(by_name["place"], ("red_cube", "table")), "dropped", facts)
    goal = Condition.parse("on(red_cube, table) or on(red_cube, shelf)")
    plan = SymbolicPlanner().plan(goal, facts, contracts, [failed])
    assert [str(call) for call in plan.calls] == ["place(red_cube, shelf)"]


def test_stages_keep_what_was_reached(contracts):
    goals = [Condition.parse("open(drawer)"), Condition.parse("in(red_cube, drawer)")]
    plan = plan_stages(SymbolicPlanner(), goals, facts_for(), contracts)
    assert str(plan.goal) == "open(drawer) and in(red_cube, drawer)"
    assert plan.cost == 15.0


def test_stages_let_go_of_what_is_contradicted(contracts):
    goals = [
        Condition.parse(text) for text in ("open(drawer)", "pressed(button)", "closed(drawer)")
    ]
    plan = plan_stages(SymbolicPlanner(), goals, facts_for(), contracts)
    assert str(plan.goal) == "pressed(button) and closed(drawer)"
    assert [str(call) for call in plan.calls] == ["open(drawer)", "press(button)", "close(drawer)"]


def test_a_stage_that_cannot_be_reached_refuses_the_whole(contracts):
    goals = [Condition.parse("open(drawer)"), Condition.parse("closed(bin)")]
    assert isinstance(plan_stages(SymbolicPlanner(), goals, facts_for(), contracts), Refusal)


PLACES = [*CUBES, "table", "shelf", "drawer", "bin", "hand"]


@st.composite
def scenes(draw):
    """Facts of any scene in which things stand: acyclic, one thing on a cube, one in the hand."""
    places, order = {}, draw(st.permutations(CUBES))
    free = ["table", "shelf", "drawer", "bin", "hand"]
    for cube in order:
        places[cube] = draw(st.sampled_from(free))
        if places[cube] in (*CUBES, "hand"):
            free.remove(places[cube])
        if places[cube] != "hand":
            free.append(cube)
    opened = ["open(drawer)"] if draw(st.booleans()) else []
    return facts_for(places, true=opened)


def goals():
    cubes = st.sampled_from(CUBES)
    literals = st.one_of(
        st.builds("in({}, {})".format, cubes, st.sampled_from(["drawer", "bin"])),
        st.builds("on({}, {})".format, cubes, st.sampled_from(["table", "shelf", *CUBES])),
        st.builds("holding({})".format, cubes),
        st.sampled_from(["open(drawer)", "closed(drawer)", "pressed(button)", "gripper_empty()"]),
        st.builds("near({}, {})".format, cubes, cubes),
        st.builds("not in({}, drawer)".format, cubes),
    )
    return st.lists(literals, min_size=1, max_size=4).map(" and ".join)


@settings(max_examples=60)
@given(facts=scenes(), goal=goals())
def test_no_plan_breaks_a_precondition(contracts, facts, goal):
    answer = SymbolicPlanner(max_expanded=300).plan(Condition.parse(goal), facts, contracts)
    if isinstance(answer, Plan):
        assert check_plan(answer, facts, contracts) == ()
        assert answer.cost == pytest.approx(sum(call.contract.cost for call in answer.calls))
    else:
        assert answer.message
        assert answer.unmet
