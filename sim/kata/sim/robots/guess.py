"""A robot file for a model that has none: parts by topology and names, tool and gripper guessed.

What was guessed is said in `Description.guessed`, sentence by sentence, so that a person can
check it. Rules: a joint is driven if an actuator moves it (in a URDF: every joint); driven
joints below a branching that follows three or more of one limb are a gripper; limbs are chains
between branchings; names with hip, knee, ... make a leg, wheel, torso, ... a base, else an arm.
"""

from __future__ import annotations

import re

import mujoco
import numpy as np

from kata.datasets.types import Array, ConfigError, Pose

from .description import Description, DriveDescription, HandDescription, PartDescription

_KINDS = (
    ("legs", re.compile(r"hip|knee|ankle|leg|thigh|calf|foot|abduct", re.IGNORECASE)),
    ("base", re.compile(r"wheel|caster|torso|waist_yaw|base|head|neck", re.IGNORECASE)),
)
_GRIPPER = re.compile(r"finger|grip|jaw|thumb|knuckle", re.IGNORECASE)
_TOOL_SITE = re.compile(r"attach|tool|grip|palm|tcp|ee", re.IGNORECASE)
_ARM_JOINTS = 3
_TIP_M = 0.01
"""How far the tool frame lies before the end of the fingers."""


def guess(spec: mujoco.MjSpec, name: str, *, source: str, path: str = "") -> Description:
    """Description of a model. Raises ConfigError for one without a named, driven joint."""
    try:
        return _Guess(spec).describe(name, source, path)
    except ValueError as error:
        raise ConfigError("not a robot model", where=path or name, got=str(error)) from error


class _Limb:
    """A chain of driven joints, and the grippers that end it."""

    def __init__(self, kind: str) -> None:
        self.kind, self.joints, self.fingers = kind, [], []  # type: str, list[int], list[int]


