"""Guided samplers: the published scale, nothing made up beyond a prefix, one row at a time."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from kata.datasets.types import ChunkRequest
from kata.policies.fakes import FAKE_CHUNK, fake_observation, fake_policy
from kata.policies.guidance import BETA, Frozen, guided, strength
from kata.policies.inference import set_inference
from kata.policies.sampling import SampledPolicy, Sampling

KINDS = ("diffusion", "flow")
STEP = FAKE_CHUNK.step_s


class Linear(nn.Module):
    """Answers with a fixed linear map of its sample, row by row of the batch."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.map = 0.3 * torch.randn(56, 56, generator=generator)

    def forward(self, features: Tensor, noised: Tensor, level: Tensor) -> Tensor:
        return (noised.flatten(1) @ self.map.T).view_as(noised)


def frozen(rows: int, seed: int = 1) -> Frozen:
    generator = torch.Generator().manual_seed(seed)
    weights = torch.linspace(1.0, 0.0, 8)[None, :, None].expand(rows, -1, -1)
    return Frozen(weights, torch.randn(rows, 8, 7, generator=generator))


@pytest.mark.parametrize("time", [0.0, 0.1, 0.25, 0.5, 0.75, 0.99])
def test_the_last_step_does_not_go_beyond_what_runs(time: float) -> None:
    """No later step mends it, and a sampler of one step has no other."""
    assert strength(time, 1.0 - time, last=True) == min(1.0, strength(time, 1.0 - time))


@pytest.mark.parametrize("time", [0.0, 0.1, 0.25, 0.5, 0.75, 0.99])
def test_the_scale_of_a_flow_is_the_published_one(time: float) -> None:
    """min(beta, (1 - t) / (t r^2)) on the velocity, which is (estimate - x) / (1 - t)."""
    r2 = (1.0 - time) ** 2 / (time**2 + (1.0 - time) ** 2)
    wanted = min(BETA, (1.0 - time) / (time * r2)) if time else BETA
    assert strength(time, 1.0 - time) / (1.0 - time) == pytest.approx(wanted)


@pytest.mark.parametrize("time", [0.1, 0.3, 0.5, 0.8])
def test_diffusion_and_flow_are_guided_alike(time: float) -> None:
    """A flow's sample over the root of its power is diffusion's; the estimates move as much."""
    size = math.hypot(time, 1.0 - time)
    of_flow, of_diffusion = strength(time, 1.0 - time), strength(time / size, (1.0 - time) / size)
    # The Jacobian by the shrunken sample is `size` times greater.
    assert of_diffusion * size == pytest.approx(of_flow)


def test_the_correction_is_the_vector_jacobian_product() -> None:
    network, x, bound = Linear(), torch.randn(2, 8, 7), frozen(2)
    got = guided(lambda s: network(s, s, s), x, bound, 0.7, 100.0)
    clean = network(x, x, x)
    missing = (bound.weights * (bound.values - clean)).flatten(1)
    wanted = clean + 0.7 * (missing @ network.map).view_as(clean)
    torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("name", KINDS)
def test_what_stands_beyond_a_prefix_says_nothing(name: str) -> None:
    """Rows without weight are no mean actions to go to: other numbers there change nothing."""
    policy = fake_policy(name)
    assert isinstance(policy, SampledPolicy)
    weights = torch.zeros(1, 8, 1)
    weights[:, :3] = torch.tensor([1.0, 0.8, 0.3])[None, :, None]
    values = torch.randn(1, 8, 7)
    other = values.clone()
    other[:, 3:] = 4.0
    plan, noise = Sampling(tuple(policy.plan()), 5.0), torch.randn(1, 8, 7)
    features = torch.zeros(1, policy.card.encoder.size)
    one, two = (
        plan.run(policy.network, features, noise, Frozen(weights, v)) for v in (values, other)
    )
    assert torch.equal(one, two)


@pytest.mark.parametrize("name", [*KINDS, "regression"])
def test_a_short_prefix_is_no_prefix_of_zeros(name: str) -> None:
    """Zeros decode to the mean action: filled up with them, a prefix gives another chunk."""
    policy, seen = fake_policy(name), fake_observation(0)
    free = policy.chunk(seen, ChunkRequest(seen.time_s)).values
    prefix = free[:3] + 0.05
    fills = (np.zeros((5, 7)), policy.card.actions.center[3:], np.repeat(prefix[-1:], 5, axis=0))

    def after(rows: np.ndarray) -> np.ndarray:
        policy.reset(0)
        return policy.chunk(seen, ChunkRequest(seen.time_s, prefix=rows, committed=1)).values

    alone = after(prefix)
    for fill in fills:
        assert np.abs(alone - after(np.vstack([prefix, fill])))[3:].max() > 1e-4
    np.testing.assert_array_equal(after(free[:3]), free)


