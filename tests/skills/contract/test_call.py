"""Calls: text and back, what they claim, what they show a policy, and what is refused."""

import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import ConditionError, Place, UnknownNameError
from kata.datasets.types.arguments import free_text
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.contract.files import read_contracts
from kata.skills.testing.fake_world import FakeWorld

CONTRACTS = read_contracts(Path(__file__).resolve().parents[3] / "configs" / "skill")
PICK = next(contract for contract in CONTRACTS if contract.name == "pick")


def test_a_call_binds_by_position_and_by_name():
    place_in = next(contract for contract in CONTRACTS if contract.name == "place_in")
    call = Call.of(place_in, ("red_cube", "drawer"))
    assert call == Call.of(place_in, {"container": "drawer", "object": "red_cube"})
    assert str(call) == "place_in(red_cube, drawer)"
    assert call.arguments == {"object": "red_cube", "container": "drawer"}
    assert call.focus == ("red_cube", "drawer")
    assert str(call.requires) == ("holding(red_cube) and open(drawer) and reachable(drawer)")
    assert str(call.holds) == "true"
    assert not call.achieves.free()


@pytest.mark.parametrize("arguments", [(), ("a", "b"), {"thing": "a"}, {}])
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(ConditionError, match="'pick' with wrong arguments"):
        Call.of(PICK, arguments)


PUSH = Contract.from_data(
    {
        "format": 2,
        "name": "slide",
        "version": "1.0.0",
        "summary": "Slide it.",
        "parameters": {
            "object": "object",
            "way_m": {"type": "number", "unit": "m", "range": [0.02, 0.2], "default": 0.1},
            "to": {"type": "pose", "default": "table@0.4,0,0.02"},
            "how": {"type": "text", "default": "gently"},
        },
        "achieves": "near(?object, blue_cube)",
        "duration_s": 5,
    }
)
HANDOVER = Contract.from_data(
    {
        "format": 2,
        "name": "handover",
        "version": "1.0.0",
        "summary": "From hand to hand.",
        "parameters": {"object": "object", "giver": "hand", "taker": "hand"},
        "requires": "holding(?giver, ?object) and gripper_empty(?taker)",
        "achieves": "holding(?taker, ?object) and gripper_empty(?giver)",
        "resources": ["?giver", "?taker"],
        "duration_s": 9,
    }
)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("pick(red_cube)", "pick(red_cube)"),
        (" pick( red_cube ,hand=left )", "pick(red_cube, hand=left)"),
        ("pick(object=red_cube)", "pick(red_cube)"),
        (
            "slide(red_cube)",
            'slide(red_cube, way_m=0.1, to=table@0.4,0,0.02, how="gently")',
        ),
        (
            'slide(red_cube, how="a, (b) = \\"c\\"", to=drawer@1,2,3,0.5, way_m=2e-2)',
            'slide(red_cube, way_m=0.02, to=drawer@1,2,3,0.5, how="a, (b) = \\"c\\"")',
        ),
        ("handover(red_cube, left, right)", "handover(red_cube, left, right)"),
    ],
)
def test_a_call_is_read_from_text(said, shown):
    call = Call.parse(said, [PICK, PUSH, HANDOVER])
    assert str(call) == shown
    assert Call.parse(shown, [PICK, PUSH, HANDOVER]) == call


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("pick", "not a call"),
        ("pick()", "wrong arguments"),
        ("pick(red_cube, blue_cube)", "wrong arguments"),
        ("pick(red_cube,)", "a value after the comma"),
        ("pick(red_cube); place(x)", "not a call"),
        ("pick(object=red_cube, object=blue_cube)", "wrong arguments"),
        ("handover(red_cube, left, right, hand=left)", "wrong arguments"),
        ("slide(red_cube, way_m=0.5)", "'way_m' is out of its range"),
        ("slide(red_cube, way_m=nan)", "not a number"),
        ("slide(red_cube, way_m=far)", "not a number"),
        ("slide(red_cube, to=table@1,2)", "not a call"),
        ("slide(red_cube, to=table)", "not a place"),
        ("pick(" + "x" * 3000 + ")", "not a call"),
    ],
)
def test_what_is_no_call_is_refused(said, message):
    with pytest.raises(ConditionError, match=re.escape(message)):
        Call.parse(said, [PICK, PUSH, HANDOVER])


def test_a_skill_that_is_not_there_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'pick'"):
        Call.parse("pik(red_cube)", [PICK])


@given(st.text(max_size=80))
def test_any_text_is_a_call_or_refused(text):
    with suppress(ConditionError, UnknownNameError):
        Call.parse(text, [PICK, PUSH, HANDOVER])
    with suppress(ConditionError, UnknownNameError):
        Call.parse(f"slide({text})", [PUSH])


@given(
    st.floats(0.02, 0.2),
    st.tuples(*[st.floats(-9, 9)] * 4),
    st.text(st.characters(categories=["L", "N", "P"]) | st.just(" "), max_size=20),
)
def test_every_call_reads_back_equal(way, place, how):
    x, y, z, yaw = place
    values = {"way_m": way, "to": str(Place("table", x, y, z, yaw)), "how": free_text(how)}
    call = Call.of(PUSH, ["red_cube"]).with_values(**values)
    assert Call.parse(str(call), [PUSH]) == call
    assert call.numbers == {"way_m": way}


def test_a_hand_stands_for_the_omitted_one_and_claims_its_arm():
    call = Call(PICK, ("red_cube",), "left")
    assert "gripper_empty(left)" in str(call.requires)
    assert "holding(left, red_cube)" in str(call.achieves)
    assert (call.hands, call.resources) == (("left",), {"left_arm"})
    assert Call(PICK, ("red_cube",)).resources == {"arm"}
    both = Call(HANDOVER, ("red_cube", "left", "right"))
    assert both.resources == {"left_arm", "right_arm"}
    assert both.objects == both.focus == ("red_cube",)


def test_a_call_shows_the_policy_things_places_and_numbers():
    seen = FakeWorld().observe()
    call = Call.parse("slide(red_cube, to=drawer@0.1,0,0)", [PUSH]).seen(seen)
    assert call.focus == ("red_cube", "drawer@0.1,0,0")
    drawer, place = seen.entities["drawer"].pose, call.focused()[1].pose
    assert np.allclose(place.position, drawer.apply(np.array([0.1, 0.0, 0.0])))
    values = call.values()
    assert values["observation.arguments"].tolist() == [0.1]
    assert values["observation.focus"].shape == (2, len(seen.entities["drawer"].row()))
    assert values["observation.environment_state"].shape == seen.values()[
        "observation.environment_state"].shape  # fmt: skip
    with pytest.raises(UnknownNameError, match="shelf"):
        Call.parse("slide(red_cube, to=shelf@0,0,0)", [PUSH]).seen(seen)
