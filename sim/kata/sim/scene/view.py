"""What predicates look at: the scene as arrays, taken from physics at one instant.

Legend: `N` entities, in the scene's order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kata.datasets.types import Array, Pose


@dataclass(frozen=True, slots=True)
class SceneView:
    """The scene at one instant.

    Attributes:
        names: of the entities.
        poses: (N, 7) `pose_world_entity`, position and quaternion w-first.
        half: (N, 3) half extents in m in the entity's frame.
        tags: by name, such as `cube`, `object`, `support`.
        articulation: (N,) 0 closed or released to 1 open or pressed.
        region_pose: (N, 7) of the inside of a container (box centre) or the top patch of a
            surface; NaN where there is none.
        region_half: (N, 3) in m; a patch has height 0; NaN where there is none.
        touching: pairs of names in contact, of entities and `HAND.FINGER`, such as
            `frozenset({"hand.left", "red_cube"})`.
        tools: `pose_world_tool` a hand.
        openings: of the gripper in m a hand.
        latched: buttons that stay down.
        bases: (3,) m a hand, where its arm stands.
    """

    names: tuple[str, ...]
    poses: Array
    half: Array
    tags: Mapping[str, frozenset[str]]
    articulation: Array
    region_pose: Array
    region_half: Array
    touching: frozenset[frozenset[str]]
    tools: Mapping[str, Pose]
    openings: Mapping[str, float]
    latched: frozenset[str]
    bases: Mapping[str, Array]
