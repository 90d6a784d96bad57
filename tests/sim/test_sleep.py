"""Bodies at rest sleep; what follows is the same to the bit wherever one goes on from."""

import mujoco
import numpy as np
import pytest

from kata.datasets.types import Command, Pose, SimulationError
from kata.sim.sleep import _update, restore_state
from kata.sim.world import TableWorld

LISTS = ("body_awake", "body_awake_ind", "parent_awake_ind", "dof_awake_ind")
COUNTS = {"body_awake_ind": "nbody_awake", "parent_awake_ind": "nparent_awake"}
COUNTS["dof_awake_ind"] = "nv_awake"


@pytest.fixture
def world() -> TableWorld:
    world = TableWorld()
    world.reset(3)
    return world


def rest(world: TableWorld, periods: int = 60) -> None:
    hold = Command.hold(world.commanded)
    for _ in range(periods):
        world.apply(hold)


def asleep(world: TableWorld, name: str) -> bool:
    tree = world.model.body_treeid[world.model.body(name).id]
    return bool(world.data.tree_asleep[tree] >= 0)


def test_an_object_at_rest_sleeps_and_a_push_wakes_it(world: TableWorld) -> None:
    rest(world)
    assert asleep(world, "red_cube")
    before = world.observe().entities["red_cube"].pose.position
    world.push("red_cube", (0.0, 0.0, 1.5), 0.05)
    rest(world, 5)
    assert not asleep(world, "red_cube")
    assert world.observe().entities["red_cube"].pose.position[2] > before[2] + 1e-3


def test_an_object_that_is_put_elsewhere_is_there(world: TableWorld) -> None:
    rest(world)
    pose = Pose(np.array([0.45, 0.1, 0.3]), np.array([1.0, 0.0, 0.0, 0.0]))
    world.set_object("red_cube", pose)
    assert np.allclose(world.observe().entities["red_cube"].pose.position, pose.position)
    rest(world, 60)
    assert world.observe().entities["red_cube"].pose.position[2] < 0.05


def test_the_lists_are_those_that_mujoco_makes(world: TableWorld) -> None:
    rest(world)
    world.push("blue_cube", (0.0, 0.0, 1.5), 0.02)
    rest(world, 2)
    data = world.data
    wanted = {name: getattr(data, name).copy() for name in LISTS}
    counts = {name: getattr(data, name) for name in COUNTS.values()}
    assert 0 < data.ntree_awake < world.model.ntree
    for name in LISTS:
        getattr(data, name)[:] = 0
    _update(world.model, data)
    assert counts == {name: getattr(data, name) for name in COUNTS.values()}
    for name in LISTS:
        count = counts[COUNTS[name]] if name in COUNTS else None
        assert np.array_equal(getattr(data, name)[:count], wanted[name][:count]), name


def test_a_restored_world_goes_on_the_same_to_the_bit(world: TableWorld) -> None:
    rest(world)
    world.push("green_cube", (0.3, 0.0, 1.0), 0.05)
    rest(world, 3)
    state = world.snapshot()
    rest(world, 100)
    end = world.snapshot()
    other = TableWorld()
    other.restore(state)
    assert other.snapshot() == state
    rest(other, 100)
    assert other.snapshot() == end


@pytest.mark.parametrize("unfit", [(), (0,) * 3, (99,) * 7, (-99,) * 7])
def test_sleep_of_another_model_is_refused(world: TableWorld, unfit: tuple[int, ...]) -> None:
    size = mujoco.mj_stateSize(world.model, int(mujoco.mjtState.mjSTATE_INTEGRATION))
    with pytest.raises(SimulationError, match="unfit sleep"):
        restore_state(world.model, world.data, np.zeros(size), unfit)
