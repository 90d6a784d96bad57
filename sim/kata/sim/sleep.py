"""What sleeps: bodies at rest, which MuJoCo leaves out until something touches them.

A tree of bodies that stays slow for some steps sleeps; contact with one that is awake, or a force,
wakes it. Nothing wakes it when its joints are written to, so whoever does that calls `wake` first.
MuJoCo's own state vector lacks it, but the next steps depend on it. Legend: `T` trees of bodies.
"""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from kata.datasets.types import Array, SimulationError

_STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)
_STATIC, _AWAKE = int(mujoco.mjtSleepState.mjS_STATIC), int(mujoco.mjtSleepState.mjS_AWAKE)


def restore_state(
    model: mujoco.MjModel, data: mujoco.MjData, physics: Array, asleep: Sequence[int]
) -> None:
    """Set a state of physics and what slept in it, so that the next steps are equal to the bit.

    Args:
        model: of the data.
        data: is set.
        physics: as `mj_getState` gives it with `mjSTATE_INTEGRATION`.
        asleep: (T,) as `data.tree_asleep` was.

    Raises:
        SimulationError: `asleep` is not of this model.
    """
    trees = np.asarray(asleep)
    least = -(mujoco.mjMINAWAKE + 1)
    if trees.shape != (model.ntree,) or trees.min() < least or trees.max() >= model.ntree:
        raise SimulationError(
            "a snapshot with unfit sleep",
            expected=f"{model.ntree} numbers from {least} to {model.ntree - 1}",
            got=str(asleep)[:200],
        )
    mujoco.mj_resetData(model, data)
    mujoco.mj_setState(model, data, physics, _STATE)
    # What sleeps is not computed again: its positions must be right before it does.
    mujoco.mj_forward(model, data)
    mujoco.mj_setState(model, data, physics, _STATE)
    data.tree_asleep[:] = trees
    _update(model, data)


def wake(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Wake all; positions and velocities stay."""
    if data.ntree_awake == model.ntree:
        return
    physics = np.empty(mujoco.mj_stateSize(model, _STATE))
    mujoco.mj_getState(model, data, physics, _STATE)
    mujoco.mj_resetData(model, data)
    mujoco.mj_setState(model, data, physics, _STATE)


def _update(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """The lists that follow from `tree_asleep`; MuJoCo renews them only when it changes that."""
    awake = data.tree_asleep < 0
    data.tree_awake[:] = awake
    bodies = np.where(model.body_treeid < 0, _STATIC, np.where(awake[model.body_treeid], _AWAKE, 0))
    data.body_awake[:] = bodies
    parents = np.flatnonzero(bodies[model.body_parentid])
    moving = np.flatnonzero(awake[model.dof_treeid])
    listed = np.flatnonzero(bodies)
    data.ntree_awake, data.nbody_awake = int(awake.sum()), len(listed)
    data.nparent_awake, data.nv_awake = len(parents[parents > 0]), len(moving)
    data.body_awake_ind[: len(listed)] = listed
    data.parent_awake_ind[: data.nparent_awake] = parents[parents > 0]
    data.dof_awake_ind[: len(moving)] = moving
