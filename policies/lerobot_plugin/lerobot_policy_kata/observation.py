"""LeRobot's batch as Kata's observations.

Legend: `B` batch, `D` joints, `S` slots of focus, `N` entities, `K` numbers an entity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kata.datasets.types import (
    ENTITY_WIDTH,
    Array,
    EntityState,
    Kinematics,
    Observation,
    Pose,
    RobotSpec,
    SpecError,
)

STATE, TOOL = "observation.state", "observation.tool_pose"
FOCUS, SCENE = "observation.focus", "observation.environment_state"


@dataclass(frozen=True)
class Reader:
    """Reads batches of one robot; `entities` names those of `observation.environment_state`."""

    robot: RobotSpec
    kinematics: Kinematics
    entities: tuple[str, ...]

    def read(self, batch: Mapping[str, Any], time_s: float) -> list[Observation]:
        """One observation a row. Raises SpecError for a batch that lacks a key."""
        if STATE not in batch:
            raise SpecError("missing keys", where="batch", expected=STATE, got=", ".join(batch))
        state = _array(batch[STATE])
        focus = self._focus(batch, len(state))
        tools = _array(batch[TOOL]) if TOOL in batch else None
        return [
            self._observation(time_s, state[i], focus[i], None if tools is None else tools[i])
            for i in range(len(state))
        ]

    def _observation(
        self, time_s: float, state: Array, focus: Array, tools: Array | None
    ) -> Observation:
        still = np.zeros_like(state)
        names = tuple(f"slot_{i}" for i in range(len(focus)))
        poses = {
            hand.name: self.kinematics.forward(state, hand.name)
            if tools is None
            else Pose(tools[7 * i : 7 * i + 3], tools[7 * i + 3 : 7 * i + 7])
            for i, hand in enumerate(self.robot.hands)
        }
        seen = {name: _entity(name, row) for name, row in zip(names, focus, strict=True)}
        return Observation(time_s, state, still, still, poses, seen, names)

    def _focus(self, batch: Mapping[str, Any], count: int) -> Array:
        """Entities of the calls (B, S, K)."""
        if FOCUS in batch:
            return _array(batch[FOCUS])
        tasks = batch.get("task")
        if SCENE not in batch or not tasks or not self.entities:
            raise SpecError(
                "nothing says what the call is about",
                where="batch",
                expected=f"{FOCUS}; or {SCENE}, a task that names entities, and their names in "
                "the policy's `entities`",
                got=", ".join(batch),
                hint="--policy.entities='[red_cube, ...]' names them",
            )
        scene = _array(batch[SCENE]).reshape(count, -1)
        if scene.shape[1] != len(self.entities) * ENTITY_WIDTH:
            raise SpecError(
                "a scene of other entities",
                where=SCENE,
                expected=f"{len(self.entities)} x {ENTITY_WIDTH} numbers: {self.entities}",
                got=str(scene.shape[1]),
            )
        rows = scene.reshape(count, len(self.entities), ENTITY_WIDTH)
        sentences = [tasks] * count if isinstance(tasks, str) else tasks
        picked = [_named(sentence, self.entities) for sentence in sentences]
        return np.stack([rows[i, places] for i, places in enumerate(picked)])


def _named(sentence: str, entities: Sequence[str]) -> list[int]:
    """Places of the entities that a sentence names, in its order. Raises SpecError without any."""
    text = sentence.lower()
    found: list[tuple[int, int]] = []
    for place, name in enumerate(entities):
        words = r"[ _]".join(map(re.escape, name.lower().split("_")))
        match = re.search(rf"(?<![a-z0-9_]){words}(?![a-z0-9_])", text)
        if match:
            found.append((match.start(), place))
    if not found:
        raise SpecError(
            "a task that names no entity",
            where="task",
            expected=", ".join(entities),
            got=repr(sentence),
        )
    return [place for _, place in sorted(found)]


def _entity(name: str, row: Array) -> EntityState:
    """Inverse of `EntityState.row`."""
    return EntityState(
        name,
        Pose(row[:3], row[3:7]),
        row[7:10],
        row[10:13],
        articulation=float(row[13]),
        symmetry=round(float(row[14])),
        valid=bool(row[15] > 0.5),
    )


def _array(tensor: Any) -> Array:
    values: Array = np.asarray(tensor.detach().cpu(), dtype=float)
    return values
