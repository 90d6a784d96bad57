"""Kata in LeRobot: a policy and an environment `kata`; importing this makes both known."""

from .configuration_kata import KataConfig
from .environment_kata import KataEnv

__all__ = ["KataConfig", "KataEnv"]
