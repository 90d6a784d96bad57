"""A skill: its contract, and the policy and boundary behind it, loaded when asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kata.datasets.types import PackageError, Policy

from .contract import Contract

ScriptedResolver = Callable[[str], Policy]
"""Gives the scripted expert of a name; whoever knows the simulator passes it in."""


@dataclass(frozen=True, slots=True)
class Skill:
    """One version of a skill on disk.

    Attributes:
        identity: hex digest over contract, policy and boundary.
        folder: its package.
    """

    contract: Contract
    identity: str
    folder: Path

    @property
    def scripted(self) -> str:
        """Name of the scripted expert that it runs; empty for a learned policy."""
        settings = self._policy_settings()
        return str(settings["name"]) if settings.get("kind") == "scripted" else ""

    def load_policy(self, scripted: ScriptedResolver | None = None) -> Policy:
        """Its policy; a new one each time, so that two episodes never share state.

        Raises:
            PackageError: the policy cannot be read, or is scripted and there is no resolver.
        """
        if not self.scripted:
            from kata.policies import load_policy

            policy: Policy = load_policy(self.folder)
            return policy
        if scripted is None:
            raise PackageError(
                "a scripted policy without its expert",
                where=str(self.folder),
                expected="a resolver of scripted experts",
                hint="run it in a simulated world; its experts are part of kata.sim",
            )
        return scripted(self.scripted)

    def load_boundary[B](self, read: Callable[[Path], B]) -> B | None:
        """What `read` makes of the package's folder; None if it has no boundary."""
        return read(self.folder) if (self.folder / "boundary.json").is_file() else None

    def _policy_settings(self) -> dict[str, Any]:
        path = self.folder / "policy.json"
        try:
            settings = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise PackageError("cannot read the policy", where=str(path), got=str(error)) from None
        if not isinstance(settings, dict):
            raise PackageError("not a policy", where=str(path), expected="a JSON object")
        return settings
