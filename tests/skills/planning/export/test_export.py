"""Plans go out and come back the same, and nothing strange comes in."""

import contextlib
import json
import re
import string
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import Condition, PlanError, UnknownNameError
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.planning.export import FORMATS, read_plan, write_plan
from kata.skills.planning.export.blocks import blocks_of
from kata.skills.planning.export.layout import layout_of
from kata.skills.planning.export.xml_nodes import MOST_BYTES
from kata.skills.planning.ordering import closure, order_of, span_s
from kata.skills.planning.plan import Plan


def contract(name, parameters, **more):
    data = {"format": 2, "name": name, "version": "1.0.0", "summary": f"Does <{name}> & more."}
    return Contract.from_data(
        {**data, "parameters": parameters, "achieves": "gripper_empty()", "duration_s": 5.0, **more}
    )


DISTANCE = {"type": "number", "unit": "m", "range": [0.01, 0.5], "default": 0.08}
SKILLS = (
    contract("pick", {"object": "object"}, requires="gripper_empty() and clear(?object)"),
    contract(
        "pull",
        {"object": "object", "distance_m": DISTANCE},
        requires="holding(?object) or exists ?c: openable. (open(?c) and not closed(?c))",
        holds="open(drawer) >= 2",
    ),
    contract(
        "put",
        {"object": "object", "where": {"type": "pose"}, "say": {"type": "text"}},
        holds="upright(?object)",
    ),
    contract("give", {"giver": "hand", "taker": "hand"}, resources=["?giver", "?taker"]),
    contract("wait", {}, resources=[]),
)
NAMES = st.sampled_from(["red_cube", "blue_cube", "drawer", "a"])
HANDS = st.sampled_from(["left", "right"])
LETTERS = st.sampled_from([c for c in string.printable + "äß" if c.isprintable()])
TEXTS = st.text(LETTERS, max_size=12)
NUMBERS = st.floats(0.01, 0.5).map(lambda x: f"{x:.6g}")


GOALS = (
    "true",
    "open(drawer) and not closed(drawer)",
    "forall ?c: cube. in(?c, drawer)",
    "holding(left, red_cube) or pressed(button)",
)


@st.composite
def calls(draw):
    skill = draw(st.sampled_from(SKILLS))
    values = {
        "pick": lambda: [draw(NAMES)],
        "pull": lambda: [draw(NAMES), draw(NUMBERS)],
        "put": lambda: [draw(NAMES), f"table@{draw(NUMBERS)},-0.1,0.02", json.dumps(draw(TEXTS))],
        "give": lambda: [draw(HANDS), draw(HANDS)],
        "wait": list,
    }[skill.name]()
    hand = draw(HANDS) if skill.one_handed and draw(st.booleans()) else "hand"
    return Call(skill, tuple(values), hand)


@st.composite
def plans(draw, most=8):
    """Plans of any calls in any order, sound or not."""
    steps = draw(st.lists(calls(), max_size=most))
    pairs = [(i, j) for j in range(len(steps)) for i in range(j) if draw(st.integers(0, 3)) == 0]
    goal = Condition.parse(draw(st.sampled_from(GOALS)))
    plan = Plan(goal, tuple(steps), order_of(len(steps), pairs), 0.0)
    return replace(plan, cost=span_s(plan))


@settings(max_examples=150, deadline=None)
@given(plan=plans())
def test_behaviour_trees_come_back_as_they_were(plan):
    assert read_plan(write_plan(plan, "xml", SKILLS), SKILLS) == plan


@settings(max_examples=80, deadline=None)
@given(plan=plans())
def test_json_comes_back_as_it_was(plan):
    assert read_plan(write_plan(plan, "json", SKILLS), SKILLS) == plan


@settings(max_examples=80, deadline=None)
@given(plan=plans())
def test_blocks_keep_the_order_and_every_call(plan):
    block = blocks_of(plan)
    assert sorted(block.calls()) == list(range(len(plan.calls)))
    assert order_of(len(plan.calls), block.before()) == plan.after


@settings(max_examples=80, deadline=None)
@given(plan=plans())
def test_pictures_are_xml_and_no_boxes_overlap(plan):
    root = ET.fromstring(write_plan(plan, "svg"))
    boxes = root.findall("{http://www.w3.org/2000/svg}rect")
    assert len(boxes) == len(plan.calls) + 2  # the paper and the goal
    cells = layout_of(plan).cells
    taken = [(cell.row, column) for cell in cells for column in range(cell.first, cell.last + 1)]
    assert len(set(taken)) == len(taken)
    for j, direct in enumerate(plan.after):
        assert all(cells[i].row < cells[j].row for i in direct)


@settings(max_examples=50, deadline=None)
@given(plan=plans())
def test_graphviz_has_an_edge_for_each_order(plan):
    text = write_plan(plan, "dot")
    found = re.findall(r"^  call(\d+) -> call(\d+);$", text, re.MULTILINE)
    edges = {(int(a), int(b)) for a, b in found}
    assert edges == {(i + 1, j + 1) for j, direct in enumerate(plan.after) for i in direct}
    inside = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    assert len([label for label in inside if label.startswith(tuple("123456789"))]) == len(
        plan.calls
    )