class _Guess:
    def __init__(self, spec: mujoco.MjSpec) -> None:
        self.spec, self.model = spec, spec.compile()
        self.data = mujoco.MjData(self.model)
        self.said: list[str] = []
        self.home = self._home()
        mujoco.mj_forward(self.model, self.data)
        self.limbs: list[_Limb] = []

    def _home(self) -> Array:
        model = self.model
        if model.nkey:
            mujoco.mj_resetDataKeyframe(model, self.data, 0)
            self.said.append(f"home is the model's keyframe '{model.key(0).name}'")
        return np.array(self.data.qpos)

    def _driven(self) -> list[int]:
        """Ids of named hinge and slide joints that something moves."""
        model, kinds = self.model, mujoco.mjtTrn
        single = (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))
        named = [
            j for j in range(model.njnt) if model.jnt_type[j] in single and model.joint(j).name
        ]
        if not model.nu:
            self.said.append("no actuators in the model: every joint is taken as driven")
            return named
        moved: set[int] = set()
        for i in range(model.nu):
            target = int(model.actuator_trnid[i, 0])
            if model.actuator_trntype[i] == int(kinds.mjTRN_TENDON):
                start = int(model.tendon_adr[target])
                moved |= set(
                    model.wrap_objid[start : start + int(model.tendon_num[target])].tolist()
                )
            else:
                moved.add(target)
        for e in range(model.neq):
            if model.eq_type[e] == int(mujoco.mjtEq.mjEQ_JOINT):
                pair = {int(model.eq_obj1id[e]), int(model.eq_obj2id[e])}
                moved |= pair if pair & moved else set()
        return [j for j in named if j in moved]

    def _grow(self, driven: set[int]) -> None:
        """Walk the tree of bodies, beginning a limb at each branching."""
        model = self.model
        children: dict[int, list[int]] = {}
        for body in range(1, model.nbody):
            children.setdefault(int(model.body_parentid[body]), []).append(body)
        inside = {int(model.jnt_bodyid[j]) for j in driven}

        def moves(body: int) -> bool:
            return body in inside or any(moves(c) for c in children.get(body, ()))

        def walk(body: int, limb: _Limb | None, gripping: bool) -> None:
            here = [j for j in driven if model.jnt_bodyid[j] == body]
            for joint in sorted(here):
                kind = self._kind(joint)
                grips = gripping or (limb is not None and bool(_GRIPPER.search(self._name(joint))))
                if grips and limb is not None:
                    limb.fingers.append(joint)
                    continue
                if limb is None or limb.kind != kind:
                    limb = _Limb(kind)
                    self.limbs.append(limb)
                limb.joints.append(joint)
            onward = [c for c in children.get(body, ()) if moves(c)]
            ends = limb is not None and len(limb.joints) >= _ARM_JOINTS
            for child in onward:
                branch = len(onward) > 1
                keep = limb if not branch or (ends or gripping) else None
                walk(child, keep, gripping or (branch and ends))

        walk(0, None, False)

    def _kind(self, joint: int) -> str:
        text = f"{self._name(joint)} {self.model.body(int(self.model.jnt_bodyid[joint])).name}"
        return next((kind for kind, words in _KINDS if words.search(text)), "arm")

    def _name(self, joint: int) -> str:
        return str(self.model.joint(joint).name)

    def describe(self, name: str, source: str, path: str) -> Description:
        driven = self._driven()
        if not driven:
            raise ConfigError("no named joint that moves", where=path or name,
                              expected="hinge or slide joints with names")  # fmt: skip
        self._grow(set(driven))
        parts, hands, touching = [], [], []
        taken: set[str] = set()
        for limb in self.limbs:
            part = self._part(limb.joints, limb.kind, self._title(limb, taken))
            parts.append(part)
            if limb.kind == "arm":
                hand, gripper = self._hand(limb, part.name)
                hands.append(hand)
                parts += [gripper] if gripper else []
                touching += [self._body(j) for j in limb.joints[-3:]]
            elif limb.fingers:
                parts.append(self._part(limb.fingers, "gripper", f"{part.name}_gripper"))
        found = ", ".join(f"{p.name} ({p.kind}, {len(p.joints)} joints)" for p in parts)
        self.said.insert(0, f"parts: {found}")
        summary = f"From the model '{path or name}', its parts guessed"
        return Description(name, source, summary, tuple(parts), tuple(hands), path,
                           tuple(touching), tuple(self.said))  # fmt: skip

    def _part(self, joints: list[int], kind: str, name: str) -> PartDescription:
        home = tuple(float(self.home[self.model.jnt_qposadr[j]]) for j in joints)
        return PartDescription(name, kind, tuple(self._name(j) for j in joints), home)

    def _body(self, joint: int) -> str:
        return str(self.model.body(int(self.model.jnt_bodyid[joint])).name)

    def _title(self, limb: _Limb, taken: set[str]) -> str:
        names = " ".join(self._name(j) for j in limb.joints).lower()
        word = {"arm": "arm", "legs": "leg", "base": "torso" if "torso" in names else "base"}
        side = next((s for s in ("left", "right") if s in names), "")
        title = base = "_".join(filter(None, (side, word[limb.kind])))
        count = 2
        while title in taken:
            title, count = f"{base}_{count}", count + 1
        taken.add(title)
        return title

    def _hand(self, limb: _Limb, arm: str) -> tuple[HandDescription, PartDescription | None]:
        side = arm.removesuffix("arm").rstrip("_")
        title = f"{side}_hand" if side else "hand"
        drive = self._drive(limb.fingers)
        if drive is None:
            gripper = None
            if limb.fingers:
                gripper = self._part(limb.fingers, "gripper", f"{title}_fingers")
                self.said.append(f"{title}: its fingers are no pair of slides, so no one opening")
            body, pose = self._flange(limb, title)
            return HandDescription(title, arm, gripper.name if gripper else "", body, pose), gripper
        body, pose = self._between(limb.fingers, title)
        fingers = dict(zip(("left", "right"), (self._body(j) for j in limb.fingers), strict=True))
        name = f"{side}_gripper" if side else "gripper"
        part = PartDescription(name, "gripper", ("opening" if not side else f"{side}_opening",),
                               (drive.range_m[1],))  # fmt: skip
        return HandDescription(title, arm, name, body, pose, fingers, drive), part

    def _drive(self, fingers: list[int]) -> DriveDescription | None:
        model = self.model
        if len(fingers) != 2 or any(
            model.jnt_type[j] != int(mujoco.mjtJoint.mjJNT_SLIDE) for j in fingers
        ):
            return None
        low, high = model.jnt_range[fingers].sum(axis=0).tolist()
        if not 0 <= low < high:
            return None
        self.said.append(f"gripper opening {low:g} to {high:g} m: the sum of its two slides")
        return DriveDescription(
            tuple(self._name(j) for j in fingers), (low, high), 15.0, (1.0, 1.0)
        )

    def _flange(self, limb: _Limb, title: str) -> tuple[str, Pose]:
        last = int(self.model.jnt_bodyid[limb.joints[-1]])
        for i in range(self.model.nsite):
            site = self.model.site(i)
            if self._below(int(site.bodyid[0]), last) and _TOOL_SITE.search(site.name):
                self.said.append(f"{title}: tool frame is the site '{site.name}'")
                body = str(self.model.body(int(site.bodyid[0])).name)
                return body, Pose(np.array(site.pos), np.array(site.quat))
        body = str(self.model.body(last).name)
        self.said.append(f"{title}: tool frame is the last body '{body}'")
        return body, Pose.identity()

    def _below(self, body: int, root: int) -> bool:
        while body not in (root, 0):
            body = int(self.model.body_parentid[body])
        return body == root

    def _between(self, fingers: list[int], title: str) -> tuple[str, Pose]:
        """Tool frame between two sliding fingers: z to their ends, y along the first's slide."""
        model, data = self.model, self.data
        bodies = [int(model.jnt_bodyid[j]) for j in fingers]
        palm = int(model.body_parentid[bodies[0]])
        middle = data.xpos[bodies].mean(axis=0)
        reach = self._ends(bodies) - data.xpos[palm]
        y = data.xaxis[fingers[0]] / np.linalg.norm(data.xaxis[fingers[0]])
        z = reach.mean(axis=0) - y * (reach.mean(axis=0) @ y)
        z /= np.linalg.norm(z)
        depth = float((reach @ z).max()) - _TIP_M
        offset = middle - data.xpos[palm]
        tip = offset + z * (depth - offset @ z)
        turn = data.xmat[palm].reshape(3, 3).T
        quat = np.zeros(4)
        mujoco.mju_mat2Quat(quat, (turn @ np.stack([np.cross(y, z), y, z], axis=1)).ravel())
        body = str(model.body(palm).name)
        self.said.append(f"{title}: tool frame on '{body}', {depth:.3f} m out, between the fingers")
        return body, Pose(turn @ tip, quat)

    def _ends(self, bodies: list[int]) -> Array:
        """(n, 3) corners in the world of the boxes around the fingers' shapes."""
        model, data = self.model, self.data
        corners = []
        signs = np.array(np.meshgrid((-1, 1), (-1, 1), (-1, 1))).reshape(3, -1).T
        for geom in np.flatnonzero(np.isin(model.geom_bodyid, bodies)):
            centre, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
            matrix = data.geom_xmat[geom].reshape(3, 3)
            corners.append(data.geom_xpos[geom] + (centre + signs * half) @ matrix.T)
        return np.concatenate(corners) if corners else data.xpos[bodies].copy()
