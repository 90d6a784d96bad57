"""A goal that no skill reaches: what is missing, what is near, and what can be learned from."""

import itertools
from dataclasses import replace

import pytest

from kata.datasets.types import Atom, Condition
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.contract.testing_scene import CUBES, facts_for
from kata.skills.planning.check import check_plan
from kata.skills.planning.missing import DemonstrationIndex, missing_skill
from kata.skills.planning.missing.inference import inferred
from kata.skills.planning.plan import Plan
from kata.skills.planning.planner import SymbolicPlanner

ALL = ("open", "close", "pick", "place", "place_in", "press", "push", "stack")


def goals():
    """Forty goals and more, each with the skills that it needs: held out, then the facts."""
    for cube in CUBES:
        yield f"in({cube}, drawer)", "open", {}
        yield f"in({cube}, bin)", "place_in", {}
        yield f"on({cube}, shelf)", "place", {}
        yield f"holding({cube})", "pick", {}
        yield f"in({cube}, drawer) and closed(drawer)", "open", {}
        yield f"in({cube}, drawer) and closed(drawer)", "close", {"true": ["open(drawer)"]}
        yield f"on({cube}, shelf) and pressed(button)", "press", {}
    for one, other in itertools.permutations(CUBES, 2):
        yield f"on({one}, {other})", "stack", {}
    for one, other in itertools.combinations(CUBES, 2):
        yield f"near({one}, {other}) and not on({one}, {other})", "push", {}
    yield "closed(drawer)", "close", {"true": ["open(drawer)"]}
    yield "pressed(button) and open(drawer)", "press", {}
    yield "pressed(button) and open(drawer)", "open", {}


GOALS = [goal for goal in goals() if goal[1] != "push"]


def test_two_held_out_skills_are_missed_and_their_demonstrations_found(known, show) -> None:
    index = DemonstrationIndex(show(ALL))
    found = []
    for place, (goal, needed, scene) in enumerate(GOALS):
        # The second one is held out as well, and not what this goal needs first.
        needs = {needed, *_needs(goal)}
        other = next(name for name in ("press", "close", "stack", "push") if name not in needs)
        contracts = [c for name, c in known.items() if name not in (needed, other)]
        facts = facts_for(**scene)
        wanted = Condition.parse(goal)
        refusal = SymbolicPlanner().plan(wanted, facts, contracts)
        assert not isinstance(refusal, Plan), goal
        missing = missing_skill(wanted, facts, contracts, demonstrations=index)
        assert missing is not None, goal
        taught = missing.taught()
        found.append((place, goal, needed, taught.skill if taught else ""))
    wrong = [each for each in found if each[2] != each[3]]
    assert len(found) >= 40
    assert not wrong


def _needs(goal: str) -> set[str]:
    words = {"pressed": "press", "closed": "close", "on(": "stack"}
    return {skill for word, skill in words.items() if word in goal}


def test_with_the_proposed_skill_the_goal_is_planned(known, show) -> None:
    for goal, needed, scene in GOALS:
        contracts = [c for name, c in known.items() if name != needed]
        facts, wanted = facts_for(**scene), Condition.parse(goal)
        index = DemonstrationIndex(show(ALL))
        missing = missing_skill(wanted, facts, contracts, demonstrations=index)
        whole = [*contracts, missing.proposal]
        plan = SymbolicPlanner().plan(wanted, facts, whole)
        assert isinstance(plan, Plan), (goal, plan, str(missing.proposal.achieves))
        assert not check_plan(plan, facts, whole)
        assert missing_skill(wanted, facts, whole) is None
        assert needed in {call.contract.name for call in plan.calls}


def test_nothing_is_missing_for_a_goal_that_can_be_reached(known) -> None:
    facts = facts_for()
    for goal in ("in(red_cube, drawer)", "on(red_cube, shelf)", "on(red_cube, table)"):
        assert missing_skill(Condition.parse(goal), facts, list(known.values())) is None


def test_without_demonstrations_the_proposal_is_a_skeleton_over_types(known) -> None:
    contracts = [c for name, c in known.items() if name != "open"]
    goal = Condition.parse("in(red_cube, drawer)")
    missing = missing_skill(goal, facts_for(), contracts)
    assert missing.goal == ("open(drawer)",)
    assert missing.achieves == "open(?openable)"
    assert missing.taught() is None
    assert str(missing.proposal.requires) == "gripper_empty()"
    assert [(p.name, p.type) for p in missing.proposal.parameters] == [("openable", "openable")]
    assert Contract.from_data(missing.proposal.to_data()) == missing.proposal


