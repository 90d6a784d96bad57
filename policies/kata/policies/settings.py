"""Bounds on settings, so that a wrong number is named before it costs memory or time."""

from __future__ import annotations

from kata.datasets.types import ConfigError

INFERENCES = ("torch", "onnx")
"""What can run a network: torch, or ONNX Runtime."""


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ConfigError unless low <= value <= high."""
    if not low <= value <= high:
        raise ConfigError(
            "setting out of range", where=name, expected=f"{low:g} to {high:g}", got=f"{value:g}"
        )