@pytest.mark.parametrize("name", KINDS)
def test_guidance_moves_towards_what_runs(name: str) -> None:
    """A network that believes half of its sample is moved; rows without weight stay."""
    policy = fake_policy(name)
    assert isinstance(policy, SampledPolicy)
    plan, noise, bound = Sampling(tuple(policy.plan()), 5.0), torch.randn(1, 8, 7), frozen(1)
    soft = Frozen(0.9 * bound.weights, bound.values)

    def network(features: Tensor, noised: Tensor, level: Tensor) -> Tensor:
        return 0.5 * noised

    features = torch.zeros(1, policy.card.encoder.size)
    free, moved = (plan.run(network, features, noise, f) for f in (None, soft))
    before, after = ((soft.weights * (x - soft.values)).abs().mean() for x in (free, moved))
    assert after < 0.8 * before
    torch.testing.assert_close(moved[:, -1], free[:, -1])


@pytest.mark.parametrize("name", [*KINDS, "regression"])
def test_rows_with_and_without_prefix_are_as_alone(name: str) -> None:
    """To the bit, in passes of one size."""
    policy, seen = fake_policy(name), [fake_observation(i) for i in range(3)]
    prefix = 0.02 * np.ones((4, 7))
    wanted = [
        ChunkRequest(seen[0].time_s),
        ChunkRequest(seen[1].time_s, prefix=prefix, committed=2),
        ChunkRequest(seen[2].time_s, prefix=-prefix),
    ]
    draws = [(i, 0) for i in range(3)]
    together = policy.chunks_of(draws, seen, wanted, 8)
    for i in range(3):
        (alone,) = policy.chunks_of(draws[i : i + 1], seen[i : i + 1], wanted[i : i + 1], 8)
        np.testing.assert_array_equal(together[i].values, alone.values)


@pytest.mark.parametrize("name", KINDS)
def test_a_prefix_between_the_steps_is_exact_too(name: str) -> None:
    policy, seen = fake_policy(name), fake_observation(0)
    prefix = 0.03 * np.ones((3, 7))
    request = ChunkRequest(seen.time_s + 1.5 * STEP, prefix=prefix, committed=2)
    chunk = policy.chunk(seen, request)
    np.testing.assert_array_equal(chunk.values[:2], prefix[:2])
    assert len(chunk.values) == FAKE_CHUNK.horizon - 2
    assert chunk.finite


def test_onnx_guides_as_torch_does() -> None:
    """Gradients come from the network itself, whichever engine answers without a prefix."""
    pytest.importorskip("onnxruntime")
    seen = fake_observation(0)
    request = ChunkRequest(seen.time_s, prefix=0.02 * np.ones((4, 7)), committed=2)
    policy = fake_policy("diffusion")
    torch_values = policy.chunk(seen, request).values
    set_inference(policy, "onnx")
    policy.reset(0)
    np.testing.assert_allclose(policy.chunk(seen, request).values, torch_values, atol=1e-4)


def test_a_network_without_a_gradient_is_not_moved() -> None:
    bound, x = frozen(1), torch.randn(1, 8, 7)
    clean = guided(torch.ones_like, x, bound, 1.0, 5.0)
    assert torch.equal(clean, torch.ones_like(x))


def test_costs_and_prefix_go_together() -> None:
    policy, seen = fake_policy("diffusion"), fake_observation(0)
    plain = ChunkRequest(seen.time_s, prefix=0.02 * np.ones((4, 7)), committed=2)
    free = policy.chunk(seen, plain).values
    policy.reset(0)
    cost = replace(plain, cost=lambda c: 25.0 * (c[..., 2] ** 2).sum(dim=-1))
    steered = policy.chunk(seen, cost).values
    np.testing.assert_array_equal(steered[:2], free[:2])
    assert (steered[2:, 2] ** 2).sum() < (free[2:, 2] ** 2).sum()


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from((*KINDS, "regression")),
    st.integers(0, 8),
    st.integers(0, 8),
    st.floats(0.0, 100.0),
    st.integers(0, 5),
)
def test_any_legal_prefix_gives_a_finite_chunk(
    name: str, rows: int, committed: int, size: float, seed: int
) -> None:
    policy, seen = fake_policy(name), fake_observation(seed)
    prefix = size * np.random.default_rng(seed).normal(size=(rows, 7))
    sure = min(rows, committed)
    chunk = policy.chunk(seen, ChunkRequest(seen.time_s, prefix=prefix, committed=sure))
    assert chunk.finite
    np.testing.assert_array_equal(chunk.values[:sure], prefix[:sure])
