"""Rows of the bench of stepping stones: each bound is missed by what it is there to find."""

import pytest

from kata.launch.bench.stitch import MOST_NAIVE, _bridge_rows, _switch_rows
from kata.launch.bench.stitch_bridges import Bridge
from kata.launch.bench.stitch_scenes import Switch

COUNT = 40
BRIDGES, SWITCHES = "bridges: replayed without disturbing anything", "refused"


def bridges(arrived=40, straight=20):
    return [Bridge(True, i < arrived, i < 10, i < straight, 5.0 + i) for i in range(COUNT)]


def switches(stepped=36, naive=8, straight=36, arrived=38, found=40):
    return [
        Switch(
            "pick", "place", 0.2, refused=True, found=i < found, stones=3, arrived=i < arrived,
            straight=i < 30, naive=i < naive, stepped=i < stepped, straightened=i < straight,
        )
        for i in range(COUNT)
    ]  # fmt: skip


def rows_of(found, most=MOST_NAIVE):
    rows, note = _switch_rows(SWITCHES, found, most)
    assert len({row.name for row in rows}) == len(rows)
    return {row.name: row for row in rows}, note


def missed(rows):
    return {name for name, row in rows.items() if row.ok is False}


def test_good_switches_miss_nothing():
    rows, _ = rows_of(switches())
    assert missed(rows) == set()
    assert rows["refused: success with stones"].ours.median == pytest.approx(90.0)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"naive": 13}, {"refused: success at once"}),
        ({"stepped": 27}, {"refused: success with stones"}),
        ({"arrived": 31}, {"refused: bridged without disturbing anything"}),
        (
            {"stepped": 29, "naive": 12, "found": 0, "arrived": 0},
            {"refused: bridged without disturbing anything"},
        ),
    ],
    ids=str,
)
def test_each_bound_is_missed_alone(change, names):
    rows, _ = rows_of(switches(**change))
    assert missed(rows) == names


def test_stones_that_gain_nothing_miss_their_gain():
    gained = "points gained by stones, refused"
    equal, _ = rows_of(switches(stepped=30, naive=30), None)
    assert missed(equal) == {f"{gained}, lower 95 % bound"}
    worse, _ = rows_of(switches(stepped=30, naive=31), None)
    assert missed(worse) == {gained, f"{gained}, lower 95 % bound"}


def test_only_switches_that_are_refused_are_to_fail_at_once():
    rows, _ = rows_of(switches(stepped=39, naive=30), None)
    assert rows["refused: success at once"].ok is None


def test_what_the_straight_way_gains_is_not_credited_to_the_stones():
    rows, note = rows_of(switches(stepped=36, naive=8, straight=35))
    assert rows["points gained by stones, refused"].ours.median == pytest.approx(70.0)
    assert rows["refused: points gained over the straight way"].ours.median == pytest.approx(2.5)
    assert rows["refused: success with stones"].baseline.median == pytest.approx(87.5)
    assert "Stones beside the straight way" in note


def test_ways_that_are_found_and_not_gone_are_counted():
    rows, _ = rows_of(switches(found=40, arrived=38))
    name = "refused: ways found that were not carried through"
    assert rows[name].ours.median == pytest.approx(5.0)
    none, _ = rows_of(switches(found=0, arrived=0))
    assert none[name].ours.median == 0.0


def test_bridges_that_disturb_the_scene_miss():
    fine = {row.name: row for row in _bridge_rows("bridges", bridges())}
    assert missed(fine) == set()
    assert (fine[BRIDGES].ours.median, fine[BRIDGES].baseline.median) == (100.0, 50.0)
    assert fine["bridges: search for stones, worst"].ours.median == 44.0
    poor = {row.name: row for row in _bridge_rows("bridges", bridges(arrived=31))}
    assert missed(poor) == {BRIDGES}
    assert _bridge_rows("bridges", []) == []
