"""LeRobot, the package: found or asked for, kept from the network, its policies by name."""

from __future__ import annotations

import dataclasses
import importlib.util
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kata.datasets.types import ConfigError, MissingDependencyError, UnknownNameError

from . import NAME
from .inputs import ACTION, CAMERA, ENVIRONMENT, Inputs

OURS = frozenset({"input_features", "output_features", "device", "pretrained_path", "push_to_hub"})
"""Keys of LeRobot's configurations that follow from the dataset and the training."""

SELF_CONTAINED = frozenset({"act", "diffusion", "tdmpc", "vqbet"})
"""Policies that are their weights alone. Others load models, tokenizers or code by names that
stand in their files, so a package could name a stranger's."""

_BACKBONE = "pretrained_backbone_weights"


def require(purpose: str) -> None:
    """Import LeRobot's policies, which takes seconds.

    Raises MissingDependencyError, with the command that installs it, if LeRobot is not there.
    """
    if importlib.util.find_spec("lerobot") is None:
        raise MissingDependencyError("lerobot", NAME, purpose=purpose)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    import lerobot.policies.factory  # noqa: F401  (registers the policies)

    # What it imports sets up a log on the terminal, where the user would see everything twice.
    root.handlers[:] = handlers
    root.setLevel(level)


@contextmanager
def offline() -> Iterator[None]:
    """Within it Hugging Face's hub reads its cache and never the network."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def check_type(kind: str, *, where: str) -> None:
    """Raise unless LeRobot has a policy of this name, and it is self-contained.

    UnknownNameError for another name, ConfigError for a policy that loads more than its weights,
    MissingDependencyError without LeRobot.
    """
    require("a policy of LeRobot")
    from lerobot.configs import PreTrainedConfig

    known = frozenset(PreTrainedConfig.get_known_choices())
    kinds = SELF_CONTAINED & known
    if kind not in known:
        raise UnknownNameError("LeRobot policy", kind, kinds, where=where)
    if kind not in kinds:
        raise ConfigError(
            "a LeRobot policy that loads models or code by name",
            where=where,
            expected=f"one that is its weights alone: {', '.join(sorted(kinds))}",
            got=kind,
            hint="train and run it with LeRobot itself",
        )


def make_config(kind: str, settings: Mapping[str, Any], inputs: Inputs, device: str) -> Any:
    """LeRobot's configuration of a policy: its defaults, and `settings` over them.

    Weights of a pretrained backbone are asked for by `settings` only: they are downloaded.
    Raises UnknownNameError for a policy or setting that LeRobot does not have, ConfigError for a
    value that it refuses or a policy that is not self-contained, MissingDependencyError without
    LeRobot.
    """
    check_type(kind, where="policy.type")
    from lerobot.configs import PreTrainedConfig

    config_class = PreTrainedConfig.get_choice_class(kind)
    known = {field.name for field in dataclasses.fields(config_class)} - OURS
    for name in settings:
        if name not in known:
            raise UnknownNameError("setting", name, known, where=f"LeRobot policy {kind}")
    chosen = {_BACKBONE: None} if _BACKBONE in known else {}
    data = {**chosen, **settings, **_features(inputs), "device": device, "push_to_hub": False}
    where = f"LeRobot policy {kind}"
    first = decode(config_class, data, where=where)
    import draccus

    # Once more, because some defaults are not of the type that a file gives them back in.
    return decode(config_class, draccus.encode(first), where=where)


def decode(config_class: type[Any], data: Mapping[str, Any], *, where: str) -> Any:
    """A configuration of LeRobot of plain data, by LeRobot's own parser. Raises ConfigError."""
    import draccus

    try:
        return draccus.decode(config_class, dict(data))
    except Exception as error:
        # Whatever a configuration raises on a wrong value is an answer to what the user gave.
        raise ConfigError("LeRobot refuses a setting", where=where, got=_told(error)) from error


def make_module(config: Any) -> Any:
    """A fresh policy of LeRobot, a torch module, from torch's global generator.

    Raises ConfigError where LeRobot cannot build it, as from inputs that it does not take, and
    MissingDependencyError for a package that it needs.
    """
    from lerobot.policies.factory import get_policy_class

    try:
        with offline():
            return get_policy_class(config.type)(config)
    except ImportError as error:
        raise missing(error, f"LeRobot policy {config.type}") from error
    except Exception as error:
        # It imports and builds what the configuration names; all of that can fail.
        raise ConfigError(
            "LeRobot cannot build this policy",
            where=f"LeRobot policy {config.type}",
            got=_told(error),
            hint="try other settings, or another policy.type",
        ) from error


def missing(error: ImportError, purpose: str) -> MissingDependencyError:
    """What LeRobot could not import, with the command that installs it and all that it needs."""
    return MissingDependencyError(error.name or NAME, NAME, purpose=purpose)


def _features(inputs: Inputs) -> dict[str, Any]:
    """LeRobot's input and output features as plain data."""

    def kind(key: str) -> str:
        if key.startswith(CAMERA):
            return "VISUAL"
        return "ENV" if key == ENVIRONMENT else "STATE"

    read = {key: {"type": kind(key), "shape": list(s)} for key, s in inputs.shapes.items()}
    written = {ACTION: {"type": "ACTION", "shape": [inputs.joints]}}
    return {"input_features": read, "output_features": written}


def _told(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {' '.join(lines)[:300]}"
