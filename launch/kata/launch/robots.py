"""A robot in numbers and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import SimulationError

if TYPE_CHECKING:
    from kata.sim.robots import RobotModel


def describe_robot(model: RobotModel) -> dict[str, Any]:
    """Joints with their limits (rad or m, per s), hands, and whether the tasks run on it."""
    spec, limits = model.spec, model.spec.limits
    joints = [
        {
            "part": part.name,
            "joint": name,
            "lower": float(limits.lower[i]),
            "upper": float(limits.upper[i]),
            "velocity": float(limits.velocity[i]),
            "home": float(spec.home[i]),
        }
        for part in spec.parts
        for i, name in enumerate(part.joints, part.start)
    ]
    return {
        "robot": spec.name,
        "summary": model.description.summary,
        "fingerprint": spec.fingerprint(),
        "joints": joints,
        "hands": [{"hand": h.name, "arm": h.arm, "gripper": h.gripper} for h in spec.hands],
        "tasks": model.missing or "the table's tasks run on it",
        "guessed": list(model.description.guessed),
        "picture": "robot.png",
    }


def draw_robot(model: RobotModel, path: Path) -> str:
    """Write a PNG and say where; without OpenGL, say how to get it."""
    import cv2

    from kata.sim.pictures import robot_picture

    try:
        image = robot_picture(model)
    except SimulationError as error:
        return f"no picture: {error.what}; kata doctor says how to mend it"
    cv2.imwrite(str(path), image[..., ::-1])
    return f"picture: {path}"
