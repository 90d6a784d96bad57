"""`kata bench steer`: how outcomes become rows, re-ranking, and a small one that runs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kata.datasets.types import ChunkRequest
from kata.launch.bench.steer import _ablation_rows, _must_rows
from kata.launch.bench.steer_picture import top_view
from kata.launch.bench.steer_ways import WAYS, Outcome, ReRanked, Way, _price, outcomes_of
from kata.policies.fakes import fake_observation, fake_policy


def outcomes(good, bumped=0, of=40):
    way = np.array([[0.4, 0.0, 0.2], [0.5, 0.05, 0.2], [0.6, 0.0, 0.2]])
    pillar = np.array([[0.5, 0.0, 0.11]])
    return [Outcome(i < good, i < bumped, 2.0, way, pillar) for i in range(of)]


def found(**changed):
    rates = dict.fromkeys([way.name for way in WAYS], 38) | changed
    return {name: outcomes(good) for name, good in rates.items()}


def test_the_bars() -> None:
    ways = found(unguided=2, **{"re-ranked": 10, "guided, no pillar": 36})
    rows = {row.name: row for row in _must_rows(ways)}
    assert rows["points gained over unguided"].ours.median == pytest.approx(90.0)
    assert rows["points gained over re-ranked"].ours.median == pytest.approx(70.0)
    assert rows["points lost without a pillar"].ours.median == pytest.approx(5.0)
    assert rows["points lost without a pillar"].ok is False
    assert rows["points gained over unguided"].ok is True


def test_a_touch_is_no_success() -> None:
    ways = found(unguided=2)
    ways["guided"] = outcomes(40, bumped=20)
    rows = {row.name: row for row in _must_rows(ways)}
    assert rows["success past the pillar, beside unguided"].ours.median == pytest.approx(50.0)


def test_an_ablation_is_beside_the_same_scenes() -> None:
    ways = found(around=5)
    ways["around"] = ways["around"][:20]
    rows = {row.name: row for row in _ablation_rows(ways)}
    row = rows["success past the pillar, with around"]
    assert (row.ours.median, row.baseline.median) == (100.0, 25.0)


def test_the_picture_shows_both_ways() -> None:
    text = top_view(outcomes(38), outcomes(0))
    assert text.startswith("<svg")
    assert text.count("<polyline") == 2 * 3
    assert top_view(outcomes(0), outcomes(0)).count("<polyline") == 2


def test_reranking_takes_the_cheapest_of_its_samples() -> None:
    policy, seen = fake_policy("diffusion"), fake_observation(0)

    def high(chunks: torch.Tensor) -> torch.Tensor:
        return (chunks[:, -1, 2] - 0.1) ** 2

    request = ChunkRequest(seen.time_s, cost=high)
    prices = []
    for samples in (1, 2, 8):
        (chunk,) = ReRanked(policy, samples).chunks_of([(3, 0)], [seen], [request], 4)
        prices.append(_price(high, chunk))
    assert prices[0] >= prices[1] >= prices[2]
    assert prices[2] < prices[0]
    (alone,) = policy.chunks_of([(3, 0)], [seen], [replace(request, cost=None)], 4)
    (first,) = ReRanked(policy, 1).chunks_of([(3, 0)], [seen], [request], 4)
    np.testing.assert_array_equal(alone.values, first.values)


@pytest.mark.slow
def test_ways_run_on_the_same_scenes(tmp_path) -> None:
    """With a policy that has learned nothing: the scenes and the noise are the same in all ways."""
    from kata.launch import build
    from kata.launch.agents import Agent
    from kata.skills.execution.messages import LoadedSkill
    from kata.skills.handover.boundary import FactBoundary

    class Untrained(Agent):
        def load(self, world):
            return LoadedSkill(self.contract, fake_policy("diffusion"), FactBoundary())

    agent = Untrained(build.contract("place"))
    starts = [
        [outcome.way[0].tolist() for outcome in outcomes_of(0, agent, way, 2)]
        for way in (Way("unguided", guided=False), Way("guided"), Way("best", samples=2))
    ]
    assert starts[0] == starts[1] == starts[2]
