"""A skill: its contract, and the policy and boundary behind it, loaded when asked for.

Only `package.open_package` makes one, after the package was verified and admitted. What is loaded
later is copied to a place of its own first, and hashed on the way: a file that was changed in
between is found, and one that is changed meanwhile is not the one that is read.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kata.datasets.types import KataError, PackageError, Policy

from .contract import Contract
from .reading import copy_plain, read_plain, strict_json

ScriptedResolver = Callable[[str], Policy]
"""Gives the scripted expert of a name; whoever knows the simulator passes it in."""


@dataclass(frozen=True, slots=True)
class Skill:
    """One version of a skill on disk.

    Attributes:
        identity: hex digest over contract, policy and boundary.
        folder: its package.
        files: bytes and sha-256 of each file, as they were verified.
    """

    contract: Contract
    identity: str
    folder: Path
    files: Mapping[str, tuple[int, str]] = field(compare=False, repr=False)

    @property
    def scripted(self) -> str:
        """Name of the scripted expert that it runs; empty for a learned policy."""
        settings = read_settings(self.folder, self.files)
        if settings.get("kind") != "scripted":
            return ""
        name = settings.get("name")
        if not isinstance(name, str) or not name:
            raise PackageError(
                "a scripted policy without a name", where=str(self.folder), got=repr(name)[:80]
            )
        return name

    def load_policy(self, scripted: ScriptedResolver | None = None) -> Policy:
        """Its policy; a new one each time, so that two episodes never share state.

        Raises:
            PackageError: the policy cannot be read, or is scripted and there is no resolver.
        """
        if not self.scripted:
            from kata.policies import load_policy

            with self._copied(lambda name: not name.startswith("boundary.")) as folder:
                policy: Policy = load_policy(folder)
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
        """What `read` makes of the boundary's files in a folder; None if it has no boundary.

        Raises PackageError for files that are not as they were verified.
        """
        if "boundary.json" not in self.files:
            return None
        with self._copied(lambda name: name.startswith("boundary.")) as folder:
            return read(folder)

    @contextmanager
    def _copied(self, wanted: Callable[[str], bool]) -> Iterator[Path]:
        """A folder with the data files that are wanted, each as it was verified."""
        with tempfile.TemporaryDirectory(prefix="kata-skill-") as made:
            for name, known in self.files.items():
                if name.endswith((".json", ".safetensors")) and wanted(name):
                    copied = copy_plain(self.folder / name, Path(made) / name, known[0])
                    if copied != known:
                        raise _altered(self.folder / name)
            try:
                yield Path(made)
            except KataError as error:
                # Whoever reads it must be told of the package, not of a folder that is gone.
                error.where = error.where.replace(made, str(self.folder))
                raise


def read_settings(folder: Path, files: Mapping[str, tuple[int, str]]) -> dict[str, Any]:
    """What `policy.json` of a verified package says.

    Raises PackageError for one that is no JSON object, or not the one that was verified.
    """
    path = folder / "policy.json"
    content = read_plain(path, files[path.name][0])
    if hashlib.sha256(content).hexdigest() != files[path.name][1]:
        raise _altered(path)
    settings = strict_json(content, where=str(path))
    if not isinstance(settings, dict):
        raise PackageError("not a policy", where=str(path), expected="a JSON object")
    return settings


def _altered(path: Path) -> PackageError:
    return PackageError(
        "a file that was changed after it was verified",
        where=str(path),
        expected="no other process that writes to a package",
        hint="get or make the package again; it must not be used",
    )
