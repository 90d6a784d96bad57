"""Feature specifications check at the boundary; a robot's description is consistent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import (
    FeatureSpec,
    Hand,
    KeySpec,
    Limits,
    Part,
    RobotSpec,
    SpecError,
    UnknownNameError,
)

KEYS = st.builds(
    KeySpec,
    st.sampled_from(["float32", "float64", "int64", "int8", "bool", "video", "string"]),
    st.lists(st.integers(1, 4), max_size=3).map(tuple),
    unit=st.sampled_from(["", "m", "rad"]),
)
SPECS = st.dictionaries(st.text("abc.", min_size=1, max_size=5), KEYS, max_size=5).map(
    FeatureSpec.of
)


@given(SPECS, st.integers(0, 99))
def test_a_fake_passes_its_own_check_and_is_reproducible(spec, seed):
    spec.check(spec.fake(seed), extra_ok=False)
    again = spec.fake(seed)
    assert all(np.array_equal(value, again[key]) for key, value in spec.fake(seed).items())


@given(SPECS)
def test_json_and_back(spec):
    assert FeatureSpec.from_json(spec.to_json()) == spec
    assert list(FeatureSpec.from_json(spec.to_json())) == list(spec)


SPEC = FeatureSpec.of(
    {"observation.state": KeySpec("float32", (8,), unit="rad"), "task": KeySpec("string", ())}
)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"task": "x"}, "missing keys (in ep 3)\n  expected: observation.state, task"),
        (
            {"observation.state": np.zeros(7), "task": "x"},
            "wrong shape (in ep 3 observation.state)\n  expected: (8,)\n  got:      (7,)",
        ),
        (
            {"observation.state": np.zeros(8, dtype=complex), "task": "x"},
            "wrong dtype (in ep 3 observation.state)\n  expected: float32\n  got:      complex128",
        ),
        (
            {"observation.state": np.zeros(8), "task": 3},
            "wrong type (in ep 3 task)\n  expected: text\n  got:      int",
        ),
        (
            {"observation.state": np.zeros(8), "task": "x", "more": 1},
            "surplus keys (in ep 3)\n  got:      more",
        ),
    ],
)
def test_what_does_not_fit_is_named(values, message):
    with pytest.raises(SpecError) as caught:
        SPEC.check(values, where="ep 3", extra_ok=False)
    assert str(caught.value).startswith(message)


def test_a_spec_is_a_mapping():
    assert SPEC.get("nothing") is None
    assert "task" in SPEC
    with pytest.raises(UnknownNameError, match="did you mean 'task'"):
        SPEC["tsk"]


def test_batches_have_one_more_axis():
    KeySpec("float32", (8,)).check("x", np.zeros((5, 8)), batch=True)
    with pytest.raises(SpecError, match="wrong shape"):
        KeySpec("float32", (8,)).check("x", np.zeros(8), batch=True)


@pytest.mark.parametrize("data", [{"a": {}}, {"a": 3}, {"a": {"dtype": "f", "shape": "x"}}])
def test_foreign_json_is_refused(data):
    with pytest.raises(SpecError):
        FeatureSpec.from_json(data)


def test_unknown_dtypes_are_refused():
    with pytest.raises(SpecError, match="unknown dtype"):
        KeySpec("float33", ())


def limits(size, **changes):
    values = {"lower": -1.0, "upper": 1.0, "velocity": 1.0, "acceleration": 1.0, "jerk": 1.0}
    return Limits(**{name: np.full(size, value) for name, value in (values | changes).items()})


def robot(**changes):
    parts = (Part("arm", "arm", ("j1", "j2"), 0), Part("gripper", "gripper", ("g",), 2))
    fields = {
        "name": "tiny",
        "parts": parts,
        "limits": limits(3),
        "home": np.zeros(3),
        "hands": (Hand("hand", "arm", "gripper"),),
    }
    return RobotSpec(**(fields | changes))


def test_a_robot_finds_its_parts():
    tiny = robot()
    assert tiny.joints == ("j1", "j2", "g")
    assert tiny.size == 3
    assert tiny.part("gripper").slice == slice(2, 3)
    assert tiny.hand() == tiny.hand("hand")
    with pytest.raises(UnknownNameError, match="did you mean 'arm'"):
        tiny.part("amr")
    with pytest.raises(UnknownNameError):
        tiny.hand("left")


def test_its_fingerprint_is_of_names_order_and_limits():
    assert robot().fingerprint() == robot(home=np.full(3, 0.5)).fingerprint()
    assert robot().fingerprint() != robot(name="other").fingerprint()
    assert robot().fingerprint() != robot(limits=limits(3, upper=2.0)).fingerprint()
    assert robot().fingerprint() == "4715a7c175fa1241"


@pytest.mark.parametrize(
    "changes",
    [
        {"home": np.zeros(4)},
        {"limits": limits(2)},
        {"parts": (Part("arm", "arm", ("j1", "j2", "g"), 1),)},
    ],
)
def test_inconsistent_robots_are_refused(changes):
    with pytest.raises(SpecError):
        robot(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"lower": 1.0},
        {"velocity": 0.0},
        {"jerk": -1.0},
        {"upper": np.nan},
        {"acceleration": np.nan},
    ],
)
def test_impossible_limits_are_refused(changes):
    with pytest.raises(SpecError, match="no room"):
        limits(3, **changes)


def test_limits_of_unequal_length_are_refused():
    three, two = np.ones(3), np.ones(2)
    with pytest.raises(SpecError, match="unequal length"):
        Limits(-three, three, three, three, two)


@given(st.lists(st.floats(-9, 9), min_size=3, max_size=3))
def test_clip_moves_inside(position):
    clipped = limits(3).clip(np.array(position))
    assert np.all(np.abs(clipped) <= 1.0)
