"""Perturbed starts: each kind does what it says, and leaves a call that can begin."""

import numpy as np
import pytest

from kata.datasets.types import SpecError
from kata.sim.tasks import TASKS, leftovers
from kata.sim.tasks.goals import goal_of
from kata.sim.tasks.leftovers import SHARES, crowd, kind_of, put_away, put_far, wall
from kata.sim.tasks.trial import TrialTable
from kata.sim.world import TableWorld


@pytest.fixture(scope="module")
def world() -> TableWorld:
    return TableWorld()


def place(world: TableWorld, name: str) -> np.ndarray:
    return world.observe().entities[name].pose.position


def test_shares_are_of_known_tasks_and_drawn_as_they_say() -> None:
    assert set(SHARES) < set(TASKS)
    rng = np.random.default_rng(0)
    for task, shares in SHARES.items():
        assert sum(share for _, share in shares) == pytest.approx(1.0)
        drawn = [kind_of(task, rng) for _ in range(2000)]
        for kind, share in shares:
            assert drawn.count(kind) / 2000 == pytest.approx(share, abs=0.05)
    assert kind_of("handover", rng) == "anywhere"


@pytest.mark.parametrize("sides", [1, 2])
def test_crowded_means_close_at_so_many_faces(world: TableWorld, sides: int) -> None:
    for seed in range(10):
        world.reset(seed)
        crowd(world, np.random.default_rng(seed), "red_cube", sides)
        others = ("blue_cube", "green_cube", "yellow_cube")
        gaps = [np.hypot(*(place(world, n) - place(world, "red_cube"))[:2]) for n in others]
        assert sum(gap < 0.075 for gap in gaps) == sides
        assert min(gaps) > 0.041


def test_put_away_means_off_the_table(world: TableWorld) -> None:
    homes = set()
    for seed in range(12):
        world.reset(seed)
        put_away(world, np.random.default_rng(seed), "red_cube")
        facts = world.facts()
        homes |= {
            str(atom)
            for atom, value in zip(facts.table.atoms, facts.truth, strict=True)
            if value == 1 and atom.predicate in ("in", "on") and atom.arguments[0] == "red_cube"
        }
    assert len(homes) >= 3
    assert "on(red_cube, table)" not in homes


def test_put_far_means_at_the_edge_of_reach(world: TableWorld) -> None:
    for seed in range(10):
        world.reset(seed)
        put_far(world, np.random.default_rng(seed), "red_cube", np.zeros(2))
        far = float(np.hypot(*place(world, "red_cube")[:2]))
        assert far > 0.6 or far < 0.33


def test_against_furniture_there_is_no_room_behind_a_thing(world: TableWorld) -> None:
    seen = 0
    for seed in range(12):
        world.reset(seed)
        before = place(world, "red_cube").copy()
        wall(world, np.random.default_rng(seed), "red_cube", "blue_cube")
        thing, other = place(world, "red_cube"), place(world, "blue_cube")
        if np.array_equal(thing, before):
            continue
        seen += 1
        way = (other - thing)[:2] / np.linalg.norm((other - thing)[:2])
        behind = thing[:2] - 0.075 * way
        walls = [e for e in world.observe().entities.values() if e.half_extents[:2].min() == 0.09]
        inside = [np.abs(behind - w.pose.position[:2]).max() <= w.half_extents[0] for w in walls]
        assert any(inside)
        assert 0.1 < np.linalg.norm((other - thing)[:2]) < 0.3
    assert seen >= 8


@pytest.mark.parametrize("task", sorted(SHARES))
def test_from_every_kind_the_call_can_begin(
    task: str, world: TableWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    goal = goal_of(task)
    for kind, _ in SHARES[task]:
        monkeypatch.setattr(leftovers, "SHARES", {task: ((kind, 1.0),)})
        trial = TrialTable(world, task, "perturbed")
        trial.reset(3)
        given = tuple(trial.episode.arguments.values())
        assert goal.ready(given, trial.episode.hand, world.facts()), kind


def test_a_moving_arm_moves_at_the_start_and_not_without_being_told(world: TableWorld) -> None:
    world.reset(0)
    assert not world.observe().velocity.any()
    world.set_speeds("arm", np.full(7, 0.5))
    assert np.allclose(world.begin().velocity[:7], 0.5)
    with pytest.raises((SpecError, ValueError)):
        world.set_speeds("arm", np.zeros(3))


def test_the_nominal_starts_know_no_kinds(world: TableWorld) -> None:
    """Their scenes are those of the demonstrations, whatever the shares say."""
    trial = TrialTable(world, "pick", "nominal")
    trial.reset(5)
    plain = TableWorld()
    plain.reset(5)
    assert np.array_equal(world.observe().position, plain.observe().position)
    assert np.array_equal(place(world, "red_cube"), place(plain, "red_cube"))
