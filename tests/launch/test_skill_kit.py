"""The scripted experts of MuJoCo's table pass the contract test kit."""

import functools

import pytest

from kata.launch import build
from kata.launch.agents import Agent
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
