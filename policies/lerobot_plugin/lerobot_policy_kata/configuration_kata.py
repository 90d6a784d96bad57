"""What LeRobot keeps of an exported skill beside its weights: `config.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lerobot.configs import NormalizationMode, PreTrainedConfig
from lerobot.optim import AdamWConfig

from kata.datasets.types import ConfigError

_ENTITY_END = ".qw"
"""How the name of an entity's quaternion ends among the names of `environment_state`."""


@PreTrainedConfig.register_subclass("kata")
@dataclass
class KataConfig(PreTrainedConfig):
    """A skill that was trained in Kata.

    Attributes:
        card: its `policy.json` as text.
        robot: name of the robot, whose kinematics turn tool poses into joints.
        skill: name of the skill.
        action_feature_names: the robot's joints in the order of an action.
        entities: names in the order of `observation.environment_state`, for whoever gives that and
            a task sentence instead of `observation.focus`; read from a dataset where there is one.
        fps: actions a second that are asked for.
        seed: of the first episode's noise.
    """

    card: str = ""
    robot: str = "panda"
    skill: str = ""
    action_feature_names: list[str] = field(default_factory=list)
    entities: list[str] = field(default_factory=list)
    fps: int = 20
    seed: int = 0
    normalization_mapping: dict[str, NormalizationMode] = field(
        default_factory=lambda: dict.fromkeys(
            ("VISUAL", "STATE", "ENV", "ACTION"), NormalizationMode.IDENTITY
        )
    )

    def set_dataset_feature_metadata(self, features: Mapping[str, Mapping[str, Any]]) -> None:
        """Take the entities' names from a dataset's features; LeRobot calls it with one."""
        names = features.get("observation.environment_state", {}).get("names") or ()
        found = [n.removesuffix(_ENTITY_END) for n in names if str(n).endswith(_ENTITY_END)]
        self.entities = found or self.entities

    @property
    def observation_delta_indices(self) -> None:
        """One observation at a time."""
        return

    @property
    def action_delta_indices(self) -> None:
        """Not trained by LeRobot."""
        return

    @property
    def reward_delta_indices(self) -> None:
        """No rewards."""
        return

    def get_optimizer_preset(self) -> AdamWConfig:
        """AdamW; a skill is trained with `kata train`."""
        return AdamWConfig()

    def get_scheduler_preset(self) -> None:
        """None."""
        return

    def validate_features(self) -> None:
        """Raise ConfigError for a configuration that no export wrote."""
        if not self.card:
            raise ConfigError(
                "a policy without its card",
                where="LeRobot policy kata",
                hint="export a trained skill: kata library export NAME",
            )
