"""The scripted experts of MuJoCo's table pass the contract test kit."""

import functools
import json

import pytest

from kata.launch import build
from kata.launch.agents import Agent
from kata.launch.cli import main
from kata.sim.tasks import make_trial
from kata.skills.testing import SkillContract, check_skill


class Expert(SkillContract):
    """The scripted expert of one default skill."""

    name = "pick"

    def make_world(self):
        return make_trial(self.name)

    def make_skill(self, world):
        return Agent(build.contract(self.name)).load(world)


def kit(name):
    by_chance = (
        frozenset({"near(?object, *)"}) if name in ("push", "place", "stack") else frozenset()
    )
    return type(f"Expert_{name}", (Expert,), {"name": name, "by_chance": by_chance})()


@functools.cache
def checked(name):
    return check_skill(kit(name))


@pytest.mark.parametrize("name", ["pick", "open"])
def test_experts_pass(name):
    assert checked(name) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", [c.name for c in build.contracts() if c.embodiment.arms == 1])
def test_all_one_armed_experts_pass(name):
    assert checked(name) == {}


@pytest.mark.slow
def test_all_two_armed_experts_pass():
    assert checked("handover") == {}


@pytest.mark.slow
@pytest.mark.parametrize("robot", ["panda", "two_pandas"])
def test_the_default_skills_pass_the_audit_by_rollouts(robot, tmp_path):
    scene = [f"robot={robot}", *(["world=two_arms"] if robot == "two_pandas" else [])]
    names = ["handover"] if scene[1:] else ["pick", "place", "stack", "push", "open"]
    for name in names:
        folder = tmp_path / name
        line = ["library", "audit", name, "rollouts=6", *scene, f"out={folder}"]
        assert main(line) == 0
        (told,) = json.loads((folder / "result.json").read_text())["packages"]
        assert told["rollouts"]["findings"] == []
        assert len(told["rollouts"]["parts"][0]["uses"]) == 6
        # Pairs in which the second could never begin say nothing; most of them can.
        run = [part for part in told["rollouts"]["parts"][1:] if part["uses"]]
        assert len(run) >= 5
