"""What a policy of LeRobot sees of ours: joints, the entities of the call, pictures.

Its policies know one vector for the robot and one for what surrounds it. The second holds the
tool poses and the entities in focus, so that it says which object the call is about, which the
whole scene would not. Legend: `B` batch, `D` joints, `h` hands, `S` slots, `K` numbers an entity,
`E` = 7 h + S K.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from kata.datasets.types import ENTITY_WIDTH, FeatureSpec, KeySpec, SpecError

from ..features import FOCUS, STATE, TOOL

if TYPE_CHECKING:
    from torch import Tensor

ENVIRONMENT, ACTION = "observation.environment_state", "action"
CAMERA = "observation.images."


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is read of an observation, and how LeRobot's batch calls it.

    Attributes:
        joints: D; hands: h; slots: S.
        objects: whether poses of tools and entities are read; without, only joints and cameras.
        cameras: height and width in pixels by name.
    """

    joints: int
    hands: int
    slots: int
    objects: bool = True
    cameras: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if min(self.joints, self.hands, self.slots + 1) < 1 or not (self.objects or self.cameras):
            raise SpecError(
                "a policy that sees nothing",
                expected="joints and hands, and poses of objects or at least one camera",
                got=str(self),
            )

    @property
    def spec(self) -> FeatureSpec:
        """The raw keys that are read."""
        keys = {STATE: KeySpec("float32", (self.joints,), unit="rad, m")}
        if self.objects:
            keys[TOOL] = KeySpec("float32", (7 * self.hands,), (), "m", "world")
            keys[FOCUS] = KeySpec("float32", (self.slots, ENTITY_WIDTH), (), "m", "world")
        for name, (height, width) in self.cameras.items():
            keys[CAMERA + name] = KeySpec("video", (height, width, 3))
        return FeatureSpec.of(keys)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each of LeRobot's input features, without the batch; pictures channel first."""
        shapes: dict[str, tuple[int, ...]] = {STATE: (self.joints,)}
        if self.objects:
            shapes[ENVIRONMENT] = (7 * self.hands + self.slots * ENTITY_WIDTH,)
        shapes |= {CAMERA + name: (3, *size) for name, size in self.cameras.items()}
        return shapes

    def vectors(self, values: Mapping[str, Any]) -> dict[str, Tensor]:
        """The part of LeRobot's batch that is no picture, float32, of raw keys, each (B, ...)."""
        import torch

        out = {STATE: torch.from_numpy(np.array(values[STATE], dtype=np.float32))}
        if self.objects:
            tool = np.asarray(values[TOOL], dtype=np.float32)
            focus = np.asarray(values[FOCUS], dtype=np.float32)
            around = np.concatenate([tool, focus.reshape(len(focus), -1)], axis=-1)
            out[ENVIRONMENT] = torch.from_numpy(around)
        return out

    def tensors(self, values: Mapping[str, Any]) -> dict[str, Tensor]:
        """LeRobot's batch of raw keys, each (B, ...); pictures are float32 in [0, 1]."""
        keys = [CAMERA + name for name in self.cameras]
        return self.vectors(values) | {key: picture_tensor(values[key]) for key in keys}

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "cameras": {name: list(s) for name, s in self.cameras.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Inputs:
        """Inverse of `to_json`. Raises KeyError, TypeError or ValueError for other data."""
        cameras = {str(n): (int(s[0]), int(s[1])) for n, s in data["cameras"].items()}
        joints, hands, slots = (int(data[name]) for name in ("joints", "hands", "slots"))
        return cls(joints, hands, slots, bool(data["objects"]), cameras)


def picture_tensor(pictures: Any) -> Tensor:
    """Pictures (..., height, width, 3) uint8 as float32 (..., 3, height, width) in [0, 1]."""
    import torch

    tensor = torch.from_numpy(np.ascontiguousarray(pictures))
    return tensor.movedim(-1, -3).to(torch.float32).div_(255.0)
