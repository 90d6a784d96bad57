"""`kata bench segment`: how cuts, outcomes and contracts become rows, each with one miss."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from kata.datasets.types import Condition
from kata.launch import build
from kata.launch.bench.segment import _phase_rows, _skill_rows, _trained_rows
from kata.launch.bench.segment_contracts import (
    Matched,
    contract_rows,
    matched_with,
    pairs_matched,
    together,
)
from kata.launch.bench.segment_training import Comparison
from kata.launch.bench.table import Row
from kata.sim.longer import Stretch
from kata.skills.evidence.paired import PairedOutcomes
from kata.skills.handover.segmentation.cuts import Segment, Segmentation, Segmented
from kata.skills.handover.segmentation.cuts_file import Cuts, Episode, Span
from kata.skills.handover.segmentation.tracks import Track

WRITTEN = {contract.name: contract for contract in build.contracts()}
NOTHING = Matched({}, {}, {})
FRAMES = 100


def by_name(rows: list[Row]) -> dict[str, Row]:
    assert len({row.name for row in rows}) == len(rows)
    return {row.name: row for row in rows}


def stretch(start: int, stop: int, *phases: int) -> Stretch:
    return Stretch(start, stop, "pick", {}, tuple((each, "reach") for each in (start, *phases)))


TRUTH = {0: (stretch(0, 50, 30), stretch(50, 100, 70))}
"""True phases begin at 30, 50 and 70, the second skill at 50."""


def cut(phases: tuple[int, ...], *cuts: int) -> Segmentation:
    bounds = (0, *cuts, FRAMES)
    segments = tuple(Segment(a, b, 0) for a, b in pairwise(bounds))
    return Segmentation((Segmented(0, FRAMES, phases, segments),), (), 1.0)


def track() -> Track:
    opening = np.full((FRAMES, 1), 0.08)
    opening[48:] = 0.0
    still = np.zeros((FRAMES, 2))
    return Track(0, 20, still, still, still, opening=opening)


def test_one_phase_too_far_is_one_miss() -> None:
    rows = by_name(_phase_rows([track()], TRUTH, cut((34, 49, 75))))
    assert rows["phases, F1"].ours.median == pytest.approx(2 / 3)
    assert rows["phases, F1"].ok is False
    # Cuts at 25, 50 and 75 hit one of three.
    assert rows["phases, F1 above uniform cuts"].ours.median == pytest.approx(1 / 3)
    assert rows["phases, F1 above uniform cuts"].ok is True
    assert rows["phases, F1 within 3 frames"].ours.median == pytest.approx(1 / 3)
    fewer = by_name(_phase_rows([track()], TRUTH, cut((34, 49))))
    assert fewer["phases, precision"].ours.median == 1.0
    assert fewer["phases, recall"].ours.median == pytest.approx(2 / 3)


@pytest.mark.parametrize(("cuts", "f1"), [((56,), 1.0), ((57,), 0.0), ((49, 80), 2 / 3)])
def test_a_skill_is_found_within_six_frames(cuts: tuple[int, ...], f1: float) -> None:
    facts = np.zeros((FRAMES, 2), dtype=np.int8)
    facts[20:, 0] = 1
    dataset = SimpleNamespace(
        column=lambda _key: facts, episodes=[SimpleNamespace(start=0, stop=FRAMES)]
    )
    rows = by_name(_skill_rows(cast("Any", dataset), [track()], TRUTH, cut((), *cuts)))
    assert rows["skills, F1"].ours.median == pytest.approx(f1)
    assert rows["skills, F1"].ok is (f1 >= 0.85)
    assert rows["skills, F1, against gripper toggles"].baseline is not None
    against = {name: row.baseline.median for name, row in rows.items() if row.baseline}
    assert against == {
        "skills, F1": 1.0,
        "skills, F1, against gripper toggles": 1.0,
        "skills, F1, against fact flips": 0.0,
    }


def trained(**outcomes: PairedOutcomes) -> dict[str, Row]:
    return by_name(_trained_rows(Comparison(outcomes, {}, NOTHING)))


def test_a_failure_after_found_segments_costs_its_share() -> None:
    rows = trained(open=PairedOutcomes(100, 0, 0, 0), place=PairedOutcomes(79, 1, 11, 9))
    share = rows["success after found segments, share of true ones"]
    assert share.ours.median == pytest.approx(100 * 180 / 190)
    assert share.ok is False
    name = "success of place, trained on found segments under the proposed contract"
    assert rows[name].ours.median == 80.0
    assert rows[name].baseline is not None
    assert rows[name].baseline.median == 90.0
    assert rows["success after found less true segments"].ours.median == pytest.approx(-5.0)
    low = rows["the same, lower bound of 95 %"].ours.median
    high = rows["the same, upper bound of 95 %"].ours.median
    assert -10.0 < low < -5.0 < high < 0.0


def test_a_skill_that_was_not_found_fails_everywhere() -> None:
    rows = trained(open=PairedOutcomes.of([False] * 4, [True] * 4))
    assert rows["success after found segments, share of true ones"].ours.median == 0.0


def test_one_condition_amiss_and_one_skill_not_found() -> None:
    place = WRITTEN["place"]
    changed = replace(
        place, requires=Condition.parse("gripper_empty() and clear(?object) and reachable(?object)")
    )
    exact = matched_with(WRITTEN, WRITTEN, ("place", "push"))
    amiss = matched_with({"place": changed}, WRITTEN, ("place", "push"))
    rows = by_name(contract_rows(Matched(exact, amiss, {})))
    poses = rows["contract conditions equal to written ones, from poses"]
    assert (poses.ours.median, poses.ok) == (100.0, True)
    # Of place three of four come back beside three others, of push none of six.
    facts = rows["contract conditions equal to written ones, from recorded facts"]
    assert facts.ours.median == pytest.approx(100 * 3 / 13)
    assert facts.ok is False
    f1 = rows["contract conditions, F1, from recorded facts"]
    assert f1.ours.median == pytest.approx(100 * 6 / 16)
    assert not any("two skills" in name for name in rows)


def test_two_skills_as_one_need_what_the_first_does_not_bring() -> None:
    names = {"object": "object", "surface": "surface"}
    both = together(WRITTEN["pick"], WRITTEN["place"], names)
    assert [p.name for p in both.parameters] == ["object", "surface"]
    assert both.requires == WRITTEN["pick"].requires
    assert both.achieves == WRITTEN["place"].achieves
    other = together(WRITTEN["press"], WRITTEN["open"], {"container": "container"})
    assert "pressed(?button)" in str(other.achieves)
    assert "open(?container)" in str(other.achieves)
    assert str(other.requires).count("gripper_empty()") == 1


def test_pairs_that_are_too_few_are_no_row_and_what_is_not_proposed_is_missing() -> None:
    from kata.skills.handover.segmentation.seen import Seen

    spans = (
        Span(0, 10, "pick", {"object": "cube"}),
        Span(10, 20, "place", {"object": "cube", "surface": "table"}),
    )
    episodes = tuple(Episode(k, 20, (), spans) for k in range(3))
    cuts = Cuts("demos", "abc", 20, {}, episodes)
    views = {k: Seen((), np.zeros((20, 0), dtype=np.int8), {}) for k in range(3)}
    assert pairs_matched(cuts, views, WRITTEN, 4) == {}
    found = pairs_matched(cuts, views, WRITTEN, 3)
    assert [(name, each.share) for name, each in found.items()] == [("pick_place_0", 0.0)]
    rows = by_name(contract_rows(Matched(found, found, found)))
    name = "contract conditions equal, of two skills in one segment, no rule meant for them"
    assert rows[name].ours.median == 0.0
    assert rows[name].must is None
