"""Learned skills for benches: trained as `kata demo` does, or those of a demo that is there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kata.datasets.types import ConfigError, ExecutionError

from ..agents import Agent, library_agents
from ..stepping import GRAPH, has_graph
from ..workspace import RESULT, RunFolder
from .registry import BenchContext

if TYPE_CHECKING:
    from kata.skills.library.library import Library

ONE_ARM = ("pick", "place", "place_in", "push", "open", "close", "press", "stack")
"""The default skills of a robot with one arm."""

_SIZES = (
    *("size.demonstrations=200", "size.steps=5000"),
    *("size.perturbed=300", "size.after=200"),
)
"""More than the demo's own, which has to be quick: start models are what decides a seam."""


@dataclass(frozen=True)
class Shelf:
    """The folder of a finished demo.

    Attributes:
        agents: by skill, with the boundaries that their rollouts taught.
    """

    folder: Path
    library: Library
    agents: dict[str, Agent]

    def demonstrations(self, skill: str) -> Path:
        """The dataset that a skill was trained on."""
        return self.folder / "demonstrations" / skill

    @property
    def graph(self) -> Path | None:
        """The folder of its transition graph; None for a demo that has left none."""
        folder = self.folder / GRAPH
        return folder if has_graph(folder) else None


def trained(context: BenchContext, names: Sequence[str] = ONE_ARM) -> Shelf:
    """These skills, from `context.shelf` if it is given, else trained into the bench's folder.

    Raises ConfigError for a shelf without them, ExecutionError where the demo fails.
    """
    folder = context.shelf or context.folder / "skills"
    if context.shelf is None:
        context.say(f"training {len(names)} skills")
        _demo(folder, names, context.seed, small=context.quick)
    result = RunFolder(folder).read_json(RESULT) if folder.is_dir() else None
    known = tuple((result or {}).get("skills", {}))
    lacking = [name for name in names if name not in known]
    if result is None or lacking:
        raise ConfigError(
            "no shelf of trained skills",
            where=f"shelf={folder}",
            expected=f"the out of kata demo with {', '.join(names)}",
            got=f"without {', '.join(lacking)}" if result else "no finished run",
            hint=f"kata demo 'size.skills=[{','.join(names)}]' out=FOLDER, or leave shelf out",
        )
    return _shelf(folder, names)


def _shelf(folder: Path, names: Sequence[str]) -> Shelf:
    from kata.skills.library.library import Library

    library = Library(folder / "library")
    contracts = [library.get(name).contract for name in names]
    agents = library_agents(library, contracts)
    return Shelf(folder, library, dict(zip(names, agents, strict=True)))


def _demo(folder: Path, names: Sequence[str], seed: int, *, small: bool) -> None:
    # As a user runs it, and in a process of its own, whose memory is given back.
    command = [sys.executable, "-m", "kata.launch.cli", "demo", f"out={folder}", f"seed={seed}"]
    command += [f"size={'small' if small else 'full'}", f"size.skills=[{','.join(names)}]"]
    command += ["size.chains=1", "sentence=open the drawer"]
    command += [] if small else list(_SIZES)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ExecutionError(
            "the skills could not be trained",
            where="kata demo",
            got=done.stderr.strip()[-400:],
            hint=f"see {folder / 'log.txt'}",
        )
