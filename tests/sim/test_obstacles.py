"""Obstacles: where they stand, what touching them is; scenes without them are as before."""

import numpy as np
import pytest

from kata.datasets.types import Command, ConfigError, UnknownNameError
from kata.sim.scene import TableWorldConfig
from kata.sim.tasks import make_trial
from kata.sim.world import TableWorld

OBSTACLE = TableWorldConfig.load("obstacle")


@pytest.mark.parametrize("task", ["place", "pick"])
def test_a_pillar_stands_between_tool_and_goal(task: str) -> None:
    trial = make_trial(task, "nominal", OBSTACLE)
    for seed in range(6):
        seen = trial.reset(seed)
        start, goal = seen.tool().position[:2], seen.focused()[-1].spot[:2]
        place = seen.entities["pillar"].pose.position[:2]
        along = (goal - start) / np.linalg.norm(goal - start)
        across = np.array([-along[1], along[0]])
        assert abs((place - start) @ across) < 0.02
        assert min((place - start) @ along, (goal - place) @ along) > 0.13
        assert seen.entities["pillar"].tags == {"obstacle"}
        assert not trial.bumped
        others = [e for n, e in seen.entities.items() if "object" in e.tags]
        assert all(np.hypot(*(e.pose.position[:2] - place)) > 0.07 for e in others)


def test_equal_seeds_give_equal_scenes() -> None:
    one, other = (make_trial("place", "nominal", OBSTACLE) for _ in range(2))
    for seed in (3, 4, 3):
        a, b = one.reset(seed), other.reset(seed)
        np.testing.assert_array_equal(a.position, b.position)
        for name in a.entities:
            np.testing.assert_array_equal(
                a.entities[name].pose.array(), b.entities[name].pose.array()
            )


def test_touching_it_is_told_until_the_next_start() -> None:
    world = TableWorld(OBSTACLE)
    world.reset(0)
    tool = world.observe().tool().position
    hold = Command.hold(world.commanded)
    world.apply(hold)
    assert not world.bumped
    before = world.snapshot()
    # The pillar's top comes up into the hand.
    world.stand("pillar", (tool[0], tool[1], tool[2] - 0.12))
    world.apply(hold)
    assert world.bumped == {"pillar"}
    after = world.snapshot()
    world.restore(before)
    assert not world.bumped
    world.restore(after)
    assert world.bumped == {"pillar"}
    world.stand("pillar", (0.45, 0.0, 0.0))
    world.begin()
    assert not world.bumped


def test_a_pillar_counts_in_the_clearance() -> None:
    """What plans ways around things sees it."""
    world = TableWorld(OBSTACLE)
    world.reset(0)
    far = world.clearance_m(world.commanded)
    tool = world.observe().tool().position
    world.stand("pillar", (tool[0], tool[1], tool[2] - 0.25))
    assert world.clearance_m(world.commanded) < min(0.1, far)


def test_things_are_scattered_clear_of_where_an_obstacle_stands() -> None:
    world = TableWorld(OBSTACLE)
    world.reset(0)
    x0, x1, y0, y1 = OBSTACLE.area
    place = np.array([x0 + 0.25 * (x1 - x0), y0 + 0.25 * (y1 - y0)])
    world.stand("pillar", (*place, 0.0))
    for seed in range(20):
        world.scatter(np.random.default_rng(seed))
        things = [e for e in world.observe().entities.values() if "object" in e.tags]
        gaps = [float(np.hypot(*(e.pose.position[:2] - place))) for e in things]
        assert min(gaps) >= OBSTACLE.gap_m - 1e-9


def test_obstacles_go_back_before_things_are_scattered_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pillar that could not be stood on the way is not left amid the next scene."""
    feet, configured = [], OBSTACLE.obstacles[0].position
    scatter = TableWorld.scatter

    def scattered(world: TableWorld, *rest: object) -> None:
        feet.append(world.observe().entities["pillar"].pose.position[:2].copy())
        scatter(world, *rest)  # type: ignore[arg-type]

    def barred(world: TableWorld, *rest: object) -> bool:
        world.stand("pillar", (0.5, 0.1, 0.0))
        return len(feet) > 3

    monkeypatch.setattr(TableWorld, "scatter", scattered)
    monkeypatch.setattr("kata.sim.tasks.trial.bar", barred)
    make_trial("place", "nominal", OBSTACLE).reset(0)
    assert len(feet) == 4
    assert np.allclose(feet, configured[:2])


def test_a_scene_without_obstacles_is_what_it_was() -> None:
    table = TableWorldConfig.load()
    assert table.obstacles == ()
    assert table.fingerprint() != OBSTACLE.fingerprint()
    assert "pillar" not in TableWorld(table).observe().entities
    with pytest.raises(UnknownNameError):
        TableWorld(table).stand("pillar", (0.4, 0.0, 0.0))


@pytest.mark.parametrize(
    "obstacles",
    [[{"name": "table"}], [{"name": "pillar"}, {"name": "pillar"}], [{"nam": "x"}], [3]],
)
def test_impossible_obstacles_are_refused(obstacles: list[object]) -> None:
    with pytest.raises(ConfigError):
        TableWorldConfig.load("obstacle", obstacles=obstacles)
