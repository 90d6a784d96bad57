"""Who acts: the scripted expert, or the policy and boundary of a package, loaded for a world."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kata.datasets.types import ConfigError, PackageError, Policy, UnknownNameError, World
from kata.policies.settings import INFERENCES

from . import build
from .workspace import RESULT, RunFolder

if TYPE_CHECKING:
    from kata.skills.contract.contract import Contract
    from kata.skills.execution.messages import LoadedSkill
    from kata.skills.library.library import Library
    from kata.skills.library.trust import Trust


@dataclass(frozen=True, slots=True)
class Agent:
    """A skill to be loaded where it is used; without a folder, the scripted expert.

    Picklable, so that each worker process loads its own.

    Attributes:
        inference: what runs the networks of learned policies: torch or onnx.
        trust: whose packages are loaded; without one, those that the own key signed.
    """

    contract: Contract
    folder: Path | None = None
    inference: str = "torch"
    trust: Trust | None = None

    def __post_init__(self) -> None:
        if self.inference not in INFERENCES:
            raise UnknownNameError("inference", self.inference, INFERENCES, where="inference")

    @property
    def identity(self) -> str:
        """Identity of its package; empty for the scripted expert. Raises PackageError."""
        from kata.skills.contract.package import read_manifest

        return "" if self.folder is None else str(read_manifest(self.folder)["identity"])

    @property
    def digest(self) -> str:
        """Tells it from every other: its identity, or a hash of the scripted expert's contract."""
        from kata.datasets.files import json_bytes

        contract = self.contract.to_data()
        return self.identity or hashlib.sha256(json_bytes(contract)).hexdigest()

    def load(self, world: World) -> LoadedSkill:
        """The skill in memory.

        Raises PackageError for a package or a boundary of another robot or skill, or unsound,
        SignatureError for one that is not trusted.
        """
        from kata.skills.execution.messages import LoadedSkill
        from kata.skills.handover.boundary import Boundary, FactBoundary
        from kata.skills.handover.storage import load_boundary

        if self.folder is None:
            return LoadedSkill(self.contract, _expert(self.contract.name, world), FactBoundary())
        skill = (self.trust or own_trust()).open(self.folder)
        policy = skill.load_policy(lambda name: _expert(name, world))
        _check_robot(policy, world, self.folder)
        if self.inference != "torch" and not skill.scripted:
            from kata.policies.inference import set_inference

            set_inference(policy, self.inference)
        learned = skill.load_boundary(load_boundary)
        boundary: Boundary = FactBoundary()
        if learned is not None:
            where = str(self.folder)
            boundary = learned.on(skill.contract, world.robot, world.kinematics, where)
        return LoadedSkill(skill.contract, policy, boundary)


def own_trust() -> Trust:
    """What is trusted where nothing else is said: what the own key signed."""
    from kata.skills.library.signing import Keyring
    from kata.skills.library.trust import Trust

    return Trust.of(Keyring())


def _expert(name: str, world: World) -> Policy:
    from kata.sim.experts import make_expert

    return make_expert(name, world.robot, world.kinematics)


def _check_robot(policy: Policy, world: World, folder: Path) -> None:
    card = getattr(policy, "card", None)
    wanted = world.robot.fingerprint()
    if card is not None and card.robot not in ("", wanted):
        raise PackageError(
            "a skill of another robot",
            where=str(folder),
            expected=f"{world.robot.name} ({wanted})",
            got=card.robot,
            hint=f"train it on data of robot={world.robot.name}",
        )


def library_agents(
    library: Library, contracts: Sequence[Contract], inference: str = "torch"
) -> tuple[Agent, ...]:
    """Who acts for each of these contracts of a library."""
    trust = library.trust
    skills = (library.get(contract.key) for contract in contracts)
    return tuple(Agent(skill.contract, skill.folder, inference, trust) for skill in skills)


def find_agent(
    policy: str,
    skill: str,
    library: str | None,
    version: str | None = None,
    trust: Trust | None = None,
) -> Agent:
    """Who acts: `expert`, `library`, or a package, or the folder of a `kata train`.

    Of the library the `version` of the skill, by default its best one. Raises UnknownNameError, or
    ConfigError for a folder without a package of that skill, and a version that is of no library;
    SignatureError for a package that `trust` does not admit.
    """
    if version and policy != "library":
        raise ConfigError(
            "only skills of a library have versions to choose from",
            where=f"version={version}",
            expected="policy=library",
            got=f"policy={policy}",
            hint="leave version or policy out",
        )
    if policy == "expert":
        return Agent(build.contract(skill))
    if policy == "library":
        shelf = build.library(library, trust)
        found = shelf.get(f"{skill}@{version}" if version else skill)
        return Agent(found.contract, found.folder, trust=trust)
    package = package_in(Path(policy).expanduser())
    if package is None:
        raise ConfigError(
            "no skill there",
            where=f"policy={policy}",
            expected="expert, library, the out of kata train, or a package",
        )
    opened = (trust or own_trust()).open(package)
    if opened.contract.name != skill:
        raise ConfigError(
            "a package of another skill",
            where=str(package),
            expected=skill,
            got=opened.contract.name,
        )
    return Agent(opened.contract, package, trust=trust)


def package_in(folder: Path) -> Path | None:
    """The package that a folder is, or that a `kata train` left in it; None without one."""
    from kata.skills.contract.package import MANIFEST

    result = RunFolder(folder).read_json(RESULT) if folder.is_dir() else None
    package = folder / str(result["package"]) if result and "package" in result else folder
    return package if (package / MANIFEST).is_file() else None
