"""The YAML in `configs/` has the keys and the defaults of the code."""

from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from kata.policies import POLICIES, policy_settings
from kata.policies.config import TrainConfig

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_every_policy_has_its_configuration(name: str) -> None:
    data = yaml.safe_load((CONFIGS / "policy" / f"{name}.yaml").read_text())
    assert data.pop("name") == name
    assert data == policy_settings(name, {})


def test_train_configuration_is_the_codes_default() -> None:
    data = yaml.safe_load((CONFIGS / "train" / "default.yaml").read_text())
    chosen = {"policy", "settings", "device", "seed"}
    assert data == {k: v for k, v in asdict(TrainConfig()).items() if k not in chosen}
