"""How hard a robot is touched: the net force of its contacts with everything else."""

from __future__ import annotations

import mujoco
import numpy as np

from kata.datasets.types import Array

from .build import ROBOT


class TouchForce:
    """Sums contact forces over each of the robot's kinematic trees.

    Two fingers that pinch a thing push it, and are pushed, in opposite directions: the sum is what
    the arm feels of the thing, its weight and what it is pressed against.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        names = [model.body(i).name for i in range(model.nbody)]
        ours = np.array([name.startswith(ROBOT) for name in names])
        root = np.where(ours, model.body_rootid, -1)
        self._tree_of_geom = root[model.geom_bodyid]
        self._wrench = np.zeros(6)

    def newtons(self, data: mujoco.MjData) -> float:
        """The greatest net force on a tree, in N, of the last step's contacts."""
        sums: dict[int, Array] = {}
        pairs = self._tree_of_geom[data.contact.geom].tolist()
        for i, (first, second) in enumerate(pairs):
            if first == second:
                continue
            contact = data.contact[i]
            mujoco.mj_contactForce(self._model, data, i, self._wrench)
            # Rows of the frame are its axes; the force is that of the first geom on the second.
            force = contact.frame.reshape(3, 3).T @ self._wrench[:3]
            for tree, sign in ((first, -1.0), (second, 1.0)):
                if tree >= 0:
                    sums[tree] = sums.get(tree, np.zeros(3)) + sign * force
        return max((float(np.linalg.norm(total)) for total in sums.values()), default=0.0)
