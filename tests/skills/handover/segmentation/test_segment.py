"""Tracks of a hand that takes, puts, shoves and slides, made by hand: cuts, groups, and laws."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kata.datasets.dataset import Dataset
from kata.datasets.recorder import EpisodeRecorder
from kata.datasets.testing import FAKE_ENTITIES, fake_frames, fake_robot, fake_table
from kata.datasets.types import ConfigError, DatasetError, Outcome
from kata.launch.bench.segment import true_phases
from kata.launch.longer import Longer, record_longer
from kata.skills.handover.segmentation import grouping
from kata.skills.handover.segmentation.acts import Act
from kata.skills.handover.segmentation.cuts import NOTHING, Segmentation
from kata.skills.handover.segmentation.geometry import behaviour_types, facts_of, reach_of
from kata.skills.handover.segmentation.grouping import group, journey
from kata.skills.handover.segmentation.named import named
from kata.skills.handover.segmentation.phases import Phases, cut, threshold
from kata.skills.handover.segmentation.score import pooled, uniform_cuts
from kata.skills.handover.segmentation.segment import SegmentOptions, segment
from kata.skills.handover.segmentation.tracks import Track, tracks

from .scenes import DOWN, OPEN, UP, Scene, demonstration

GOLDEN = Path(__file__).resolve().parents[3] / "data" / "segmentation.json"
FAST = SegmentOptions(steps=60, folds=2)


@pytest.fixture(scope="module")
def shown() -> list[tuple[Track, list[int]]]:
    return [demonstration(k) for k in range(6)]


@pytest.fixture(scope="module")
def made(shown: list[tuple[Track, list[int]]]) -> Segmentation:
    return segment([track for track, _ in shown], FAST)


def test_skills_end_where_the_hand_sets_out_for_the_next_thing(
    made: Segmentation, shown: list[tuple[Track, list[int]]]
) -> None:
    for episode, (_, true) in zip(made.episodes, shown, strict=True):
        assert len(episode.cuts) == len(true)
        assert max(abs(a - b) for a, b in zip(episode.cuts, true, strict=True)) <= 4


def test_segments_are_grouped_by_what_is_done_and_to_what(made: Segmentation) -> None:
    what = [
        [(made.groups[s.group].what, s.objects) for s in episode.segments]
        for episode in made.episodes[:2]
    ]
    rest = [
        ("take", ("cube",)),
        ("put", ("cube", "tray")),
        ("slide back", ("handle",)),
    ]
    assert what[0] == [("slide out", ("handle",)), *rest]
    assert what[1] == [("slide out", ("handle",)), ("shove", ("cube", "block")), *rest]
    assert [g.index for g in made.groups] == list(range(5))
    assert {g.what: g.segments for g in made.groups}["shove"] == 3


def test_cuts_are_sorted_different_and_inside(made: Segmentation) -> None:
    for episode in made.episodes:
        assert [0, *(s.stop for s in episode.segments)] == [
            *(s.start for s in episode.segments),
            episode.frames,
        ]
        assert all(s.start < s.stop for s in episode.segments)
        assert all(s.group in range(len(made.groups)) for s in episode.segments)
        assert all(b - a >= FAST.least_frames for a, b in pairwise((0, *episode.phases)))


def test_equal_seeds_give_equal_cuts(
    made: Segmentation, shown: list[tuple[Track, list[int]]]
) -> None:
    assert segment([track for track, _ in shown], FAST) == made


def renamed(track: Track, names: Mapping[str, str]) -> Track:
    def over(values: Mapping[str, Any]) -> dict[str, Any]:
        # In another order, too.
        return {names[name]: value for name, value in reversed(values.items())}

    return replace(
        track,
        objects=over(track.objects),
        articulation=over(track.articulation),
        half_m=over(track.half_m),
        spots=over(track.spots),
    )


def test_names_of_things_do_not_matter(
    made: Segmentation, shown: list[tuple[Track, list[int]]]
) -> None:
    names = {"cube": "z_egg", "block": "a_cup", "tray": "m_pan", "handle": "b_door"}
    other = segment([renamed(track, names) for track, _ in shown], FAST)
    assert [e.phases for e in other.episodes] == [e.phases for e in made.episodes]
    for ours, theirs in zip(made.episodes, other.episodes, strict=True):
        assert [replace(s, objects=tuple(names[o] for o in s.objects)) for s in ours.segments] == [
            *theirs.segments
        ]


def test_where_the_scene_stands_does_not_matter(
    made: Segmentation, shown: list[tuple[Track, list[int]]]
) -> None:
    # A power of two, so that differences stay what they were.
    shift = np.array([2.0, -4.0, 1.0])

    def moved(track: Track) -> Track:
        way = np.array([*shift, 0.0, 0.0, 0.0, 0.0])
        return replace(
            track,
            tool=track.tool + way,
            objects={n: pose + way for n, pose in track.objects.items()},
            spots={n: spot + shift for n, spot in track.spots.items()},
        )

    other = segment([moved(track) for track, _ in shown], FAST)
    assert [e.cuts for e in other.episodes] == [e.cuts for e in made.episodes]
    assert other.groups == made.groups


def test_without_poses_there_are_phases_and_it_is_said_what_is_missing(
    made: Segmentation, shown: list[tuple[Track, list[int]]]
) -> None:
    bare = [Track(t.episode, t.fps, t.position, t.velocity, t.action) for t, _ in shown]
    found = segment(bare, FAST)
    assert found.missing == (
        "observation.tool_pose",
        "a gripper's opening",
        "observation.environment_state",
    )
    assert [e.phases for e in found.episodes] == [e.phases for e in made.episodes]
    assert all(s.group == NOTHING for e in found.episodes for s in e.segments)
    assert found.groups == ()


def test_a_demonstration_without_poses_is_named_and_left_out(
    made: Segmentation, shown: list[tuple[Track, list[int]]]
) -> None:
    given = [track for track, _ in shown]
    given[2] = replace(given[2], objects={}, articulation={}, half_m={}, spots={})
    found = segment(given, FAST)
    assert (found.missing, found.left_out) == (("observation.environment_state",), (2,))
    assert [s.group for s in found.episodes[2].segments] == [NOTHING]
    assert found.episodes[2].phases == made.episodes[2].phases
    others = [k for k in range(6) if k != 2]
    for k in others:
        assert found.episodes[k].cuts == made.episodes[k].cuts
    assert {g.what for g in found.groups} == {g.what for g in made.groups}


def test_a_kind_without_a_segment_leaves_no_gap_among_the_groups(
    shown: list[tuple[Track, list[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    track = shown[0][0]
    end = len(track)

    def found(_: object) -> list[tuple[Act, ...]]:
        # As often as any other kind, but never with room for a segment of its own.
        late = Act("late", end - 2, end - 1, ("block",), ("moved",), 0)
        first = Act("put", 10, 20, ("cube", "tray"), ("moved", "onto"), 0)
        second = Act("take", end - 10, end - 3, ("cube",), ("moved",), 0)
        return [(first, second, late)]

    monkeypatch.setattr(grouping, "told_apart", found)
    cut = group([track], [Phases((), np.zeros(end))], 1.0)
    assert [g.index for g in cut.groups] == [0, 1]
    told = [(cut.groups[s.group].what, s.objects) for s in cut.episodes[0].segments]
    assert told == [("put", ("cube", "tray")), ("take", ("cube",))]
    cuts = named(cut, {}, "demos", "abc", 20)
    assert [dict(s.arguments) for s in cuts.episodes[0].spans] == [
        {"moved": "cube", "onto": "tray"},
        {"moved": "cube"},
    ]


def test_tags_are_told_of_things_that_not_every_demonstration_shows(
    shown: list[tuple[Track, list[int]]],
) -> None:
    def without(track: Track, name: str) -> Track:
        def less(values: Mapping[str, Any]) -> dict[str, Any]:
            return {k: v for k, v in values.items() if k != name}

        parts = ("objects", "articulation", "half_m", "spots")
        return replace(track, **{part: less(getattr(track, part)) for part in parts})

    given = [without(shown[0][0], "cube"), without(shown[1][0], "block"), shown[3][0]]
    types = behaviour_types(given)
    assert types == behaviour_types([shown[1][0], shown[3][0]])
    assert {"cube", "block"} <= set(types)
    for track in given:
        atoms, truth = facts_of(track, types, reach_of(given))
        assert truth.shape == (len(track), len(atoms))


def test_one_demonstration_is_enough(shown: list[tuple[Track, list[int]]]) -> None:
    found = segment([shown[1][0]], FAST)
    assert len(found.episodes[0].segments) == 5


def test_a_hand_that_does_nothing_is_one_segment_of_nothing() -> None:
    scene = Scene(np.random.default_rng(0))
    scene.go(np.array([0.3, 0.0, UP]), 20)
    found = segment([scene.track(0)], FAST)
    assert [(s.start, s.stop, s.group) for s in found.episodes[0].segments] == [(0, 20, NOTHING)]


def test_another_hand_is_told_apart(shown: list[tuple[Track, list[int]]]) -> None:
    def two(track: Track) -> Track:
        still = np.tile(np.concatenate([[0.4, 0.8, UP], DOWN]), (len(track), 1))
        return replace(
            track,
            hands=("left", "right"),
            tool=np.stack([still, track.tool[:, 0]], axis=1),
            opening=np.concatenate([np.full((len(track), 1), OPEN), track.opening], axis=1),
        )

    found = segment([two(track) for track, _ in shown], FAST)
    assert {s.hand for e in found.episodes for s in e.segments} == {"right"}


def test_no_demonstrations_are_refused() -> None:
    with pytest.raises(DatasetError, match="no demonstrations to cut"):
        segment([])


def test_different_robots_are_refused(shown: list[tuple[Track, list[int]]]) -> None:
    track = shown[0][0]
    other = replace(track, action=track.action[:, :3])
    with pytest.raises(DatasetError, match="demonstrations of different robots"):
        segment([track, other])


@pytest.mark.parametrize("wrong", [{"z": 0.0}, {"folds": 1}, {"least_frames": 1}, {"steps": 0}])
def test_options_that_cut_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="options that nothing can be cut by"):
        SegmentOptions(**wrong)


def test_a_journey_begins_after_the_rest_before_it() -> None:
    tool = np.zeros((40, 7))
    tool[5:15, 2] = np.linspace(0.0, 0.2, 10)
    tool[15:25, 2] = 0.2
    tool[25:, 2] = 0.2
    tool[25:, 0] = np.linspace(0.0, 0.3, 15)
    assert abs(journey(tool, 3, 39) - 25) <= 1


def recorded(tmp_path: Any, lengths: list[int], spoil: bool = False) -> Dataset:
    robot, table = fake_robot(), fake_table()
    with EpisodeRecorder(tmp_path / "data", robot, table, FAKE_ENTITIES) as recorder:
        for seed, length in enumerate(lengths):
            for k, frame in enumerate(fake_frames(length, seed)):
                nothing = np.full_like(frame.action, np.nan)
                recorder.add(replace(frame, action=nothing) if spoil and k == 3 else frame)
            recorder.save_episode(Outcome(True))
    return Dataset.open(tmp_path / "data")


def test_tracks_of_a_dataset_have_what_was_recorded(tmp_path: Any) -> None:
    dataset = recorded(tmp_path, [12, 20])
    found = tracks(dataset)
    assert [len(track) for track in found] == [12, 20]
    first = found[0]
    assert first.position.shape == (12, 8)
    assert first.tool.shape == (12, 1, 7)
    assert np.array_equal(first.opening[:, 0], first.position[:, 7])
    assert set(first.objects) == set(FAKE_ENTITIES)
    assert first.missing == ()


def test_a_demonstration_of_two_frames_is_refused(tmp_path: Any) -> None:
    with pytest.raises(DatasetError, match="a demonstration too short to cut") as caught:
        tracks(recorded(tmp_path, [12, 2]))
    assert "episode 1" in caught.value.where


def test_numbers_that_are_not_finite_are_refused(tmp_path: Any) -> None:
    with pytest.raises(DatasetError, match="'action' that are not finite") as caught:
        tracks(recorded(tmp_path, [12], spoil=True))
    assert "frame 3" in caught.value.where


def test_groups_of_a_known_dataset_stay_as_they_are(
    shown: list[tuple[Track, list[int]]],
) -> None:
    without = [Phases((), np.zeros(len(track))) for track, _ in shown]
    found = group([track for track, _ in shown], without, 1.0)
    plain = {
        "groups": [asdict(group) for group in found.groups],
        "episodes": [asdict(episode) for episode in found.episodes],
    }
    assert json.loads(json.dumps(plain)) == json.loads(GOLDEN.read_text())


def test_a_cut_is_where_error_rises_above_its_mean_since_the_last_cut() -> None:
    nats = np.full((40, 4), -1.0)
    nats[20] = 1.5
    assert cut(nats, 2.0, 4).cuts == (20,)
    assert cut(nats, 2.6, 4).cuts == ()
    # The mean begins anew: after a cut, an error that stays is no surprise any more.
    nats[20:] = 1.5
    assert cut(nats, 2.0, 4).cuts == (20,)


def test_no_phase_is_shorter_than_asked() -> None:
    nats = np.random.default_rng(0).normal(0.0, 3.0, (200, 4))
    cuts = cut(nats, 0.5, 7).cuts
    assert len(cuts) > 5
    assert min(b - a for a, b in pairwise((0, *cuts, 200))) >= 7


def test_the_threshold_grows_with_z_and_with_the_spread_of_errors() -> None:
    nats = [np.tile(np.random.default_rng(k).normal(size=(80, 1)), 4) for k in range(3)]
    low, high = threshold(nats, 1.0), threshold(nats, 2.0)
    assert low < high
    assert threshold([3.0 * each for each in nats], 2.0) == pytest.approx(3.0 * high)


@pytest.mark.slow
def test_long_demonstrations_are_cut_into_their_skills(tmp_path: Path) -> None:
    truth = record_longer(Longer(30, 1), tmp_path / "data")
    found = segment(tracks(Dataset.open(tmp_path / "data")))
    true = [[s.start for s in stretches][1:] for stretches in truth.values()]
    assert pooled([e.cuts for e in found.episodes], true, 6).f1 >= 0.85
    phases = [true_phases(stretches) for stretches in truth.values()]
    even = [uniform_cuts(e.frames, len(p)) for e, p in zip(found.episodes, phases, strict=True)]
    ours = pooled([e.phases for e in found.episodes], phases, 3).f1
    assert ours >= pooled(even, phases, 3).f1 + 0.1
