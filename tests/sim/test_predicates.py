"""Predicates: what each atom means, on which side its margin is, and where it turns."""

from __future__ import annotations

from dataclasses import replace
from timeit import timeit

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata.datasets.types import PREDICATES, Atom, Pose, SpecError
from kata.datasets.types.pose import yaw_quat
from kata.sim.predicates import atom_table, margins
from kata.sim.predicates.rules import RULES
from kata.sim.scene.view import SceneView

HALF = 0.02
TYPES = {
    "red_cube": frozenset({"cube", "object", "support"}),
    "blue_cube": frozenset({"cube", "object", "support"}),
    "table": frozenset({"support", "surface"}),
    "drawer": frozenset({"container", "openable", "fixture"}),
    "bin": frozenset({"container", "fixture"}),
    "button": frozenset({"button", "fixture"}),
    "shelf": frozenset({"support", "surface", "fixture"}),
}
NAMES = tuple(TYPES)
TABLE = atom_table(TYPES, ["hand"])
DOWN = np.array([0.0, 1.0, 0.0, 0.0])


def pose(x: float, y: float, z: float, yaw: float = 0.0) -> np.ndarray:
    return np.concatenate([[x, y, z], yaw_quat(yaw)])


def scene() -> SceneView:
    """Two cubes apart on the table, a closed drawer, an open hand high above."""
    nothing = np.full(7, np.nan)
    return SceneView(
        names=NAMES,
        poses=np.array(
            [
                pose(0.5, 0.0, HALF),
                pose(0.5, 0.2, HALF),
                pose(0.5, 0.0, 0.0),
                pose(0.5, 0.4, 0.05),
                pose(0.5, -0.4, 0.01),
                pose(0.4, -0.3, 0.03),
                pose(0.6, -0.3, 0.1),
            ]
        ),
        half=np.array([[HALF] * 3] * 2 + [[0.1, 0.1, 0.05]] * 5),
        tags=TYPES,
        articulation=np.zeros(7),
        region_pose=np.array(
            [
                nothing,
                nothing,
                pose(0.5, 0.0, 0.0),
                pose(0.6, 0.4, 0.05),
                pose(0.5, -0.4, 0.05),
                nothing,
                pose(0.6, -0.3, 0.1),
            ]
        ),
        region_half=np.array(
            [
                [np.nan] * 3,
                [np.nan] * 3,
                [0.5, 0.5, 0.0],
                [0.08, 0.08, 0.04],
                [0.08, 0.08, 0.04],
                [np.nan] * 3,
                [0.08, 0.08, 0.0],
            ]
        ),
        touching=frozenset(),
        tools={"hand": Pose(np.array([0.5, 0.0, 0.3]), DOWN)},
        openings={"hand": 0.08},
        latched=frozenset(),
        bases={"hand": np.zeros(3)},
    )


def moved(view: SceneView, **places: np.ndarray) -> SceneView:
    poses = view.poses.copy()
    for name, place in places.items():
        poses[NAMES.index(name)] = place
    return replace(view, poses=poses)


def grasped(view: SceneView, *others: frozenset[str]) -> SceneView:
    """The hand closed about the red cube in the air, which also touches what is given."""
    view = moved(view, red_cube=pose(0.5, 0.0, 0.3))
    fingers = {frozenset(("hand.left", "red_cube")), frozenset(("hand.right", "red_cube"))}
    return replace(view, touching=frozenset(fingers | set(others)), openings={"hand": 2 * HALF})


def margin(view: SceneView, text: str) -> float:
    return float(margins(view, TABLE)[TABLE.index[Atom.parse(text)]])


def test_every_predicate_of_the_language_has_a_rule_and_an_atom() -> None:
    assert set(RULES) == set(PREDICATES)
    assert {atom.predicate for atom in TABLE.atoms} == set(PREDICATES)


@pytest.mark.parametrize(
    "text",
    ["on(red_cube, red_cube)", "on(table, red_cube)", "in(red_cube, table)", "open(button)"],
)
def test_the_table_has_no_atom_without_meaning(text: str) -> None:
    assert Atom.parse(text) not in TABLE.index


