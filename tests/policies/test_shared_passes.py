"""Worlds that are not in step, answered in one pass: each gets what it would get alone."""

import numpy as np
import pytest

from kata.datasets.types import ChunkRequest, SpecError
from kata.policies.fakes import fake_observation, fake_policy
from kata.policies.policy import ChunkPolicy

ROWS = 32
KINDS = {
    "regression": {},
    "diffusion": {},
    "flow": {},
    "unet": {"network": "unet", "hidden": 64, "blocks": 3},
    "transformer": {"network": "transformer", "hidden": 64},
}


@pytest.fixture(params=KINDS)
def policy(request: pytest.FixtureRequest) -> ChunkPolicy:
    name = request.param if request.param in ("regression", "flow") else "diffusion"
    return fake_policy(name, **KINDS[request.param])


def ask(policy: ChunkPolicy, rows: list[int], pass_rows: int = ROWS) -> list[np.ndarray]:
    """Chunks of rows, each with an observation, a seed and a call number of its own."""
    seen = [fake_observation(row) for row in rows]
    requests = [ChunkRequest(each.time_s) for each in seen]
    draws = [(100 + row, row % 5) for row in rows]
    return [chunk.values for chunk in policy.chunks_of(draws, seen, requests, pass_rows)]


def test_a_chunk_does_not_depend_on_what_else_is_in_its_pass(policy: ChunkPolicy) -> None:
    rng = np.random.default_rng(0)
    alone = {row: ask(policy, [row])[0] for row in range(0, ROWS, 3)}
    for count in (2, 3, 15, ROWS):
        rows = [int(row) for row in rng.permutation(ROWS)[:count]]
        for row, values in zip(rows, ask(policy, rows), strict=True):
            assert np.array_equal(values, alone.get(row, values)), "equal to the bit"


def test_it_is_nearly_the_chunk_of_the_policy_itself(policy: ChunkPolicy) -> None:
    (shared,) = ask(policy, [7])
    policy.reset(107)
    seen = fake_observation(7)
    own = [policy.chunk(seen, ChunkRequest(seen.time_s)) for _ in range(3)][2]
    np.testing.assert_allclose(shared, own.values, atol=1e-4)


def test_asking_for_others_leaves_the_policys_own_count(policy: ChunkPolicy) -> None:
    seen = fake_observation(0)
    policy.reset(3)
    first = policy.chunk(seen, ChunkRequest(seen.time_s)).values
    policy.reset(3)
    ask(policy, [1, 2])
    assert np.array_equal(policy.chunk(seen, ChunkRequest(seen.time_s)).values, first)


def test_a_prefix_of_one_row_bends_no_other(policy: ChunkPolicy) -> None:
    one, two = fake_observation(1), fake_observation(2)
    plain = [ChunkRequest(one.time_s), ChunkRequest(two.time_s)]
    bound = [plain[0], ChunkRequest(two.time_s, prefix=np.full((2, 7), 0.03))]
    draws = [(1, 0), (2, 0)]
    free = policy.chunks_of(draws, [one, two], plain, ROWS)
    bent = policy.chunks_of(draws, [one, two], bound, ROWS)
    np.testing.assert_array_equal(bent[1].values[:2], 0.03)
    np.testing.assert_allclose(bent[0].values, free[0].values, atol=1e-5)


@pytest.mark.parametrize("draws", [[], [(0, 0)], [(0, 0)] * 3])
def test_each_row_needs_its_draw(draws: list[tuple[int, int]]) -> None:
    seen = fake_observation(0)
    with pytest.raises(SpecError, match="as many requests"):
        fake_policy("regression").chunks_of(draws, [seen] * 2, [ChunkRequest(seen.time_s)] * 2)