def test_near_skills_say_what_they_lack(known) -> None:
    contracts = [c for name, c in known.items() if name != "stack"]
    goal = Condition.parse("on(red_cube, blue_cube)")
    missing = missing_skill(goal, facts_for(), contracts)
    assert missing.skills[0].name == "place"
    assert missing.skills[0].lacks == "it makes on of (object, surface) only"


@pytest.mark.parametrize(
    ("held", "there", "level"),
    [
        ("open", ("open", "press"), "effect"),
        ("stack", ("place",), "frame"),
        ("place_in", ("place",), "class"),
    ],
)
def test_demonstrations_are_found_at_several_levels(known, show, held, there, level) -> None:
    goals = {"open": "open(drawer)", "stack": "on(red_cube, blue_cube)"}
    goal = Condition.parse(goals.get(held, "in(red_cube, bin)"))
    contracts = [c for name, c in known.items() if name != held]
    index = DemonstrationIndex(show(there))
    missing = missing_skill(goal, facts_for(), contracts, demonstrations=index)
    assert missing.demonstrations[0].level == level
    assert (missing.taught() is None) == (level != "effect")


def test_what_was_pushed_aside_on_the_way_teaches_nothing(known, show) -> None:
    beside = Atom.parse("on(green_cube, shelf)")
    clumsy = [replace(d, flips={**d.flips, beside: True}) for d in show(["press"])]
    contracts = [c for name, c in known.items() if name != "place"]
    goal = Condition.parse("on(red_cube, shelf)")
    index = DemonstrationIndex(tuple(clumsy))
    missing = missing_skill(goal, facts_for(), contracts, demonstrations=index)
    assert missing.taught() is None


def test_another_robots_demonstrations_are_shown_but_not_learned_from(known, show) -> None:
    theirs = tuple(replace(d, robot="another") for d in show(["open"]))
    contracts = [c for name, c in known.items() if name != "open"]
    goal = Condition.parse("open(drawer)")
    missing = missing_skill(goal, facts_for(), contracts, demonstrations=DemonstrationIndex(theirs))
    assert missing.demonstrations[0].level == "effect"
    assert missing.taught("another") is not None
    assert missing.taught("ours") is None


@pytest.mark.parametrize("name", ALL)
def test_what_demonstrations_have_in_common_is_what_the_contract_says(known, show, name) -> None:
    shown = show([name])
    contract = inferred(name, shown)
    assert [p.name for p in contract.parameters] == [p.name for p in known[name].parameters]
    for each in shown:
        facts = facts_for(true=[str(a) for a in each.start if a.predicate == "open"])
        mine = Call(contract, tuple(each.arguments.values())).achieves
        theirs = Call(known[name], tuple(each.arguments.values())).achieves
        # What the contract promises about its arguments is inferred, apart from what is derived.
        promised = theirs.literals(facts.table)
        changed = {a: v for a, v in promised.items() if each.flips.get(a) is v}
        always = {
            a: v
            for a, v in changed.items()
            if set(a.arguments) <= {*each.arguments.values(), "hand"}
        }
        assert always.items() <= mine.literals(facts.table).items()


def test_a_thing_is_on_nothing_any_more_whatever_it_was_taken_from(show) -> None:
    contract = inferred("pick", show(["pick"])[:2])
    assert "forall ?s: support. not on(?object, ?s)" in str(contract.achieves)


def test_the_answer_is_told(known, show) -> None:
    contracts = [c for name, c in known.items() if name != "press"]
    goal = Condition.parse("pressed(button)")
    index = DemonstrationIndex(show(["press"]))
    missing = missing_skill(goal, facts_for(), contracts, demonstrations=index)
    assert missing.lines() == (
        "missing: a skill press(button: button) that achieves",
        "  pressed(?button)",
        "  shown: 1 episode of press in shown/press, which do just that",
    )
    assert set(missing.to_json()) == {"goal", "achieves", "proposal", "skills", "demonstrations"}
