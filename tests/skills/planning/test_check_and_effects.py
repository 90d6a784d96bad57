"""Effects run forward, and the check that finds every broken condition of a plan."""

import pytest

from kata.datasets.types import Atom, Condition
from kata.skills.contract.call import Call
from kata.skills.contract.testing_scene import facts_for, table_of
from kata.skills.planning.check import check_plan
from kata.skills.planning.effects import after, effect
from kata.skills.planning.mutex import Pairs
from kata.skills.planning.plan import Plan
from kata.skills.planning.problem import Problem, grounded_calls


@pytest.fixture
def call(contracts):
    by_name = {contract.name: contract for contract in contracts}
    return lambda name, *values: Call(by_name[name], values)


def value(facts, text):
    return facts.value(Atom.parse(text))


def test_an_effect_deletes_what_it_negates_and_keeps_the_rest(call):
    facts = after(call("pick", "red_cube"), facts_for())
    assert value(facts, "holding(red_cube)") is True
    assert value(facts, "gripper_empty()") is False
    assert value(facts, "on(red_cube, table)") is False
    for kept in ("on(blue_cube, table)", "reachable(red_cube)", "upright(red_cube)"):
        assert value(facts, kept) is True


def test_clear_follows_from_on(call):
    facts = facts_for({"red_cube": "blue_cube"})
    assert value(facts, "clear(blue_cube)") is False
    facts = after(call("pick", "red_cube"), facts)
    assert value(facts, "clear(blue_cube)") is True
    facts = after(call("stack", "red_cube", "green_cube"), facts)
    assert value(facts, "clear(green_cube)") is False
    assert value(facts, "clear(blue_cube)") is True


def test_clear_stays_unknown_where_nothing_changed(call):
    facts = after(call("pick", "red_cube"), facts_for(unknown=["clear(green_cube)"]))
    assert value(facts, "clear(green_cube)") is None


def test_near_is_mutual_and_stays_until_it_is_named(call):
    facts = after(call("push", "red_cube", "blue_cube"), facts_for())
    assert value(facts, "near(red_cube, blue_cube)") is True
    assert value(facts, "near(blue_cube, red_cube)") is True
    facts = after(call("open", "drawer"), facts)
    assert value(facts, "near(red_cube, blue_cube)") is True
    facts = after(call("pick", "red_cube"), facts)
    assert value(facts, "near(red_cube, blue_cube)") is False
    assert value(facts, "near(blue_cube, red_cube)") is False


def test_bits_and_facts_agree_on_every_call(contracts):
    facts = facts_for({"red_cube": "blue_cube"}, true=["open(drawer)"])
    problem = Problem(facts.table, contracts)
    state = problem.state(facts)
    for action in problem.actions:
        assert problem.need(action.call.requires).holds(state) is (
            action.call.requires.evaluate(facts).value is True
        )
        assert action.apply(state) == problem.state(after(action.call, facts)), str(action.call)


def test_calls_whose_effect_the_scene_cannot_have_are_left_out(contracts):
    texts = {str(call) for call, _ in grounded_calls(table_of(), contracts)}
    assert "stack(red_cube, red_cube)" not in texts
    assert "open(bin)" not in texts
    assert "open(drawer)" in texts
    assert len(texts) == 47


def test_mutexes(contracts):
    facts = facts_for()
    problem = Problem(facts.table, contracts)
    pairs = Pairs(problem.actions, problem.state(facts))

    def together(a, b):
        bits = [problem.bit(Atom.parse(text), True).bit_length() - 1 for text in (a, b)]
        return pairs.together(*bits)

    assert together("in(red_cube, drawer)", "closed(drawer)")
    assert together("on(red_cube, blue_cube)", "on(blue_cube, green_cube)")
    assert not together("open(drawer)", "closed(drawer)")
    assert not together("holding(red_cube)", "gripper_empty()")
    assert not together("holding(red_cube)", "on(red_cube, table)")
    assert not together("on(red_cube, table)", "in(red_cube, drawer)")
    assert not together("on(red_cube, blue_cube)", "clear(blue_cube)")


def test_a_sound_plan_has_no_violations(call):
    goal = Condition.parse("in(red_cube, drawer)")
    calls = [
        call("open", "drawer"),
        call("pick", "red_cube"),
        call("place_in", "red_cube", "drawer"),
    ]
    assert check_plan(Plan.sequence(goal, calls), facts_for()) == ()


def test_violations_say_which_call_what_and_what_would_mend_it(call, contracts):
    goal = Condition.parse("in(red_cube, drawer) and closed(drawer)")
    calls = [call("pick", "red_cube"), call("place_in", "red_cube", "drawer")]
    found = check_plan(Plan.sequence(goal, calls), facts_for({"blue_cube": "red_cube"}), contracts)
    assert [str(violation) for violation in found] == [
        "call 1, pick(red_cube): needs clear(red_cube); pick(blue_cube) would make it true",
        "call 2, place_in(red_cube, drawer): needs open(drawer); open(drawer) would make it true",
    ]
    assert {violation.kind for violation in found} == {"requires"}


def test_a_missed_goal_is_a_violation(call, contracts):
    goal = Condition.parse("in(red_cube, drawer) and closed(drawer)")
    plan = Plan.sequence(goal, [call("open", "drawer")])
    found = check_plan(plan, facts_for(), contracts)
    assert [str(violation) for violation in found] == [
        ("the goal: needs in(red_cube, drawer); place_in(red_cube, drawer) would make it true"),
        "the goal: needs closed(drawer); close(drawer) would make it true",
    ]


def test_arguments_of_another_type_and_impossible_effects_are_found(call):
    plan = Plan.sequence(Condition.parse(""), [call("stack", "red_cube", "table")])
    kinds = {v.kind: str(v) for v in check_plan(plan, facts_for({"red_cube": "hand"}))}
    assert kinds["argument"] == "call 1, stack(red_cube, table): cannot take table as base (cube)"
    plan = Plan.sequence(Condition.parse(""), [call("open", "shelf")])
    kinds = {v.kind: str(v) for v in check_plan(plan, facts_for())}
    assert kinds["effect"] == "call 1, open(shelf): cannot cause open(shelf)"


def test_an_order_that_its_list_breaks_is_found(call):
    calls = (call("press", "button"), call("open", "drawer"))
    plan = Plan(Condition.parse("pressed(button)"), calls, ((1,), ()), 9.0)
    assert [str(v) for v in check_plan(plan, facts_for())] == [
        "call 1, press(button): comes before call 2"
    ]


def test_unknown_facts_are_no_permission(call):
    plan = Plan.sequence(Condition.parse(""), [call("pick", "red_cube")])
    found = check_plan(plan, facts_for(unknown=["clear(red_cube)"]))
    assert [violation.condition for violation in found] == ["clear(red_cube)"]


def test_an_effect_is_literals(contracts):
    assert effect(Call(contracts[0], ("drawer",)), table_of()) == {
        Atom.parse("closed(drawer)"): True,
        Atom.parse("open(drawer)"): False,
    }
