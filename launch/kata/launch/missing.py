"""What `kata plan` says where a skill is missing, and the command that starts learning it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kata.datasets.types import ConfigError, KataError

from . import build
from .job import Job
from .searching import search_of

if TYPE_CHECKING:
    from kata.datasets.types import Condition, Facts
    from kata.skills.contract.contract import Contract
    from kata.skills.library.library import Library
    from kata.skills.library.search.searching import SkillSearch
    from kata.skills.planning.missing import MissingSkill

_EPISODES = 20
_MOST_NEW = 200
_PROPOSED = "proposed"
"""Folder of the proposed contract inside of a run's."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What is missing, and what to do about it."""

    missing: MissingSkill
    contract: Path
    command: tuple[str, ...]

    def to_data(self) -> dict[str, Any]:
        """The key `missing` of a result."""
        told = {"contract": str(self.contract), "command": shlex.join(self.command)}
        return {**self.missing.to_json(), **told}

    def lines(self) -> tuple[str, ...]:
        """For a person."""
        return (*self.missing.lines(), f"  proposed contract: {self.contract}")


def advice(
    job: Job, goal: Sequence[str], facts: Facts, contracts: Sequence[Contract]
) -> Advice | None:
    """What a goal lacks that no plan reaches; None if it is not a skill.

    The proposed contract is written into the run's folder.
    """
    from kata.datasets.types import Condition
    from kata.sim.robots import load
    from kata.skills.contract.files import contract_text
    from kata.skills.library.search.encoder import Encoder
    from kata.skills.planning.missing import DemonstrationIndex, missing_skill

    if not goal:
        return None
    config = job.config
    wanted = Condition.every(map(Condition.parse, goal))
    missing = missing_skill(
        wanted,
        facts,
        contracts,
        text=config.text,
        search=_search(build.library_of(config)),
        demonstrations=DemonstrationIndex.of(known_datasets(config.data)),
        encoder=Encoder(),
    )
    if missing is None:
        return None
    folder = job.folder / _PROPOSED
    folder.mkdir(exist_ok=True)
    path = folder / f"{missing.proposal.name}.yaml"
    path.write_text(contract_text(missing.proposal), encoding="utf-8")
    taught = missing.taught(load(config.robot).spec.fingerprint())
    if taught is not None:
        command = ["kata", "train", f"skill={path}", f"data={taught.root}"]
    elif expert := _expert(wanted, facts, contracts):
        command = ["kata", "record", f"skill={expert}", f"episodes={_EPISODES}"]
    else:
        command = ["kata", "data", "import", "from=FOLDER"]
    if config.robot != "panda" and command[1] in ("train", "record"):
        command.append(f"robot={config.robot}")
    return Advice(missing, path, tuple(command))


def _search(library: Library) -> SkillSearch | None:
    """A search of the library; None for a large one that was never searched.

    Its first index takes minutes, which nobody waits for who asked for a plan.
    """
    from kata.skills.library.search.storage import FILE

    entries = library.used()
    if len(entries) > _MOST_NEW and not (library.root / FILE).exists():
        return None
    return search_of(library, entries)


def known_datasets(given: str | None) -> list[Path]:
    """Where demonstrations are looked for: what was given, the user's data, and what was recorded.

    The user's data is `data/` in `KATA_HOME`; what was recorded is `runs/record/` here. Raises
    ConfigError for a folder that was given and is no dataset.
    """
    from kata.skills.library.places import home
    from kata.skills.planning.missing.demonstrations import is_dataset

    named = [Path(text.strip()).expanduser() for text in (given or "").split(",") if text.strip()]
    for folder in named:
        if not is_dataset(folder):
            raise ConfigError(
                "not a dataset",
                where=f"data={given}",
                expected="folders that hold meta/info.json, with commas between",
                got=str(folder),
            )
    places = [home() / "data", Path("runs") / "record"]
    found = [folder for place in places if place.is_dir() for folder in sorted(place.iterdir())]
    return [*named, *filter(is_dataset, found)]


def _expert(goal: Condition, facts: Facts, contracts: Sequence[Contract]) -> str:
    """The default skill that is not known and would do, which a scripted expert can show."""
    from kata.skills.planning.missing import missing_skill

    known = {contract.name for contract in contracts}
    for contract in build.contracts():
        if contract.name not in known:
            try:
                if missing_skill(goal, facts, [*contracts, contract]) is None:
                    return contract.name
            except KataError:
                continue
    return ""
