"""Contracts and calls: YAML and back, and what is refused with which words."""

import json
import string
import time
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import Condition, ContractError
from kata.datasets.types.arguments import number_text
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract
from kata.skills.contract.files import (
    contract_text,
    parse_contract,
    read_contract,
    read_contracts,
)
from kata.skills.contract.parameter import Parameter
from kata.skills.contract.promise import Embodiment, Envelope, FailureMode, Workspace
from kata.skills.contract.schema import contract_schema
from kata.skills.contract.testing_scene import facts_for
from kata.skills.testing.fake_world import FakeWorld

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "configs" / "skill"
SCHEMA = jsonschema.Draft202012Validator(contract_schema())
CONTRACTS = read_contracts(FOLDER)
PICK = next(contract for contract in CONTRACTS if contract.name == "pick")


def test_the_default_skills():
    assert [contract.name for contract in CONTRACTS] == [
        "close",
        "handover",
        "open",
        "pick",
        "place",
        "place_in",
        "press",
        "push",
        "stack",
    ]


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_yaml_and_back(contract):
    assert parse_contract(contract_text(contract).encode()) == contract
    assert Contract.from_data(contract.to_data()) == contract


NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=8)
WORDS = st.text(max_size=60).map(lambda text: " ".join(text.split()))
CONDITIONS = st.sampled_from(
    [
        "true",
        "open(drawer) >= 1.5",
        "holding(?a) and not gripper_empty()",
        "forall ?s: cube. not on(?a, ?s)",
    ]
).map(Condition.parse)
NUMBERS = st.tuples(st.floats(-9, 9), st.floats(0, 9), st.floats(0, 1)).map(
    lambda t: Parameter(
        "way_m", "number", "m", t[0], t[0] + t[1], number_text(min(t[0] + t[1], t[0] + t[1] * t[2]))
    )
)
PARAMETERS = st.lists(
    st.one_of(
        NUMBERS,
        st.just(Parameter("spot", "pose", default="table@0.1,0,0.02")),
        st.just(Parameter("how", "text", default='"gently"')),
        st.just(Parameter("label", "text")),
    ),
    unique_by=lambda parameter: parameter.name,
).map(lambda more: (Parameter("a", "object"), Parameter("giver", "hand"), *more))
COORDINATES = st.tuples(*[st.floats(-2, 0)] * 3), st.tuples(*[st.floats(0.1, 2)] * 3)
LIMITS = st.builds(
    Envelope,
    speed_m_s=st.floats(0.01, 3),
    force_n=st.none() | st.floats(1, 90),
    workspace=st.none() | st.builds(Workspace, *COORDINATES),
)
EMBODIMENTS = st.builds(
    Embodiment,
    arms=st.integers(0, 3),
    joints=st.integers(0, 9),
    gripper=st.booleans(),
    sensors=st.lists(NAMES, max_size=2).map(tuple),
    rate_hz=st.floats(0, 500),
    control=st.sampled_from(["", "joint", "tool"]),
)
ANY = st.builds(
    Contract,
    name=NAMES,
    version=st.tuples(*[st.integers(0, 99)] * 3).map(lambda v: "{}.{}.{}".format(*v)),
    summary=WORDS,
    parameters=PARAMETERS,
    requires=CONDITIONS,
    holds=CONDITIONS,
    achieves=CONDITIONS,
    duration_s=st.floats(0.1, 99),
    settle_s=st.floats(0, 9),
    cost=st.floats(0, 99),
    resources=st.lists(st.one_of(NAMES, st.just("?giver")), max_size=2).map(tuple),
    limits=LIMITS,
    embodiment=EMBODIMENTS,
    description=WORDS,
    examples=st.lists(WORDS, max_size=2).map(tuple),
    failures=st.lists(
        st.builds(FailureMode, NAMES, CONDITIONS, WORDS), max_size=2, unique_by=lambda m: m.name
    ).map(tuple),
    provenance=st.dictionaries(st.sampled_from(["dataset", "code"]), WORDS),
)


