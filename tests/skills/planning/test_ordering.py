"""Partial orders: every linearisation of one passes the check and leads to the same facts."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import Atom, Condition
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.contract.testing_scene import CUBES, facts_for, table_of
from kata.skills.planning.check import check_plan
from kata.skills.planning.effects import after
from kata.skills.planning.ordering import (
    closure,
    concurrent_conflicts,
    linearisations,
    ordered,
    span_s,
    unordered,
)
from kata.skills.planning.plan import Plan
from kata.skills.planning.planner import SymbolicPlanner
from kata.skills.planning.problem import grounded_calls
from kata.skills.planning.stages import plan_stages

HANDS = ("left", "right")
TWO = table_of(hands=HANDS)
HANDOVER = Contract.from_data(
    {
        "format": 2,
        "name": "handover",
        "version": "1.0.0",
        "summary": "One hand gives what it holds to another.",
        "parameters": {"giver": "hand", "taker": "hand", "object": "object"},
        "requires": "holding(?giver, ?object) and gripper_empty(?taker)",
        "achieves": (
            "holding(?taker, ?object) and not holding(?giver, ?object)"
            " and gripper_empty(?giver) and not gripper_empty(?taker)"
        ),
        "duration_s": 20.0,
        "resources": ["?giver", "?taker"],
    }
)


def two_handed(places=None, **more):
    return facts_for(places, table=TWO, **more)


def call(contracts, text):
    return Call.parse(text, [*contracts, HANDOVER])


def sequence(contracts, goal, *texts):
    return Plan.sequence(Condition.parse(goal), [call(contracts, text) for text in texts])


PLACES = [*CUBES, "table", "shelf", "drawer", "bin", *HANDS]


@st.composite
def scenes(draw):
    """Facts of any two-handed scene in which things stand."""
    places, order = {}, draw(st.permutations(CUBES))
    free = ["table", "shelf", "drawer", "bin", *HANDS]
    for cube in order:
        places[cube] = draw(st.sampled_from(free))
        if places[cube] in (*CUBES, *HANDS):
            free.remove(places[cube])
        if places[cube] not in HANDS:
            free.append(cube)
    opened = ["open(drawer)"] if draw(st.booleans()) else []
    return two_handed(places, true=opened)


@st.composite
def walks(draw, contracts):
    """Facts, and a plan of calls that can follow one another, whatever they are good for."""
    begin = facts = draw(scenes())
    every = [known for known, _ in grounded_calls(TWO, [*contracts, HANDOVER])]
    calls = []
    for _ in range(draw(st.integers(2, 6))):
        able = [c for c in every if Condition("and", (c.requires, c.holds)).evaluate(facts).value]
        if not able:
            break
        calls.append(draw(st.sampled_from(able)))
        facts = after(calls[-1], facts)
    wanted = draw(st.lists(st.sampled_from(TWO.atoms), min_size=1, max_size=4, unique=True))
    goal = Condition.of({atom: bool(facts.value(atom)) for atom in wanted})
    return begin, Plan.sequence(goal, calls)


def listed(plan, order):
    """The plan with its calls listed in another order that it allows."""
    place = {old: new for new, old in enumerate(order)}
    after = tuple(tuple(sorted(place[i] for i in plan.after[old])) for old in order)
    return Plan(plan.goal, tuple(plan.calls[i] for i in order), after, plan.cost)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_linearisation_passes_the_check_and_leads_to_the_same_facts(contracts, data):
    facts, walk = data.draw(walks(contracts))
    plan = ordered(walk, facts)
    assert concurrent_conflicts(plan, facts) == ()
    ends = set()
    for order in itertools.islice(linearisations(plan), 40):
        one = listed(plan, order)
        assert check_plan(one, facts, ()) == (), [str(c) for c in one.calls]
        end = facts
        for step in one.calls:
            end = after(step, end)
        ends.add(end.truth.tobytes())
    assert len(ends) == 1


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_the_order_is_the_same_from_whichever_of_its_sequences(contracts, data):
    facts, walk = data.draw(walks(contracts))
    plan = ordered(walk, facts)
    assert ordered(plan, facts) == plan
    for order in itertools.islice(linearisations(plan), 20):
        again = ordered(Plan.sequence(plan.goal, [plan.calls[i] for i in order]), facts)
        assert again == listed(plan, order)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_no_edge_follows_from_others(contracts, data):
    facts, walk = data.draw(walks(contracts))
    plan = ordered(walk, facts)
    before = closure(plan)
    for j, direct in enumerate(plan.after):
        assert all(i < j for i in direct)
        for i in direct:
            assert not any(i in before[k] for k in direct if k != i)


@settings(max_examples=15, deadline=None)
@given(facts=scenes(), goal=st.sampled_from(["in", "on"]), data=st.data())
def test_planned_orders_are_sound(contracts, facts, goal, data):
    things = data.draw(st.lists(st.sampled_from(CUBES), min_size=1, max_size=2, unique=True))
    to = {"in": ["bin", "drawer"], "on": ["table", "shelf"]}[goal]
    text = " and ".join(f"{goal}({x}, {data.draw(st.sampled_from(to))})" for x in things)
    plan = SymbolicPlanner(max_expanded=300).plan(Condition.parse(text), facts, contracts)
    if isinstance(plan, Plan):
        for order in itertools.islice(linearisations(plan), 40):
            assert check_plan(listed(plan, order), facts, contracts) == ()


def test_two_hands_work_side_by_side(contracts):
    plan = ordered(
        sequence(
            contracts,
            "in(red_cube, bin) and in(blue_cube, drawer)",
            "pick(red_cube, hand=right)",
            "place_in(red_cube, bin, hand=right)",
            "open(drawer, hand=left)",
            "pick(blue_cube, hand=left)",
            "place_in(blue_cube, drawer, hand=left)",
        ),
        two_handed(),
    )
    assert plan.after == ((), (0,), (), (2,), (3,))
    assert span_s(plan) == sum(c.contract.cost for c in plan.calls[2:])


def test_a_handover_waits_for_both_hands(contracts):
    plan = ordered(
        sequence(
            contracts,
            "holding(right, red_cube)",
            "pick(red_cube, hand=left)",
            "press(button, hand=right)",
            "handover(left, right, red_cube)",
        ),
        two_handed(),
    )
    assert plan.after == ((), (), (0, 1))


def test_what_one_hand_opens_the_other_waits_for(contracts):
    calls = ("open(drawer, hand=left)", "pick(red_cube, hand=right)")
    sequenced = sequence(contracts, "holding(right, red_cube)", *calls)
    assert ordered(sequenced, two_handed()).after == ((), ())
    inside = two_handed({"red_cube": "drawer"})
    assert ordered(sequenced, inside).after == ((), (0,))


def test_a_threat_keeps_its_place(contracts):
    # Closing the drawer would take from the other hand what it needs.
    facts = two_handed({"red_cube": "left"}, true=["open(drawer)"])
    texts = ("place_in(red_cube, drawer, hand=left)", "close(drawer, hand=right)")
    plan = ordered(sequence(contracts, "closed(drawer)", *texts), facts)
    assert plan.after == ((), (0,))


def test_two_hands_do_not_take_one_thing(contracts):
    texts = ("pick(red_cube, hand=left)", "pick(red_cube, hand=right)")
    facts = two_handed()
    assert ordered(sequence(contracts, "true", *texts), facts).after == ((), (0,))


def test_calls_at_the_same_time_that_disturb_each_other_are_violations(contracts):
    facts = two_handed({"red_cube": "left"}, true=["open(drawer)"])
    texts = ("place_in(red_cube, drawer, hand=left)", "close(drawer, hand=right)")
    chain = sequence(contracts, "closed(drawer)", *texts)
    loose = Plan(chain.goal, chain.calls, ((), ()), 0.0)
    assert [str(violation) for violation in check_plan(loose, facts)] == [
        (
            "call 2, close(drawer, hand=right): cannot run beside "
            "call 1, place_in(red_cube, drawer, hand=left): both use drawer"
        )
    ]
    texts = ("pick(red_cube, hand=left)", "pick(blue_cube, hand=left)")
    chain = sequence(contracts, "true", *texts)
    loose = Plan(chain.goal, chain.calls, ((), ()), 0.0)
    (found,) = [v for v in check_plan(loose, two_handed()) if v.kind == "beside"]
    assert found.condition.endswith("both use left_arm")


def test_one_arm_makes_a_chain(contracts):
    goal = Condition.parse("in(red_cube, bin) and in(blue_cube, bin) and pressed(button)")
    plan = SymbolicPlanner().plan(goal, facts_for(), contracts)
    assert plan.after == Plan.sequence(goal, plan.calls).after
    assert not list(unordered(plan))


def test_work_is_shared_out_among_hands(contracts):
    goal = Condition.parse("in(red_cube, bin) and in(blue_cube, drawer)")
    plan = SymbolicPlanner().plan(goal, two_handed(), contracts)
    assert {hand for c in plan.calls for hand in c.hands} == set(HANDS)
    assert plan.cost == span_s(plan) < sum(c.contract.cost for c in plan.calls)
    assert check_plan(plan, two_handed(), contracts) == ()


def test_a_hand_that_cannot_reach_gets_no_work(contracts):
    facts = two_handed(false=["reachable(right, red_cube)", "reachable(right, blue_cube)"])
    goal = Condition.parse("in(red_cube, bin) and in(blue_cube, drawer)")
    plan = SymbolicPlanner().plan(goal, facts, contracts)
    hands = {c.hand for c in plan.calls if set(c.objects) & {"red_cube", "blue_cube"}}
    assert hands == {"left"}


def test_what_was_said_first_is_done_first(contracts):
    goals = [Condition.parse("in(red_cube, bin)"), Condition.parse("pressed(button)")]
    plan = plan_stages(SymbolicPlanner(), goals, two_handed(), contracts)
    press = [str(c).startswith("press") for c in plan.calls].index(True)
    assert closure(plan)[press] == frozenset(range(len(plan.calls))) - {press}
    together = SymbolicPlanner().plan(Condition("and", tuple(goals)), two_handed(), contracts)
    assert list(unordered(together))


@pytest.mark.parametrize("hand", HANDS)
def test_facts_of_two_hands_name_them(hand):
    facts = two_handed({"red_cube": hand})
    assert facts.value(Atom("holding", (hand, "red_cube"))) is True
    assert facts.value(Atom("gripper_empty", (hand,))) is False
