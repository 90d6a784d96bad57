"""The score follows its rule, and what scores too low is refused in so many words."""

from pathlib import Path

import pytest

from kata.datasets.quality.check import check, require
from kata.datasets.quality.faults import COST, KINDS, Fault, page_table
from kata.datasets.quality.report import Report
from kata.datasets.types import DatasetError


def test_score_falls_with_the_share_of_episodes() -> None:
    def score(*faults: Fault, episodes: int = 100) -> int:
        return Report.of(episodes, 1000, faults).score

    one = Fault("not_a_number", 3, 1)
    assert score() == 100
    assert score(one) == 88  # 10 points for the kind, and 1 % of episodes of the 20 % at most
    assert score(*(Fault("not_a_number", i, 0) for i in range(30))) == 40
    assert score(Fault("wrong_rate")) == 0
    assert score(Fault("outlier_episode", 1)) == 97
    assert score(one, one) == score(one)


def test_a_low_score_is_refused_with_its_faults() -> None:
    report = Report.of(10, 400, [Fault("wrong_rate", key="timestamp", detail="10 frames per s")])
    with pytest.raises(DatasetError) as caught:
        require(report, Path("demos"))
    assert str(caught.value) == (
        "a dataset that is not fit to learn from (in demos)\n"
        "  expected: a score of 60 or more\n"
        "  got:      0\n"
        "            wrong_rate at whole dataset, key timestamp: 10 frames per s\n"
        "  do:       kata data check demos says what to do; least_score=0 trains all the same"
    )
    require(report, Path("demos"), 0)


def test_every_kind_says_what_it_means_and_what_to_do() -> None:
    for kind in KINDS.values():
        assert kind.meaning
        assert kind.do
        assert kind.severity in COST


def test_places_are_named() -> None:
    assert Fault("not_a_number", 12, 87, "action").place == "episode 12, frame 87, key action"
    assert Fault("outlier_episode", 3).place == "episode 3"
    assert Fault("wrong_rate").place == "whole dataset"


def test_a_long_list_of_places_is_cut() -> None:
    lines = Report.of(30, 900, [Fault("state_jump", i, 4) for i in range(30)]).lines(most=5)
    assert lines[0].startswith("serious state_jump (-60)")
    assert lines[6] == "    and at 25 more places"
    assert len(lines) == 8


@pytest.mark.parametrize("folder", ["", "meta"])
def test_what_is_no_dataset_is_refused(folder: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    if folder:
        (root / folder).mkdir(parents=True)
    with pytest.raises(DatasetError) as caught:
        check(root)
    assert caught.value.what == "no dataset here"


def test_the_page_lists_every_fault() -> None:
    page = Path(__file__).parents[2] / "docs/data-check.md"
    assert page_table() in page.read_text()
