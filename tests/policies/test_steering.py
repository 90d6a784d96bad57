"""Steering: what it moves, what it leaves alone to the bit, and what it refuses."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kata.datasets.types import ChunkRequest, SpecError
from kata.policies import POLICIES
from kata.policies.costs import Reach, bind
from kata.policies.fakes import fake_observation, fake_policy
from kata.policies.guidance_cost import Steering, SteeringOptions

H, A = 16, 7
Cost = Callable[[torch.Tensor], torch.Tensor]


@pytest.fixture(params=sorted(POLICIES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _high(chunks: torch.Tensor) -> torch.Tensor:
    """The last action shall be 10 cm up."""
    return ((chunks[:, -1, 2] - 0.1) / 0.02) ** 2


def _never(chunks: torch.Tensor) -> torch.Tensor:
    return (chunks[..., 0] - 10.0).clamp(min=0.0).flatten(1).sum(-1)


def test_a_contented_cost_leaves_the_chunk_as_it_is(name: str) -> None:
    policy, seen = fake_policy(name), fake_observation(0)
    policy.reset(3)
    free = policy.chunk(seen, ChunkRequest(seen.time_s)).values
    policy.reset(3)
    steered = policy.chunk(seen, ChunkRequest(seen.time_s, cost=_never)).values
    np.testing.assert_array_equal(steered, free)


def test_rows_with_and_without_a_cost_are_what_they_are_alone(name: str) -> None:
    """To the bit, in passes of one size."""
    policy = fake_policy(name)
    seen = [fake_observation(i) for i in range(4)]
    costs: list[Cost | None] = [None, _high, None, bind(Reach(np.array([0.5, 0.1, 0.2])), seen[3])]
    requests = [ChunkRequest(o.time_s, cost=c) for o, c in zip(seen, costs, strict=True)]
    draws = [(10 + i, 0) for i in range(4)]
    together = policy.chunks_of(draws, seen, requests, 8)
    for i in range(4):
        (alone,) = policy.chunks_of([draws[i]], [seen[i]], [requests[i]], 8)
        np.testing.assert_array_equal(together[i].values, alone.values)


def test_committed_actions_are_never_moved(name: str) -> None:
    policy, seen = fake_policy(name), fake_observation(0)
    policy.reset(0)
    free = policy.chunk(seen, ChunkRequest(seen.time_s)).values
    policy.reset(0)
    prefix = free[:3]
    request = ChunkRequest(seen.time_s, prefix=prefix, committed=3, cost=_high)
    steered = policy.chunk(seen, request).values
    np.testing.assert_array_equal(steered[:3], prefix)
    assert abs(steered[-1, 2] - 0.1) < abs(free[-1, 2] - 0.1)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    noise=st.floats(0.05, 1.0),
    committed=st.integers(0, H - 1),
    trust=st.floats(0.001, 0.1),
)
def test_steps_lower_the_cost_within_the_trust(
    seed: int, noise: float, committed: int, trust: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(1, H, A, generator=generator)
    center, scale = torch.zeros(H, A), torch.rand(H, A, generator=generator) * 0.1 + 0.005
    frozen = torch.zeros(1, H, 1, dtype=torch.bool)
    frozen[:, :committed] = True
    options = SteeringOptions(trust=trust)
    out = Steering([_high], center, scale, frozen, options)(normal, noise)
    before, after = float(_high(normal * scale)), float(_high(out * scale))
    assert after <= before * (1.0 + 1e-5)
    torch.testing.assert_close(out[:, :committed], normal[:, :committed], rtol=0, atol=0)
    change = ((out - normal) * scale)[0]
    hops = torch.diff(change, dim=0, prepend=torch.zeros(1, A))
    assert float(hops.abs().max()) <= trust + 1e-5


def test_a_late_cost_bends_the_chunk_from_its_beginning() -> None:
    normal, ones = torch.zeros(1, H, A), torch.ones(H, A)
    out = Steering([_high], torch.zeros(H, A), ones)(normal)[0, :, 2]
    assert (torch.diff(out, prepend=torch.zeros(1)) > 0.0).all()


def test_less_noise_steers_less() -> None:
    normal, ones = torch.zeros(1, H, A), torch.ones(H, A)
    options = SteeringOptions(rounds=1, trust=1.0)
    ends = [
        float(Steering([_high], torch.zeros(H, A), ones, None, options)(normal, noise)[0, -1, 2])
        for noise in (0.1, 0.3, 0.9)
    ]
    assert 0.0 < ends[0] < ends[1] < ends[2]


@pytest.mark.parametrize(
    ("cost", "what"),
    [
        (lambda c: c.sum(dim=(1, 2)) * float("nan"), "not finite"),
        (lambda c: (c[..., 0] - c[..., 0].detach()).abs().sqrt().sum(-1) + 1.0, "not finite"),
        (3.0, "not a cost"),
        (bind(Reach(np.zeros(3)), fake_observation(0), frame="joint", forward=lambda c: c),  # type: ignore[arg-type,return-value]
         "another frame"),
    ],
)  # fmt: skip
def test_a_bad_cost_is_refused(name: str, cost: object, what: str) -> None:
    seen = fake_observation(0)
    with pytest.raises(SpecError, match=what):
        fake_policy(name).chunk(seen, ChunkRequest(seen.time_s, cost=cost))