@settings(max_examples=300, deadline=None)
@given(plan=plans(4), data=st.data())
def test_spoilt_text_is_a_plan_or_a_plan_error(plan, data):
    text = write_plan(plan, data.draw(st.sampled_from(["xml", "json"])), SKILLS)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 20))
        put = data.draw(
            st.sampled_from(["", "<", ">", '"', "&", "]]", "\x00", "true", "9", "{", "<a/>"])
        )
        text = text[:at] + put + text[at + cut :]
    with contextlib.suppress(PlanError):
        found = read_plan(text, SKILLS)
        assert not any(j in before for j, before in enumerate(closure(found)))


def two():
    first, second = Call.parse("pick(a, hand=left)", SKILLS), Call.parse("wait()", SKILLS)
    return Plan(Condition.parse("open(drawer)"), (first, second), ((), ()), 0.0)


def test_the_tree_is_text_with_branches():
    texts = ["pick(a)", "pick(b)", "wait()", "pull(a)", "wait()", "put(b, t@0,0,0, say=x)"]
    steps = tuple(Call.parse(text, SKILLS) for text in texts[:5])
    plan = Plan(Condition.parse("open(drawer)"), steps, ((), (0,), (0,), (1,), (2, 3)), 0.0)
    assert write_plan(plan, "text").splitlines() == [
        "goal: open(drawer)",
        "  1. pick(a)",
        "  at the same time",
        "  ├─ 2. pick(b)",
        "  │  4. pull(a, distance_m=0.08)",
        "  └─ 3. wait()",
        "  5. wait()",
    ]
    crossed = Plan(plan.goal, steps[:4], ((), (), (0,), (0, 1)), 0.0)
    assert write_plan(crossed, "text").splitlines()[1:] == [
        "  at the same time",
        "  ├─ 1. pick(a)",
        "  │  3. wait()",
        "  └─ 2. pick(b)",
        "     4. pull(a, distance_m=0.08)  (after 1)",
    ]


def test_a_behaviour_tree_is_what_groot_expects():
    root = ET.fromstring(write_plan(two(), "xml", SKILLS))
    assert root.attrib == {"BTCPP_format": "4", "main_tree_to_execute": "plan"}
    (tree,) = root.findall("BehaviorTree")
    assert tree.get("ID") == "plan"
    models = {node.get("ID"): node for node in root.find("TreeNodesModel") if node.get("ID")}
    assert set(models) == {"give", "pick", "pull", "put", "wait", "Holds", "WaitFor"}
    assert models["Holds"].tag == "Condition"
    assert [port.get("name") for port in models["pull"].findall("input_port")] == [
        "object",
        "distance_m",
        "hand",
        "version",
    ]
    known = {"Sequence", "Parallel", "ReactiveSequence", *models}
    assert {node.tag for node in tree.iter()} - {"BehaviorTree"} <= known
    for node in tree.iter():
        ports = (
            {port.get("name") for port in models[node.tag].findall("input_port")}
            if (node.tag in models)
            else {"success_count", "failure_count", "ID"}
        )
        assert set(node.attrib) <= ports | {"name"}


def test_holds_guards_a_call_all_the_while():
    call = Call.parse("pull(a)", SKILLS)
    root = ET.fromstring(write_plan(Plan.sequence(Condition("true"), [call]), "xml"))
    guard = root.find(".//ReactiveSequence")
    assert [node.tag for node in guard] == ["Holds", "pull"]
    assert guard[0].get("condition") == "open(drawer) >= 2"


def test_two_versions_of_a_skill_are_told_apart():
    newer = replace(SKILLS[0], version="1.1.0")
    both = (SKILLS[0], newer)
    plan = Plan.sequence(Condition("true"), [Call(newer, ("a",)), Call(SKILLS[0], ("a",))])
    plan = replace(plan, cost=span_s(plan))
    for name in ("xml", "json"):
        assert read_plan(write_plan(plan, name, both), both) == plan
    with pytest.raises(PlanError, match=r"unknown skill 'pick@1\.1\.0'"):
        read_plan(write_plan(plan, "json", both), SKILLS)


def tree(body, head='<root BTCPP_format="4">', more=""):
    return f'{head}<BehaviorTree ID="t"><Sequence>{body}</Sequence></BehaviorTree>{more}</root>'


def test_what_people_draw_in_groot_is_read():
    text = tree(
        '<Action ID="pick" object="a" name="take it"/>'
        '<Parallel success_count="2"><wait/><Sequence><wait/><pick object="b" hand="left"/>'
        '</Sequence></Parallel><Condition ID="Holds" condition="open(drawer)"/>'
    )
    plan = read_plan(text, SKILLS)
    assert [str(call) for call in plan.calls] == [
        "pick(a)",
        "wait()",
        "wait()",
        "pick(b, hand=left)",
    ]
    assert plan.after == ((), (0,), (0,), (2,))
    assert str(plan.goal) == "open(drawer)"


