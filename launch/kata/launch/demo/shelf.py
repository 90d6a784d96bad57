"""The demo's library: drafts get their boundaries and their evidence, and become candidates."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.launch.agents import Agent
from kata.launch.configuration import Config
from kata.launch.trials import Block

from .lessons import boundary_of

if TYPE_CHECKING:
    from kata.skills.library.library import Library

LIBRARY, PACKAGES = "library", "packages"
_POLICY = ("policy.json", "policy.safetensors")


def fill_library(
    config: Config,
    folder: Path,
    agents: Mapping[str, Agent],
    rollouts: Mapping[str, Mapping[str, list[Block]]],
    measured: Mapping[str, Block],
) -> Library:
    """A library in `library/` with every skill: policy, boundary and evidence.

    `rollouts`, by skill and kind of start, teach the boundaries; `measured` are the rates from
    nominal starts. Doing it again changes nothing.
    """
    from kata.skills.handover.storage import save_boundary
    from kata.skills.library.library import Library

    library = Library(folder / LIBRARY)
    for skill, agent in agents.items():
        boundary = boundary_of(config, skill, rollouts[skill])
        package = _package(folder, agent, partial(save_boundary, boundary))
        entry = library.add(package, "candidate", "trained and measured by kata demo")
        if not library.records(entry, "evidence"):
            evidence = {"seed": config.seed, "start": "nominal", **measured[skill]}
            library.record(entry, "evidence", evidence)
    return library


def _package(folder: Path, agent: Agent, boundary: Any) -> Path:
    from kata.skills.contract.package import write_package

    source = agent.folder
    assert source is not None

    def policy(target: Path) -> None:
        for name in _POLICY:
            shutil.copyfile(source / name, target / name)

    return write_package(folder / PACKAGES, agent.contract, policy, boundary)
