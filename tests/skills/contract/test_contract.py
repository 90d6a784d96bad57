"""Contracts and calls: YAML and back, and what is refused with which words."""

import string
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import Condition, ConditionError, ContractError
from kata.skills.contract.call import Call
from kata.skills.contract.contract import Contract, Parameter
from kata.skills.contract.files import (
    contract_text,
    parse_contract,
    read_contract,
    read_contracts,
)
from kata.skills.contract.testing_scene import facts_for

FOLDER = Path(__file__).resolve().parents[3] / "configs" / "skill"
CONTRACTS = read_contracts(FOLDER)
PICK = next(contract for contract in CONTRACTS if contract.name == "pick")


def test_the_default_skills():
    assert [contract.name for contract in CONTRACTS] == [
        "close",
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
CONDITIONS = st.sampled_from(
    [
        "true",
        "open(drawer)",
        "holding(?a) and not gripper_empty()",
        "forall ?s: cube. not on(?a, ?s)",
    ]
).map(Condition.parse)
ANY = st.builds(
    Contract,
    name=NAMES,
    version=st.tuples(*[st.integers(0, 99)] * 3).map(lambda v: "{}.{}.{}".format(*v)),
    summary=st.text(max_size=60).map(lambda text: " ".join(text.split())),
    parameters=st.just((Parameter("a", "object"),)),
    requires=CONDITIONS,
    holds=CONDITIONS,
    achieves=CONDITIONS,
    duration_s=st.floats(0.1, 99),
    settle_s=st.floats(0, 9),
    cost=st.floats(0, 99),
    speed_m_s=st.floats(0, 3),
    resources=st.lists(NAMES, max_size=2).map(tuple),
)


@given(ANY)
def test_any_contract_survives_yaml(contract):
    assert parse_contract(contract_text(contract).encode()) == contract


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
        ({"speed_m_s": -1}, "impossible numbers"),
        ({"duration_s": "long"}, "wrong type"),
        ({"parameters": ["object"]}, "wrong type"),
        ({"parameters": {"Object": "object"}}, "bad parameter names"),
        ({"format": 2}, "unknown format"),
        ({"format": None}, "unknown format"),
        ({"surprise": 1}, "surplus ['surprise']"),
        (
            {"achieves": "holding(?thing)"},
            "names an unknown parameter (in pick.achieves)",
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


def test_a_call_binds_by_position_and_by_name():
    place_in = next(contract for contract in CONTRACTS if contract.name == "place_in")
    call = Call.of(place_in, ("red_cube", "drawer"))
    assert call == Call.of(place_in, {"container": "drawer", "object": "red_cube"})
    assert str(call) == "place_in(red_cube, drawer)"
    assert call.arguments == {"object": "red_cube", "container": "drawer"}
    assert call.focus == ("red_cube", "drawer")
    assert str(call.requires) == "holding(red_cube) and open(drawer)"
    assert str(call.holds) == "true"
    assert not call.achieves.free()


@pytest.mark.parametrize("arguments", [(), ("a", "b"), {"thing": "a"}, {}])
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(ConditionError, match="'pick' with wrong arguments"):
        Call.of(PICK, arguments)


def test_contracts_are_values():
    assert replace(PICK) == PICK
    assert len({PICK, replace(PICK)}) == 1
