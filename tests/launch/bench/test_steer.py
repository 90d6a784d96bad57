"""`kata bench steer`: how outcomes become rows, re-ranking, and a small one that runs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kata.datasets.types import ChunkRequest, Pose
from kata.launch.bench.steer import _ablation_rows, _must_rows
from kata.launch.bench.steer_aside import GAP_M, _gap_m, pillar_of, place_beside
from kata.launch.bench.steer_picture import top_view
from kata.launch.bench.steer_ways import WAYS, Outcome, ReRanked, Way, _price, outcomes_of
from kata.policies.fakes import fake_observation, fake_policy
from kata.sim.scene.config import TableWorldConfig
from kata.sim.tasks import make_trial
from kata.skills.execution.guides import KeepClear


def outcomes(good, bumped=0, of=40):
    way = np.array([[0.4, 0.0, 0.2], [0.5, 0.05, 0.2], [0.6, 0.0, 0.2]])
    pillar = np.array([[0.5, 0.0, 0.11]])
    return [Outcome(i < good, i < bumped, 2.0, way, pillar) for i in range(of)]


def found(**changed):
    rates = dict.fromkeys([way.name for way in WAYS], 38) | changed
    return {name: outcomes(good) for name, good in rates.items()}


def test_the_bars() -> None:
    ways = found(unguided=2, **{"re-ranked": 10, "guided, pillar aside": 36})
    rows = {row.name: row for row in _must_rows(ways)}
    assert rows["points gained over unguided"].ours.median == pytest.approx(90.0)
    assert rows["points gained over re-ranked"].ours.median == pytest.approx(70.0)
    assert rows["points lost with the pillar aside"].ours.median == pytest.approx(5.0)
    assert rows["points lost with the pillar aside"].ok is False
    assert 5.0 < rows["points lost with the pillar aside, upper 95 % bound"].ours.median < 30.0
    assert rows["points gained over unguided"].ok is True


def test_a_cost_that_never_acts_proves_nothing() -> None:
    """Equal ways say that nothing was steered; the bar of points lost would pass for nothing."""
    ways = found()
    name = "scenes with the pillar aside in which the cost acted"
    rows = {row.name: row for row in _must_rows(ways)}
    assert (rows[name].ours.median, rows[name].ok) == (0.0, False)
    moved = [replace(o, way=o.way + 0.01) for o in ways["guided, pillar aside"]]
    rows = {row.name: row for row in _must_rows(ways | {"guided, pillar aside": moved})}
    assert (rows[name].ours.median, rows[name].ok) == (100.0, True)


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


def test_the_pillar_aside_is_passed_near_and_not_touched() -> None:
    """Beside a straight way, in reach of the cost's 2 cm, by seed."""
    trial = make_trial("place", "nominal", TableWorldConfig.load("obstacle"))
    seen = trial.reset(3)
    tool, goal = seen.tool(), seen.focused()[-1].spot
    line = np.linspace(tool.position, [goal[0], goal[1], tool.position[2]], 40)
    way = [Pose(at, tool.quaternion) for at in line]
    places = [place_beside(trial, way, seed) for seed in range(4)]
    found = [place for place in places if place is not None]
    assert found
    half = seen.entities[pillar_of(seen)].half_extents
    for place in found:
        assert GAP_M[0] <= _gap_m(way, place, half) <= GAP_M[1] < KeepClear().margin_m
    again = place_beside(trial, way, 0)
    assert (again is None) == (places[0] is None)
    np.testing.assert_array_equal(again, places[0])
