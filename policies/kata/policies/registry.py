"""Every policy by name. A new one is a module beside these and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import UnknownNameError

if TYPE_CHECKING:
    from .card import Card
    from .lerobot.policy import LeRobotPolicy
    from .policy import ChunkPolicy

POLICIES: Mapping[str, str] = {
    "diffusion": "kata.policies.diffusion:DiffusionPolicy",
    "flow": "kata.policies.flow:FlowPolicy",
    "regression": "kata.policies.regression:RegressionPolicy",
}
"""`module:class` by name; the class is a `ChunkPolicy`. Modules load when asked for."""


COMPOSED = "composed"
"""What `policy.json` calls a composition of several; it is made of trained ones, not trained."""


def policy_class(name: str) -> type[ChunkPolicy]:
    """The class of a registered policy. Raises UnknownNameError with the nearest name."""
    if name not in POLICIES:
        raise UnknownNameError("policy", name, POLICIES)
    module, _, attribute = POLICIES[name].partition(":")
    kind: type[ChunkPolicy] = getattr(import_module(module), attribute)
    return kind


def make_policy(card: Card, device: str = "cpu") -> ChunkPolicy:
    """A policy with fresh weights, from torch's global generator.

    Raises UnknownNameError; ConfigError for the parts of a composition that do not fit together.
    """
    from .card import ComposedCard

    if isinstance(card, ComposedCard):
        from .composition import Composed

        return Composed.of(card, device)
    return policy_class(card.policy)(card, device)


def policy_settings(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a policy, those given over its defaults, checked.

    Raises UnknownNameError for a policy or setting that does not exist, ConfigError for a value
    that cannot be.
    """
    from dataclasses import asdict

    from .card import settings_of

    return asdict(settings_of(policy_class(name).Settings, settings, where=f"policy {name}"))


def load_policy(folder: Path | str, device: str = "cpu") -> ChunkPolicy | LeRobotPolicy:
    """The policy saved in a folder, ours or one of LeRobot.

    Raises PackageError for one that is damaged or unsafe, MissingDependencyError for one of
    LeRobot where that is not installed.
    """
    from . import lerobot
    from .storage import CARD_NAME, read_json, read_policy

    path = Path(folder)
    card = read_json(path / CARD_NAME)
    if isinstance(card, dict) and card.get("policy") == lerobot.NAME:
        from .lerobot.storage import read_policy as read_lerobot

        return read_lerobot(path, device)
    return read_policy(path, device)
