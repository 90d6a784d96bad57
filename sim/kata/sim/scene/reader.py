"""Reads a running scene: entities, contacts, tools, all by indices looked up once.

Legend: `N` entities, `C` spots of all entities, `G` geoms, `O` objects, `D` joints.
"""

from __future__ import annotations

import mujoco
import numpy as np

from kata.datasets.types import Array, EntityState, Pose
from kata.datasets.types.pose import quat_rotate

from ..robots.model import RobotModel
from .build import ROBOT, Scene
from .fixtures import spots_array
from .view import SceneView

NEAR_TOOL_M = 0.06
"""Objects nearer than this to a tool do not occupy a spot: they are being put there."""

_ABOVE_M = 0.10  # how far above a spot an object still occupies it


class SceneReader:
    """Turns physics into names, poses and contacts; holds no state of the world."""

    def __init__(self, scene: Scene, robot: RobotModel, data: mujoco.MjData) -> None:
        model = scene.model
        self.model, self.data, self.scene, self.robot = model, data, scene, robot
        entities = scene.entities
        self.names = tuple(entity.name for entity in entities)
        self.tags = {entity.name: entity.tags for entity in entities}
        self.half = np.array([entity.half for entity in entities])
        self.symmetry = [entity.symmetry for entity in entities]
        self.bodies = np.array([model.body(entity.body).id for entity in entities])
        self._articulated = [
            (i, int(model.joint(e.joint).qposadr[0]), e.travel_m)
            for i, e in enumerate(entities)
            if e.joint
        ]
        self.objects = [i for i, e in enumerate(entities) if "object" in e.tags]
        self._regions()
        self._spots()
        self._owners()
        self._hands()

    def _regions(self) -> None:
        entities = self.scene.entities
        self._region_half = np.array([entity.region_half for entity in entities])
        self._region_local = np.array([entity.region_centre for entity in entities])
        self._region_rows = np.array([i for i, e in enumerate(entities) if e.region_body], int)
        bodies = [self.model.body(entities[i].region_body).id for i in self._region_rows]
        self._region_bodies = np.array(bodies, int)

    def _spots(self) -> None:
        local, bodies, gaps, slices = [np.zeros((0, 3))], [], [], {}
        for i, entity in enumerate(self.scene.entities):
            if entity.spots:
                start = len(bodies)
                local.append(spots_array(entity))
                bodies += [self.model.body(entity.region_body).id] * len(entity.spots)
                gaps += [entity.spot_gap_m] * len(entity.spots)
                slices[i] = slice(start, len(bodies))
        self._spot_local = np.concatenate(local)
        self._spot_bodies, self._spot_gap = np.array(bodies, int), np.array(gaps)
        self._spot_slices = slices

    def _owners(self) -> None:
        """For each geom, the index of the name that it belongs to, or -1."""
        model, hands = self.model, self.robot.description.hands
        fingers = [(h, side, body) for h in hands for side, body in h.fingers.items()]
        self._owner_names = [*self.names, *(f"{h.name}.{side}" for h, side, _ in fingers)]
        owner = np.full(model.nbody, -1)
        for i, entity in enumerate(self.scene.entities):
            for member in entity.members:
                owner[model.body(member).id] = i
        for k, (_, _, body) in enumerate(fingers):
            owner[model.body(ROBOT + body).id] = len(self.names) + k
        self._owner_of_geom = owner[model.geom_bodyid]

    def _hands(self) -> None:
        description, model = self.robot.description, self.model
        self.tool_sites = {
            hand.name: model.site(f"{ROBOT}tool_{hand.name}").id for hand in description.hands
        }
        self._tendons = {
            hand.name: (model.tendon(ROBOT + hand.gripper).id, hand.drive.offset_m)
            for hand in description.hands
            if hand.drive is not None
        }

    def tools(self) -> dict[str, Pose]:
        """`pose_world_tool` a hand."""
        poses = {}
        for name, site in self.tool_sites.items():
            quaternion = np.empty(4)
            mujoco.mju_mat2Quat(quaternion, self.data.site_xmat[site])
            poses[name] = Pose(self.data.site_xpos[site].copy(), quaternion)
        return poses

    def openings(self) -> dict[str, float]:
        """The gripper's opening in m a hand."""
        length = self.data.ten_length
        return {name: float(length[i]) + offset for name, (i, offset) in self._tendons.items()}

    def poses(self) -> Array:
        """(N, 7) `pose_world_entity`."""
        out = np.empty((len(self.names), 7))
        out[:, :3] = self.data.xpos[self.bodies]
        out[:, 3:] = self.data.xquat[self.bodies]
        return out

    def articulation(self) -> Array:
        """(N,) 0 to 1; 0 for rigid things."""
        out = np.zeros(len(self.names))
        qpos = self.data.qpos
        for i, address, travel in self._articulated:
            out[i] = min(1.0, max(0.0, float(qpos[address]) / travel))
        return out

    def touching(self) -> frozenset[frozenset[str]]:
        """Pairs of names in contact."""
        pairs = self._owner_of_geom[self.data.contact.geom]
        names = self._owner_names
        seen = {(a, b) for a, b in pairs.tolist() if a >= 0 and b >= 0 and a != b}
        return frozenset(frozenset((names[a], names[b])) for a, b in seen)

    def view(self, latched: frozenset[str]) -> SceneView:
        """The scene as predicates see it."""
        count = len(self.names)
        region_pose = np.full((count, 7), np.nan)
        rows, bodies = self._region_rows, self._region_bodies
        quaternion = self.data.xquat[bodies]
        region_pose[rows, :3] = self.data.xpos[bodies] + quat_rotate(
            quaternion, self._region_local[rows]
        )
        region_pose[rows, 3:] = quaternion
        return SceneView(
            self.names, self.poses(), self.half, self.tags, self.articulation(), region_pose,
            self._region_half, self.touching(), self.tools(), self.openings(), latched,
            np.zeros(3),
        )  # fmt: skip

    def spots(self, poses: Array, tools: dict[str, Pose]) -> Array:
        """(N, 3) where the next object goes: the first free candidate, else the freest."""
        out = poses[:, :3].copy()
        out[self.objects, 2] += self.half[self.objects, 2]
        if not len(self._spot_bodies):
            return out
        data, bodies = self.data, self._spot_bodies
        matrix = data.xmat[bodies].reshape(-1, 3, 3)
        world = data.xpos[bodies] + np.einsum("cij,cj->ci", matrix, self._spot_local)
        objects = poses[self.objects, :3]
        gap = world[:, None, :] - objects[None]
        distance = np.sqrt(gap[..., 0] ** 2 + gap[..., 1] ** 2)
        away = (gap[..., 2] < -_ABOVE_M) | (gap[..., 2] > 0.02)
        for tool in tools.values():
            reach = objects - tool.position
            away |= ((reach * reach).sum(axis=1) < NEAR_TOOL_M**2)[None]
        free = np.where(away, np.inf, distance).min(axis=1, initial=np.inf) - self._spot_gap
        for i, part in self._spot_slices.items():
            rating = free[part]
            first = int(np.argmax(rating > 0)) if rating.max() > 0 else int(np.argmax(rating))
            out[i] = world[part][first]
        return out

    def entities(self, poses: Array, tools: dict[str, Pose]) -> dict[str, EntityState]:
        """All entities by name, in the scene's order, at `poses` (N, 7)."""
        spots, articulation = self.spots(poses, tools), self.articulation().tolist()
        return {
            name: EntityState(
                name, Pose(poses[i, :3], poses[i, 3:]), spots[i], self.half[i], articulation[i],
                self.symmetry[i],
            )
            for i, name in enumerate(self.names)
        }  # fmt: skip
