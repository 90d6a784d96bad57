"""Guides: costs from what is seen, filled into every request for a chunk."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kata.datasets.types import ConfigError, EntityState, Pose, UnknownNameError
from kata.skills.execution.executor import SkillExecutor
from kata.skills.execution.guides import (
    FRANKA,
    GUIDES,
    Guides,
    KeepClear,
    KeepUpright,
    guide_names,
    make_guide,
)
from kata.skills.execution.options import ExecutorOptions
from kata.skills.execution.runner import run
from kata.skills.testing import FakePlanner, FakeWorld, drawer_plan, good_skills


def _seen(*, obstacle: bool = True, distance: float = 0.2, held: bool = False):
    """The fake world, with a pillar ahead of the tool and perhaps a cube in the hand."""
    seen = FakeWorld().observe()
    tool = seen.tool()
    place = tool.position + np.array([distance, 0.0, 0.0])
    entities = dict(seen.entities)
    if obstacle:
        half = np.array([0.02, 0.02, 0.2])
        pillar = EntityState("pillar", Pose(place, np.array([1.0, 0, 0, 0])), place, half)
        entities["pillar"] = replace(pillar, tags=frozenset({"obstacle"}))
    if held:
        below = tool.position + tool.apply(np.array([0, 0, 0.01])) - tool.position
        cube = EntityState("cube", Pose(below, tool.quaternion), below, np.full(3, 0.02))
        entities["cube"] = replace(cube, tags=frozenset({"object"}))
    return replace(seen, entities=entities)


def _call():
    return drawer_plan().calls[0]


def _ahead(seen, length: float) -> torch.Tensor:
    """A chunk that goes straight ahead in the world, whichever way the tool is turned."""
    inverse = seen.tool().inverse()
    start = seen.tool().position
    steps = np.linspace(0.0, length, 9)[1:]
    places = inverse.apply(start + steps[:, None] * np.array([1.0, 0.0, 0.0]))
    values = np.zeros((1, 8, 7))
    values[0, :, :3] = places
    return torch.as_tensor(values)


def test_nothing_to_keep_clear_of_is_no_cost() -> None:
    guide = Guides((KeepClear(),))
    assert guide(_call(), _seen(obstacle=False)) is None
    hidden = _seen()
    lost = replace(hidden.entities["pillar"], valid=False)
    assert guide(_call(), replace(hidden, entities={**hidden.entities, "pillar": lost})) is None


def test_what_leads_into_an_obstacle_costs() -> None:
    seen = _seen(distance=0.4)
    cost = Guides((KeepClear(),))(_call(), seen)
    assert float(cost(_ahead(seen, 0.05))) == 0.0
    assert float(cost(_ahead(seen, 0.4))) > 1.0


def test_a_held_object_counts_too() -> None:
    guide = Guides((KeepClear(body=_tip()),))
    empty, full = _seen(distance=0.2), _seen(distance=0.2, held=True)
    near = 0.2 - 0.02 - 0.02 - 0.012
    assert float(guide(_call(), full)(_ahead(full, near))) > float(
        guide(_call(), empty)(_ahead(empty, near))
    )


def _tip():
    from kata.policies.costs import Body

    return Body(np.zeros((1, 3)), np.full(1, 0.01))


def test_several_guides_are_one_cost() -> None:
    seen = _seen(distance=0.3)
    both = make_guide(("keep_clear", "keep_upright"))
    assert both is not None
    chunk = _ahead(seen, 0.3)
    chunk[..., 4] = 0.5
    parts = [Guides((part,))(_call(), seen)(chunk) for part in (KeepClear(), KeepUpright())]
    torch.testing.assert_close(both(_call(), seen)(chunk), sum(parts))


def test_the_names_of_a_configuration() -> None:
    assert guide_names("none") == () == guide_names([])
    assert make_guide(()) is None
    assert guide_names("keep_clear") == ("keep_clear",)
    assert (
        guide_names(["keep_upright", "keep_clear", "keep_upright"]) == tuple(sorted(GUIDES))[::-1]
    )
    with pytest.raises(UnknownNameError, match="keep_clear"):
        guide_names("keep_clera")
    with pytest.raises(ConfigError, match="none and something"):
        guide_names(["none", "keep_clear"])
    for wrong in (3, None, [1]):
        with pytest.raises(ConfigError, match="not a guide"):
            guide_names(wrong)


@pytest.mark.parametrize(("blend", "delay_s"), [("jerk_limited", 0.0), ("inpaint", 0.1)])
def test_every_request_of_a_run_carries_the_cost(blend: str, delay_s: float) -> None:
    """The guide is asked about what the policy answers from, be it foreseen."""
    told, sent = [], []

    def guide(call, observation):
        told.append(observation)
        assert observation.focus
        return None if call.contract.name == "open" else len(told)

    skills = good_skills()
    for skill in skills.values():
        inner = skill.policy.chunk

        def chunk(observation, request, inner=inner, name=skill.contract.name):
            sent.append(request.cost)
            assert observation is told[-1]
            assert request.cost == (None if name == "open" else len(told))
            return inner(observation, replace(request, cost=None))

        skill.policy.chunk = chunk
    log = run(
        FakeWorld(), drawer_plan(), skills, FakePlanner(), "blended", 0, delay_s,
        options=ExecutorOptions(blend=blend, guide=guide),
    )  # fmt: skip
    assert log.success
    assert len(sent) == len(told)
    assert {None} < set(sent)


def _executor(guide, robot):
    world = FakeWorld()
    return SkillExecutor(
        robot, world.kinematics, world.period_s, good_skills(), ExecutorOptions(guide=guide)
    )


@pytest.mark.parametrize("name", sorted(GUIDES))
def test_a_guide_that_does_not_know_the_hand_is_refused(name: str) -> None:
    """Its size and its axes stand in no robot file."""
    with pytest.raises(ConfigError, match="does not know") as caught:
        _executor(make_guide((name,)), FakeWorld().robot)
    assert (caught.value.where, caught.value.got) == (f"guide={name}", "robot=point")
    for known in FRANKA:
        _executor(make_guide((name,)), replace(FakeWorld().robot, name=known))


def test_a_guide_that_was_told_the_hand_fits_any_robot() -> None:
    told = Guides((KeepClear(body=_tip()), KeepUpright(axis=(0.0, 1.0, 0.0))))
    _executor(told, FakeWorld().robot)
    _executor(lambda call, observation: None, FakeWorld().robot)
    seen = _seen()
    chunk = torch.zeros((1, 8, 7), dtype=torch.float64)
    up = seen.tool().apply(np.array([0.0, 1.0, 0.0])) - seen.tool().position
    rated = [float(Guides((KeepUpright(axis=a),))(_call(), seen)(chunk)) for a in (None, (0, 1, 0))]
    assert rated[0] == 0.0
    assert abs(up[2]) < 0.5
    assert rated[1] > 1.0
