"""A trained skill as a folder that LeRobot opens, with the plugin `lerobot_policy_kata`.

    config.json                                        LeRobot's configuration, our card within it
    model.safetensors                                  the weights
    policy_preprocessor.json, policy_postprocessor.json   pipelines that normalise nothing

It is written without LeRobot, and holds neither code nor pickle.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import save

from kata.datasets.files import write_file

from ..policy import ChunkPolicy
from ..storage import weights_of
from .inputs import ACTION
from .policy import LeRobotPolicy
from .storage import AFTER, BEFORE, CONFIG, WEIGHTS, save_policy

TYPE = "kata"
"""What LeRobot calls a skill of ours."""

_NETWORK = "network."
"""Where the plugin's module holds the network."""


def export_policy(
    policy: ChunkPolicy | LeRobotPolicy,
    folder: Path,
    *,
    robot: str,
    joints: Sequence[str],
    skill: str,
) -> None:
    """Write the folder; a policy that is LeRobot's own keeps its own files. Raises StorageError.

    Args:
        policy: a trained one.
        folder: where to.
        robot: name of its robot, whose kinematics the plugin uses.
        joints: names of all commanded joints in order.
        skill: the skill's name.
    """
    if isinstance(policy, LeRobotPolicy):
        save_policy(policy, folder)
        return
    weights = {_NETWORK + name: tensor for name, tensor in weights_of(policy).items()}
    write_file(folder / WEIGHTS, save(weights, metadata={"format": "pt"}))
    rename = {"registry_name": "rename_observations_processor", "config": {"rename_map": {}}}
    batch = {"registry_name": "to_batch_processor", "config": {}}
    device = {"registry_name": "device_processor", "config": {"device": "cpu", "float_dtype": None}}
    _write(folder / BEFORE, {"name": BEFORE.split(".")[0], "steps": [rename, batch, device]})
    _write(folder / AFTER, {"name": AFTER.split(".")[0], "steps": [device]})
    _write(folder / CONFIG, _config(policy, robot, joints, skill))


def _config(policy: ChunkPolicy, robot: str, joints: Sequence[str], skill: str) -> dict[str, Any]:
    read = {key: {"type": "STATE", "shape": list(spec.shape)} for key, spec in policy.spec.items()}
    return {
        "type": TYPE,
        "input_features": read,
        "output_features": {ACTION: {"type": "ACTION", "shape": [len(joints)]}},
        "device": "cpu",
        "push_to_hub": False,
        "robot": robot,
        "skill": skill,
        "action_feature_names": list(joints),
        "card": json.dumps(policy.card.to_json(), allow_nan=False),
    }


def _write(path: Path, data: dict[str, Any]) -> None:
    write_file(path, (json.dumps(data, indent=2, allow_nan=False) + "\n").encode())
