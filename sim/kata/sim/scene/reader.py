"""Reads a running scene: entities, contacts, tools, all by indices looked up once.

Legend: `N` entities, `C` spots of all entities, `G` geoms, `O` objects, `D` joints.
"""

from __future__ import annotations

import mujoco
import numpy as np

from kata.datasets.types import Array, EntityState, Pose

from ..robots.model import RobotModel
from .build import ROBOT, Scene
from .fixtures import OBSTACLE, spots_array
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
        free = {"object", OBSTACLE}
        self._movable = frozenset(i for i, e in enumerate(entities) if free & e.tags)
        self.objects = [i for i, e in enumerate(entities) if "object" in e.tags]
        self._regions()
        self._spots()
        self._owners()
        self._hands()

    def _regions(self) -> None:
        entities = self.scene.entities
        self._region_half = np.array([entity.region_half for entity in entities])
        self._region_rows = np.array([i for i, e in enumerate(entities) if e.region_body], int)
        regions = [entities[i] for i in self._region_rows]
        local = np.array([e.region_centre for e in regions]).reshape(-1, 3)
        self._region_at = _Sliding(self.model, [e.region_body for e in regions], local)
        self._region_pose = np.full((len(entities), 7), np.nan)
        self._region_pose[self._region_rows, 3:] = self._region_at.quaternion

    def _spots(self) -> None:
        local: list[Array] = [np.zeros((0, 3))]
        bodies: list[str] = []
        gaps: list[float] = []
        self._spot_slices = []
        for i, entity in enumerate(self.scene.entities):
            if entity.spots:
                local.append(spots_array(entity))
                self._spot_slices.append((i, len(bodies), len(bodies) + len(entity.spots)))
                bodies += [entity.region_body] * len(entity.spots)
                gaps += [entity.spot_gap_m] * len(entity.spots)
        self._spot_at = _Sliding(self.model, bodies, np.concatenate(local))
        self._spot_gap = np.array(gaps)
        self._cache: list[tuple[tuple[float, int], EntityState] | None] = [None] * len(self.names)

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
        self._bases = {hand.name: np.array(hand.base_m) for hand in self.robot.spec.hands}
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

    def _joints(self) -> dict[int, float]:
        """Where the joint of each articulated entity stands, by row."""
        return {i: float(self.data.qpos[address]) for i, address, _ in self._articulated}

    def touching(self) -> frozenset[frozenset[str]]:
        """Pairs of names in contact."""
        pairs = self._owner_of_geom[self.data.contact.geom]
        names = self._owner_names
        seen = {(a, b) for a, b in pairs.tolist() if a >= 0 and b >= 0 and a != b}
        return frozenset(frozenset((names[a], names[b])) for a, b in seen)

    def view(self, poses: Array, tools: dict[str, Pose], latched: frozenset[str]) -> SceneView:
        """The scene as predicates see it, with entities at `poses` (N, 7)."""
        region_pose = self._region_pose.copy()
        region_pose[self._region_rows, :3] = self._region_at.now(self.data)
        return SceneView(
            self.names, poses, self.half, self.tags, self.articulation(), region_pose,
            self._region_half, self.touching(), tools, self.openings(), latched, self._bases,
        )  # fmt: skip

    def free_spots(self, poses: Array, tools: dict[str, Pose]) -> tuple[Array, dict[int, int]]:
        """World positions (C, 3) of all spots, and by entity row the first free one.

        Where none is free, the one that is freest.
        """
        spots = self._spot_at.now(self.data)
        if not len(spots):
            return spots, {}
        objects = poses[self.objects, :3]
        for tool in tools.values():
            reach = objects - tool.position
            objects = objects[(reach * reach).sum(axis=1) >= NEAR_TOOL_M**2]
        gap = spots[:, None, :] - objects[None]
        square = gap * gap
        distance = np.sqrt(square[..., 0] + square[..., 1])
        height = gap[..., 2]
        distance[(height < -_ABOVE_M) | (height > 0.02)] = np.inf
        rating = distance.min(axis=1, initial=np.inf) - self._spot_gap
        free = rating > 0.0
        chosen = {}
        for i, start, stop in self._spot_slices:
            first = start + int(free[start:stop].argmax())
            chosen[i] = first if free[first] else start + int(rating[start:stop].argmax())
        return spots, chosen

    def entities(self, poses: Array, tools: dict[str, Pose], exact: bool) -> dict[str, EntityState]:
        """All entities by name, in the scene's order, at `poses` (N, 7), `exact` or with noise."""
        spots, chosen = self.free_spots(poses, tools)
        articulation, joints = self.articulation().tolist(), self._joints()
        out = {}
        for i, name in enumerate(self.names):
            if i in self._movable:
                spot = poses[i, :3].copy()
                spot[2] += self.half[i, 2]
                out[name] = self._entity(i, poses[i], spot, 0.0)
                continue
            # A fixture that has not changed keeps its state: most of them, most of the time.
            # The joint says so and not the articulation, which is cut off where a stop gives way.
            key = (joints.get(i, 0.0), chosen.get(i, -1))
            known = self._cache[i]
            if known is None or known[0] != key or not exact:
                spot = spots[key[1]] if key[1] >= 0 else poses[i, :3]
                known = (key, self._entity(i, poses[i], spot, articulation[i]))
                self._cache[i] = known if exact else None
            out[name] = known[1]
        return out

    def _entity(self, i: int, pose: Array, spot: Array, articulation: float) -> EntityState:
        return EntityState(
            self.names[i], Pose(pose[:3], pose[3:]), spot, self.half[i], articulation,
            self.symmetry[i], tags=self.tags[self.names[i]],
        )  # fmt: skip


class _Sliding:
    """Points fixed to bodies that stand still or slide along one axis of the world."""

    def __init__(self, model: mujoco.MjModel, bodies: list[str], local: Array) -> None:
        data = mujoco.MjData(model)
        mujoco.mj_kinematics(model, data)
        ids = [model.body(body).id for body in bodies]
        matrix = data.xmat[ids].reshape(-1, 3, 3)
        self._rest = data.xpos[ids] + np.einsum("nij,nj->ni", matrix, local)
        self.quaternion = data.xquat[ids]
        self._axis, self._address = np.zeros((len(ids), 3)), np.zeros(len(ids), int)
        for row, body in enumerate(ids):
            if model.body_jntnum[body] == 1:
                joint = int(model.body_jntadr[body])
                self._axis[row] = data.xaxis[joint]
                self._address[row] = model.jnt_qposadr[joint]

    def now(self, data: mujoco.MjData) -> Array:
        """(n, 3) in the world's frame."""
        return np.asarray(self._rest + self._axis * data.qpos[self._address][:, None])
