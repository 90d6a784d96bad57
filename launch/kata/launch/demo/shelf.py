"""The demo's library: drafts get their boundaries and their evidence, and may be promoted."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.launch import build
from kata.launch.agents import Agent
from kata.launch.configuration import Config
from kata.launch.descriptors import record_descriptor
from kata.launch.seeds import episode_seed
from kata.launch.trials import Block

from .lessons import boundary_of

if TYPE_CHECKING:
    from kata.skills.library.library import Entry, Library

LIBRARY, PACKAGES = "library", "packages"
_POLICY = ("policy.json", "policy.safetensors")


def fill_library(
    config: Config,
    folder: Path,
    agents: Mapping[str, Agent],
    rollouts: Mapping[str, Mapping[str, list[Block]]],
    measured: Mapping[str, Block],
) -> Library:
    """A library in `library/` with every skill: policy, boundary, evidence and descriptor.

    `rollouts`, by skill and kind of start, teach boundaries and descriptors; `measured` are
    the rates from nominal starts. Doing it again changes nothing.
    """
    from kata.skills.evidence.descriptor_storage import RECORD as DESCRIPTOR
    from kata.skills.handover.storage import save_boundary
    from kata.skills.library.library import Library

    library = Library(folder / LIBRARY)
    for skill, agent in agents.items():
        boundary = boundary_of(config, folder, skill, rollouts[skill])
        package = _package(folder, agent, partial(save_boundary, boundary))
        entry = library.add(package, "candidate", "trained and measured by kata demo")
        judge(config, library, entry, measured[skill], rollouts[skill].get("nominal", []))
        if not library.records(entry, DESCRIPTOR):
            episodes = [episode for each in rollouts[skill].values() for episode in each]
            record_descriptor(config, library, entry, episodes)
    return library


def judge(
    config: Config,
    library: Library,
    entry: Entry,
    measured: Block,
    episodes: Sequence[Block] = (),
) -> None:
    """Promote a version by the rule for a first one, from the rollouts that were made anyway.

    `episodes` are those that `measured` counts; by them its contract must not lie.

    Raises PackageError where the same rollouts have judged another version before.
    """
    from kata.skills.evidence.attempts import conclude, find_attempt, open_attempt
    from kata.skills.evidence.fidelity import fidelity_of
    from kata.skills.evidence.fidelity_findings import findings
    from kata.skills.evidence.fidelity_records import FIELD
    from kata.skills.evidence.interval import Interval
    from kata.skills.evidence.promotion import rule_on_contract, rule_on_first
    from kata.skills.evidence.software import software

    # Signed by whatever key: what was judged stays so, also where the folder was moved.
    judged = [record.data.get("promotion") for record in library.records(entry, "state")]
    if any(judged) or library.records(entry, "refusal"):
        return
    rate = Interval.of(measured["successes"], measured["trials"])
    seed = episode_seed(config.seed, f"demo {entry.name} nominal", 0)
    scene = build.scene(config, "nominal")
    begun = library.records(entry, "attempt")
    if begun:
        attempt = find_attempt(library, entry, begun[-1].digest)
    else:
        told = {"scene": scene, "reason": "", "software": software()}
        attempt = open_attempt(library, entry, rate.trials, lambda _: seed, told)
    counts = fidelity_of(episodes)
    contract = library.get(str(entry)).contract
    ruling = rule_on_contract(rule_on_first(rate, attempt.number), findings(contract, counts))
    evidence = {**build.provenance(config, "nominal"), **measured, FIELD: counts.to_data()}
    conclude(library, attempt, ruling, evidence)


def _package(folder: Path, agent: Agent, boundary: Any) -> Path:
    from kata.skills.library.trust import make_package

    source = agent.folder
    assert source is not None

    def policy(target: Path) -> None:
        for name in _POLICY:
            shutil.copyfile(source / name, target / name)

    return make_package(folder / PACKAGES, agent.contract, policy, boundary)
