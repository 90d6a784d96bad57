"""Samplers: the steps of diffusion are DDIM's, those of a flow are Euler's, and both are exact."""

import math

import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn

from kata.policies.diffusion import kept_share
from kata.policies.fakes import fake_policy
from kata.policies.guidance import Frozen
from kata.policies.sampling import SampledPolicy, Sampling

COUNTS = [1, 2, 3, 4, 7, 10]


class Exact(nn.Module):
    """Answers as a network would that has learned one single chunk."""

    def __init__(self, chunk: Tensor, velocity: bool) -> None:
        super().__init__()
        self.chunk, self.velocity = chunk, velocity

    def forward(self, features: Tensor, noised: Tensor, level: Tensor) -> Tensor:
        if not self.velocity:
            return self.chunk.expand_as(noised)
        return (self.chunk - noised) / (1.0 - level[:, None, None])


def sampled(name: str, **settings: int | str) -> SampledPolicy:
    policy = fake_policy(name, **settings)
    assert isinstance(policy, SampledPolicy)
    return policy


def scheduler(levels: int = 100) -> DDIMScheduler:
    return DDIMScheduler(
        num_train_timesteps=levels,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        timestep_spacing="trailing",
        clip_sample=False,
    )


@pytest.mark.parametrize("levels", [2, 50, 100, 1000])
def test_the_noise_schedule_is_the_squared_cosine(levels: int) -> None:
    torch.testing.assert_close(kept_share(levels), scheduler(levels).alphas_cumprod)


@pytest.mark.parametrize("count", [1, 2, 4, 5, 10, 20, 50, 100])
def test_diffusion_walks_as_ddim_does(count: int) -> None:
    policy, reference = sampled("diffusion", steps=count), scheduler()
    reference.set_timesteps(count)
    features, noise = torch.randn(2, policy.card.encoder.size), torch.randn(2, 8, 7)
    sample = noise
    with torch.no_grad():
        for level in reference.timesteps:
            share = (level / 99.0).expand(2).float()
            clean = policy.network(features, sample, share)
            sample = reference.step(clean, level, sample).prev_sample
        ours = Sampling(tuple(policy.plan()), math.inf).run(policy.network, features, noise)
    torch.testing.assert_close(ours, sample, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["diffusion", "flow"])
@pytest.mark.parametrize("count", COUNTS)
def test_a_perfect_network_gives_its_chunk_in_any_number_of_steps(name: str, count: int) -> None:
    policy, chunk = sampled(name, steps=count), torch.rand(1, 8, 7)
    network = Exact(chunk, velocity=name == "flow")
    got = Sampling(tuple(policy.plan()), 5.0).run(network, torch.zeros(3, 4), torch.randn(3, 8, 7))
    torch.testing.assert_close(got, chunk.expand(3, -1, -1), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["diffusion", "flow"])
@pytest.mark.parametrize("count", COUNTS)
def test_levels_go_one_way_and_the_last_step_ends_at_the_estimate(name: str, count: int) -> None:
    steps = sampled(name, steps=count).plan()
    levels = [step.level for step in steps]
    assert len(steps) == count
    assert levels == sorted(levels, reverse=name == "diffusion")
    assert steps[-1].stay == pytest.approx(0.0, abs=1e-6)
    assert steps[-1].pull == pytest.approx(1.0)
    assert steps[0].signal == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("name", ["diffusion", "flow"])
def test_frozen_actions_enter_every_step_at_its_own_noise(name: str) -> None:
    policy, seen = sampled(name, steps=3), []

    class Watch(nn.Module):
        def forward(self, features: Tensor, noised: Tensor, level: Tensor) -> Tensor:
            seen.append(noised)
            return torch.zeros_like(noised)

    noise, values = torch.randn(1, 8, 7), torch.full((1, 8, 7), 0.7)
    weights = torch.zeros(1, 8, 1)
    weights[:, :2] = 1.0
    plan = tuple(policy.plan())
    got = Sampling(plan, 5.0).run(Watch(), torch.zeros(1, 4), noise, Frozen(weights, values))
    for step, sample in zip(plan, seen, strict=True):
        wanted = step.signal * values[:, :2] + step.noise * noise[:, :2]
        torch.testing.assert_close(sample[:, :2], wanted)
    torch.testing.assert_close(got[:, :2], values[:, :2])


def test_a_straight_way_is_learned_from_its_ends() -> None:
    """The loss of a flow vanishes for the velocity from noise to chunk, and only there."""
    policy = sampled("flow")
    chunk = torch.rand(1, 8, 7)
    actions, features = chunk.expand(64, -1, -1), torch.zeros(64, 4)
    assert policy.loss(Exact(chunk, velocity=True), features, actions, 3) < 1e-6
    assert policy.loss(Exact(chunk + 0.5, velocity=True), features, actions, 3) > 0.1


def test_equal_seeds_give_equal_losses() -> None:
    for name in ("diffusion", "flow"):
        policy = sampled(name)
        features, actions = torch.randn(5, policy.card.encoder.size), torch.randn(5, 8, 7)
        losses = [policy.loss(policy.network, features, actions, s).item() for s in (1, 1, 2)]
        assert losses[0] == losses[1] != losses[2]
