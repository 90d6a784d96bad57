"""Two skills at once: the laws of the sum, what it can that neither can, and what is refused."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from kata.datasets.types import ChunkRequest, ConfigError, Observation, Policy, SpecError
from kata.policies.composition import Composed, Part
from kata.policies.fakes import fake_observation, fake_policy
from kata.policies.normalise import Normaliser
from kata.policies.policy import ChunkPolicy
from kata.policies.sampling import SampledPolicy
from kata.policies.testing import LearnedPolicyContract


def _policy(kind: str = "diffusion", shift: float = 0.0, **settings: Any) -> SampledPolicy:
    """A fake one; with `shift` (normalised), added to its answers, in units of its own."""
    policy = fake_policy(kind, **settings)
    assert isinstance(policy, SampledPolicy)
    if shift:
        card = policy.card
        own = Normaliser(card.actions.center + 0.01, card.actions.scale * 1.5, card.actions.clip)
        changed = type(policy)(replace(card, actions=own))
        changed.network.load_state_dict(copy.deepcopy(policy.network.state_dict()))
        with torch.no_grad():
            list(changed.network.parameters())[-1].add_(shift)
        return changed
    return policy


def _chunk(policy: Policy, seed: int = 0) -> np.ndarray:
    seen = fake_observation(seed)
    policy.reset(seed)
    return policy.chunk(seen, ChunkRequest(seen.time_s)).values


class TestComposed(LearnedPolicyContract):
    def make_policy(self) -> ChunkPolicy:
        return Composed([Part(_policy(), 0.6), Part(_policy(shift=0.5), 0.4)])

    def make_observation(self, seed: int) -> Observation:
        return fake_observation(seed)


class TestComposedFlow(TestComposed):
    def make_policy(self) -> ChunkPolicy:
        return Composed([Part(_policy("flow"), 0.5), Part(_policy("flow", shift=0.5), 0.5)])


@pytest.mark.parametrize("kind", ["diffusion", "flow"])
def test_the_whole_weight_is_the_part_itself(kind: str) -> None:
    """(1, 0) gives the first to the bit, (0, 1) the second."""
    one, other = _policy(kind), _policy(kind, shift=0.5)
    assert np.abs(_chunk(one) - _chunk(other)).max() > 1e-3
    for weights, alone in (((1.0, 0.0), one), ((0.0, 1.0), other)):
        mixed = Composed([Part(one, weights[0]), Part(other, weights[1])])
        np.testing.assert_array_equal(_chunk(mixed), _chunk(alone))


@pytest.mark.parametrize("kind", ["diffusion", "flow"])
@pytest.mark.parametrize("committed", [0, 2])
def test_what_runs_guides_the_sum_as_it_guides_a_part(kind: str, committed: int) -> None:
    """To the bit with the whole weight; a policy with itself is guided as it is alone."""
    one, other, seen = _policy(kind), _policy(kind, shift=0.5), fake_observation(0)
    prefix = _chunk(one)[:5] + 0.03
    request = ChunkRequest(seen.time_s, prefix=prefix, committed=committed)

    def after(policy: Policy) -> np.ndarray:
        policy.reset(0)
        return policy.chunk(seen, request).values

    for weights, alone in (((1.0, 0.0), one), ((0.0, 1.0), other)):
        mixed = Composed([Part(one, weights[0]), Part(other, weights[1])])
        np.testing.assert_array_equal(after(mixed), after(alone))
    halves = Composed([Part(one, 0.5), Part(one, 0.5)])
    np.testing.assert_allclose(after(halves), after(one), atol=1e-5)


@pytest.mark.parametrize("kind", ["diffusion", "flow"])
def test_a_policy_with_itself_is_itself(kind: str) -> None:
    one = _policy(kind)
    mixed = Composed([Part(one, 0.7), Part(one, 0.3)])
    np.testing.assert_allclose(_chunk(mixed), _chunk(one), atol=1e-6)


def _towards(axis: int) -> SampledPolicy:
    """Goes 8 cm along one axis and nowhere else, whatever it sees."""
    policy = _policy()
    last = list(policy.network.parameters())
    goal = np.zeros((policy.chunk_spec.horizon, policy.chunk_spec.width), dtype=np.float32)
    goal[:, axis] = np.linspace(0.0, 0.08, len(goal) + 1)[1:]
    normal = (torch.as_tensor(goal) - policy._center) / policy._scale
    with torch.no_grad():
        last[-2].zero_()
        last[-1].copy_(normal.flatten())
    return policy


def test_the_sum_goes_where_neither_part_goes() -> None:
    """One goes ahead, one goes aside: the sum reaches both halves of its way."""
    ahead, aside = _towards(0), _towards(1)
    both = _chunk(Composed([Part(ahead, 0.5), Part(aside, 0.5)]))[-1, :2]
    np.testing.assert_allclose(both, [0.04, 0.04], atol=2e-3)
    assert abs(_chunk(ahead)[-1, 1]) < 1e-3
    assert abs(_chunk(aside)[-1, 0]) < 1e-3
    more = _chunk(Composed([Part(ahead, 1.0), Part(aside, 1.0), Part(_still(), -1.0)]))[-1, :2]
    np.testing.assert_allclose(more, [0.08, 0.08], atol=4e-3)


def _still() -> SampledPolicy:
    policy = _towards(0)
    with torch.no_grad():
        list(policy.network.parameters())[-1].copy_((-policy._center / policy._scale).flatten())
    return policy


def test_a_prefix_is_kept_and_a_cost_steers() -> None:
    mixed, seen = (
        Composed([Part(_policy(), 0.5), Part(_policy(shift=0.5), 0.5)]),
        fake_observation(0),
    )
    prefix = np.full((2, 7), 0.01)

    def high(chunks: torch.Tensor) -> torch.Tensor:
        return ((chunks[:, -1, 2] - 0.1) / 0.02) ** 2

    free = _chunk(mixed)
    mixed.reset(0)
    steered = mixed.chunk(seen, ChunkRequest(seen.time_s, prefix=prefix, committed=2, cost=high))
    np.testing.assert_array_equal(steered.values[:2], prefix)
    assert abs(steered.values[-1, 2] - 0.1) < abs(free[-1, 2] - 0.1)


def test_parts_may_be_about_different_things() -> None:
    one = _policy()
    slots = one.spec["observation.focus"].shape[0]
    seen = fake_observation(0)
    wide = seen.with_focus(tuple(reversed(seen.focus)))
    turned = Composed([Part(one, 1.0, tuple(range(slots))[::-1]), Part(one, 0.0)])
    turned.reset(0)
    values = turned.chunk(wide, ChunkRequest(seen.time_s)).values
    np.testing.assert_array_equal(values, _chunk(one))
    short = Composed([Part(one, 1.0, (slots + 3,)), Part(one, 0.0)])
    with pytest.raises(SpecError):
        short.chunk(seen, ChunkRequest(seen.time_s))


def test_parts_that_do_not_fit_are_refused() -> None:
    one = _policy()
    for other, what in (
        (_policy("flow"), "sampler steps"),
        (_policy("diffusion", steps=2), "sampler steps"),
    ):
        with pytest.raises(ConfigError, match=what):
            Composed([Part(one, 0.5), Part(other, 0.5)])
    short = copy.copy(one)
    short.chunk_spec = replace(one.chunk_spec, step_s=0.1)
    with pytest.raises(ConfigError, match="chunks, step_s"):
        Composed([Part(one, 0.5), Part(short, 0.5)])
    with pytest.raises(ConfigError, match="sum to 1"):
        Composed([Part(one, 0.5), Part(one, 0.6)])
    with pytest.raises(ConfigError, match="two parts"):
        Composed([Part(one, 1.0)])
    with pytest.raises(ConfigError, match="at most 16"):
        Composed([Part(one, 1 / 17)] * 17)
    with pytest.raises(ConfigError, match="counted from 0"):
        Composed([Part(one, 0.5), Part(one, 0.5, (0, -1))])
    both = Composed([Part(one, 0.5), Part(one, 0.5)])
    regression: Any = fake_policy("regression")
    for wrong, what in ((both, "all parts at once"), (regression, "expected: diffusion, flow")):
        with pytest.raises(ConfigError, match=what):
            Composed([Part(one, 0.5), Part(wrong, 0.5)])


def test_networks_too_large_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    one = _policy()
    size = sum(weight.numel() for weight in one.network.parameters())
    monkeypatch.setattr("kata.policies.policy._LARGEST", 2 * size - 1)
    with pytest.raises(ConfigError, match="too large"):
        Composed([Part(one, 0.5), Part(one, 0.5)])