@given(ANY)
def test_any_contract_survives_yaml_and_fits_the_schema(contract):
    assert parse_contract(contract_text(contract).encode()) == contract
    SCHEMA.validate(contract.to_data())


def test_the_published_schema_is_that_of_the_code():
    """Written by `python tests/launch/refresh.py`."""
    published = json.loads((ROOT / "docs" / "skill.schema.json").read_text())
    assert published == contract_schema()
    jsonschema.Draft202012Validator.check_schema(published)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_the_default_skills_fit_the_schema(contract):
    SCHEMA.validate(contract.to_data())


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Pick"},
        {"version": "1"},
        {"surprise": 1},
        {"duration_s": 0},
        {"limits": {"speed_m_s": 0}},
        {"limits": {"workspace": {"low": [0, 0, 0]}}},
        {"embodiment": {"arms": -1}},
        {"provenance": {"author": "me"}},
        {"parameters": {"way_m": {"type": "number"}}},
        {"parameters": {"Way": "object"}},
    ],
)
def test_what_the_schema_refuses_reading_refuses_too(change):
    data = PICK.to_data() | change
    assert not SCHEMA.is_valid(data)
    with pytest.raises(ContractError):
        Contract.from_data(data)


def test_pick_can_become_true_although_a_cube_is_a_support_too():
    held = facts_for({"red_cube": "hand"})
    assert Call(PICK, ("red_cube",)).achieves.evaluate(held).value is True


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Pick Up"}, "bad skill name"),
        ({"version": "1.0"}, "bad version"),
        ({"duration_s": 0}, "impossible numbers"),
        ({"cost": float("nan")}, "impossible numbers"),
        ({"limits": {"speed_m_s": -1}}, "impossible limits"),
        ({"limits": {"force_n": float("inf")}}, "impossible limits"),
        ({"limits": {"speed": 1}}, "unknown key (in skill.yaml limits)"),
        ({"limits": {"workspace": {"low": [0, 0, 0]}}}, "half a workspace"),
        ({"limits": {"workspace": {"low": [0, 0, 0], "high": [1, 0, 1]}}}, "not a workspace"),
        ({"limits": 3}, "not a mapping (in skill.yaml limits)"),
        ({"embodiment": {"arms": -1}}, "impossible embodiment"),
        ({"embodiment": {"control": "by thought"}}, "impossible embodiment"),
        ({"embodiment": {"gripper": "maybe"}}, "not a choice"),
        ({"provenance": {"author": "me"}}, "unknown key (in skill.yaml provenance)"),
        (
            {"failures": {"slips": {"sign": "holding(?what)"}}},
            "(in skill.yaml pick.failures.slips)",
        ),
        ({"examples": "pick it"}, "not a list"),
        ({"resources": ["?object"]}, "bad resource"),
        ({"parameters": {"object": "object", "hand": "hand"}}, "parameters out of order"),
        (
            {
                "parameters": {
                    "way_m": {"type": "number", "unit": "m", "range": [0, 1]},
                    "object": "object",
                }
            },
            "parameters out of order",
        ),
        (
            {"parameters": {"object": "object", "way": {"type": "number", "unit": "m"}}},
            "a number's name must bear its unit",
        ),
        (
            {"parameters": {"object": "object", "way_m": {"type": "number", "unit": "m"}}},
            "a number needs a range",
        ),
        (
            {
                "parameters": {
                    "object": "object",
                    "way_m": {"type": "number", "unit": "m", "range": [0, 1], "default": 2},
                }
            },
            "the default does not fit",
        ),
        ({"duration_s": "long"}, "wrong type"),
        ({"parameters": ["object"]}, "wrong type"),
        ({"parameters": {"Object": "object"}}, "bad parameter names"),
        ({"format": 3}, "unknown format"),
        ({"format": True}, "unknown format"),
        ({"format": 1}, "fields of a later format"),
        ({"format": None}, "unknown format"),
        ({"surprise": 1}, "surplus ['surprise']"),
        (
            {"achieves": "holding(?thing)"},
            "names an unknown parameter (in skill.yaml pick.achieves)",
        ),
        ({"requires": "clear(?object"}, "cannot parse (in skill.yaml condition"),
        ({"requires": "cleer(?object)"}, "did you mean 'clear'"),
    ],
)
def test_bad_contracts_say_what_is_wrong(change, message):
    data = PICK.to_data() | change
    with pytest.raises(ContractError) as caught:
        Contract.from_data(data)
    assert message in str(caught.value)


