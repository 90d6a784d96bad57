"""LeRobot's diffusion and ACT with random weights and state only, to be asked for chunks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import yaml

from kata.datasets.types import MissingDependencyError
from kata.launch.keys import config_root

_STATE, _OBJECTS, _ACTION = 8, 23, 8


def _diffusion(settings: Mapping[str, Any], seed: int) -> Callable[[int], object]:
    from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig
    from lerobot.policies.diffusion.modeling_diffusion import DiffusionPolicy

    return _asking(DiffusionPolicy, DiffusionConfig, settings, seed)


def _act(settings: Mapping[str, Any], seed: int) -> Callable[[int], object]:
    from lerobot.policies.act.configuration_act import ACTConfig
    from lerobot.policies.act.modeling_act import ACTPolicy

    return _asking(ACTPolicy, ACTConfig, settings, seed)


def _asking(
    policy_class: Any, config_class: Any, settings: Mapping[str, Any], seed: int
) -> Callable[[int], object]:
    """A call that makes a fresh policy of LeRobot's compute a chunk."""
    import torch
    from lerobot.configs.types import FeatureType, PolicyFeature

    sizes = {"observation.state": _STATE, "observation.environment_state": _OBJECTS}
    kinds = (FeatureType.STATE, FeatureType.ENV)
    config = config_class(
        input_features={
            key: PolicyFeature(kind, (size,))
            for (key, size), kind in zip(sizes.items(), kinds, strict=True)
        },
        output_features={"action": PolicyFeature(FeatureType.ACTION, (_ACTION,))},
        device="cpu",
        **settings,
    )
    torch.manual_seed(seed)
    policy = policy_class(config).eval()
    batch = {key: torch.randn(1, size) for key, size in sizes.items()}

    def ask(_: int) -> object:
        policy.reset()
        return policy.select_action(dict(batch))

    return ask


def _small(name: str, make: Callable[..., Any], seed: int) -> Callable[[int], object]:
    data = yaml.safe_load((config_root() / "policy" / "lerobot" / f"{name}.yaml").read_text())
    return _checked(make, data["settings"], seed)


def _checked(
    make: Callable[..., Any], settings: Mapping[str, Any], seed: int
) -> Callable[[int], object]:
    try:
        asking: Callable[[int], object] = make(settings, seed)
    except ImportError:
        raise MissingDependencyError("lerobot", "bench", purpose="kata bench latency") from None
    return asking


LEROBOT: Mapping[str, Callable[[int], Callable[[int], object]]] = {
    "LeRobot diffusion, DDIM-10": partial(_small, "diffusion", _diffusion),
    "LeRobot ACT": partial(_small, "act", _act),
    "LeRobot ACT, default size": partial(_checked, _act, {"pretrained_backbone_weights": None}),
    "LeRobot diffusion, default size": partial(
        _checked,
        _diffusion,
        {
            "noise_scheduler_type": "DDIM",
            "num_inference_steps": 10,
            "pretrained_backbone_weights": None,
        },
    ),
}
"""By name, from a seed to a call that takes the number of the call."""