def test_calls_that_were_moved_are_listed_by_their_order():
    text = tree('<pick object="b" name="2. pick(b)"/><pick object="a" name="1. pick(a)"/>')
    plan = read_plan(text, SKILLS)
    assert [call.values for call in plan.calls] == [("b",), ("a",)]
    assert plan.after == ((), (0,))


BOMB = """<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>
<root BTCPP_format="4"><BehaviorTree ID="t"><pick object="&b;"/></BehaviorTree></root>"""
OUTSIDE = """<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><root>&f;</root>"""

REFUSED = {
    "not_xml": ("<root", "not XML"),
    "bomb": (BOMB, "a document type in a plan"),
    "outside": (OUTSIDE, "a document type in a plan"),
    "instruction": ('<?php x?><root BTCPP_format="4"/>', "a processing instruction"),
    "too_long": ("<root>" + " " * MOST_BYTES + "</root>", "too long"),
    "too_deep": ("<a>" * 100 + "</a>" * 100, "too deep"),
    "too_many": ("<a>" + "<b/>" * 10_001 + "</a>", "too many nodes"),
    "other_format": (tree("<wait/>", '<root BTCPP_format="3">'), "not a behaviour tree"),
    "two_trees": (tree("<wait/>", more='<BehaviorTree ID="u"/>'), "not one tree"),
    "include": (tree("<wait/>", more='<include path="x.xml"/>'), "not one tree"),
    "no_such_tree": (
        tree("<wait/>", '<root BTCPP_format="4" main_tree_to_execute="u">'),
        "no such tree",
    ),
    "fallback": (tree("<Fallback><wait/></Fallback>"), "no node of a plan: 'Fallback'"),
    "script": (tree('<Script code="x:=1"/>'), "no node of a plan: 'Script'"),
    "subtree": (tree('<SubTree ID="u"/>'), "no node of a plan: 'SubTree'"),
    "scripted": (tree('<wait _skipIf="true"/>'), "wrong arguments"),
    "scripted_sequence": (tree('<Sequence _onSuccess="x:=1"><wait/></Sequence>'), "has _onSuccess"),
    "unknown_skill": (tree("<fly/>"), "unknown skill 'fly'"),
    "missing_port": (tree("<pick/>"), "wrong arguments"),
    "unknown_port": (tree('<wait object="a"/>'), "wrong arguments"),
    "bad_number": (tree('<pull object="a" distance_m="9"/>'), "out of its range"),
    "blackboard": (tree('<pick object="{thing}"/>'), "no name"),
    "half_parallel": (tree('<Parallel success_count="1"><wait/><wait/></Parallel>'), "is content"),
    "stray_condition": (
        tree('<Holds condition="open(drawer)"/><wait/>'),
        "a condition of the call's own contract",
    ),
    "changed_guard": (
        tree('<ReactiveSequence><Holds condition="true"/><pull object="a"/></ReactiveSequence>'),
        "a condition of the call's own contract",
    ),
    "bad_condition": (tree('<wait/><Holds condition="open("/>'), "cannot parse"),
    "free_goal": (tree('<wait/><Holds condition="open(?c)"/>'), "a goal with variables"),
    "waits_for_nothing": (tree('<WaitFor calls="7"/><wait/>'), "a call that is not there"),
    "waits_in_a_circle": (
        tree(
            '<Parallel><Sequence><WaitFor calls="2"/><wait name="1."/></Sequence>'
            '<Sequence><WaitFor calls="1"/><wait name="2."/></Sequence></Parallel>'
        ),
        "wait for each other",
    ),
    "nodes_inside": (tree("<wait><wait/></wait>"), "has nodes inside"),
    "not_json": ("{", "not JSON"),
    "no_object": ("[]", "not an object"),
    "surplus": ('{"format": 1, "goal": "", "calls": [], "run": 1}', "keys do not fit"),
    "newer": ('{"format": 2, "goal": "", "calls": []}', "unknown format"),
    "no_call": ('{"format": 1, "goal": "", "calls": [{"call": "pick"}]}', "not a call"),
    "strange_order": (
        '{"format": 1, "goal": "", "calls": [{"call": "wait()", "after": [true]}]}',
        "no numbers of calls",
    ),
    "circle": (
        '{"format": 1, "goal": "", "calls": [{"call": "wait()", "after": [1]}]}',
        "wait for each other",
    ),
    "no_goal": ('{"format": 1, "goal": 7, "calls": []}', "no goal"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_plan_is_refused_with_a_reason(case):
    text, reason = REFUSED[case]
    with pytest.raises(PlanError) as caught:
        read_plan(text, SKILLS)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_skill_whose_parameters_cannot_be_ports_is_refused():
    odd = contract("odd", {"name": "object"})
    plan = Plan.sequence(Condition("true"), [Call(odd, ("a",))])
    with pytest.raises(PlanError, match="a parameter has a name"):
        write_plan(plan, "xml")


def test_an_unknown_format_brings_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'json'"):
        write_plan(two(), "jason")
    assert set(FORMATS) == {"xml", "json", "dot", "svg", "text"}
