"""Joints by their names: a foreign dataset of a robot that is known here."""

from __future__ import annotations

from dataclasses import replace

from ..types import ConfigError, FeatureSpec, KeySpec, RobotSpec
from .take import Layout

JOINT_KEYS = (
    "observation.state",
    "observation.velocity",
    "observation.effort",
    "action",
    "executed",
)


def with_robot(layout: Layout, robot: RobotSpec) -> Layout:
    """The layout as one of this robot: its name, and its joints' names where numbers have none.

    Raises ConfigError where the dataset is another robot's.
    """
    schema = layout.schema
    if schema is not None and schema.fingerprint != robot.fingerprint():
        raise ConfigError(
            "a dataset of another robot",
            where="robot",
            expected=f"{schema.robot} ({schema.fingerprint})",
            got=f"{robot.name} ({robot.fingerprint()})",
        )
    spec: dict[str, KeySpec] = dict(layout.spec.items())
    for key in JOINT_KEYS:
        if schema is not None or key not in spec:
            continue
        width = spec[key].shape[0]
        if width != robot.size:
            raise ConfigError(
                f"{key} does not fit {robot.name}",
                where="robot",
                expected=f"{robot.size} numbers: {', '.join(robot.joints)}",
                got=f"{width}",
                hint="name the columns that make it up in map=FILE",
            )
        spec[key] = replace(spec[key], names=robot.joints)
    return replace(layout, robot=robot.name, spec=FeatureSpec.of(spec))
