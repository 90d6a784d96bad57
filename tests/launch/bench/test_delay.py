"""`kata bench delay`: how cells become rows and a picture, and a small one that runs."""

import functools
import xml.etree.ElementTree as ET

import pytest

from kata.launch import build
from kata.launch.agents import Agent
from kata.launch.bench.delay import (
    DELAYS,
    JITTER,
    SKILLS,
    TRIALS,
    WITH,
    WITHOUT,
    _block,
    _how,
    _rows,
    _trials,
)
from kata.launch.bench.delay_chart import delay_chart
from kata.launch.bench.delay_trials import Cell, Late, cell_block
from kata.launch.trials import SkillTrials
from kata.sim.tasks import make_trial


def episodes(good, of=10, peak=1000.0):
    return [
        {"success": i < good, "reason": "" if i < good else "slow", "peak_jerk": peak,
         "jerk": 10.0, "duration_s": 2.0}
        for i in range(of)
    ]  # fmt: skip


def cells(ours, other):
    return {
        skill: {
            str(late): {WITH: episodes(ours[i]), WITHOUT: episodes(other[i], peak=9000.0)}
            for i, late in enumerate(DELAYS)
        }
        for skill in SKILLS
    }


def test_the_bar_is_points_lost_by_a_delay():
    rows = {row.name: row for row in _rows(cells([10, 10, 9, 9, 5], [10, 8, 6, 3, 0]), DELAYS)}
    lost = rows["success lost by 200 ms, all skills"]
    assert lost.ours.median == pytest.approx(10.0)
    assert lost.ok is False
    assert rows["success, 400 ms"].ours.median == 50.0
    assert rows["success, 200 ms"].baseline.median == 30.0
    assert rows["peak jerk, 50 ms"].ratio == pytest.approx(1.0 / 9.0)
    fine = {row.name: row for row in _rows(cells([10] * 5, [10] * 5), DELAYS)}
    assert fine["success lost by 200 ms, all skills"].ok is True


def test_a_delay_is_held_against_the_best_without_one():
    """A way that is bad without a delay loses nothing by one, and meets no bar for that."""
    rows = {row.name: row for row in _rows(cells([7] * 5, [10, 8, 6, 3, 0]), DELAYS)}
    lost = rows["success lost by 200 ms, all skills"]
    assert (lost.ours.median, lost.ok) == (pytest.approx(30.0), False)
    assert lost.against == f"blend={WITHOUT} without a delay"
    assert rows["success lost by 200 ms, push"].ours.median == pytest.approx(30.0)
    upper = rows["success lost by 200 ms, all skills, upper 95 % bound"].ours.median
    assert 30.0 < upper < 60.0


def test_uneven_replies_have_a_bar_too():
    found = cells([10] * 5, [10] * 5)
    for row in found.values():
        row[str(JITTER)] = {WITH: episodes(9), WITHOUT: episodes(0)}
    rows = {row.name: row for row in _rows(found, (*DELAYS, JITTER))}
    assert rows["success lost by 200 ms, all skills"].ok is True
    uneven = rows["success lost by 200 ± 100 ms, all skills"]
    assert (uneven.ours.median, uneven.ok) == (pytest.approx(10.0), False)


def test_the_note_says_what_the_chunks_are():
    chunk = {"actions": 16, "step_s": 0.05, "execute": 4}
    note = _how(cells([10] * 5, [10] * 5), dict.fromkeys(SKILLS, chunk))
    assert "chunks of 16 actions every 50 ms, of which 4 are carried out" in note
    assert "n a skill: 10," in note


def test_the_cells_that_are_judged_are_the_large_ones():
    many = {(str(late), b) for late in (*DELAYS, JITTER) for b in (WITH, WITHOUT)
            if _trials(late, b) == TRIALS}  # fmt: skip
    judged = {("0 ms", WITH), ("0 ms", WITHOUT), ("200 ms", WITH), (str(JITTER), WITH)}
    assert many == judged


def test_a_cell_says_why_it_failed():
    block = _block(episodes(7))
    assert (block["rate"], block["failures"]) == (0.7, {"slow": 3})
    assert (block["peak_jerk"], block["duration_s"]) == (1000.0, 2.0)


def test_the_picture_is_sound_and_names_both_ways():
    lines = {"one": [(0.0, 100.0), (400.0, 40.0)], "other": [(0.0, 90.0), (400.0, 0.0)]}
    picture = delay_chart(lines, {way: [(x, 10 * y) for x, y in p] for way, p in lines.items()})
    root = ET.fromstring(picture)
    words = "".join(root.itertext())
    assert all(word in words for word in ("one", "other", "400", "delay in ms", "peak jerk"))
    assert picture == delay_chart(
        lines, {way: [(x, 10 * y) for x, y in p] for way, p in lines.items()}
    )


def test_delays_read_as_a_person_says_them():
    assert [str(late) for late in (Late(0.0), Late(0.05), Late(0.2, 0.1))] == [
        "0 ms",
        "50 ms",
        "200 ± 100 ms",
    ]


def test_a_cell_runs_and_repeats():
    """The scripted expert, whose replies are late and uneven."""
    world, agent = functools.partial(make_trial, "press"), Agent(build.contract("press"))
    cell = Cell(SkillTrials(world, agent, 0, "delay press"), WITH, Late(0.1, 0.05))
    first = cell_block(cell, 0, 1)
    assert first == cell_block(cell, 0, 1)
    assert first["episodes"][0]["success"]
    assert first["chunk"]["execute"] < first["chunk"]["actions"]