def test_what_holds_on_the_default_scene() -> None:
    wanted = {
        *("on(red_cube, table)", "on(blue_cube, table)", "open(bin)", "closed(drawer)"),
        *("clear(red_cube)", "clear(blue_cube)", "gripper_empty()"),
        *("upright(red_cube)", "upright(blue_cube)"),
        *(f"reachable({n})" for n in NAMES if n != "table"),
    }
    values = margins(scene(), TABLE)
    assert {str(a) for a, m in zip(TABLE.atoms, values, strict=True) if m > 1} == wanted
    assert not np.any(np.abs(values) < 1)


def test_a_stacked_cube_is_on_the_lower_one_only_and_covers_it() -> None:
    view = moved(scene(), red_cube=pose(0.505, 0.2, 3 * HALF + 0.001, 0.7))
    assert margin(view, "on(red_cube, blue_cube)") > 1
    assert margin(view, "on(red_cube, table)") < -1
    assert margin(view, "on(blue_cube, red_cube)") < -1
    assert margin(view, "clear(blue_cube)") < -1
    assert margin(view, "clear(red_cube)") > 1


def test_a_cube_in_a_drawer_stays_in_it_when_it_closes() -> None:
    view = moved(scene(), red_cube=pose(0.6, 0.4, 0.04))
    opened = view.articulation.copy()
    opened[NAMES.index("drawer")] = 1.0
    for articulation in (view.articulation, opened):
        assert margin(replace(view, articulation=articulation), "in(red_cube, drawer)") > 1
    assert margin(view, "closed(drawer)") > 1 > -1 > margin(view, "open(drawer)")
    ajar = replace(view, articulation=opened)
    assert margin(ajar, "open(drawer)") > 1 > -1 > margin(ajar, "closed(drawer)")


def test_holding_needs_both_fingers_and_nothing_below() -> None:
    held = grasped(scene())
    assert margin(held, "holding(red_cube)") > 1
    assert margin(held, "gripper_empty()") < -1
    assert margin(held, "holding(blue_cube)") < -1
    resting = grasped(scene(), frozenset(("red_cube", "table")))
    assert margin(resting, "holding(red_cube)") < -1
    assert margin(resting, "gripper_empty()") < -1
    one = replace(held, touching=frozenset({frozenset(("hand.left", "red_cube"))}))
    assert margin(one, "holding(red_cube)") < -1
    assert margin(one, "gripper_empty()") > 1


def test_a_gripped_handle_is_not_an_empty_gripper() -> None:
    view = scene()
    handle = view.poses[NAMES.index("drawer"), :3]
    fingers = {frozenset((f"hand.{side}", "drawer")) for side in ("left", "right")}
    view = replace(
        view,
        touching=frozenset(fingers),
        tools={"hand": Pose(handle, DOWN)},
        openings={"hand": 0.015},
    )
    assert margin(view, "gripper_empty()") < -1
    away = replace(view, tools={"hand": Pose(handle + np.array([0.0, 0.0, 0.1]), DOWN)})
    assert margin(away, "gripper_empty()") > 1


def test_a_latched_button_is_pressed() -> None:
    assert margin(scene(), "pressed(button)") < -1
    assert margin(replace(scene(), latched=frozenset({"button"})), "pressed(button)") > 1


def test_a_lying_cube_is_not_upright() -> None:
    tilted = np.concatenate([[0.5, 0.0, HALF], [np.cos(0.5), np.sin(0.5), 0.0, 0.0]])
    assert margin(moved(scene(), red_cube=tilted), "upright(red_cube)") < -1


@given(st.floats(0.0, 0.2), st.floats(0.0, 0.2))
def test_margins_fall_with_the_height_above_the_support(low: float, high: float) -> None:
    low, high = sorted((low, high))
    near = moved(scene(), red_cube=pose(0.5, 0.0, HALF + low))
    far = moved(scene(), red_cube=pose(0.5, 0.0, HALF + high))
    assert margin(near, "on(red_cube, table)") >= margin(far, "on(red_cube, table)")


