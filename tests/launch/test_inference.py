"""`inference=`: what runs the networks of the skills that are loaded."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kata.datasets.testing import fake_robot
from kata.datasets.types import UnknownNameError
from kata.launch import build
from kata.launch.agents import Agent
from kata.policies.fakes import fake_policy
from kata.policies.onnx_network import OnnxNetwork
from kata.policies.policy import ChunkPolicy
from kata.skills.library.trust import make_package

WORLD: Any = SimpleNamespace(robot=fake_robot(), kinematics=None)


@pytest.mark.parametrize(("inference", "engine"), [("torch", type(None)), ("onnx", OnnxNetwork)])
def test_a_learned_skill_is_run_by_what_was_chosen(
    inference: str, engine: type, tmp_path: Path
) -> None:
    contract = build.contract("pick")
    package = make_package(tmp_path, contract, fake_policy("regression").save)
    policy = Agent(contract, package, inference).load(WORLD).policy
    assert isinstance(policy, ChunkPolicy)
    assert isinstance(policy.engine, engine)


def test_an_unknown_engine_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'onnx'"):
        Agent(build.contract("pick"), inference="onx")
