"""Rows of the bench of transitions: each bound is missed by what it is there to find."""

from dataclasses import replace

import pytest

from kata.launch.bench.transitions import _rows, _Trial

GOOD = _Trial(
    carries=False, straight=True, over=True, way="straight", touched=False, cost_ms=20.0,
    queries=9, reason="",
)  # fmt: skip
LOST = replace(GOOD, straight=False, over=False, way="", cost_ms=700.0, reason="barred")
REACHED, TOUCHED, MS = (
    "reached, around too",
    "of the moves: touched nothing",
    "planning straight, median",
)


def rows_of(*changed):
    """Rows of a hundred trials, good ones but for these."""
    rows = {row.name: row for row in _rows([*changed, *[GOOD] * (100 - len(changed))])}
    return rows, {name for name, row in rows.items() if row.ok is False}


def test_good_trials_miss_nothing():
    rows, missed = rows_of()
    assert missed == set()
    assert "no way found, worst" not in rows
    assert rows[REACHED].ours.median == 100.0


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ([LOST] * 6, REACHED),
        ([replace(GOOD, touched=True)] * 2, TOUCHED),
        ([replace(GOOD, cost_ms=101.0)] * 51, MS),
    ],
    ids=[REACHED, TOUCHED, MS],
)
def test_each_bound_is_missed_alone(changed, name):
    assert rows_of(*changed)[1] == {name}
    assert rows_of(*changed[:1])[1] == set()


def test_ways_add_up_and_what_is_lost_is_timed():
    over = replace(GOOD, straight=False, way="over")
    around = replace(over, over=False, way="around", cost_ms=300.0)
    rows, _ = rows_of(over, around, LOST, replace(LOST, cost_ms=900.0))
    shares = ("reached, straight only", "reached, straight or over", REACHED)
    assert [rows[name].ours.median for name in shares] == [96.0, 97.0, 98.0]
    assert rows["planning around, median"].ours.median == 300.0
    assert rows["no way found, median"].ours.median == 800.0
    assert rows["no way found, worst"].ours.median == 900.0
    assert rows[TOUCHED].ours.median == 100.0


def test_a_move_that_was_not_made_touches_nothing():
    rows, missed = rows_of(*[LOST] * 5)
    assert missed == set()
    assert rows[TOUCHED].ours.median == 100.0