@given(st.floats(-3.0, 3.0), st.floats(0.3, 0.6), st.floats(-0.4, 0.4), st.floats(0.0, 0.3))
def test_near_is_symmetric_and_turns_at_its_gap(yaw: float, x: float, y: float, z: float) -> None:
    view = moved(scene(), red_cube=pose(x, y, HALF + z, yaw))
    there = margin(view, "near(red_cube, blue_cube)")
    assert there == pytest.approx(margin(view, "near(blue_cube, red_cube)"))
    apart = np.linalg.norm(view.poses[0, :3] - view.poses[1, :3])
    assert (there > 1) == (apart < 0.075 - 1e-12) or abs(apart - 0.075) < 1e-9
    assert (there < -1) == (apart > 0.085 + 1e-12) or abs(apart - 0.085) < 1e-9


@given(st.floats(-3.1, 3.1), st.floats(-0.07, 0.07), st.floats(-0.07, 0.07))
def test_regions_turn_with_their_entity(yaw: float, dx: float, dy: float) -> None:
    view = scene()
    regions = view.region_pose.copy()
    row = NAMES.index("bin")
    regions[row] = pose(0.5, -0.4, 0.05, yaw)
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    x, y = np.array([0.5, -0.4]) + turn @ np.array([dx, dy])
    view = moved(replace(view, region_pose=regions), red_cube=pose(x, y, 0.03))
    assert margin(view, "in(red_cube, bin)") > 1


@given(st.integers(0, 2**32 - 1))
def test_margins_are_finite_and_bounded_anywhere(seed: int) -> None:
    rng = np.random.default_rng(seed)
    turns = rng.normal(size=(7, 4))
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    view = replace(scene(), poses=np.concatenate([rng.normal(0.4, 0.3, (7, 3)), turns], axis=1))
    values = margins(view, TABLE)
    assert np.isfinite(values).all()
    assert np.abs(values).max() <= 10.0
    for name in ("red_cube", "blue_cube"):
        covers = [values[i] for a, i in TABLE.index.items() if str(a).endswith(f", {name})")]
        assert values[TABLE.index[Atom.parse(f"clear({name})")]] <= -min(covers) + 1e-9


def test_a_view_without_a_name_of_the_table_is_refused() -> None:
    view = replace(scene(), names=("green_cube", *NAMES[1:]))
    with pytest.raises(SpecError, match="no red_cube"):
        margins(view, TABLE)


def test_two_tables_in_turn_keep_apart() -> None:
    other = atom_table(dict(reversed(TYPES.items())), ["hand"])
    by_name = dict(zip(TABLE.atoms, margins(scene(), TABLE), strict=True))
    assert dict(zip(other.atoms, margins(scene(), other), strict=True)) == by_name


def test_margins_are_cheap_enough_for_every_frame() -> None:
    view = scene()
    margins(view, TABLE)
    # A generous bound for a shared machine; 0.1 ms where nothing else runs.
    assert min(timeit(lambda: margins(view, TABLE), number=20) for _ in range(10)) / 20 < 1e-3


@given(st.lists(st.integers(0, 5), min_size=2, max_size=12))
def test_what_is_kept_of_the_last_scene_changes_nothing(order: list[int]) -> None:
    still = scene()
    moved = replace(still, poses=still.poses + np.array([0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0]))
    touched = frozenset(
        {frozenset({"hand.left", "red_cube"}), frozenset({"hand.right", "red_cube"})}
    )
    scenes = [
        *(still, moved),
        *(replace(still, touching=touched), replace(moved, touching=touched)),
        *(replace(still, latched=frozenset({"button"})), replace(still, articulation=np.ones(7))),
    ]
    one_after_the_other = [margins(scenes[k], TABLE) for k in order]
    for k, found in zip(order, one_after_the_other, strict=True):
        assert np.array_equal(found, margins(scenes[k], atom_table(TYPES, ["hand"])))
