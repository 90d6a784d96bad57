"""A policy of LeRobot on disk: our card beside the files that LeRobot itself writes and reads.

    policy.json                                    the card, with a digest of each file below
    config.json, model.safetensors                 LeRobot's configuration and weights
    policy_preprocessor.json, policy_postprocessor.json, and their *.safetensors

So the folder is one that LeRobot's own commands open, and the card's digest stands for all of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from kata.datasets.files import write_file
from kata.datasets.types import KataError, MissingDependencyError, PackageError

from ..storage import CARD_NAME, read_bounded, read_json
from .card import LeRobotCard
from .package import check_type, decode, make_module, missing, offline
from .policy import LeRobotPolicy, Processors

CONFIG, WEIGHTS = "config.json", "model.safetensors"
BEFORE, AFTER = "policy_preprocessor.json", "policy_postprocessor.json"
STEPS = frozenset(
    {
        "rename_observations_processor",
        "to_batch_processor",
        "device_processor",
        "normalizer_processor",
        "unnormalizer_processor",
    }
)
"""Steps that compute with what the package holds. Others that LeRobot has registered load
tokenizers, and with them code, by a name in the package."""

_DEVICE = "device_processor"
_LIMIT = 4 << 30
_SUFFIXES = (".json", ".safetensors")


def save_policy(policy: LeRobotPolicy, folder: Path) -> None:
    """Write LeRobot's files and then the card that names them. Raises StorageError."""
    folder.mkdir(parents=True, exist_ok=True)
    policy.module.save_pretrained(folder)
    policy.processors.before.save_pretrained(folder, config_filename=BEFORE)
    policy.processors.after.save_pretrained(folder, config_filename=AFTER)
    names = {CONFIG, WEIGHTS, BEFORE, AFTER, *_states(folder)}
    card = replace(policy.card, files={name: _digest(folder / name) for name in sorted(names)})
    text = json.dumps(card.to_json(), indent=1, allow_nan=False) + "\n"
    write_file(folder / CARD_NAME, text.encode())


def read_policy(folder: Path, device: str = "cpu") -> LeRobotPolicy:
    """The policy of a folder.

    Raises PackageError for one that is damaged, altered or unsafe, MissingDependencyError without
    LeRobot or what it needs.
    """
    card = LeRobotCard.from_json(read_json(folder / CARD_NAME), where=str(folder / CARD_NAME))
    _check_files(folder, card)
    config_data = read_json(folder / CONFIG)
    if not isinstance(config_data, dict) or config_data.pop("type", None) != card.type:
        raise PackageError("configuration of another policy", where=str(folder / CONFIG))
    # Weights come from the package; a backbone's would be downloaded, only to be overwritten.
    config_data |= {"device": device, "pretrained_path": None}
    if "pretrained_backbone_weights" in config_data:
        config_data["pretrained_backbone_weights"] = None
    try:
        check_type(card.type, where=str(folder))
        module = _module(folder, card.type, config_data)
        with offline():
            return LeRobotPolicy(card, module, _processors(folder, device))
    except MissingDependencyError:
        raise
    except ImportError as error:
        raise missing(error, f"LeRobot policy {card.type}") from error
    except KataError as error:
        raise PackageError(
            error.what, where=str(folder), expected=error.expected, got=error.got
        ) from error
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise PackageError(
            "not a policy of LeRobot", where=str(folder), got=str(error)[:300]
        ) from error


def _module(folder: Path, kind: str, data: Mapping[str, Any]) -> Any:
    from lerobot.configs import PreTrainedConfig
    from safetensors.torch import load_model

    config = decode(PreTrainedConfig.get_choice_class(kind), data, where=str(folder / CONFIG))
    module = make_module(config)
    load_model(module, folder / WEIGHTS, strict=True)
    return module.to(config.device)


def _processors(folder: Path, device: str) -> Processors:
    from lerobot.processor import PolicyProcessorPipeline
    from lerobot.processor.converters import (
        batch_to_transition,
        policy_action_to_transition,
        transition_to_batch,
        transition_to_policy_action,
    )

    before = PolicyProcessorPipeline.from_pretrained(
        folder,
        BEFORE,
        overrides={_DEVICE: {"device": device}} if _has_device(folder) else {},
        to_transition=batch_to_transition,
        to_output=transition_to_batch,
    )
    after = PolicyProcessorPipeline.from_pretrained(
        folder,
        AFTER,
        to_transition=policy_action_to_transition,
        to_output=transition_to_policy_action,
    )
    return Processors(before, after)


def _has_device(folder: Path) -> bool:
    return any(s.get("registry_name") == _DEVICE for s in _steps(folder, BEFORE))


def _steps(folder: Path, name: str) -> list[dict[str, Any]]:
    """The steps of a pipeline. Raises PackageError unless each is one of `STEPS`."""
    data = read_json(folder / name)
    steps = data.get("steps") if isinstance(data, dict) else None
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise PackageError("not a pipeline of LeRobot", where=str(folder / name))
    for step in steps:
        if "class" in step or str(step.get("registry_name")) not in STEPS:
            raise PackageError(
                "a step that may load code",
                where=str(folder / name),
                expected=f"steps among {', '.join(sorted(STEPS))}",
                got=str(step.get("class", step.get("registry_name"))),
                hint="it must not be used",
            )
    return steps


def _states(folder: Path) -> set[str]:
    """Names of the weights of the processors."""
    steps = [step for name in (BEFORE, AFTER) for step in _steps(folder, name)]
    return {str(step["state_file"]) for step in steps if step.get("state_file")}


def _check_files(folder: Path, card: LeRobotCard) -> None:
    """Raise PackageError unless LeRobot's files are those of the card, and plain ones."""
    wanted = {CONFIG, WEIGHTS, BEFORE, AFTER}
    names = set(card.files)
    if wanted - names or any(Path(n).name != n or Path(n).suffix not in _SUFFIXES for n in names):
        raise PackageError(
            "a card that does not name LeRobot's files",
            where=str(folder / CARD_NAME),
            expected=", ".join(sorted(wanted)),
            got=", ".join(sorted(names)),
        )
    altered = [name for name in sorted(names) if _digest(folder / name) != card.files[name]]
    unknown = sorted(_states(folder) - names) if not altered else []
    if altered or unknown:
        raise PackageError(
            "altered files",
            where=str(folder),
            expected="those that policy.json names",
            got=", ".join(altered + unknown),
            hint="get or make the package again; it must not be used",
        )


def _digest(path: Path) -> str:
    return hashlib.sha256(read_bounded(path, _LIMIT)).hexdigest()
