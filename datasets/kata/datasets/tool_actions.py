"""Actions of a tool relative to its pose when the chunk was begun.

Legend: `H` actions of a chunk; `...` any batch shape. Quaternions have w first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .types import Array
from .types.pose import quat_conjugate, quat_matrix, quat_multiply

TOOL_WIDTH = 7
_STILL = 1e-12
_UNITS = np.eye(4)
_LEFT = np.stack([quat_multiply(quat_conjugate(unit), _UNITS) for unit in _UNITS]).reshape(4, 16)
"""`(a @ _LEFT)` as a matrix (4, 4), with `b` on its left, is the conjugate of `a` times `b`."""


def relative_actions(reference: Array, target: Array, opening: Array) -> NDArray[np.float32]:
    """Tool actions (..., H, 7): position and rotation vector relative to a pose, then the opening.

    Args:
        reference: (..., 7) `pose_world_tool` measured at the observation.
        target: (..., H, 7) `pose_world_tool` wanted.
        opening: (..., H) of the gripper in m.
    """
    turn = reference[..., 3:]
    # One product of matrices a sample: several times quicker than quaternions one by one.
    relative = target[..., 3:] @ (turn @ _LEFT).reshape(*turn.shape[:-1], 4, 4)
    w, v = relative[..., 0], relative[..., 1:]
    norm = np.sqrt((v * v).sum(axis=-1))
    scale = np.where(norm > _STILL, np.arctan2(norm, np.abs(w)) / np.maximum(norm, _STILL), 1.0)
    out = np.empty((*target.shape[:-1], TOOL_WIDTH), dtype=np.float32)
    out[..., :3] = (target[..., :3] - reference[..., None, :3]) @ quat_matrix(turn)
    out[..., 3:6] = v * np.copysign(2.0 * scale, w)[..., None]
    out[..., 6] = opening
    return out
