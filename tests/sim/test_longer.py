"""Long demonstrations: what was done when covers them, and the recorded frames do not tell."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from kata.datasets.dataset import Dataset
from kata.datasets.types import Episode
from kata.launch.longer import TRUTH, Chooser, Longer, read_truth, record_longer, to_data
from kata.sim.longer import Pauses, Stretch, demonstrate_longer
from kata.sim.tasks import make_trial

ASKED = Longer(2, 3, calls=2, pauses=Pauses(1.0, 0.2, 0.3))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, list[Stretch]]]:
    root = tmp_path_factory.mktemp("longer") / "data"
    return root, {k: list(v) for k, v in record_longer(ASKED, root).items()}


def test_what_was_done_covers_each_episode_without_gap(
    recorded: tuple[Path, dict[int, list[Stretch]]],
) -> None:
    root, truth = recorded
    dataset = Dataset.open(root)
    for info in dataset.episodes:
        done = truth[info.index]
        assert [s.stop for s in done] == [*(s.start for s in done[1:]), info.stop - info.start]
        assert len(done) == 2
        for stretch in done:
            starts = [start for start, _ in stretch.phases]
            assert starts[0] == stretch.start
            assert all(b - a >= 3 for a, b in pairwise([*starts, stretch.stop]))
            assert all(a[1] != b[1] for a, b in pairwise(stretch.phases))


def test_recorded_frames_do_not_tell_what_was_meant(
    recorded: tuple[Path, dict[int, list[Stretch]]],
) -> None:
    dataset = Dataset.open(recorded[0])
    for key in ("skill", "arguments", "phase"):
        assert dataset.texts(key).names == ("",)
    assert not [s for s in dataset.segments() if s.skill]


def test_the_truth_is_read_back(recorded: tuple[Path, dict[int, list[Stretch]]]) -> None:
    root, truth = recorded
    found = read_truth(root.with_name(f"{root.name}-{TRUTH}"))
    assert found == {k: [to_data(s) for s in v] for k, v in truth.items()}


def test_a_rest_belongs_to_what_was_before_it(
    recorded: tuple[Path, dict[int, list[Stretch]]],
) -> None:
    root, truth = recorded
    dataset = Dataset.open(root)
    speed = np.abs(dataset.column("observation.velocity")[:, :7]).max(axis=1)
    for info in dataset.episodes:
        for stretch in truth[info.index]:
            last = info.start + stretch.stop
            assert speed[last - 2 : last].max() < 0.2


def test_equal_seeds_give_equal_episodes() -> None:
    world = make_trial("table")
    chooser = Chooser(world.facts())
    one, other = (demonstrate_longer(world, chooser, 1, 5) for _ in range(2))
    assert one[1:] == other[1:]
    assert all(np.array_equal(a.action, b.action) for a, b in zip(one[0], other[0], strict=True))


def test_an_episode_ends_where_nothing_can_be_done() -> None:
    world = make_trial("table")
    frames, done, outcome = demonstrate_longer(world, lambda *_: None, 3, 0)
    assert (frames, done, outcome.success) == ([], (), False)


def test_nothing_is_undone_at_once() -> None:
    world = make_trial("table")
    seen = world.reset(0)
    world.world.set_opening("drawer", 1.0)
    world.world.begin()
    chooser, facts = Chooser(world.facts()), world.facts()
    opened = (Episode("open", {"container": "drawer"}, "open(drawer)", 6.0),)
    drawn = {
        len(done): {
            found.skill
            for k in range(60)
            if (found := chooser(facts, seen, done, np.random.default_rng(k)))
        }
        for done in ((), opened)
    }
    assert "close" in drawn[0]
    assert "close" not in drawn[1]