def test_missing_fields_are_listed():
    data = PICK.to_data()
    del data["achieves"], data["summary"]
    with pytest.raises(ContractError, match=r"missing \['achieves', 'summary'\]"):
        Contract.from_data(data)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"requires: forall ?c: openable. x", "not YAML"),
        (b"- a\n- b", "not a contract"),
        (b"", "not a contract"),
        (b"a: &x [1]\nb: *x", "aliases are not allowed"),
        (b"format: 1\nformat: 1", "repeated keys: format"),
        (b"\xff\xfe\x00", "not YAML"),
        (b"[" * 5000, "not YAML"),
        (b"a: " + b"x" * 70_000, "too long"),
        (b"!!python/object/apply:os.system ['true']", "not YAML"),
    ],
)
def test_bad_yaml_is_refused(content, message):
    with pytest.raises(ContractError, match=message):
        parse_contract(content)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(ContractError, match="cannot read"):
        read_contract(tmp_path / "no.yaml")
    with pytest.raises(ContractError, match="no contracts"):
        read_contracts(tmp_path)


def test_contracts_are_values():
    assert replace(PICK) == PICK
    assert len({PICK, replace(PICK)}) == 1


def test_a_contract_of_format_1_is_read_as_one_of_now():
    """As the first release wrote it; the package keeps its bytes, what is read is of now."""
    old = (Path(__file__).parent / "format_1.yaml").read_bytes()
    contract = parse_contract(old)
    assert contract.limits.speed_m_s == 0.4
    assert contract.to_data()["format"] == 2
    assert parse_contract(contract_text(contract).encode()) == contract


def test_an_embodiment_says_what_a_robot_lacks():
    robot = FakeWorld().robot
    assert Embodiment().lacks(robot) == ()
    assert Embodiment(arms=2, joints=7).lacks(robot) == (
        "2 arms of 7 joints with a gripper, not 0",
    )
    assert Embodiment(rate_hz=500).lacks(robot, 0.01) == ("a servo of 500 Hz, not 100",)


@given(st.tuples(*[st.floats(-3, 3)] * 3))
def test_a_workspace_tells_how_far_a_point_is_outside(point):
    box = Workspace((-1.0, -1.0, 0.0), (1.0, 1.0, 1.0))
    inside = np.clip(point, box.low, box.high)
    assert box.outside_m(point) == pytest.approx(float(np.linalg.norm(inside - point)))


@pytest.mark.parametrize("sensors", ["observation.state", 3, {"camera": 1}])
def test_sensors_are_a_list(sensors):
    with pytest.raises(ContractError, match="not a list") as caught:
        Embodiment.from_data({"sensors": sensors})
    assert caught.value.where == "embodiment.sensors"
    assert Embodiment.from_data({"sensors": ["a", "b"]}).sensors == ("a", "b")


@pytest.mark.parametrize("version", ["1.0.\u0663", "\uff11.0.0", "1.0.0\n", "1.0"])
def test_a_version_is_of_plain_digits(version):
    with pytest.raises(ContractError, match="bad version"):
        replace(PICK, version=version)


@pytest.mark.timeout(20)
def test_very_many_keys_are_read_in_linear_time():
    # A comparison of each with each took half a minute for a file of the greatest size.
    content = ("{" + ",".join(f"{i:x}: 1" for i in range(9_000)) + "}").encode()[: 64 << 10]
    begin = time.process_time()
    with pytest.raises(ContractError):
        parse_contract(content)
    assert time.process_time() - begin < 10.0
    with pytest.raises(ContractError, match="repeated keys: name"):
        parse_contract(b"name: a\nname: b\n")
    with pytest.raises(ContractError, match="not YAML"):
        parse_contract(b"? [a]\n: b\n")
