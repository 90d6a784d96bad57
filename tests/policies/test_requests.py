"""What a request asks beside the observation: start between steps, prefix, cost."""

import numpy as np
import pytest
import torch

from kata.datasets.types import ChunkRequest, SpecError
from kata.policies import POLICIES
from kata.policies.fakes import FAKE_CHUNK, fake_observation, fake_policy

STEP = FAKE_CHUNK.step_s


@pytest.fixture(params=sorted(POLICIES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_start_between_steps_interpolates(name: str) -> None:
    policy, seen = fake_policy(name), fake_observation(0)
    whole = policy.chunk(seen, ChunkRequest(seen.time_s)).values
    policy.reset(0)
    part = policy.chunk(seen, ChunkRequest(seen.time_s + 1.25 * STEP)).values
    assert len(part) == FAKE_CHUNK.horizon - 2
    np.testing.assert_allclose(part, 0.75 * whole[1:-1] + 0.25 * whole[2:], atol=1e-6)


def test_a_start_in_the_past_is_refused(name: str) -> None:
    seen = fake_observation(0)
    with pytest.raises(SpecError, match="reach"):
        fake_policy(name).chunk(seen, ChunkRequest(seen.time_s - STEP))


@pytest.mark.parametrize(
    "prefix", [np.zeros((9, 7)), np.zeros((2, 6)), np.zeros(7), np.full((1, 7), np.nan)]
)
def test_a_prefix_that_does_not_fit_is_refused(name: str, prefix: np.ndarray) -> None:
    seen = fake_observation(0)
    with pytest.raises(SpecError, match="prefix"):
        fake_policy(name).chunk(seen, ChunkRequest(seen.time_s, prefix=prefix))


def test_a_prefix_with_a_later_start_comes_first(name: str) -> None:
    seen, prefix = fake_observation(0), np.full((2, 7), 0.03)
    request = ChunkRequest(seen.time_s + 2 * STEP, prefix=prefix)
    values = fake_policy(name).chunk(seen, request).values
    np.testing.assert_array_equal(values[:2], prefix)
    assert len(values) == FAKE_CHUNK.horizon - 2


def test_a_prefix_bends_what_follows(name: str) -> None:
    """The step after the prefix is nearer to it than it would be without."""
    policy, seen = fake_policy(name), fake_observation(0)
    free = policy.chunk(seen, ChunkRequest(seen.time_s)).values
    prefix = free[:2] + 0.05
    policy.reset(0)
    bound = policy.chunk(seen, ChunkRequest(seen.time_s, prefix=prefix)).values
    assert np.abs(bound[2:] - free[2:]).max() > 1e-4


def test_a_cost_steers(name: str) -> None:
    policy, seen = fake_policy(name), fake_observation(0)
    free = policy.chunk(seen, ChunkRequest(seen.time_s)).values

    def low(chunks: torch.Tensor) -> torch.Tensor:
        return 25.0 * (chunks[..., 2] ** 2).sum(dim=-1)

    policy.reset(0)
    steered = policy.chunk(seen, ChunkRequest(seen.time_s, cost=low)).values
    assert (steered[:, 2] ** 2).sum() < 0.9 * (free[:, 2] ** 2).sum()


def test_costs_act_on_their_own_row(name: str) -> None:
    policy = fake_policy(name)
    seen = [fake_observation(i) for i in range(3)]
    plain = [ChunkRequest(o.time_s) for o in seen]
    free = policy.chunks(seen, plain)
    policy.reset(0)
    costs = [None, lambda c: 50.0 * (c**2).sum(dim=(1, 2)), None]
    mixed = policy.chunks(
        seen, [ChunkRequest(o.time_s, cost=c) for o, c in zip(seen, costs, strict=True)]
    )
    for i in (0, 2):
        np.testing.assert_allclose(mixed[i].values, free[i].values, atol=1e-6)
    assert np.abs(mixed[1].values - free[1].values).max() > 1e-4


def test_rows_choose_the_streams() -> None:
    """A world that goes on after its neighbours have finished keeps its own noise."""
    policy = fake_policy("diffusion")
    seen = [fake_observation(i) for i in range(3)]
    requests = [ChunkRequest(o.time_s) for o in seen]
    whole = policy.chunks(seen, requests)
    policy.reset(0)
    (last,) = policy.chunks(seen[2:], requests[2:], rows=[2])
    np.testing.assert_allclose(last.values, whole[2].values, atol=1e-5)


def test_more_steps_than_levels_are_refused() -> None:
    from kata.datasets.types import ConfigError

    with pytest.raises(ConfigError, match="steps"):
        fake_policy("diffusion", steps=101)


@pytest.mark.parametrize("steps", [1, 2, 4, 10, 100])
def test_any_number_of_steps_samples(steps: int) -> None:
    policy, seen = fake_policy("diffusion", steps=steps), fake_observation(0)
    assert policy.chunk(seen, ChunkRequest(seen.time_s)).finite
