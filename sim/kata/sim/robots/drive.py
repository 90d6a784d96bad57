"""The robot's D joints in a scene's physics: read, command, set.

Legend: `D` commanded joints; a gripper's is its opening.
"""

from __future__ import annotations

import mujoco
import numpy as np

from kata.datasets.types import Array, Command, SpecError

from .model import RobotModel


class Drive:
    """Maps the robot's D joints to a model's positions, velocities and actuators."""

    def __init__(self, model: mujoco.MjModel, robot: RobotModel, prefix: str) -> None:
        self.model, self.spec = model, robot.spec
        size = robot.spec.size
        self.actuators = np.zeros(size, int)
        self._arm, self._arm_q, self._arm_v = [], [], []
        self._grippers: list[tuple[int, int, float]] = []
        self._fingers: list[tuple[int, list[int], list[float], float]] = []
        drives = {h.gripper: h.drive for h in robot.description.hands if h.drive is not None}
        for part in robot.spec.parts:
            drive = drives.get(part.name)
            for k, name in enumerate(part.joints, start=part.start):
                if drive is not None:
                    tendon = model.tendon(prefix + part.name).id
                    self.actuators[k] = model.actuator(prefix + part.name).id
                    self._grippers.append((k, tendon, drive.offset_m))
                    addresses = [int(model.joint(prefix + j).qposadr[0]) for j in drive.joints]
                    self._fingers.append((k, addresses, list(drive.scale), drive.offset_m))
                    continue
                joint = model.joint(prefix + name)
                self._arm.append(k)
                self._arm_q.append(int(joint.qposadr[0]))
                self._arm_v.append(int(joint.dofadr[0]))
                self.actuators[k] = self._actuator_of(joint.id)
        gain = model.actuator_gainprm[self.actuators, 0]
        # A servo's damping acts on the whole velocity; this much lead makes it act on the error.
        self._lead = -model.actuator_biasprm[self.actuators, 2] / gain
        self._offset = np.zeros(size)
        for k, _, offset in self._grippers:
            self._lead[k], self._offset[k] = 0.0, offset
        self._low, self._high = robot.spec.limits.lower, robot.spec.limits.upper
        self._ones = np.ones(size)
        self.arm_dofs = np.array(self._arm_v, int)

    def _actuator_of(self, joint: int) -> int:
        model = self.model
        kinds = (int(mujoco.mjtTrn.mjTRN_JOINT), int(mujoco.mjtTrn.mjTRN_JOINTINPARENT))
        for i in range(model.nu):
            if model.actuator_trnid[i, 0] == joint and int(model.actuator_trntype[i]) in kinds:
                return i
        raise SpecError("a joint without actuator", got=model.joint(joint).name)

    def position(self, data: mujoco.MjData) -> Array:
        """(D,) measured."""
        out = np.empty(self.spec.size)
        out[self._arm] = data.qpos[self._arm_q]
        for k, tendon, offset in self._grippers:
            out[k] = data.ten_length[tendon] + offset
        return out

    def velocity(self, data: mujoco.MjData) -> Array:
        """(D,) measured."""
        out = np.empty(self.spec.size)
        out[self._arm] = data.qvel[self._arm_v]
        for k, tendon, _ in self._grippers:
            out[k] = data.ten_velocity[tendon]
        return out

    def effort(self, data: mujoco.MjData) -> Array:
        """(D,) force or torque of each actuator."""
        return np.asarray(data.actuator_force[self.actuators])

    def command(self, data: mujoco.MjData, command: Command) -> None:
        """Set the servos' targets, within the limits. Raises SpecError for another D, or NaN."""
        position = command.position
        if position.shape != self._low.shape:
            raise SpecError(
                "a command of another robot",
                expected=f"({len(self._low)},)",
                got=str(position.shape),
            )
        # MuJoCo would take NaN for zero and drive the arm there. A dot product is the fastest sum.
        if not abs(float(position.dot(self._ones) + command.velocity.dot(self._ones))) < np.inf:
            raise SpecError("a command with NaN or infinity", got=str(position))
        wanted = np.minimum(np.maximum(position, self._low), self._high)
        data.ctrl[self.actuators] = wanted + self._lead * command.velocity - self._offset

    def place(self, data: mujoco.MjData, position: Array) -> None:
        """Put the joints at (D,), at rest, with the servos commanded to stay."""
        position = self.spec.limits.clip(position)
        data.qpos[self._arm_q] = position[self._arm]
        data.qvel[self._arm_v] = 0.0
        for k, addresses, scale, offset in self._fingers:
            # Every finger takes an equal part of the opening.
            data.qpos[addresses] = (position[k] - offset) / len(addresses) / np.array(scale)
        self.command(data, Command.hold(position))
